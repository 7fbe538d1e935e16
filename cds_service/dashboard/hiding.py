"""Hides small numbers, and with them as many others as it takes that they cannot be worked out.

Whoever reads knows this text too. So every hidden small number keeps several values that fit all that is shown: the
other numbers that are hidden beside it are so large that any of its values, from 1 to the limit, could be true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# bounded: hidden, but what is shown already says that it is no less than this. at least: a sum with hidden parts.
State = Literal["exact", "bounded", "at least", "fewer", "withheld"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as it may be shown. Where it is hidden, `number` is what the others tell: the true one is not kept."""

    number: int
    state: State = "exact"

    @property
    def is_exact(self) -> bool:
        return self.state == "exact"

    def text(self, smallest: int) -> str:
        """In words: "12", "12 or more", "fewer than 5", "not shown"."""
        if self.state == "fewer":
            return f"fewer than {smallest}"
        if self.state == "withheld":
            return "not shown"
        return str(self.number) if self.is_exact else f"{self.number} or more"


NONE = Cell(0)
FEWER = Cell(0, "fewer")
WITHHELD = Cell(0, "withheld")


def single(number: int, smallest: int) -> Cell:
    """A number that is a part of no sum."""
    return FEWER if 0 < number < smallest else Cell(number)


def split(total: int, parts: Mapping[str, int], smallest: int, given_up_first: Sequence[str]) -> dict[str, Cell]:
    """The parts of a total that is shown (or hidden as small). They must add up to it.

    Zeros are shown: they tell of nobody, and a rule that never speaks must be seen. What else is hidden beside a small
    number is taken in the order of `given_up_first`, which does not depend on the numbers.
    """
    if 0 < total < smallest:
        return dict.fromkeys(parts, FEWER)
    small = {name for name, number in parts.items() if 0 < number < smallest}
    if not small:
        return {name: Cell(number) for name, number in parts.items()}
    beside = _beside(parts, small, smallest, given_up_first)
    if not beside:  # nothing is large enough to stand beside it: then not even which part is small may be seen
        return dict.fromkeys(parts, WITHHELD)
    cells = {name: FEWER if name in small else Cell(number) for name, number in parts.items() if name not in beside}
    least = total - sum(cell.number for cell in cells.values()) - len(small) * (smallest - 1)
    return cells | dict.fromkeys(beside, Cell(least, "bounded") if len(beside) == 1 else WITHHELD)


def _beside(parts: Mapping[str, int], small: set[str], smallest: int, order: Sequence[str]) -> set[str]:
    """Which large parts to hide: together they must have room for every small part to be just below the limit."""
    room_needed = sum(smallest - 1 - parts[name] for name in small)
    chosen: set[str] = set()
    for name in order:
        if parts[name] >= smallest:
            chosen.add(name)
            room_needed -= parts[name] - smallest
            if room_needed <= 0:
                return chosen
    return set()


def added(cells: Iterable[Cell]) -> Cell:
    """The sum of what is shown. It is made of shown numbers only, so that it tells nothing new of those hidden."""
    known = list(cells)
    number = sum(one.number for one in known)
    hidden = [one for one in known if not one.is_exact]
    if not hidden:
        return Cell(number)
    if number:
        return Cell(number, "bounded" if all(one.state == "bounded" for one in hidden) else "at least")
    return hidden[0] if len(hidden) == 1 else WITHHELD

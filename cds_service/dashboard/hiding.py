"""Hides small numbers, and with them as many others as it takes that they cannot be worked out.

Whoever reads knows this text too. So every hidden small number keeps several values that fit all that is shown; the
tests lay together all rows that look alike, and find none that agree on a small number.
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
    beside = next((name for name in given_up_first if parts[name] >= smallest), "")
    hidden = sum(parts[name] for name in small) + parts.get(beside, 0)
    # So much must be hidden that every small number could be 1 or 2. That is asked of the sum of what is hidden, which
    # anybody can work out, and of nothing else: whatever else decided would tell something of its own.
    if not beside or hidden <= smallest + len(small):
        return dict.fromkeys(parts, WITHHELD)  # not even the zeros may be seen, nor which part is small
    least = max(smallest, hidden - len(small) * (smallest - 1))
    cells = {name: FEWER if name in small else Cell(number) for name, number in parts.items()}
    return cells | {beside: Cell(least, "bounded")}


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

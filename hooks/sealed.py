"""Values that nobody changes once they are made, without the cost of guarding them while the service runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def sealed(*, order: bool = False) -> Callable[[type[T]], type[T]]:
    """A dataclass whose attributes the type checker lets nobody set; equal by what it holds, ordered if asked for.

    Its hash is that of what it holds: one that holds a dict has none, and one whose attribute was set all the same
    would be lost in every set. Where it fills in an attribute of its own, it does so by `object.__setattr__`.
    It is not frozen at run time: a frozen one sets each attribute through a call, and takes four times as long to make.
    A chart of many years has a thousand of them.
    """
    return dataclass(slots=True, unsafe_hash=True, order=order)

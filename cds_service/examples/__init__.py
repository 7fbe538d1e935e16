"""Example calls, valid CDS Hooks requests as they stand, written as if the day were WRITTEN_ON.

Sent as they are, they would grow old: symptoms of three days ago become symptoms of last year. `read` therefore moves
every date in them by one and the same number of days, so that WRITTEN_ON falls on the day asked for.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from importlib import resources

NAMES = ("patient_view", "order_select", "order_sign")
WRITTEN_ON = date(2026, 11, 20)
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}(?=[T\"])")


def text(name: str) -> str:
    """The example as it lies in its file."""
    return (resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8")


def read(name: str, today: date) -> bytes:
    """The example with all its dates moved as if it had been written today."""
    return as_of(text(name), today).encode()


def as_of(written: str, today: date) -> str:
    """JSON text that was written as if the day were WRITTEN_ON, with all its dates moved to another day."""
    moved_by = today - WRITTEN_ON
    return DAY.sub(lambda match: _moved(match[0], moved_by), written)


def hook(name: str) -> str:
    """The hook that an example calls."""
    return str(json.loads(text(name))["hook"])


def _moved(day: str, by: timedelta) -> str:
    return (date.fromisoformat(day) + by).isoformat()

"""What one process may do at a time, of all that run tests on this machine: building and starting what they share."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Waits until no other process is inside a block of the same name."""
    with (Path(tempfile.gettempdir()) / f"spine-cds-test-{what}-{os.getuid()}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

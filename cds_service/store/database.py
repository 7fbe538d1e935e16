"""Opens the database that a URL names, brings its tables up to date, and hands out connections with bounded waits."""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cds_service.errors import StoreUnavailable
from cds_service.store import schema
from cds_service.tenants import SettingsError

DIALECTS = ("sqlite", "postgresql")
KEY = "SPINE_CDS_DATABASE"
WAIT_SECONDS = 2  # for a connection, or for another writer
STATEMENT_SECONDS = 3
APART = random.SystemRandom()  # processes that try again in step would meet again
MIGRATION_SECONDS = 60  # for another process's migration
MIGRATION_LOCK = 0x5350494E  # "SPIN": replicas that start together migrate one after the other
READS = "spine_cds_reads"
PROBE = "readiness"  # a row that is written to see whether one can
NEWER = "a newer version of this software"
log = logging.getLogger("cds_service.store")


@dataclass(frozen=True, slots=True)
class Store:
    """One database. Every error in it becomes StoreUnavailable, so that no caller sees SQL or its values."""

    engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database."""
        with guarded(self.engine), self.engine.connect() as plain:
            connection = plain.execution_options(**{READS: True})
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it is there when the block ends, or none of it."""
        with guarded(self.engine), self.engine.begin() as connection:
            yield connection

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that may say what to do when the row is there already: each database has words of its own."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def problem(self) -> str:
        """Why no call could be kept now; the empty string when one could. Tries a write: a full disk can be read."""
        try:
            with self.engine.begin() as connection:
                if _revision(connection) != schema.REVISION:
                    return "its tables are of another version of this software"
                probe = self.insert(schema.token)
                probe = probe.on_conflict_do_update(index_elements=["digest"], set_={"expires": 0})
                connection.execute(probe, {"digest": PROBE, "expires": 0})
        except SQLAlchemyError as error:
            return f"it cannot be written ({cause(error)})"
        return ""


def cause(error: Exception) -> str:
    """The database's own name for what went wrong, which holds no values: SQLITE_FULL, 57014, ConnectionTimeout."""
    inner = getattr(error, "orig", None) or error
    named = getattr(inner, "sqlite_errorname", None) or getattr(inner, "sqlstate", None)
    return str(named or type(inner).__name__)


@contextmanager
def guarded(engine: Engine) -> Iterator[None]:
    """Every error of the database becomes StoreUnavailable, and is logged without its values."""
    try:
        yield
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        log.error("the store failed: %s (%s)", type(error).__name__, cause(error))
        raise StoreUnavailable from error


def open_store(url: str) -> Store:
    """The store at an SQLAlchemy URL, its tables made or migrated. Raises SettingsError naming the setting."""
    store = Store(_engine(_address(url)))
    try:
        _migrate(store.engine)
    except SQLAlchemyError as error:
        store.engine.dispose()
        raise SettingsError(f"{KEY}: the database cannot be opened ({cause(error)})") from error
    except SettingsError:
        store.engine.dispose()
        raise
    return store


def open_to_read(url: str) -> Store:
    """The store that is there already, for reading only: nothing is made, migrated or written. Raises SettingsError."""
    store = Store(_reading_engine(_address(url)))
    try:
        _check_tables(store.engine)
    except SettingsError:
        store.engine.dispose()
        raise
    return store


def _check_tables(engine: Engine) -> None:
    try:
        with engine.connect() as connection:
            found = _revision(connection)
    except SQLAlchemyError as error:
        cause = type(getattr(error, "orig", None) or error).__name__
        raise SettingsError(f"{KEY}: the database cannot be read ({cause})") from error
    if found is None:
        raise SettingsError(f"{KEY}: the database holds no tables of this service")
    if found != schema.REVISION:
        age = "an older version of this software; starting the server migrates it" if found < schema.REVISION else NEWER
        raise SettingsError(f"{KEY}: the database was made by {age}")


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(f"{KEY}: is no database URL; sqlite:///FILE or postgresql://USER@HOST/NAME") from error
    dialect = address.get_backend_name()
    if dialect not in DIALECTS:
        raise SettingsError(f"{KEY}: must begin with sqlite:/// or postgresql://")
    if dialect == "sqlite" and address.database in (None, "", ":memory:"):
        raise SettingsError(f"{KEY}: names no file; a database in memory would be another one in each process")
    return address.set(drivername="postgresql+psycopg") if dialect == "postgresql" else address


def sqlite_file(url: str) -> str:
    """The file of an SQLite URL; empty for another database. Raises SettingsError."""
    address = _address(url)
    return (address.database or "") if address.get_backend_name() == "sqlite" else ""


def _reading_engine(address: URL) -> Engine:
    if address.get_backend_name() != "sqlite":
        engine = _engine(address)
        event.listen(engine, "connect", _only_read_postgresql)
        return engine
    file = Path(address.database or "").absolute()
    if not file.is_file():  # said plainly here; SQLite's own word is the same for whatever it cannot open
        raise SettingsError(f"{KEY}: there is no file {file}")
    read_only = address.set(database=file.as_uri()).update_query_dict({"mode": "ro", "uri": "true"})
    engine = create_engine(
        read_only,
        connect_args={"timeout": WAIT_SECONDS, "isolation_level": None},
        execution_options={READS: True},
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _only_read_postgresql(connection: Any, _record: object) -> None:
    connection.read_only = True


def _engine(address: URL) -> Engine:
    if address.get_backend_name() == "sqlite":
        engine = create_engine(
            address, connect_args={"timeout": WAIT_SECONDS}, hide_parameters=True, paramstyle="named"
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    waits = f"-c statement_timeout={STATEMENT_SECONDS * 1000} -c lock_timeout={WAIT_SECONDS * 1000}"
    try:
        return create_engine(
            address,
            connect_args={
                "connect_timeout": WAIT_SECONDS,
                "tcp_user_timeout": STATEMENT_SECONDS * 1000,
                "options": waits,
            },
            pool_pre_ping=True,  # a connection that the database closed meanwhile is replaced
            pool_timeout=WAIT_SECONDS,
            hide_parameters=True,
        )
    except ImportError as error:
        raise SettingsError(f"{KEY}: PostgreSQL needs the extra: pip install 'spine-cds[postgresql]'") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """A commit survives the end of our process (WAL); readers and the writer do not wait for each other."""
    connection.isolation_level = None  # we begin transactions ourselves, see below
    _write_ahead(connection)
    for setting in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {setting}")


def _write_ahead(connection: Any) -> None:
    """The file is put into WAL mode once. SQLite does not wait for others in doing so, whatever its timeout is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(APART.uniform(0.01, 0.05))


def _begin_sqlite(connection: Connection) -> None:
    """Writers queue at the start: two that first read and then write would fail instead of waiting."""
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(select(text("version_num")).select_from(text("alembic_version"))).scalar()
    return found


@contextmanager
def _waiting_long(engine: Engine) -> Iterator[None]:
    """Makes connections to SQLite that wait for another process's migration; later ones wait as calls do."""
    if engine.dialect.name != "sqlite":
        yield
        return
    engine.dispose()  # a connection of the pool would keep the short wait

    def wait(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout={MIGRATION_SECONDS * 1000}")

    event.listen(engine, "connect", wait)
    try:
        yield
    finally:
        event.remove(engine, "connect", wait)
        engine.dispose()


def _migrate(engine: Engine) -> None:
    """Whoever starts first migrates; the others wait, and find it done."""
    with engine.connect() as plain:
        if _revision(plain.execution_options(**{READS: True})) == schema.REVISION:
            return
    from alembic import command  # a third of a second, which a start with nothing to do can spare
    from alembic.config import Config
    from alembic.util import CommandError

    with _waiting_long(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_SECONDS}s'"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
        configuration = Config()
        configuration.set_main_option("script_location", str(resources.files("cds_service.store") / "migrations"))
        configuration.attributes["connection"] = connection
        try:
            command.upgrade(configuration, "head")
        except CommandError as error:
            raise SettingsError(f"{KEY}: the database was made by {NEWER}") from error

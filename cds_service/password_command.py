"""The command `cds-service password-hash`: a password in, what the tenant file may hold of it out."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from werkzeug.security import generate_password_hash

from cds_service.readers import LONGEST, SHORTEST
from cds_service.tenants import SettingsError


def add_to(commands: Any) -> None:
    """Adds the command to the parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "password-hash",
        help="the hash of a reader's password, for [[reader]] in the tenant file",
        description="Asks for the password twice; reads it once from standard input when that is no terminal.",
    )
    parser.set_defaults(run=run)


def run(_parsed: argparse.Namespace) -> None:
    """Prints the hash. Raises SettingsError for a password that cannot be used."""
    print(generate_password_hash(_checked(_asked() if sys.stdin.isatty() else _piped())))


def _asked() -> str:
    try:
        first, second = getpass.getpass("Password: "), getpass.getpass("The same again: ")
    except EOFError as error:
        raise SettingsError("no password was given") from error
    if first != second:
        raise SettingsError("the two passwords differ")
    return first


def _piped() -> str:
    """One line; its end is not part of it."""
    try:
        return sys.stdin.buffer.read(LONGEST + 3).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise SettingsError("the password is not UTF-8") from error


def _checked(password: str) -> str:
    if not password.isprintable():
        raise SettingsError("the password must be one line of printable characters")
    if len(password) < SHORTEST or len(password.encode()) > LONGEST:
        raise SettingsError(f"the password must have at least {SHORTEST} characters and at most {LONGEST} bytes")
    return password

"""The command `cds-service explain`: why a card was or was not shown, as text or JSON. Reads the database only."""

from __future__ import annotations

import argparse
import logging
import os
from typing import Any

from cds_service import config, explain_text, printout
from cds_service.config import PREFIX
from cds_service.explain import explain
from cds_service.store import database


def add_to(commands: Any) -> None:
    """Adds the command to the parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="why was a card shown, or not? every rule of one call, from the ledger",
        description="Reads the database of a server and changes nothing in it. Shows nothing that names a patient.",
    )
    parser.add_argument("id", metavar="UUID", help="of a card, or a call's hookInstance")
    parser.add_argument("--database", metavar="URL", help="the server's; SPINE_CDS_DATABASE")
    parser.add_argument("--tenant", metavar="FILE", help="whose calls; the sandbox's")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> None:
    """Prints one explanation. Raises SettingsError and what explain() raises."""
    logging.getLogger("cds_service").addHandler(logging.NullHandler())  # one line says what is wrong, not two
    given = {"DATABASE": parsed.database, "TENANT": parsed.tenant}
    options = {f"{PREFIX}{name}": value for name, value in given.items() if value is not None}
    settings = config.from_environment({**os.environ, **options})
    store = database.open_to_read(settings.database)
    try:
        explained = explain(store, settings.tenant.tenant.name, parsed.id)
    finally:
        store.engine.dispose()
    if parsed.format == "json":
        print(printout.json_text(explained))
    else:
        print(printout.safe(explain_text.as_text(explained)))

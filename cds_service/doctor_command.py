"""The command `cds-service doctor`: its options, and its exit code."""

from __future__ import annotations

import argparse
import os
from datetime import date
from pathlib import Path
from typing import Any

from cds_service import doctor, doctor_report, doctor_text, fhir_client, printout, site_codes
from cds_service.hook_request import FHIR_ID
from cds_service.tenants import SettingsError, load_tenant

TOKEN_VARIABLE = "FHIR_ACCESS_TOKEN"  # noqa: S105 - a name; not SPINE_CDS_*, which are the server's settings
MOST_PATIENTS = 100
MOST_SECONDS = 600.0


def add_to(commands: Any) -> None:
    """Adds the command to the parser's commands."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "doctor",
        help="does this FHIR server support what we ask, and do we understand its answers?",
        description=(
            "Reads only. Prints counts and codes, nothing of any patient. Exit code 0: fine; 1: works with gaps; "
            "2: cannot be used."
        ),
    )
    parser.add_argument("--fhir-server", metavar="URL", required=True, help="base address; trusted for this command")
    parser.add_argument(
        "--token", metavar="T", help=f"bearer token; better in {TOKEN_VARIABLE}, out of the list of processes"
    )
    parser.add_argument("--patient", metavar="ID", action="append", default=[], help="whom to read; may be repeated")
    parser.add_argument(
        "--patients", metavar="N", type=int, default=5, help="without --patient: how many of the server's; 5"
    )
    parser.add_argument("--tenant", metavar="FILE", type=Path, help="whose time budget and rules; the sandbox's")
    parser.add_argument(
        "--timeout", metavar="S", type=float, default=30.0, help="seconds for all searches of one patient; 30"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    """Examines, prints the report, returns the exit code."""
    if not 1 <= parsed.patients <= MOST_PATIENTS:
        raise SettingsError(f"--patients must be a whole number from 1 to {MOST_PATIENTS}")
    if not 0 < parsed.timeout <= MOST_SECONDS:
        raise SettingsError(f"--timeout must be more than 0 and at most {MOST_SECONDS:g} seconds")
    if not all(FHIR_ID.fullmatch(patient_id) for patient_id in parsed.patient):
        raise SettingsError("--patient must be the id of a FHIR resource")
    token = parsed.token or os.environ.get(TOKEN_VARIABLE) or None
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingsError("the token holds something that no HTTP header may hold")
    tenant = load_tenant(parsed.tenant)
    connections = fhir_client.connect()
    try:
        examined = doctor.examine(
            parsed.fhir_server,
            token,
            parsed.patient,
            parsed.patients,
            tenant,
            site_codes.read(tenant),
            parsed.timeout,
            date.today(),
            connections,
        )
    finally:
        connections.close()
    report = doctor_report.as_dict(examined)
    if parsed.format == "json":
        print(printout.json_text(report))
    else:
        print(printout.safe(doctor_text.as_text(report)))
    return int(report["exit_code"])

"""The command line: serve, evaluate, rules, doctor, explain, password-hash, example."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import requests

from cds_service import (
    catalogue,
    config,
    doctor_command,
    examples,
    explain_command,
    fhir_client,
    memory,
    password_command,
    printout,
    security,
    services,
    site_codes,
    site_texts,
)
from cds_service.answer import Answered, answer
from cds_service.config import PREFIX
from cds_service.errors import HookRequestError, ServiceError
from cds_service.hook_request import hook_of, parse
from cds_service.tenants import SettingsError, Tenant, load_tenant
from hooks import knowledge

FIRST_YEAR, LAST_YEAR = 1900, 2199  # of --as-of: rules reckon years back and forth from it
START_SECONDS = 60.0  # until a server that was just started must be ready


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or 2 with one line on standard error that says what is wrong.

    The doctor has exit codes of its own.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without these letters sees them spelt
    parsed = _parser().parse_args(arguments)
    try:
        code: int | None = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SettingsError, ServiceError, knowledge.KnowledgeError, OSError) as error:
        print(f"cds-service: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return code or 0


def _one_line(error: Exception) -> str:
    if isinstance(error, ServiceError) and error.expression:
        return f"{', '.join(error.expression)}: {error.diagnostics}"
    return " ".join(printout.safe(str(error)).split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cds-service", description="CDS Hooks for metastatic spine disease")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serving = commands.add_parser("serve", help="run the server")
    serving.add_argument("--host")
    serving.add_argument("--port")
    serving.add_argument("--tenant", metavar="FILE")
    serving.add_argument("--workers", metavar="N")
    serving.add_argument("--database", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/NAME")
    serving.add_argument("--example", action="store_true", help="post the bundled example once ready, print its cards")
    serving.set_defaults(run=_serve)

    evaluating = commands.add_parser("evaluate", help="answer one hook request from a file; asks no FHIR server")
    evaluating.add_argument("request", metavar="REQUEST.json", type=Path)
    evaluating.add_argument("--tenant", metavar="FILE", type=Path)
    evaluating.add_argument("--as-of", metavar="YYYY-MM-DD", help="day of evaluation; today")
    evaluating.add_argument("--format", choices=("text", "json"), default="text")
    evaluating.set_defaults(run=_evaluate)

    listing = commands.add_parser("rules", help="the rule catalogue, or one rule whole")
    listing.add_argument("name", nargs="?", metavar="NAME")
    listing.add_argument("--tenant", metavar="FILE", type=Path, help="whose modes and sign-offs; the sandbox's")
    listing.add_argument("--as-of", metavar="YYYY-MM-DD", help="day on which a sign-off must hold; today")
    listing.add_argument("--format", choices=("text", "json"), default="text")
    listing.set_defaults(run=_rules)

    doctor_command.add_to(commands)
    explain_command.add_to(commands)
    password_command.add_to(commands)

    posting = commands.add_parser("example", help="post the bundled patient-view example to a running server")
    posting.add_argument("base_url", metavar="URL")
    posting.set_defaults(run=_example)
    return parser


def _serve(parsed: argparse.Namespace) -> None:
    """What is given on the command line wins over the environment."""
    from cds_service.server import serve  # the server is not needed by the other commands

    given = ("host", "port", "tenant", "workers", "database")
    options = {name.upper(): getattr(parsed, name) for name in given}
    environment = {f"{PREFIX}{name}": value for name, value in options.items() if value is not None}
    settings = config.from_environment({**os.environ, **environment})
    local = site_codes.read(settings.tenant)
    site_codes.announce(settings.tenant, local)
    site_texts.check(settings.tenant)
    security.trust(settings.tenant)  # the key files are read here, so that a bad one stops start-up with one line
    _tell_what_is_not_live(settings.tenant)
    memory.remember(settings, local)  # migrates the database once, before the workers open it
    serve(settings, environment, example=parsed.example)


def _tell_what_is_not_live(tenant: Tenant) -> None:
    """A rule of emergencies or contraindications that shows nothing may be meant so, and must not be forgotten."""
    grave = [name for name, rule in knowledge.catalogue().items() if rule.longest_rest == 0]
    found = [f"{name} ({tenant.mode(name)})" for name in grave if tenant.mode(name) != "live"]
    if found:
        named = ", ".join(found)
        print(f"Emergencies and contraindications not shown here: {named}.", file=sys.stderr)
        print("Other rules leave these cases to them: such a patient may see no card.", file=sys.stderr, flush=True)


def _evaluate(parsed: argparse.Namespace) -> None:
    tenant = load_tenant(parsed.tenant)
    answered = evaluate(parsed.request.read_bytes(), tenant, _day(parsed.as_of))
    if parsed.format == "json":
        print(printout.json_text(_as_dict(answered)))
        return
    print(printout.cards_text(answered.cards))
    print(f"\nEvery rule\n\n{printout.decisions_text(answered.decisions, tenant)}")


def _day(text: str | None) -> date:
    try:
        day = date.today() if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError("--as-of must be a day, written as YYYY-MM-DD") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise SettingsError(f"--as-of must be a day of the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def evaluate(body: bytes, tenant: Tenant, as_of: date) -> Answered:
    """One hook request from its prefetch alone; the request's own hook chooses the service. Raises ServiceError."""
    named = hook_of(body)
    if named is not None and named not in services.BY_HOOK:
        raise HookRequestError("hook", f"No service answers this hook; there are {', '.join(services.BY_HOOK)}.")
    service = services.BY_HOOK.get(named or "")
    if service is None:  # an unusable body is refused by the first service, with the reason
        service = services.SERVICES[0]
    request = parse(body, service)
    local, search = site_codes.read(tenant), site_texts.read(tenant)
    asked = services.for_site(local, tenant.text.mentions)[service.id].prefetch
    answers = fhir_client.complete(request, asked)
    base = tenant.tenant.public_base_url or f"http://127.0.0.1:{config.DEFAULTS['PORT']}"
    return answer(service, request, answers, tenant, base, as_of, request.seed(), local, search)


def _as_dict(answered: Answered) -> dict[str, Any]:
    keys = ("rule", "outcome", "because", "missing", "why_not")
    rules = [one.as_dict() for one in answered.decisions]
    return {"cards": answered.cards, "rules": [{key: rule.get(key) for key in keys} for rule in rules]}


def _rules(parsed: argparse.Namespace) -> None:
    rules = knowledge.catalogue()
    if parsed.name is not None and parsed.name not in rules:
        raise SettingsError(f"there is no rule {parsed.name!r}; known are {', '.join(rules)}")
    tenant, as_of = load_tenant(parsed.tenant), _day(parsed.as_of)
    entries = {name: catalogue.as_dict(rule, tenant, as_of) for name, rule in rules.items()}
    if parsed.format == "json":
        said = {"rules": list(entries.values())} if parsed.name is None else entries[parsed.name]
        print(printout.json_text(said))
    elif parsed.name is None:
        print(printout.safe(catalogue.list_text(entries.values())))
    else:
        print(printout.safe(catalogue.rule_text(entries[parsed.name])))


def _example(parsed: argparse.Namespace) -> None:
    """Waits until the server is ready, posts the example with today's dates, prints the cards."""
    _wait_until_ready(parsed.base_url)
    body = examples.read("patient_view", date.today())
    service = services.BY_HOOK["patient-view"]
    response = requests.post(
        f"{parsed.base_url}/cds-services/{service.id}",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=START_SECONDS,
    )
    if response.status_code != 200:
        raise SettingsError(f"the example was answered with HTTP {response.status_code}")
    print(f"\nThe bundled example, posted to {parsed.base_url}/cds-services/{service.id}\n")
    print(printout.cards_text(response.json()["cards"]))
    print("\nStill serving; Ctrl-C ends it.", flush=True)


def _wait_until_ready(base_url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{base_url}/health/ready", timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise SettingsError(f"{base_url} was not ready within {START_SECONDS:g} seconds")


if __name__ == "__main__":
    sys.exit(main())

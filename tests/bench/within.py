"""Measures that need no server: more rules, callers' tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from cds_service import security
from cds_service.security import Trust
from cds_service.services import CdsService
from cds_service.store import database
from cds_service.store.tokens import SharedTokens
from cds_service.tenants import load_tenant
from tests import callers
from tests.bench import expected, measures
from tests.bench.bodies import PATIENT_VIEW, Call, body
from tests.bench.inside import Inside
from tests.bench.measures import Goal, Measure
from tests.bench.stages import once

MORE_RULES = 10
RULES = Goal(1.02)


def more_rules(inside: Inside, day: date, seconds: float) -> Iterator[Measure]:
    """Ten more rules, asked and silent for this patient: what a rule costs, and not what its card costs."""
    sent, row = body(Call(), day), inside.row(PATIENT_VIEW)
    longer = replace(row, rules=(*row.rules, *_silent(inside, row, sent, day)))
    expected.of(Call())(inside.post(PATIENT_VIEW, sent))
    plain: list[float] = []
    added: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(plain) < 10:
        for rules, took in ((row, plain), (longer, added))[:: 1 if len(plain) % 2 else -1]:
            with inside.with_service(rules):
                took.append(_took(lambda: inside.post(PATIENT_VIEW, sent)))
    times = {"with them ms": measures.milliseconds(added), "without ms": measures.milliseconds(plain)}
    name = f"patient-view M with {MORE_RULES} more rules / without"
    yield measures.of_pairs("Growth", name, added[3:], plain[3:], RULES, times=times)


def _silent(inside: Inside, row: CdsService, sent: bytes, day: date) -> list[object]:
    """Rules that are there already, asked a second time; one that speaks would add a card."""
    _, said = once(inside, PATIENT_VIEW, sent, day)
    silent = [rule for rule in row.rules if f'"{rule.KNOWLEDGE.rule}"'.encode() not in said]
    return list(islice(cycle(silent), MORE_RULES))


def _took(ask: Callable[[], object]) -> float:
    """Nanoseconds of the processor: differences of a hundredth would drown in what else the machine does."""
    began = time.thread_time_ns()
    ask()
    return float(time.thread_time_ns() - began)


KEYS = {"ES384": (callers.EC_KEY, callers.EC_KID), "RS384": (callers.RSA_KEY, "rsa"), "EdDSA": (callers.ED_KEY, "ed")}


def tokens(inside: Inside, folder: Path, day: date, count: int) -> Iterator[Measure]:
    """Trust.verify, which no other measure holds, beside one evaluation of M.

    Once with the memory of tokens that workers share in the store, once with one of this process alone.
    """
    site = load_tenant(callers.write_tenant(folder / "site", callers.TENANT + callers.issuer()))
    store = database.open_store(f"sqlite:///{folder / 'tokens.db'}")
    for where, memory in (("in the store", SharedTokens(store)), ("in memory", None)):
        trust = security.trust(site, memory)
        trust.start()
        for algorithm in KEYS:
            verified, evaluated = _verified(inside, trust, algorithm, body(Call(), day), count)
            times = {"verify ms": measures.milliseconds(verified), "evaluation ms": measures.milliseconds(evaluated)}
            name = f"{algorithm} verify / evaluation of M, seen tokens {where}"
            yield measures.of_pairs("Callers' tokens", name, verified, evaluated, times=times)


def _verified(inside: Inside, trust: Trust, algorithm: str, sent: bytes, count: int) -> tuple[list[float], list[float]]:
    """Nanoseconds of each verification, and of an evaluation after each."""
    key, kid = KEYS[algorithm]
    pairs = []
    for given in [f"Bearer {callers.token(key, algorithm, {'kid': kid})}" for _ in range(count)]:
        verifying = _took(partial(_verify, trust, given))
        pairs.append((verifying, _took(partial(inside.post, PATIENT_VIEW, sent))))
    return [one for one, _ in pairs], [other for _, other in pairs]


def _verify(trust: Trust, authorization: str) -> None:
    if trust.verify(authorization, callers.PUBLIC + callers.SERVICE, time.time()) != callers.ISS:
        raise RuntimeError("a good token was not accepted")

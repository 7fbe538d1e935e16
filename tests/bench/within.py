"""Measures that need no server: more rules, callers' tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
from hooks.facts import Facts
from hooks.knowledge import Knowledge
from hooks.outcomes import Outcome
from hooks.run import Rule
from tests import callers
from tests.bench import expected, measures
from tests.bench.bodies import PATIENT_VIEW, Call, body
from tests.bench.inside import Inside
from tests.bench.measures import Goal, Measure
from tests.bench.stages import once

MORE_RULES = 10
RULES = Goal(1.02)


def more_rules(inside: Inside, day: date, seconds: float) -> Iterator[Measure]:
    """The rules that are silent of this patient against the service without them, told for ten of them.

    And, without a goal, ten of them asked once more as if no other rule had put their questions before.
    """
    sent, row = body(Call(), day), inside.row(PATIENT_VIEW)
    expected.of(Call())(inside.post(PATIENT_VIEW, sent))
    silent = _silent(inside, row, sent, day)
    fewer = replace(row, rules=tuple(rule for rule in row.rules if rule not in silent))
    longer = replace(row, rules=(*row.rules, *map(_Alone, islice(cycle(silent), MORE_RULES))))
    name = f"patient-view M with {MORE_RULES} more rules / without"
    yield _compared(inside, sent, (row, fewer), seconds / 2, name, len(silent), RULES)
    yield _compared(inside, sent, (longer, row), seconds / 2, f"{name}, nothing shared", MORE_RULES, None)


def _compared(
    inside: Inside,
    sent: bytes,
    rows: tuple[CdsService, CdsService],
    seconds: float,
    name: str,
    of: int,
    goal: Goal | None,
) -> Measure:
    """The first row against the second, which has `of` rules fewer."""
    took: tuple[list[float], list[float]] = ([], [])
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(took[0]) < 10:
        for place in (0, 1) if len(took[0]) % 2 else (1, 0):
            with inside.with_service(rows[place]):
                took[place].append(_took(lambda: inside.post(PATIENT_VIEW, sent)))
    more, less = (each[3:] for each in took)
    for_ten = [other + (one - other) * MORE_RULES / of for one, other in zip(more, less, strict=True)]
    times = {"with them ms": measures.milliseconds(more), "without ms": measures.milliseconds(less)}
    note = f"{of} rules, told for {MORE_RULES}"
    return measures.of_pairs("Growth", name, for_ten, less, goal, times=times, note=note)


def _silent(inside: Inside, row: CdsService, sent: bytes, day: date) -> list[Rule]:
    """Those of which no card tells: what a rule costs is asked, and not what its card costs."""
    _, said = once(inside, PATIENT_VIEW, sent, day)
    return [rule for rule in row.rules if f'"{rule.KNOWLEDGE.rule}"'.encode() not in said]


@dataclass(frozen=True)
class _Alone:
    """A rule that finds no question answered already."""

    rule: Rule

    @property
    def KNOWLEDGE(self) -> Knowledge:  # noqa: N802 - a module's constant
        return self.rule.KNOWLEDGE

    def decide(self, facts: Facts) -> Outcome:
        """What is known is set aside while it is asked."""
        known = dict(facts._found)
        facts._found.clear()
        try:
            return self.rule.decide(facts)
        finally:
            facts._found.update(known)


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

"""What the ledger keeps of one answered call: each rule's outcome with the facts behind it, as ids, versions, dates."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from cds_service import __version__
from cds_service.answer import Answered
from cds_service.hook_request import FHIR_ID, HookRequest
from cds_service.store.calls import Call, Speech
from fhir_mappings import codes
from fhir_mappings.local_codes import LocalCodes
from hooks import refire
from hooks.cards import RULES_EXTENSION
from hooks.facts import Fact
from hooks.knowledge import Knowledge
from hooks.outcomes import CannotTell, Decision, Failed, Outcome, Recommend
from hooks.refire import State
from hooks.sealed import sealed

SHOWN, ASKED, CUT, FAILED, SILENCED, SHADOW = "shown", "asked", "cut", "failed", "silenced", "shadow"
CLOSING = "closing"  # of a closing card on which no rule stands: a row without a rule, so that feedback finds the card
# What became of a rule that had something to say. "asked" stands on the closing card, "cut" is only named there.
FATES: Mapping[str, str] = {
    SHOWN: "shown on a card",
    ASKED: "asked for data on the closing card",
    CUT: "not shown for lack of room, or until after the emergency; named on the closing card",
    FAILED: "failed on our side; named on the closing card",
    SILENCED: "not shown: a user overrode it, and the facts are the same",
    SHADOW: "not shown: in shadow mode at this site",
}


@sealed()
class Entry:
    """A call and what its rules said, ready to be written."""

    call: Call
    speeches: tuple[Speech, ...]


def entry(
    answered: Answered,
    request: HookRequest,
    tenant: str,
    caller: str,
    patient: str,
    versions: str,
    service: str,
    at: int,
    milliseconds: float,
) -> Entry:
    """`patient` is the keyed hash, `versions` the digest of the knowledge, `at` in milliseconds since 1970."""
    fates = _fates(answered)
    call = Call(
        id=str(uuid.uuid4()),
        tenant=tenant,
        caller=caller,
        service=service,
        hook_instance=request.hook_instance,
        patient=patient,
        answered_at=at,
        as_of=answered.facts.as_of.isoformat(),
        milliseconds=round(milliseconds, 1),
        knowledge=versions,
        document=msgspec.json.encode(_document(answered)).decode(),
    )
    spoken = [_speech(one, answered, *fates[one.rule]) for one in answered.decisions if one.rule in fates]
    return Entry(call, (*spoken, *_without_rules(answered)))


def _without_rules(answered: Answered) -> Iterator[Speech]:
    """The closing card, where it only names data that did not arrive or text to code."""
    for card in answered.cards:
        if not _rules_on(card):
            yield Speech("", "", "", CLOSING, str(card["uuid"]), "")


def _fates(answered: Answered) -> dict[str, tuple[str, str]]:
    """By rule: its fate, and the uuid of the card that it stands on."""
    outcomes = {one.rule: one.outcome for one in answered.decisions}
    fates = {rule: (SHADOW, "") for rule in answered.shadow if _spoke(outcomes[rule])}
    fates |= dict.fromkeys(answered.silenced, (SILENCED, ""))
    for card in answered.cards:
        for said in _rules_on(card):
            fate = CUT if said.get("cut") else _fate(outcomes[said["rule"]])
            fates[said["rule"]] = (fate, str(card["uuid"]))
    return fates


def _rules_on(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules that a card names in its extension."""
    named: list[dict[str, Any]] = card.get("extension", {}).get(RULES_EXTENSION, [])
    return named


def _fate(outcome: Outcome) -> str:
    if isinstance(outcome, Recommend):
        return SHOWN
    return FAILED if isinstance(outcome, Failed) else ASKED


def _spoke(outcome: Outcome) -> bool:
    return isinstance(outcome, Recommend) or (isinstance(outcome, CannotTell) and outcome.ask)


def _speech(decision: Decision, answered: Answered, fate: str, card: str) -> Speech:
    outcome, state = decision.outcome, answered.states.get(decision.rule)
    indicator = outcome.says.indicator if isinstance(outcome, Recommend) else ""
    return Speech(decision.rule, decision.version, indicator, fate, card, *_keyed(state))


def _keyed(state: State | None) -> tuple[str, int]:
    return (state.fingerprint, state.longest) if state else ("", 0)


def _document(answered: Answered) -> dict[str, object]:
    facts = answered.facts
    behind = {id(fact): fact for one in answered.decisions for fact in one.because}  # several rules may rest on one
    used = {known: _used(fact, answered.versions) for known, fact in behind.items()}
    kept: dict[str, object] = {
        "rules": [one.said([used[id(fact)] for fact in one.because]) for one in answered.decisions],
        "unavailable": dict(answered.unavailable),
        "incomplete": {kind: facts.why_incomplete.get(kind, "") for kind in facts.incomplete},
        "unreadable": len(facts.unreadable),
        "silenced": {
            rule: {"reason": one.reason, "until": moment(one.until), "feedback": one.feedback}
            for rule, one in answered.silenced.items()
        },
    }
    return {key: value for key, value in kept.items() if value}


def _used(fact: Fact, versions: Mapping[str, str]) -> dict[str, str]:
    """A fact as the id, version and date of its resource: no value, no text.

    A version is the EHR's to choose, and is left out where it is no FHIR id: it could be any text.
    """
    used, version = {"reference": fact.source}, versions.get(fact.source)
    if version and FHIR_ID.fullmatch(version):
        used["version"] = version
    if fact.when:
        used["date"] = fact.when.text
    return used


def knowledge_document(rules: Iterable[Knowledge], local: LocalCodes) -> tuple[str, str]:
    """(digest, JSON text) of the versions that answers rest on: software, rules, value sets, the site's own codes."""
    document = {
        "software": __version__,
        "rules": {one.rule: one.version for one in rules},
        "refire": refire.rests().version,
        "valueSets": {name: str(one["version"]) for name, one in codes.value_sets().items()},
        "codes": digest(msgspec.json.encode(dict(codes.value_sets()))),
        "localCodes": digest(repr(local).encode()),
    }
    text = msgspec.json.encode(document, order="deterministic")
    return digest(text), text.decode()


def digest(content: bytes) -> str:
    """32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def moment(milliseconds: int) -> str:
    """A time of the store, as an instant in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")

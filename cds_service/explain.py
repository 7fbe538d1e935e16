"""Why a card was or was not shown: what the ledger holds of one call, as plain data for text, page and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cds_service import ledger, services
from cds_service.catalogue import without_empty
from cds_service.errors import HookRequestError, NotInLedger
from cds_service.store import calls, finding
from cds_service.store.calls import Speech
from cds_service.store.database import Store
from cds_service.store.finding import Feedback, Found
from hooks import knowledge, refire
from hooks.outcomes import INDICATORS
from hooks.override_reasons import OVERRIDE_SYSTEM, OVERRIDE_WORDS

Entry = dict[str, Any]
LONGEST = 255  # characters of an id; a uuid has 36
URN = "urn:uuid:"
PATIENT_DIGITS = 8  # of the keyed hash: enough to see that two calls are about one patient
NOTHING = "nothing"  # the fate of a rule that stands on no card and was kept off none
# Why a rule stands on no card, by its outcome, where the ledger has no fate of it.
SILENT = {
    "not_applicable": "nothing to say",
    "cannot_tell": "nothing shown: it asks for nothing here, or another card asks for the same",
    "failed": "failed on our side, not assessed",
}
FAILED = "failed on our side; named as not assessed on the closing card"


def explain(store: Store, tenant: str, asked: str) -> Entry:
    """One call and every rule in it, those on the card that was asked about first.

    `asked` is the uuid of a card or a hookInstance. Raises HookRequestError when it cannot be either, NotInLedger,
    StoreUnavailable.
    """
    names = _spellings(asked)
    with store.reading() as connection:
        found = finding.by_card(connection, tenant, names) or finding.by_hook_instance(connection, tenant, names)
        if found is None:
            raise NotInLedger
        speeches = calls.speeches(connection, found.newest.id)
        versions = msgspec.json.decode(calls.knowledge_of(connection, found.newest.knowledge))
        document = msgspec.json.decode(found.newest.document)
        cards = [found.card] if found.card else sorted({one.card for one in speeches if one.card})
        feedback = finding.feedback_on(connection, tenant, cards)
        silenced = document.get("silenced", {})
        behind = finding.feedback_named(connection, tenant, [one["feedback"] for one in silenced.values()])
    numbers = _card_numbers([one["rule"] for one in document.get("rules", ())], speeches)
    return {
        "asked": {"as": "card", "card": found.card} if found.card else {"as": "call"},
        "call": _call(found, versions),
        "given": {"calls": found.calls, "times": [ledger.moment(one) for one in found.times]},
        "rules": _rules(found, document, speeches, numbers, _overrides(silenced, behind, versions)),
        "not_asked": _not_asked(found.newest.service, document, versions),
        "data": {
            "unavailable": document.get("unavailable", {}),
            "incomplete": document.get("incomplete", {}),
            "unreadable": document.get("unreadable", 0),
        },
        "feedback": [_feedback(one, numbers) for one in feedback],
    }


def _spellings(asked: str) -> list[str]:
    """The ways in which one uuid may have been written; anything printable without spaces may be an id."""
    plain = asked.strip()
    if not 0 < len(plain) <= LONGEST or not plain.isprintable() or " " in plain:
        raise HookRequestError("id", f"The uuid of a card, or a hookInstance: 1 to {LONGEST} characters, no spaces.")
    bare = plain.lower().removeprefix(URN)
    return list(dict.fromkeys((plain, bare, bare.upper(), URN + bare)))


def _call(found: Found, versions: Mapping[str, Any]) -> Entry:
    call = found.newest
    return without_empty(
        {
            "answered": ledger.moment(call.answered_at),
            "milliseconds": call.milliseconds,
            "service": call.service,
            "tenant": call.tenant,
            "caller": call.caller,
            "hook_instance": call.hook_instance,
            "patient": call.patient[:PATIENT_DIGITS],
            "as_of": call.as_of,
            "knowledge": {"digest": call.knowledge, **versions},
        }
    )


def _card_numbers(rules: Sequence[str], speeches: Sequence[Speech]) -> dict[str, int]:
    """By uuid: the place of each card in the answer. hooks/cards.py sorts by urgency, then by precedence of the rules.

    The closing card, on which nothing is shown, comes last.
    """
    shown = [one for one in speeches if one.fate == ledger.SHOWN]
    urgency: dict[str, int] = {}
    for one in sorted(shown, key=lambda one: rules.index(one.rule)):
        urgency[one.card] = max(urgency.get(one.card, 0), INDICATORS.index(one.indicator))
    order = sorted(urgency, key=lambda card: -urgency[card])
    closing = {one.card for one in speeches if one.card} - set(order)
    return {card: number for number, card in enumerate([*order, *sorted(closing)], 1)}


def _rules(
    found: Found,
    document: Mapping[str, Any],
    speeches: Sequence[Speech],
    numbers: Mapping[str, int],
    overrides: Mapping[str, Entry],
) -> list[Entry]:
    """Every rule in order of precedence; first those on the card that was asked about."""
    said = {one.rule: one for one in speeches}
    rules = [
        _rule(one, said.get(one["rule"]), numbers, overrides.get(one["rule"], {})) for one in document.get("rules", ())
    ]
    asked_first = [{**one, "on_asked_card": bool(found.card) and one.get("card") == found.card} for one in rules]
    return sorted(asked_first, key=lambda one: not one["on_asked_card"])


def _rule(kept: Entry, said: Speech | None, numbers: Mapping[str, int], override: Entry) -> Entry:
    known = knowledge.catalogue().get(kept["rule"])
    card, used = said.card if said else "", kept.get("because", [])
    return without_empty(
        {
            "rule": kept["rule"],
            "title": known.title if known else "",
            "version": kept.get("version"),
            "version_now": known.version if known and known.version != kept.get("version") else "",
            "outcome": kept["outcome"],
            "indicator": kept.get("indicator"),
            "fate": said.fate if said else NOTHING,
            "what_became_of_it": _fate(kept["outcome"], said, numbers),
            "card": card,
            "card_number": numbers.get(card),
            "override": override,
            "used": [one for place, one in enumerate(used) if one not in used[:place]],
            "missing": kept.get("missing", []),
            "why_not": kept.get("why_not"),
        }
    )


def _not_asked(service: str, document: Mapping[str, Any], versions: Mapping[str, Any]) -> list[str]:
    """Rules of this service that were known then, and have no outcome: the site had switched them off."""
    asked = {one["rule"] for one in document.get("rules", ())}
    ours = [rule.KNOWLEDGE.rule for one in services.SERVICES if one.id == service for rule in one.rules]
    return [rule for rule in ours if rule in versions.get("rules", {}) and rule not in asked]


def _fate(outcome: str, said: Speech | None, numbers: Mapping[str, int]) -> str:
    if said is None:
        return SILENT.get(outcome, "not shown")
    if said.fate == ledger.SHOWN:
        return f"shown on card {numbers[said.card]}"
    words = FAILED if outcome == "failed" else ledger.FATES.get(said.fate, said.fate)
    return f"{words} (card {numbers[said.card]})" if said.card else words


def _overrides(
    silenced: Mapping[str, Mapping[str, str]], behind: Sequence[Feedback], versions: Mapping[str, Any]
) -> dict[str, Entry]:
    """By rule: who is kept away until when, for what reason, and on what ground a reason like that may do so."""
    at = {one.id: ledger.moment(one.outcome_at) for one in behind}
    card = {one.id: one.card for one in behind}
    known = refire.rests()
    changed = known.version if known.version != versions.get("refire") else ""
    return {
        rule: without_empty(
            {
                "until": one["until"],
                "overridden": at.get(one["feedback"], ""),
                "overridden_card": card.get(one["feedback"], ""),
                "reason": one["reason"],
                "reason_display": reason_words("", one["reason"]),
                "days": known.rest(one["reason"]).days,
                "ground": known.rest(one["reason"]).ground,
                "ground_of_version": changed,
            }
        )
        for rule, one in silenced.items()
    }


def reason_words(system: str, code: str) -> str:
    """The display of a reason; a code that is not of our list stands for itself."""
    if code in ("", refire.NO_REASON):
        return "no reason given"
    return OVERRIDE_WORDS.get(code, code) if system in ("", OVERRIDE_SYSTEM) else code


def _feedback(one: Feedback, numbers: Mapping[str, int]) -> Entry:
    overridden = one.outcome == "overridden"
    return without_empty(
        {
            "card": one.card,
            "card_number": numbers.get(one.card),
            "outcome": one.outcome,
            "when": ledger.moment(one.outcome_at),
            "reason": one.reason_code,
            "reason_display": reason_words(one.reason_system, one.reason_code) if overridden else "",
            "accepted_suggestions": len(msgspec.json.decode(one.accepted)),
            "commented": bool(one.commented),
        }
    )

"""Decisions become CDS Hooks cards: merged, capped, in order of precedence, with one closing card for what is not known."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hooks import closing_card, knowledge
from hooks.card_text import describe, section, shorten
from hooks.facts import Facts
from hooks.knowledge import Knowledge
from hooks.outcomes import INDICATORS, Decision, ProposedOrder, Recommend, Suggestion, references

TOPIC_SYSTEM = "urn:spine-cds:card-topic"
OVERRIDE_SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
RULES_EXTENSION = "org.spine-cds.rules"
OVERRIDE_WORDS = {  # display texts of the HL7 code system (THO)
    "patient-refuses": "Patient refuses",
    "patient-contraindication": "Patient contraindication",
    "action-completed": "Action completed",
    "cds-not-applicable": "CDS not applicable",
    "service-not-available": "Service not available",
    "does-not-align-latest-evidence": "Does not align with latest evidence",
}

ToFhir = Callable[[ProposedOrder], dict[str, object] | None]
Card = dict[str, object]


@dataclass(frozen=True, slots=True)
class Client:
    """What the calling EHR can do with a card, and where our rule pages stand (`{rule}` is filled in)."""

    max_cards: int = 5
    one_action_per_suggestion: bool = False
    selection_behavior: str = "any"
    rule_url: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A rule that recommends, with its knowledge."""

    knowledge: Knowledge
    version: str
    outcome: Recommend


def build(decisions: Iterable[Decision], facts: Facts, to_fhir: ToFhir, client: Client, seed: bytes) -> list[Card]:
    """All cards of one answer. The same decisions and seed give the same bytes; the empty list means nothing to say."""
    decisions = tuple(decisions)
    groups = _groups(
        Spoken(knowledge.load(d.rule), d.version, d.outcome)
        for d in decisions if isinstance(d.outcome, Recommend)
    )
    room = client.max_cards
    closing = closing_card.build(decisions, facts, cut=())
    if len(groups) + (closing is not None) > room:
        shown, cut = groups[: max(room - 1, 1)], groups[max(room - 1, 1):]
        closing = closing_card.build(decisions, facts, cut=tuple(s for group in cut for s in group))
    else:
        shown = groups
    cards = [_card(group, facts, to_fhir, client) for group in shown]
    cards += [closing] if closing else []
    for number, card in enumerate(cards):
        _identify(card, seed, number)
    return cards


def _groups(spoken: Iterable[Spoken]) -> list[list[Spoken]]:
    """Rules that share a card: all critical ones, and those whose knowledge names the same group."""
    groups: dict[str, list[Spoken]] = {}
    for one in spoken:
        critical = one.outcome.says.indicator == "critical"
        key = "critical" if critical else one.knowledge.group or one.knowledge.rule
        groups.setdefault(key, []).append(one)
    for group in groups.values():
        group.sort(key=lambda one: -INDICATORS.index(one.outcome.says.indicator))  # stable: precedence within
    # The emergency leads, then the order of precedence in which the rules were asked.
    return sorted(groups.values(), key=lambda group: group[0].outcome.says.indicator != "critical")


def _card(group: list[Spoken], facts: Facts, to_fhir: ToFhir, client: Client) -> Card:
    lead = group[0]
    card: Card = {
        "summary": shorten(lead.outcome.says.summary),
        "indicator": lead.outcome.says.indicator,
        "detail": _detail(group, facts),
        "source": source(lead.knowledge),
        "extension": {RULES_EXTENSION: [_rule_entry(one) for one in group]},
        "overrideReasons": _override_reasons(group),
    }
    suggestions = _suggestions(group, to_fhir, client)
    if suggestions:
        card["suggestions"] = suggestions
        card["selectionBehavior"] = client.selection_behavior
    if client.rule_url:
        card["links"] = [
            {"label": f"Why: {one.knowledge.title}", "url": client.rule_url.format(rule=one.knowledge.rule),
             "type": "absolute"}
            for one in group
        ]
    return card


def source(rule: Knowledge) -> dict[str, object]:
    """The guideline that carries the rule, and the topic under which an EHR remembers an override."""
    words = rule.rule.split("_")
    topic = words[0] + "".join(word.capitalize() for word in words[1:])
    return {
        "label": rule.guideline.cite,
        "url": rule.guideline.url,
        "topic": {"system": TOPIC_SYSTEM, "code": topic, "display": rule.title},
    }


def _rule_entry(one: Spoken) -> dict[str, object]:
    entry: dict[str, object] = {"rule": one.knowledge.rule, "version": one.version}
    because = references(one.outcome.because)
    return {**entry, "because": because} if because else entry


def _detail(group: list[Spoken], facts: Facts) -> str:
    outcomes = [one.outcome for one in group]
    also = [] if len(group) == 1 else [f"{one.outcome.says.summary}" for one in group[1:]]
    parts = [
        section("Also", also),
        section("Found", (describe(fact) for outcome in outcomes for fact in outcome.because)),
        section("Do", (line for outcome in outcomes for line in outcome.says.do)),
        section("Not known", [line for outcome in outcomes for line in outcome.missing]
                + closing_card.undelivered(facts)),
        section("Why", (line for outcome in outcomes for line in outcome.says.why)),
        section("Why not otherwise", (line for outcome in outcomes for line in outcome.says.why_not)),
    ]
    return "\n\n".join(part for part in parts if part)


def _override_reasons(group: list[Spoken]) -> list[dict[str, str]]:
    codes = dict.fromkeys(code for one in group for code in one.knowledge.override_reasons)
    return [{"code": code, "system": OVERRIDE_SYSTEM, "display": OVERRIDE_WORDS[code]} for code in codes]


def _suggestions(group: list[Spoken], to_fhir: ToFhir, client: Client) -> list[dict[str, object]]:
    """Each distinct suggestion once. An order that could not be made valid is left out; the text still says what to do."""
    distinct: dict[str, Suggestion] = {}
    for one in group:
        for suggestion in one.outcome.suggestions:
            distinct.setdefault(suggestion.label, suggestion)
    built: list[dict[str, object]] = []
    for suggestion in distinct.values():
        actions = _actions(suggestion, to_fhir)
        if not actions:
            continue
        if client.one_action_per_suggestion and len(actions) > 1:
            built += [_suggestion(str(action["description"]), [action], suggestion.recommended) for action in actions]
        else:
            built.append(_suggestion(suggestion.label, actions, suggestion.recommended))
    return built


def _suggestion(label: str, actions: list[dict[str, object]], recommended: bool) -> dict[str, object]:
    suggestion: dict[str, object] = {"label": label, "actions": actions}
    return {**suggestion, "isRecommended": True} if recommended else suggestion


def _actions(suggestion: Suggestion, to_fhir: ToFhir) -> list[dict[str, object]]:
    deletes = [
        {"type": "delete", "description": f"Remove the draft order {reference}", "resourceId": reference}
        for reference in suggestion.delete
    ]
    creates = []
    for order in suggestion.create:
        resource = to_fhir(order)
        if resource is None:
            return []
        creates.append({"type": "create", "description": order.text, "resource": resource})
    return [*deletes, *creates]


def _identify(card: Card, seed: bytes, number: int) -> None:
    """UUIDs that depend on the request alone, so that a repeated call gives the same bytes."""
    space = uuid.uuid5(uuid.NAMESPACE_OID, f"spine-cds:{seed.hex()}")
    card["uuid"] = str(uuid.uuid5(space, f"card {number}"))
    for index, suggestion in enumerate(card.get("suggestions", ())):  # type: ignore[arg-type]
        suggestion["uuid"] = str(uuid.uuid5(space, f"card {number} suggestion {index}"))

"""Decisions become CDS Hooks cards: merged, capped, in order of precedence, and one closing card at the end."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from hooks import closing_card, knowledge, mentions
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

ToFhir = Callable[[ProposedOrder], dict[str, Any] | None]
Card = dict[str, Any]


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
        Spoken(knowledge.load(d.rule), d.version, d.outcome) for d in decisions if isinstance(d.outcome, Recommend)
    )
    room = client.max_cards
    closing, mentioned = closing_card.build(decisions, facts, groups), mentions.lines(facts)
    if len(groups) + (closing is not None) > room:
        shown, cut = groups[: max(room - 1, 1)], groups[max(room - 1, 1) :]
        closing = closing_card.build(decisions, facts, shown, cut, mentioned)
    else:
        shown = groups
        if mentioned and (closing or len(groups) < room):  # a mention never takes the place of a card
            closing = closing_card.build(decisions, facts, groups, mentioned=mentioned)
    offered: set[str] = set()  # an order that one card offers is not offered again on a later one
    cards = [_card(group, facts, to_fhir, client, offered) for group in shown]
    cards += [closing] if closing else []
    for number, card in enumerate(cards):
        _identify(card, seed, number)
    return cards


def _groups(spoken: Iterable[Spoken]) -> list[list[Spoken]]:
    """Rules that share a card: those whose knowledge names the same group, and all groups that hold a critical rule."""
    groups: dict[str, list[Spoken]] = {}
    for one in spoken:
        groups.setdefault(one.knowledge.group or one.knowledge.rule, []).append(one)
    critical = [one for group in groups.values() if _urgency(group) == _CRITICAL for one in group]
    others = [group for group in groups.values() if _urgency(group) != _CRITICAL]
    merged = [critical, *others] if critical else others
    for group in merged:
        group.sort(key=lambda one: -_rank(one))  # stable: the order of precedence stays within one urgency
    return merged


def _rank(one: Spoken) -> int:
    return INDICATORS.index(one.outcome.says.indicator)


def _urgency(group: list[Spoken]) -> int:
    return max(_rank(one) for one in group)


_CRITICAL = INDICATORS.index("critical")


def _card(group: list[Spoken], facts: Facts, to_fhir: ToFhir, client: Client, offered: set[str]) -> Card:
    lead = group[0]
    card: Card = {
        "summary": shorten(lead.outcome.says.summary),
        "indicator": lead.outcome.says.indicator,
        "detail": _detail(group, facts),
        "source": source(lead.knowledge),
        "extension": {RULES_EXTENSION: [_rule_entry(one) for one in group]},
        "overrideReasons": _override_reasons(group),
    }
    suggestions = _suggestions(group, to_fhir, client, offered)
    if suggestions:
        card["suggestions"] = suggestions
        card["selectionBehavior"] = client.selection_behavior
    if client.rule_url:
        card["links"] = [
            {
                "label": f"Why: {one.knowledge.title}",
                "url": client.rule_url.format(rule=one.knowledge.rule),
                "type": "absolute",
            }
            for one in group
        ]
    return card


def source(rule: Knowledge) -> dict[str, Any]:
    """The guideline that carries the rule, and the topic under which an EHR remembers an override."""
    words = rule.rule.split("_")
    topic = words[0] + "".join(word.capitalize() for word in words[1:])
    return {
        "label": rule.guideline.cite,
        "url": rule.guideline.url,
        "topic": {"system": TOPIC_SYSTEM, "code": topic, "display": rule.title},
    }


def _rule_entry(one: Spoken) -> dict[str, Any]:
    entry: dict[str, Any] = {"rule": one.knowledge.rule, "version": one.version}
    because = references(one.outcome.because)
    return {**entry, "because": because} if because else entry


def _detail(group: list[Spoken], facts: Facts) -> str:
    outcomes = [one.outcome for one in group]
    also = [] if len(group) == 1 else [f"{one.outcome.says.summary}" for one in group[1:]]
    parts = [
        section("Also", also),
        section("Found", (describe(fact) for outcome in outcomes for fact in outcome.because)),
        section("Do", (line for outcome in outcomes for line in outcome.says.do)),
        section(
            "Not known", [line for outcome in outcomes for line in outcome.missing] + closing_card.undelivered(facts)
        ),
        section("Why", (line for outcome in outcomes for line in outcome.says.why)),
        section("Why not otherwise", (line for outcome in outcomes for line in outcome.says.why_not)),
    ]
    return "\n\n".join(part for part in parts if part)


def _override_reasons(group: list[Spoken]) -> list[dict[str, str]]:
    codes = dict.fromkeys(code for one in group for code in one.knowledge.override_reasons)
    return [{"code": code, "system": OVERRIDE_SYSTEM, "display": OVERRIDE_WORDS[code]} for code in codes]


def _suggestions(group: list[Spoken], to_fhir: ToFhir, client: Client, offered: set[str]) -> list[dict[str, Any]]:
    """Each distinct suggestion once; only the leading rule's may come preselected.

    An order that could not be made valid is left out; the text still says what to do.
    """
    built: list[dict[str, Any]] = []
    for one in group:
        for suggestion in one.outcome.suggestions:
            actions = _actions(suggestion, to_fhir) if _new(suggestion, offered) else []
            recommended = suggestion.recommended and one is group[0]
            if client.one_action_per_suggestion and len(actions) > 1:
                built += [_suggestion(str(action["description"]), [action], recommended) for action in actions]
            elif actions:
                built.append(_suggestion(suggestion.label, actions, recommended))
    return built


def _new(suggestion: Suggestion, offered: set[str]) -> bool:
    """Offers something that no earlier suggestion of this answer offers."""
    wanted = {order.concept + (f" {order.dose.milligrams}" if order.dose else "") for order in suggestion.create}
    wanted |= {f"delete {reference}" for reference in suggestion.delete} if not wanted else set()
    fresh = not wanted <= offered
    offered |= wanted
    return fresh


def _suggestion(label: str, actions: list[dict[str, Any]], recommended: bool) -> dict[str, Any]:
    suggestion: dict[str, Any] = {"label": label, "actions": actions}
    return {**suggestion, "isRecommended": True} if recommended else suggestion


def _actions(suggestion: Suggestion, to_fhir: ToFhir) -> list[dict[str, Any]]:
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
    suggestions: list[Card] = card.get("suggestions", [])
    for index, suggestion in enumerate(suggestions):
        suggestion["uuid"] = str(uuid.uuid5(space, f"card {number} suggestion {index}"))

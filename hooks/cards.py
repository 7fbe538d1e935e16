"""Decisions become CDS Hooks cards: merged, capped, in order of precedence, and one closing card at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hooks import card_ids, closing_card, companion, knowledge, mentions, offers, override_reasons
from hooks.card_text import describe, section, shorten
from hooks.facts import Facts
from hooks.knowledge import Knowledge
from hooks.outcomes import INDICATORS, Decision, ProposedOrder, Recommend, Suggestion, references
from hooks.plain_text import plain
from hooks.sealed import sealed

TOPIC_SYSTEM = "urn:spine-cds:card-topic"
RULES_EXTENSION = "org.spine-cds.rules"
EMERGENCY_GROUP = "cord_compression"

SENDABLE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}")  # a resource that the EHR can find again
BY_HAND = "Remove by hand a draft order that came without an id"

ToFhir = Callable[[ProposedOrder], dict[str, Any] | None]
Card = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """What the calling EHR can do with a card, and where our rule pages stand (`{rule}` is filled in)."""

    max_cards: int = 5
    one_action_per_suggestion: bool = False
    selection_behavior: str = "any"
    rule_url: str = ""
    smart_url: str = ""  # where the companion is launched; empty where there is none, or this EHR launches none
    plain_detail: bool = False  # no Markdown marks
    content_type_key: str = ""  # this EHR's extension that says so, where it has one


@sealed()
class Spoken:
    """A rule that recommends, with its knowledge."""

    knowledge: Knowledge
    version: str
    outcome: Recommend


def build(
    decisions: Iterable[Decision],
    facts: Facts,
    to_fhir: ToFhir,
    client: Client,
    seed: bytes,
    set_aside: Sequence[str] = (),
) -> list[Card]:
    """All cards of one answer. The same decisions and seed give the same bytes; the empty list means nothing to say.

    `set_aside` are lines about warnings that a user overrode: for a closing card that is there for another reason.
    """
    decisions = tuple(decisions)
    spoken = [
        Spoken(knowledge.load(d.rule), d.version, d.outcome) for d in decisions if isinstance(d.outcome, Recommend)
    ]
    later = _after_emergency(spoken)
    groups = _groups(one for one in spoken if one not in later)
    room = client.max_cards
    closing, mentioned = (
        closing_card.build(decisions, facts, groups, later=later, set_aside=set_aside),
        mentions.lines(facts),
    )
    if len(groups) + (closing is not None) > room:
        shown, cut = groups[: max(room - 1, 1)], groups[max(room - 1, 1) :]
        closing = closing_card.build(decisions, facts, shown, cut, later, mentioned, set_aside)
    else:
        shown = groups
        if mentioned and (closing or len(groups) < room):  # a mention never takes the place of a card
            closing = closing_card.build(decisions, facts, groups, (), later, mentioned, set_aside)
    suggested = iter(offers.once([one.outcome.suggestions for group in groups for one in group]))
    cards = [_card(group, [next(suggested) for _ in group], facts, to_fhir, client) for group in shown]
    if closing:
        links = [_list_link(client.rule_url)] if client.rule_url else []
        if client.smart_url and companion.asked(decisions):
            links.append(companion.link(client.smart_url))
        if links:
            closing["links"] = links
        cards.append(closing)
    for card in cards:
        if client.plain_detail:
            _make_plain(card, client)
        card_ids.give(card, seed)
    return cards


def _list_link(rule_url: str) -> dict[str, str]:
    """From the closing card, which may name very many rules, to the list of all of them."""
    return {"label": "What the rules ask", "url": rule_url.removesuffix("/{rule}"), "type": "absolute"}


def _after_emergency(spoken: list[Spoken]) -> list[Spoken]:
    """Rules that wait, named on the closing card, while a critical card speaks of the cord: it must stand out."""
    emergency = any(one.knowledge.group == EMERGENCY_GROUP and _rank(one) == _CRITICAL for one in spoken)
    return [one for one in spoken if emergency and one.knowledge.after_emergency and _rank(one) < _CRITICAL]


def _groups(spoken: Iterable[Spoken]) -> list[list[Spoken]]:
    """Rules that share a card: those whose knowledge names the same group, and all groups that hold a critical rule.

    The most urgent card comes first, so that no warning is cut for an information; within one urgency precedence holds.
    """
    groups: dict[str, list[Spoken]] = {}
    for one in spoken:
        groups.setdefault(one.knowledge.group or one.knowledge.rule, []).append(one)
    critical = [one for group in groups.values() if _urgency(group) == _CRITICAL for one in group]
    others = [group for group in groups.values() if _urgency(group) != _CRITICAL]
    merged = [critical, *others] if critical else others
    for group in merged:
        group.sort(key=lambda one: -_rank(one))  # stable: the order of precedence stays within one urgency
    return sorted(merged, key=lambda group: -_urgency(group))


def _rank(one: Spoken) -> int:
    return _RANKS[one.outcome.says.indicator]


def _urgency(group: list[Spoken]) -> int:
    return max(_rank(one) for one in group)


_RANKS = {indicator: place for place, indicator in enumerate(INDICATORS)}
_CRITICAL = _RANKS["critical"]


def _card(
    group: list[Spoken], suggested: list[tuple[Suggestion, ...]], facts: Facts, to_fhir: ToFhir, client: Client
) -> Card:
    lead = group[0]
    card: Card = {
        "summary": shorten(lead.outcome.says.summary),
        "indicator": lead.outcome.says.indicator,
        "detail": _detail(group, facts),
        "source": source(lead.knowledge),
        "extension": {RULES_EXTENSION: [_rule_entry(one) for one in group]},
        "overrideReasons": _override_reasons(group),
    }
    suggestions = _suggestions(suggested, to_fhir, client)
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
    if client.smart_url and companion.offered(group):
        card.setdefault("links", []).append(companion.link(client.smart_url, lead.knowledge.rule))
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
    because = list(dict.fromkeys(map(_named, references(one.outcome.because))))
    return {**entry, "because": because} if because else entry


def _named(reference: str) -> str:
    """A reference as it may be sent: what has no valid id has its type alone."""
    return reference if "/" not in reference or SENDABLE.fullmatch(reference) else f"{reference.partition('/')[0]}"


def _detail(group: list[Spoken], facts: Facts) -> str:
    outcomes = [one.outcome for one in group]
    also = [] if len(group) == 1 else [f"{one.outcome.says.summary}" for one in group[1:]]
    found = {id(fact): fact for outcome in outcomes for fact in outcome.because}  # several may rest on one fact
    parts = [
        section("Also", also),
        section("Found", map(describe, found.values())),
        section(
            "Do", _ordered_not_given([line for outcome in outcomes for line in outcome.says.do] + _by_hand(outcomes))
        ),
        section(
            "Not known", [line for outcome in outcomes for line in outcome.missing] + closing_card.undelivered(facts)
        ),
        section("Why", (line for outcome in outcomes for line in outcome.says.why)),
        section("Why not otherwise", (line for outcome in outcomes for line in outcome.says.why_not)),
    ]
    return "\n\n".join(part for part in parts if part)


def _by_hand(outcomes: list[Recommend]) -> list[str]:
    """What no button can do: an order without an id cannot be named to the EHR."""
    deleted = [name for outcome in outcomes for suggestion in outcome.suggestions for name in suggestion.delete]
    return [] if all(map(SENDABLE.fullmatch, deleted)) else [BY_HAND]


def _ordered_not_given(lines: list[str]) -> list[str]:
    """What must not be given stands before all else: the reader is about to sign for it."""
    return sorted(lines, key=lambda line: not (line.startswith("Do not give ") and line.endswith(" now.")))


def _override_reasons(group: list[Spoken]) -> list[dict[str, str]]:
    codes = dict.fromkeys(code for one in group for code in one.knowledge.override_reasons)
    return [override_reasons.coding(code) for code in codes]


def _suggestions(suggested: list[tuple[Suggestion, ...]], to_fhir: ToFhir, client: Client) -> list[dict[str, Any]]:
    """The suggestions of each rule of the card in turn; only the leading rule's may come preselected.

    An order that could not be made valid is left out; the text still says what to do.
    """
    built: list[dict[str, Any]] = []
    for number, row in enumerate(suggested):
        for suggestion in row:
            actions = _actions(suggestion, to_fhir)
            recommended = suggestion.recommended and number == 0
            if client.one_action_per_suggestion:
                built += _one_by_one(suggestion, actions, recommended)
            elif actions:
                built.append(_suggestion(suggestion.label, actions, recommended))
    return built


def _one_by_one(suggestion: Suggestion, actions: list[dict[str, Any]], recommended: bool) -> Iterator[dict[str, Any]]:
    """Each action as a suggestion of its own. Epic shows its description and not the label: both say the same.

    The label of a suggestion that creates one order may hold a condition ("if castration-resistant") and goes with it.
    """
    only = len(suggestion.create) == 1
    for action in actions:
        words = suggestion.label if only and action["type"] == "create" else str(action["description"])
        yield _suggestion(words, [{**action, "description": words}], recommended)


def _suggestion(label: str, actions: list[dict[str, Any]], recommended: bool) -> dict[str, Any]:
    suggestion: dict[str, Any] = {"label": label, "actions": actions}
    return {**suggestion, "isRecommended": True} if recommended else suggestion


def _actions(suggestion: Suggestion, to_fhir: ToFhir) -> list[dict[str, Any]]:
    deletes = [
        {"type": "delete", "description": f"Remove the draft order {reference}", "resourceId": reference}
        for reference in suggestion.delete
        if SENDABLE.fullmatch(reference)
    ]
    creates = []
    for order in suggestion.create:
        resource = to_fhir(order)
        if resource is None:
            return []
        creates.append({"type": "create", "description": order.text, "resource": resource})
    return [*deletes, *creates]


def _make_plain(card: Card, client: Client) -> None:
    card["detail"] = plain(card["detail"])
    if client.content_type_key:
        card["extension"] = {**card.get("extension", {}), client.content_type_key: "text/plain"}

"""From a parsed call and the answers to its prefetch templates to cards: one pure path, for HTTP and command line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

from cds_service.errors import NeededDataMissing
from cds_service.hook_request import HookRequest
from cds_service.services import CdsService
from cds_service.store.overrides import Override
from cds_service.tenants import CONTENT_TYPE_KEYS, Tenant
from fhir_mappings import chart, proposed_orders, text_mentions
from fhir_mappings.answers import Answer, Unavailable
from fhir_mappings.idea_search import IdeaSearch
from fhir_mappings.local_codes import NONE, LocalCodes
from hooks import cards, knowledge, refire, run
from hooks.facts import Facts
from hooks.outcomes import Decision, Recommend
from hooks.override_reasons import OVERRIDE_WORDS
from hooks.refire import State
from hooks.sealed import sealed

Resting = Callable[[Collection[State]], Mapping[State, Override]]


def none_rest(_states: Collection[State]) -> Mapping[State, Override]:
    """Where nothing is remembered: the command line, and a site that has switched refire control off."""
    return {}


@sealed()
class Answered:
    """The cards, every rule's decision (switched-off rules were not asked), and what of the prefetch was not to be had.

    `shadow` and `silenced` name the rules whose decision stands here but on no card, the latter with the override.
    `versions` are the versionIds of the resources behind the decisions, by reference, where the record gives them.
    `states` are what overrides of the live rules that spoke would be keyed on, by rule.
    """

    cards: list[dict[str, object]]
    decisions: tuple[Decision, ...]
    facts: Facts
    shadow: tuple[str, ...]
    silenced: Mapping[str, Override]
    unavailable: Mapping[str, str]
    versions: Mapping[str, str]
    states: Mapping[str, State]


def answer(
    service: CdsService,
    request: HookRequest,
    answers: Mapping[str, Answer],
    tenant: Tenant,
    public_base_url: str,
    as_of: date,
    seed: bytes,
    local: LocalCodes = NONE,
    search: IdeaSearch | None = None,
    resting: Resting = none_rest,
) -> Answered:
    """Reads the chart, asks every rule, builds the cards. Raises NeededDataMissing without patient or conditions.

    `seed` tells the call from others, for the cards' identifiers: the same call on the same day gives the same bytes,
    while nobody overrides.
    `local` says what the site's own codes mean. `search` is there where the site has switched text on; it alone reads
    the texts of reports. `resting` says which states a user has overridden for this patient.
    """
    record = _chart(request, answers, local, search)
    facts = service.facts(record, as_of)
    if search is not None:
        texts = text_mentions.read(answers, request.patient_id, request.fhir_server, as_of, search, local)
        facts = replace(facts, mentions=texts.mentions, texts_unread=texts.unread)
    modes = {rule.KNOWLEDGE.rule: tenant.mode(rule.KNOWLEDGE.rule) for rule in service.rules}
    decisions = run.decide([rule for rule in service.rules if modes[rule.KNOWLEDGE.rule] != "off"], facts)
    live = [one for one in decisions if modes[one.rule] == "live"]
    states = refire.states(live)
    silenced = _silenced(states, resting)
    to_fhir = partial(proposed_orders.to_fhir, patient_id=request.patient_id, local=local)
    shown = [one for one in live if one.rule not in silenced]
    return Answered(
        cards=cards.build(
            shown,
            facts,
            to_fhir,
            client(tenant, public_base_url),
            seed,
            _set_aside(live, silenced),
        ),
        decisions=decisions,
        facts=facts,
        shadow=tuple([one.rule for one in decisions if modes[one.rule] == "shadow"]),
        silenced=silenced,
        unavailable={key: one.reason for key, one in answers.items() if isinstance(one, Unavailable)},
        versions=record.versions(dict.fromkeys([fact.source for one in decisions for fact in one.because])),
        states=states,
    )


def _chart(
    request: HookRequest, answers: Mapping[str, Answer], local: LocalCodes, search: IdeaSearch | None
) -> chart.Chart:
    coded = {key: one for key, one in answers.items() if search is None or key != text_mentions.REPORTS}
    record = chart.read(coded, request.patient_id, request.fhir_server, request.draft_orders, request.selections, local)
    lacking = record.needed_but_missing()
    if lacking:
        raise NeededDataMissing(lacking)
    return record


def _silenced(states: Mapping[str, State], resting: Resting) -> dict[str, Override]:
    """By rule: the override that keeps it away. Asked for only where something would be shown."""
    found = resting(states.values()) if states else {}
    return {rule: found[state] for rule, state in states.items() if state in found} if found else {}


def _set_aside(live: Collection[Decision], silenced: Mapping[str, Override]) -> list[str]:
    """A line for each warning that rests: the next reader should know that somebody has decided so."""
    return [
        f"{knowledge.load(one.rule).title}: {_why(silenced[one.rule])}, until {_day(silenced[one.rule])}"
        for one in live
        if one.rule in silenced and isinstance(one.outcome, Recommend) and one.outcome.says.indicator == "warning"
    ]


def _why(override: Override) -> str:
    """The reason in words of ours; a site's own code may be any text."""
    return OVERRIDE_WORDS.get(override.reason, "no reason of our list given").lower()


def _day(override: Override) -> str:
    return datetime.fromtimestamp(override.until / 1000, UTC).date().isoformat()


def client(tenant: Tenant, public_base_url: str) -> cards.Client:
    """What this site's EHR can do with a card, in the terms of the cards."""
    return cards.Client(
        max_cards=int(tenant.client.setting("max_cards")),
        one_action_per_suggestion=bool(tenant.client.setting("one_action_per_suggestion")),
        plain_detail=bool(tenant.client.setting("plain_detail")),
        content_type_key=CONTENT_TYPE_KEYS.get(tenant.client.profile, ""),
        rule_url=f"{public_base_url}/rules/{{rule}}",
        smart_url=f"{public_base_url}/smart/launch" if tenant.smart and tenant.client.setting("smart_links") else "",
    )

"""The rule catalogue as plain data and as text, for the rule pages and the command line: one entry, three forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from cds_service import rule_value_sets, services, source_attributes, vignettes
from cds_service.tenants import SignOff, Tenant
from fhir_mappings.publication import UNSIGNED, blanks, canonical, readable, resource_id
from hooks import shared_numbers
from hooks.knowledge import Knowledge, Source, Threshold
from hooks.override_reasons import OVERRIDE_WORDS
from hooks.statements import all_statements

Entry = dict[str, Any]
FROM_MEMORY = "cited from memory, to be checked"


def as_dict(rule: Knowledge, tenant: Tenant, as_of: date) -> Entry:
    """All that is known of one rule, and how it stands at this site on a day; nothing empty.

    Numbers are text, exactly as written. Card texts have their thresholds filled in; what the chart fills stands as a
    named blank, "[deficit]".
    """
    checked_by = rule.review["checked_by"]
    return without_empty(
        {
            "rule": rule.rule,
            "title": rule.title,
            "question": rule.question,
            "version": rule.version,
            "status": rule.status,
            "mode": tenant.mode(rule.rule),
            "signature": f"Signed by {checked_by}." if checked_by else UNSIGNED,
            "sign_off": [_sign_off(one, as_of) for one in tenant.signed(rule.rule)],
            "hooks": list(services.hooks_of(rule.rule)),
            "implements": list(rule.implements),
            "guideline": rule.guideline.id,
            "strength": rule.strength,
            "certainty": rule.certainty,
            "limits": list(rule.limits),
            "override_reasons": {code: OVERRIDE_WORDS[code] for code in rule.override_reasons},
            "thresholds": {name: _number(one) for name, one in rule.thresholds.items()},
            "shared_thresholds": {
                name: _number(one.number) | {"kept_in": one.kept_in}
                for name, one in shared_numbers.of_rule(services.RULES[rule.rule]).items()
            },
            "sources": [_source(source) for source in rule.sources],
            "cards": {variant: _card(rule, variant) for variant in rule.cards},
            "review": dict(rule.review),
            "review_overdue": date.fromisoformat(rule.review["next_review"]) < as_of,
            "source_attributes": source_attributes.of_rule(rule),
            "plan_definition": {"url": canonical(rule.rule), "id": resource_id(rule.rule)},
        }
    )


def _number(one: Threshold) -> Entry:
    return {
        "value": f"{one.value:f}",
        "unit": one.unit,
        "text": str(one),
        "decides": one.decides,
        "source": one.source,
        "note": one.note,
    }


def whole(rule: Knowledge, tenant: Tenant, as_of: date) -> Entry:
    """The same with the sentences that the rule implements, the patients that specify it, and its value sets."""
    named, others = rule_value_sets.used(services.RULES[rule.rule])
    return as_dict(rule, tenant, as_of) | {
        "statements": [_implemented(one) for one in rule.implements],
        "vignettes_as_of": vignettes.AS_OF.isoformat(),
        "vignettes": [one.as_dict() for one in vignettes.of_rule(rule.rule)],
        "value_sets": [{"id": one.id, "title": one.title} for one in named],
        "value_sets_perhaps": [{"id": one.id, "title": one.title} for one in others],
    }


def _implemented(named: str) -> Entry:
    """A statement of the list in our words; two letters tell halves of one apart (R25A). Others are words already."""
    known = all_statements().get(named) or all_statements().get(named.rstrip("AB"))
    return {"statement": named, "about": known.about} if known else {"about": named}


def statements() -> list[Entry]:
    """Every statement of the guideline with the rules that speak it, and why some are text inside another's card."""
    return [
        without_empty({"statement": one.id, "about": one.about, "rules": list(one.rules), "text_only": one.text_only})
        for one in all_statements().values()
    ]


def without_empty(value: Entry) -> Entry:
    """The same data without null, "", [] and {}, at every depth of dicts."""
    kept = {key: without_empty(one) if isinstance(one, dict) else one for key, one in value.items()}
    return {key: one for key, one in kept.items() if one is not None and one != "" and one != [] and one != {}}


def _sign_off(one: SignOff, as_of: date) -> Entry:
    return {
        "by": one.by,
        "role": one.role,
        "version": one.version,
        "date": one.date.isoformat(),
        "valid_until": one.valid_until.isoformat(),
        "state": one.state(as_of),
        "text": one.line(as_of),
    }


def _source(source: Source) -> Entry:
    return without_empty(
        {
            "id": source.id,
            "cite": source.cite,
            "url": source.url,
            "where": source.where,
            "checked": source.checked,
            "read": "read" if source.checked else FROM_MEMORY,
        }
    )


def _card(rule: Knowledge, variant: str) -> Entry:
    text = readable(rule, variant)
    return {
        "indicator": text.indicator,
        "summary": text.summary,
        "do": list(text.do),
        "why": list(text.why),
        "why_not": list(text.why_not),
        "filled_from_the_chart": [name.replace("_", " ") for name in blanks(rule, variant)],
    }


def signed_here(entry: Entry) -> str:
    """How a rule stands with signatures, in two or three words."""
    states = {one["state"] for one in entry.get("sign_off", ())}
    if "valid" in states:
        return "signed here"
    return "sign-off expired" if "expired" in states else "not signed"


def list_text(entries: Iterable[Entry]) -> str:
    """One line for each rule."""
    rows = list(entries)
    width = max((len(one["rule"]) for one in rows), default=0)
    return "\n".join(
        f"{one['rule']:<{width}}  {one['version']:<7} {one['status']:<8} {one['mode']:<7} {signed_here(one):<16} "
        f"{one['title']}"
        for one in rows
    )


def rule_text(entry: Entry) -> str:
    """One rule whole, to read in a terminal."""
    return "\n".join(_lines(entry))


def _lines(entry: Entry) -> Iterator[str]:
    yield f"{entry['title']}\n{entry['rule']} {entry['version']} ({entry['status']})\n\n{entry['question']}"
    yield f"\n{entry['signature']}"
    yield from (f"This site: {one['text']}" for one in entry.get("sign_off", ()))
    yield f"\nMode here    {entry['mode']}\nAsked on     {', '.join(entry['hooks'])}"
    yield f"Implements   {', '.join(entry['implements'])}"
    yield f"Guideline    {next(one['cite'] for one in entry['sources'] if one['id'] == entry['guideline'])}"
    yield f"Strength     {entry['strength']}\nCertainty    {entry['certainty']}"
    yield from (f"Limit        {limit}" for limit in entry["limits"])
    yield from _numbers(entry)
    yield "\nCards ([in brackets]: filled from the chart)"
    for variant, text in entry["cards"].items():
        yield f"  {variant} ({text['indicator']}): {text['summary']}"
        sections = (("-", "do"), ("Why:", "why"), ("Why not otherwise:", "why_not"))
        yield from (f"    {mark} {line}".replace("**", "") for mark, key in sections for line in text.get(key, ()))
    yield f"\nReasons offered for not following it: {', '.join(entry['override_reasons'].values())}"
    yield "\nSources"
    for source in entry["sources"]:
        yield f"  [{source['id']}] {source['cite']} {source.get('where', '')} {source['url']} ({source['read']})"
    yield "\nReview"
    words = {} if entry["review"].get("checked_by") else {"reviewed": "written on (nobody has checked it yet)"}
    yield from (f"  {words.get(key, key.replace('_', ' '))}: {value}" for key, value in entry["review"].items())
    if entry["review_overdue"]:
        yield "  The review is overdue."
    yield f"\nSource attributes ({source_attributes.regulation().regulation})"
    yield from (f"  ({one['paragraph']}) {one['attribute']}: {one['value']}" for one in entry["source_attributes"])


def _numbers(entry: Entry) -> Iterator[str]:
    for title, key in (("Thresholds", "thresholds"), ("Thresholds shared with other rules", "shared_thresholds")):
        if key in entry:
            yield f"\n{title}"
        for name, one in entry.get(key, {}).items():
            stated = "" if one["decides"] else " (only stated)"
            note = f" - {one['note']}" if "note" in one else ""
            kept = f" ({one['kept_in']})" if "kept_in" in one else ""
            yield f"  {name} = {one['text']}{stated} [{one['source']}]{note}{kept}"

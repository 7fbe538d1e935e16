"""The rule catalogue as plain data and as text, for the rule pages and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from hooks.knowledge import Knowledge
from hooks.outcomes import Wording


def as_dict(rule: Knowledge) -> dict[str, object]:
    """One rule's knowledge for JSON: numbers as text, exactly as written; nothing empty."""
    said: dict[str, object] = {
        "rule": rule.rule,
        "title": rule.title,
        "question": rule.question,
        "version": rule.version,
        "status": rule.status,
        "implements": list(rule.implements),
        "guideline": rule.guideline.id,
        "strength": rule.strength,
        "certainty": rule.certainty,
        "limits": list(rule.limits),
        "thresholds": {
            name: {"value": f"{one.value:f}", "unit": one.unit, "source": one.source, "note": one.note}
            for name, one in rule.thresholds.items()
        },
        "sources": [asdict(source) for source in rule.sources],
        "cards": {variant: _wording(text) for variant, text in rule.cards.items()},
        "review": dict(rule.review),
    }
    return without_empty(said)


def without_empty(value: dict[str, object]) -> dict[str, object]:
    """The same data without null, "", [] and {}, at every depth of dicts."""
    kept = {key: without_empty(one) if isinstance(one, dict) else one for key, one in value.items()}
    return {key: one for key, one in kept.items() if one is not None and one != "" and one != [] and one != {}}


def _wording(text: Wording) -> dict[str, object]:
    return {
        "indicator": text.indicator,
        "summary": text.summary,
        "do": list(text.do),
        "why": list(text.why),
        "why_not": list(text.why_not),
    }


def list_text(rules: Iterable[Knowledge]) -> str:
    """One line for each rule."""
    rows = list(rules)
    width = max((len(rule.rule) for rule in rows), default=0)
    return "\n".join(f"{rule.rule:<{width}}  {rule.version:<7} {rule.status:<8} {rule.title}" for rule in rows)


def rule_text(rule: Knowledge) -> str:
    """One rule with its thresholds, sources and review, to read in a terminal."""
    return "\n".join(_lines(rule))


def _lines(rule: Knowledge) -> Iterator[str]:
    yield f"{rule.title}\n{rule.rule} {rule.version} ({rule.status})\n\n{rule.question}"
    yield f"\nImplements   {', '.join(rule.implements)}"
    yield f"Guideline    {rule.guideline.cite}"
    yield f"Strength     {rule.strength}\nCertainty    {rule.certainty}"
    yield from (f"Limit        {limit}" for limit in rule.limits)
    yield "\nThresholds"
    yield from (
        f"  {name} = {one} [{one.source}]{f' - {one.note}' if one.note else ''}"
        for name, one in rule.thresholds.items()
    )
    yield "\nCards"
    yield from (f"  {variant} ({text.indicator}): {text.summary}" for variant, text in rule.cards.items())
    yield "\nSources"
    for source in rule.sources:
        read = "read" if source.checked else "not yet read in full"
        yield f"  [{source.id}] {source.cite} {source.where} {source.url} ({read})"
    yield "\nReview"
    yield from (f"  {key.replace('_', ' ')}: {value}" for key, value in rule.review.items())

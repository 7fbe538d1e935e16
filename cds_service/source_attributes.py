"""The source attributes that US certification (HTI-1) asks of evidence-based decision support, for each rule."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources

import msgspec

from hooks.knowledge import Knowledge, KnowledgeError

EVERY_RULE = "*"


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What some rules use a kind of data for."""

    rules: list[str]
    what: str


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One attribute of the regulation: said here, derived from the rule, or a kind of data used by some rules."""

    paragraph: int
    name: str
    says: str = ""
    derived: str = ""
    unused: str = ""
    use: list[Use] = []


class Regulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data file."""

    regulation: str
    cite: str
    url: str
    note: str
    attribute: list[Attribute]


@cache
def regulation() -> Regulation:
    """The checked file, read once. Raises KnowledgeError naming it."""
    text = (resources.files("cds_service") / "source_attributes.toml").read_text(encoding="utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), Regulation)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise KnowledgeError(f"source_attributes.toml: {error}") from error


def of_rule(rule: Knowledge) -> list[dict[str, object]]:
    """Every attribute with its value for one rule: {"paragraph", "attribute", "value", and for data "used"}."""
    return [_entry(attribute, rule) for attribute in regulation().attribute]


def _entry(attribute: Attribute, rule: Knowledge) -> dict[str, object]:
    entry: dict[str, object] = {"paragraph": attribute.paragraph, "attribute": attribute.name}
    if attribute.derived:
        return {**entry, "value": DERIVED[attribute.derived](rule)}
    if attribute.says:
        return {**entry, "value": attribute.says}
    used = [use.what for use in attribute.use if rule.rule in use.rules or EVERY_RULE in use.rules]
    return {**entry, "used": bool(used), "value": f"{'. '.join(used)}." if used else attribute.unused}


def _citations(rule: Knowledge) -> str:
    """The source that carries the rule first."""
    others = (source for source in rule.sources if source.id != rule.guideline.id)
    return "; ".join(source.cite for source in (rule.guideline, *others))


def _dates(rule: Knowledge) -> str:
    review = rule.review
    return (
        f"Version {rule.version} of {review['reviewed']}, next review due {review['next_review']}. "
        "The sources' dates stand in their citations."
    )


DERIVED: Mapping[str, Callable[[Knowledge], str]] = {"citations": _citations, "dates": _dates}

"""The rules, value sets and code systems as FHIR R4 resources to be read; nothing is executed from them."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fhir_mappings import codes
from fhir_mappings.units import UCUM
from hooks.knowledge import UNIT_WORDS, Knowledge, Source, Threshold
from hooks.outcomes import Wording
from hooks.override_reasons import OVERRIDE_SYSTEM, OVERRIDE_WORDS

FHIR_VERSION = "4.0.1"
TYPES = ("PlanDefinition", "ValueSet", "CodeSystem")
SEARCH_PARAMETERS = {"_id": "token", "url": "uri", "name": "string", "status": "token"}
STATUS_SYSTEM = "http://hl7.org/fhir/publication-status"
PUBLISHER = "spine-cds project"
COPYRIGHT = "Apache-2.0 for the words of this project; the sources cited belong to their publishers."

# HL7's own extensions: R4 defines them on Attachment, R4B on any element. Our grades are the sources' words, not codes.
STRENGTH = "http://hl7.org/fhir/StructureDefinition/cqf-strengthOfRecommendation"
QUALITY = "http://hl7.org/fhir/StructureDefinition/cqf-qualityOfEvidence"

THRESHOLD = "urn:spine-cds:threshold"
CHECKED = "urn:spine-cds:source-checked"
INDICATOR = "urn:spine-cds:indicator"
OVERRIDE = "urn:spine-cds:override-reason"

READ_ONLY = (
    "Published so that people and tools can read what the service asks and says. It holds no condition and is not "
    "executed from here: the condition is the function of the same name in the service's source code."
)
UNSIGNED = "Not yet clinically signed by the project."

Resource = dict[str, Any]


def readable(rule: Knowledge, variant: str) -> Wording:
    """A card text as a committee reads it: thresholds filled in, what the chart fills as a named blank, [deficit]."""
    return rule.card(variant, **{name: f"[{name.replace('_', ' ')}]" for name in blanks(rule, variant)})


def blanks(rule: Knowledge, variant: str) -> tuple[str, ...]:
    """The names that the chart fills in a card text, in the order in which they are read; thresholds left out."""
    text = rule.cards[variant]
    lines = (text.summary, *text.do, *text.why, *text.why_not)
    names = (name for line in lines for _, name, _, _ in string.Formatter().parse(line) if name)
    return tuple(dict.fromkeys(name for name in names if name not in rule.thresholds))


def resource_id(rule: str) -> str:
    """The id of a rule's PlanDefinition: FHIR ids know no underscore."""
    return rule.replace("_", "-")


def canonical(rule: str) -> str:
    """The canonical URL of a rule: the same at every site, like those of the value sets."""
    return f"urn:spine-cds:rule:{rule}"


def plan_definition(rule: Knowledge, hooks: Sequence[str], base_url: str, endorsers: Iterable[str] = ()) -> Resource:
    """One rule as a PlanDefinition of type eca-rule, with an action for each card text.

    `hooks` are the CDS Hooks that ask the rule, `base_url` is where its page is served, `endorsers` are lines that name
    who has signed it at this site. Without a signature of the project itself there is no approvalDate and no reviewer.
    """
    checked_by = rule.review["checked_by"]
    return _filled(
        {
            "resourceType": "PlanDefinition",
            "id": resource_id(rule.rule),
            "extension": [
                *(_threshold(name, one) for name, one in rule.thresholds.items()),
                *(_override(code) for code in rule.override_reasons),
            ],
            "url": canonical(rule.rule),
            "version": rule.version,
            "name": "".join(word.capitalize() for word in rule.rule.split("_")),
            "title": rule.title,
            "subtitle": rule.question,
            "type": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/plan-definition-type",
                        "code": "eca-rule",
                        "display": "ECA Rule",
                    }
                ]
            },
            "status": rule.status,
            "experimental": False,
            "date": rule.review["reviewed"],
            "publisher": PUBLISHER,
            "description": f"{rule.question}\n\n{READ_ONLY}" + ("" if checked_by else f"\n\n{UNSIGNED}"),
            "purpose": f"Implements {', '.join(rule.implements)}.",
            "usage": "Known limits:\n\n" + "\n".join(f"- {limit}" for limit in rule.limits),
            "copyright": COPYRIGHT,
            "approvalDate": rule.review["reviewed"] if checked_by else "",
            "lastReviewDate": rule.review["reviewed"] if checked_by else "",
            "effectivePeriod": {"end": rule.review["next_review"]},
            "author": [{"name": rule.review["authored_by"]}],
            "reviewer": [{"name": checked_by}] if checked_by else [],
            "endorser": [{"name": line} for line in endorsers],
            "relatedArtifact": [
                *(_citation(source, rule) for source in rule.sources),
                {
                    "type": "documentation",
                    "display": "The rule's page, with its mode and sign-off at this site",
                    "url": f"{base_url}/rules/{rule.rule}",
                },
            ],
            "action": [_action(rule, variant, hooks) for variant in rule.cards],
        }
    )


def _filled(resource: Resource) -> Resource:
    """FHIR has no empty values: the elements that hold something."""
    return {name: value for name, value in resource.items() if value not in ("", [], {})}


def _threshold(name: str, one: Threshold) -> Resource:
    """A number of the rule. Decimals travel as JSON numbers; none of ours has more digits than a double holds."""
    whole = one.value == one.value.to_integral_value()
    quantity = {
        "value": int(one.value) if whole else float(one.value),
        "unit": UNIT_WORDS.get(one.unit, one.unit) or one.unit,
        "system": UCUM,
        "code": one.unit,
    }
    parts: list[Resource] = [
        {"url": "name", "valueString": name},
        {"url": "value", "valueQuantity": quantity},
        {"url": "source", "valueString": one.source},
        {"url": "decides", "valueBoolean": one.decides},
    ]
    if one.note:
        parts.append({"url": "note", "valueString": one.note})
    return {"url": THRESHOLD, "extension": parts}


def _override(code: str) -> Resource:
    return {
        "url": OVERRIDE,
        "valueCoding": {"system": OVERRIDE_SYSTEM, "code": code, "display": OVERRIDE_WORDS[code]},
    }


def _citation(source: Source, rule: Knowledge) -> Resource:
    """A source. The one that carries the rule also says how strongly it recommends, and on what evidence."""
    document: Resource = {"url": source.url, "title": source.cite}
    if source.id == rule.guideline.id:
        grades = ((STRENGTH, rule.strength), (QUALITY, rule.certainty))
        document["extension"] = [{"url": url, "valueCodeableConcept": {"text": text}} for url, text in grades if text]
    return _filled(
        {
            "extension": [{"url": CHECKED, "valueBoolean": source.checked}],
            "type": "citation",
            "label": source.id,
            "display": source.where,
            "citation": source.cite if source.checked else f"{source.cite} (cited from memory, to be checked)",
            "url": source.url,
            "document": document,
        }
    )


def _action(rule: Knowledge, variant: str, hooks: Sequence[str]) -> Resource:
    """One card text. What the chart fills in stands as [a named blank]."""
    text = readable(rule, variant)
    sections = (("Do", text.do), ("Why", text.why), ("Why not otherwise", text.why_not))
    lines = [f"{title}: {line}" for title, said in sections for line in said]
    return _filled(
        {
            "id": variant.replace("_", "-"),
            "extension": [{"url": INDICATOR, "valueCode": text.indicator}],
            "title": text.summary,
            "description": "What the card says, or one line of it, when the service finds that this applies.",
            "textEquivalent": "\n".join(lines).replace("**", ""),  # a string, not Markdown
            "trigger": [{"type": "named-event", "name": hook} for hook in hooks],
        }
    )


def value_sets() -> Iterator[Resource]:
    """The ValueSet resources as they are stored."""
    yield from codes.value_sets().values()


def code_systems() -> Iterator[Resource]:
    """The CodeSystem resources as they are stored."""
    yield from codes.code_systems().values()


def capability_statement(base_url: str, software: str, date: str) -> Resource:
    """What can be asked under `base_url`, which is the FHIR base: reading and searching of three types, no more."""
    found = [{"name": name, "type": kind} for name, kind in SEARCH_PARAMETERS.items()]
    return {
        "resourceType": "CapabilityStatement",
        "id": "spine-cds",
        "name": "SpineCdsPublication",
        "title": "Published rules and terminology of the spine CDS service",
        "status": "active",
        "experimental": False,
        "date": date,
        "publisher": PUBLISHER,
        "description": "The rules of this CDS Hooks service and the codes that it reads. No patient data is kept here.",
        "kind": "instance",
        "software": {"name": "spine-cds", "version": software},
        "implementation": {"description": "A CDS Hooks service for metastatic spine disease", "url": base_url},
        "fhirVersion": FHIR_VERSION,
        "format": ["json", "application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    "Reading needs no token. Searches are answered 100 resources at a time (_count up to 1000) and "
                    "refuse a parameter that is not listed, unless Prefer: handling=lenient is sent."
                ),
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "versioning": "no-version",
                        "searchParam": found,
                    }
                    for kind in TYPES
                ],
            }
        ],
    }


def matches(resource: Mapping[str, Any], parameter: str, value: str) -> bool:
    """Does a resource satisfy one search parameter? Commas mean "or". KeyError for a parameter we do not know."""
    test = _TESTS[parameter]
    return any(test(resource, one) for one in value.split(","))


def _id_is(resource: Mapping[str, Any], value: str) -> bool:
    return bool(resource["id"] == value)


def _url_is(resource: Mapping[str, Any], value: str) -> bool:
    """A canonical may carry a version behind a bar."""
    url, _, version = value.partition("|")
    return bool(resource["url"] == url) and version in ("", resource["version"])


def _name_begins(resource: Mapping[str, Any], value: str) -> bool:
    return str(resource["name"]).casefold().startswith(value.casefold())


def _status_is(resource: Mapping[str, Any], value: str) -> bool:
    system, _, code = value.rpartition("|")
    return bool(resource["status"] == code) and system in ("", STATUS_SYSTEM)


_TESTS = {"_id": _id_is, "url": _url_is, "name": _name_begins, "status": _status_is}


def searchset(page: Iterable[Resource], total: int, links: Iterable[tuple[str, str]], base_url: str) -> Resource:
    """A searchset Bundle of one page of `total` matches. `links` are (relation, url), `base_url` is the FHIR base."""
    entries = [
        {
            "fullUrl": f"{base_url}/{one['resourceType']}/{one['id']}",
            "resource": one,
            "search": {"mode": "match"},
        }
        for one in page
    ]
    return _filled(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": total,
            "link": [{"relation": relation, "url": url} for relation, url in links],
            "entry": entries,
        }
    )

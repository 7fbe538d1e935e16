"""A vignette as a clinician reads it: facts and expectations in the titles of the value sets, with units and dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_mappings import codes
from fhir_mappings.results import MEASUREMENTS
from hooks.card_text import BOUND_WORDS, MEASUREMENT_WORDS
from hooks.units import UNITS

Words = Mapping[str, Any]
VALUE_SET_OF = {name: value_set for value_set, name in MEASUREMENTS.items()}
MODALITIES = {"MR": "MRI", "CT": "CT", "NM": "Bone scan", "PT": "PET", "XR": "X-ray"}
OUTCOMES = {
    "recommend": "Card",
    "cannot tell": "Cannot tell",
    "not applicable": "Not applicable",
}
SIDES = {"at": "exactly at", "beside": "just beside"}


def patient(entry: Words) -> Iterator[str]:
    """Who the patient is, then each fact in the order of the file, then what did not arrive."""
    yield _person(person(entry))
    yield from map(_fact, entry["facts"])
    if "as_of" in entry:
        yield f"asked on {entry['as_of']}"
    if entry.get("unavailable"):
        yield f"not available: {', '.join(entry['unavailable'])}"
    if entry.get("incomplete"):
        yield f"only in part: {', '.join(entry['incomplete'])}"


def person(entry: Words) -> Words:
    """The patient as the file has it; where it says nothing, one of 60 years, a woman unless the cancer is a man's."""
    named = {str(fact.get("finding")) for fact in entry.get("facts", ())}
    of_men = any("primary_prostate" in one for one in named)
    given: Words = entry.get("patient", {"age": 60, "sex": "male" if of_men else "female"})
    return given


def expected(entry: Words) -> Iterator[str]:
    """What the rule must answer."""
    indicator = f" ({entry['indicator']})" if "indicator" in entry else ""
    yield OUTCOMES[entry["expect"]] + indicator
    if entry.get("suggests"):
        yield f"offers: {', '.join(map(title, entry['suggests']))}"
    elif entry.get("suggests") == [] and not entry.get("removes"):
        yield "offers no order"
    if entry.get("removes"):
        yield "offers to remove the draft order"
    for key, said in (
        ("says", "says"),
        ("never_says", "never says"),
        ("missing", "names as missing"),
        ("why", "because"),
    ):
        if entry.get(key):
            yield f"{said}: {', '.join(f'“{words}”' for words in entry[key])}"
    if "threshold" in entry:
        yield f"{SIDES[entry['side']]} the number {entry['threshold']}"


def title(concept: str) -> str:
    """The title of a concept's value set; the name in words where it has none."""
    known = codes.value_sets().get(concept)
    return str(known["title"]) if known else concept.replace("_", " ")


def _titles(subject: str | list[str]) -> str:
    return " and ".join(map(title, [subject] if isinstance(subject, str) else subject))


def _person(words: Words) -> str:
    age, sex = words.get("age"), words.get("sex")
    person = f"{sex or 'sex not recorded'}, {'age not recorded' if age is None else f'{age} years'}"
    return f"{person}, deceased" if words.get("deceased") else person


def _fact(words: Words) -> str:
    kind = next(kind for kind in SAID if kind in words)
    said = SAID[kind](words)
    where = words.get("levels") or ([words["level"]] if "level" in words else [])
    parts = [said, f"at {' and '.join(where)}" if where else "", *_times(words)]
    return " ".join(part for part in parts if part) + (" (elsewhere in the body)" if words.get("elsewhere") else "")


def _times(words: Words) -> Iterator[str]:
    for key, before in (("onset", "since"), ("recorded", "recorded"), ("when", "on")):
        if key in words:
            yield f"{before} {words[key]}"


def _finding(words: Words) -> str:
    said = _titles(words["finding"])
    said += f" ({words['label']})" if words.get("label") else ""
    said += "" if words.get("certain", True) else ", not confirmed,"
    return said + (", past," if words.get("status") == "past" else "")


def _measured(words: Words) -> str:
    name = words["measured"]
    unit = UNITS.get(name, "") if UNITS.get(name) not in ("ECOG", "KPS") else ""
    said = (
        f"{MEASUREMENT_WORDS.get(name, name.replace('_', ' '))} {BOUND_WORDS[words.get('bound', '')]}{words['value']}"
    )
    limits = [f"{side} {words[key]}" for key, side in (("low", "from"), ("high", "to")) if key in words]
    return f"{said} {unit}".strip() + (f" (normal {' '.join(limits)})" if limits else "")


def _assessed(words: Words) -> str:
    name, value = words["assessed"], words.get("value")
    said = _code(str(value)) or (f"{_code(name) or title(name)} {'' if value is None else value}".rstrip())
    items = ", ".join(f"{item} {points}" for item, points in words.get("items", {}).items())
    return f"{said} ({items})" if items else said


def _code(code: str) -> str:
    """The display of one of our own codes, the grades within them included; empty for another word."""
    wanted = code.replace("_", "-")
    concepts = codes.code_systems()["assessment"]["concept"]
    within = [one for concept in concepts for one in (concept, *concept.get("concept", ()))]
    return next((str(one["display"]) for one in within if one["code"] == wanted), "")


def _imaging(words: Words) -> str:
    regions = " and ".join(words.get("regions", ()))
    return f"{MODALITIES.get(words['imaging'], words['imaging'])} done" + (f" ({regions})" if regions else "")


def _order(words: Words) -> str:
    return f"{_titles(words['order'])}, {_state(words)}"


def _medication(words: Words) -> str:
    dose = f" {words['mg']} mg" if "mg" in words else ""
    every = f" every {words['every_weeks']} weeks" if "every_weeks" in words else ""
    unread = ", interval not understood" if words.get("interval_unread") else ""
    given = words.get("kind") == "given"
    return f"{_titles(words['medication'])}{dose}{every}{unread}, {'given' if given else _state(words)}"


def _state(words: Words) -> str:
    if words.get("draft"):
        return "being ordered" if words.get("selected", True) else "another draft order"
    return str(words.get("status", "ordered"))


def _procedure(words: Words) -> str:
    doses = ", ".join(_dose(dose) for dose in words.get("doses", ()))
    status = words.get("status", "completed")
    return f"{_titles(words['procedure'])}, {'done' if status == 'completed' else status}" + (
        f": {doses}" if doses else ""
    )


def _dose(dose: Words) -> str:
    fractions = f" in {dose['fractions']} fractions" if "fractions" in dose else ""
    return f"{dose['gray']} Gy{fractions}" + (f" to {' and '.join(dose['levels'])}" if dose.get("levels") else "")


SAID = {
    "finding": _finding,
    "measured": _measured,
    "assessed": _assessed,
    "imaging": _imaging,
    "order": _order,
    "medication": _medication,
    "procedure": _procedure,
}

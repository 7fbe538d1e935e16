"""The words of a card: facts as lines a doctor can read, safe as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from hooks.facts import Assessment, Fact, Finding, Imaging, Measurement, Medication, Order, Procedure, When
from hooks.questions.cancer import PRIMARY_WORDS
from hooks.questions.neurology import DEFICIT_WORDS
from hooks.units import UNITS

SUMMARY_LIMIT = 139  # CDS Hooks: fewer than 140 characters
LABEL_LIMIT = 80
READ_LIMIT = 2000
# What begins a mark, a tag, a link or an address, and how it is written so that it begins none.
_SPECIAL = re.compile(r"[\\`*_\[\]{}()#|~!:@&<>]|www\.")
_INERT = {
    **{mark: f"\\{mark}" for mark in "\\`*_[]{}()#|~!:@"},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "www.": "www\\.",
}
MODALITY_WORDS = {"MR": "MRI", "CT": "CT", "NM": "nuclear medicine scan", "PT": "PET", "XR": "plain film"}
ASSESSMENT_WORDS = {
    "sins": "SINS",
    "escc": "ESCC grade",
    "frankel": "Frankel grade",
    "ais": "ASIA impairment scale",
    "tokuhashi": "revised Tokuhashi score",
    "tomita": "Tomita score",
    "bauer": "modified Bauer score",
    "nesms": "NESMS",
    "katagiri": "Katagiri score",
    "disease_status": "disease status",
    "psychosocial_screening": "depression or anxiety screen",
    "pregnancy": "pregnancy test or status",
}
SPELT_OUT = {  # value-set names that do not read as English
    **PRIMARY_WORDS,
    "onj": "osteonecrosis of the jaw",
    "cauda_equina": "cauda equina compression",
    "external_beam_rt": "external beam radiotherapy",
    "rt_course_summary": "course of radiotherapy",
    "bone_met_irradiation": "radiotherapy of bone metastases",
    "stereotactic_radiosurgery": "stereotactic radiotherapy",
    "small_cell_lung": "small-cell lung cancer",
    "non_small_cell_lung": "non-small-cell lung cancer",
    "rfa_bone": "radiofrequency ablation of bone",
    "pathological_vertebral_fracture_neoplastic": "vertebral fracture through tumour",
}
_GRAVITY = {concept: place for place, concept in enumerate(DEFICIT_WORDS)}
BOUND_WORDS = {"": "", ">": "above ", "<": "below "}
MEASUREMENT_WORDS = {
    "calcium": "total calcium",
    "calcium_corrected": "albumin-corrected calcium",
    "calcium_ionised": "ionised calcium",
    "creatinine_clearance": "creatinine clearance",
    "alp": "alkaline phosphatase",
    "vitamin_d": "25-OH vitamin D",
    "body_weight": "body weight",
    "body_height": "body height",
    "pain_score": "pain score",
    "ecog": "ECOG",
    "kps": "Karnofsky",
    "life_expectancy": "life expectancy estimate",
}


def escape(text: str) -> str:
    """Text from the record, made inert: one line, no control characters, Markdown or HTML, at most 80 characters."""
    text = text[:READ_LIMIT]  # a text of megabytes is not worked through for its first line
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(text.split())
    if len(line) > LABEL_LIMIT:
        line = line[: LABEL_LIMIT - 1] + "…"
    return _SPECIAL.sub(_inert, line)


def _inert(found: re.Match[str]) -> str:
    return _INERT[found[0]]


def describe(fact: Fact) -> str:
    """One fact as a line: what, as the record words it, and when. The label of a score or test would only repeat it."""
    words = _words(fact)
    label = "" if isinstance(fact, (Measurement, Assessment)) else escape(fact.label)
    if label and label.lower() != words.lower():
        words = f"{words} (“{label}”)"
    draft = isinstance(fact, (Order, Medication)) and fact.draft  # of this session: its date says nothing
    return words if draft else f"{words}, {dated(fact)}"


def dated(fact: Fact) -> str:
    """The date of a fact in words; a missing one is said."""
    if isinstance(fact, Finding):
        if fact.onset:
            return f"since {fact.onset.text}"
        return f"recorded {fact.recorded.text}" if fact.recorded else "no date recorded"
    when: When | None = fact.when
    return when.text if when else "no date recorded"


def _words(fact: Fact) -> str:
    if isinstance(fact, Measurement):
        unit = UNITS.get(fact.name, "")
        value = BOUND_WORDS[fact.bound] + number(fact.value)
        unit = unit.removesuffix("s") if unit == "months" and fact.value == 1 else unit
        named = MEASUREMENT_WORDS.get(fact.name, fact.name)
        words = f"{named} {value}" if unit in ("ECOG", "KPS") else f"{named} {value} {unit}"
        return f"{words} (also {', '.join(map(number, fact.others))} at that time)" if fact.others else words
    if isinstance(fact, Assessment):
        named = ASSESSMENT_WORDS.get(fact.name, fact.name)
        value = (fact.value or "items only").rpartition("-")[2]
        graded = escape(value.upper() if fact.name in ("frankel", "ais") else value)
        return f"{named} {graded}" + (f" at {escape(fact.level)}" if fact.level else "")
    if isinstance(fact, Imaging):
        regions = ", ".join(sorted(fact.regions)) or "region not stated"
        return f"{MODALITY_WORDS.get(fact.modality, fact.modality)} ({regions})"
    if isinstance(fact, Order):
        return f"{'draft order' if fact.draft else 'order'}: {_concept_words(fact.concepts)}"
    if isinstance(fact, Medication):
        dose = f" {fact.dose_mg.normalize():f} mg" if fact.dose_mg else ""
        state = "draft order" if fact.draft else "given" if fact.kind == "given" else "ordered"
        return f"{_concept_words(fact.concepts)}{dose} ({state})"
    if isinstance(fact, Procedure):
        return _concept_words(fact.concepts)
    return _finding_words(fact)


def _finding_words(finding: Finding) -> str:
    words = _concept_words(finding.concepts)
    if finding.levels:
        words += f" at {', '.join(sorted(finding.levels))}"
    if finding.status == "past":
        words += ", past"
    return words if finding.certain else f"{words}, suspected"


def _concept_words(concepts: Iterable[str]) -> str:
    """The most telling concept in words; value-set names are written so that this reads as English."""
    concept = min(concepts, key=_least_telling, default=None)
    if concept is None:
        return "entry"
    if concept in DEFICIT_WORDS or concept in SPELT_OUT:
        return DEFICIT_WORDS.get(concept) or SPELT_OUT[concept]
    if concept.startswith("consult_"):
        return f"{concept.removeprefix('consult_').replace('_', ' ')} consult"
    return concept.replace("_", " ").replace("mri", "MRI").replace("ct ", "CT ")


def _least_telling(concept: str) -> tuple[int, int, str]:
    """Sorts the most telling one first: a deficit, the gravest before all, else the longest name."""
    return _GRAVITY.get(concept, len(_GRAVITY)), -len(concept), concept


def shorten(summary: str) -> str:
    """A summary within the limit of the standard, cut at a word."""
    if len(summary) <= SUMMARY_LIMIT:
        return summary
    return summary[: SUMMARY_LIMIT - 1].rpartition(" ")[0].rstrip(" ,;:") + "…"


def number(value: Decimal) -> str:
    """For display: two decimals at most, since a value converted from another unit may have any number of them."""
    return f"{round(value, 2).normalize():f}"


def sentence(words: str) -> str:
    """Words as the beginning of a sentence."""
    return words[:1].upper() + words[1:]


def section(title: str, lines: Iterable[str]) -> str:
    """A headed list, or nothing when there are no lines. What two rules say alike is said once."""
    told = list(lines)
    if len(told) > 1:
        first: dict[str, str] = {}
        for line in told:
            first.setdefault(line.replace("*", "").rstrip(".").casefold(), line)
        told = list(first.values())
    return "\n- ".join([f"**{title}**", *told]) if told else ""

"""What the form asks, section by section, and what its answers amount to: ready to be written, or what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from fhir_mappings import assessments, units
from fhir_mappings.assessments import GRADES, Filled
from hooks.questions import levels
from hooks.scores import answers as scores
from hooks.scores import sins
from hooks.scores.answers import FORMS, SCALES, SINS_MEANING, Result

LIFE = "life-expectancy"
SITED = ("sins", "escc")  # of one vertebra each
# Their day is that of the images, which is seldom today: nothing is taken for granted.
IMAGED = {"sins": "Date of the images", "escc": "Date of the MRI"}
TITLES = {
    **{key: form.title for key, form in FORMS.items()},
    "escc": "ESCC grade",
    "frankel": "Frankel grade",
    "ais": "ASIA impairment scale",
    **{key: scale.title for key, scale in SCALES.items()},
    LIFE: "Life expectancy",
}
SECTIONS = ("sins", "escc", "frankel", "ais", *SCALES, LIFE, *(key for key in FORMS if key != "sins"))
LONGEST = 20  # characters of an answer that is typed
NUMBER = re.compile(r"[0-9]{1,4}(?:[.,][0-9]{1,3})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
BORN = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}")  # as exactly as it is known
Wrong = dict[str, str]


@dataclass(frozen=True, slots=True)
class Section:
    """One assessment. `filled` when it can be written; else `missing` says why not, and is empty where it is blank.

    `wrong` are those of its fields that cannot be right, and why: they are among what is missing.
    """

    key: str
    title: str
    filled: Filled | None
    day: date
    missing: tuple[str, ...]
    result: Result | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def unstable(self) -> bool:
        """A SINS that is unstable, whatever its open items are; also where it cannot be written yet."""
        result = self.result
        return self.key == "sins" and result is not None and result.meaning == SINS_MEANING["unstable"]

    @property
    def words(self) -> str:
        """Exactly what would be written, in a sentence."""
        if self.filled is None:
            return ""
        at = f" at {self.filled.level}" if self.filled.level else ""
        return f"{self.title}{at}: {value_words(self.filled)}, of {self.day.isoformat()}"


def value_words(filled: Filled) -> str:
    if isinstance(filled.value, Decimal):
        return f"{filled.value} month{'' if filled.value == 1 else 's'}"
    if isinstance(filled.value, str):
        known = {one.code: one for one in assessments.grades(filled.name)}
        return f"{known[filled.value].display} ({known[filled.value].definition.rstrip('.')})"
    if filled.name in SCALES and isinstance(filled.value, int):
        return f"{filled.value} ({SCALES[filled.name].answers[filled.value]})"
    result = scores.result(filled.name, dict(filled.items))
    return result.words if filled.value is not None else f"{result.words}, the items without a total"


def item_words(filled: Filled) -> list[str]:
    """The parts of a score, each in words with its points."""
    if filled.name not in FORMS:
        return []
    points = dict(filled.items)
    return [
        f"{one.name}: {one.answers[points[one.key]]} ({points[one.key]})"
        if one.key in points
        else f"{one.name}: not assessed, not written"
        for one in FORMS[filled.name].items
    ]


def choices(field: str) -> tuple[str, ...] | None:
    """The answers that a field may have; None where it is typed. KeyError for a field that there is not."""
    return _FIELDS[field]


def _fields() -> Iterator[tuple[str, tuple[str, ...] | None]]:
    for section in SECTIONS:
        yield f"{section}.date", None
        if section in SITED:
            yield f"{section}.level", assessments.levels()
        if section in FORMS:
            for item in FORMS[section].items:
                yield f"{section}.{item.key}", tuple(map(str, item.answers))
        elif section in GRADES:
            yield f"{section}.grade", tuple(one.code for one in assessments.grades(section))
        elif section in SCALES:
            yield f"{section}.grade", tuple(map(str, SCALES[section].answers))
        else:
            yield f"{section}.months", None


_FIELDS = dict(_fields())


def answers(sent: Mapping[str, str]) -> dict[str, str]:
    """Those answers of a sent form that our own form can have sent; what is blank is left out."""
    found = {
        field: sent[field].strip()
        for field, may in _FIELDS.items()
        if sent.get(field, "").strip() and (sent[field] in may if may else len(sent[field].strip()) <= LONGEST)
    }
    begun = {field.partition(".")[0] for field in found if not field.endswith(".date")}  # a day alone says nothing
    return {field: one for field, one in found.items() if field.partition(".")[0] in begun}


def sections(given: Mapping[str, str], today: date, born: str = "") -> list[Section]:
    """Every section, blank ones too, in the order of the page. `born` is a FHIR date, or no date if unknown."""
    return [_section(key, given, today, born) for key in SECTIONS]


def _section(key: str, given: Mapping[str, str], today: date, born: str) -> Section:
    own = {name.split(".")[1]: one for name, one in given.items() if name.split(".")[0] == key}
    stated = own.pop("date", "")
    day, wrong = _day(stated, today, born)
    level = own.pop("level", None)
    if not own:
        return Section(key, TITLES[key], None, day, (), _result(key, {}))
    filled, missing, misread = _read(key, own, level)
    wrong |= misread
    asked = (
        *(("Level of the spine",) if key in SITED and level is None else ()),
        *((IMAGED[key],) if key in IMAGED and not stated else ()),
    )
    missing = (*missing, *asked, *wrong.values())
    return Section(key, TITLES[key], None if missing else filled, day, missing, _result(key, own), wrong)


def _read(key: str, own: Mapping[str, str], level: str | None) -> tuple[Filled | None, tuple[str, ...], Wrong]:
    """What can be recorded, what is missing, and which fields cannot be right."""
    if key == LIFE:
        return _months(own["months"])
    if key in GRADES:
        return Filled(key, own["grade"], level), (), _roots(key, level)
    if key in SCALES:
        return Filled(key, int(own["grade"])), (), {}
    points = {item: int(one) for item, one in own.items()}
    result = _result(key, own)
    wrong = _misplaced(key, points, level)
    if result is None:
        return None, ("These answers contradict each other",), wrong
    if result.total is None and not (key == "sins" and result.meaning == SINS_MEANING["unstable"]):
        return None, result.missing, wrong
    return Filled(key, result.total, level, tuple(points.items())), (), wrong


def _result(key: str, own: Mapping[str, str]) -> Result | None:
    """The total so far; None where there is none, or where the answers contradict each other."""
    if key not in FORMS:
        return None
    try:
        return scores.result(key, {item: int(one) for item, one in own.items()})
    except ValueError:
        return None


def _months(text: str) -> tuple[Filled | None, tuple[str, ...], Wrong]:
    lowest, highest = units.PLAUSIBLE.get("life_expectancy", (Decimal(0), Decimal(600)))
    if not NUMBER.fullmatch(text):
        return None, (), {"months": "Months as a number"}
    months = Decimal(text.replace(",", "."))
    if not lowest <= months <= highest or months != round(months, 1):
        return None, (), {"months": f"Months between {lowest} and {highest}, with one decimal at most"}
    return Filled(LIFE, months), (), {}


def _misplaced(key: str, points: Mapping[str, int], level: str | None) -> Wrong:
    """A location that is not that of the level: one of the two is wrong, and which cannot be guessed."""
    of_level = sins.location_points(level) if key == "sins" and level else None
    wrong = of_level is not None and points.get("location", of_level) != of_level
    return {"location": f"Location: the level {level} scores {of_level}, not {points['location']}"} if wrong else {}


def _roots(key: str, level: str | None) -> Wrong:
    below = key == "escc" and level in levels.BELOW_CORD
    return {"level": f"ESCC grades the cord, and there is none at {level}"} if below else {}


def _day(text: str, today: date, born: str) -> tuple[date, Wrong]:
    """Without a date: today."""
    if not text:
        return today, {}
    try:
        day = date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        return today, {"date": "Date as year-month-day"}
    if day > today:
        return day, {"date": "Date: lies in the future"}
    early = BORN.fullmatch(born) and text[: len(born)] < born
    return day, {"date": "Date: lies before the patient was born"} if early else {}

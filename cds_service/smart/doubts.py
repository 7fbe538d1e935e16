"""What a clinician sees beside an entry before it is written: what is on record, and what it would contradict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cds_service.smart.form import Section
from hooks.card_text import describe
from hooks.facts import Assessment, Facts, Measurement, When
from hooks.plain_text import plain
from hooks.questions import cancer, entered, recorded
from hooks.questions.recorded import Recorded
from hooks.scores import answers

UNSTABLE = (
    "Unstable, whatever is still open: call the spine surgeon now. Do not wait for missing items or for this entry."
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that has to be confirmed by itself before the entry is written. `id` names it in the sent form."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A section beside the chart: its own newest entries in words, doubts, and what must be said with a total."""

    section: Section
    on_record: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    caveats: tuple[str, ...]


def check(ready: Sequence[Section], facts: Facts) -> list[Checked]:
    """Each section that can be written, held against the chart and against the others."""
    entries = {one.key: entry(one) for one in ready}
    against = entered.contradictions(entries.values(), facts)
    sites = cancer.primary_sites(facts)
    return [
        Checked(
            one,
            tuple(_words(old) for old in recorded.newest(facts, entries[one.key].name)),
            tuple(_doubts(one, entries[one.key], against.get(entries[one.key].name, ()), facts)),
            answers.caveats(one.key, sites) if one.key in answers.FORMS else (),
        )
        for one in ready
    ]


def entry(section: Section) -> Recorded:
    """The section as the rules would read it from the chart. ValueError where nothing can be written."""
    filled = section.filled
    if filled is None:
        raise ValueError("nothing to check")
    name, when = section.key.replace("-", "_"), When.on(section.day)
    if section.key in answers.SCALES or isinstance(filled.value, Decimal):
        return Measurement("", name, Decimal(filled.value or 0), when)
    value = None if filled.value is None else str(filled.value)
    return Assessment("", name, value, when, filled.level, filled.items)


def _doubts(section: Section, new: Recorded, against: Iterable[str], facts: Facts) -> Iterable[Doubt]:
    for old in recorded.graver(facts, new):
        yield _doubt(
            f"The chart says worse: {_words(old)}. I have checked that this no longer holds, and that it is now "
            f"{section.words}."
        )
    for contradiction in against:
        yield _doubt(f"{contradiction} I have checked that what I entered is right.")


def _doubt(words: str) -> Doubt:
    return Doubt(hashlib.sha256(words.encode()).hexdigest()[:16], words)


def _words(old: Recorded) -> str:
    """With the band of a SINS, and where it stands."""
    found = recorded.band(old)
    return f"{plain(describe(old))}{f', {found}' if found else ''} ({old.source})"

"""What local treatment of the spine was done, or is on order: surgery, radiotherapy, cement, ablation?"""

from __future__ import annotations

from hooks.facts import Facts, Finding, Order, Procedure, When
from hooks.questions import imaging

SURGERY = ("spine_surgery",)
RADIOTHERAPY = (
    "bone_met_irradiation",
    "stereotactic_radiosurgery",
    "external_beam_rt",
    "rt_course_summary",
    "radiotherapy",
)
AUGMENTATION = ("vertebroplasty", "kyphoplasty", "rfa_bone")


def done(facts: Facts, *concepts: str) -> tuple[Procedure, ...]:
    """Procedures of that kind, completed or going on, newest first."""
    wanted = frozenset(concepts)
    return tuple(p for p in facts.procedures if p.concepts & wanted)


def done_since(facts: Facts, start: When | None, *concepts: str) -> tuple[Procedure, ...]:
    """Those surely done on or after `start`, of the spine or of a site not stated; none when a date is not known."""
    found = tuple(p for p in done(facts, *concepts) if not p.elsewhere)
    return tuple(p for p in found if start and p.when and p.when.surely_since(start))


def irradiated(facts: Facts) -> tuple[Procedure | Finding, ...]:
    """Every sign of radiotherapy given, whatever its site: fields beside the spine reach the cord as well."""
    return (*done(facts, *RADIOTHERAPY), *facts.finding("prior_irradiation"))


def again(facts: Facts) -> tuple[str, ...]:
    """E8. What to say of dose where radiotherapy is on record, as a date for the line; nothing without any."""
    given = irradiated(facts)
    dates = [one.when for one in given if one.when]
    return (max(dates, key=lambda when: when.latest).text if dates else "date not recorded",) if given else ()


def before_surgery(facts: Facts, when: When | None) -> bool:
    """Was the spine operated on since? Then what was judged before does not describe it any more."""
    return bool(done_since(facts, when, *SURGERY))


def ordered_since(facts: Facts, start: When | None, *concepts: str) -> tuple[Order, ...]:
    """Active orders of that kind, not for another site, placed surely on or after `start`; a draft is not placed."""
    return tuple(
        o
        for o in imaging.pending(facts, *concepts)
        if o.status == "active" and not o.elsewhere and start and o.when and o.when.earliest >= start.latest
    )


def words(procedures: tuple[Procedure, ...]) -> str:
    """The newest of some operations or courses of radiotherapy, for a line: what and when."""
    first = procedures[0]
    what = "spine surgery" if first.concepts & set(SURGERY) else "radiotherapy"
    return f"{what} of {first.when.text if first.when else 'an unknown date'}"


def dose_words(procedure: Procedure) -> str:
    """What a course gave to the spine; the highest dose where no volume is known to lie in it; empty if not known."""
    in_spine = [one for one in procedure.doses if one.levels]
    if not procedure.doses:
        return ""
    first = (in_spine or procedure.doses)[0]
    place = ", ".join(sorted(first.levels)) if first.levels else "volume not stated as spine"
    fractions = f" in {first.fractions} fractions" if first.fractions else ""
    return f"{(first.dose_cgy / 100).normalize():f} Gy{fractions} ({place})"

"""What local treatment of the spine was done, or is on order: surgery, radiotherapy, cement, ablation?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from hooks.facts import Fact, Facts, Finding, Irradiated, Order, Procedure, When
from hooks.questions import imaging, levels

SURGERY = ("spine_surgery",)
RADIOTHERAPY = (
    "bone_met_irradiation",
    "stereotactic_radiosurgery",
    "external_beam_rt",
    "rt_course_summary",
    "radiotherapy",
)
LISTED = 3  # courses told one by one in a line
AUGMENTATION = ("vertebroplasty", "kyphoplasty", "rfa_bone")


def done(facts: Facts, *concepts: str) -> tuple[Procedure, ...]:
    """Procedures of that kind, completed or going on, newest first."""
    return tuple([p for p in facts.procedures if not p.concepts.isdisjoint(concepts)])


def done_since(facts: Facts, start: When | None, *concepts: str) -> tuple[Procedure, ...]:
    """Those surely done on or after `start`, of the spine or of a site not stated; none when a date is not known."""
    found = tuple(p for p in done(facts, *concepts) if not p.elsewhere)
    return tuple(p for p in found if start and p.when and p.when.surely_since(start))


def operated(facts: Facts) -> tuple[Procedure, ...]:
    """Operations of the spine, newest first."""
    return tuple(p for p in done(facts, *SURGERY) if not p.elsewhere)


def irradiated(facts: Facts) -> tuple[Procedure | Finding, ...]:
    """Every sign of radiotherapy given, whatever its site: fields beside the spine reach the cord as well."""
    return (*done(facts, *RADIOTHERAPY), *facts.finding("prior_irradiation"))


def again(facts: Facts) -> tuple[str, ...]:
    """E8. What to say where radiotherapy is on record: its doses, or else where and when last; nothing without any."""
    given = irradiated(facts)
    courses = dosed(facts)
    if courses:
        return (_listed(courses, [one for one in given if one not in courses]),)
    if not given:
        return ()
    last = max(given, key=lambda one: one.when.latest if one.when else date.min)
    place = [", ".join(sorted(last.levels, key=_from_above))] if last.levels else []
    return (", ".join([*place, last.when.text if last.when else "date not recorded"]),)


def irradiated_there(facts: Facts, order: Order) -> tuple[str, ...]:
    """The vertebrae of an order that were irradiated before or lie next to one that was, from above, in words."""
    before = frozenset(level for one in irradiated(facts) for level in _levels(one) if level in levels.VERTEBRAE)
    wanted = (level for level in order.levels if level in levels.VERTEBRAE)
    met = [level for level in wanted if any(not levels.apart((level, other)) for other in before)]
    words = {True: "the same level", False: "adjacent"}
    return tuple(f"{level} ({words[level in before]})" for level in sorted(met, key=_from_above))


def _levels(one: Procedure | Finding) -> frozenset[str]:
    volumes = one.doses if isinstance(one, Procedure) else ()
    return one.levels.union(*(volume.levels for volume in volumes))


def dosed(facts: Facts) -> tuple[Procedure, ...]:
    """The courses of which the record gives a dose, newest first."""
    return tuple(one for one in done(facts, *RADIOTHERAPY) if one.doses)


def _listed(courses: tuple[Procedure, ...], others: Sequence[Fact]) -> str:
    words = [course_words(one) for one in courses[:LISTED]]
    more = len(courses) - LISTED
    words += [f"{more} older ones with a dose"] if more > 0 else []
    return "; ".join(words) + (f"; and {len(others)} without a dose" if others else "")


def course_words(course: Procedure) -> str:
    """A course of which a dose is known: the dose, where, and when."""
    return f"{dose_words(course)}, {course.when.text if course.when else 'date not recorded'}"


def not_recorded(facts: Facts) -> tuple[str, ...]:
    """What the record does not say of earlier radiotherapy, where it gives a dose of it."""
    courses = dosed(facts)
    told = [(one, volume) for one in courses for volume in _told(one)]
    return tuple(
        word
        for word, lacking in (
            ("dose and levels of the entries without a dose", len(courses) < len(irradiated(facts))),
            ("fractions", not all(volume.fractions for _, volume in told)),
            ("levels", not all(volume.levels or one.elsewhere for one, volume in told)),
            ("date", not all(one.when for one in courses)),
        )
        if lacking
    )


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
    return " and ".join(_volume(one, procedure) for one in _told(procedure))


def _told(procedure: Procedure) -> tuple[Irradiated, ...]:
    """Every volume that met the spine, as each may be irradiated again; else the one of the highest dose."""
    return tuple(one for one in procedure.doses if one.levels) or procedure.doses[:1]


def _volume(one: Irradiated, course: Procedure) -> str:
    dose = f"{(one.dose_cgy / 100).normalize():f} Gy"
    if one.fractions:
        dose += f" in {one.fractions} fraction{'' if one.fractions == 1 else 's'}"
    if one.levels:
        return f"{dose} to {', '.join(sorted(one.levels, key=_from_above))}"
    if course.elsewhere:
        return f"{dose} outside the spine"
    site = f", course at {', '.join(sorted(course.levels, key=_from_above))}" if course.levels else ""
    return f"{dose}, volume not stated as spine{site}"


def _from_above(level: str) -> tuple[int, str]:
    return (levels.VERTEBRAE.index(level) if level in levels.VERTEBRAE else len(levels.VERTEBRAE), level)

"""Radiotherapy of the spine is being ordered: is a surgeon needed first, and was the spine irradiated before?"""

from __future__ import annotations

from dataclasses import dataclass

from hooks import advice, knowledge, proposals
from hooks.facts import Fact, Facts, Order, Procedure
from hooks.outcomes import CannotTell, Outcome, Recommend, Suggestion, Wording, each_once
from hooks.questions import cancer, care, compression, histology, imaging, noms, pregnancy, readiness, treatment

KNOWLEDGE = knowledge.load(__name__)
SURGEON, RADIOTHERAPY = "consult_spine_neurosurgery", "consult_radiation_oncology"
IMAGING = ("MR", "CT")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the order raises, each part with the facts behind it or empty."""

    table: noms.Noms
    pregnant: tuple[pregnancy.Sign, ...]
    infected: tuple[Fact, ...]
    emergency: tuple[Fact, ...]
    prior: tuple[Fact, ...]
    there: tuple[str, ...]  # levels of the order that were irradiated, or lie next to one that was
    operation: tuple[Order, ...]
    operated: tuple[Procedure, ...]
    gaps: tuple[str, ...]
    surgeon: str  # why a surgeon comes first, in words; empty where none does
    no_primary: bool
    stereotactic: bool


def decide(facts: Facts) -> Outcome:
    """R2, R5, R6, R28, E8, E9, E12, E13, NOMS: speaks for every spinal order, as earlier courses are seldom known."""
    drafts = of_spine(facts)
    if not drafts:
        elsewhere = facts.selected_orders(*treatment.RADIOTHERAPY)
        return CannotTell(("a radiotherapy order for the spine",), because=elsewhere)
    tumour = readiness.spinal_tumour(facts)
    if not tumour and not any(o.levels for o in drafts):
        ask = bool(cancer.bone_metastases(facts))
        return CannotTell(("whether the radiotherapy is for the spine",), ask=ask, because=drafts)
    asked = _asked(facts, drafts, tumour)
    table = asked.table.because if asked.surgeon or asked.table.row else ()
    done = (*asked.prior, *asked.operated[:1])
    because = (*asked.pregnant, *asked.infected, *drafts, *tumour[:2], *asked.emergency, *done, *table)
    return Recommend(
        because=each_once(because),
        says=_wording(facts, asked),
        missing=(*asked.gaps, "earlier radiotherapy of the spine, here or elsewhere: usually not in this record"),
        suggestions=_suggestions(facts, tumour, asked),
    )


def of_spine(facts: Facts) -> tuple[Order, ...]:
    """Radiotherapy being ordered, but for what names a site outside the spine."""
    return tuple(o for o in facts.selected_orders(*treatment.RADIOTHERAPY) if not o.elsewhere)


def _asked(facts: Facts, drafts: tuple[Order, ...], tumour: tuple[Fact, ...]) -> Asked:
    fresh = KNOWLEDGE.value("fresh")
    table = noms.of(facts)
    return Asked(
        table=table,
        pregnant=pregnancy.signs(facts, KNOWLEDGE.value("pregnancy")),
        infected=advice.infected(facts),
        emergency=readiness.emergency(facts, fresh),
        prior=treatment.irradiated(facts),
        there=tuple(dict.fromkeys(level for o in drafts for level in treatment.irradiated_there(facts, o))),
        operation=imaging.pending(facts, *treatment.SURGERY),
        operated=treatment.operated(facts),
        gaps=_gaps(facts),
        surgeon=_why_surgeon(facts) if _surgeon_first(facts, table) else "",
        no_primary=bool(tumour) and _no_primary(facts),
        stereotactic=_stereotactic(table, drafts),
    )


def _surgeon_first(facts: Facts, table: noms.Noms) -> bool:
    """NOMS rows that begin with the surgeon, an unstable spine, or high-grade compression of a resistant tumour."""
    if table.row:
        return table.row.number > 1 and table.row.consults[0] == SURGEON
    unstable, _, _ = noms.stable(facts)
    high = bool(compression.current(facts, KNOWLEDGE.value("fresh")))
    return bool(unstable) or (high and histology.radiosensitivity(facts).kind == "resistant")


def _why_surgeon(facts: Facts) -> str:
    """Only what holds for this patient: instability, the compression, or both."""
    axes = noms.axes_of(facts)
    grade = {"high": "compression on record", "grey": "ESCC 1c"}.get(axes.grade or "")
    known = [part for part in ("unstable spine" if axes.unstable else "", grade) if part]
    return " and ".join(known) or "need for surgery not yet judged"


def _no_primary(facts: Facts) -> bool:
    """E12. Not where the problem list came in part, nor in hospice care, where no primary is searched for."""
    return facts.knows("conditions") and not cancer.known_primaries(facts) and not care.comfort_focused(facts)


def _gaps(facts: Facts) -> tuple[str, ...]:
    """SINS, and imaging of the spine that is not older than the baseline window."""
    return tuple(
        line.format_map(KNOWLEDGE.thresholds)
        for line, known in (
            ("SINS within {fresh}", readiness.scored(facts, KNOWLEDGE.value("fresh"))),
            ("MRI of the spine within {baseline}", _recent_images(facts)),
        )
        if not known
    )


def _recent_images(facts: Facts) -> bool:
    baseline = KNOWLEDGE.value("baseline")
    studies = imaging.spine_studies(facts, *IMAGING)
    return any(s.when and s.when.surely_within(baseline, facts.as_of) for s in studies)


def _not_imaged(facts: Facts, asked: Asked) -> bool:
    """A deficit or compression that no image of the spine explains: the field cannot be known."""
    row = asked.table.row
    return bool(asked.emergency) and row is not None and row.number == 1 and not _recent_images(facts)


def _variant(facts: Facts, asked: Asked) -> str:
    """The gravest question; the others follow as lines."""
    if any(pregnancy.is_certain(sign) for sign in asked.pregnant):
        return "pregnant_emergency" if asked.emergency else "pregnant"
    if asked.infected:
        return "infection"
    if _not_imaged(facts, asked):
        return "image"
    if asked.surgeon:
        return "operation" if asked.operation else "surgeon"
    if asked.no_primary and not asked.emergency:
        return "tissue"
    if asked.prior:
        return "again_known" if treatment.dosed(facts) else "again"
    if asked.emergency:
        return "emergency"
    return "gaps" if asked.gaps else "stereotactic" if asked.stereotactic else "ask"


def _wording(facts: Facts, asked: Asked) -> Wording:
    gaps = ", ".join(line.partition(" within")[0] for line in asked.gaps)
    variant = _variant(facts, asked)
    text = _text(facts, variant, gaps, asked)
    stopped = variant in ("pregnant", "infection")
    lines = [*advice.infection(facts), *text.do, *_pregnancy_lines(facts, asked)]
    lines += [] if stopped else [*_tissue_lines(asked, variant), *_operated_lines(facts, asked)]
    lines += [asked.table.line()] if asked.table.row and not asked.infected and variant != "image" else []
    lines += [] if asked.infected else _dose_lines(facts, asked, variant)
    if variant == "image":
        lines += proposals.spine_imaging_lines(facts, ct_said=True)
    if asked.emergency and not stopped and variant not in ("emergency", "image", "pregnant_emergency"):
        lines.append(KNOWLEDGE.text("no_delay"))
    if not readiness.oncology_asked(facts, KNOWLEDGE.value("oncology")):
        lines.append(KNOWLEDGE.text("oncology"))
    return Wording(text.indicator, text.summary, tuple(lines), text.why, text.why_not)


def _tissue_lines(asked: Asked, variant: str) -> list[str]:
    """E12 on a card whose first word is another; tissue never costs the cord its hours."""
    if not asked.no_primary or variant == "tissue":
        return []
    return [KNOWLEDGE.text("tissue_emergency" if asked.emergency else "tissue_line")]


def _operated_lines(facts: Facts, asked: Asked) -> list[str]:
    """R12: which operation went before, and while it heals, that the wound decides; not where the cord is in danger."""
    if not asked.operated:
        return []
    when = asked.operated[0].when
    heals = not asked.emergency and (when is None or when.maybe_within(KNOWLEDGE.value("wound"), facts.as_of))
    return [KNOWLEDGE.text("operated_lately" if heals else "operated", operation=treatment.words(asked.operated))]


def _text(facts: Facts, variant: str, gaps: str, asked: Asked) -> Wording:
    """An earlier course stands in the summary with its dose where there is room."""
    words = {"gaps": gaps, "study": proposals.study(facts), "surgeon": asked.surgeon}
    words["cancer"] = cancer.name(facts)
    if asked.prior:
        words["courses"] = treatment.again(facts)[0]
    if variant == "again":
        return advice.that_fits(KNOWLEDGE.card(one, **words) for one in ("again", "again_short"))
    if variant != "again_known":
        return KNOWLEDGE.card(variant, **words)
    return advice.that_fits(KNOWLEDGE.card(one, **words) for one in ("again_known", "again_known_short"))


def _dose_lines(facts: Facts, asked: Asked, variant: str) -> list[str]:
    """Of earlier courses and of stereotactic treatment."""
    lines = list(advice.again(facts)) if asked.prior else [] if variant == "ask" else [KNOWLEDGE.text("prior")]
    lines += [KNOWLEDGE.text("there", there=" and ".join(asked.there))] if asked.there else []
    unknown = treatment.not_recorded(facts) if treatment.dosed(facts) else ()
    lines += [KNOWLEDGE.text("obtain", unknown=" and ".join(unknown))] if unknown else []
    return lines + ([KNOWLEDGE.text("stereotactic_line")] if asked.stereotactic and variant != "stereotactic" else [])


def _pregnancy_lines(facts: Facts, asked: Asked) -> list[str]:
    """E9: a test where pregnancy is possible, or only suspected, and was not excluded within days."""
    if any(pregnancy.is_certain(sign) for sign in asked.pregnant):
        return []
    possible = pregnancy.possible(facts, KNOWLEDGE.value("childbearing"))
    excluded = pregnancy.excluded(facts, KNOWLEDGE.value("test_fresh"))
    if not asked.pregnant and (excluded or not possible):
        return []
    return [KNOWLEDGE.text("test_emergency" if asked.emergency else "test")]


def _stereotactic(table: noms.Noms, drafts: tuple[Order, ...]) -> bool:
    """R5: a resistant tumour without compression in a fit patient, and the order is not stereotactic yet."""
    ordered = any("stereotactic_radiosurgery" in o.concepts for o in drafts)
    return table.row is not None and table.row.number == 10 and not ordered


def _suggestions(facts: Facts, tumour: tuple[Fact, ...], asked: Asked) -> tuple[Suggestion, ...]:
    urgent = "stat" if asked.emergency else "urgent"
    image = proposals.spine_imaging(facts, "stat", tumour[:2]) if _not_imaged(facts, asked) else ()
    surgeon = asked.infected or (asked.surgeon and not asked.operation)
    concepts = (SURGEON,) if surgeon else (RADIOTHERAPY,) if asked.stereotactic else ()
    return (*image, *(s for concept in concepts for s in proposals.consult(facts, concept, tumour[:2], urgent)))

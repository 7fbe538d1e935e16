"""Radiotherapy of the spine is being ordered: is a surgeon needed first, and was the spine irradiated before?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Order
from hooks.outcomes import CannotTell, Outcome, Recommend, Suggestion, Wording
from hooks.questions import cancer, compression, histology, imaging, noms, readiness, treatment

KNOWLEDGE = knowledge.load(__name__)
SURGEON = "consult_spine_neurosurgery"
IMAGING = ("MR", "CT")


def decide(facts: Facts) -> Outcome:
    """R2, R5, R6, R28, E8, NOMS: speaks for every spinal order, as earlier courses are rarely on record."""
    drafts = facts.selected_orders(*treatment.RADIOTHERAPY)
    if not drafts:
        return CannotTell(("a radiotherapy order",))
    tumour = readiness.spinal_tumour(facts)
    if not tumour and not any(o.levels for o in drafts):
        ask = bool(cancer.bone_metastases(facts))
        return CannotTell(("whether the radiotherapy is for the spine",), ask=ask, because=drafts)
    table = noms.of(facts)
    emergency = readiness.emergency(facts, KNOWLEDGE.value("fresh"))
    prior = _prior(facts)
    surgeon = _surgeon_first(facts, table)
    gaps = _gaps(facts)
    because = (*drafts, *tumour[:2], *emergency, *prior, *(table.because if surgeon or table.row else ()))
    return Recommend(
        because=tuple(dict.fromkeys(because)),
        says=_wording(facts, _variant(surgeon, bool(emergency), prior, gaps), table, prior, drafts),
        missing=(*gaps, "earlier radiotherapy of the spine, here or elsewhere: usually not in this record"),
        suggestions=_suggestions(facts, tumour, surgeon, bool(emergency)),
    )


def _prior(facts: Facts) -> tuple[Fact, ...]:
    """Any radiotherapy on record; which level it met is for the specialist to find out."""
    return (*treatment.done(facts, *treatment.RADIOTHERAPY), *facts.finding("prior_irradiation"))


def _surgeon_first(facts: Facts, table: noms.Noms) -> bool:
    """NOMS rows that begin with the surgeon, an unstable spine, or high-grade compression of a resistant tumour."""
    if table.row:
        return table.row.number > 1 and table.row.consults[0] == SURGEON
    unstable, _, _ = noms.stable(facts)
    high = bool(compression.current(facts, KNOWLEDGE.value("fresh")))
    return bool(unstable) or (high and histology.radiosensitivity(facts).kind == "resistant")


def _gaps(facts: Facts) -> tuple[str, ...]:
    """SINS, and imaging of the spine that is not older than the baseline window."""
    baseline = KNOWLEDGE.value("baseline")
    studies = imaging.spine_studies(facts, *IMAGING)
    imaged = any(s.when and s.when.surely_within(baseline, facts.as_of) for s in studies)
    return tuple(
        line.format_map(KNOWLEDGE.thresholds)
        for line, known in (
            ("SINS within {fresh}", readiness.scored(facts, KNOWLEDGE.value("fresh"))),
            ("MRI of the spine within {baseline}", imaged),
        )
        if not known
    )


def _variant(surgeon: bool, emergency: bool, prior: tuple[Fact, ...], gaps: tuple[str, ...]) -> str:
    if surgeon:
        return "surgeon"
    if prior:
        return "again"
    if emergency:
        return "emergency"
    return "gaps" if gaps else "ask"


def _wording(
    facts: Facts, variant: str, table: noms.Noms, prior: tuple[Fact, ...], drafts: tuple[Order, ...]
) -> Wording:
    gaps = ", ".join(line.partition(" within")[0] for line in _gaps(facts))
    text = KNOWLEDGE.card(variant, cancer=cancer.name(facts), gaps=gaps)
    lines = [*text.do, *([table.line()] if table.row else [])]
    lines += [KNOWLEDGE.text("schedules")] if prior else [] if variant == "ask" else [KNOWLEDGE.text("prior")]
    if _stereotactic(table, drafts):
        lines.append(KNOWLEDGE.text("stereotactic"))
    if readiness.emergency(facts, KNOWLEDGE.value("fresh")) and variant != "emergency":
        lines.append(KNOWLEDGE.text("no_delay"))
    if not readiness.oncology_asked(facts, KNOWLEDGE.value("oncology")):
        lines.append(KNOWLEDGE.text("oncology"))
    return Wording(text.indicator, text.summary, tuple(lines), text.why, text.why_not)


def _stereotactic(table: noms.Noms, drafts: tuple[Order, ...]) -> bool:
    """R5: a resistant tumour without compression in a fit patient, and the order is not stereotactic yet."""
    ordered = any("stereotactic_radiosurgery" in o.concepts for o in drafts)
    return table.row is not None and table.row.number == 10 and not ordered


def _suggestions(facts: Facts, tumour: tuple[Fact, ...], surgeon: bool, emergency: bool) -> tuple[Suggestion, ...]:
    if not surgeon:
        return ()
    return proposals.consult(facts, SURGEON, tumour[:2], "stat" if emergency else "urgent")

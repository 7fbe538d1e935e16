"""Spinal metastases of a tumour that answers to drugs: is an oncologist involved now?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Finding, Order
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording
from hooks.questions import cancer, care, compression, histology

KNOWLEDGE = knowledge.load(__name__)
# The source text names lymphoma, myeloma, breast and prostate; germ cell and small-cell lung cancer are added (ours).
CHEMOSENSITIVE = (
    "primary_lymphoma",
    "primary_myeloma",
    "primary_breast",
    "primary_prostate",
    "primary_testis_seminoma",
    "small_cell_lung",
)
BLOOD = frozenset({"primary_lymphoma", "primary_myeloma"})
ONCOLOGY = care.CONSULTS["medical oncology"]


def decide(facts: Facts) -> Outcome:
    """R13, R24: systemic treatment needs an oncologist now, and never stands in for the local treatment of the cord."""
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(("whether the spine is affected",), because=cancer.bone_metastases(facts))
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: no systemic treatment is proposed", comfort)
    tumours = tuple(f for f in facts.finding(*CHEMOSENSITIVE) if f.certain)
    if not tumours:
        return _not_known_to_answer(facts)
    recent = _recent(facts)
    if recent:
        return NotApplicable("an oncologist is involved", recent)
    ever = care.placed(facts, ONCOLOGY)
    compressed = compression.current(facts, KNOWLEDGE.value("new_compression"))
    because = (*metastases, *tumours, *compressed, *ever)
    return Recommend(
        because=because,
        says=_wording(facts, tumours, ever, bool(compressed)),
        missing=("which systemic treatment is running: cancer drugs are not read by this service",),
        suggestions=proposals.consult(facts, ONCOLOGY[0], because, "asap"),
    )


def _not_known_to_answer(facts: Facts) -> CannotTell:
    """A lung cancer may be small-cell; any other tumour is for the tumour board, not for this rule."""
    lung = tuple(f for f in facts.finding("primary_lung") if f.certain and not f.concepts & histology.LUNG_TYPES)
    if lung:
        return CannotTell(("histology of the lung cancer: small-cell or not",), ask=True, because=lung)
    return CannotTell(("a tumour that usually answers to systemic treatment",), because=cancer.primaries(facts))


def _recent(facts: Facts) -> tuple[Order, ...]:
    """Oncology asked within the window; an open referral without a date counts, a completed one does not."""
    window = KNOWLEDGE.value("recent_oncology")
    return tuple(
        o
        for o in care.placed(facts, ONCOLOGY)
        if (o.when.maybe_within(window, facts.as_of) if o.when else o.status != "completed")
    )


def _wording(facts: Facts, tumours: tuple[Finding, ...], ever: tuple[Fact, ...], compressed: bool) -> Wording:
    text = KNOWLEDGE.card("lapsed" if ever else "open", cancer=cancer.name(facts))
    lines = [KNOWLEDGE.text("compression")] if compressed else []
    lines += text.do
    if any(f.concepts & BLOOD for f in tumours):
        lines.append(KNOWLEDGE.text("tissue"))
    return Wording(text.indicator, text.summary, tuple(lines), text.why, text.why_not)

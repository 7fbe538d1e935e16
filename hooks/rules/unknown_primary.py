"""Spinal metastases without a known primary: is tissue being obtained before treatment?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording
from hooks.questions import cancer, care, compression, neurology

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """E12: tissue, and a search for the primary, before surgery or radiotherapy unless the cord cannot wait."""
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(("whether the spine is affected",), because=cancer.bone_metastases(facts))
    known = cancer.known_primaries(facts)
    if known:
        return NotApplicable("a primary tumour is on record", known)
    if not facts.knows("conditions"):
        return CannotTell(("the primary tumour: the problem list did not arrive in full",), because=metastases)
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: no search for the primary is proposed", comfort)
    emergency = _emergency(facts)
    oncology = care.placed(facts, care.CONSULTS["medical oncology"])
    said = facts.finding("primary_unknown")
    because = (*metastases, *said, *emergency, *oncology)
    variant = "emergency" if emergency else "asked" if oncology else "open"
    text = KNOWLEDGE.card(variant)
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, (*text.do, *_history(facts)), text.why, text.why_not),
        missing=("the primary tumour",),
        suggestions=proposals.consult(facts, "consult_medical_oncology", because, "urgent"),
        longest_rest=KNOWLEDGE.rests.get(variant),
    )


def _emergency(facts: Facts) -> tuple[Fact, ...]:
    window = KNOWLEDGE.value("new_deficit")
    return (*compression.current(facts, window), *neurology.new_deficits(facts, window))


def _history(facts: Facts) -> tuple[str, ...]:
    """A past cancer that is coded without its site is where to look first."""
    past = any(cancer.HISTORY in f.concepts for f in facts.findings)
    return (KNOWLEDGE.text("history"),) if past else ()

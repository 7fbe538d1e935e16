"""A bone scan is being ordered: is it likely to show anything, and is it the right test?"""

from __future__ import annotations

from decimal import Decimal

from hooks import knowledge
from hooks.facts import Fact, Facts, Measurement, Order
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion, each_once
from hooks.questions import cancer, care, imaging, labs, neurology
from hooks.rules.spine_mri_for_pain import back_pain

KNOWLEDGE = knowledge.load(__name__)
LEAST_PAIN = Decimal("0.1")  # any pain at all
OWN_STAGING = frozenset({"primary_prostate", "primary_breast", "primary_lung"})


def decide(facts: Facts) -> Outcome:
    """R27: no routine bone scan without symptoms and with normal alkaline phosphatase.

    The rule relaxes, so it needs every input present and fresh: a pain score of 0 and ALP within its own laboratory's
    limit. Anything of higher precedence (deficit, pain, known or suspected bone disease) switches it off. In myeloma
    the scan is the wrong test whatever the laboratory says.
    """
    drafts = facts.selected_orders("bone_scan")
    if not drafts:
        return CannotTell(("a bone scan order",))
    myeloma = facts.finding("primary_myeloma", "myeloma_smouldering", "plasmacytoma_solitary")
    if myeloma:
        return _recommend(facts, "myeloma", drafts, (*drafts, *myeloma))
    indication = _indication(facts)
    if indication:
        return NotApplicable("there is a reason to look at the bones", (*indication, *drafts))
    missing = _missing(facts)
    if missing:
        return CannotTell(missing, ask=True, because=drafts)
    sites = cancer.primary_sites(facts)
    variant = "kidney" if "primary_kidney_rcc" in sites else "own_staging" if sites & OWN_STAGING else "other"
    return _recommend(facts, variant, drafts, (*drafts, *cancer.any_cancer(facts)[:1], *_results(facts)))


def _indication(facts: Facts) -> tuple[Fact, ...]:
    """What makes a scan or a better test reasonable: pain, deficit, bone disease, raised ALP, abnormal imaging."""
    alp = facts.measured("alp")
    painful = care.pain_at_least(facts, LEAST_PAIN, KNOWLEDGE.value("fresh"))
    raised = (alp,) if alp and alp.high is not None and alp.value > alp.high else ()
    return (
        *neurology.deficits(facts),
        *back_pain(facts),
        *facts.finding("bone_pain", "neoplasm_related_pain"),
        *((painful,) if painful else ()),
        *cancer.suspected_metastases(facts),
        *facts.finding("abnormal_msk_imaging_finding"),
        *raised,
    )


def _missing(facts: Facts) -> tuple[str, ...]:
    fresh = KNOWLEDGE.value("fresh")
    alp, pain = _fresh(facts, "alp", fresh), _fresh(facts, "pain_score", fresh)
    lines = []
    if alp is None:
        lines.append("alkaline phosphatase within {fresh}".format_map(KNOWLEDGE.thresholds))
    elif alp.high is None:
        lines.append("the laboratory's upper limit for alkaline phosphatase")
    if pain is None:
        lines.append("whether there is bone pain: a pain score within {fresh}".format_map(KNOWLEDGE.thresholds))
    if not facts.knows("conditions"):
        lines.append("the complete problem list")
    return tuple(lines)


def _fresh(facts: Facts, name: str, days: Decimal) -> Measurement | None:
    found = facts.measured(name)
    return found if found and not labs.stale((found,), days, facts) else None


def _results(facts: Facts) -> tuple[Measurement, ...]:
    return tuple(m for m in (facts.measured("alp"), facts.measured("pain_score")) if m)


def studies(facts: Facts) -> dict[str, str]:
    """The other studies that a text may name: without MRI where that is recorded as contraindicated."""
    if imaging.mri_contraindicated(facts):
        return {
            "scan": "CT",
            "other": "PET",
            "whole_body": "PET/CT",
            "myeloma": "whole-body low-dose CT or PET/CT",
        }
    return {
        "scan": "MRI",
        "other": "MRI or PET",
        "whole_body": "whole-body MRI or PET/CT",
        "myeloma": "whole-body low-dose CT, MRI or PET/CT",
    }


def _recommend(facts: Facts, variant: str, drafts: tuple[Order, ...], because: tuple[Fact, ...]) -> Recommend:
    return Recommend(
        because=each_once(because),
        says=KNOWLEDGE.card(variant, cancer=cancer.name(facts), **studies(facts)),
        suggestions=tuple(Suggestion("Remove the bone scan order", delete=(o.source,)) for o in drafts),
    )

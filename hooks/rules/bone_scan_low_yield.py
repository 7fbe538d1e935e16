"""A bone scan is being ordered: is it likely to show anything, and is it the right test?"""

from __future__ import annotations

from hooks import knowledge
from hooks.facts import Fact, Facts, Order
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion
from hooks.questions import cancer, neurology
from hooks.rules.spine_mri_for_pain import back_pain

KNOWLEDGE = knowledge.load(__name__)
OWN_STAGING = frozenset({"primary_prostate", "primary_breast", "primary_lung"})


def decide(facts: Facts) -> Outcome:
    """R27: no routine bone scan without symptoms and with normal alkaline phosphatase.

    The rule relaxes, so it needs every input present and fresh: a pain score of 0 and ALP within its own laboratory's
    limit. Anything of higher precedence (deficit, pain, known or suspected bone disease) switches it off. In myeloma the
    scan is the wrong test whatever the laboratory says.
    """
    drafts = facts.selected_orders("bone_scan")
    if not drafts:
        return CannotTell(("a bone scan order",))
    myeloma = facts.finding("primary_myeloma", "myeloma_smouldering", "plasmacytoma_solitary")
    if myeloma:
        return _recommend("myeloma", drafts, (*drafts, *myeloma))
    indication = _indication(facts)
    if indication:
        return NotApplicable("there is a reason to look at the bones", (*indication, *drafts))
    missing = _missing(facts)
    if missing:
        return CannotTell(missing, ask=True, because=drafts)
    alp, pain = facts.measured("alp"), facts.measured("pain_score")
    sites = cancer.primary_sites(facts)
    variant = "kidney" if "primary_kidney_rcc" in sites else "own_staging" if sites & OWN_STAGING else "other"
    return _recommend(variant, drafts, (*drafts, *cancer.any_cancer(facts)[:1], alp, pain), cancer.name(facts))


def _indication(facts: Facts) -> tuple[Fact, ...]:
    """What makes a bone scan, or a better test, reasonable: pain, deficit, bone disease, raised ALP, abnormal imaging."""
    pain, alp = facts.measured("pain_score"), facts.measured("alp")
    painful = (pain,) if pain and pain.value > 0 and pain.when.maybe_within(KNOWLEDGE.value("fresh"), facts.as_of) else ()
    raised = (alp,) if alp and alp.high is not None and alp.value > alp.high else ()
    return (*neurology.deficits(facts), *back_pain(facts), *facts.finding("bone_pain", "neoplasm_related_pain"), *painful,
            *cancer.suspected_metastases(facts), *facts.finding("abnormal_msk_imaging_finding"), *raised)


def _missing(facts: Facts) -> tuple[str, ...]:
    alp, pain, fresh = facts.measured("alp"), facts.measured("pain_score"), KNOWLEDGE.value("fresh")
    lines = []
    if alp is None or not alp.when.surely_within(fresh, facts.as_of):
        lines.append("alkaline phosphatase within {fresh}".format_map(KNOWLEDGE.thresholds))
    elif alp.high is None:
        lines.append("the laboratory's upper limit for alkaline phosphatase")
    if pain is None or not pain.when.surely_within(fresh, facts.as_of):
        lines.append("whether there is bone pain: a pain score within {fresh}".format_map(KNOWLEDGE.thresholds))
    if not facts.knows("conditions"):
        lines.append("the complete problem list")
    return tuple(lines)


def _recommend(variant: str, drafts: tuple[Order, ...], because: tuple[Fact, ...], cancer_name: str = "") -> Recommend:
    return Recommend(
        because=tuple(dict.fromkeys(because)),
        says=KNOWLEDGE.card(variant, cancer=cancer_name),
        suggestions=tuple(Suggestion("Remove the bone scan order", delete=(o.source,)) for o in drafts),
    )

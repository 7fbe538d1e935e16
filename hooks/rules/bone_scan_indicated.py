"""Solid cancer with raised alkaline phosphatase, bone pain or an abnormal film: have the bones been looked at?"""

from __future__ import annotations

from hooks import knowledge, proposals
from hooks.facts import Fact, Facts, Finding, Imaging, Measurement
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, imaging
from hooks.rules.bone_scan_low_yield import OWN_STAGING, studies
from hooks.rules.follow_up_imaging import urgent_imaging

KNOWLEDGE = knowledge.load(__name__)
MYELOMA = ("primary_myeloma", "myeloma_in_remission", "myeloma_smouldering", "plasmacytoma_solitary")


def decide(facts: Facts) -> Outcome:
    """R26: bone scan where alkaline phosphatase is raised, bone hurts or a film is abnormal, and no scan has followed.

    Known bone metastases need no scan to be found; back pain and deficits need MRI; myeloma needs another test.
    """
    settled = _settled(facts)
    if settled:
        return settled
    signs = _signs(facts)
    if not signs:
        return CannotTell(_missing(facts), because=_alp(facts))
    urgent = urgent_imaging(facts)
    if urgent:
        return CannotTell(("what MRI of the spine shows: it comes before a bone scan",), because=urgent)
    open_signs = tuple(sign for sign in signs if not _scanned(facts, sign))
    if not open_signs:
        scans = each_once(scan for sign in signs for scan in _scanned(facts, sign))
        return CannotTell(
            ("whether anything is new or worse since the bones were scanned",), because=(*scans, *signs, *_alp(facts))
        )
    variant = _variant(facts)
    if variant is None:
        return CannotTell(("a solid cancer",), because=(*signs, *cancer.any_cancer(facts)))
    return _recommend(facts, variant, open_signs)


def _settled(facts: Facts) -> NotApplicable | None:
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: no search for metastases is proposed", comfort)
    known = cancer.bone_metastases(facts)
    if known:
        return NotApplicable("bone metastases are already known", known)
    pending = imaging.pending(facts, "bone_scan", "pet_ct")
    return NotApplicable("a bone scan or PET/CT is on order", pending) if pending else None


def _signs(facts: Facts) -> tuple[Finding | Measurement, ...]:
    """What points to the bones now. Raised alkaline phosphatase counts in active cancer alone: it has many causes."""
    current = KNOWLEDGE.value("current")
    found = tuple(
        f
        for f in facts.finding("bone_pain", "abnormal_msk_imaging_finding")
        if f.when is None or f.when.maybe_within(current, facts.as_of)
    )
    alp = facts.measured("alp") if cancer.primaries(facts, certain=True) else None
    return (alp, *found) if alp and _raised(alp, facts) else found


def _alp(facts: Facts) -> tuple[Measurement, ...]:
    """The newest alkaline phosphatase, which hides all older ones."""
    alp = facts.measured("alp")
    return (alp,) if alp else ()


def _raised(alp: Measurement, facts: Facts) -> bool:
    """Above the laboratory's own limit, and fresh."""
    fresh = alp.when is not None and alp.when.maybe_within(KNOWLEDGE.value("fresh"), facts.as_of)
    return fresh and alp.high is not None and alp.value > alp.high


def _scanned(facts: Facts, sign: Finding | Measurement) -> tuple[Imaging, ...]:
    """Bone scan or PET since the sign. Alkaline phosphatase is measured often: any scan of late answers for it."""
    scans = tuple(i for i in facts.imaging if i.modality == "PT" or (i.modality == "NM" and i.regions))
    if isinstance(sign, Measurement):
        recent = KNOWLEDGE.value("recent_scan")
        return tuple(i for i in scans if i.when and i.when.surely_within(recent, facts.as_of))
    return imaging.since(scans, sign.when)


def _variant(facts: Facts) -> str | None:
    """Which text fits the histology; None for lymphoma and leukaemia, which are staged by other means."""
    sites = cancer.primary_sites(facts)
    solid = sites - cancer.HAEMATOLOGICAL
    if not solid and sites & set(MYELOMA):
        return "myeloma"
    if sites and not solid:
        return None
    return "kidney" if "primary_kidney_rcc" in solid else "own_staging" if solid & OWN_STAGING else "other"


def _recommend(facts: Facts, variant: str, signs: tuple[Finding | Measurement, ...]) -> Recommend:
    because: tuple[Fact, ...] = (*signs, *cancer.any_cancer(facts)[:1])
    text = KNOWLEDGE.card(variant, cancer=cancer.name(facts), sign=_words(signs), **studies(facts))
    alp = (KNOWLEDGE.text("alp"),) if any(isinstance(sign, Measurement) for sign in signs) else ()
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, (*text.do, *alp), text.why, text.why_not),
        missing=()
        if facts.knows("imaging studies")
        else ("whether the bones were scanned since: imaging studies are not fully available",),
        suggestions=() if variant == "myeloma" else proposals.bone_scan(because),
    )


def _words(signs: tuple[Finding | Measurement, ...]) -> str:
    """The first of the signs, in words for a summary."""
    first = signs[0]
    if isinstance(first, Measurement):
        return "raised alkaline phosphatase"
    return "bone pain" if "bone_pain" in first.concepts else "an abnormal bone image"


def _missing(facts: Facts) -> tuple[str, ...]:
    alp = facts.measured("alp")
    if alp and alp.high is None:
        return ("the laboratory's upper limit for alkaline phosphatase",)
    return ("whether there is bone pain, a raised alkaline phosphatase or an abnormal film",)

"""Which cancer, past or present, and has it reached the bone or the spine?"""

from __future__ import annotations

from hooks.asked_once import asked_once
from hooks.facts import Facts, Finding
from hooks.outcomes import each_once

SECONDARY = frozenset(
    {
        "bone_metastasis",
        "spinal_metastasis",
        "bone_marrow_metastasis",
        "intradural_metastasis",
        "visceral_or_brain_metastasis",
        "secondary_cancer",
    }
)
BONE = frozenset({"bone_metastasis", "spinal_metastasis"})
HISTORY = "personal_history_of_cancer"
UNSPECIFIED = "cancer_unspecified"  # "cancer", and no word of which
BY_STAGE = "metastatic_by_stage"  # M1, or stage IV as a suspicion: spread, and no word of where to

# How a card calls each primary; the value sets carry these names.
PRIMARY_WORDS = {
    "primary_breast": "breast cancer",
    "primary_prostate": "prostate cancer",
    "primary_lung": "lung cancer",
    "primary_kidney_rcc": "kidney cancer",
    "primary_myeloma": "myeloma",
    "myeloma_in_remission": "myeloma in remission",
    "myeloma_smouldering": "smouldering myeloma",
    "mgus": "monoclonal gammopathy",
    "plasmacytoma_solitary": "solitary plasmacytoma",
    "primary_lymphoma": "lymphoma",
    "primary_leukaemia": "leukaemia",
    "primary_melanoma": "melanoma",
    "primary_thyroid": "thyroid cancer",
    "primary_esophagus": "oesophageal cancer",
    "primary_stomach": "stomach cancer",
    "primary_colorectal": "colorectal cancer",
    "primary_liver_hcc": "liver cancer",
    "primary_biliary": "biliary cancer",
    "primary_pancreas": "pancreatic cancer",
    "primary_bladder": "bladder cancer",
    "primary_uterus": "cancer of the uterus",
    "primary_cervix_uteri": "cervical cancer",
    "primary_ovary": "ovarian cancer",
    "primary_testis_seminoma": "germ cell cancer",
    "primary_neuroendocrine_carcinoid": "neuroendocrine cancer",
    "primary_sarcoma_soft_tissue": "sarcoma",
    "primary_bone_tumour": "primary bone cancer",
    "primary_head_neck": "head and neck cancer",
    "primary_mesothelioma": "mesothelioma",
    "primary_other": "cancer",
    "primary_unknown": "cancer of unknown primary",
}
PRIMARY = frozenset(PRIMARY_WORDS) - {"mgus"}  # a precursor, not a cancer
NAMED_PRIMARY = PRIMARY - {"primary_unknown"}
ANY_CANCER = PRIMARY | SECONDARY | {HISTORY, UNSPECIFIED, BY_STAGE}
HAEMATOLOGICAL = frozenset(
    {
        "primary_myeloma",
        "myeloma_in_remission",
        "myeloma_smouldering",
        "mgus",
        "plasmacytoma_solitary",
        "primary_lymphoma",
        "primary_leukaemia",
    }
)


@asked_once
def any_cancer(facts: Facts) -> tuple[Finding, ...]:
    """Cancer past or current: enough for the red-flag rules (NICE NG234 speaks of "past or current")."""
    return tuple([f for f in facts.findings if not f.concepts.isdisjoint(ANY_CANCER)])


def primaries(facts: Facts, *, certain: bool = False) -> tuple[Finding, ...]:
    """Active primary cancers; with `certain` only those not marked provisional or differential."""
    active = _active_primaries(facts)
    return tuple(f for f in active if f.certain) if certain else active


@asked_once
def _active_primaries(facts: Facts) -> tuple[Finding, ...]:
    return facts.finding(*PRIMARY)


@asked_once
def recorded_primaries(facts: Facts) -> tuple[Finding, ...]:
    """Every entry of a primary, active or past, confirmed or not."""
    return tuple([f for f in facts.findings if not f.concepts.isdisjoint(PRIMARY)])


@asked_once
def primary_sites(facts: Facts) -> frozenset[str]:
    """Names of all primaries on record, active or past: which histology may the metastases have?"""
    return frozenset().union(*(f.concepts & PRIMARY for f in recorded_primaries(facts)))


@asked_once
def known_primaries(facts: Facts) -> tuple[Finding, ...]:
    """Confirmed primaries, active or past; "primary unknown" is none."""
    return tuple(f for f in recorded_primaries(facts) if f.certain and f.concepts & NAMED_PRIMARY)


def origins(facts: Facts, metastases: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The primaries that some metastases are said to come from; none unless each of them names one on record."""
    known = {f.source: f for f in recorded_primaries(facts)}
    named = [known.get(f.primary or "") for f in metastases]
    return () if None in named else each_once(f for f in named if f)


@asked_once
def bone_metastases(facts: Facts) -> tuple[Finding, ...]:
    """Confirmed, active metastases of bone, the spine included."""
    return tuple(f for f in facts.finding(*BONE) if f.certain)


@asked_once
def spinal_metastases(facts: Facts) -> tuple[Finding, ...]:
    """Confirmed, active metastases known to be in the spine. C79.51 without a spinal site is not among them."""
    return tuple(f for f in bone_metastases(facts) if "spinal_metastasis" in f.concepts or f.levels)


def suspected_metastases(facts: Facts) -> tuple[Finding, ...]:
    """Metastases of bone or spine, confirmed or only suspected: enough for urgency, not for treatment."""
    return facts.finding(*BONE)


def suspected_spinal_metastases(facts: Facts) -> tuple[Finding, ...]:
    """The same, sited in the spine."""
    return tuple(f for f in suspected_metastases(facts) if "spinal_metastasis" in f.concepts or f.levels)


def names(facts: Facts) -> tuple[str, ...]:
    """The same and, where there is less room, only whether it is past."""
    full = name(facts)
    return (full, "past cancer" if full.startswith("past") else "cancer")


@asked_once
def name(facts: Facts) -> str:
    """The patient's cancer in two or three words, for a summary: the one that the bone metastases come from first."""
    active = [*origins(facts, bone_metastases(facts)), *primaries(facts), *recorded_primaries(facts)]
    if active:
        site = next(s for s in PRIMARY_WORDS if s in active[0].concepts)
        return PRIMARY_WORDS[site] if active[0].status == "active" else f"past {PRIMARY_WORDS[site]}"
    if any(f.concepts & SECONDARY or (BY_STAGE in f.concepts and f.certain) for f in facts.findings):
        return "metastatic cancer"
    return "cancer" if facts.finding(UNSPECIFIED, BY_STAGE) else "past cancer"

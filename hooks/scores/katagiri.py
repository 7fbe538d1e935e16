"""Katagiri score, 2014 (Katagiri et al., Cancer Med 2014;3:1359-67, doi 10.1002/cam4.292): 0 to 10, a higher total
means shorter life.

Read in the abstract: the six factors, that the first three weigh more, and the survival at 3 or less and at 7 or
more. Remembered and not confirmed: the groups of primaries, the laboratory limits, and the survival of the middle
band. Most of the 808 patients were not operated on; in surgical patients the score is less well calibrated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from hooks.scores import points
from hooks.scores.points import Known, Total

CHECKED = True  # factors and the outer bands
ITEM_LIMITS_CHECKED = False
ITEMS: points.Items = {
    "primary": (0, 2, 3),  # slow, moderate, rapid growth
    "visceral": (0, 1, 2),  # none, nodular or cerebral, disseminated
    "laboratory": (0, 1, 2),  # normal, abnormal, critical
    "performance": (0, 1),  # ECOG 3 or 4
    "chemotherapy": (0, 1),  # given before
    "skeletal": (0, 1),  # multiple
}
BANDS = ((3, "low"), (6, "intermediate"), (10, "high"))
SURVIVAL: Mapping[str, str] = {"low": "91 % at 1 year, 78 % at 2 years", "high": "27 % at 6 months, 6 % at 1 year"}

SLOW, MODERATE, RAPID = 0, 2, 3
PRIMARY: Mapping[str, tuple[int, ...]] = {
    "primary_thyroid": (SLOW,),
    "primary_myeloma": (SLOW,),
    "myeloma_in_remission": (SLOW,),
    "myeloma_smouldering": (SLOW,),
    "plasmacytoma_solitary": (SLOW,),
    "primary_lymphoma": (SLOW,),
    "primary_leukaemia": (SLOW,),
    "primary_kidney_rcc": (MODERATE,),
    "primary_uterus": (MODERATE,),
    "primary_ovary": (MODERATE,),
    "primary_sarcoma_soft_tissue": (MODERATE,),
    "primary_bone_tumour": (MODERATE,),
    "primary_testis_seminoma": (MODERATE,),
    "primary_neuroendocrine_carcinoid": (MODERATE,),
    "primary_mesothelioma": (MODERATE,),
    "primary_other": (MODERATE,),
    "primary_colorectal": (RAPID,),
    "primary_stomach": (RAPID,),
    "primary_pancreas": (RAPID,),
    "primary_head_neck": (RAPID,),
    "primary_esophagus": (RAPID,),
    "primary_bladder": (RAPID,),
    "primary_melanoma": (RAPID,),
    "primary_liver_hcc": (RAPID,),
    "primary_biliary": (RAPID,),
    "primary_cervix_uteri": (RAPID,),
    "primary_unknown": (RAPID,),
}
HORMONE_DEPENDENT = frozenset({"primary_breast", "primary_prostate"})
LUNG, SMALL_CELL = frozenset({"primary_lung", "non_small_cell_lung"}), "small_cell_lung"

# Laboratory limits as (test, below, at or above): the value that makes it abnormal or critical.
ABNORMAL = (("crp_mg_dl", None, "0.4"), ("ldh_u_l", None, "250"), ("albumin_g_dl", "3.7", None))
CRITICAL = (("platelets_per_ul", "100000", None), ("calcium_mg_dl", None, "10.3"), ("bilirubin_mg_dl", None, "1.4"))


def primary_points(
    sites: Collection[str], *, hormone_sensitive: bool | None = None, targeted_drug: bool | None = None
) -> tuple[int, ...]:
    """All points that the primary may score; several while hormone dependence or a targeted drug is not known."""
    found = {RAPID} if SMALL_CELL in sites else set()
    # Small-cell cancer is a lung cancer too, and no drug makes it moderate.
    for site in set(sites) - {SMALL_CELL} - (LUNG if SMALL_CELL in sites else set()):
        if site in HORMONE_DEPENDENT:
            found |= {SLOW, MODERATE} if hormone_sensitive is None else {SLOW if hormone_sensitive else MODERATE}
        elif site in LUNG:
            found |= {MODERATE, RAPID} if targeted_drug is None else {MODERATE if targeted_drug else RAPID}
        else:
            found |= set(PRIMARY.get(site, (SLOW, MODERATE, RAPID)))
    return tuple(sorted(found))


def laboratory_points(results: Mapping[str, Decimal]) -> tuple[int, ...]:
    """All points that the results still allow: one critical value settles it, a missing test leaves it open."""
    if any(_beyond(limit, results) for limit in CRITICAL):
        return (2,)
    lowest = int(any(_beyond(limit, results) for limit in ABNORMAL))
    if any(_beyond(limit, results) is None for limit in CRITICAL):
        highest = 2
    else:
        highest = max(lowest, int(any(_beyond(limit, results) is None for limit in ABNORMAL)))
    return tuple(range(lowest, highest + 1))


def _beyond(limit: tuple[str, str | None, str | None], results: Mapping[str, Decimal]) -> bool | None:
    test, below, from_ = limit
    value = results.get(test)
    if value is None:
        return None
    return value < Decimal(below) if below else value >= Decimal(from_ or 0)


def performance_points(*, ecog: int | None = None, kps: int | None = None) -> tuple[int, ...]:
    """One point for ECOG 3 or 4. Karnofsky alone settles it except at 50, where the tables disagree. Empty: ask."""
    if ecog is not None:
        if not 0 <= ecog <= 4:
            raise ValueError(f"ECOG {ecog} is no grade of a living patient")
        return (int(ecog >= 3),)
    if kps is None:
        return ()
    return (1,) if kps < 50 else (0, 1) if kps < 60 else (0,)


def score(known: Known) -> Total:
    return points.add("Katagiri", ITEMS, known)


def band(total: Total) -> str | None:
    """The risk group; None when the two ends of the range disagree."""
    found = {next(word for highest, word in BANDS if end <= highest) for end in (total.lowest, total.highest)}
    return found.pop() if len(found) == 1 else None

"""Revised Tokuhashi score (Tokuhashi et al., Spine 2005;30:2186-91): 0 to 15, a higher total means longer life.

Items and bands were read in NICE CG75, appendix 3, and two further tables. A public page that prints the inequality
signs of the bands the other way round is wrong. Lymphoma and myeloma are not listed: they fall under "others" by
the letter, but live longer, so that their result is "not calibrated". Later series found about 60 % of predictions
right, most of the errors too pessimistic: a low total is no reason by itself to refuse treatment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hooks.scores import performance, points
from hooks.scores.points import Known, Total

CHECKED = True
ITEMS: points.Items = {
    "condition": (0, 1, 2),
    "extraspinal": (0, 1, 2),
    "vertebral": (0, 1, 2),
    "organs": (0, 1, 2),  # not removable, removable, none
    "primary": (0, 1, 2, 3, 4, 5),
    "palsy": (0, 1, 2),
}
BANDS = ((8, "under 6 months"), (11, "6 months or more"), (15, "1 year or more"))
OTHERS = 2

# Several points: the value set is wider than the entry of the table, so that someone must say which it is.
PRIMARY: Mapping[str, tuple[int, ...]] = {
    "primary_lung": (0,),
    "small_cell_lung": (0,),
    "non_small_cell_lung": (0,),
    "primary_stomach": (0,),
    "primary_bladder": (0,),
    "primary_esophagus": (0,),
    "primary_pancreas": (0,),
    "primary_bone_tumour": (0, OTHERS),  # osteosarcoma 0
    "primary_liver_hcc": (1,),
    "primary_biliary": (1, OTHERS),  # gallbladder 1
    "primary_unknown": (1,),
    "primary_kidney_rcc": (3,),
    "primary_uterus": (3,),
    "primary_cervix_uteri": (OTHERS, 3),  # the table says only "uterus"
    "primary_colorectal": (OTHERS, 4),  # rectum 4, colon is among the others
    "primary_thyroid": (5,),
    "primary_breast": (5,),
    "primary_prostate": (5,),
    "primary_neuroendocrine_carcinoid": (OTHERS, 5),  # carcinoid 5
}
RECTUM, RECTUM_POINTS = "rectal_cancer", 4
NOT_CALIBRATED = frozenset(
    {"primary_lymphoma", "primary_leukaemia", "primary_myeloma", "myeloma_in_remission", "myeloma_smouldering",
     "plasmacytoma_solitary"}
)  # fmt: skip


def primary_points(sites: Collection[str]) -> tuple[int, ...]:
    """All points that the primary may score; of two primaries either may be the source. Empty: ask."""
    if RECTUM in sites:
        sites = [site for site in sites if site != "primary_colorectal"]
    found = {point for site in sites for point in _of_site(site)}
    return tuple(sorted(found))


def _of_site(site: str) -> tuple[int, ...]:
    return (RECTUM_POINTS,) if site == RECTUM else PRIMARY.get(site, (OTHERS,))


def calibrated(sites: Collection[str]) -> bool:
    """False where the table does not list the disease and its prognosis is known to differ: "not calibrated"."""
    return not NOT_CALIBRATED & set(sites)


def condition_points(*, kps: int | None = None, ecog: int | None = None) -> tuple[int, ...]:
    """Points of the general condition: from Karnofsky, else all those that an ECOG grade leaves open. Empty: ask."""
    if kps is not None:
        return _of_kps(kps)
    if ecog is None:
        return ()
    return tuple(sorted({point for value in performance.kps_range(ecog) for point in _of_kps(value)}))


def _of_kps(kps: int) -> tuple[int, ...]:
    """The table names tens only; between 40 and 50, or 70 and 80, both neighbours are possible."""
    if not 10 <= kps <= 100:
        raise ValueError(f"Karnofsky {kps} is not on the scale of the living")
    lower, upper = ((0 if ten <= 40 else 1 if ten <= 70 else 2) for ten in (kps // 10 * 10, -(-kps // 10) * 10))
    return (lower,) if lower == upper else (lower, upper)


def extraspinal_points(metastases: int) -> int:
    """Points for the number of bone metastases outside the spine."""
    return 2 if metastases == 0 else 1 if metastases <= 2 else 0


def vertebral_points(vertebrae: int) -> int:
    """Points for the number of vertebrae with metastases. ValueError for none: then the score does not apply."""
    if vertebrae < 1:
        raise ValueError("the score is made for patients with a vertebral metastasis")
    return {1: 2, 2: 1}.get(vertebrae, 0)


def palsy_points(frankel: str) -> int:
    """Points for a Frankel letter. An ASIA letter is another scale and is not taken for it."""
    return {"a": 0, "b": 0, "c": 1, "d": 1, "e": 2}[frankel.lower()]


def score(known: Known) -> Total:
    return points.add("Tokuhashi", ITEMS, known)


def band(total: Total) -> str | None:
    """The predicted survival; None when the two ends of the range disagree."""
    found = {next(word for highest, word in BANDS if end <= highest) for end in (total.lowest, total.highest)}
    return found.pop() if len(found) == 1 else None

"""Tomita score (Tomita et al., Spine 2001;26:298-306): 2 to 10, a higher total means shorter life.

Points and bands agree in three public tables; the original paper was not read. Only the growth groups whose
examples the sources name are used here: for every other primary the answer is to ask, never a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hooks.scores import points
from hooks.scores.points import Known, Total

CHECKED = True  # points and bands; see GROUPS_CHECKED for the primaries
GROUPS_CHECKED = False  # which primary belongs to which group, beyond the examples in the tables
ITEMS: points.Items = {
    "primary": (1, 2, 4),  # slow, moderate, rapid growth
    "visceral": (0, 2, 4),  # none, treatable, untreatable
    "bone": (1, 2),  # solitary, multiple
}
BANDS = (
    (3, "wide or marginal excision"),
    (5, "marginal or intralesional excision"),
    (7, "palliative surgery"),
    (10, "supportive care"),
)
SLOW, MODERATE, RAPID = 1, 2, 4
PRIMARY: Mapping[str, int] = {
    "primary_breast": SLOW,
    "primary_prostate": SLOW,
    "primary_thyroid": SLOW,
    "primary_kidney_rcc": MODERATE,
    "primary_uterus": MODERATE,
    "primary_lung": RAPID,
    "small_cell_lung": RAPID,
    "non_small_cell_lung": RAPID,
    "primary_liver_hcc": RAPID,
    "primary_stomach": RAPID,
    "primary_esophagus": RAPID,
    "primary_pancreas": RAPID,
    "primary_colorectal": RAPID,
    "primary_unknown": RAPID,
}
NOT_CALIBRATED = frozenset(
    {"primary_lymphoma", "primary_leukaemia", "primary_myeloma", "myeloma_in_remission", "myeloma_smouldering",
     "plasmacytoma_solitary"}
)  # fmt: skip


def primary_points(sites: Collection[str]) -> tuple[int, ...]:
    """All points that the primary may score. Empty when a primary belongs to no group of the table: ask."""
    if not all(site in PRIMARY for site in sites):
        return ()
    return tuple(sorted({PRIMARY[site] for site in sites}))


def calibrated(sites: Collection[str]) -> bool:
    """False for lymphoma and myeloma, which the table does not list: "not calibrated"."""
    return not NOT_CALIBRATED & set(sites)


def score(known: Known) -> Total:
    return points.add("Tomita", ITEMS, known)


def band(total: Total) -> str | None:
    """The surgical strategy of the original series; None when the two ends of the range disagree."""
    found = {next(word for highest, word in BANDS if end <= highest) for end in (total.lowest, total.highest)}
    return found.pop() if len(found) == 1 else None

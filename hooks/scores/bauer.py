"""Modified Bauer score (Leithner et al., Eur Spine J 2008;17:1488-95, doi 10.1007/s00586-008-0763-1): 0 to 4, higher
is better.

The four items and the strategy of each band were read in two public tables. The median survival of each band (about
4.8, 18.2 and 28.4 months) is remembered and was not confirmed: it is kept in MEDIAN_MONTHS, marked, and must not be
shown as fact. The unmodified score also counts "no pathological fracture"; the two must not be mixed. 69 operated
patients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import product

from hooks.scores.points import Total

CHECKED = True  # items and bands
MEDIAN_CHECKED = False
ITEMS: Mapping[str, tuple[int, ...]] = {
    "no_visceral": (0, 1),
    "not_lung": (0, 1),
    "favourable_primary": (0, 1),
    "solitary_skeletal": (0, 1),
}
BANDS = ((1, "supportive care, no surgery"), (2, "short-term palliation"), (4, "middle-term local control"))
MEDIAN_MONTHS: Mapping[str, str] = {
    "supportive care, no surgery": "4.8",
    "short-term palliation": "18.2",
    "middle-term local control": "28.4",
}
FAVOURABLE = frozenset(
    {"primary_breast", "primary_kidney_rcc", "primary_lymphoma", "primary_leukaemia", "primary_myeloma",
     "myeloma_in_remission", "myeloma_smouldering", "plasmacytoma_solitary"}
)  # fmt: skip
LUNG, UNKNOWN = frozenset({"primary_lung", "small_cell_lung", "non_small_cell_lung"}), "primary_unknown"


def primary_items(sites: Collection[str]) -> dict[str, int]:
    """The two items that the primary settles. An unknown primary, or two that differ, leaves them open."""
    if not sites or UNKNOWN in sites:
        return {}
    lung, favourable = {site in LUNG for site in sites}, {site in FAVOURABLE for site in sites}
    settled = {"not_lung": int(not lung.pop())} if len(lung) == 1 else {}
    return settled | ({"favourable_primary": int(favourable.pop())} if len(favourable) == 1 else {})


def score(known: Mapping[str, int]) -> Total:
    """The total or its range. ValueError for an unknown item, or for lung cancer counted as a favourable primary."""
    for name, value in known.items():
        if value not in ITEMS.get(name, ()):
            raise ValueError(f"Bauer has no item {name!r} with {value} points")
    totals = [sum(values) for values in product(*ITEMS.values()) if _fits(dict(zip(ITEMS, values, strict=True)), known)]
    if not totals:
        raise ValueError("lung cancer cannot be a favourable primary")
    return Total(min(totals), max(totals), tuple(name for name in ITEMS if name not in known))


def _fits(complete: Mapping[str, int], known: Mapping[str, int]) -> bool:
    contradiction = complete["favourable_primary"] and not complete["not_lung"]
    return not contradiction and all(complete[name] == value for name, value in known.items())


def band(total: Total) -> str | None:
    """The strategy that Leithner et al. attach to the total; None when the two ends of the range disagree."""
    found = {next(word for highest, word in BANDS if end <= highest) for end in (total.lowest, total.highest)}
    return found.pop() if len(found) == 1 else None

"""ECOG and Karnofsky beside one another: a range of the one for a value of the other, never a value.

The table is the common ECOG-ACRIN one, from memory and not confirmed in its text. Another public table cuts
differently: the two disagree at Karnofsky 90, 70, 50, 30 and 10. The scale that was recorded is the one to use.
"""

from __future__ import annotations

from collections.abc import Mapping

CHECKED = False
KPS_OF_ECOG: Mapping[int, tuple[int, int]] = {0: (90, 100), 1: (70, 80), 2: (50, 60), 3: (30, 40), 4: (10, 20)}

ASKED: Mapping[str, tuple[int, ...]] = {"ecog": tuple(range(5)), "kps": tuple(range(10, 101, 10))}  # of the living


def kps_range(ecog: int) -> tuple[int, int]:
    """Lowest and highest Karnofsky value that an ECOG grade stands for. ValueError outside 0 to 4 (5 is death)."""
    if ecog not in KPS_OF_ECOG:
        raise ValueError(f"ECOG {ecog} has no Karnofsky range")
    return KPS_OF_ECOG[ecog]

"""Survival scores as far as the record carries them: a range and what is missing, never a number out of gaps."""

from __future__ import annotations

from decimal import Decimal

from hooks.facts import Facts
from hooks.questions import cancer
from hooks.scores import bauer, katagiri, nesms, points, tokuhashi, tomita
from hooks.scores.points import Total

ITEM_WORDS = {
    "condition": "general condition (Karnofsky)",
    "extraspinal": "bone metastases outside the spine",
    "vertebral": "number of vertebrae",
    "organs": "organ metastases",
    "primary": "primary tumour",
    "palsy": "Frankel grade",
    "bauer": "modified Bauer score",
    "ambulatory": "walking without help",
    "albumin": "albumin",
    "visceral": "organ metastases",
    "laboratory": "laboratory results",
    "performance": "ECOG",
    "chemotherapy": "earlier chemotherapy",
    "skeletal": "number of bone metastases",
    "bone": "number of bone metastases",
}


def lines(facts: Facts) -> tuple[str, ...]:
    """One line a score, those first that the record narrows most; nothing where not one item is known."""
    sites = cancer.primary_sites(facts)
    offered = (
        _line("NESMS", "0 to 3, higher is better", _nesms(facts, sites), nesms.ITEMS),
        _line(
            "Revised Tokuhashi",
            "0 to 15, higher is better",
            _tokuhashi(facts, sites),
            tokuhashi.ITEMS,
            tokuhashi.calibrated(sites),
        ),
        _line("Tomita", "2 to 10, higher is worse", _tomita(facts, sites), tomita.ITEMS, tomita.calibrated(sites)),
        _line("Katagiri", "0 to 10, higher is worse", _katagiri(facts, sites), katagiri.ITEMS),
    )
    return tuple(line for line in offered if line)


def _line(name: str, scale: str, total: Total, items: points.Items, calibrated: bool = True) -> str:
    if len(total.missing) == len(items):
        return ""
    missing = ", ".join(ITEM_WORDS.get(item, item.replace("_", " ")) for item in total.missing)
    end = f"; still needed: {missing}" if missing else ""
    return f"{name} {total} ({scale}){'' if calibrated else ', not calibrated for this disease'}{end}."


def settled(facts: Facts) -> dict[str, dict[str, tuple[int, ...]]]:
    """By score and item the points that the record leaves possible, where it narrows them at all."""
    sites = cancer.primary_sites(facts)
    known = {
        "nesms": (_nesms_known(facts, sites), nesms.ITEMS),
        "bauer": (_bauer(facts, sites), bauer.ITEMS),
        "tokuhashi": (_tokuhashi_known(facts, sites), tokuhashi.ITEMS),
        "tomita": (_tomita_known(facts, sites), tomita.ITEMS),
        "katagiri": (_katagiri_known(facts, sites), katagiri.ITEMS),
    }
    return {
        score: {item: left for item, one in found.items() if 0 < len(left := points.possible(one)) < len(items[item])}
        for score, (found, items) in known.items()
    }


def _nesms(facts: Facts, sites: frozenset[str]) -> Total:
    return nesms.score(_nesms_known(facts, sites))


def _nesms_known(facts: Facts, sites: frozenset[str]) -> points.Known:
    known: dict[str, int | tuple[int, ...]] = {"bauer": nesms.bauer_points(bauer.score(_bauer(facts, sites)))}
    albumin = facts.measured("albumin")
    if albumin:
        known["albumin"] = nesms.albumin_points(albumin.value)
    return known


def _bauer(facts: Facts, sites: frozenset[str]) -> dict[str, int]:
    """Recorded organ metastases settle that item; none recorded settles nothing."""
    return bauer.primary_items(sites) | ({"no_visceral": 0} if _visceral(facts) else {})


def _tokuhashi(facts: Facts, sites: frozenset[str]) -> Total:
    return tokuhashi.score(_tokuhashi_known(facts, sites))


def _tokuhashi_known(facts: Facts, sites: frozenset[str]) -> points.Known:
    ecog, kps = facts.measured("ecog"), facts.measured("kps")
    grades = [a.value[-1] for a in facts.assessed("frankel")[:1] if a.value]
    known: dict[str, int | tuple[int, ...]] = {
        "primary": tokuhashi.primary_points(sites),
        "condition": tokuhashi.condition_points(
            kps=int(kps.value) if kps and kps.value >= 10 else None,
            ecog=int(ecog.value) if ecog and ecog.value <= 4 else None,
        ),
    }
    if grades:
        known["palsy"] = tokuhashi.palsy_points(grades[0])
    if _visceral(facts):
        known["organs"] = (0, 1)
    return known


def _tomita(facts: Facts, sites: frozenset[str]) -> Total:
    return tomita.score(_tomita_known(facts, sites))


def _tomita_known(facts: Facts, sites: frozenset[str]) -> points.Known:
    known: dict[str, int | tuple[int, ...]] = {"primary": tomita.primary_points(sites)}
    if _visceral(facts):
        known["visceral"] = tuple(point for point in tomita.ITEMS["visceral"] if point)
    return known


def _katagiri(facts: Facts, sites: frozenset[str]) -> Total:
    return katagiri.score(_katagiri_known(facts, sites))


def _katagiri_known(facts: Facts, sites: frozenset[str]) -> points.Known:
    ecog = facts.measured("ecog")
    results: dict[str, Decimal] = {}
    for name, test in (("albumin", "albumin_g_dl"), ("calcium", "calcium_mg_dl")):
        found = facts.measured(name)
        if found and not found.bound:
            results[test] = found.value
    known: dict[str, int | tuple[int, ...]] = {
        "primary": katagiri.primary_points(sites),
        "performance": katagiri.performance_points(ecog=int(ecog.value) if ecog and ecog.value <= 4 else None),
    }
    if results:
        known["laboratory"] = katagiri.laboratory_points(results)
    if _visceral(facts):
        known["visceral"] = (1, 2)
    return known


def _visceral(facts: Facts) -> bool:
    return bool(facts.finding("visceral_or_brain_metastasis"))

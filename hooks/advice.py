"""Advice that several emergency cards give in the same words: immobilise, steroid, think of infection."""

from __future__ import annotations

from hooks import knowledge
from hooks.facts import Facts
from hooks.questions import cancer, compression, neurology

TEXTS = knowledge.load("suspected_cord_compression")  # the words stand where they were first needed


def immobilise() -> tuple[str, ...]:
    """E4. Until somebody has judged the spine stable."""
    return (TEXTS.text("immobilise"),)


def steroid(facts: Facts) -> tuple[str, ...]:
    """E3. Advice for neurological signs only, held where tissue or infection comes first; never an order."""
    signs = neurology.signs(facts)
    compressed = neurology.suspected_compression(facts) or compression.confirmed(facts)
    if not signs and not compressed:
        return ()
    if any("dexamethasone" in m.concepts and m.status == "active" for m in facts.medications):
        return (TEXTS.text("steroid_running"),)
    if facts.finding("infection_of_spine"):
        return (TEXTS.text("steroid_infection"),)
    sites = cancer.primary_sites(facts)
    if not sites - {"primary_unknown"} or sites & cancer.HAEMATOLOGICAL:
        return (TEXTS.text("steroid_tissue"),)
    return (TEXTS.text("steroid" if signs else "steroid_if_signs"),)


def infection(facts: Facts) -> tuple[str, ...]:
    """E13: spinal infection looks the same and is treated otherwise."""
    return (TEXTS.text("infection"),) if facts.finding("infection_of_spine") else ()

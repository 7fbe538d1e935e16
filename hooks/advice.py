"""Advice that several emergency cards give in the same words: immobilise, steroid, infection, earlier radiotherapy."""

from __future__ import annotations

from collections.abc import Iterable

from hooks import knowledge
from hooks.card_text import SUMMARY_LIMIT
from hooks.facts import Assessment, Facts, Finding, Medication
from hooks.outcomes import Wording
from hooks.questions import cancer, compression, levels, neurology, readiness, stability, treatment
from hooks.scores import sins

TEXTS = knowledge.load("suspected_cord_compression")  # the words stand where they were first needed


def that_fits(texts: Iterable[Wording]) -> Wording:
    """The first of some wordings, from full to short, whose summary needs no shortening; else the shortest."""
    known = tuple(texts)
    return next((text for text in known if len(text.summary) <= SUMMARY_LIMIT), known[-1])


def immobilise(facts: Facts) -> tuple[str, ...]:
    """E4, by SINS: old or partial scores may hold a spine still, only complete fresh ones let the patient up."""
    standing = [i for i in stability.by_level(facts) if not treatment.before_surgery(facts, i.assessment.when)]
    named = (f for f in facts.finding("spinal_instability") if f.certain)
    if any(i.score.lowest > sins.INDETERMINATE_MAX for i in standing) or any(
        not treatment.before_surgery(facts, f.when) for f in named
    ):
        return (TEXTS.text("immobilise_unstable"),)
    worst = stability.worst(facts)
    scored = readiness.scored(facts, TEXTS.value("sins_fresh"))
    if worst and worst.score.band() == "stable" and scored and _covers(facts, scored):
        return (TEXTS.text("immobilise_stable", sins=f"{worst.score}{worst.at}"),)
    return (TEXTS.text("immobilise"),)


def _covers(facts: Facts, scored: tuple[Assessment, ...]) -> bool:
    """Is every level that is known to be compressed among those scored? The score of one says nothing of another."""
    compressed = (*neurology.suspected_compression(facts), *compression.confirmed(facts))
    return all(any(levels.same(compression.sites(one), compression.sites(a)) for a in scored) for one in compressed)


def until_agreed() -> tuple[str, ...]:
    """E4 in hospice care: how to lie and turn until it is agreed what else is done."""
    return (TEXTS.text("until_agreed"),)


def steroid(facts: Facts) -> tuple[str, ...]:
    """E3. Advice for neurological symptoms and signs, held where infection or tissue comes first; never an order."""
    signs, roots = neurology.signs(facts), facts.finding("radiculopathy")
    compressed = neurology.suspected_compression(facts) or compression.confirmed(facts)
    if not (signs or roots or compressed):
        return ()
    if infected(facts):
        return (TEXTS.text("steroid_infection"),)
    running = steroids_running(facts)
    if running:
        return (TEXTS.text("steroid_running", running=_running(running[0])),)
    only_roots = (TEXTS.text("steroid_radicular"),) if roots and not signs else ()
    if _tissue_first(facts):
        return (*only_roots, TEXTS.text("steroid_tissue"))
    return only_roots or (TEXTS.text("steroid" if signs else "steroid_if_signs"),)


def steroids_running(facts: Facts) -> tuple[Medication, ...]:
    """Dexamethasone that is ordered or being given, not merely drafted."""
    return tuple(m for m in facts.medications if "dexamethasone" in m.concepts and m.status == "active")


def _running(medication: Medication) -> str:
    dose = f"{medication.dose_mg.normalize():f} mg a dose" if medication.dose_mg else "dose not recorded"
    return f"{dose}, since {medication.when.text}" if medication.when else f"{dose}, date not recorded"


def _tissue_first(facts: Facts) -> bool:
    """A blood cancer that is active, or no primary to explain the spine: a past one beside another cancer does not."""
    if facts.finding(*cancer.HAEMATOLOGICAL):
        return True
    if any(f.concepts & cancer.NAMED_PRIMARY for f in cancer.primaries(facts)):
        return False
    sites = cancer.primary_sites(facts)
    return not sites - {"primary_unknown"} or bool(sites & cancer.HAEMATOLOGICAL)


def infected(facts: Facts) -> tuple[Finding, ...]:
    """E13: spinal infection looks the same and is treated otherwise."""
    return facts.finding("infection_of_spine")


def infection(facts: Facts) -> tuple[str, ...]:
    """What stops until an abscess is excluded, and what is taken at once."""
    return (TEXTS.text("infection"),) if infected(facts) else ()


def again(facts: Facts) -> tuple[str, ...]:
    """E8: doses for a spine that was irradiated before, in place of the primary schedules."""
    return tuple(TEXTS.text("again", when=when) for when in treatment.again(facts))

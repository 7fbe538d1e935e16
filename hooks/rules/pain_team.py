"""Spinal metastases and pain that is not controlled: has the pain or palliative team been asked?"""

from __future__ import annotations

from hooks import emergency, knowledge, proposals
from hooks.facts import Fact, Facts, Measurement
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording
from hooks.questions import cancer, care, imaging
from hooks.rules import follow_up_imaging

KNOWLEDGE = knowledge.load(__name__)
TEAMS = ("consult_pain", "consult_palliative")


def decide(facts: Facts) -> Outcome:
    """R18: pain of 7 or more once, or of 4 or more twice running, and no pain or palliative referral lately."""
    metastases = cancer.spinal_metastases(facts)
    if not metastases:
        return CannotTell(("whether the spine is affected",))
    asked = care.recent_orders(facts, TEAMS, KNOWLEDGE.value("recent_referral"))
    if asked:
        return NotApplicable("the pain or palliative team was asked lately", asked)
    scores = care.pain_scores(facts, KNOWLEDGE.value("fresh"))
    if not scores:
        return CannotTell(("a pain score within {fresh}".format_map(KNOWLEDGE.thresholds),))
    if scores[0].value >= KNOWLEDGE.value("severe"):
        return _recommend(facts, "severe", scores[:1], metastases)
    if all(score.value >= KNOWLEDGE.value("moderate") for score in scores[:2]):
        if len(scores) > 1:
            return _recommend(facts, "moderate", scores[:2], metastases)
        return CannotTell(
            ("a second pain score: one of {moderate} or more".format_map(KNOWLEDGE.thresholds),), because=scores
        )
    return CannotTell(("whether the pain has come back since the last score",), because=scores)


def _recommend(facts: Facts, variant: str, scores: tuple[Measurement, ...], metastases: tuple[Fact, ...]) -> Recommend:
    comfort, newest = care.comfort_focused(facts), scores[0]
    old = newest.when is None or not newest.when.maybe_within(KNOWLEDGE.value("ask_again"), facts.as_of)
    text = KNOWLEDGE.card(
        ("comfort" if comfort else variant) + ("_old" if old else ""),
        pain=f"{newest.value.normalize():f}",
        when=newest.when.text if newest.when else "",
    )
    indicator = KNOWLEDGE.cards[variant].indicator  # comfort changes the words, not the urgency
    because: tuple[Fact, ...] = (*scores, *metastases[:1], *comfort)
    team = "consult_palliative" if comfort else "consult_pain"
    lines = (*text.do, *_imaging(facts, variant), *proposals.referral_lines(facts, *TEAMS))
    return Recommend(
        because=because,
        says=Wording(indicator, text.summary, lines, text.why, text.why_not),
        missing=()
        if facts.knows("orders and referrals")
        else ("whether the pain team was asked: orders and referrals are not fully available",),
        suggestions=()
        if proposals.referral_lines(facts, *TEAMS)
        else proposals.consult(facts, team, because, "urgent" if variant == "severe" else "routine"),
    )


def _imaging(facts: Facts, variant: str) -> tuple[str, ...]:
    """When pain asks for images; not beside a card that asks for them already, nor in comfort-focused care."""
    if care.comfort_focused(facts) or emergency.cards(facts) or follow_up_imaging.urgent_imaging(facts):
        return ()
    return (KNOWLEDGE.text(f"{variant}_imaging", scan=imaging.modality(facts)),)

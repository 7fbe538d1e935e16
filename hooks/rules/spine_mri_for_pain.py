"""Cancer and current back pain without a deficit: has the spine been looked at?"""

from __future__ import annotations

from hooks import advice, knowledge, proposals
from hooks.asked_once import asked_once
from hooks.facts import Fact, Facts, Finding, Imaging
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import cancer, care, imaging, neurology

KNOWLEDGE = knowledge.load(__name__)


@asked_once
def decide(facts: Facts) -> Outcome:
    """R25 B, R30, E2: past or present cancer and back pain that is current and that no MRI or CT has followed.

    Current: onset, else recorded, within the window and not resolved; undated pain counts as current.
    """
    pain = back_pain(facts)
    if not pain:
        return CannotTell(("whether there is back pain",))
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care: imaging for pain is not proposed", comfort)
    deficits = neurology.new_deficits(facts, KNOWLEDGE.value("new_deficit"))
    if deficits:
        return NotApplicable("there is a new deficit too: the emergency rule speaks", deficits)
    current = tuple(p for p in pain if not p.when or p.when.maybe_within(KNOWLEDGE.value("current_pain"), facts.as_of))
    if not current:
        return _old(facts, pain)
    open_pain = tuple(p for p in current if not imaging.answered_by(facts, p, "MR", "CT"))
    if not open_pain:
        answered = tuple(i for p in current for i in imaging.answered_by(facts, p, "MR", "CT"))
        return CannotTell(
            ("whether the pain is new or worse since the spine was imaged",),
            because=(*each_once(answered), *current),
        )
    infected = advice.infected(facts)
    known = (*open_pain, *infected, *cancer.any_cancer(facts)[:2])
    because: tuple[Fact, ...] = (*known, *imaging.pending_whole_spine_mri(facts))
    variant = "infection" if infected else "imaging"
    text = KNOWLEDGE.card(variant, cancer=cancer.name(facts), scan=imaging.modality(facts))
    lines = (*advice.infection(facts), *text.do, *proposals.spine_imaging_lines(facts))
    return Recommend(
        because=because,
        says=Wording(text.indicator, text.summary, lines, text.why, text.why_not),
        missing=_missing(facts, open_pain),
        suggestions=proposals.spine_imaging(facts, "urgent", because),
        longest_rest=KNOWLEDGE.rests.get(variant),
    )


def _old(facts: Facts, pain: tuple[Finding, ...]) -> CannotTell:
    """Onset decides; pain that was recorded again of late, and not imaged since, is asked about."""
    for p in pain:
        again = p.onset and p.recorded and p.recorded.maybe_within(KNOWLEDGE.value("recorded_again"), facts.as_of)
        if again and p.onset and p.recorded and not imaging.since(_studies(facts), p.recorded):
            asked = f"whether the back pain, since {p.onset.text} and recorded again {p.recorded.text}, is new or worse"
            return CannotTell((asked,), ask=True, because=pain)
    missing = "whether the back pain, on record for more than {current_pain}, is new or worse"
    return CannotTell((missing.format_map(KNOWLEDGE.thresholds),), because=pain)


def _studies(facts: Facts) -> tuple[Imaging, ...]:
    return imaging.spine_studies(facts, "MR", "CT")


def back_pain(facts: Facts) -> tuple[Finding, ...]:
    """Active pain of the back. Pain called only "neoplasm related" counts where a bone metastasis is on record."""
    concepts = ["back_pain"]
    if cancer.suspected_metastases(facts):
        concepts += ["neoplasm_related_pain", "bone_pain"]
    return facts.finding(*concepts)


def _missing(facts: Facts, pain: tuple[Finding, ...]) -> tuple[str, ...]:
    lines = ["neurological examination: a deficit makes this an emergency"]
    if any(not p.when for p in pain):
        lines.append("when the pain began: taken as current")
    if not facts.knows("imaging studies"):
        lines.append("whether the spine was imaged since: imaging studies are not fully available")
    return tuple(lines)

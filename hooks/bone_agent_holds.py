"""What stands against offering a bone agent when a chart is opened, the gravest first, in the words of its card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from hooks import knowledge
from hooks.card_text import number, sentence
from hooks.facts import Fact, Facts
from hooks.questions import bone_agent_readiness, bone_agents, cancer, labs, pregnancy
from hooks.rules import bone_agent_hypocalcaemia, bone_agent_jaw, bone_agent_pregnancy, hypercalcaemia
from hooks.sealed import sealed

TEXTS = knowledge.load("bone_modifying_agent")
FIRST_DONE = frozenset({"correct_calcium", "uncorrected_low", "old_low_calcium", "dental_first", "replete_vitamin_d"})


@sealed()
class Hold:
    """A card variant, the facts behind it, and the words that fill it."""

    variant: str
    because: tuple[Fact, ...]
    words: dict[str, str] = field(default_factory=dict)

    @property
    def first_done(self) -> bool:
        """Something to be done first; after that an agent is due."""
        return self.variant in FIRST_DONE


def found(facts: Facts) -> tuple[Hold, ...]:
    return tuple(hold for ask in QUESTIONS for hold in ask(facts))


def hormone_sensitive(facts: Facts) -> tuple[Fact, ...]:
    prostate = "primary_prostate" in cancer.primary_sites(facts)
    return facts.finding("hormone_sensitive_malignancy") if prostate else ()


def _contraindicated(facts: Facts) -> Iterator[Hold]:
    """Pregnancy and osteonecrosis of the jaw, suspected ones too; only what is on record is named."""
    signs, necrosis = bone_agent_pregnancy.signs(facts), facts.finding(bone_agent_jaw.NECROSIS)
    pregnant = any(pregnancy.is_certain(sign) for sign in signs)
    dead_bone = any(one.certain for one in necrosis)
    problems = []
    if signs:
        problems.append("pregnancy" if pregnant else "suspected pregnancy")
    if necrosis:
        problems.append("osteonecrosis of the jaw" if dead_bone else "suspected osteonecrosis of the jaw")
    if problems:
        variant = "contraindicated" if len(problems) > 1 else "pregnant" if signs else "necrosis"
        yield Hold(variant, (*signs, *necrosis), {"problem": " and ".join(problems)})


def _emergency(facts: Facts) -> Iterator[Hold]:
    calcium = hypercalcaemia.emergency(facts)
    if calcium:
        yield Hold("calcium_first", calcium.because, _calcium_words(calcium))


def _wrong_disease(facts: Facts) -> Iterator[Hold]:
    sensitive = hormone_sensitive(facts)
    if sensitive:
        yield Hold("hormone_sensitive", sensitive)


def _low_dose_running(facts: Facts) -> Iterator[Hold]:
    running = bone_agents.running(facts, TEXTS.value("covered_low_dose"), "denosumab")
    low_dose = tuple(m for m in running if bone_agents.is_low_dose_denosumab(m))
    if low_dose:
        yield Hold("low_dose_running", low_dose)


def _calcium(facts: Facts) -> Iterator[Hold]:
    high = hypercalcaemia.raised(facts)
    calcium = labs.calcium(facts, pairing_days=bone_agent_hypocalcaemia.KNOWLEDGE.value("fresh"))
    if high:
        shown = calcium or high
        yield Hold("calcium_raised", shown.because, _calcium_words(shown))
    elif calcium and bone_agent_hypocalcaemia.is_low(calcium):
        low = "uncorrected_low" if calcium.kind == "uncorrected" else "correct_calcium"
        variant = "old_low_calcium" if bone_agent_hypocalcaemia.is_old(facts, calcium) else low
        yield Hold(variant, calcium.because, _calcium_words(calcium))


def _calcium_words(calcium: labs.Calcium) -> dict[str, str]:
    taken = calcium.because[0].when
    return {
        "Calcium": sentence(str(calcium)),
        "low": bone_agent_hypocalcaemia.why_low(calcium),
        "when": taken.text if taken else "",
    }


def _dentist(facts: Facts) -> Iterator[Hold]:
    """Not where osteonecrosis itself is on record: that is said before."""
    for problem, because in bone_agent_jaw.reasons_to_wait(facts).items():
        if not facts.finding(bone_agent_jaw.NECROSIS):
            yield Hold("dental_first", because, {"problem": problem})
        return


def _vitamin_d(facts: Facts) -> Iterator[Hold]:
    level = bone_agent_readiness.low_vitamin_d(facts)
    if level:
        words = {"level": number(level.value), "when": level.when.text if level.when else ""}
        yield Hold("replete_vitamin_d", (level,), words)


QUESTIONS = (_contraindicated, _emergency, _wrong_disease, _low_dose_running, _calcium, _dentist, _vitamin_d)

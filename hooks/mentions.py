"""What uncoded text may say: one line on the closing card, asking to code or review it. No rule reads it.

A text is the weakest evidence there is: a line is all that it can raise, and it can never clear or settle anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hooks import scope
from hooks.card_text import escape
from hooks.facts import Facts, Mention

TITLE = "Text without codes"


@dataclass(frozen=True, slots=True)
class Idea:
    """Our own words for it; which active coded findings already say it; whether it matters without a coded cancer.

    `lasting`: once coded it is known. What can come again (weakness) counts as coded only by a finding at least as new.
    """

    words: str
    coded_as: tuple[str, ...]
    without_cancer: bool = False
    lasting: bool = False


# Without a coded cancer only a metastasis is asked about: it is itself the diagnosis that is missing. The other ideas
# have common causes outside cancer (disc, prolapse, osteoporosis, stroke), for which these rules are not written.
IDEAS: dict[str, Idea] = {
    "cord_compression": Idea(
        "spinal cord or cauda equina compression", ("spinal_cord_compression", "cauda_equina", "myelopathy")
    ),
    "weakness": Idea(
        "weakness or trouble walking",
        ("motor_weakness", "paraplegia_paraparesis", "quadriplegia", "gait_disturbance"),
    ),
    "sphincter_disturbance": Idea(
        "bladder, bowel or saddle disturbance", ("bladder_dysfunction", "bowel_dysfunction", "saddle_or_sensory_loss")
    ),
    "spinal_instability": Idea("spinal instability", ("spinal_instability",)),
    "pathological_vertebral_fracture": Idea(
        "pathological vertebral fracture", ("pathological_vertebral_fracture_neoplastic",)
    ),
    "spinal_metastasis": Idea(  # a lytic or epidural lesion too: whoever codes it says what it is
        "spinal metastasis or suspicious lesion", ("spinal_metastasis",), without_cancer=True, lasting=True
    ),
    "bone_metastasis": Idea(
        "bone metastasis", ("bone_metastasis", "spinal_metastasis"), without_cancer=True, lasting=True
    ),
}


def lines(facts: Facts) -> list[str]:
    """One line for each idea that is mentioned and not coded, the most urgent first; then which texts were not read."""
    if not (facts.mentions or facts.texts_unread):
        return []
    reason = scope.outside(facts)
    if facts.patient.deceased or scope.is_child(facts):
        return []
    asked = {name: idea for name, idea in IDEAS.items() if reason is None or idea.without_cancer}
    found = [line for name, idea in asked.items() for line in _line(idea, name, facts)]
    return found + (list(facts.texts_unread) if reason is None else [])


def _line(idea: Idea, name: str, facts: Facts) -> Iterator[str]:
    open_ones = [one for one in facts.mentions if one.idea == name and not _coded(one, idea, facts)]
    if open_ones:
        newest, more = open_ones[0], len(open_ones) - 1
        when = newest.when.text if newest.when else "no date recorded"
        others = f", and {more} more" if more else ""
        yield f"uncoded mention of {idea.words} ({escape(newest.source)}, {when}{others}): please code or review"


def _coded(mention: Mention, idea: Idea, facts: Facts) -> bool:
    """Said by an active coded finding already."""
    for finding in facts.finding(*idea.coded_as):
        dates = [when.latest for when in (finding.onset, finding.recorded) if when]
        if idea.lasting or (mention.when and dates and max(dates) >= mention.when.earliest):
            return True
    return False

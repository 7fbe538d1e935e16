"""What a rule may answer, and what it may propose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from hooks.facts import Fact
from hooks.sealed import sealed

AnyFact = TypeVar("AnyFact", bound=Fact)
INDICATORS = ("info", "warning", "critical")  # in rising order


@sealed()
class Dose:
    """A drug dose as an order needs it: milligrams, route ("intravenous" | "subcutaneous"), weeks between doses.

    `every_weeks` is None where the interval is for the prescriber to write.
    """

    milligrams: Decimal
    route: str
    every_weeks: int | None
    over_minutes: int | None = None


@sealed()
class ProposedOrder:
    """An order that a card offers to create: the value set that names it, how urgent, and what it is for."""

    concept: str
    text: str
    priority: str = "routine"  # FHIR request priority
    reasons: tuple[str, ...] = ()  # references of the findings behind it
    dose: Dose | None = None


@sealed()
class Suggestion:
    """One button: orders to create and draft orders (references) to delete, done together."""

    label: str
    create: tuple[ProposedOrder, ...] = ()
    delete: tuple[str, ...] = ()
    recommended: bool = False


@sealed()
class Wording:
    """What a card says, without the facts: one sentence to read first, then what to do, and why not something else."""

    indicator: str
    summary: str
    do: tuple[str, ...]
    why: tuple[str, ...] = ()
    why_not: tuple[str, ...] = ()


@sealed()
class Recommend:
    """The rule speaks. `because` are the facts that made it speak, `missing` what it would have liked to know.

    `longest_rest`: for how many days at most an override keeps this away; 0 never. None: what the knowledge file says.
    """

    because: tuple[Fact, ...]
    says: Wording
    missing: tuple[str, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    longest_rest: int | None = None


@sealed()
class CannotTell:
    """Something is not recorded. `ask` when a clinician who opened this chart can and should fill the gap now.

    Also the answer where recorded facts settle what is known (`because`: the MRI was done, the level is stable) but
    another entry could open the question again: silence then rests on what nobody wrote down, and that is no "no".
    """

    missing: tuple[str, ...]
    ask: bool = False
    because: tuple[Fact, ...] = ()


@sealed()
class NotApplicable:
    """Settled by recorded facts, whatever else may not be recorded. Never rests on the absence of a record."""

    why: str
    because: tuple[Fact, ...] = ()


@sealed()
class Failed:
    """The rule raised: a defect of ours, shown as "not assessed". `error` is the exception's type, never its text."""

    error: str


Outcome = Recommend | CannotTell | NotApplicable | Failed


@sealed()
class Decision:
    """One rule's outcome, with the version of the knowledge it rests on."""

    rule: str
    version: str
    outcome: Outcome

    @property
    def kind(self) -> str:
        """Which of the four outcomes it is, in one word."""
        return OUTCOME_NAMES[type(self.outcome)]

    @property
    def because(self) -> tuple[Fact, ...]:
        """The facts behind the outcome."""
        return () if isinstance(self.outcome, Failed) else self.outcome.because

    def as_dict(self) -> dict[str, object]:
        """Plain values, the facts by their references; what there is nothing of is empty."""
        nothing: dict[str, object] = dict.fromkeys(("rule", "version", "outcome"), "")
        return nothing | {"because": [], "missing": [], "why_not": None} | self.said(references(self.because))

    def said(self, because: Sequence[object]) -> dict[str, object]:
        """The same without what is empty, and with what is given for the facts."""
        outcome = self.outcome
        said: dict[str, object] = {"rule": self.rule, "version": self.version, "outcome": self.kind}
        if because:
            said["because"] = because
        if isinstance(outcome, NotApplicable):
            said["why_not"] = outcome.why
        elif isinstance(outcome, Failed):
            said["why_not"] = f"the rule failed: {outcome.error}"
        else:
            if outcome.missing:
                said["missing"] = list(outcome.missing)
            if isinstance(outcome, Recommend):
                said["indicator"] = outcome.says.indicator
        return said


OUTCOME_NAMES = {
    Recommend: "recommend",
    CannotTell: "cannot_tell",
    NotApplicable: "not_applicable",
    Failed: "failed",
}


def references(facts: Iterable[Fact]) -> list[str]:
    """The resources behind some facts, each once, in the order given."""
    return list(dict.fromkeys([fact.source for fact in facts]))


def each_once(facts: Iterable[AnyFact]) -> tuple[AnyFact, ...]:
    """The same facts, each once, in the order given.

    Told apart by their sources first, since no two of them are often alike: the hash of a fact, which is that of all
    that it says, costs more than what a rule does with it.
    """
    of_source: dict[str, AnyFact] = {}
    further: set[AnyFact] = set()  # of one source that made several: an entry may have thousands of parts
    kept = []
    for fact in facts:
        known = of_source.get(fact.source)
        if known is None:
            of_source[fact.source] = fact
        elif fact == known or fact in further:
            continue
        else:
            further.add(fact)
        kept.append(fact)
    return tuple(kept)

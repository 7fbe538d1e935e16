"""Is this patient one of ours? Outside the scope no rule speaks."""

from __future__ import annotations

from hooks.facts import Facts
from hooks.outcomes import CannotTell, NotApplicable
from hooks.questions import cancer

ADULT_YEARS = 18  # the whole rule base is written for adults (the guidelines' own scope)


def outside(facts: Facts) -> CannotTell | NotApplicable | None:
    """Why the rules are not asked about this patient, or None. No recorded cancer is "cannot tell", not "no cancer"."""
    if facts.patient.deceased:
        return NotApplicable("the record says that the patient has died")
    if not cancer.any_cancer(facts):
        return CannotTell(("a diagnosis of cancer, past or present",))
    if is_child(facts):
        return NotApplicable("these are rules for adults; the patient is under 18")
    return None


def is_child(facts: Facts) -> bool:
    age = facts.patient.age_years
    return age is not None and age < ADULT_YEARS


def in_scope(facts: Facts) -> bool:
    return outside(facts) is None

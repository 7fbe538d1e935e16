"""The rules that are asked when a chart is opened, in order of precedence."""

from __future__ import annotations

from hooks import run
from hooks.facts import Facts
from hooks.outcomes import Decision
from hooks.rules import (
    bone_modifying_agent,
    multidisciplinary_review,
    spinal_instability,
    spine_mri_for_pain,
    suspected_cord_compression,
)

RULES = (
    suspected_cord_compression,
    spinal_instability,
    spine_mri_for_pain,
    multidisciplinary_review,
    bone_modifying_agent,
)


def decide(facts: Facts) -> tuple[Decision, ...]:
    return run.decide(RULES, facts)

"""The rules that are asked when a chart is opened, in order of precedence."""

from __future__ import annotations

from hooks import run
from hooks.facts import Facts
from hooks.outcomes import Decision
from hooks.rules import (
    bone_modifying_agent,
    bone_scan_indicated,
    follow_up_imaging,
    multidisciplinary_review,
    pain_team,
    psychosocial_assessment,
    rehabilitation,
    spinal_instability,
    spine_mri_for_pain,
    suspected_cord_compression,
    symptom_screening,
)

RULES = (
    suspected_cord_compression,
    spinal_instability,
    spine_mri_for_pain,
    multidisciplinary_review,
    bone_modifying_agent,
    pain_team,
    rehabilitation,
    psychosocial_assessment,
    symptom_screening,
    bone_scan_indicated,
    follow_up_imaging,
)


def decide(facts: Facts) -> tuple[Decision, ...]:
    return run.decide(RULES, facts)

"""The rules that are asked when a chart is opened, in order of precedence."""

from __future__ import annotations

from hooks import run
from hooks.facts import Facts
from hooks.outcomes import Decision
from hooks.rules import (
    bone_modifying_agent,
    bone_scan_indicated,
    confirmed_cord_compression,
    denosumab_interruption,
    follow_up_imaging,
    hypercalcaemia,
    multidisciplinary_review,
    pain_team,
    postoperative_radiotherapy,
    psychosocial_assessment,
    radiotherapy,
    rehabilitation,
    spinal_instability,
    spine_mri_for_pain,
    steroid_review,
    suspected_cord_compression,
    symptom_screening,
    systemic_therapy,
    unknown_primary,
    vertebral_augmentation,
)

RULES = (
    confirmed_cord_compression,  # leads the card of the cord: what is known goes before what is suspected
    suspected_cord_compression,
    hypercalcaemia,
    spinal_instability,
    spine_mri_for_pain,
    radiotherapy,
    postoperative_radiotherapy,
    vertebral_augmentation,
    multidisciplinary_review,
    unknown_primary,
    systemic_therapy,
    denosumab_interruption,  # before what would start an agent: rebound is the more urgent half
    bone_modifying_agent,
    steroid_review,
    symptom_screening,  # first of the supportive rules: a fall of function leads their card
    pain_team,
    rehabilitation,
    psychosocial_assessment,
    bone_scan_indicated,
    follow_up_imaging,
)


def decide(facts: Facts) -> tuple[Decision, ...]:
    return run.decide(RULES, facts)

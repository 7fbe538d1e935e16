"""The rules that are asked when an order is picked or signed, in order of precedence."""

from __future__ import annotations

from hooks import run
from hooks.facts import Facts
from hooks.outcomes import Decision
from hooks.rules import (
    augmentation_order_check,
    baseline_imaging,
    bone_agent_duplicate,
    bone_agent_hypocalcaemia,
    bone_agent_jaw,
    bone_agent_preflight,
    bone_agent_pregnancy,
    bone_agent_renal_dose,
    bone_scan_low_yield,
    confirmed_cord_compression,
    plain_film_insufficient,
    radiotherapy_order_check,
    spinal_instability,
    surgery_readiness,
    suspected_cord_compression,
    whole_spine_mri,
)

RULES = (
    confirmed_cord_compression,  # leads the card of the cord: what is known goes before what is suspected
    suspected_cord_compression,
    bone_agent_pregnancy,
    bone_agent_hypocalcaemia,
    bone_agent_renal_dose,
    bone_agent_jaw,
    bone_agent_duplicate,
    bone_agent_preflight,
    spinal_instability,
    surgery_readiness,
    radiotherapy_order_check,
    augmentation_order_check,
    whole_spine_mri,
    plain_film_insufficient,
    baseline_imaging,
    bone_scan_low_yield,
)


def decide(facts: Facts) -> tuple[Decision, ...]:
    return run.decide(RULES, facts)

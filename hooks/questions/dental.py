"""Has a dentist seen the patient?"""

from __future__ import annotations

from decimal import Decimal

from hooks.facts import Facts, Order, Procedure


def checked(facts: Facts, days: Decimal) -> tuple[Order | Procedure, ...]:
    """Dental examinations done, and dental referrals completed, surely not longer than `days` ago.

    A referral that is only placed is no check; neither is the code of a referral among the procedures.
    """
    done = tuple(p for p in facts.procedures if "dental_examination" in p.concepts and p.status == "completed")
    seen = tuple(
        o
        for o in facts.orders
        if o.concepts & {"consult_dental", "dental_examination"} and o.status == "completed" and not o.draft
    )
    found: tuple[Order | Procedure, ...] = (*done, *seen)
    return tuple(f for f in found if f.when and f.when.surely_within(days, facts.as_of))

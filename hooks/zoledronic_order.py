"""An order for zoledronic acid against creatinine: is it for cancer, did creatinine rise, does the dose fit?"""

from __future__ import annotations

from decimal import Decimal

from hooks import bone_agent_orders, knowledge
from hooks.card_text import BOUND_WORDS, number
from hooks.facts import Fact, Facts, Measurement, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion, Wording, each_once
from hooks.questions import bone_agents, labs, zoledronic_dose
from hooks.questions.zoledronic_dose import TABLE

TEXTS = knowledge.load("bone_agent_renal_dose")
PURPOSE = "what zoledronic acid is for: 5 mg yearly (osteoporosis) and 4 mg (cancer) are two treatments"


def drafted(drafts: tuple[Medication, ...]) -> tuple[Medication, ...]:
    return tuple(m for m in drafts if "zoledronic_acid" in m.concepts)


def withhold(facts: Facts, drafts: tuple[Medication, ...]) -> Recommend | None:
    """Creatinine rose since the last dose, however old the new result is. Not asked of the yearly osteoporosis dose."""
    orders = tuple(m for m in drafted(drafts) if not _is_yearly(m))
    course = zoledronic_dose.course(facts, TEXTS.value("course")) if orders else None
    if course is None or course.baseline is None or course.now is None or not _rose(course.baseline, course.now):
        return None
    words = {
        "before": number(course.baseline.value),
        "now": f"{BOUND_WORDS[course.now.bound]}{number(course.now.value)} mg/dL",
    }
    return Recommend(
        because=(*orders, course.last, course.baseline, course.now),
        says=TEXTS.card("withhold", **words),
        suggestions=(Suggestion("Remove the zoledronic acid order", delete=tuple(m.source for m in orders)),),
    )


def _is_yearly(order: Medication) -> bool:
    return order.dose_mg == TEXTS.value("dose_osteoporosis")


def _rose(baseline: Measurement, now: Measurement) -> bool:
    normal = baseline.value < TEXTS.value("baseline_raised")
    return now.value - baseline.value >= TEXTS.value("rise_normal" if normal else "rise_raised")


def judge(
    facts: Facts, orders: tuple[Medication, ...], clearance: labs.Clearance, held: tuple[Recommend, ...]
) -> Outcome:
    """The dose by the table for bone metastases and myeloma; `held`: what the other checks of the order say."""
    right = zoledronic_dose.dose(clearance)
    fits = right is not None and all(m.dose_mg == right for m in orders)
    because: tuple[Fact, ...] = (*orders, *clearance.because)
    indication = bone_agents.indications(facts)
    if not indication or any(_is_yearly(m) for m in orders):
        return CannotTell((PURPOSE,), ask=not fits, because=because)
    if fits:
        return _fits(facts, because)
    stops = tuple(fact for said in held if said.says.indicator == "critical" for fact in said.because)
    if stops:
        why = "the dose: another check of the order stops the agent first"
        return CannotTell((why,), because=each_once((*because, *stops)))
    if right is None:
        return _sex_unknown(orders, clearance)
    if all(m.dose_mg is None for m in orders) and right == TABLE.value("dose_full"):
        return CannotTell(("the ordered dose",), because=orders)
    return _wrong_dose(facts, orders, clearance, right, held)


def _fits(facts: Facts, because: tuple[Fact, ...]) -> Outcome:
    """Settled only where creatinine at the last dose is on record too: it may have risen from what nobody recorded."""
    course = zoledronic_dose.course(facts, TEXTS.value("course"))
    if course is None:
        return CannotTell(("creatinine at an earlier dose: none is recorded",), because=because)
    because = each_once((*because, course.last))
    when = course.last.when.text if course.last.when else ""
    if course.now is None or course.now.bound:
        return CannotTell((f"creatinine since the last zoledronic acid ({when})",), ask=True, because=because)
    if course.baseline is None or not _near(course.baseline, course.last):
        return CannotTell((f"creatinine at the last zoledronic acid ({when})",), because=because)
    because = each_once((*because, course.baseline, course.now))
    return NotApplicable("the dose fits the clearance, and creatinine has not risen since the last dose", because)


def _near(baseline: Measurement, dose: Medication) -> bool:
    days = (dose.when.earliest - baseline.when.earliest).days if dose.when and baseline.when else None
    return days is not None and days <= TEXTS.value("fresh")


def _sex_unknown(orders: tuple[Medication, ...], clearance: labs.Clearance) -> Outcome:
    """Two clearances, two doses: an order for neither is wrong; an order for one of them depends on the sex."""
    possible = [zoledronic_dose.dose_for(clearance.high), zoledronic_dose.dose_for(clearance.low)]
    doses = " or ".join(f"{dose.normalize():f} mg" if dose else "none" for dose in possible)
    because: tuple[Fact, ...] = (*orders, *clearance.because)
    if all(m.dose_mg in possible or m.dose_mg is None for m in orders):
        return CannotTell((f"sex, on which the dose depends: {doses} at {clearance}",), ask=True, because=because)
    return Recommend(because, TEXTS.card("sex_unknown", clearance=str(clearance), doses=doses))


def _wrong_dose(
    facts: Facts,
    orders: tuple[Medication, ...],
    clearance: labs.Clearance,
    right: Decimal,
    held: tuple[Recommend, ...],
) -> Recommend:
    """With a button where nothing else holds the agent; never preselected, since the draft may be for another plan."""
    ordered = next((f"{m.dose_mg.normalize():f} mg" for m in orders if m.dose_mg), "dose not stated")
    text = TEXTS.card("wrong_dose", right=f"{right.normalize():f} mg", ordered=ordered, clearance=str(clearance))
    weeks, line = _interval(orders)
    proposed = bone_agent_orders.zoledronic_acid(right, weeks, bone_agents.indications(facts))
    replace = Suggestion(f"{proposed.text}, in place of the draft", (proposed,), tuple(m.source for m in orders))
    return Recommend(
        (*orders, *clearance.because, *bone_agents.indications(facts)[:1]),
        Wording(text.indicator, text.summary, (*text.do[:1], *(() if held else line), *text.do[1:]), text.why),
        suggestions=() if held else (replace,),
    )


def _interval(orders: tuple[Medication, ...]) -> tuple[int | None, tuple[str, ...]]:
    """Weeks between doses as the draft has them, and what to say of it; the label's where the draft has none."""
    stated = {m.every_weeks for m in orders}
    if any(m.interval_unread for m in orders) or len(stated) > 1:
        return None, (TEXTS.text("interval_as_before"),)
    weeks = stated.pop()
    return (weeks, ()) if weeks else (int(TABLE.value("zoledronic_interval")), (TEXTS.text("interval_of_label"),))

"""The one closing card: what could not be assessed, what was cut for room, and which data never arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hooks import knowledge, mentions, override_reasons, scope
from hooks.card_text import escape, section
from hooks.facts import Facts
from hooks.outcomes import CannotTell, Decision, Failed
from hooks.questions import cancer

if TYPE_CHECKING:
    from hooks.cards import Spoken

RULES_EXTENSION = "org.spine-cds.rules"
LABEL = "Open spine metastasis decision support"
QUESTION_REASONS = ("cds-not-applicable", "patient-refuses", "service-not-available")
TOPIC = {"system": "urn:spine-cds:card-topic", "code": "notAssessed", "display": "Not assessed"}


def build(
    decisions: Sequence[Decision],
    facts: Facts,
    shown: Sequence[Sequence[Spoken]],
    cut: Sequence[Sequence[Spoken]] = (),
    later: Sequence[Spoken] = (),
    mentioned: Sequence[str] = (),
    set_aside: Sequence[str] = (),
) -> dict[str, object] | None:
    """The card, without uuid; None when everything that matters could be assessed and shown."""
    said = {line for group in shown for one in group for line in one.outcome.missing}
    failed = [d for d in decisions if isinstance(d.outcome, Failed)]
    asked = [
        d for d in decisions if isinstance(d.outcome, CannotTell) and d.outcome.ask and set(d.outcome.missing) - said
    ]
    child = bool(scope.is_child(facts) and cancer.any_cancer(facts) and not facts.patient.deceased)
    unknown = undelivered(facts) if scope.in_scope(facts) or _conditions_in_doubt(facts) else []
    omitted = [one for group in cut for one in group]
    if child:
        asked, unknown, omitted, later = [], [], [], ()
    if not (failed or asked or child or unknown or omitted or later or mentioned):
        return None
    lines = [f"{_title(d)}: {'; '.join(d.outcome.missing)}" for d in asked if isinstance(d.outcome, CannotTell)]
    detail = [
        section("Outside these rules", ["The patient is under 18; the rules are written for adults."] if child else []),
        section("To assess, please record", lines),
        section("Failed on our side, not assessed", (_title(d) for d in failed)),
        section("Data that did not reach this service", unknown),
        section("Not shown for lack of room", (one.outcome.says.summary for one in omitted)),
        section("After the emergency", (one.knowledge.title for one in later)),
        section(mentions.TITLE, mentioned),
        section("Set aside by a user", set_aside),
        "This is no all-clear: what is not recorded is not known.",
    ]
    card: dict[str, object] = {
        "summary": _summary(len(failed), len(asked), bool(unknown), len(omitted), child, len(later), bool(mentioned)),
        "indicator": "warning" if failed else "info",
        "detail": "\n\n".join(part for part in detail if part),
        "source": {"label": LABEL, "topic": TOPIC},
    }
    rules = [_entry(d.rule, d.version) for d in (*failed, *asked)]
    rules += [{**_entry(one.knowledge.rule, one.version), "cut": True} for one in (*omitted, *later)]
    if rules:
        card["extension"] = {RULES_EXTENSION: rules}
    if asked and not failed:
        card["overrideReasons"] = [override_reasons.coding(code) for code in QUESTION_REASONS]
    return card


def undelivered(facts: Facts) -> list[str]:
    """Data that was not sent, sent in part, or refused, each as a line."""
    lines = [f"{kind}: not available" for kind in facts.unavailable]
    lines += [f"{kind}: only a part was sent{_why(facts, kind)}" for kind in facts.incomplete]
    if facts.unreadable:
        first = ", ".join(escape(reference) for reference in facts.unreadable[:3])
        more = f" and {len(facts.unreadable) - 3} more" if len(facts.unreadable) > 3 else ""
        lines.append(f"could not be read or used: {first}{more}")
    return lines


def _why(facts: Facts, kind: str) -> str:
    reason = facts.why_incomplete.get(kind)
    return f" ({escape(reason)})" if reason else ""


def _conditions_in_doubt(facts: Facts) -> bool:
    """Without all conditions, "no cancer on record" is not known; then silence would look calm."""
    return not facts.knows("conditions") or "conditions" in facts.lost


def _summary(failed: int, asked: int, unknown: bool, cut: int, child: bool, later: int, mentioned: bool) -> str:
    if child:
        return "Not assessed: spine metastasis rules are for adults, the patient is under 18"
    reasons = []
    if failed:
        reasons.append(f"{failed} check{'s' * (failed > 1)} failed")
    if asked:
        reasons.append(f"{asked} check{'s' * (asked > 1)} need{'s' * (asked == 1)} data")
    if unknown:
        reasons.append("some data did not arrive")
    if cut:
        reasons.append(f"{cut} more not shown")
    if later:
        reasons.append(f"{later} for after the emergency")
    if mentioned:
        reasons.append("text without codes to review")
    what = "Not assessed" if failed or asked or unknown or mentioned else "Not shown"
    return f"{what} (spine metastasis): {', '.join(reasons)}"


def _title(decision: Decision) -> str:
    return knowledge.load(decision.rule).title


def _entry(rule: str, version: str) -> dict[str, object]:
    return {"rule": rule, "version": version}

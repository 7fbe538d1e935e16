"""An explanation in words: whole for a terminal, and line by line for the page."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.explain import Entry

WIDTH = 15  # of the labels in a terminal
NOT_ASKED = "Not asked, switched off at this site"


def as_text(explained: Entry) -> str:
    """To read in a terminal."""
    return "\n".join(_lines(explained))


def _lines(explained: Entry) -> Iterator[str]:
    yield from _head(explained)
    on_card = [one for one in explained["rules"] if one["on_asked_card"]]
    others = [one for one in explained["rules"] if not one["on_asked_card"]]
    if on_card:
        yield "\nRules on this card"
        yield from (line for rule in on_card for line in _rule(rule))
    yield f"\n{'Other rules' if on_card else 'Every rule'}, in order of precedence"
    yield from (line for rule in others for line in _rule(rule))
    if explained["not_asked"]:
        yield f"\n{NOT_ASKED}: {', '.join(explained['not_asked'])}"
    yield "\nData"
    yield from data_lines(explained)
    yield "\nFeedback"
    yield from (feedback_line(one) for one in explained["feedback"])
    if not explained["feedback"]:
        yield "none"


def _head(explained: Entry) -> Iterator[str]:
    call, given, asked = explained["call"], explained["given"], explained["asked"]
    what = f"Card {asked['card']}" if asked["as"] == "card" else f"Call {call['hook_instance']}"
    yield what
    if given["calls"] > 1:
        yield f"Given in {given['calls']} calls; the newest is explained. Answered {', '.join(given['times'])}"
    yield ""
    yield from (f"{label:<{WIDTH}}{value}" for label, value in call_lines(call))


def call_lines(call: Entry) -> list[tuple[str, str]]:
    """What is known of the call itself, each with its label."""
    versions = call["knowledge"]
    lines = {
        "Answered": f"{call['answered']}, in {call['milliseconds']:g} ms",
        "Service": call["service"],
        "Tenant": call["tenant"],
        "Caller": call.get("caller", ""),
        "Hook instance": call["hook_instance"],
        "Patient": f"{call['patient']} (first digits of a keyed hash)",
        "As of": call["as_of"],
        "Software": versions.get("software", "not recorded"),
        "Knowledge": f"{versions['digest']}, overrides {versions.get('refire', 'not recorded')}",
    }
    return [(label, value) for label, value in lines.items() if value]


def _rule(rule: Entry) -> Iterator[str]:
    indicator = f" ({rule['indicator']})" if "indicator" in rule else ""
    yield f"\n  {rule['rule']} {version(rule)}: {rule['outcome'].replace('_', ' ')}{indicator}"
    yield f"    {rule['what_became_of_it']}"
    yield from (f"    {line}" for line in why(rule))


def version(rule: Entry) -> str:
    """The version that answered, and the one in force where it is another."""
    now = f" (now {rule['version_now']})" if "version_now" in rule else ""
    return f"{rule.get('version', '')}{now}"


def why(rule: Entry) -> Iterator[str]:
    """What an outcome rests on, a line for each thing."""
    if "override" in rule:
        yield from override_lines(rule["override"])
    yield from (f"used: {used(one)}" for one in rule.get("used", ()))
    yield from (f"not known: {line}" for line in rule.get("missing", ()))
    if "why_not" in rule:
        yield f"why not: {rule['why_not']}"


def override_lines(override: Entry) -> Iterator[str]:
    """What keeps a rule away, until when, and on what ground."""
    since = f" on {override['overridden']}" if "overridden" in override else ""
    since += f" (card {override['overridden_card']})" if "overridden_card" in override else ""
    yield f"overridden{since}: {override['reason_display']}; rests until {override['until']}"
    later = f" (as version {override['ground_of_version']} has it)" if "ground_of_version" in override else ""
    yield f"ground for {override['days']} days{later}: {override['ground']}"


def used(fact: Entry) -> str:
    """A fact as its reference, version and date."""
    of_version = f" version {fact['version']}" if "version" in fact else ""
    return f"{fact.get('reference', 'no reference')}{of_version}, {fact.get('date', 'no date recorded')}"


def data_lines(explained: Entry) -> list[str]:
    """What did not arrive, or could not be read."""
    data = explained["data"]
    lines = [f"{key}: not available ({reason})" for key, reason in data["unavailable"].items()]
    lines += [f"{kind}: only a part{f' ({reason})' if reason else ''}" for kind, reason in data["incomplete"].items()]
    lines += [f"{data['unreadable']} could not be read or used"] if data["unreadable"] else []
    return lines or ["all that was asked for arrived and could be read"]


def feedback_line(one: Entry) -> str:
    """What a user did with a card."""
    card = f"card {one['card_number']}: " if "card_number" in one else ""
    reason = f", {one['reason_display']}" if "reason_display" in one else ""
    code = f" ({one['reason']})" if "reason" in one and one["reason"] != one.get("reason_display") else ""
    accepted = f", {one['accepted_suggestions']} accepted" if one["accepted_suggestions"] else ""
    comment = "; the user wrote a comment, which is not kept" if one["commented"] else ""
    return f"{one['when']} {card}{one['outcome']}{reason}{code}{accepted}{comment}"

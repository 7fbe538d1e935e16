"""Cards and rule outcomes as text to read in a terminal."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from cds_service.tenants import Tenant
from hooks.outcomes import Decision

WIDTH = 100
# A name in a record must not steer the terminal, nor turn round or hide what stands beside it.
UNSEEN = (
    r"\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e0fff"
)
CONTROL = re.compile(rf"[\x00-\x08\x0b-\x1f{UNSEEN}]")
IN_JSON = re.compile(rf"[{UNSEEN}]")  # JSON escapes the others by itself
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|<>~&:-])")  # Markdown's backslashes are for renderers


def cards_text(cards: Iterable[Mapping[str, Any]]) -> str:
    """The cards one below the other, or a line that says that there are none."""
    return "\n\n".join("\n".join(_card(card)) for card in cards) or "No cards."


def _card(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{card['indicator'].upper()}] {_plain(card['summary'])}"
    for line in _plain(card.get("detail", "")).splitlines():
        hanging = "    " if line.startswith("- ") else "  "
        yield textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent=hanging, break_on_hyphens=False)
    for suggestion in card.get("suggestions", ()):
        yield f"  -> {_plain(suggestion['label'])}"
    yield f"  Source: {_plain(card['source']['label'])}"


def json_text(value: object) -> str:
    """A value as indented JSON; characters that a terminal does not show are escaped, as JSON allows."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return IN_JSON.sub(lambda match: json.dumps(match[0])[1:-1], text)


def safe(text: str) -> str:
    """Text of several lines for a terminal."""
    return CONTROL.sub(" ", text)


def _plain(text: str) -> str:
    return ESCAPED.sub(r"\1", safe(text)).replace("**", "")


def decisions_text(decisions: Iterable[Decision], tenant: Tenant) -> str:
    """A line for every rule: what it said, and why, or why not."""
    rows = [(one.rule, _outcome(one, tenant), _reason(one.as_dict())) for one in decisions]
    first, second = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    lines = (f"{rule:<{first}}  {outcome:<{second}}  {_plain(reason)}" for rule, outcome, reason in rows)
    return "\n".join(line.rstrip() for line in lines)


def _outcome(decision: Decision, tenant: Tenant) -> str:
    outcome = decision.kind.replace("_", " ")
    return outcome if tenant.mode(decision.rule) == "live" else f"{outcome} ({tenant.mode(decision.rule)})"


def _reason(said: Mapping[str, Any]) -> str:
    parts = [
        f"because of {', '.join(said['because'])}" if said.get("because") else "",
        f"not known: {', '.join(said['missing'])}" if said.get("missing") else "",
        said.get("why_not") or "",
    ]
    return "; ".join(part for part in parts if part)

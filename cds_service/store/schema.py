"""The tables. Times are whole milliseconds since 1970 in UTC; documents are JSON text; migrations make each change."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

REVISION = "0003"  # of the newest migration: a database that says so is not looked at further

tables = MetaData()

# The versions of rules and value sets that an answer rested on: the same for very many calls, so kept once.
knowledge = Table(
    "knowledge",
    tables,
    Column("digest", String(32), primary_key=True),
    Column("document", Text, nullable=False),
)

# One answered call: the outcome of every rule is in `document`.
call = Table(
    "call",
    tables,
    Column("id", String(36), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("caller", String(512), nullable=False),  # the token's issuer; empty without one
    Column("service", String(64), nullable=False),
    Column("hook_instance", String(128), nullable=False),
    Column("patient", String(64), nullable=False),  # a keyed hash
    Column("answered_at", BigInteger, nullable=False),
    Column("as_of", String(10), nullable=False),
    Column("milliseconds", Float, nullable=False),
    Column("knowledge", String(32), nullable=False),
    Column("document", Text, nullable=False),
    Index("call_by_hook_instance", "hook_instance"),
    Index("call_by_time", "tenant", "answered_at"),
)

# A rule that had something to say in a call, and what became of it: see ledger.FATES. A closing card on which no rule
# stands has a row with an empty rule.
speech = Table(
    "speech",
    tables,
    Column("call", String(36), ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("version", String(32), nullable=False),
    Column("indicator", String(16), nullable=False),  # empty where the rule only asked
    Column("fate", String(16), nullable=False),
    Column("card", String(36), nullable=False),  # its uuid; empty where there was none
    Column("state", String(32), nullable=False),  # fingerprint of the facts; empty where no override may silence it
    Column("longest_rest", Integer, nullable=False),  # days; 0 with an empty state
    Index("speech_by_card", "card"),
)

# What a user did with a card. `id` is a digest of the content, so that a repeat is the same row.
feedback = Table(
    "feedback",
    tables,
    Column("id", String(32), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("caller", String(512), nullable=False),
    Column("service", String(64), nullable=False),
    Column("card", String(255), nullable=False),
    Column("call", String(36), nullable=True),  # null: the card is not, or no longer, in the ledger
    Column("outcome", String(16), nullable=False),
    Column("outcome_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("reason_system", String(255), nullable=False),
    Column("reason_code", String(255), nullable=False),
    Column("accepted", Text, nullable=False),  # JSON list of suggestion ids
    Column("commented", Integer, nullable=False),  # 1: the user wrote words, which are not kept
    Index("feedback_by_card", "card"),
    Index("feedback_by_time", "tenant", "received_at"),
)

# A rule that rests for one patient while its state stays the same.
override = Table(
    "override",
    tables,
    Column("tenant", String(64), primary_key=True),
    Column("patient", String(64), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("state", String(32), primary_key=True),
    Column("reason", String(255), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("feedback", String(32), nullable=False),
    Index("override_by_end", "until"),
)

# Ids of callers' tokens that were accepted, as digests, until they expire by themselves.
token = Table(
    "token",
    tables,
    Column("digest", String(32), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("token_by_end", "expires"),
)

# Of the SMART companion, sealed with keys that are not in the database: a login under way, a session, unfinished work,
# and which result is being written. `name` is a digest.
companion = Table(
    "companion",
    tables,
    Column("kind", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Index("companion_by_end", "expires"),
)

# What the approver said to a proposal of the dashboard, and on what numbers it stood (JSON). Kept for good: it is the
# site's record of who decided what, and holds nothing of a patient.
decision = Table(
    "decision",
    tables,
    Column("id", String(32), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("version", String(32), nullable=False),
    Column("decided", String(16), nullable=False),
    Column("approver", String(64), nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("until", String(10), nullable=False),  # a date: until then it is not proposed again
    Column("ground", Text, nullable=False),
    Index("decision_by_time", "tenant", "decided_at"),
)

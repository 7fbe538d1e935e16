"""The first tables: knowledge, call, speech, feedback, override, token."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "knowledge",
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "call",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("caller", sa.String(512), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("hook_instance", sa.String(128), nullable=False),
        sa.Column("patient", sa.String(64), nullable=False),
        sa.Column("answered_at", sa.BigInteger, nullable=False),
        sa.Column("as_of", sa.String(10), nullable=False),
        sa.Column("milliseconds", sa.Float, nullable=False),
        sa.Column("knowledge", sa.String(32), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("call_by_hook_instance", "call", ["hook_instance"])
    op.create_index("call_by_time", "call", ["tenant", "answered_at"])
    op.create_table(
        "speech",
        sa.Column("call", sa.String(36), sa.ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("indicator", sa.String(16), nullable=False),
        sa.Column("fate", sa.String(16), nullable=False),
        sa.Column("card", sa.String(36), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("longest_rest", sa.Integer, nullable=False),
    )
    op.create_index("speech_by_card", "speech", ["card"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("caller", sa.String(512), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("card", sa.String(255), nullable=False),
        sa.Column("call", sa.String(36), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("outcome_at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("reason_system", sa.String(255), nullable=False),
        sa.Column("reason_code", sa.String(255), nullable=False),
        sa.Column("accepted", sa.Text, nullable=False),
        sa.Column("commented", sa.Integer, nullable=False),
    )
    op.create_index("feedback_by_card", "feedback", ["card"])
    op.create_index("feedback_by_time", "feedback", ["tenant", "received_at"])
    op.create_table(
        "override",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("patient", sa.String(64), primary_key=True),
        sa.Column("rule", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(32), primary_key=True),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("feedback", sa.String(32), nullable=False),
    )
    op.create_index("override_by_end", "override", ["until"])
    op.create_table(
        "token",
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("token_by_end", "token", ["expires"])

"""What customers were told about their waiting, and what became of it; when agents were there."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_RUNNING = sa.text("done = 0")
_WAITS = sa.text("outcome = ''")
_STAYS = sa.text("ended_at = 0")


def upgrade() -> None:
    op.create_table(
        "waiting_estimates",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("interaction_id", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("medium", sa.String(length=16), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("others", sa.Integer(), nullable=False),
        sa.Column("agents", sa.Float(), nullable=False),
        sa.Column("handling_ms", sa.BigInteger(), nullable=False),
        sa.Column("patience_ms", sa.BigInteger(), nullable=False),
        sa.Column("answer_ms", sa.BigInteger(), nullable=False),
        sa.Column("mean_ms", sa.BigInteger(), nullable=True),
        sa.Column("p50_ms", sa.BigInteger(), nullable=True),
        sa.Column("p90_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("waited_ms", sa.BigInteger(), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("rang_ms", sa.BigInteger(), nullable=False),
        sa.Column("handled_ms", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_estimates")),
    )
    op.create_index(
        "ix_waiting_estimates_queue_medium_began_at", "waiting_estimates", ["queue", "medium", "began_at"]
    )
    op.create_index("ix_waiting_estimates_began_at", "waiting_estimates", ["began_at", "queue", "medium"])
    op.create_index(
        "ix_waiting_estimates_running",
        "waiting_estimates",
        ["interaction_id"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index(
        "uq_waiting_estimates_waits",
        "waiting_estimates",
        ["interaction_id"],
        unique=True,
        sqlite_where=_WAITS,
        postgresql_where=_WAITS,
    )
    op.create_table(
        "presence_spans",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_spans")),
    )
    op.create_index("ix_presence_spans_began_at", "presence_spans", ["began_at"])
    op.create_index(
        "uq_presence_spans_running",
        "presence_spans",
        ["agent_id"],
        unique=True,
        sqlite_where=_STAYS,
        postgresql_where=_STAYS,
    )


def downgrade() -> None:
    op.drop_table("presence_spans")
    op.drop_table("waiting_estimates")

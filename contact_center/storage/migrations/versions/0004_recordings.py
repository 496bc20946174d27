"""The recordings that the hub keeps, or is to fetch."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("interaction_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("give_up_at", sa.BigInteger(), nullable=False),
        sa.Column("keep_until_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "channel", name=op.f("pk_recordings")),
    )
    op.create_index("ix_recordings_interaction_id", "recordings", ["interaction_id"], unique=False)
    op.create_index("ix_recordings_digest", "recordings", ["digest"], unique=False)
    op.create_index("ix_recordings_state_made_at", "recordings", ["state", "made_at"], unique=False)
    op.create_index(
        "ix_recordings_next_at",
        "recordings",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("next_at > 0"),
        postgresql_where=sa.text("next_at > 0"),
    )


def downgrade() -> None:
    raise RuntimeError("Going back would lose where the recordings are. Restore a backup instead.")

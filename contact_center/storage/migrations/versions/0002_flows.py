"""Published flows, and an index to count their steps by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flow_versions",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("pins", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_flow_versions")),
    )
    op.create_table(
        "flow_changes",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_flow_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_flow_changes_name_seq", "flow_changes", ["name", "seq"], unique=False)
    op.create_index(
        "ix_events_flow_steps",
        "events",
        ["seq"],
        unique=False,
        sqlite_where=sa.text("kind = 'ivr.step'"),
        postgresql_where=sa.text("kind = 'ivr.step'"),
    )


def downgrade() -> None:
    raise RuntimeError("Going back would lose the published flows. Restore a backup instead.")

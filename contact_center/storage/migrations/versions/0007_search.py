"""Search: how far it has read, and the indexes that lists of cases and interactions are read along."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LIVE = sa.text("status <> 'closed' AND merged_into = 0")
_ENDED = sa.text("state = 'ended'")
_RENAMED = sa.text("updated_at > first_seen_at")


def upgrade() -> None:
    op.create_table(
        "search_progress",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_search_progress")),
    )
    op.create_index(
        "ix_customers_renamed", "customers", ["updated_at"], sqlite_where=_RENAMED, postgresql_where=_RENAMED
    )
    op.drop_index("ix_cases_updated_at", "cases")
    op.create_index(
        "ix_cases_updated_at", "cases", ["updated_at", "id", "status", "queue", "agent_id", "merged_into"]
    )
    op.create_index(
        "ix_cases_live",
        "cases",
        ["updated_at", "id", "status", "queue", "agent_id", "merged_into"],
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index(
        "ix_interactions_ended",
        "interactions",
        ["id", "queue", "agent_id", "medium"],
        sqlite_where=_ENDED,
        postgresql_where=_ENDED,
    )


def downgrade() -> None:
    for table in ("search_words", "search_documents", "search_names", "search_names_of"):
        op.execute(f"DROP TABLE IF EXISTS {table}")
    op.drop_index("ix_interactions_ended", "interactions")
    op.drop_index("ix_cases_live", "cases")
    op.drop_index("ix_cases_updated_at", "cases")
    op.create_index("ix_cases_updated_at", "cases", ["updated_at"])
    op.drop_index("ix_customers_renamed", "customers")
    op.drop_table("search_progress")

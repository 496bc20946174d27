"""Mail: what could not be delivered, cases that are one matter, drafts, files, and who fetches."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MERGED = sa.text("merged_into > 0")
_LINKED = sa.text("linked_to > 0")
_UNDELIVERED = sa.text("state IN ('failed', 'uncertain')")


def upgrade() -> None:
    op.add_column("contact_points", sa.Column("trouble", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column(
        "contact_points", sa.Column("trouble_at", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("cases", sa.Column("merged_into", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column("cases", sa.Column("linked_to", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.add_column(
        "cases", sa.Column("link_state", sa.String(length=16), nullable=False, server_default=sa.text("''"))
    )
    op.create_index("ix_cases_merged_into", "cases", ["merged_into"], sqlite_where=_MERGED, postgresql_where=_MERGED)
    op.create_index("ix_cases_linked_to", "cases", ["linked_to"], sqlite_where=_LINKED, postgresql_where=_LINKED)
    op.add_column("outbox", sa.Column("prepared", sa.String(length=64), nullable=False, server_default=sa.text("''")))
    op.add_column("outbox", sa.Column("seen_at", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_index(
        "ix_outbox_undelivered",
        "outbox",
        ["created_at"],
        sqlite_where=_UNDELIVERED,
        postgresql_where=_UNDELIVERED,
    )
    op.create_table(
        "drafts",
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("interaction_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "interaction_id", "kind", name=op.f("pk_drafts")),
    )
    op.create_index(op.f("ix_drafts_updated_at"), "drafts", ["updated_at"])
    op.create_table(
        "uploads",
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "digest", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_at"), "uploads", ["at"])
    op.create_table(
        "automatic_messages",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=False),
        sa.Column("domain", sa.String(length=400), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automatic_messages")),
    )
    op.create_index(op.f("ix_automatic_messages_at"), "automatic_messages", ["at"])
    op.create_index("ix_automatic_messages_address_at", "automatic_messages", ["address", "at"])
    op.create_index("ix_automatic_messages_domain_at", "automatic_messages", ["domain", "at"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def downgrade() -> None:
    for table in ("leases", "automatic_messages", "uploads", "drafts"):
        op.drop_table(table)
    op.drop_index("ix_outbox_undelivered", "outbox")
    op.drop_index("ix_cases_linked_to", "cases")
    op.drop_index("ix_cases_merged_into", "cases")
    for table, names in (
        ("outbox", ("seen_at", "prepared")),
        ("cases", ("link_state", "linked_to", "merged_into")),
        ("contact_points", ("trouble_at", "trouble")),
    ):
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)

"""What a telephone line needs: the queues' further settings, the numbers dialled, one-time codes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queues", sa.Column("settings", sa.Text(), server_default=sa.text("'{}'"), nullable=False))
    op.create_table(
        "dials",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=400), nullable=False),
        sa.Column("behalf", sa.String(length=400), nullable=False),
        sa.Column("interaction_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dials")),
    )
    op.create_index("ix_dials_at", "dials", ["at"])
    op.create_index("ix_dials_number_at", "dials", ["number", "at"])
    op.create_index("ix_dials_behalf_at", "dials", ["behalf", "at"])
    op.create_table(
        "codes",
        sa.Column("interaction_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("pk_codes")),
    )


def downgrade() -> None:
    op.drop_table("codes")
    op.drop_table("dials")
    op.drop_column("queues", "settings")

"""Who is in a call that is not theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_parties",
        sa.Column("party_id", sa.String(length=64), nullable=False),
        sa.Column("interaction_id", sa.String(length=64), nullable=False),
        sa.Column("agent_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_call_parties")),
    )
    op.create_index("ix_call_parties_interaction_id", "call_parties", ["interaction_id"])
    op.create_index("ix_call_parties_agent_id", "call_parties", ["agent_id"])


def downgrade() -> None:
    op.drop_table("call_parties")

"""Offers that ring at several agents at once, and what a piece of work counts as."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


_WRITTEN = (
    ("agents", sa.Column("most", sa.Integer(), nullable=False, server_default=sa.text("0"))),
    ("agents", sa.Column("most_of", sa.Text(), nullable=False, server_default=sa.text("'{}'"))),
    ("customers", sa.Column("segment", sa.String(length=64), nullable=False, server_default=sa.text("''"))),
    ("customers", sa.Column("owner", sa.String(length=64), nullable=False, server_default=sa.text("''"))),
    ("customers", sa.Column("preferred", sa.Text(), nullable=False, server_default=sa.text("'[]'"))),
)
"""What the policy's text says of agents, and the back office of customers."""


def upgrade() -> None:
    for table, column in _WRITTEN:
        op.add_column(table, column)


def downgrade() -> None:
    for table, column in reversed(_WRITTEN):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column.name)

"""What routing asks of a record, beside it. Nothing is filled in: what is NULL is read from the record."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("interactions", sa.Column("waits", sa.Text(), nullable=True))
    op.add_column("interactions", sa.Column("served", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("interactions", "served")
    op.drop_column("interactions", "waits")

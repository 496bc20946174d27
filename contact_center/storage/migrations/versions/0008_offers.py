"""Offers that ring at several agents at once, what a piece of work counts as, and who is there to do it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PENDING = sa.text("state = 'pending'")
_ACCEPTED = sa.text("state = 'accepted'")


def _column(name: str, kind: sa.types.TypeEngine[Any], default: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, server_default=sa.text(default))


_WRITTEN = (
    ("agents", _column("most", sa.Integer(), "0")),
    ("agents", _column("most_of", sa.Text(), "'{}'")),
    ("customers", _column("segment", sa.String(length=64), "''")),
    ("customers", _column("owner", sa.String(length=64), "''")),
    ("customers", _column("preferred", sa.Text(), "'[]'")),
    ("interactions", _column("label", sa.String(length=64), "''")),
    ("offers", _column("label", sa.String(length=64), "''")),
    ("agents", _column("override", sa.Text(), "'{}'")),
    ("agents", _column("here", sa.Integer(), "0")),
)
"""What the policy's text says of agents, and the back office of customers; what a piece of work counts as; what a
supervisor says of an agent's capacity instead, and whether a console of theirs is open."""


def upgrade() -> None:
    for table, column in _WRITTEN:
        op.add_column(table, column)
    op.drop_index("uq_offers_pending_interaction", "offers")
    op.create_index(
        "uq_offers_pending",
        "offers",
        ["interaction_id", "agent_id"],
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    op.create_index(
        "uq_offers_accepted",
        "offers",
        ["decision_id"],
        unique=True,
        sqlite_where=_ACCEPTED,
        postgresql_where=_ACCEPTED,
    )


def downgrade() -> None:
    op.drop_index("uq_offers_accepted", "offers")
    op.drop_index("uq_offers_pending", "offers")
    # Of a group that rings now only one offer may stay, as it was before.
    op.execute(
        "UPDATE offers SET state = 'cancelled' WHERE state = 'pending' AND id NOT IN "
        "(SELECT min(id) FROM offers WHERE state = 'pending' GROUP BY interaction_id)"
    )
    op.create_index(
        "uq_offers_pending_interaction",
        "offers",
        ["interaction_id"],
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    for table, column in reversed(_WRITTEN):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column.name)

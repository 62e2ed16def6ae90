"""pausing, ceilings kept in the grid's row, limits per provider"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("grid") as grid:
        grid.add_column(sa.Column("paused_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        grid.add_column(sa.Column("calls", sa.Integer(), nullable=False, server_default="0"))
        grid.add_column(sa.Column("committed_usd", sa.Float(), nullable=False, server_default="0"))
    with op.batch_alter_table("attempt") as attempt:
        attempt.add_column(sa.Column("expected_usd", sa.Float(), nullable=True))
    open_ = sa.text("finished_at IS NULL")
    op.create_index(
        "ix_attempt_open", "attempt", ["answer_id"], sqlite_where=open_, postgresql_where=open_
    )
    op.drop_index("ix_answer_grid_id_provider_state", table_name="answer")
    op.create_index(
        "ix_answer_state_grid_id_provider_id",
        "answer",
        ["state", "grid_id", "provider", "id"],
    )
    op.create_table(
        "provider_limit",
        sa.Column("account", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=True),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("tokens_per_minute", sa.Integer(), nullable=True),
        sa.Column("requests_at", sa.Float(), nullable=False),
        sa.Column("tokens_at", sa.Float(), nullable=False),
        sa.Column("paused_until", sa.Float(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=True),
        sa.Column("lowered_at", sa.Float(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_provider_limit")),
    )
    calls = "SELECT {} FROM attempt JOIN answer ON answer.id = attempt.answer_id"
    of_grid = " WHERE answer.grid_id = grid.id"
    op.execute(
        f"UPDATE grid SET calls = ({calls.format('count(*)')}{of_grid}), committed_usd ="
        f" ({calls.format('coalesce(sum(attempt.cost_usd), 0)')}{of_grid})"
    )

"""prices, and what each attempt cost"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "price",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("input_usd", sa.Float(), nullable=False),
        sa.Column("output_usd", sa.Float(), nullable=False),
        sa.Column("cached_usd", sa.Float(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price")),
        sa.UniqueConstraint("model", "valid_from", name=op.f("uq_price_model_valid_from")),
    )
    # Added columns go to the end of the row, without rewriting the table.
    op.add_column("attempt", sa.Column("cached_tokens", sa.Integer(), nullable=True))
    op.add_column("attempt", sa.Column("cache_write_tokens", sa.Integer(), nullable=True))
    op.add_column("attempt", sa.Column("cost_usd", sa.Float(), nullable=True))
    op.add_column(
        "attempt",
        sa.Column(
            "cost_source", sqlmodel.sql.sqltypes.AutoString(), server_default="", nullable=False
        ),
    )
    op.add_column("grid", sa.Column("max_calls", sa.Integer(), nullable=True))
    op.add_column("grid", sa.Column("max_cost_usd", sa.Float(), nullable=True))
    op.add_column(
        "grid", sa.Column("stopped_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True)
    )
    op.create_index("ix_answer_model_id", "answer", ["model", "id"])


def downgrade() -> None:
    op.drop_index("ix_answer_model_id", "answer")
    for table, columns in (
        ("grid", ("stopped_at", "max_cost_usd", "max_calls")),
        ("attempt", ("cost_source", "cost_usd", "cache_write_tokens", "cached_tokens")),
    ):
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("price")

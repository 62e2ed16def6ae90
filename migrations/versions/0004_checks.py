"""test calls, and what a large grid holds back until they went through"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def word(*values: str, name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, length=20)


THINKING = word(
    "default", "off", "on", "minimal", "low", "medium", "high", "xhigh", "max", name="thinking"
)


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString
    op.create_table(
        "held_back",
        sa.Column("grid_id", sa.Integer(), nullable=False),
        sa.Column("model", text(), nullable=False),
        sa.Column("thinking", THINKING, nullable=False),
        sa.Column("state", word("waiting", "passed", "stopped", name="heldstate"), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["grid_id"], ["grid.id"], name=op.f("fk_held_back_grid_id_grid")),
        sa.PrimaryKeyConstraint("grid_id", "model", "thinking", name=op.f("pk_held_back")),
    )
    op.create_table(
        "model_check",
        sa.Column("model", text(), nullable=False),
        sa.Column("thinking", THINKING, nullable=False),
        sa.Column("checked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column(
            "state",
            word("works", "ignored", "undecided", "fails", name="checkstate"),
            nullable=False,
        ),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("thought", word("yes", "no", "unclear", name="thought"), nullable=True),
        sa.Column(
            "evidence",
            word("text", "withheld", "tokens", "billed", "time", "nothing", name="evidence"),
            nullable=True,
        ),
        sa.Column("served_model", text(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("total_ms", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("model", "thinking", name=op.f("pk_model_check")),
    )

"""tags, decisions, and what was looked at and left without a label"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import app.tables

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

VALUE = sa.Enum(
    "correct", "hallucinated", "abstained", name="labelvalue", native_enum=False, length=20
)


def upgrade() -> None:
    with op.batch_alter_table("label") as label:
        label.alter_column("value", existing_type=VALUE, nullable=True)
    for table in ("label", "label_change"):
        op.add_column(
            table, sa.Column("tags", app.tables.Json(), nullable=False, server_default="[]")
        )
        op.add_column(
            table, sa.Column("decides", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    # With a constant default neither database rewrites this table, which may be large.
    op.add_column(
        "answer", sa.Column("decided", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    text = sqlmodel.sql.sqltypes.AutoString()
    op.add_column("answer", sa.Column("tags", text, nullable=False, server_default=""))

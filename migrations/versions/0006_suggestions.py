"""what rules make of an answer: its short form and a proposed label"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LABEL = sa.Enum(
    "correct", "hallucinated", "abstained", name="labelvalue", native_enum=False, length=20
)


def upgrade() -> None:
    # What was answered before is read when the server has started.
    text = sqlmodel.sql.sqltypes.AutoString()
    with op.batch_alter_table("attempt") as attempt:
        for name in (
            "short",
            "answer_key",
            "suggestion_strength",
            "suggestion_reason",
            "suggestion_method",
        ):
            attempt.add_column(sa.Column(name, text, nullable=False, server_default=""))
        attempt.add_column(sa.Column("suggested", LABEL, nullable=True))
        attempt.add_column(
            sa.Column("hedged", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    op.create_index(
        "ix_attempt_outcome_suggestion_method", "attempt", ["outcome", "suggestion_method"]
    )

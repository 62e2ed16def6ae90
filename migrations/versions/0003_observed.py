"""what was sent and observed of thinking and temperature; thinking that was forced"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import app.tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

THOUGHT = sa.Enum("yes", "no", "unclear", name="thought", native_enum=False, length=20)
EVIDENCE = sa.Enum(
    "text", "withheld", "tokens", "billed", "time", "nothing",
    name="evidence", native_enum=False, length=20,
)  # fmt: skip


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString()
    with op.batch_alter_table("attempt") as batch:
        batch.add_column(sa.Column("temperature_sent", sa.Float(), nullable=True))
        batch.add_column(sa.Column("temperature_note", text, nullable=False, server_default=""))
        batch.add_column(sa.Column("thought", THOUGHT, nullable=True))
        batch.add_column(sa.Column("evidence", EVIDENCE, nullable=True))
        batch.add_column(sa.Column("mismatch", text, nullable=False, server_default=""))
    with op.batch_alter_table("grid_model") as batch:
        batch.add_column(
            sa.Column("forced", app.tables.Json(), nullable=False, server_default="[]")
        )
    _judge_what_is_there()
    # OpenAI's two APIs change names: the one that returns thinking text becomes the usual one.
    # One name after the other: both may stand in the same grid, and names there are unique.
    for table in ("answer", "grid_model"):
        for old, new in (("openai", "openai-chat"), ("openai-responses", "openai")):
            op.execute(
                f"UPDATE {table} SET model = '{new}/' || substr(model, {len(old) + 2})"
                f" WHERE model LIKE '{old}/%'"
            )
    for old, new in (("openai", "openai-chat"), ("openai-responses", "openai")):
        op.execute(f"UPDATE answer SET provider = '{new}' WHERE provider = '{old}'")


def _judge_what_is_there() -> None:
    """What ``observe`` and ``mismatch`` say, as far as old rows tell it."""
    op.execute(
        "UPDATE attempt SET"
        " thought = CASE WHEN thinking_kind <> 'none' OR coalesce(reasoning_tokens, 0) > 0"
        " THEN 'yes' WHEN reasoning_tokens = 0 THEN 'no' ELSE 'unclear' END,"
        " evidence = CASE WHEN thinking_text <> '' THEN 'text'"
        " WHEN reasoning_tokens IS NOT NULL THEN 'tokens'"
        " WHEN thinking_kind <> 'none' THEN 'withheld' ELSE 'nothing' END"
        " WHERE outcome IS NOT NULL AND outcome <> 'error'"
    )
    asked = (
        "(SELECT v.thinking FROM answer a JOIN variant v ON v.id = a.variant_id"
        " WHERE a.id = attempt.answer_id)"
    )
    op.execute(
        "UPDATE attempt SET mismatch ="
        " 'Thinking was to be off, and the answer shows signs of it.'"
        f" WHERE outcome = 'answered' AND thought = 'yes' AND {asked} = 'off'"
    )
    op.execute(
        "UPDATE attempt SET mismatch ="
        " 'Thinking was asked for, and the answer shows no sign of it.'"
        " WHERE outcome = 'answered' AND thought = 'no'"
        f" AND {asked} NOT IN ('off', 'default')"
    )

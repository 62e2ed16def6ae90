"""Find answers by what the file called them that they were imported from."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    named = sa.text("key != ''")
    op.create_index("ix_answer_key", "answer", ["key"], sqlite_where=named, postgresql_where=named)

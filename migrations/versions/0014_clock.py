"""When the clock of the database was last looked at, beside the limits that go by it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("provider_limit") as batch:
        batch.add_column(
            sa.Column("seen_at", sa.Float(), nullable=False, server_default=sa.text("0"))
        )

"""What was cancelled by the runner when it stopped a grid, told from what people cancelled."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("grid") as batch:
        batch.add_column(sa.Column("stopped_seq", sa.Integer()))

"""what a provider's stream brought, as it came"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # With a constant default neither database rewrites this table, which may be large.
    op.add_column("attempt", sa.Column("response", sa.Text(), nullable=False, server_default=""))

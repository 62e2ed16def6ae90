"""where imported grids came from, and what their answers are called there"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import app.tables

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString()
    op.create_table(
        "origin",
        sa.Column("grid_id", sa.Integer(), nullable=False),
        sa.Column("source", text, nullable=False),
        sa.Column("file", text, nullable=False),
        sa.Column("content_hash", text, nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("imported_by", text, nullable=False),
        sa.Column("there", app.tables.Json(), nullable=False),
        sa.PrimaryKeyConstraint("grid_id", name=op.f("pk_origin")),
        sa.ForeignKeyConstraint(["grid_id"], ["grid.id"], name=op.f("fk_origin_grid_id_grid")),
    )
    op.create_index(op.f("ix_origin_content_hash"), "origin", ["content_hash"])
    # With a constant default neither database rewrites these tables.
    op.add_column(
        "grid", sa.Column("imported", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("answer", sa.Column("key", text, nullable=False, server_default=""))

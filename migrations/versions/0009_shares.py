"""permalinks of grids for people outside"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

import app.tables

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString()
    op.create_table(
        "share",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", text, nullable=False),
        sa.Column("grid_id", sa.Integer(), nullable=False),
        sa.Column("hidden", app.tables.Json(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("created_by", text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share")),
        sa.ForeignKeyConstraint(["grid_id"], ["grid.id"], name=op.f("fk_share_grid_id_grid")),
        sa.UniqueConstraint("token", name=op.f("uq_share_token")),
    )
    op.create_index(op.f("ix_share_grid_id"), "share", ["grid_id"])

"""grids as they were at one time"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString()
    with op.batch_alter_table("grid") as grid:
        grid.add_column(sa.Column("snapshot_of", sa.Integer(), nullable=True))
        grid.create_foreign_key(op.f("fk_grid_snapshot_of_grid"), "grid", ["snapshot_of"], ["id"])
        grid.create_index(op.f("ix_grid_snapshot_of"), ["snapshot_of"])
    with op.batch_alter_table("share") as share:
        share.add_column(sa.Column("content_hash", text, nullable=False, server_default=""))
    op.create_table(
        "snapshot",
        sa.Column("grid_id", sa.Integer(), nullable=False),
        sa.Column("of_grid_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", text, nullable=False),
        sa.Column("version", text, nullable=False),
        sa.Column("content_hash", text, nullable=False),
        sa.Column("unfinished", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("grid_id", name=op.f("pk_snapshot")),
        sa.ForeignKeyConstraint(["grid_id"], ["grid.id"], name=op.f("fk_snapshot_grid_id_grid")),
        sa.ForeignKeyConstraint(
            ["of_grid_id"], ["grid.id"], name=op.f("fk_snapshot_of_grid_id_grid")
        ),
        sa.UniqueConstraint("of_grid_id", "number", name=op.f("uq_snapshot_of_grid_id_number")),
    )

"""accounts, who may see which grid, the audit log"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString()
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    role = sa.Enum("reader", "reviewer", "owner", native_enum=False, length=20)
    scope = sa.Enum("read", "label", "run", native_enum=False, length=20)
    op.create_table(
        "account",
        sa.Column("reviewer_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("login", TEXT, nullable=False),
        sa.Column("login_key", TEXT, nullable=False),
        sa.Column("role", role, nullable=False),
        sa.Column("password_hash", TEXT, nullable=False, server_default=""),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deactivated_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("reviewer_id", name=op.f("pk_account")),
        _points("account", "reviewer_id", "reviewer.id"),
        sa.UniqueConstraint("login_key", name=op.f("uq_account_login_key")),
    )
    op.create_table(
        "invite",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", TEXT, nullable=False),
        sa.Column("role", role, nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=True),
        sa.Column("first", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite")),
        _points("invite", "reviewer_id", "reviewer.id"),
        _points("invite", "created_by", "reviewer.id"),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_invite_secret_hash")),
    )
    op.create_table(
        "login",
        *_owned("login"),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("browser", TEXT, nullable=False),
    )
    op.create_table(
        "api_token",
        *_owned("api_token"),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("scope", scope, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
    )
    for table in ("login", "api_token"):
        op.create_index(op.f(f"ix_{table}_reviewer_id"), table, ["reviewer_id"])
    op.create_table(
        "login_try",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_try")),
    )
    op.create_table(
        "grid_access",
        sa.Column("grid_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        *(
            sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
            for name in ("named_readers", "named_labellers", "blind")
        ),
        sa.PrimaryKeyConstraint("grid_id", name=op.f("pk_grid_access")),
        _points("grid_access", "grid_id", "grid.id", ondelete="CASCADE"),
        _points("grid_access", "created_by", "reviewer.id"),
    )
    op.create_table(
        "grid_person",
        sa.Column("grid_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("grid_id", "reviewer_id", name=op.f("pk_grid_person")),
        _points("grid_person", "grid_id", "grid.id", ondelete="CASCADE"),
        _points("grid_person", "reviewer_id", "reviewer.id"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("action", "kind", "subject")),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        _points("audit", "reviewer_id", "reviewer.id"),
    )
    for column in ("at", "reviewer_id"):
        op.create_index(op.f(f"ix_audit_{column}"), "audit", [column])
    _append_only()


def _points(
    table: str, column: str, target: str, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{target.partition('.')[0]}"
    return sa.ForeignKeyConstraint([column], [target], name=op.f(name), ondelete=ondelete)


def _owned(table: str) -> list[sa.schema.SchemaItem]:
    """What opens an account, as a hash, until some day."""
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", TEXT, nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _points(table, "reviewer_id", "account.reviewer_id"),
        sa.UniqueConstraint("secret_hash", name=op.f(f"uq_{table}_secret_hash")),
    ]


def _append_only() -> None:
    told = "The audit log is only added to."
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit"
                f" BEGIN SELECT RAISE(ABORT, '{told}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{told}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit"
        " FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
    )
    op.execute(
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
    )

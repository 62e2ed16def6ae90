"""The tables of people: accounts and what opens them, who may see which grid, the audit log.

A person is a reviewer; an account is how they log in. Of what opens an account (invites, logins,
tokens) only a hash is kept: each is 256 random bits, so that whoever reads the database can
neither use nor guess it, and no secret of the server is needed to sign anything.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Text, false
from sqlmodel import Field, SQLModel

from app.tables import enum_column, now

EMPTY = {"server_default": ""}
NO = {"server_default": false()}


class Role(StrEnum):
    reader = "reader"  # sees and downloads
    reviewer = "reviewer"  # labels too
    owner = "owner"  # runs grids, spends, and decides about people

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def covers(self, other: "Role") -> bool:
        """Whether who has this role may do what takes the other."""
        return self.rank >= other.rank


class Scope(StrEnum):
    """What a token is for. It lends at most the role that is needed for that."""

    read = "read"
    label = "label"
    run = "run"

    @property
    def role(self) -> Role:
        return list(Role)[list(Scope).index(self)]


class Account(SQLModel, table=True):
    """How a reviewer logs in. Without a password, a proxy says who it is."""

    reviewer_id: int = Field(foreign_key="reviewer.id", primary_key=True)
    login: str  # an email address or a name, as typed
    login_key: str = Field(unique=True)
    role: Role = Field(sa_column=enum_column(Role, nullable=False))
    password_hash: str = Field(default="", sa_column_kwargs=EMPTY)
    created_at: datetime = Field(default_factory=now)
    deactivated_at: datetime | None = None


class Invite(SQLModel, table=True):
    """A link that makes an account, or sets a new password for the one of ``reviewer_id``."""

    id: int = Field(default=None, primary_key=True)
    secret_hash: str = Field(unique=True)
    role: Role = Field(sa_column=enum_column(Role, nullable=False))
    # Whom it is for: a reviewer from before there were accounts, or one who forgot a password.
    reviewer_id: int | None = Field(default=None, foreign_key="reviewer.id")
    first: bool = Field(default=False, sa_column_kwargs=NO)  # good until there is an owner
    created_by: int | None = Field(default=None, foreign_key="reviewer.id")
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime
    used_at: datetime | None = None


class Login(SQLModel, table=True):
    """A session of a browser. Logging out, or revoking it, deletes it."""

    id: int = Field(default=None, primary_key=True)
    secret_hash: str = Field(unique=True)
    reviewer_id: int = Field(foreign_key="account.reviewer_id", index=True)
    began_at: datetime = Field(default_factory=now)
    last_used_at: datetime = Field(default_factory=now)
    expires_at: datetime
    address: str = ""
    browser: str = ""


class ApiToken(SQLModel, table=True):
    """A personal token for programs. Revoking it deletes it."""

    __tablename__ = "api_token"

    id: int = Field(default=None, primary_key=True)
    secret_hash: str = Field(unique=True)
    reviewer_id: int = Field(foreign_key="account.reviewer_id", index=True)
    name: str
    scope: Scope = Field(sa_column=enum_column(Scope, nullable=False))
    created_at: datetime = Field(default_factory=now)
    expires_at: datetime
    last_used_at: datetime | None = None


class LoginTry(SQLModel, table=True):
    """How often somebody tried to log in lately, by account and by address."""

    __tablename__ = "login_try"

    key: str = Field(primary_key=True)  # a hash: people type passwords where names belong
    tries: int
    began_at: datetime


class GridAccess(SQLModel, table=True):
    """Who may see a grid, and how. A grid without a row here is open to the whole team."""

    __tablename__ = "grid_access"

    grid_id: int = Field(foreign_key="grid.id", ondelete="CASCADE", primary_key=True)
    created_by: int | None = Field(default=None, foreign_key="reviewer.id")
    named_readers: bool = Field(default=False, sa_column_kwargs=NO)  # else the team reads
    named_labellers: bool = Field(default=False, sa_column_kwargs=NO)  # else all reviewers label
    blind: bool = Field(default=False, sa_column_kwargs=NO)


class GridPerson(SQLModel, table=True):
    """Somebody who is named for a grid."""

    __tablename__ = "grid_person"

    grid_id: int = Field(foreign_key="grid.id", ondelete="CASCADE", primary_key=True)
    reviewer_id: int = Field(foreign_key="reviewer.id", primary_key=True)
    labels: bool = Field(default=False, sa_column_kwargs=NO)


class AuditLine(SQLModel, table=True):
    """Who did what, when, to what and from where. Triggers refuse to change or remove a line.

    No line holds a name: a person who is removed is gone from here too, their number stays.
    """

    __tablename__ = "audit"

    id: int = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=now, index=True)
    reviewer_id: int | None = Field(default=None, foreign_key="reviewer.id", index=True)
    action: str
    kind: str = ""  # of what it was done to: grid, answer, share, person, model …
    subject: str = ""  # and which
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))
    address: str = ""

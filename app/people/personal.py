"""All that is kept of one person, to be given to them; and removing it."""

from typing import Any

from sqlalchemy import delete, update
from sqlmodel import Session, SQLModel, col, select

from app.errors import Conflict, NotFound
from app.people.audit import By, note
from app.people.credentials import digest, new_secret
from app.people.logins import end_all
from app.people.members import deactivate
from app.people.tables import Account, ApiToken, AuditLine, GridAccess, GridPerson, Invite, Login
from app.tables import (
    PASTED,
    Answer,
    Attempt,
    Grid,
    Label,
    LabelChange,
    Origin,
    Reviewer,
    Share,
    Snapshot,
)

SECRET = {"secret", "secret_hash", "password_hash"}


def pseudonym(reviewer_id: int) -> str:
    """What a person's labels carry when the person is gone."""
    return f"Reviewer {reviewer_id}"


def data_of(session: Session, reviewer: Reviewer) -> dict[str, Any]:
    """As JSON can hold it. What opens an account is only kept as a hash, which is left out."""
    own = reviewer.id
    grids = dict(
        session.exec(
            select(Answer.id, Grid.public_id)
            .join(Grid, col(Grid.id) == Answer.grid_id)
            .join(LabelChange, col(LabelChange.answer_id) == Answer.id)
            .where(LabelChange.reviewer_id == own)
            .distinct()
        ).all()
    )

    def rows(table: type[SQLModel], **where: Any) -> list[dict[str, Any]]:
        columns: Any = table
        wanted = [getattr(columns, name) == value for name, value in where.items()]
        found = session.exec(select(table).where(*wanted).order_by(*columns.__table__.primary_key))
        return [row.model_dump(mode="json", exclude=SECRET) for row in found]

    def placed(table: type[SQLModel]) -> list[dict[str, Any]]:
        return [{"grid": grids[row["answer_id"]], **row} for row in rows(table, reviewer_id=own)]

    return {
        "reviewer": reviewer.model_dump(mode="json", exclude=SECRET),
        "account": next(iter(rows(Account, reviewer_id=own)), None),
        "labels": placed(Label),
        "label_changes": placed(LabelChange),
        "sessions": rows(Login, reviewer_id=own),
        "tokens": rows(ApiToken, reviewer_id=own),
        "invites": rows(Invite, created_by=own),
        "grids_started": rows(GridAccess, created_by=own),
        "grids_named_for": rows(GridPerson, reviewer_id=own),
        "shares": rows(Share, created_by=reviewer.name),
        "snapshots": rows(Snapshot, taken_by=reviewer.name),
        "imports": rows(Origin, imported_by=reviewer.name),
        "audit": rows(AuditLine, reviewer_id=own),
    }


def get_person(session: Session, reviewer_id: int) -> Reviewer:
    """With an account or, from before there were any, without. Raises NotFound."""
    reviewer = session.get(Reviewer, reviewer_id)
    if reviewer is None:
        raise NotFound("There is no such person.")
    return reviewer


def remove(session: Session, by: By, reviewer: Reviewer) -> str:
    """Remove a person's account; what they labelled stays, under another name, which it gives.

    The audit log keeps their number, of which nothing tells any more whose it was. Raises Conflict
    for the last owner.
    """
    own, name = reviewer.id, pseudonym(reviewer.id)
    if session.get(Account, own) is not None:
        deactivate(session, by, own)
    taken = select(Reviewer).where(Reviewer.name_key == name.casefold(), col(Reviewer.id) != own)
    if session.exec(taken).first():
        raise Conflict(f"Somebody else is called {name}: ask them to take another name first.")
    end_all(session, own)
    session.execute(delete(ApiToken).where(col(ApiToken.reviewer_id) == own))
    session.execute(delete(GridPerson).where(col(GridPerson.reviewer_id) == own))
    session.execute(delete(Invite).where(col(Invite.reviewer_id) == own))
    for table, told in ((Share, "created_by"), (Snapshot, "taken_by"), (Origin, "imported_by")):
        named = getattr(table, told) == reviewer.name
        session.execute(update(table).where(named).values({told: name}))
    pasted = select(Attempt).join(Answer, col(Answer.id) == Attempt.answer_id)
    for attempt in session.exec(pasted.where(Answer.provider == PASTED)):
        told = attempt.request.get("pasted", {})
        if told.get("pasted_by") == reviewer.name:
            attempt.request = {**attempt.request, "pasted": {**told, "pasted_by": name}}
            session.add(attempt)
    session.execute(delete(Account).where(col(Account.reviewer_id) == own))
    session.execute(
        update(Reviewer)
        .where(col(Reviewer.id) == own)
        .values(name=name, name_key=name.casefold(), secret=digest(new_secret()))
    )
    note(session, by, "removed", "person", own)
    return name

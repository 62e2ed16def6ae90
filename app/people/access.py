"""Who may see and label which grid, and who only sees it blind.

A grid is open to the team unless it says otherwise; what a person may not see is not there for
them. Owners see everything.

A grid can be reviewed blind by rule: whoever may label it and is no owner then gets only its
review, without what tells whose an answer is, until nothing of it is left to label for them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy
from sqlalchemy import ColumnElement, delete, exists, true
from sqlmodel import Session, col, func, select

from app.errors import Forbidden, InvalidInput, NotFound
from app.grids import get_answer, get_grid, progress
from app.people.audit import By, note
from app.people.tables import Account, GridAccess, GridPerson, Role
from app.reviewing.queries import load_standing
from app.tables import Answer, Grid, Reviewer

NO_GRID = "There is no grid at this address. Check that the link was copied whole."
NO_ANSWER = "There is no such answer."


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, with the role of their account, which a token may not lend in full."""

    role: Role = Role.owner
    reviewer_id: int | None = None


EVERYTHING = Viewer()


class Blinded(Forbidden):
    """``instead``: where this person may go."""

    title = "Reviewed blind"

    def __init__(self, grid: Grid) -> None:
        self.instead = f"/grids/{grid.public_id}/review"
        super().__init__(
            "This grid is reviewed blind. You see it once you have labelled all its answers and no"
            f" more are to come; until then there is its review, {self.instead}."
        )


@dataclass(frozen=True, slots=True)
class AccessInput:
    """What an owner says of a grid. ``readers`` and ``labellers`` are reviewers' numbers."""

    named_readers: bool = False
    named_labellers: bool = False
    blind: bool = False
    readers: frozenset[int] = frozenset()
    labellers: frozenset[int] = frozenset()


def visible(viewer: Viewer) -> ColumnElement[bool]:
    """A condition on grids: that this viewer may see them."""
    if viewer.role is Role.owner:
        return true()
    grid = func.coalesce(col(Grid.snapshot_of), col(Grid.id))  # a snapshot is for whom its grid is
    restricted = exists().where(
        col(GridAccess.grid_id) == grid, col(GridAccess.named_readers).is_(True)
    )
    named = exists().where(
        col(GridPerson.grid_id) == grid, col(GridPerson.reviewer_id) == viewer.reviewer_id
    )
    return sqlalchemy.or_(~restricted, named)


def find_grid(session: Session, public_id: str, viewer: Viewer) -> Grid:
    """Raises NotFound, also for a grid that this viewer may not see."""
    return _seen(session, get_grid(session, public_id), viewer, NO_GRID)


def find_answer(session: Session, answer_id: int, viewer: Viewer) -> tuple[Answer, Grid]:
    """The same for an answer."""
    answer = get_answer(session, answer_id)
    return answer, _seen(session, session.get_one(Grid, answer.grid_id), viewer, NO_ANSWER)


def may_label(session: Session, grid: Grid, viewer: Viewer) -> bool:
    """Whether this viewer, who may see the grid, may label it."""
    if viewer.role is not Role.reviewer:
        return viewer.role is Role.owner
    access = session.get(GridAccess, grid.id)
    if access is None or not access.named_labellers:
        return True
    named = session.get(GridPerson, (grid.id, viewer.reviewer_id))
    return named is not None and named.labels


def refuse_label(session: Session, grid: Grid, viewer: Viewer) -> None:
    """Raises Forbidden where this viewer may not label this grid."""
    if not may_label(session, grid, viewer):
        raise Forbidden("Only the people who are named for this grid label it. Ask an owner.")


def blinded(session: Session, grid: Grid, viewer: Viewer) -> bool:
    """Whether this viewer sees only the review of this grid, and that blind."""
    if viewer.role is not Role.reviewer or viewer.reviewer_id is None:
        return False
    grid = _origin(session, grid)
    access = session.get(GridAccess, grid.id)
    if access is None or not access.blind or not may_label(session, grid, viewer):
        return False
    so_far = progress(session, grid.id)
    reviewer = session.get_one(Reviewer, viewer.reviewer_id)
    return bool(so_far.pending + so_far.running or load_standing(session, grid.id, reviewer).left)


def refuse_blinded(session: Session, grid: Grid, viewer: Viewer) -> None:
    """Raises Blinded."""
    if blinded(session, grid, viewer):
        raise Blinded(_origin(session, grid))


def refused_in_name(session: Session, grid: Grid, reviewer: Reviewer | None) -> str:
    """Why nobody may label this grid in this reviewer's name, who could not do so by hand; empty:
    one may. None: somebody who was never here."""
    account = session.get(Account, reviewer.id) if reviewer else None
    access = session.get(GridAccess, grid.id)
    if account is None and (access is None or not (access.named_labellers or access.blind)):
        return ""
    viewer = Viewer(account.role if account else Role.reviewer, reviewer.id if reviewer else 0)
    if not may_label(session, grid, viewer):
        return "may not label this grid"
    if blinded(session, grid, viewer) if reviewer else access is not None and access.blind:
        return "labels this grid only in its review, since it is reviewed blind"
    return ""


def blinded_of(session: Session, grids: Iterable[Grid], viewer: Viewer) -> set[int]:
    """The ids of those that this viewer sees only blind."""
    return {grid.id for grid in grids if blinded(session, grid, viewer)}


def created(session: Session, by: By, grid: Grid) -> None:
    """Keep who started a grid."""
    if by.reviewer_id is not None:
        session.add(GridAccess(grid_id=grid.id, created_by=by.reviewer_id))
    note(session, by, "grid started", "grid", grid.public_id)


def access_of(session: Session, grid: Grid) -> tuple[GridAccess, dict[int, GridPerson]]:
    """What holds for a grid, and who is named for it, by reviewer."""
    found = session.get(GridAccess, grid.id) or GridAccess(
        grid_id=grid.id, named_readers=False, named_labellers=False, blind=False
    )
    named = session.exec(select(GridPerson).where(GridPerson.grid_id == grid.id))
    return found, {person.reviewer_id: person for person in named}


def set_access(session: Session, by: By, grid: Grid, given: AccessInput) -> None:
    """Say who may see and label a grid. Raises InvalidInput for people without an account."""
    people = given.readers | given.labellers
    known = set(session.exec(select(Account.reviewer_id)))
    if people - known:
        raise InvalidInput("Somebody who was named has no account any more. Look again.")
    # Two forms at once come one after the other: both would name the same people.
    session.exec(select(Grid.id).where(Grid.id == grid.id).with_for_update()).one()
    access, _ = access_of(session, grid)
    access.named_readers, access.named_labellers = given.named_readers, given.named_labellers
    access.blind = given.blind
    session.add(access)
    session.execute(delete(GridPerson).where(col(GridPerson.grid_id) == grid.id))
    session.add_all(
        GridPerson(grid_id=grid.id, reviewer_id=one, labels=one in given.labellers)
        for one in sorted(people)
    )
    session.flush()
    note(session, by, "access", "grid", grid.public_id, _in_words(given))


def _in_words(given: AccessInput) -> str:
    """Without names."""
    see = f"{len(given.readers | given.labellers)} people" if given.named_readers else "the team"
    label = f"{len(given.labellers)} people" if given.named_labellers else "all reviewers"
    return f"{see} may see it, {label} may label it{', blind' if given.blind else ''}"


def _origin(session: Session, grid: Grid) -> Grid:
    """The grid that decides: of a snapshot, the one that it shows."""
    return grid if grid.snapshot_of is None else session.get_one(Grid, grid.snapshot_of)


def _seen(session: Session, grid: Grid, viewer: Viewer, missing: str) -> Grid:
    if viewer.role is not Role.owner:
        found = session.exec(select(Grid.id).where(Grid.id == grid.id, visible(viewer))).first()
        if found is None:
            raise NotFound(missing)
    return grid

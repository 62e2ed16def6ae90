"""Shares: addresses of a grid for people who are not reviewers. They read, and change nothing."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy
from sqlmodel import Session, col, or_, select, update

from app.db import Database
from app.errors import Gone, InvalidInput, NotFound, Unavailable
from app.exports.jsonl import hash_of
from app.exports.rows import open_export
from app.grid.facts import load_facts
from app.grid.look import Look
from app.grids import IS_THERE, snapshot_of
from app.people.audit import By, note
from app.sharing.hiding import HIDEABLE, Shown
from app.tables import PASTED, Answer, Grid, Label, LabelChange, Share, Snapshot, now

TOKEN_BYTES = 16  # 128 bits: nobody guesses one
NOTED_EVERY = timedelta(minutes=1)  # how exactly the last use is kept


def new_share(
    grid: Grid,
    hidden: Iterable[str] = (),
    *,
    days: int | None = None,
    listed: bool = False,
    by: str = "",
) -> Share:
    """A new address of the grid or snapshot, to be added. ``days``: how long it holds; ``listed``:
    search engines may list it.

    Raises InvalidInput for something that cannot be hidden.
    """
    chosen = set(hidden)
    if unknown := chosen - HIDEABLE.keys():
        raise InvalidInput(f"“{min(unknown)}” cannot be hidden; {', '.join(HIDEABLE)} can.")
    return Share(
        token=secrets.token_urlsafe(TOKEN_BYTES),
        grid_id=grid.id,
        hidden=[name for name in HIDEABLE if name in chosen],
        listed=listed,
        created_by=by,
        expires_at=now() + timedelta(days=days) if days else None,
    )


def create_share(database: Database, share: Share, practice: frozenset[str], by: By) -> int:
    """Add it, and keep who did; gives its id. What readers of a snapshot can download has a hash of
    its own, since something is left out. ``practice``: names of the providers that are simulated.
    """
    with database.read() as session:
        grid = session.get_one(Grid, share.grid_id)
        if grid.frozen:
            share.content_hash = _hash_for(session, share, grid, practice)
    with database.write() as session:
        session.add(share)
        session.flush()
        grid = session.get_one(Grid, share.grid_id)
        of = session.get_one(Grid, grid.snapshot_of or grid.id).public_id
        note(session, by, "shared", "grid", of, f"share {share.id}")
        session.commit()
        return share.id


def hash_again(database: Database, reviewer_id: int, practice: frozenset[str]) -> None:
    """Compute anew the hashes of snapshots in which somebody stands who was removed: they say
    another name now, and so do the files that their readers compare."""
    labelled = select(Answer.grid_id).join(LabelChange, col(LabelChange.answer_id) == Answer.id)
    pasted = select(Answer.grid_id).where(Answer.provider == PASTED)
    theirs = or_(
        col(Snapshot.grid_id).in_(labelled.where(LabelChange.reviewer_id == reviewer_id)),
        col(Snapshot.grid_id).in_(pasted),
    )
    with database.read() as session:
        ids = session.exec(select(Snapshot.grid_id).where(theirs)).all()
    for id_ in ids:
        with database.read() as session:
            grid = session.get_one(Grid, id_)
            complete = hash_of(open_export(session, grid, practice=practice))
            found = {
                share.id: _hash_for(session, share, grid, practice)
                for share in session.exec(select(Share).where(Share.grid_id == id_))
            }
        with database.write() as session:
            session.get_one(Snapshot, id_).content_hash = complete
            for share_id, hash_ in found.items():
                session.get_one(Share, share_id).content_hash = hash_
            session.commit()


def _hash_for(session: Session, share: Share, grid: Grid, practice: frozenset[str]) -> str:
    shown = shown_by(session, share, grid)
    return hash_of(open_export(session, grid, practice=practice, shown=shown))


def shares_of(session: Session, grid_id: int) -> list[Share]:
    """Those of the grid and of its snapshots, the newest first."""
    snapshots = select(Grid.id).where(Grid.snapshot_of == grid_id)
    mine = or_(col(Share.grid_id) == grid_id, col(Share.grid_id).in_(snapshots))
    statement = select(Share).where(mine)
    return list(session.exec(statement.order_by(col(Share.id).desc())))


def revoke(session: Session, grid: Grid, share_id: int) -> None:
    """It ends at once, for good. Raises NotFound."""
    share = next((it for it in shares_of(session, grid.id) if it.id == share_id), None)
    if share is None:
        raise NotFound("This grid has no such link.")
    share.revoked_at = share.revoked_at or now()
    session.add(share)
    session.flush()


def open_share(session: Session, token: str) -> tuple[Share, Grid]:
    """Raises NotFound for an address that never was, Gone for one that has ended."""
    share = session.exec(select(Share).where(Share.token == token)).first()
    if share is None:
        raise NotFound("There is nothing at this address. Check that the link was copied whole.")
    if share.revoked_at is not None:
        raise Gone("Whoever shared this took it back. Ask them for another link.")
    if share.expires_at is not None and share.expires_at <= now():
        raise Gone(f"This link was good until {share.expires_at:%d %B %Y}. Ask for another one.")
    grid = session.exec(select(Grid).where(Grid.id == share.grid_id, IS_THERE)).first()
    if grid is None:
        raise Gone("What this link showed was deleted.")
    return share, grid


def shown_by(session: Session, share: Share, grid: Grid) -> Shown:
    """The grid as whoever has this address sees it."""
    snapshot = snapshot_of(session, grid)
    if snapshot:
        told = {"taken_by": "", "content_hash": share.content_hash}
        snapshot = Snapshot(**snapshot.model_dump() | told)
    return Shown(
        share.token,
        f"/s/{share.token}",
        grid.title,
        grid.created_at,
        grid.repeats,
        snapshot,
        shared=True,
        imported=grid.imported,
        hidden=frozenset(share.hidden),
        numbers=_numbers(session, grid) if "reviewers" in share.hidden else {},
    )


def _numbers(session: Session, grid: Grid) -> dict[int, int]:
    """Of everybody who ever labelled anything in this grid, also where the label is gone."""

    def find() -> dict[int, int]:
        changes = (
            sqlalchemy.select(col(table.reviewer_id))
            .join(Answer, col(Answer.id) == col(table.answer_id))
            .where(col(Answer.grid_id) == grid.id)
            for table in (Label, LabelChange)
        )
        found = session.scalars(sqlalchemy.union(*changes))
        return {id_: number for number, id_ in enumerate(sorted(found), start=1)}

    return load_facts(session, grid).made("reviewer numbers", find)


def note_use(database: Database, share: Share, when: datetime) -> None:
    """Keep when it was last used; not at every request, and never in the way of one."""
    if share.last_used_at is not None and when - share.last_used_at < NOTED_EVERY:
        return
    try:
        with database.write() as session:
            session.execute(
                update(Share).where(col(Share.id) == share.id).values(last_used_at=when)
            )
            session.commit()
    except Unavailable:
        return  # a reader need not wait for a database that cannot be written


def look_of(look: Look, shown: Shown) -> Look:
    """A look that tells nothing hidden: texts are not searched, nobody is looked for, and where
    costs are left out, no answer is called costly."""
    telling = {"unlabelled-by-me"} if shown.shows("costs") else {"unlabelled-by-me", "costly"}
    return look.with_(q="", by="", only=look.only - telling)

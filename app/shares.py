"""Shares: addresses of a grid for people who are not reviewers. They read, and change nothing."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, select, update

from app.db import Database
from app.errors import Gone, InvalidInput, NotFound, Unavailable
from app.grids import IS_THERE
from app.gridview import GridRow
from app.look import Look
from app.tables import Grid, Prompt, Share, now

TOKEN_BYTES = 16  # 128 bits: nobody guesses one
NOTED_EVERY = timedelta(minutes=1)  # how exactly the last use is kept
# What an address can leave out, and what that means.
HIDEABLE = {
    "reviewers": "reviewers' names",
    "notes": "their notes",
    "thinking": "the models' thinking",
    "prompts": "prompts and references, such as those of a benchmark",
    "costs": "costs",
}


@dataclass(frozen=True, slots=True)
class Shared:
    """A grid as a share shows it. Templates of the grid take it for one: its public id is the
    share's, so that all addresses they make stay within the share."""

    public_id: str
    title: str
    hidden: frozenset[str]

    @property
    def shared(self) -> bool:
        return True

    def shows(self, what: str) -> bool:
        return what not in self.hidden

    def prompt(self, prompt: Prompt, number: int) -> Prompt:
        """As readers may see it."""
        if self.shows("prompts"):
            return prompt
        return Prompt(id=prompt.id, key="", text=f"Prompt {number}")

    def rows(self, rows: Iterable[GridRow]) -> list[GridRow]:
        return [replace(row, prompt=self.prompt(row.prompt, row.number)) for row in rows]


def create_share(
    session: Session,
    grid: Grid,
    hidden: Iterable[str] = (),
    *,
    days: int | None = None,
    listed: bool = False,
    by: str = "",
) -> Share:
    """A new address of the grid. ``days``: how long it holds; ``listed``: search engines may.

    Raises InvalidInput for something that cannot be hidden.
    """
    chosen = set(hidden)
    if unknown := chosen - HIDEABLE.keys():
        raise InvalidInput(f"“{min(unknown)}” cannot be hidden; {', '.join(HIDEABLE)} can.")
    share = Share(
        token=secrets.token_urlsafe(TOKEN_BYTES),
        grid_id=grid.id,
        hidden=[name for name in HIDEABLE if name in chosen],
        listed=listed,
        created_by=by,
        expires_at=now() + timedelta(days=days) if days else None,
    )
    session.add(share)
    session.flush()
    return share


def shares_of(session: Session, grid_id: int) -> list[Share]:
    """The newest first."""
    statement = select(Share).where(Share.grid_id == grid_id)
    return list(session.exec(statement.order_by(col(Share.id).desc())))


def revoke(session: Session, grid: Grid, share_id: int) -> None:
    """It ends at once, for good. Raises NotFound."""
    share = session.get(Share, share_id)
    if share is None or share.grid_id != grid.id:
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


def shared(share: Share, grid: Grid) -> Shared:
    return Shared(share.token, grid.title, frozenset(share.hidden))


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


def look_of(look: Look) -> Look:
    """A look that tells nothing hidden: texts are not searched, and nobody is looked for."""
    return look.with_(q="", by="", only=look.only - {"unlabelled-by-me"})

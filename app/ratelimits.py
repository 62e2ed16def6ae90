"""How fast accounts may be called, as people set it; and what several processes share of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from app.errors import NotFound
from app.pace import Pace
from app.plans import Providers
from app.tables import ProviderLimit

# What is kept of a pace beside its limits.
SET_BACK_S = 1.0  # more than two readings of one clock can differ
STATE = ("requests_at", "tokens_at", "paused_until", "low", "lowered_at", "refusals")
Limit = Annotated[int | None, Field(ge=1, le=1_000_000_000)]


class LimitInput(BaseModel):
    """What an account may be called; null: as the settings say, or without limit."""

    model_config = ConfigDict(extra="forbid")

    calls: Annotated[int | None, Field(ge=1, le=1000, description="In flight at a time")] = None
    requests_per_minute: Limit = None
    tokens_per_minute: Annotated[Limit, Field(description="Input and output together")] = None


def account_of(provider: str, providers: Providers) -> str:
    """What the limits of a provider are kept under: those that share a key share them."""
    return providers[provider].account if provider in providers else provider


def members(account: str, providers: Providers) -> list[str]:
    """The providers of an account."""
    return [n for n, p in providers.items() if p.account == account] or [account]


def limits_of(session: Session) -> Mapping[str, ProviderLimit]:
    """By account; those that nobody has touched are not there."""
    return {row.account: row for row in session.exec(select(ProviderLimit))}


def set_limit(session: Session, account: str, given: LimitInput, providers: Providers) -> None:
    """Raises NotFound."""
    if account not in {p.account for p in providers.values()}:
        raise NotFound(f"There is no provider {account!r}.")
    row = session.get(ProviderLimit, account) or ProviderLimit(account=account)
    new = Pace(1, given.requests_per_minute, given.tokens_per_minute)
    kept = _pace(row, 1).with_limits_of(new)
    row.calls = given.calls
    row.requests_per_minute, row.tokens_per_minute = kept.limits
    row.requests_at, row.tokens_at = kept.requests_at, kept.tokens_at
    session.add(row)


def paces(session: Session, calls: int) -> dict[str, Pace]:
    """Of each account that has a row, with what all processes used of it; ``calls``: the setting.

    Times are those of ``clock``.
    """
    return {account: _pace(row, calls) for account, row in limits_of(session).items()}


def clock(session: Session) -> float:
    """Seconds since 1970 by the clock of the Postgres server, which all processes share."""
    return float(session.scalar(text("SELECT extract(epoch FROM clock_timestamp())")))


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one account's pace at a time by ``clock``, and what the caller wants of it."""

    account: str
    calls: int  # in flight, where nothing else was set
    change: Callable[[Pace, float], float]


def change(session: Session, changes: Sequence[Change]) -> list[tuple[Pace, float]]:
    """Make changes while no other process can; gives the paces after them, and their results."""
    found: dict[str, tuple[ProviderLimit, Pace]] = {}
    for account in sorted({one.account for one in changes}):
        row = _locked(session, account)
        calls = next(one.calls for one in changes if one.account == account)
        found[account] = row, _pace(row, calls)
    now = clock(session)
    for row, pace in found.values():
        if now < row.seen_at - SET_BACK_S:
            pace.shift(now - row.seen_at)
        row.seen_at = now
    results = [(found[one.account][1], one.change(found[one.account][1], now)) for one in changes]
    for row, pace in found.values():
        for name in STATE:
            setattr(row, name, getattr(pace, name))
        session.add(row)
    return results


def _locked(session: Session, account: str) -> ProviderLimit:
    mine = select(ProviderLimit).where(ProviderLimit.account == account).with_for_update()
    row = session.exec(mine).first()
    if row is None:
        with suppress(IntegrityError), session.begin_nested():  # another process may be quicker
            session.add(ProviderLimit(account=account))
        row = session.exec(mine).one()
    return row


def _pace(row: ProviderLimit, calls: int) -> Pace:
    state = {name: getattr(row, name) for name in STATE}
    return Pace(row.calls or calls, row.requests_per_minute, row.tokens_per_minute, **state)

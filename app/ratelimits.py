"""How fast accounts may be called, as people set it; and what several processes share of it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session, select

from app.errors import NotFound
from app.pace import Pace
from app.plans import Providers
from app.tables import ProviderLimit

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
    row.calls = given.calls
    row.requests_per_minute = given.requests_per_minute
    row.tokens_per_minute = given.tokens_per_minute
    session.add(row)


def paces(session: Session, calls: int) -> dict[str, Pace]:
    """A fresh pace of each account that has limits of its own; ``calls``: the setting."""
    return {
        account: Pace(row.calls or calls, row.requests_per_minute, row.tokens_per_minute)
        for account, row in limits_of(session).items()
    }

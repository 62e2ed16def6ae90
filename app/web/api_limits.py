"""The JSON API of how fast providers may be called."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.ratelimits import LimitInput
from app.web import actions
from app.web.api import PROBLEMS
from app.web.deps import ByHere, Reading, Server, Services
from app.web.limits import AccountLimits, account_limits
from app.web.who import OWNER, READER, needs

router = APIRouter(
    prefix="/api/limits", tags=["api"], responses=PROBLEMS, dependencies=[needs(READER)]
)
Account = Annotated[str, Path(description="As in the list: a provider's name")]


class LimitItem(BaseModel):
    account: str = Field(description="A provider, or several that share a key")
    providers: list[str]
    ready: bool = Field(description="Whether one of them can be called now")
    calls: int | None = Field(description="In flight at a time; null: as the settings say")
    usual_calls: int = Field(description="In flight at a time where nothing else is set")
    requests_per_minute: int | None = Field(description="null: no limit")
    tokens_per_minute: int | None = Field(description="Input and output; null: no limit")
    waits_s: float = Field(description="Seconds until the next call that waits for its turn; or 0")


class LimitList(BaseModel):
    items: list[LimitItem]


@router.get("")
def list_limits(server: Server, session: Reading) -> LimitList:
    """How fast each account may be called, and whether calls wait for that now."""
    limits = account_limits(server, session)
    return LimitList(items=[_item(server, one) for one in limits.values()])


@router.put("/{account}", dependencies=[needs(OWNER)])
def set_limit(server: Server, by: ByHere, account: Account, given: LimitInput) -> LimitItem:
    """Set how fast an account may be called. What is not given has no limit of its own any more.

    Calls in flight come to their end; all processes that run answers keep to it.
    """
    actions.set_limit(server, by, account, given)
    with server.database.read() as session:
        return _item(server, account_limits(server, session)[account])


def _item(server: Services, one: AccountLimits) -> LimitItem:
    return LimitItem(
        account=one.account,
        providers=one.providers,
        ready=any(not server.providers[name].not_ready() for name in one.providers),
        calls=one.limit.calls,
        usual_calls=one.usual_calls,
        requests_per_minute=one.limit.requests_per_minute,
        tokens_per_minute=one.limit.tokens_per_minute,
        waits_s=round(one.waits_s, 1),
    )

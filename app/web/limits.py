"""The limits of accounts as the Models page and the API show them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, select

from app.ratelimits import limits_of, members
from app.tables import Answer, AnswerState, ProviderLimit
from app.web.deps import Services

FIELDS = ("calls", "requests_per_minute", "tokens_per_minute")


@dataclass(frozen=True)
class AccountLimits:
    """What one account may be called, and what its form holds."""

    account: str
    providers: list[str]
    titles: list[str]
    limit: ProviderLimit
    usual_calls: int  # in flight where nothing else is set
    waits_s: float  # until the next call of those that wait for their turn; 0: none waits
    typed: Mapping[str, str]
    error: str = ""

    @property
    def calls(self) -> int:
        return self.limit.calls or self.usual_calls

    @property
    def in_words(self) -> str:
        """Those that somebody set, such as "50 requests a minute"; empty: none."""
        kinds = (("call in flight", "calls in flight"), ("request a minute", "requests a minute"),
                 ("token a minute", "tokens a minute"))  # fmt: skip
        values = (getattr(self.limit, name) for name in FIELDS)
        set_ = [(value, words) for value, words in zip(values, kinds, strict=True) if value]
        return ", ".join(f"{value:,} {one if value == 1 else many}" for value, (one, many) in set_)


def account_limits(
    server: Services,
    session: Session,
    typed: Mapping[str, str] | None = None,
    error: str = "",
) -> dict[str, AccountLimits]:
    """Of every account; ``typed`` is a form that could not be saved, with its account."""
    kept, waits = limits_of(session), waits_now(server, session)
    found = {}
    for account in dict.fromkeys(p.account for p in server.providers.values()):
        names = members(account, server.providers)
        limit = kept.get(account) or ProviderLimit(account=account)
        mine = typed if typed and typed["account"] == account else None
        found[account] = AccountLimits(
            account=account,
            providers=names,
            titles=[server.title_of(name) for name in names],
            limit=limit,
            usual_calls=server.settings.concurrency,
            waits_s=waits.get(account, 0.0),
            typed=mine or {name: str(getattr(limit, name) or "") for name in FIELDS},
            error=error if mine else "",
        )
    return found


def waits_now(server: Services, session: Session) -> dict[str, float]:
    """Accounts whose calls wait for their turn in some grid, and seconds until the next."""
    at_work = session.exec(
        select(Answer.grid_id)
        .where(col(Answer.state).in_([AnswerState.pending, AnswerState.running]))
        .distinct()
    )
    found: dict[str, float] = {}
    for grid_id in at_work:
        found |= server.runner.waits(grid_id)
    return found

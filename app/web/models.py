"""Models: which providers are ready, what each model takes and costs, and whether it works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app.catalogue import OWN_FILE, Entry, entries, list_models, thinking_in_words
from app.checks import latest_checks, settings_to_check
from app.errors import BluffcheckError, InvalidInput, NotFound
from app.plans import find_model
from app.pricing.own import PriceInput, own_prices
from app.pricing.prices import Quote
from app.providers import ModelInfo, Thinking, ThinkingRule, switch_titles
from app.ratelimits import LimitInput
from app.tables import ModelCheck, now
from app.web import actions, limits
from app.web.deps import (
    ByHere,
    Form,
    IsHtmx,
    MaybeReviewer,
    Reading,
    Server,
    Services,
)
from app.web.limits import AccountLimits
from app.web.problems import validated
from app.web.render import page
from app.web.typed import count_typed, decimal, whole
from app.web.who import OWNER, READER, needs

router = APIRouter(dependencies=[needs(READER)])
PRICE_FIELDS = ("model", "input_usd", "output_usd", "cached_usd", "valid_from", "note")
AMOUNTS = ("input_usd", "output_usd", "cached_usd")
AT_FIRST = 12  # models of a provider that are shown before one searches
AT_MOST = 100


@dataclass(frozen=True)
class ModelRow:
    """One model in the list. All that is computed about it is computed here."""

    info: ModelInfo
    thinking: str
    quote: Quote | None  # the price in force; None: none is known
    checks: Sequence[ModelCheck]


@dataclass(frozen=True)
class ProviderRows:
    """One provider with those of its models that are shown."""

    entry: Entry
    rows: Sequence[ModelRow]
    found: int  # how many match the search, shown or not
    limits: AccountLimits
    shares_with: str = ""  # the provider whose section has the form; empty: this one


@router.get("/models")
def show_models(
    server: Server, session: Reading, reviewer: MaybeReviewer, htmx: IsHtmx, q: str = ""
) -> Response:
    """All providers; ``q`` keeps the models whose id or title contains it."""
    return _list_page(server, session, q, only_list=htmx, reviewer=reviewer)


@router.post("/models/limits", dependencies=[needs(OWNER)])
def set_limit(
    server: Server, session: Reading, by: ByHere, data: Form, reviewer: MaybeReviewer
) -> Response:
    """Set how fast an account may be called; a form that makes no sense comes back as typed."""
    typed = {name: str(data.get(name, "")).strip() for name in ("account", *limits.FIELDS)}
    given = {name: count_typed(typed[name]) for name in limits.FIELDS if typed[name]}
    try:
        actions.set_limit(server, by, typed["account"], validated(LimitInput, **given))
    except InvalidInput as exc:
        return _list_page(server, session, typed=typed, error=exc, reviewer=reviewer)
    return RedirectResponse(f"/models#limits-{quote(typed['account'])}", status_code=303)


@router.get("/models/{model:path}")
def show_model(server: Server, session: Reading, reviewer: MaybeReviewer, model: str) -> Response:
    """What one model can be asked, its test calls and its prices."""
    return _model_page(server, session, model, reviewer=reviewer)


@router.post("/models/checks", dependencies=[needs(OWNER)])
async def check(server: Server, data: Form, htmx: IsHtmx) -> Response:
    """Make test calls of a model now, and keep what they showed."""
    model = str(data.get("model", ""))
    checks = await actions.check_model(server, model)
    if htmx:
        return page("partials/checks.html", model=model, checks=checks)
    return RedirectResponse(f"/models/{quote(model)}", status_code=303)


@router.post("/models/lists", dependencies=[needs(OWNER)])
async def list_again(server: Server, data: Form) -> Response:
    """Ask one provider for its models now; what it says stands on the page."""
    provider = server.providers.get(str(data.get("provider", "")))
    if provider is None:
        raise NotFound("There is no such provider.")
    await list_models(provider)
    return RedirectResponse(f"/models#provider-{provider.name}", status_code=303)


@router.post("/models/prices", dependencies=[needs(OWNER)])
def add_price(
    server: Server, session: Reading, by: ByHere, data: Form, reviewer: MaybeReviewer
) -> Response:
    """Enter a price of a model; a form that makes no sense comes back as it was typed."""
    typed = {name: str(data.get(name, "")).strip() for name in PRICE_FIELDS}
    decimals = {name: decimal(typed[name]) for name in AMOUNTS}
    given = {name: value for name, value in (typed | decimals).items() if value}
    try:
        actions.add_price(server, by, validated(PriceInput, **given))
    except BluffcheckError as exc:
        return _model_page(
            server, session, typed["model"], typed=typed, error=exc, reviewer=reviewer
        )
    return RedirectResponse(f"/models/{quote(typed['model'])}#prices", status_code=303)


@router.post("/models/prices/removal", dependencies=[needs(OWNER)])
def remove_price(server: Server, by: ByHere, data: Form) -> Response:
    """Remove a price that somebody entered (field ``price``: its number)."""
    number = whole(str(data.get("price", "")))
    if number is None:
        raise NotFound("There is no such price; perhaps it was removed already.")
    model = actions.remove_price(server, by, number)
    return RedirectResponse(f"/models/{quote(model)}#prices", status_code=303)


def _list_page(
    server: Services,
    session: Session,
    q: str = "",
    only_list: bool = False,
    typed: Mapping[str, str] | None = None,
    error: BluffcheckError | None = None,
    **more: Any,
) -> Response:
    accounts = limits.account_limits(server, session, typed, str(error or ""))
    return page(
        "partials/model_list.html" if only_list else "pages/models.html",
        status_code=error.status if error else 200,
        headers={"Vary": "HX-Request"},
        providers=_providers(server, session, q, accounts),
        q=q,
        own_file=server.settings.data_dir / OWN_FILE,
        switches=switch_titles(),
        **more,
    )


def _providers(
    server: Services, session: Session, q: str, accounts: Mapping[str, AccountLimits]
) -> list[ProviderRows]:
    checks, at, wanted = latest_checks(session), now(), q.strip().lower()
    found: list[ProviderRows] = []
    shown: dict[str, str] = {}  # by account, the provider whose section has its form
    for entry in entries(server.providers):
        matching = [m for m in entry.models if wanted in f"{m.id} {m.title}".lower()]
        if wanted and not matching:
            continue
        provider = server.providers[entry.provider]
        rows = [
            ModelRow(
                info,
                thinking_in_words(provider.rule(info.name)),
                server.prices.quote(info.id, at),
                checks.get(info.id, []),
            )
            for info in islice(matching, AT_MOST if wanted else AT_FIRST)
        ]
        account, other = accounts[provider.account], shown.get(provider.account, "")
        shown.setdefault(provider.account, entry.title)
        found.append(ProviderRows(entry, rows, len(matching), account, other))
    return found


def _settings(rule: ThinkingRule) -> list[tuple[Thinking, dict[str, Any] | None, str]]:
    """Each setting, the fields that ask for it, and why it cannot be asked."""
    return [(t, rule.fields.get(t), rule.reason_against(t)) for t in Thinking]


def _model_page(
    server: Services,
    session: Session,
    model: str,
    typed: Mapping[str, str] | None = None,
    error: BluffcheckError | None = None,
    **more: Any,
) -> Response:
    provider, name = find_model(model, server.providers)
    rule = provider.rule(name)
    known = {m.name: m.title for m in provider.known_models()}
    return page(
        "pages/model.html",
        status_code=error.status if error else 200,
        model=model,
        title=known.get(name, ""),
        listed=name in known,
        provider=provider,
        reason=provider.not_ready(),
        rule=rule,
        settings=_settings(rule),
        tests=settings_to_check(provider, name),
        checks=latest_checks(session, model).get(model, []),
        quote=server.prices.quote(model, now()),
        own=[price for price in own_prices(session) if price.model == model],
        typed=typed or dict.fromkeys(PRICE_FIELDS, ""),
        price_error=str(error or ""),
        **more,
    )

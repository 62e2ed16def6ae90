"""Models: which providers are ready, and what their models cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app.catalogue import Entry, entries
from app.errors import BluffcheckError, NotFound
from app.ownprices import PriceInput, own_prices
from app.prices import Quote
from app.tables import Price, now
from app.web import actions
from app.web.deps import MAX_INTEGER, Form, MaybeReviewer, Reading, Server, Services
from app.web.problems import validated
from app.web.render import page

router = APIRouter()
PRICE_FIELDS = ("model", "input_usd", "output_usd", "cached_usd", "valid_from", "note")
AMOUNTS = ("input_usd", "output_usd", "cached_usd")


@dataclass(frozen=True)
class ModelPrices:
    """What partials/prices.html shows of one model."""

    model: str  # provider/model-id
    quote: Quote | None  # the price in force; None: none is known
    own: Sequence[Price]  # as entered, newest first


@router.get("/models")
def show_models(server: Server, session: Reading, reviewer: MaybeReviewer) -> Response:
    return _models_page(server, session, reviewer=reviewer)


@router.post("/models/prices")
def add_price(server: Server, session: Reading, data: Form, reviewer: MaybeReviewer) -> Response:
    """Enter a price of a model; a form that makes no sense comes back as it was typed."""
    typed = {name: str(data.get(name, "")).strip() for name in PRICE_FIELDS}
    decimals = {name: typed[name].replace(",", ".") for name in AMOUNTS}
    given = {name: value for name, value in (typed | decimals).items() if value}
    try:
        actions.add_price(server, validated(PriceInput, **given))
    except BluffcheckError as exc:
        return _models_page(server, session, typed=typed, error=exc, reviewer=reviewer)
    return RedirectResponse("/models", status_code=303)


@router.post("/models/prices/removal")
def remove_price(server: Server, data: Form) -> Response:
    """Remove a price that somebody entered (field ``price``: its number)."""
    number = str(data.get("price", ""))
    if not number.isdecimal() or int(number) > MAX_INTEGER:
        raise NotFound("There is no such price; perhaps it was removed already.")
    actions.remove_price(server, int(number))
    return RedirectResponse("/models", status_code=303)


def prices_of(server: Services, session: Session, entry: Entry) -> list[ModelPrices]:
    """The prices of a provider's models: known ones, and others that have an own price."""
    own: dict[str, list[Price]] = {}
    for price in own_prices(session):
        if price.model.startswith(f"{entry.provider}/"):
            own.setdefault(price.model, []).append(price)
    models = dict.fromkeys([*(m.id for m in entry.models), *own])
    at = now()
    return [ModelPrices(m, server.prices.quote(m, at), own.get(m, [])) for m in models]


def _models_page(
    server: Services,
    session: Session,
    typed: Mapping[str, str] | None = None,
    error: BluffcheckError | None = None,
    **more: Any,
) -> Response:
    found = entries(server.providers)
    priced = {
        e.provider: prices_of(server, session, e) for e in found if e.ready and not e.practice
    }
    return page(
        "pages/models.html",
        status_code=error.status if error else 200,
        entries=found,
        priced=priced,
        shown={p.model for prices in priced.values() for p in prices},
        typed=typed or dict.fromkeys(PRICE_FIELDS, ""),
        price_error=str(error or ""),
        **more,
    )

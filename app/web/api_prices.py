"""The JSON API of prices: the one in force, and those that people entered."""

from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.plans import find_model
from app.pricing.own import PriceInput, own_prices
from app.pricing.prices import LIST_DATE, LIST_VERSION
from app.prompts import Line
from app.tables import MAX_INTEGER, now
from app.web import actions
from app.web.api import PROBLEMS
from app.web.deps import ByHere, Reading, Server
from app.web.who import OWNER, READER, needs

router = APIRouter(
    prefix="/api/prices", tags=["api"], responses=PROBLEMS, dependencies=[needs(READER)]
)
PriceId = Annotated[int, Path(ge=1, le=MAX_INTEGER)]


class PriceItem(BaseModel):
    """All amounts are US dollars per million tokens."""

    id: int
    model: str
    input_usd: float
    output_usd: float
    cached_usd: float | None = Field(description="null: as other input")
    valid_from: date
    note: str


class PriceInForce(BaseModel):
    model: str
    input_usd: float
    output_usd: float
    cached_usd: float | None
    source: str
    note: str
    tiered: bool = Field(description="Long inputs cost more than this")


class PriceList(BaseModel):
    items: list[PriceItem] = Field(description="As people entered them, newest first")
    in_force: PriceInForce | None = Field(description="Of the model asked for; null: none is known")
    list_version: str = Field(description="Of genai-prices, where list prices are from")
    list_date: date


@router.get("")
def list_prices(
    server: Server,
    session: Reading,
    model: Annotated[Line | None, Query(description="provider/model-id; default: all")] = None,
) -> PriceList:
    """The prices that people entered, and the one of a model that is in force now."""
    if model is not None:
        find_model(model, server.providers)
    quote = server.prices.quote(model, now()) if model else None
    return PriceList(
        items=[
            PriceItem.model_validate(price, from_attributes=True)
            for price in own_prices(session)
            if model in (None, price.model)
        ],
        in_force=PriceInForce(model=model or "", **asdict(quote)) if quote else None,
        list_version=LIST_VERSION,
        list_date=LIST_DATE,
    )


@router.post("", status_code=201, dependencies=[needs(OWNER)])
def add_price(server: Server, by: ByHere, given: PriceInput) -> PriceItem:
    """Enter a price. What calls of the model cost is computed anew, but for reported costs."""
    return PriceItem.model_validate(actions.add_price(server, by, given), from_attributes=True)


@router.delete("/{price_id}", status_code=204, dependencies=[needs(OWNER)])
def remove_price(server: Server, by: ByHere, price_id: PriceId) -> None:
    """Remove a price that somebody entered; what calls cost is computed anew."""
    actions.remove_price(server, by, price_id)

"""Prices that people enter for a model: add one, remove one, list them."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.errors import Conflict, InvalidInput, NotFound
from app.plans import Providers, find_model
from app.prompts import Line
from app.tables import Price, now

Dollars = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)


class PriceInput(BaseModel):
    """A price as people and programs give it: US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    model: Line = Field(description="provider/model-id, exactly as in grids")
    input_usd: Dollars = Field(description="US dollars per million input tokens")
    output_usd: Dollars = Field(description="US dollars per million output tokens, thinking too")
    cached_usd: Dollars | None = Field(
        None, description="US dollars per million input tokens read from a cache; default: as input"
    )
    valid_from: date = Field(
        default_factory=lambda: now().date(), description="The first day (UTC); default: today"
    )
    note: Line = Field("", description="Such as where the price was read")

    @field_validator("valid_from")
    @classmethod
    def _plausible(cls, value: date) -> date:
        if not FIRST_DAY <= value <= LAST_DAY:
            raise ValueError(f"write a day such as {now().date()}, between 2000 and 2099")
        return value


def add_price(session: Session, given: PriceInput, providers: Providers) -> Price:
    """Raises InvalidInput for a model that has no price, Conflict where that day has one."""
    provider, name = find_model(given.model, providers)
    if provider.practice:
        raise InvalidInput(f"{given.model} is a practice model: it costs nothing.")
    fields = given.model_dump() | {"model": f"{provider.name}/{name}"}
    price = Price(**fields)
    session.add(price)
    try:
        session.flush()
    except IntegrityError as exc:
        session.rollback()
        raise Conflict(
            f"{price.model} already has a price from {given.valid_from}: remove that one first, or"
            " give another day."
        ) from exc
    return price


def remove_price(session: Session, price_id: int) -> str:
    """Gives the model whose price it was. Raises NotFound."""
    price = session.get(Price, price_id)
    if price is None:
        raise NotFound("There is no such price; perhaps it was removed already.")
    session.delete(price)
    session.flush()
    return price.model


def own_prices(session: Session) -> Sequence[Price]:
    """All of them: by model, newest first."""
    return session.exec(
        select(Price).order_by(col(Price.model), col(Price.valid_from).desc())
    ).all()

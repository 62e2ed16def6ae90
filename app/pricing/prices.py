"""What tokens cost: one's own prices first, then the list prices of the library genai-prices.

Amounts are US dollars, prices are US dollars per million tokens. What is not known is None, never
0. Nothing here asks the network: the list is the one that came with the library.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from threading import Lock
from typing import TYPE_CHECKING, Any

from app.providers import Completion, Provider, is_practice
from app.tables import MAX_INTEGER, Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

log = logging.getLogger(__name__)
LIST_VERSION = "0.2.3"  # of genai-prices
LIST_DATE = date(2026, 11, 10)  # when that version was published
REPORTED = "reported by the provider"
LISTED = f"list price genai-prices {LIST_VERSION}"
PRACTICE = "practice model: costs nothing"
MILLION = 1_000_000
REMEMBERED = 1_000  # models whose entry in the list is kept at hand


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one call; None: not reported. Cached ones are part of ``input_tokens``."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None  # read from a cache
    cache_write_tokens: int | None = None


def usage_of(completion: Completion) -> Usage:
    """The tokens of a call, as far as they are believable."""
    return Usage(
        believable(completion.input_tokens),
        believable(completion.output_tokens),
        believable(completion.cached_tokens),
        believable(completion.cache_write_tokens),
    )


def believable(tokens: int | None) -> int | None:
    """A number of tokens as reported, unless it is absurd."""
    return tokens if tokens is not None and 0 <= tokens <= MAX_INTEGER else None


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in US dollars and where it comes from; None and empty: unknown."""

    usd: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    """A price in force, in US dollars per million tokens."""

    input_usd: float
    output_usd: float
    cached_usd: float | None  # None: cached input costs what other input costs
    source: str
    note: str = ""
    tiered: bool = False  # long inputs cost more than this


class PriceBook:
    """All prices, in memory. Any thread may read while another one calls ``use``."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._own: dict[str, list[Price]] = {}
        self._found: dict[str, ModelInfo | None] = {}
        self._following = Lock()

    def use(self, own: Iterable[Price]) -> set[str]:
        """Take these for all prices that people entered; gives the models whose prices changed."""
        by_model: dict[str, list[Price]] = {}
        for price in sorted(own, key=lambda p: p.valid_from):
            by_model.setdefault(price.model, []).append(price)
        before, self._own = self._own, by_model
        models = before.keys() | by_model.keys()
        return {m for m in models if _same(before.get(m, [])) != _same(by_model.get(m, []))}

    def follow(self, read: Callable[[], Iterable[Price]]) -> set[str]:
        """``use`` what ``read`` gives, one caller at a time: no older prices replace newer ones."""
        with self._following:
            return self.use(read())

    def cost(
        self, model: str, at: datetime, usage: Usage, reported_usd: float | None = None
    ) -> Cost:
        """What a call of ``model`` (provider/model-id) costs that was made at ``at`` (in UTC).

        What the provider reported wins, then the own price in force, then the list price.
        """
        if is_practice(model, self._providers):
            return Cost(0.0, PRACTICE)
        if reported_usd is not None and isfinite(reported_usd) and reported_usd >= 0:
            return Cost(float(reported_usd), REPORTED)
        if usage.input_tokens is None or usage.output_tokens is None:
            return Cost()
        if own := in_force(self._own.get(model, ()), at.date()):
            return Cost(own_cost(own, usage), own_source(own))
        listed = self._listed_cost(model, at, usage)
        return Cost() if listed is None else Cost(listed, LISTED)

    def cost_of(self, model: str, at: datetime, completion: Completion) -> Cost:
        """The same of a call that was made: it is not lost because its price is a riddle."""
        try:
            return self.cost(model, at, usage_of(completion), completion.cost_usd)
        except Exception:
            log.exception("a call of %s could not be priced", model)
            return Cost()

    def quote(self, model: str, at: datetime) -> Quote | None:
        """The price of ``model`` in force at ``at`` (in UTC); None: no price is known."""
        if is_practice(model, self._providers):
            return Quote(0.0, 0.0, None, PRACTICE)
        if own := in_force(self._own.get(model, ()), at.date()):
            source = own_source(own)
            return Quote(own.input_usd, own.output_usd, own.cached_usd, source, own.note)
        if listed := self._listed(model, at):
            prices = (listed.input_mtok, listed.output_mtok, listed.cache_read_mtok)
            dollars = [None if price is None else _base(price) for price in prices]
            tiered = any(hasattr(price, "tiers") for price in prices)
            note = f"as published on {LIST_DATE}"
            return Quote(dollars[0] or 0.0, dollars[1] or 0.0, dollars[2], LISTED, note, tiered)
        return None

    def _listed_cost(self, model: str, at: datetime, usage: Usage) -> float | None:
        listed = self._listed(model, at)
        if listed is None:
            return None
        from genai_prices import Usage as ListUsage

        cached, written, whole = _parts(usage)
        tokens = ListUsage(
            input_tokens=whole,
            output_tokens=usage.output_tokens,
            cache_read_tokens=cached,
            cache_write_tokens=written,
        )
        try:
            return float(listed.calc_price(tokens)["total_price"])
        except ValueError:  # the list prices parts of the usage that we do not know
            return None

    def _listed(self, model: str, at: datetime) -> "ModelPrice | None":
        """The list's price of this model at that time, if it has one for text."""
        if model not in self._found:
            if len(self._found) > REMEMBERED:
                self._found.clear()
            self._found[model] = self._find(model)
        found = self._found[model]
        if found is None:
            return None
        price = found.get_prices(at)
        # Models for pictures or sound have other prices; adding up what is there would give 0.
        return None if price.input_mtok is None and price.output_mtok is None else price

    def _find(self, model: str) -> "ModelInfo | None":
        """The list's entry of a model: looking for it takes a tenth of what a call takes."""
        prefix, _, name = model.partition("/")
        provider = self._providers.get(prefix)
        if provider is None or not provider.price_list:
            return None
        from genai_prices.data_snapshot import get_snapshot  # half a second, 30 MB: not before use

        try:
            return get_snapshot().find_provider_model(name, None, provider.price_list, None)[1]
        except LookupError:
            return None


def in_force(prices: Sequence[Price], day: date) -> Price | None:
    """Of one model's prices, oldest first: the latest that is valid on ``day``, else the first."""
    valid = [price for price in prices if price.valid_from <= day]
    return valid[-1] if valid else next(iter(prices), None)


def _same(prices: Sequence[Price]) -> list[object]:
    """What two lists of prices have to share to be the same."""
    return [(p.valid_from, p.input_usd, p.output_usd, p.cached_usd) for p in prices]


def own_cost(price: Price, usage: Usage) -> float:
    """In US dollars. What is written to a cache costs what other input costs."""
    cached, _, whole = _parts(usage)
    cached_usd = price.input_usd if price.cached_usd is None else price.cached_usd
    dollars = (
        (whole - cached) * price.input_usd
        + cached * cached_usd
        + (usage.output_tokens or 0) * price.output_usd
    )
    return dollars / MILLION


def own_source(price: Price) -> str:
    return f"own price of {price.valid_from.isoformat()}"


def _parts(usage: Usage) -> tuple[int, int, int]:
    """Cached, written to a cache, and all input tokens; servers do report parts above the whole."""
    whole = usage.input_tokens or 0
    cached = min(usage.cached_tokens or 0, whole)
    return cached, min(usage.cache_write_tokens or 0, whole - cached), whole


def _base(price: Any) -> float:
    """A price per million tokens; of one in tiers, that of short inputs."""
    return float(getattr(price, "base", price))

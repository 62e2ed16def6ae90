"""Templates: one environment, autoescape on, nothing undefined passes silently."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from app import __version__, origins
from app.db import ROOT
from app.grid import look
from app.grid.answer import observed, received
from app.grid.view import bar_parts
from app.pricing.money import dollars, rate
from app.prompts import shorten
from app.results.patterns import meaning
from app.results.words import (
    RATES,
    change_interval,
    decimals,
    measured,
    p_value,
    percent,
    points,
    sentence,
    shares,
)
from app.reviewing.review import ORDERS
from app.reviewing.said import NO_LABEL, TAGS
from app.stats.measures import penalty
from app.web.notices import trouble_now
from app.web.who import visitor_now

environment = Environment(
    loader=FileSystemLoader(ROOT / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.do"],
)


def page(
    template: str, status_code: int = 200, headers: dict[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """Render a template as a response."""
    return HTMLResponse(render(template, **values), status_code, headers)


def render(template: str, **values: Any) -> str:
    return environment.get_template(template).render(values)


def render_pieces(template: str, **values: Any) -> Iterator[str]:
    """The same bit by bit, so that what it loops over can be read meanwhile."""
    stream = environment.get_template(template).stream(**values)
    stream.enable_buffering(200)
    yield from stream


# Of a label as the drawer shows them: those that say why there is none stand apart.
_LABEL_TAGS = [(tag, text) for tag, text in TAGS.items() if tag not in NO_LABEL]
_WHY_NO_LABEL = [(tag, TAGS[tag]) for tag in NO_LABEL]


def _seconds(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _when(value: datetime) -> str:
    return value.strftime("%d %b %Y, %H:%M UTC")


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tidy(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}".removesuffix(".0")


environment.filters |= {
    "interval": shares,
    "percent": percent,
    "seconds": _seconds,
    "duration": _duration,
    "when": _when,
    "number": _number,
    "dollars": dollars,
    "rate": rate,
    "pretty": _pretty,
    "compact": _compact,
    "shorten": shorten,
    "sentence": sentence,
    "points": points,
    "change_interval": change_interval,
    "p_value": p_value,
    "tidy": _tidy,
    "decimals": decimals,
    "penalty": penalty,
    "measured": measured,
    "meaning": meaning,
    "origin_in_words": origins.in_words,
}
environment.globals |= {
    "version": __version__,
    "facets": look.FACETS,
    "meanings": look.MEANINGS,
    "densities": look.DENSITIES,
    "orders": look.ORDERS,
    "sorts": look.SORTS,
    "tag_help": TAGS,
    "label_tags": _LABEL_TAGS,
    "why_no_label": _WHY_NO_LABEL,
    "review_orders": ORDERS,
    "bar_parts": bar_parts,
    "rate_names": RATES,
    "observed": observed,
    "received": received,
    "trouble_now": trouble_now,
    "visitor_now": visitor_now,
}

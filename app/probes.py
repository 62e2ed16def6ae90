"""Probe files: a grid as TOML, to be kept, sent to somebody, and run again.

A probe has everything that a grid asks, word for word, and nothing of what came back. Prompts and
wordings that the library has to the letter are found there, so that answers can be compared.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlmodel import Session

from app.errors import Conflict, InvalidInput
from app.grid.shape import load_columns, load_prompts
from app.grid.view import Column, forced_settings
from app.pasted import is_pasted
from app.plans import Forced, GridInput, MaxCalls, MaxCost, VariantInput
from app.prompts import (
    MAX_TITLE,
    Line,
    PromptInput,
    WordingInput,
    same,
    save_wording,
    shorten,
    slug_of,
    wordings,
)
from app.tables import Grid, Wording

HEAD = "# A grid of Bluffcheck. To run it:  python -m app run THIS-FILE\n\n"
MAX_BYTES = 20_000_000


class ProbeWording(WordingInput):
    """A wording under the name that the variants of its file call it by."""

    slug: Line

    @classmethod
    def of(cls, wording: Wording) -> Self:
        return cls(**{name: getattr(wording, name) for name in cls.model_fields})

    @property
    def given(self) -> WordingInput:
        return WordingInput(**self.model_dump(exclude={"slug"}))


class Probe(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Line = ""
    models: list[Line] = Field(min_length=1)
    repeats: int = 1
    max_calls: MaxCalls | None = None
    max_cost_usd: MaxCost | None = None
    forced: Forced = Field(default_factory=dict)
    variants: list[VariantInput] = Field(min_length=1)
    wordings: list[ProbeWording] = Field(default_factory=list)
    prompts: list[PromptInput] = Field(min_length=1)

    @field_validator("wordings")
    @classmethod
    def _each_slug_once(cls, value: list[ProbeWording]) -> list[ProbeWording]:
        slugs = Counter(slug_of(wording.slug) for wording in value)
        if twice := [slug for slug, number in slugs.items() if number > 1]:
            raise ValueError(f"the slug “{twice[0]}” stands there twice")
        return value


def save_probe(session: Session, grid: Grid) -> str:
    """The probe file of a grid."""
    probe = probe_of(session, grid)
    # What is as usual is left out, but for what a reader looks for.
    fields = probe.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    # In strings of several lines CR LF is only a line break, which would come back as LF.
    in_lines = r"\r\n" not in json.dumps(fields)
    return HEAD + tomli_w.dumps(fields | {"repeats": probe.repeats}, multiline_strings=in_lines)


def probe_of(session: Session, grid: Grid) -> Probe:
    """Raises Conflict where there is nobody to ask."""
    columns = _asked(session, grid)
    if not columns:
        raise Conflict("All of this grid was pasted: a probe file has no model to ask for it.")
    variants = {column.variant.id: column for column in columns}
    names = _names(columns)
    return Probe(
        title=grid.title,
        models=list(dict.fromkeys(column.model for column in columns)),
        repeats=grid.repeats,
        max_calls=grid.max_calls,
        max_cost_usd=grid.max_cost_usd,
        forced=forced_settings(columns),
        variants=[
            VariantInput.of(it.variant, it.wording).model_copy(
                update={"wording": names[it.wording.id]}
            )
            for it in variants.values()
        ],
        wordings=[
            ProbeWording.of(wording).model_copy(update={"slug": names[id_]})
            for id_, wording in {c.wording.id: c.wording for c in columns}.items()
        ],
        prompts=[
            PromptInput(**{name: getattr(prompt, name) for name in PromptInput.model_fields})
            for prompt in load_prompts(session, grid.id)
        ],
    )


def read_probe(text: str) -> Probe:
    """Raises InvalidInput with the line or the field that is wrong."""
    try:
        return Probe.model_validate(tomllib.loads(text.removeprefix("\ufeff")))
    except tomllib.TOMLDecodeError as exc:
        raise InvalidInput(f"This is no TOML: {exc}.") from exc
    except ValidationError as exc:
        raise _no_probe(exc) from exc


def grid_of(session: Session, probe: Probe) -> GridInput:
    """What the probe asks, in the words of this library; a wording it lacks is added to it.

    Raises InvalidInput for more of anything than a grid takes.
    """
    slugs = {slug_of(wording.slug): _slug_here(session, wording) for wording in probe.wordings}
    try:
        return GridInput(
            title=probe.title,
            prompts=list(probe.prompts),
            models=probe.models,
            variants=[
                variant.model_copy(
                    update={"wording": slugs.get(slug_of(variant.wording), variant.wording)}
                )
                for variant in probe.variants
            ],
            repeats=probe.repeats,
            forced=probe.forced,
            max_calls=probe.max_calls,
            max_cost_usd=probe.max_cost_usd,
        )
    except ValidationError as exc:
        raise _no_probe(exc) from exc


def _no_probe(error: ValidationError) -> InvalidInput:
    wrong = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
    return InvalidInput(f"This is no probe file: {'; '.join(wrong)}.")


def again(session: Session, grid: Grid) -> GridInput:
    """What the grid asked, with its wordings as the library has them now."""
    variants = {c.variant.id: VariantInput.of(c.variant, c.wording) for c in _asked(session, grid)}
    probe = probe_of(session, grid)
    probe.wordings, probe.variants = [], list(variants.values())
    return grid_of(session, probe)


def _asked(session: Session, grid: Grid) -> list[Column]:
    return [c for c in load_columns(session, grid.id) if not is_pasted(c.model)]


def _names(columns: Iterable[Column]) -> dict[int, str]:
    """What each wording is called in the file, by its id: a grid may have two versions of one."""
    found: dict[int, str] = {}
    for wording in {c.wording.id: c.wording for c in columns}.values():
        slug = name = slug_of(wording.slug)
        number = 1
        while name in found.values():
            number += 1
            name = f"{slug}-{number}"
        found[wording.id] = name
    return found


def _slug_here(session: Session, wording: ProbeWording) -> str:
    """What a wording is called here: by its own name if that says the same here."""
    known = sorted(wordings(session), key=lambda here: here.slug != wording.slug)
    for here in known:
        if same(here, wording.given.model_copy(update={"title": here.title})):
            return here.slug
    titles = {here.title for here in known}
    number = 0
    while True:
        number += 1
        title = _numbered(wording.title, number)
        if title not in titles:
            # Its name may be that of an archived one, or be none to know it by.
            with suppress(InvalidInput):
                return save_wording(session, wording.given.model_copy(update={"title": title})).slug


def _numbered(title: str, number: int) -> str:
    """The same title beside others: “allowed (2)”."""
    end = "" if number == 1 else f" ({number})"
    return shorten(title, MAX_TITLE - len(end)) + end

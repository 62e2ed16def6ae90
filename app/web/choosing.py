"""Prompts that a form takes out of the library, which may have very many."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.responses import Response
from sqlmodel import Session, col
from starlette.datastructures import FormData

from app import prompt_search
from app.plans import MAX_PROMPTS
from app.prompt_search import Search
from app.sql import among
from app.tables import Prompt
from app.web.forms import NOTHING, ComposeForm, FormUrls, GridHas
from app.web.render import page

FEW = 20  # prompts that need no search
SHOWN = 50  # of those that are chosen, and of the others
MOST_TAGS = 200
F = TypeVar("F", bound=ComposeForm)


@dataclass(frozen=True)
class Choices:
    """What is chosen and what else there is, as far as it is shown."""

    search: Search
    chosen: int
    chosen_found: int  # of them match
    chosen_shown: list[Prompt]
    carried: str  # keys of those that are chosen and not shown
    found: int  # match and are not chosen
    shown: list[Prompt]
    addable: int  # of those found are not in the grid, in no version
    most: int = MAX_PROMPTS


def read(session: Session, form: type[F], data: FormData) -> F:
    """The form as typed. Its prompts are in the order of the library, however they were found."""
    found = form.read(data)
    known = prompt_search.in_order(session, found.library)
    found.gone = sorted({*found.library} - {*known})
    found.library = known
    return found


def choose(session: Session, form: ComposeForm, action: str, there: GridHas = NOTHING) -> str:
    """Add all that match ("add-found") or take them away ("drop-found"); says what came of it."""
    search = Search.of(form.find, form.find_tag)
    before = len(form.library)
    if action == "add-found":
        others = ~among(col(Prompt.key), {*form.library, *there.keys})
        room = MAX_PROMPTS - before
        more = prompt_search.keys(session, search, others, size=room + 1)
        if len(more) > room:
            return f"None was added: a grid has at most {MAX_PROMPTS:,} prompts."
        form.library = prompt_search.in_order(session, [*form.library, *more])
        return f"{_prompts(len(more))} added. {len(form.library):,} chosen."
    if action == "drop-found":
        dropped = set(prompt_search.chosen_keys(session, search, form.library))
        form.library = [key for key in form.library if key not in dropped]
        return f"{_prompts(len(dropped))} taken away. {len(form.library):,} chosen."
    return ""


def chooser(
    session: Session, form: ComposeForm, there: GridHas = NOTHING, done: str = ""
) -> dict[str, Any]:
    """What partials/library_chooser.html shows."""
    total, tags = prompt_search.count_and_tags(session, Search(), MOST_TAGS)
    found = choices(session, form, there)
    return {"done": done, "chooser": found, "in_library": total, "few": FEW, "library_tags": tags}


def choices(session: Session, form: ComposeForm, there: GridHas = NOTHING) -> Choices:
    search = Search.of(form.find, form.find_tag)
    chosen = form.library
    found = prompt_search.chosen_keys(session, search, chosen) if search else chosen
    first = prompt_search.with_keys(session, found[:SHOWN])
    carried = {*chosen} - {prompt.key for prompt in first}
    others = [~among(col(Prompt.key), chosen)] if chosen else []
    count = prompt_search.count(session, search, *others)
    in_grid = among(col(Prompt.key), there.keys) if there.keys else None
    addable = count
    if in_grid is not None:
        addable = prompt_search.count(session, search, *others, ~in_grid)
    return Choices(
        search=search,
        chosen=len(chosen),
        chosen_found=len(found),
        chosen_shown=first,
        carried=" ".join(key for key in chosen if key in carried),
        found=count,
        shown=prompt_search.part(session, search, *others, size=SHOWN, last=in_grid),
        addable=addable,
    )


def choose_page(
    session: Session, form: ComposeForm, urls: FormUrls, action: str, there: GridHas = NOTHING
) -> Response:
    """The choices alone. The form is told when others are chosen, to look at the preview."""
    done = choose(session, form, action, there)
    headers = {"HX-Trigger": json.dumps({"chosen": {"target": "#library-choices"}})}
    return page(
        "partials/library_choices.html",
        headers=headers if done else None,
        urls=urls,
        there=there,
        done=done,
        chooser=choices(session, form, there),
    )


def _prompts(number: int) -> str:
    return f"{number:,} prompt{'' if number == 1 else 's'}"

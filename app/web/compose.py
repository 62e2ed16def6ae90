"""Compose: from a form to a grid. Every button works without scripts and keeps what was typed."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from app import prompts as library
from app.catalogue import ThinkingChoice, entries, only_practice, suggested, thinking_choices
from app.errors import BluffcheckError
from app.imports.prompts import keys_of
from app.imports.uploads import Upload
from app.plans import GridInput
from app.pricing.ceilings import Ceilings
from app.probes import again
from app.prompt_search import in_order, with_texts
from app.prompts import PromptInput
from app.tables import Answerable
from app.web import actions
from app.web.actions import Draft
from app.web.choosing import choose, choose_page, chooser, read
from app.web.deps import ByHere, Form, Reading, Server, Services, grid_at
from app.web.forms import NOTHING, ComposeForm, FormUrls, GridHas
from app.web.preview import preview_of
from app.web.render import page
from app.web.who import OWNER, PersonHere, needs

router = APIRouter(dependencies=[needs(OWNER)])
URLS = FormUrls(
    run="/grids", edit="/compose", preview="/compose/preview", choose="/compose/library"
)


def example(server: Services) -> ComposeForm:
    """The paper's three prompts, with the person's own models when there are any."""
    return ComposeForm(
        title="Why Language Models Hallucinate: the paper's examples",
        library=library.example_keys(),
        models=suggested(server.providers),
        wordings=["as-published", "allowed"],
        thinking=["off", "on"],
        repeats="3",
    )


@router.get("/compose")
def show_compose(
    server: Server,
    session: Reading,
    person: PersonHere,
    start: str = "",
    model: str = "",
    like: str = "",
    find: str = "",
    find_tag: str = "",
    imported: str = "",
) -> Response:
    """``like``: a grid that is to be asked again. ``find``: what is searched in the library.
    ``imported``: a file whose prompts are to be asked."""
    models = [model] if model else suggested(server.providers)
    form = ComposeForm(models=models, find=find, find_tag=find_tag)
    if imported:
        kept = Upload.at(server.settings.uploads, imported, person.viewer.reviewer_id)
        form.library = in_order(session, keys_of(kept.rows) if kept.done else [])
    if like:
        form = form_of(session, again(session, grid_at(like, session, person)))
    return compose_page(server, session, example(server) if start == "paper" else form)


@router.post("/compose")
def edit_compose(server: Server, session: Reading, data: Form) -> Response:
    """Everything the form does short of starting: add or remove a prompt, choose out of the
    library, show the preview."""
    form = read(session, ComposeForm, data)
    action = str(data.get("action", ""))
    form.edit(action)
    return compose_page(server, session, form, done=choose(session, form, action))


@router.post("/compose/library")
def choose_prompts(session: Reading, data: Form) -> Response:
    """The choice alone, after a search, or after all that match were added or taken away."""
    return choose_page(session, read(session, ComposeForm, data), URLS, str(data.get("action", "")))


@router.post("/compose/preview")
def preview_compose(server: Server, session: Reading, data: Form) -> Response:
    """The preview, and what the models chosen now can be asked."""
    form = read(session, ComposeForm, data)
    return page("partials/preview_update.html", **_preview(server, form))


@router.post("/grids")
def start_from_form(server: Server, session: Reading, by: ByHere, data: Form) -> Response:
    form = read(session, ComposeForm, data)
    try:
        given = form.parse()
        grid = actions.start_grid_once(server, by, given, form.id)
    except BluffcheckError as exc:
        return compose_page(server, session, form, error=str(exc), status=exc.status)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


@router.post("/example")
def start_example(server: Server, by: ByHere, data: Form) -> Response:
    """Run the paper's example at once: only offered while it costs nothing."""
    form = example(server)
    form.id = ComposeForm.read(data).id
    if not only_practice(server.providers):
        return RedirectResponse("/compose?start=paper", status_code=303)
    grid = actions.start_grid_once(server, by, form.parse(), form.id)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


def form_of(session: Session, given: GridInput) -> ComposeForm:
    """The form that asks the same. Prompts that are not in the library to the letter are typed in.

    Raises InvalidInput for variants that the form cannot tell apart.
    """
    texts = {prompt.text for prompt in given.prompts if isinstance(prompt, PromptInput)}
    return ComposeForm.of(given, with_texts(session, texts))


def compose_page(
    server: Services,
    session: Session,
    form: ComposeForm,
    error: str = "",
    status: int = 200,
    probe: str = "",
    done: str = "",
) -> Response:
    """``probe``: the text of a probe file that could not be opened. ``done``: what the choice out
    of the library came to, in words."""
    return page(
        "pages/compose.html",
        status_code=status,
        error=error,
        probe=probe,
        **choices(server, session, form)
        | chooser(session, form, done=done)
        | _preview(server, form),
    )


def choices(
    server: Services, session: Session, form: ComposeForm, there: GridHas = NOTHING
) -> dict[str, Any]:
    """What the form's fields offer."""
    settings = server.settings
    return {
        "form": form,
        "there": there,
        "entries": entries(server.providers),
        "wordings": library.wordings(session),
        "thinking_settings": thinking_settings(server, form, there),
        "answerables": list(Answerable),
        "not_listed": _not_listed(server, form, there),
        "ceilings": Ceilings(settings.max_calls_default, settings.max_cost_default),
    }


def thinking_settings(
    server: Services, form: ComposeForm, there: GridHas = NOTHING
) -> list[ThinkingChoice]:
    """What the models chosen now, and those of the grid, can be asked."""
    return thinking_choices(server.providers, [*there.models, *form.all_models])


def _preview(server: Services, form: ComposeForm) -> dict[str, Any]:
    def draft(session: Session) -> Draft:
        return actions.draft_grid(server, session, form.parse())

    return {
        "form": form,
        "there": NOTHING,
        "entries": entries(server.providers),
        "thinking_settings": thinking_settings(server, form),
        "urls": URLS,
        **preview_of(server, draft),
    }


def _not_listed(server: Services, form: ComposeForm, there: GridHas) -> list[str]:
    """Models that were typed, or are in the grid, and that no provider lists."""
    listed = {m.id for e in entries(server.providers) if e.ready for m in e.models}
    return [m for m in dict.fromkeys([*there.models, *form.models]) if m not in listed]

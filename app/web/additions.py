"""The page that adds to a grid: a form like Compose's, of which only what is missing is called."""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session, func, select
from starlette.datastructures import FormData

from app import prompts as library
from app.additions import GridSize, SentAgain, size_of
from app.catalogue import entries
from app.errors import BluffcheckError
from app.grid.shape import load_prompts
from app.planrows import models_of, variants_of
from app.pricing.ceilings import Ceilings
from app.pricing.costs import spending_of_grids
from app.tables import Answer, Grid, Reviewer
from app.web import actions
from app.web.actions import Draft
from app.web.choosing import choose, choose_page, chooser, read
from app.web.compose import choices, thinking_settings
from app.web.deps import ByHere, Form, MaybeReviewer, OpenGrid, Reading, Server, Services
from app.web.forms import AdditionForm, FormUrls, GridHas
from app.web.preview import preview_of
from app.web.problems import validated
from app.web.render import page
from app.web.who import OWNER, needs

router = APIRouter(dependencies=[needs(OWNER)])


@router.get("/grids/{grid_id}/additions")
def show_additions(
    server: Server, grid: OpenGrid, session: Reading, reviewer: MaybeReviewer
) -> Response:
    return additions_page(server, session, grid, _first_form(session, grid), reviewer)


@router.post("/grids/{grid_id}/additions/draft")
def edit_additions(
    server: Server, grid: OpenGrid, session: Reading, reviewer: MaybeReviewer, data: Form
) -> Response:
    """Everything the form does short of running: add or remove a prompt, choose out of the
    library, show the preview."""
    form = read(session, AdditionForm, data)
    action = str(data.get("action", ""))
    form.edit(action)
    done = choose(session, form, action, grid_has(session, grid))
    return additions_page(server, session, grid, form, reviewer, done=done)


@router.post("/grids/{grid_id}/additions/library")
def choose_prompts(grid: OpenGrid, session: Reading, data: Form) -> Response:
    """The choice out of the library alone."""
    form, there = read(session, AdditionForm, data), grid_has(session, grid)
    return choose_page(session, form, urls_of(grid), str(data.get("action", "")), there)


@router.post("/grids/{grid_id}/additions/preview")
def preview_additions(server: Server, grid: OpenGrid, session: Reading, data: Form) -> Response:
    """The preview, and what the models of the grid and those chosen now can be asked."""
    form, there = read(session, AdditionForm, data), grid_has(session, grid)
    return page("partials/preview_update.html", **_preview(server, grid, form, there))


@router.post("/grids/{grid_id}/additions")
def add_from_form(
    server: Server,
    grid: OpenGrid,
    session: Reading,
    reviewer: MaybeReviewer,
    by: ByHere,
    data: Form,
) -> Response:
    """What is sent twice is added once, and both times the grid is shown."""
    form = read(session, AdditionForm, data)
    try:
        given = form.parse_for(grid_has(session, grid))
        with suppress(SentAgain):  # it is there
            actions.add_to_grid(server, by, grid.id, given, _shown(data))
    except BluffcheckError as exc:
        session.rollback()  # the page shows the grid as it is by now
        return additions_page(server, session, grid, form, reviewer, str(exc), exc.status)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


def additions_page(
    server: Services,
    session: Session,
    grid: Grid,
    form: AdditionForm,
    reviewer: Reviewer | None,
    error: str = "",
    status: int = 200,
    done: str = "",
) -> Response:
    there = grid_has(session, grid)
    count = select(func.count()).select_from(Answer).where(Answer.grid_id == grid.id)
    values = {
        **choices(server, session, form, there),
        **chooser(session, form, there, done),
        **_preview(server, grid, form, there),
        "ceilings": Ceilings(grid.max_calls, grid.max_cost_usd),
        "answers": session.exec(count).one(),
        "had": size_of(session, grid),
        "spending": spending_of_grids(session, [grid.id])[grid.id],
        "reviewer": reviewer,
    }
    return page("pages/additions.html", status_code=status, error=error, **values)


def urls_of(grid: Grid) -> FormUrls:
    url = f"/grids/{grid.public_id}/additions"
    return FormUrls(url, edit=f"{url}/draft", preview=f"{url}/preview", choose=f"{url}/library")


def grid_has(session: Session, grid: Grid) -> GridHas:
    """What need not be offered, and what a wording or a thinking setting alone is crossed with."""
    variants, prompts = variants_of(session, grid.id), load_prompts(session, grid.id)
    models = models_of(session, grid.id)
    titles = {v.wording.slug: v.wording.title for v in variants}
    usable = [w.slug for w in library.wordings(session) if w.slug in titles]
    return GridHas(
        models=list(models),
        forced={
            f"{thinking} {model}" for model, settings in models.items() for thinking in settings
        },
        wordings=usable,
        archived=[title for slug, title in titles.items() if slug not in usable],
        thinking=list(dict.fromkeys(v.given.thinking for v in variants)),
        prompts={p.id for p in prompts},
        keys={p.key for p in prompts},
    )


def _shown(data: FormData) -> GridSize | None:
    """How much of the grid the page showed; None: it is not our page that sent this."""
    told = {name: data.get(f"had_{name}") for name in GridSize.model_fields}
    return validated(GridSize, **told) if any(told.values()) else None


def _first_form(session: Session, grid: Grid) -> AdditionForm:
    """Nothing is added yet; what is set beside wording and thinking is as in the grid."""
    given = variants_of(session, grid.id)[0].given
    return AdditionForm(
        system_prompt=given.system_prompt,
        temperature="" if given.temperature is None else f"{given.temperature:g}",
        max_tokens=str(given.max_tokens),
    )


def _preview(server: Services, grid: Grid, form: AdditionForm, there: GridHas) -> dict[str, Any]:
    def draft(session: Session) -> Draft:
        return actions.draft_addition(server, session, grid, form.parse_for(there))

    return {
        "grid": grid,
        "form": form,
        "there": there,
        "entries": entries(server.providers),
        "thinking_settings": thinking_settings(server, form, there),
        "urls": urls_of(grid),
        **preview_of(server, draft),
    }

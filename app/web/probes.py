"""Grids as probe files: saved from one, opened in the form, started over the API."""

from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import PlainTextResponse, Response

from app.errors import BluffcheckError, InvalidInput
from app.plans import GridInput
from app.probes import MAX_BYTES, grid_of, read_probe, save_probe
from app.web import actions
from app.web.api import PROBLEMS, started
from app.web.api_shapes import GridCreated
from app.web.compose import compose_page, form_of
from app.web.deps import ByHere, Form, GridHere, NotedOfGrid, Reading, Server, Services
from app.web.forms import ComposeForm
from app.web.who import OWNER, READER, needs

pages = APIRouter(dependencies=[needs(READER)])
api = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(READER)])
TOML = "application/toml"
ProbeText = Annotated[bytes, Body(media_type=TOML, max_length=MAX_BYTES)]


@pages.get("/grids/{grid_id}/probe.toml", dependencies=[NotedOfGrid])
def download_probe(grid: GridHere, session: Reading) -> Response:
    """Everything the grid asks, to be kept and run again."""
    file = f"bluffcheck-{grid.public_id}.toml"
    return PlainTextResponse(
        save_probe(session, grid),
        media_type=f"{TOML}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


@pages.post("/compose/probe", dependencies=[needs(OWNER)])
def open_probe(server: Server, session: Reading, data: Form) -> Response:
    """The form with what a probe file asks, so that it can be looked at before it runs."""
    text = str(data.get("probe", ""))
    try:
        form = form_of(session, take_in(server, text))
    except BluffcheckError as exc:
        form = ComposeForm.read(data)
        return compose_page(server, session, form, str(exc), exc.status, probe=text)
    return compose_page(server, session, form)


@api.get("/grids/{grid_id}/probe", response_class=PlainTextResponse, dependencies=[NotedOfGrid])
def get_probe(grid: GridHere, session: Reading) -> str:
    """The grid as a probe file (TOML)."""
    return save_probe(session, grid)


@api.post("/grids/probe", status_code=201, dependencies=[needs(OWNER)])
def start_probe(
    request: Request, response: Response, server: Server, by: ByHere, probe: ProbeText
) -> GridCreated:
    """Start the grid of a probe file. Wordings that are not in the library are added to it."""
    try:
        text = probe.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidInput("A probe file is UTF-8.") from exc
    return started(request, response, *actions.start_grid(server, by, take_in(server, text)))


def take_in(server: Services, text: str) -> GridInput:
    """What a probe file asks; wordings that are not in the library are there afterwards."""
    probe = read_probe(text)
    with server.database.write() as session:
        given = grid_of(session, probe)
        session.commit()
    return given

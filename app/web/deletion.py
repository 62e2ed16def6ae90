"""Deleting grids, and those that can be restored, for people and programs."""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from app.upkeep.deletion import deleted_grids
from app.web import actions
from app.web.api import PROBLEMS
from app.web.deps import ByHere, GridHere, MaybeReviewer, Reading, Server
from app.web.render import page
from app.web.who import OWNER, needs

pages = APIRouter(dependencies=[needs(OWNER)])
api = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(OWNER)])


class DeletedGrid(BaseModel):
    id: str
    title: str
    answers: int
    deleted_at: datetime
    gone_at: datetime  # when it is removed for good


class DeletedGrids(BaseModel):
    items: list[DeletedGrid]


class Restored(BaseModel):
    id: str
    url: str


@pages.post("/grids/{grid_id}/deletion")
def delete_here(server: Server, by: ByHere, grid: GridHere) -> Response:
    actions.delete_grid(server, by, grid.id)
    return RedirectResponse(f"/deleted#{grid.public_id}", status_code=303)


@pages.get("/deleted")
def show_deleted(session: Reading, reviewer: MaybeReviewer) -> Response:
    return page("pages/deleted.html", found=deleted_grids(session), reviewer=reviewer)


@pages.post("/deleted/{deleted_id}/restoration")
def restore_here(server: Server, by: ByHere, deleted_id: str) -> Response:
    grid = actions.restore_grid(server, by, deleted_id)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


@api.delete("/grids/{grid_id}", status_code=204)
def delete_grid(server: Server, by: ByHere, grid: GridHere) -> None:
    """Delete a grid with its answers, labels and links. It can be restored for 30 days."""
    actions.delete_grid(server, by, grid.id)


@api.get("/deleted-grids")
def list_deleted(session: Reading) -> DeletedGrids:
    """The deleted grids that can be restored, the latest first."""
    return DeletedGrids(
        items=[
            DeletedGrid(
                id=one.grid.public_id,
                title=one.grid.title,
                answers=one.answers,
                deleted_at=one.deleted_at,
                gone_at=one.gone_at,
            )
            for one in deleted_grids(session)
        ]
    )


@api.post("/deleted-grids/{deleted_id}/restoration")
def restore_grid(request: Request, server: Server, by: ByHere, deleted_id: str) -> Restored:
    """Restore a deleted grid as it was. What had not been called yet is paused."""
    grid = actions.restore_grid(server, by, deleted_id)
    return Restored(id=grid.public_id, url=f"{request.base_url}grids/{grid.public_id}")

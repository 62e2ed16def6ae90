"""The JSON API of additions: more repeats, models, variants or prompts for a grid."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.additions import AdditionInput
from app.web import actions
from app.web.api import PROBLEMS
from app.web.deps import ByHere, OpenGrid, Server
from app.web.who import OWNER, needs

router = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(OWNER)])


class Added(BaseModel):
    id: str
    url: str
    answers: int = Field(description="How many answers were queued")
    total: int = Field(description="How many the grid has now, with those that were there")
    left_out: list[str] = Field(
        description="New combinations that a model cannot be asked, and why"
    )
    notes: list[str] = Field(
        description="What was given and is in the grid already, or counts as another than what is"
    )


@router.post("/grids/{grid_id}/additions", status_code=202)
def add_to_grid(
    request: Request, server: Server, grid: OpenGrid, by: ByHere, given: AdditionInput
) -> Added:
    """Add repeats, models, variants or prompts. Only answers that do not exist yet are called."""
    plan = actions.add_to_grid(server, by, grid.id, given)
    return Added(
        id=grid.public_id,
        url=str(request.url_for("show_grid", grid_id=grid.public_id)),
        answers=plan.calls,
        total=plan.total,
        left_out=[str(h) for h in plan.left_out],
        notes=list(plan.notes),
    )

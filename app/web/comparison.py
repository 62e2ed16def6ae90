"""Two grids side by side."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.errors import InvalidInput
from app.people.access import visible
from app.results.runs import compare_grids, offers
from app.tables import LabelValue
from app.web.deps import GridHere, MaybeReviewer, Reading, grid_at
from app.web.render import page
from app.web.results import ChoiceHere
from app.web.who import READER, PersonHere, needs

router = APIRouter(dependencies=[needs(READER)])


@router.get("/grids/{grid_id}/comparison")
def show_comparison(
    session: Reading,
    grid: GridHere,
    choice: ChoiceHere,
    reviewer: MaybeReviewer,
    person: PersonHere,
    other: Annotated[str, Query(alias="with", max_length=500)] = "",
) -> Response:
    """Which grid to compare with; or the two, where ``with`` names another one or its address."""
    public_id = other.strip().rstrip("/").split("/")[-1].partition("?")[0]
    if public_id == grid.public_id:
        raise InvalidInput("Choose another grid: this one is the grid you came from.")
    found = None
    if other:
        found = compare_grids(session, grid, grid_at(public_id, session, person), choice)
    return page(
        "pages/comparison.html",
        grid=grid,
        choice=choice,
        reviewer=reviewer,
        other=public_id,
        comparison=found,
        offers=offers(session, grid, visible(person.viewer)),
        values=list(LabelValue),
    )

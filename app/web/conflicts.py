"""The answers of a grid on which reviewers differ, and what was decided."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.grids import progress
from app.reviewing.decisions import PAGE, count_decided, load_disputed
from app.web.deps import MaybeReviewer, MayLabel, OpenGrid, Reading
from app.web.render import page
from app.web.who import READER, needs

router = APIRouter(dependencies=[needs(READER)])


@router.get("/grids/{grid_id}/conflicts")
def show_conflicts(
    grid: OpenGrid,
    session: Reading,
    reviewer: MaybeReviewer,
    may_label: MayLabel,
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> Response:
    return page(
        "pages/conflicts.html",
        grid=grid,
        reviewer=reviewer,
        may_label=may_label,
        number=number,
        size=PAGE,
        count=progress(session, grid.id).disputed,
        disputed=load_disputed(session, grid, page=number),
        count_decided=count_decided(session, grid.id),
        decided=load_disputed(session, grid, decided=True) if number == 1 else [],
    )

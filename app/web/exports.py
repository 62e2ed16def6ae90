"""Downloads of a grid."""

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from app.exports import export_csv
from app.web.deps import GridHere, Server

router = APIRouter()


@router.get("/grids/{grid_id}/export.csv")
def download_csv(
    request: Request, server: Server, grid: GridHere, labelled: bool = False
) -> StreamingResponse:
    """One row per answer, streamed; ``labelled=1`` keeps labelled answers only."""
    base_url = str(request.base_url).rstrip("/")
    practice = frozenset(p.name for p in server.providers.values() if p.practice)

    def rows() -> Iterator[str]:
        with server.database.read() as session:
            yield from export_csv(session, grid, base_url, practice, labelled=labelled)

    name = f"bluffcheck-{grid.public_id}{'-labelled' if labelled else ''}.csv"
    return StreamingResponse(
        rows(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

"""Downloads of a grid."""

from collections.abc import Callable, Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from app.exports.csv import answers_csv, labels_csv
from app.exports.jsonl import export_jsonl
from app.exports.rows import Export, open_export
from app.web.deps import GridHere, LookHere, MaybeReviewer, Server

router = APIRouter(prefix="/grids/{grid_id}")
Pieces = Iterator[str] | Iterator[bytes]
Download = Callable[[Callable[[Export], Pieces], str, str], StreamingResponse]


def download_of(
    request: Request,
    server: Server,
    grid: GridHere,
    look: LookHere,
    reviewer: MaybeReviewer,
    labelled: bool = False,
) -> Download:
    """What answers with a file: all of a grid, or as its filters and ``labelled`` have it."""

    def respond(make: Callable[[Export], Pieces], name: str, media_type: str) -> StreamingResponse:
        def pieces() -> Iterator[str | bytes]:
            # Of its own: the handler's is closed, and memory would hold what it has seen.
            with server.database.read() as session:
                yield from make(
                    open_export(
                        session,
                        grid,
                        str(request.base_url).rstrip("/"),
                        frozenset(p.name for p in server.providers.values() if p.practice),
                        look=look,
                        reviewer=reviewer,
                        labelled=labelled,
                    )
                )

        file = f"bluffcheck-{grid.public_id}{name.replace('*', '-labelled' if labelled else '')}"
        return StreamingResponse(
            pieces(),
            media_type=media_type,
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )

    return respond


DownloadHere = Annotated[Download, Depends(download_of)]
CSV = "text/csv; charset=utf-8"


@router.get("/export.csv")
def download_csv(download: DownloadHere) -> StreamingResponse:
    """One row per answer, streamed; ``labelled=1`` keeps labelled answers only."""
    return download(answers_csv, "*.csv", CSV)


@router.get("/labels.csv")
def download_labels(download: DownloadHere) -> StreamingResponse:
    """One row per label."""
    return download(labels_csv, "*-labels.csv", CSV)


@router.get("/export.jsonl")
def download_jsonl(download: DownloadHere) -> StreamingResponse:
    """All of it, a line per answer."""
    return download(export_jsonl, "*.jsonl", "application/x-ndjson")

"""Downloads of a grid."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from app.exports.archive import export_zip
from app.exports.csv import answers_csv, labels_csv
from app.exports.formats import formats
from app.exports.html import export_html
from app.exports.jsonl import export_jsonl
from app.exports.markdown import export_markdown
from app.exports.rows import Export, open_export
from app.web.deps import GridHere, LookHere, MaybeReviewer, NotedOfGrid, Reading, Server
from app.web.render import page, render_pieces
from app.web.who import READER, needs

router = APIRouter(prefix="/grids/{grid_id}", dependencies=[needs(READER)])
Pieces = Iterator[str] | Iterator[bytes]
Download = Callable[[Callable[[Export], Pieces], str, str], StreamingResponse]


def export_here(
    request: Request,
    server: Server,
    session: Reading,
    grid: GridHere,
    look: LookHere,
    reviewer: MaybeReviewer,
    labelled: bool = False,
) -> Export:
    """What is exported: all of a grid, or as its filters and ``labelled`` have it."""
    return open_export(
        session,
        grid,
        str(request.base_url).rstrip("/"),
        frozenset(p.name for p in server.providers.values() if p.practice),
        look=look,
        reviewer=reviewer,
        labelled=labelled,
    )


ExportHere = Annotated[Export, Depends(export_here)]


def download_of(export: ExportHere, labelled: bool = False) -> Download:
    """What answers with a file. The session is closed when all of it was sent."""

    def respond(make: Callable[[Export], Pieces], name: str, media_type: str) -> StreamingResponse:
        ending = name.replace("*", "-labelled" if labelled else "")
        file = f"bluffcheck-{export.grid.public_id}{ending}"
        return StreamingResponse(
            make(export),
            media_type=media_type,
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )

    return respond


DownloadHere = Annotated[Download, Depends(download_of)]
CSV = "text/csv; charset=utf-8"


@router.get("/export")
def show_exports(export: ExportHere, reviewer: MaybeReviewer, labelled: bool = False) -> Response:
    """Every format, what it is for and how large it is."""
    return page(
        "pages/export.html",
        grid=export.grid,
        look=export.look,
        labelled=labelled,
        chosen=len(export.ids),
        formats=formats(export),
        reviewer=reviewer,
    )


@router.get("/export.csv", dependencies=[NotedOfGrid])
def download_csv(download: DownloadHere) -> StreamingResponse:
    """One row per answer, streamed; ``labelled=1`` keeps labelled answers only."""
    return download(answers_csv, "*.csv", CSV)


@router.get("/labels.csv", dependencies=[NotedOfGrid])
def download_labels(download: DownloadHere) -> StreamingResponse:
    """One row per label."""
    return download(labels_csv, "*-labels.csv", CSV)


@router.get("/export.jsonl", dependencies=[NotedOfGrid])
def download_jsonl(download: DownloadHere) -> StreamingResponse:
    """All of it, a line per answer."""
    return download(export_jsonl, "*.jsonl", "application/x-ndjson")


@router.get("/export.md", dependencies=[NotedOfGrid])
def download_markdown(download: DownloadHere) -> StreamingResponse:
    """What came of it, for a post or an issue."""
    return download(export_markdown, ".md", "text/markdown; charset=utf-8")


@router.get("/export.zip", dependencies=[NotedOfGrid])
def download_zip(download: DownloadHere) -> StreamingResponse:
    """All of these with the figures, a README and a data dictionary."""
    return download(export_zip, "*.zip", "application/zip")


@router.get("/export.html", dependencies=[NotedOfGrid])
def download_html(download: DownloadHere) -> StreamingResponse:
    """The grid in one file that needs no server."""
    return download(partial(export_html, render_pieces), ".html", "text/html; charset=utf-8")

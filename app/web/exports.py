"""Downloads of a grid."""

from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from app.exports.formats import Format, encoded, file_name, formats, offers
from app.exports.rows import Export, open_export
from app.web.deps import GridHere, LookHere, MaybeReviewer, NotedOfGrid, Reading, Server, Services
from app.web.render import page, render_pieces
from app.web.who import READER, needs

router = APIRouter(prefix="/grids/{grid_id}", dependencies=[needs(READER)])
FORMATS = formats(render_pieces)
AT_ONCE = 1_000_000  # bytes: of what is smaller, a browser is told the size


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
        own_address(server, request),
        server.practice,
        look=look,
        reviewer=reviewer,
        labelled=labelled,
    )


ExportHere = Annotated[Export, Depends(export_here)]


def own_address(server: Services, request: Request) -> str:
    """Of this server, as others reach it: a proxy's name and https are not seen from here."""
    return server.settings.public_url or str(request.base_url).rstrip("/")


@router.get("/export")
def show_exports(export: ExportHere, reviewer: MaybeReviewer, labelled: bool = False) -> Response:
    """Every format, what it is for and how large it is."""
    return page(
        "pages/export.html",
        grid=export.grid,
        look=export.look,
        labelled=labelled,
        chosen=len(export.ids),
        offers=offers(render_pieces, export),
        reviewer=reviewer,
        snapshot=export.shown.snapshot,
    )


def sent(
    export: Export,
    format_: Format,
    *,
    labelled: bool = False,
    headers: dict[str, str] | None = None,
) -> Response:
    """A file, written while it is sent. The session is closed when all of it was."""
    name = file_name(export, format_, labelled=labelled)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'} | (headers or {})
    pieces, rest, size = encoded(format_.make(export)), [], 0
    for piece in pieces:
        rest.append(piece)
        size += len(piece)
        if size > AT_ONCE:
            return StreamingResponse(chain(rest, pieces), 200, headers, format_.media_type)
    return Response(b"".join(rest), 200, headers, format_.media_type)


def _offer(format_: Format) -> None:
    @router.get(f"/{format_.file}", name=f"download {format_.file}", dependencies=[NotedOfGrid])
    def download(export: ExportHere, labelled: bool = False) -> Response:
        return sent(export, format_, labelled=labelled)


for _format in FORMATS.values():
    _offer(_format)

"""For machines that watch this one: is it alive, is it ready, what are its numbers."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.errors import NotFound, Unavailable
from app.settings import LOOPBACK
from app.upkeep import metrics
from app.upkeep.health import readiness, waiting_and_labels
from app.web.deps import Server
from app.web.problems import NOT_FOUND
from app.web.security import OPEN_TO_PROBES, host_name
from app.web.who import OPEN, needs

router = APIRouter(dependencies=[needs(OPEN)])
HEALTHZ, READYZ = OPEN_TO_PROBES
# What a proxy in front adds: then the visitor is somebody else than who connected.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get(HEALTHZ)
async def tell_health() -> Response:
    """The process answers. Nothing else is looked at, so that no database restarts a server."""
    return JSONResponse({"status": "alive"})


@router.get(READYZ)
def tell_readiness(server: Server) -> Response:
    """Whether to send visitors here, with the reasons where not."""
    found = readiness(server.database, server.runner)
    problems = [one.problem for one in found if one.problem]
    if server.stopping.is_set():
        problems.append("The server is stopping.")
    body = {
        "ready": not problems,
        "checks": {one.name: one.problem or "ok" for one in found},
        "problems": problems,
    }
    return JSONResponse(body, 503 if problems else 200)


def may_read_metrics(request: Request, server: Server) -> None:
    """Raises NotFound for whom BLUFFCHECK_METRICS leaves out."""
    here = (
        request.client is not None
        and request.client.host in LOOPBACK
        and host_name(request.headers.get("host", "")) in LOOPBACK
        and not any(name in request.headers for name in _FORWARDED)
    )
    if server.settings.metrics == "open" or (server.settings.metrics == "loopback" and here):
        return
    raise NotFound(NOT_FOUND)


@router.get("/metrics", dependencies=[Depends(may_read_metrics)])
def tell_metrics(server: Server) -> Response:
    """The numbers of this process, and of the database as far as it can be read."""
    try:
        with server.database.read() as session:
            waiting, labels = waiting_and_labels(session)
        metrics.ANSWERS_WAITING.set(waiting)
        metrics.LABELS.set(labels)
    except Unavailable:
        metrics.ANSWERS_WAITING.set(float("nan"))
        metrics.LABELS.set(float("nan"))
    return Response(metrics.as_text(), media_type=CONTENT_TYPE_LATEST)

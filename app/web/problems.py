"""Errors on their way out: problem details (RFC 9457) for programs, a page or a line for people."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from app.errors import BluffcheckError, InvalidInput, Unavailable
from app.logs import request_id
from app.people.access import Blinded
from app.people.logins import TooOften
from app.web.render import page
from app.web.requests import route_of

log = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_AFTER_S = 2  # where the database cannot be used

NOT_FOUND = "There is nothing at this address. Check that the link was copied whole."
TOO_LARGE = "What was sent is too large. Send less at a time, or raise BLUFFCHECK_MAX_BODY_BYTES."
UPLOAD_TOO_LARGE = (
    "The file is too large. Import it in parts, or raise BLUFFCHECK_MAX_UPLOAD_BYTES."
)
UPLOADS = frozenset(  # where files may come
    ("/library/import", "/api/prompts/import", "/grids/import", "/api/grids/import")
)
_SENTENCES = {
    404: NOT_FOUND,
    405: "This address does not take that kind of request.",
}


class Problem(BaseModel):
    """An error as RFC 9457 writes it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[str] = []
    request_id: str = ""  # by which it is found in the server's log


def too_large(path: str) -> str:
    return UPLOAD_TOO_LARGE if path in UPLOADS else TOO_LARGE


def problem(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """An RFC 9457 response."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    if number := request_id.get():
        body["request_id"] = number
    return JSONResponse(body, status, media_type="application/problem+json")


def respond_with(error: BluffcheckError, scope: Scope) -> Response:
    """The form an error takes for whoever made this request."""
    instead = _login(scope) if error.status == 401 else ""
    if isinstance(error, Blinded):
        instead = error.instead
    if instead and _is_visit(scope):
        return RedirectResponse(instead, status_code=303)
    response = _respond(scope, error.status, error.title, str(error))
    if isinstance(error, Unavailable):
        log.warning("%s %s: %s", scope["method"], route_of(scope), error.reason)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, TooOften):
        response.headers["Retry-After"] = str(error.wait_s)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _is_visit(scope: Scope) -> bool:
    """Whether a person opens a page, and can be led elsewhere."""
    headers = Headers(scope=scope)
    html = "text/html" in headers.get("accept", "") and "hx-request" not in headers
    return scope["method"] == "GET" and html and not scope["path"].startswith("/api")


def _login(scope: Scope) -> str:
    """The login, from which one comes back."""
    query = scope["query_string"].decode("latin-1")
    back = quote(f"{scope['path']}?{query}" if query else scope["path"], safe="/")
    return f"/login?next={back}" if back != "/" else "/login"


def broken(scope: Scope, error: Exception) -> Response:
    """The answer when the fault is ours, which goes into the log."""
    log.error("%s %s failed", scope["method"], route_of(scope), exc_info=error)
    return _respond(scope, 500, "Something broke", "This is a fault in Bluffcheck; see its log.")


def readable(errors: Sequence[Any]) -> list[str]:
    """pydantic's errors as lines a person can act on: where, then what."""
    lines = []
    for error in errors:
        if error["type"] == "json_invalid":
            lines.append(
                f"This is no JSON: {error['ctx']['error']} at character {error['loc'][1]}."
            )
            continue
        if error["type"] == "model_attributes_type" and error["loc"] == ("body",):
            lines.append("Send a JSON object, with the header Content-Type: application/json.")
            continue
        place = " → ".join(
            str(p + 1) if isinstance(p, int) else str(p).replace("_", " ")
            for p in error["loc"]
            # The body and the members of a union are our words, not the reader's.
            if p not in ("body", "query", "path", "PromptInput", "PromptRef")
        )
        message = error["msg"].removeprefix("Value error, ")
        lines.append(f"{place}: {message}" if place else message)
    return list(dict.fromkeys(lines))


def validated(make: Callable[..., T], **values: Any) -> T:
    """``make(**values)``, with pydantic's complaints as one InvalidInput."""
    try:
        return make(**values)
    except ValidationError as exc:
        raise InvalidInput("; ".join(readable(exc.errors()))) from exc


def install(app: FastAPI) -> None:
    """Register the handlers."""

    @app.exception_handler(BluffcheckError)
    def on_known(request: Request, error: BluffcheckError) -> Response:
        return respond_with(error, request.scope)

    @app.exception_handler(HTTPException)
    def on_http(request: Request, error: HTTPException) -> Response:
        detail = _SENTENCES.get(error.status_code, str(error.detail))
        if error.status_code == 413:
            detail = too_large(request.url.path)
        title = "Not found" if error.status_code == 404 else "That did not work"
        response = _respond(request.scope, error.status_code, title, detail)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    def on_invalid(request: Request, error: RequestValidationError) -> Response:
        lines = readable(error.errors())
        return _respond(request.scope, 422, InvalidInput.title, "; ".join(lines), {"errors": lines})


def _respond(
    scope: Scope, status: int, title: str, detail: str, more: dict[str, Any] | None = None
) -> Response:
    headers = Headers(scope=scope)
    if scope["path"].startswith("/api") or "application/json" in headers.get("accept", ""):
        return problem(status, title, detail, **(more or {}))
    partial = headers.get("hx-request") == "true"
    template = "partials/error.html" if partial else "pages/error.html"
    if scope["path"].startswith("/s/"):  # strangers get no way to anything else
        template = "pages/shared_error.html"
    # Where the fault is ours, somebody will have to look for it.
    number = request_id.get() if status >= 500 else ""
    return page(template, status_code=status, title=title, detail=detail, number=number)

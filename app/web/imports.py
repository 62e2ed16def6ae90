"""Importing prompts: choose a file, look at what it would do, do it; and the library as a file."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlmodel import Session
from starlette.datastructures import FormData

from app.errors import BluffcheckError, Conflict, InvalidInput, NotFound
from app.imports.badrows import bad_rows_csv
from app.imports.exporting import library_csv, library_jsonl
from app.imports.formats import TITLES
from app.imports.mapping import SEPARATORS
from app.imports.names import FIELDS
from app.imports.prompts import (
    STALE,
    Choices,
    archive_new,
    bad_rows,
    import_prompts,
    listing,
)
from app.imports.uploads import GONE, Upload
from app.plans import MAX_PROMPTS
from app.tables import Answerable
from app.web.deps import Form, MaybeReviewer, Noted, Reading, Server, Services
from app.web.render import page
from app.web.uploads import CHANGED, UploadForm, download, pairs, receive, waiting
from app.web.who import OWNER, READER, PersonHere, needs

router = APIRouter(dependencies=[needs(OWNER)])
library = APIRouter(dependencies=[needs(READER)])  # as a file


UploadHere = Annotated[Upload, Depends(waiting(Upload))]


@router.get("/library/import")
def show_form(reviewer: MaybeReviewer) -> Response:
    return _form(reviewer=reviewer)


@router.post("/library/import")
def upload(
    server: Server,
    data: UploadForm,
    session: Reading,
    reviewer: MaybeReviewer,
    person: PersonHere,
) -> Response:
    """Keep the file for an hour, and look at what importing it would do."""
    choices = Choices(str(data.get("format", "")), header=data.get("header") != "no")
    try:
        kept = receive(server, session, person, data, Upload, choices)
    except BluffcheckError as exc:
        text = str(data.get("text", ""))
        return _form(exc, text=text, choices=choices, reviewer=reviewer)
    return _to(kept)


@router.get("/library/import/{token}")
def show_upload(kept: UploadHere, reviewer: MaybeReviewer) -> Response:
    return _upload(kept, reviewer=reviewer)


@router.post("/library/import/{token}")
def act(
    server: Server, kept: UploadHere, data: Form, session: Reading, reviewer: MaybeReviewer
) -> Response:
    """Check again, import, cancel, or take back what was imported."""
    with kept.alone() as kept:
        action = str(data.get("action", "check"))
        if action == "cancel":
            kept.remove()
            return RedirectResponse("/library/import", status_code=303)
        if kept.done is not None:
            if action == "undo" and not kept.done["archived"]:
                kept.done["archived"] = archive_new(server.database, kept.rows)
                kept.keep()
            return _to(kept)
        choices = _choices(data)
        try:
            if action == "import" and _differ(choices, kept):
                kept.check(session, choices, CHANGED)
            elif action == "import":
                _import(server, kept, session)
            else:
                kept.check(session, choices)
        except BluffcheckError as exc:
            return _upload(kept, exc, reviewer=reviewer)
        return _to(kept)


@router.get("/library/import/{token}/bad.csv")
def download_bad_rows(kept: UploadHere) -> StreamingResponse:
    """The rows that cannot be imported, each with the reason."""
    if kept.found is None or not kept.rows.exists():
        raise NotFound(GONE)
    rows = bad_rows_csv(bad_rows(kept.rows), list(kept.found.mapping.columns))
    return download(rows, "rows-not-imported.csv", "text/csv")


@library.get("/library/export.csv", dependencies=[Noted])
def download_csv(server: Server) -> StreamingResponse:
    """The current version of every prompt, to be edited and imported again."""
    return download(_read(server, library_csv), "bluffcheck-prompts.csv", "text/csv")


@library.get("/library/export.jsonl", dependencies=[Noted])
def download_jsonl(server: Server) -> StreamingResponse:
    return download(_read(server, library_jsonl), "bluffcheck-prompts.jsonl", "application/jsonl")


def _read(server: Services, export: Callable[[Session], Iterator[str]]) -> Iterator[str]:
    with server.database.read() as session:
        yield from export(session)


def _choices(data: FormData) -> Choices:
    return Choices(
        str(data.get("format", "")),
        header=data.get("header") != "no",
        columns=pairs(data, "column", "field", "Say of each column what it is."),
        separator=str(data.get("separator", "")),
        tags=str(data.get("tags", "")),
        source=str(data.get("source", "")),
        answerable=str(data.get("answerable", "")),
    )


def _differ(choices: Choices, kept: Upload) -> bool:
    """Whether more was changed since the dry run than what it shows."""
    return kept.found is None or choices != _as_checked(kept)


def _as_checked(kept: Upload) -> Choices:
    chosen: Choices = kept.choices
    if kept.found is None:
        return chosen
    mapping = kept.found.mapping
    return Choices(
        chosen.format or kept.found.format, chosen.header, mapping.columns,
        mapping.separator, mapping.tags, mapping.source, mapping.answerable,
    )  # fmt: skip


def _import(server: Services, kept: Upload, session: Session) -> None:
    if kept.found is None or not kept.found.importable:
        raise InvalidInput("There is nothing in it to import.")
    try:
        first = import_prompts(server.database, kept.rows, kept.found.state)
    except Conflict:
        with server.database.read() as now:  # ours has seen the library as it was
            kept.check(now, _as_checked(kept), f"{STALE} This is what it would do now.")
        return
    kept.done = {
        "first": [{"key": row.key, "text": row.prompt["text"]} for row in first],
        "archived": 0,
    }
    kept.notice = ""
    kept.keep()
    kept.forget()


def _to(kept: Upload) -> Response:
    return RedirectResponse(f"/library/import/{kept.token}", status_code=303)


def _form(error: BluffcheckError | None = None, **more: Any) -> Response:
    return page(
        "pages/import.html",
        status_code=error.status if error else 200,
        error=str(error or ""),
        formats=TITLES,
        **{"text": "", "choices": Choices(), **more},
    )


def _upload(kept: Upload, error: BluffcheckError | None = None, **more: Any) -> Response:
    if kept.done is not None:
        counts = kept.found.counts
        there = counts["new"] + counts["changed"] + counts["same"]
        return page(
            "pages/imported.html",
            upload=kept,
            found=kept.found,
            done=kept.done,
            can_be_asked=not kept.done["archived"] and 0 < there <= MAX_PROMPTS,
            **more,
        )
    return page(
        "pages/import_check.html",
        status_code=error.status if error else 200,
        error=str(error or ""),
        upload=kept,
        found=kept.found,
        chosen=_as_checked(kept),
        listing=listing(kept.rows),
        formats=TITLES,
        fields=FIELDS,
        separators=SEPARATORS,
        answerables=list(Answerable),
        **more,
    )

"""Importing prompts: choose a file, look at what it would do, do it; and the library as a file."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from sqlmodel import Session
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from app.errors import BluffcheckError, Conflict, InvalidInput, NotFound, TooLarge
from app.imports.encoding import visible
from app.imports.exporting import library_csv, library_jsonl
from app.imports.formats import TITLES
from app.imports.mapping import SEPARATORS
from app.imports.names import FIELDS
from app.imports.prompts import (
    STALE,
    Choices,
    archive_new,
    bad_rows_csv,
    import_prompts,
    listing,
)
from app.imports.uploads import GONE, Upload, kept_on_disk
from app.tables import Answerable
from app.web.deps import Form, MaybeReviewer, Noted, Reading, Server, Services
from app.web.render import page
from app.web.who import OWNER, READER, Person, PersonHere, needs

router = APIRouter(dependencies=[needs(OWNER)])
library = APIRouter(dependencies=[needs(READER)])  # as a file
CHANGED = "You changed how it is read. This is what it would do now."


async def upload_form(server: Server, request: Request) -> AsyncIterator[FormData]:
    """A form with one file, which is on disk where it is large. Raises TooLarge."""
    largest = server.settings.max_body_bytes
    try:
        form = await request.form(max_files=1, max_fields=50, max_part_size=largest)
    except HTTPException as exc:
        if "maximum size" not in str(exc.detail):
            raise
        raise TooLarge("The text is too long to be pasted. Save it as a file and choose that.")\
            from None  # fmt: skip
    try:
        yield form
    finally:
        await form.close()


UploadForm = Annotated[FormData, Depends(upload_form)]


U = TypeVar("U", bound=Upload)


def waiting(kind: type[U]) -> Callable[..., U]:
    """A dependency: the upload named in the path, or 404."""

    def upload_at(server: Server, token: str, person: PersonHere) -> U:
        return kind.at(server.settings.uploads, token, person.viewer.reviewer_id)

    return upload_at


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


def receive(
    server: Services, session: Session, person: Person, data: FormData, kind: type[U], choices: Any
) -> U:
    """Keep the file or the text of a form, and what importing it would do. Raises InvalidInput."""
    file, text = data.get("file"), str(data.get("text", ""))
    chosen = isinstance(file, UploadFile) and bool(file.filename or file.size)
    if chosen == bool(text.strip()):
        raise InvalidInput(
            "Choose a file or paste text, not both." if chosen else "Choose a file, or paste."
        )
    name = visible(str(file.filename))[-100:] if isinstance(file, UploadFile) and chosen else ""
    with kept_on_disk():
        kept = kind.begin(server.settings.uploads, name, person.viewer.reviewer_id)
        try:
            with kept.file.open("wb") as target:
                if isinstance(file, UploadFile) and chosen:
                    shutil.copyfileobj(file.file, target, 1 << 20)
                else:
                    target.write(text.replace("\r\n", "\n").encode("utf-8", "surrogatepass"))
            kept.check(session, choices)
        except BaseException:
            kept.remove()
            raise
    return kept


@router.get("/library/import/{token}")
def show_upload(kept: UploadHere, reviewer: MaybeReviewer) -> Response:
    return _upload(kept, reviewer=reviewer)


@router.post("/library/import/{token}")
def act(
    server: Server, kept: UploadHere, data: Form, session: Reading, reviewer: MaybeReviewer
) -> Response:
    """Check again, import, cancel, or take back what was imported."""
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
    rows = bad_rows_csv(kept.rows, list(kept.found.mapping.columns))
    return _download(rows, "rows-not-imported.csv", "text/csv")


@library.get("/library/export.csv", dependencies=[Noted])
def download_csv(server: Server) -> StreamingResponse:
    """The current version of every prompt, to be edited and imported again."""
    return _download(_read(server, library_csv), "bluffcheck-prompts.csv", "text/csv")


@library.get("/library/export.jsonl", dependencies=[Noted])
def download_jsonl(server: Server) -> StreamingResponse:
    return _download(_read(server, library_jsonl), "bluffcheck-prompts.jsonl", "application/jsonl")


def _read(server: Services, export: Callable[[Session], Iterator[str]]) -> Iterator[str]:
    with server.database.read() as session:
        yield from export(session)


def _download(pieces: Iterator[str], name: str, media_type: str) -> StreamingResponse:
    return StreamingResponse(
        pieces,
        media_type=f"{media_type}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def pairs(data: FormData, names: str, values: str, problem: str) -> dict[str, str]:
    """What a form says of each of several names. Raises InvalidInput."""
    given = [[str(one) for one in data.getlist(field)] for field in (names, values)]
    if len(given[0]) != len(given[1]):
        raise InvalidInput(problem)
    return dict(zip(*given, strict=True))


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
        return page("pages/imported.html", upload=kept, found=kept.found, done=kept.done, **more)
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

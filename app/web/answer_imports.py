"""Importing answers and labels: choose a file, look at what it would become, do it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.datastructures import FormData

from app.errors import BluffcheckError, Conflict, InvalidInput, NotFound
from app.imports.answers.badlines import bad_rows
from app.imports.answers.grids import listing, refuse_unready
from app.imports.answers.holding import Status
from app.imports.answers.labelling import STALE, add_labels
from app.imports.answers.labels import held_in, listing_in
from app.imports.answers.names import FIELDS
from app.imports.answers.reading import FORMATS, Choices
from app.imports.answers.storing import import_answers
from app.imports.answers.uploads import Upload
from app.imports.answers.vocabulary import MEANINGS
from app.imports.badrows import bad_rows_csv
from app.imports.uploads import GONE, kept_on_disk
from app.people.audit import By
from app.web.deps import ByHere, Form, MaybeReviewer, Reading, Server, Services
from app.web.render import page
from app.web.uploads import CHANGED, UploadForm, download, pairs, receive, waiting
from app.web.who import OWNER, Person, PersonHere, needs

router = APIRouter(prefix="/grids/import", dependencies=[needs(OWNER)])


UploadHere = Annotated[Upload, Depends(waiting(Upload))]


@router.get("")
def show_form(reviewer: MaybeReviewer) -> Response:
    return _form(reviewer=reviewer)


@router.post("")
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


@router.get("/{token}")
def show_upload(kept: UploadHere, reviewer: MaybeReviewer) -> Response:
    return _upload(kept, reviewer=reviewer)


@router.post("/{token}")
def act(
    server: Server,
    kept: UploadHere,
    data: Form,
    session: Reading,
    reviewer: MaybeReviewer,
    person: PersonHere,
    by: ByHere,
) -> Response:
    """Check again, import, add its labels to a grid that is here, or forget the file."""
    with kept.alone() as kept:
        action, _, into = str(data.get("action", "check")).partition(":")
        if action == "cancel":
            kept.remove()
            return RedirectResponse("/grids/import", status_code=303)
        if kept.done is not None:
            return _to(kept)
        try:
            choices = _choices(data)
            does = action in ("import", "add", "overwrite")
            if not does or choices != _as_checked(kept):
                kept.check(session, choices, CHANGED if does else "")
            elif action == "import":
                _import(server, by, kept)
            else:
                _add(server, by, person, kept, into, overwrite=action == "overwrite")
        except BluffcheckError as exc:
            return _upload(kept, exc, reviewer=reviewer)
        return _to(kept)


@router.get("/{token}/bad.csv")
def download_bad_lines(kept: UploadHere, into: str = "") -> StreamingResponse:
    """The lines that cannot be imported, or whose labels cannot be added to a grid, each with the
    reason."""
    if kept.found is None or not kept.rows.exists():
        raise NotFound(GONE)
    rows = bad_rows_csv(bad_rows(kept.rows, into), kept.found.names)
    return download(rows, "lines-not-imported.csv", "text/csv")


def _choices(data: FormData) -> Choices:
    return Choices(
        str(data.get("format", "")),
        header=data.get("header") != "no",
        columns=pairs(data, "column", "field", "Say of each column what it is.") or None,
        meanings=pairs(data, "value", "meaning", "Say of each value what it means."),
        model=str(data.get("model", ""))[:500],
        reviewer=str(data.get("reviewer", ""))[:80],
        title=str(data.get("title", ""))[:500],
        again="again" in data,
        rest_unlabelled="rest" in data,
    )


def _as_checked(kept: Upload) -> Choices:
    """What a form says that was left as it was shown."""
    chosen, found = kept.choices, kept.found
    return Choices(
        chosen.format,
        chosen.header,
        found.columns.columns if found.columns else None,
        {value.text: value.meaning for value in found.values},
        chosen.model,
        chosen.reviewer,
        chosen.title,
        chosen.again,
        chosen.rest_unlabelled,
    )


def _import(server: Services, by: By, kept: Upload) -> None:
    found = kept.found
    refuse_unready(found, kept.rows, skip_bad=True, instead="")
    if not found.importable:
        raise InvalidInput("There is nothing in it to import.")
    try:
        with kept_on_disk():
            grids = import_answers(
                server.database, kept.rows, found.source, kept.name, by, again=kept.choices.again
            )
    except Conflict:
        with server.database.read() as now:
            kept.check(now, _as_checked(kept), "It came here since this was checked.")
        return
    _keep_done(kept, grids=[vars(grid) for grid in grids])


def _add(
    server: Services, by: By, person: Person, kept: Upload, into: str, *, overwrite: bool
) -> None:
    refuse_unready(kept.found, kept.rows, skip_bad=True, instead="", into=into)
    checked = held_in(kept.found.held, into)
    try:
        with kept_on_disk():
            done = add_labels(
                server.database, kept.rows, checked, by, person.viewer, overwrite=overwrite
            )
    except Conflict:
        with server.database.read() as now:
            kept.check(now, _as_checked(kept), f"{STALE} This is what it would do now.")
        return
    _keep_done(kept, labelled=vars(done))


def _keep_done(kept: Upload, **done: Any) -> None:
    kept.done, kept.notice = done, ""
    kept.keep()
    kept.forget()


def _to(kept: Upload) -> Response:
    return RedirectResponse(f"/grids/import/{kept.token}", status_code=303)


def _form(error: BluffcheckError | None = None, **more: Any) -> Response:
    return page(
        "pages/answers_import.html",
        status_code=error.status if error else 200,
        error=str(error or ""),
        formats=FORMATS,
        **{"text": "", "choices": Choices(), **more},
    )


def _upload(kept: Upload, error: BluffcheckError | None = None, **more: Any) -> Response:
    if kept.done is not None:
        name = "labels_added" if "labelled" in kept.done else "answers_imported"
        return page(f"pages/{name}.html", upload=kept, found=kept.found, done=kept.done, **more)
    held = kept.found.held if kept.found else []
    return page(
        "pages/answers_import_check.html",
        status_code=error.status if error else 200,
        error=str(error or ""),
        upload=kept,
        found=kept.found,
        chosen=kept.choices,
        bad=listing(kept.rows, bad=True),
        remarks=listing(kept.rows, bad=False),
        differing={one.grid: listing_in(kept.rows, one.grid, Status.changed) for one in held},
        not_added={one.grid: listing_in(kept.rows, one.grid, Status.bad) for one in held},
        formats=FORMATS,
        fields=FIELDS,
        label_meanings=MEANINGS,
        **more,
    )

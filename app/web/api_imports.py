"""The JSON API of importing prompts."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.errors import InvalidInput
from app.imports.names import FIELDS
from app.imports.prompts import Choices, DryRun, dry_run, import_prompts, listing, refuse_bad
from app.imports.staging import Row
from app.imports.uploads import Upload, kept_on_disk
from app.tables import Answerable
from app.web.api import PROBLEMS
from app.web.deps import Server, Services
from app.web.uploads import ANY_FILE, received, told
from app.web.who import OWNER, needs

router = APIRouter(
    prefix="/api/prompts", tags=["api"], responses=PROBLEMS, dependencies=[needs(OWNER)]
)


class ImportedRow(BaseModel):
    line: int = Field(description="Where it begins in the file")
    status: str = Field(description="new, changed, same, duplicate or bad")
    key: str = Field(description="Of the prompt in the library; of a new one, once it is imported")
    prompt: dict[str, Any] = Field(description="As it would be; empty for bad ones")
    problem: str = Field(description="Why it cannot be imported")
    warning: str


class ImportCounts(BaseModel):
    new: int
    changed: int = Field(description="Their prompts get a new version")
    same: int = Field(description="In the library already")
    duplicate: int = Field(description="Twice in the file")
    bad: int = Field(description="Cannot be imported")
    warnings: int


class ImportReport(BaseModel):
    dry_run: bool = Field(description="true: nothing was changed")
    format: str
    encoding: str
    dataset: str = Field(description="The benchmark it was recognised as")
    columns: dict[str, str] = Field(description="Each column and the field it is; empty: left out")
    notes: list[str]
    counts: ImportCounts
    first: list[ImportedRow] = Field(description="The first 20 that can be imported")
    problems: list[ImportedRow] = Field(description="The first 100 that cannot")
    warnings: list[ImportedRow] = Field(description="The first 100 with a warning")


@router.post("/import", openapi_extra=ANY_FILE)
async def import_file(
    request: Request,
    server: Server,
    dry_run: Annotated[bool, Query(description="Only say what would be done")] = True,
    name: Annotated[str, Query(max_length=200, description="Of the file, for its ending")] = "",
    format: Annotated[  # noqa: A002 (as callers know it)
        str, Query(description="csv, tsv, jsonl, json, toml or lines; default: find out")
    ] = "",
    header: Annotated[bool, Query(description="The first row of a table names columns")] = True,
    column: Annotated[
        list[str] | None,
        Query(description=f"name:field, of every column; fields: {', '.join(FIELDS)}, or none"),
    ] = None,
    separator: Annotated[
        str | None, Query(description='Of several references in one cell, such as "; "; or none')
    ] = None,
    tags: Annotated[str | None, Query(description="Of all, separated by commas")] = None,
    source: Annotated[str | None, Query(max_length=500)] = None,
    answerable: Annotated[Answerable | None, Query()] = None,
    skip_bad: Annotated[
        bool, Query(description="Import the others where some rows are bad; else none is")
    ] = False,
) -> ImportReport:
    """Import prompts from a file (CSV, TSV, JSON, JSON Lines, TOML, lines), in one transaction.

    Rows whose key, or else text, is in the library already update it. Send it with `dry_run` first.
    """
    choices = Choices(format, header, _columns(column), separator, tags, source, answerable)
    with kept_on_disk():
        return await _import(request, server, name, choices, dry_run, skip_bad)


async def _import(
    request: Request, server: Services, name: str, choices: Choices, only_look: bool, skip_bad: bool
) -> ImportReport:
    async with received(request, server, Upload, name) as upload:
        return await run_in_threadpool(_report, server, upload, choices, only_look, skip_bad)


def _report(
    server: Services, upload: Upload, choices: Choices, only_look: bool, skip_bad: bool
) -> ImportReport:
    with server.database.read() as session:
        found = dry_run(session, upload.file, upload.name, choices, upload.rows)
    if choices.columns and (odd := set(choices.columns) ^ set(found.mapping.columns)):
        raise InvalidInput(
            f"Give all columns or none; it has {', '.join(found.mapping.columns)}. Not told or not"
            f" there: {', '.join(sorted(odd))}."
        )
    if found.problem:
        raise InvalidInput(found.problem)
    if not only_look:
        if not skip_bad:
            refuse_bad(found, upload.rows, "give skip_bad=true")
        import_prompts(server.database, upload.rows, found.state)
    return _item(found, upload, only_look)


def _item(found: DryRun, upload: Upload, only_look: bool) -> ImportReport:
    rows = listing(upload.rows)
    return ImportReport(
        dry_run=only_look,
        format=found.format,
        encoding=found.encoding,
        dataset=found.mapping.dataset,
        columns=found.mapping.columns,
        notes=found.notes,
        counts=ImportCounts(**found.counts),
        first=[_row(row, only_look) for row in rows.first],
        problems=[_row(row, only_look) for row in rows.problems],
        warnings=[_row(row, only_look) for row in rows.warnings],
    )


def _row(row: Row, only_look: bool) -> ImportedRow:
    return ImportedRow(
        line=row.line,
        status=row.status,
        key="" if only_look and row.status == "new" else row.key,
        prompt=row.prompt,
        problem=row.problem,
        warning=row.warning,
    )


def _columns(given: list[str] | None) -> dict[str, str] | None:
    return told(given, "column is name:field, such as question:text") if given else None

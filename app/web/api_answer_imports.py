"""The JSON API of importing answers and labels."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.imports.answers.grids import DryRun, dry_run, listing, refuse_unready
from app.imports.answers.names import FIELDS
from app.imports.answers.reading import FORMATS, Choices
from app.imports.answers.stage import Problem
from app.imports.answers.storing import Imported, import_answers
from app.imports.answers.uploads import Upload
from app.imports.answers.vocabulary import MEANINGS
from app.imports.encoding import visible
from app.imports.uploads import kept_on_disk
from app.people.audit import By
from app.web.answer_imports import note_imported
from app.web.api import PROBLEMS
from app.web.deps import ByHere, Server, Services
from app.web.uploads import ANY_FILE, received, told
from app.web.who import OWNER, needs

router = APIRouter(
    prefix="/api/grids", tags=["api"], responses=PROBLEMS, dependencies=[needs(OWNER)]
)


class AnswerLine(BaseModel):
    line: int = Field(description="In the file; of a log with a file per sample, which sample")
    text: str


class LabelValueItem(BaseModel):
    value: str = Field(description="As the file has it")
    count: int
    lines: list[int] = Field(description="The first ones it is in")
    meaning: str = Field(description=f"{', '.join(MEANINGS)}; empty: not known, say it")


class ComingGrid(BaseModel):
    title: str
    prompts: int
    columns: int
    answers: int
    labels: int
    here: str = Field(description="Id of the grid here that is the same already; empty: none")


class ImportedGrid(BaseModel):
    id: str
    url: str
    title: str
    new: bool = Field(description="false: it was here already")


class AnswersReport(BaseModel):
    dry_run: bool = Field(description="true: nothing was changed")
    source: str = Field(description="bluffcheck, table, promptfoo or inspect")
    format: str
    encoding: str
    columns: dict[str, str] = Field(description="Of a table: each column and its field")
    vocabulary: str = Field(description="What the values of labels were recognised as")
    values: list[LabelValueItem] = Field(description="The 100 most frequent")
    problem: str = Field(description="Why nothing can be imported yet")
    notes: list[str]
    counts: dict[str, int]
    grids: list[ComingGrid] = Field(description="The first 50, as they would be")
    imported: list[ImportedGrid] = Field(description="Empty in a dry run")
    problems: list[AnswerLine] = Field(description="The first 100 lines that cannot be imported")
    warnings: list[AnswerLine] = Field(description="The first 100 remarks")


@router.post("/import", openapi_extra=ANY_FILE)
async def import_file(
    request: Request,
    server: Server,
    by: ByHere,
    dry_run: Annotated[bool, Query(description="Only say what would be done")] = True,
    name: Annotated[str, Query(max_length=200, description="Of the file")] = "",
    format: Annotated[  # noqa: A002 (as callers know it)
        str, Query(description=f"{', '.join(FORMATS)}; default: find out")
    ] = "",
    header: Annotated[bool, Query(description="The first row of a table names columns")] = True,
    column: Annotated[
        list[str] | None,
        Query(description=f"name:field, of every column; fields: {', '.join(FIELDS)}, or none"),
    ] = None,
    meaning: Annotated[
        list[str] | None,
        Query(description=f"value:meaning, of a label; meanings: {', '.join(MEANINGS)}"),
    ] = None,
    model: Annotated[str, Query(max_length=500, description="Where a row names none")] = "",
    reviewer: Annotated[str, Query(max_length=80, description="Where a row names none")] = "",
    title: Annotated[str, Query(max_length=500, description="Of the grid")] = "",
    again: Annotated[bool, Query(description="Import also what is here already")] = False,
    rest_unlabelled: Annotated[
        bool, Query(description="Values of labels that are not explained mean no label")
    ] = False,
    skip_bad: Annotated[
        bool, Query(description="Import the others where some lines are bad; else none is")
    ] = False,
) -> AnswersReport:
    """Import answers and labels as grids, in one transaction: our own exports (JSONL, ZIP, CSV),
    tables, promptfoo results, Inspect logs.

    Nothing of an imported grid is ever called. What is here already is not imported once more.
    Send it with `dry_run` first.
    """
    choices = Choices(
        format,
        header,
        told(column, "column is name:field, such as question:prompt") if column else None,
        told(meaning or [], "meaning is value:meaning, such as A:correct"),
        model,
        reviewer,
        title,
        again,
        rest_unlabelled,
    )
    with kept_on_disk():
        async with received(request, server, Upload, visible(name)) as upload:
            return await run_in_threadpool(_report, server, by, upload, choices, dry_run, skip_bad)


def _report(
    server: Services, by: By, upload: Upload, choices: Choices, only_look: bool, skip_bad: bool
) -> AnswersReport:
    with server.database.read() as session:
        found = dry_run(session, upload.file, upload.name, choices, upload.rows)
    imported: list[Imported] = []
    if not only_look:
        refuse_unready(found, upload.rows, skip_bad=skip_bad, instead="give skip_bad=true")
        imported = import_answers(
            server.database, upload.rows, found.source, upload.name, again=choices.again
        )
        note_imported(server, by, imported)
    return _item(found, upload, only_look, imported)


def _item(
    found: DryRun, upload: Upload, only_look: bool, imported: list[Imported]
) -> AnswersReport:
    return AnswersReport(
        dry_run=only_look,
        source=found.source,
        format=found.title,
        encoding=found.encoding,
        columns=found.columns.columns if found.columns else {},
        vocabulary=found.vocabulary,
        values=[
            LabelValueItem(value=v.text, count=v.count, lines=v.lines, meaning=v.meaning)
            for v in found.values
        ],
        problem=found.problem,
        notes=found.notes,
        counts=found.counts,
        grids=[ComingGrid(**vars(grid)) for grid in found.grids],
        imported=[
            ImportedGrid(id=g.public_id, url=f"/grids/{g.public_id}", title=g.title, new=g.new)
            for g in imported
        ],
        problems=_lines(listing(upload.rows, bad=True)),
        warnings=_lines(listing(upload.rows, bad=False)),
    )


def _lines(problems: list[Problem]) -> list[AnswerLine]:
    return [AnswerLine(line=one.line, text=one.text) for one in problems]

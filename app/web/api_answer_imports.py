"""The JSON API of importing answers and labels."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.imports.answers.grids import DryRun, dry_run, listing, refuse_unready
from app.imports.answers.holding import Status
from app.imports.answers.labelling import Labelled, add_labels
from app.imports.answers.labels import Held, held_in, listing_in
from app.imports.answers.names import FIELDS
from app.imports.answers.reading import FORMATS, Choices
from app.imports.answers.stage import Problem
from app.imports.answers.storing import Imported, import_answers
from app.imports.answers.uploads import Upload
from app.imports.answers.vocabulary import MEANINGS
from app.imports.encoding import visible
from app.imports.uploads import kept_on_disk
from app.people.audit import By
from app.web.api import PROBLEMS
from app.web.deps import ByHere, Server, Services
from app.web.uploads import ANY_FILE, received, told
from app.web.who import OWNER, Person, PersonHere, needs

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


class LabelsHere(BaseModel):
    id: str = Field(description="Of a grid here that the labels may be added to")
    url: str
    title: str
    new: int
    changed: int = Field(description="The same reviewer says something else here")
    same: int
    bad: int = Field(description="Cannot be added")
    refused: str = Field(description="Why this grid takes no labels; empty: it does")


class AddedLabels(BaseModel):
    id: str
    url: str
    title: str
    added: int
    changed: int = Field(description="Overwritten")
    same: int = Field(description="Were there already")
    left: int = Field(description="Differ, and were left as they are")
    bad: int = Field(description="Were left out")


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
    labels_here: list[LabelsHere] = Field(
        description="Grids here of which the file names answers: with into its labels are added"
    )
    added: AddedLabels | None = Field(description="What was done to the grid that into names")
    problems: list[AnswerLine] = Field(
        description="The first 100 lines that cannot be imported; with into: be added"
    )
    differing: list[AnswerLine] = Field(
        description="With into: the first 100 labels that differ from what is here"
    )
    warnings: list[AnswerLine] = Field(description="The first 100 remarks")


@router.post("/import", openapi_extra=ANY_FILE)
async def import_file(
    request: Request,
    server: Server,
    by: ByHere,
    person: PersonHere,
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
    into: Annotated[
        str, Query(max_length=40, description="Id of a grid here: add the labels to it instead")
    ] = "",
    overwrite: Annotated[
        bool, Query(description="With into: also labels that differ from what is here")
    ] = False,
) -> AnswersReport:
    """Import answers and labels as grids, in one transaction: our own exports (JSONL, ZIP, CSV),
    tables, promptfoo results, Inspect logs.

    Nothing of an imported grid is ever called. What is here already is not imported once more.
    With `into`, the labels of the file are added to a grid that is here, as labels of the reviewers
    that it names. Send it with `dry_run` first.
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
            how = _How(dry_run, skip_bad, into, overwrite)
            return await run_in_threadpool(_report, server, by, person, upload, choices, how)


@dataclass(frozen=True)
class _How:
    only_look: bool
    skip_bad: bool
    into: str
    overwrite: bool


def _report(
    server: Services, by: By, person: Person, upload: Upload, choices: Choices, how: _How
) -> AnswersReport:
    with server.database.read() as session:
        found = dry_run(session, upload.file, upload.name, choices, upload.rows)
    imported: list[Imported] = []
    added: Labelled | None = None
    if not how.only_look:
        refuse_unready(
            found, upload.rows, skip_bad=how.skip_bad, instead="give skip_bad=true", into=how.into
        )
    if how.into and not found.unexplained:
        held = held_in(found.held, how.into)
        if not how.only_look:
            added = add_labels(
                server.database, upload.rows, held, by, person.viewer, overwrite=how.overwrite
            )
    elif not how.only_look:
        imported = import_answers(
            server.database, upload.rows, found.source, upload.name, by, again=choices.again
        )
    return _item(found, upload, how, imported, added)


def _item(
    found: DryRun, upload: Upload, how: _How, imported: list[Imported], added: Labelled | None
) -> AnswersReport:
    into, rows = how.into, upload.rows
    return AnswersReport(
        dry_run=how.only_look,
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
        labels_here=[_held(held) for held in found.held],
        added=_added(added) if added else None,
        problems=_lines(
            listing_in(rows, into, Status.bad) if into else listing(rows, bad=True),
        ),
        differing=_lines(listing_in(rows, into, Status.changed) if into else []),
        warnings=_lines(listing(rows, bad=False)),
    )


def _held(held: Held) -> LabelsHere:
    url = f"/grids/{held.grid}"
    return LabelsHere(id=held.grid, url=url, title=held.title, refused=held.refused, **held.counts)


def _added(added: Labelled) -> AddedLabels:
    counts = {name: value for name, value in vars(added).items() if name != "grid"}
    return AddedLabels(id=added.grid, url=f"/grids/{added.grid}", **counts)


def _lines(problems: list[Problem]) -> list[AnswerLine]:
    return [AnswerLine(line=one.line, text=one.text) for one in problems]

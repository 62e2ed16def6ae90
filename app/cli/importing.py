"""``python -m app import-prompts`` and ``import-answers``: what they print."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from app.cli.commands import opened
from app.errors import InvalidInput
from app.imports import prompts
from app.imports.answers import grids, labels
from app.imports.answers.badlines import bad_rows
from app.imports.answers.holding import Status
from app.imports.answers.labelling import add_labels
from app.imports.answers.reading import Choices, look_at
from app.imports.answers.storing import import_answers as store
from app.imports.badrows import bad_rows_csv
from app.imports.names import FIELDS
from app.imports.staging import Status as RowStatus
from app.people.audit import COMMAND_LINE, By
from app.settings import Settings

SHOWN_PROBLEMS = 20  # rows of a file
DRY = "Nothing was changed: this was a dry run."


def import_prompts(
    settings: Settings,
    file: Path,
    kind: str,
    columns: Sequence[str],
    tags: str,
    bad_rows: Path | None,
    *,
    dry_run: bool,
) -> None:
    """Import prompts from a file and print what that did."""
    with opened(settings) as database, TemporaryDirectory() as folder:
        rows = Path(folder, "rows.db")
        with database.read() as session:
            choices = prompts.Choices(kind, tags=tags or None)
            if columns:
                choices.columns = prompts.with_columns(file, choices, columns)
            found = prompts.dry_run(session, file, file.name, choices, rows)
        if found.problem:
            raise InvalidInput(f"{found.problem} Name it with --column NAME:text.")
        _tell_import(found, rows)
        if dry_run:
            click.echo(DRY)
            return
        if bad_rows is None:
            prompts.refuse_bad(found, rows, "name a file for these with --bad-rows")
        elif found.counts["bad"]:
            with bad_rows.open("w", encoding="utf-8", newline="") as out:
                out.writelines(bad_rows_csv(prompts.bad_rows(rows), list(found.mapping.columns)))
        prompts.import_prompts(database, rows, found.state)
        click.echo(f"Imported into {settings.url_for_people}.")


@dataclass(frozen=True)
class Said:
    """What the options of import-answers say."""

    format: str
    columns: Sequence[str]
    meanings: Sequence[str]
    rest_unlabelled: bool
    model: str
    reviewer: str
    title: str
    again: bool
    skip_bad: bool
    bad_rows: Path | None
    into: str
    overwrite: bool


def import_answers(settings: Settings, file: Path, said: Said, *, dry_run: bool) -> None:
    """Import answers and labels from a file and print what that did."""
    with opened(settings) as database, TemporaryDirectory() as folder:
        rows = Path(folder, "rows.db")
        choices = Choices(
            said.format,
            meanings=_pairs(said.meanings, "VALUE:MEANING"),
            model=said.model,
            reviewer=said.reviewer,
            title=said.title,
            again=said.again,
            rest_unlabelled=said.rest_unlabelled,
        )
        with database.read() as session:
            if said.columns:
                choices.columns = _columns(file, choices, said.columns)
            found = grids.dry_run(session, file, file.name, choices, rows)
        _tell_answers(found, rows, said.into)
        known = bool(said.into) and not found.unexplained
        held = labels.held_in(found.held, said.into) if known else None
        if dry_run:
            click.echo(DRY)
            return
        skip_bad = said.skip_bad or said.bad_rows is not None
        instead = "give --skip-bad, or name a file for them with --bad-rows"
        grids.refuse_unready(found, rows, skip_bad=skip_bad, instead=instead, into=said.into)
        if said.bad_rows is not None:
            with said.bad_rows.open("w", encoding="utf-8", newline="") as out:
                out.writelines(bad_rows_csv(bad_rows(rows, said.into), found.names))
        by = By(address=COMMAND_LINE)
        if held:
            done = add_labels(database, rows, held, by, overwrite=said.overwrite)
            click.echo(
                f"“{done.title}” /grids/{done.grid}: {done.added:,} labels added,"
                f" {done.changed:,} overwritten, {done.same:,} were there already,"
                f" {done.left:,} differ and were left."
            )
            return
        for grid in store(database, rows, found.source, file.name, by, again=said.again):
            what = "imported as" if grid.new else "was here already:"
            click.echo(f"“{grid.title}” {what} /grids/{grid.public_id}")


def _pairs(given: Sequence[str], form: str) -> dict[str, str]:
    """Raises InvalidInput."""
    parted = {one: one.rpartition(":") for one in given}
    if odd := next((one for one, (_, colon, _) in parted.items() if not colon), None):
        raise InvalidInput(f"“{odd}” is not {form}.")
    return {name: what for name, _, what in parted.values()}


def _columns(file: Path, choices: Choices, given: Sequence[str]) -> dict[str, str]:
    """What is recognised of the columns, but for those that are told. Raises InvalidInput."""
    told = look_at(file, file.name, choices, []).columns
    if told is None:
        raise InvalidInput("Only a table has columns that can be told.")
    said = _pairs(given, "NAME:FIELD")
    if odd := next((name for name in said if name not in told.columns), None):
        raise InvalidInput(f"There is no column “{odd}”, but {', '.join(told.columns)}.")
    taken = set(said.values())
    others = {name: "" if field in taken else field for name, field in told.columns.items()}
    return others | said


def _tell_answers(found: grids.DryRun, rows: Path, into: str) -> None:
    click.echo(f"{found.title}, {found.encoding}")
    for note in [*found.notes, *([found.problem] if found.problem else [])]:
        click.echo(f"note: {note}")
    if found.columns:
        used = (f"{name} → {field}" for name, field in found.columns.columns.items() if field)
        click.echo(f"columns: {', '.join(used)}")
    for name, n in found.counts.items():
        if n or name in ("grids", "answers", "labels"):
            click.echo(f"{n:>9,} {name}")
    for value in found.values:
        meaning = value.meaning or "not known: say it with --label"
        click.echo(f"label “{value.text}” ({value.where}): {meaning}")
    for grid in found.grids:
        if grid.here:
            click.echo(f"“{grid.title}” is here already: /grids/{grid.here}")
    for held in found.held:
        if held.refused:
            click.echo(f"labels for “{held.title}” /grids/{held.grid}: {held.refused}")
        else:
            how = "" if into else f"; add them with --into {held.grid}"
            click.echo(f"labels for “{held.title}” /grids/{held.grid}: {held.in_words}{how}")
    if into and any(held.grid == into for held in found.held):
        for status, mark in ((Status.bad, ""), (Status.changed, "differs: ")):
            for one in labels.listing_in(rows, into, status)[:SHOWN_PROBLEMS]:
                click.echo(f"line {one.line}: {mark}{one.text}", err=True)
        return
    for bad in (True, False):
        for one in grids.listing(rows, bad=bad)[:SHOWN_PROBLEMS]:
            click.echo(f"line {one.line}: {'' if bad else 'note: '}{one.text}", err=True)


def _tell_import(found: prompts.DryRun, rows: Path) -> None:
    listed = prompts.listing(rows)
    recognised = f", recognised as {found.mapping.dataset}" if found.mapping.dataset else ""
    click.echo(f"{found.title}, {found.encoding}{recognised}")
    used = (f"{name} → {FIELDS[f]}" for name, f in found.mapping.columns.items() if f)
    click.echo(f"columns: {', '.join(used)}")
    for note in found.notes:
        click.echo(f"note: {note}")
    for word in RowStatus:
        click.echo(f"{found.counts[word]:>9,} {word}")
    for row in listed.problems[:SHOWN_PROBLEMS]:
        click.echo(f"line {row.line}: {row.problem}", err=True)
    for row in listed.warnings[:SHOWN_PROBLEMS]:
        click.echo(f"line {row.line}: note: {row.warning}", err=True)
    for what, shown in (("bad", listed.problems), ("warnings", listed.warnings)):
        if found.counts[what] > len(shown[:SHOWN_PROBLEMS]):
            more = found.counts[what] - len(shown[:SHOWN_PROBLEMS])
            click.echo(f"… and {more:,} more ({what})", err=True)

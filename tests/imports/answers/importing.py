"""Files of answers, imported the way the program imports them."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.db import Database
from app.imports.answers.grids import DryRun, dry_run
from app.imports.answers.reading import Choices
from app.imports.answers.stage import Problem, staged
from app.imports.answers.storing import Imported, import_answers
from app.people.audit import By
from app.reviewing.labels import get_reviewer


class Looked:
    """What a dry run found, with its first problems and remarks."""

    def __init__(self, found: DryRun, bad: list[Problem], remarks: list[Problem]) -> None:
        self.found, self.bad, self.remarks = found, bad, remarks

    @property
    def counts(self) -> dict[str, int]:
        return {name: n for name, n in self.found.counts.items() if n}

    @property
    def meanings(self) -> dict[str, str]:
        return {value.text: value.meaning for value in self.found.values}


def look(database: Database, content: str | bytes, name: str = "x", **said: Any) -> Looked:
    with TemporaryDirectory() as folder:
        return _look(database, Path(folder), content, name, Choices(**said))


def bring_in(database: Database, content: str | bytes, name: str = "x", **said: Any) -> Imported:
    """Import a file with one grid."""
    with TemporaryDirectory() as folder:
        choices = Choices(**said)
        looked = _look(database, Path(folder), content, name, choices)
        assert not looked.found.problem, looked.found.problem
        assert not looked.found.unknown, looked.meanings
        rows = Path(folder, "rows.db")
        with database.write() as session:
            by = By(get_reviewer(session, "Ada").id)
            session.commit()
        source = looked.found.source
        [imported] = import_answers(database, rows, source, name, by, again=choices.again)
        return imported


def _look(
    database: Database, folder: Path, content: str | bytes, name: str, choices: Choices
) -> Looked:
    path, rows = folder / "file", folder / "rows.db"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with database.read() as session:
        found = dry_run(session, path, name, choices, rows)
    if not rows.exists():
        return Looked(found, [], [])
    with staged(rows) as stage:
        return Looked(found, stage.problems(bad=True), stage.problems(bad=False))

"""Labels out of a file into a grid that is here."""

import csv
import io
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlmodel import col, select

from app.db import Database
from app.errors import Conflict, InvalidInput, NotFound
from app.exports.csv import answers_csv, labels_csv
from app.exports.jsonl import export_jsonl
from app.grids import get_grid
from app.imports.answers.badlines import bad_rows
from app.imports.answers.grids import DryRun, dry_run
from app.imports.answers.holding import Status
from app.imports.answers.labelling import Labelled, add_labels
from app.imports.answers.labels import held_in, listing_in
from app.imports.answers.reading import Choices
from app.people.audit import By
from app.people.tables import AuditLine
from app.providers import Outcome
from app.reviewing.decisions import history
from app.reviewing.labels import get_reviewer, set_label
from app.sharing.snapshots import freeze
from app.tables import Answer, Grid, Label, LabelValue, Reviewer
from tests.factories import answers_of, finish, new_grid
from tests.imports.answers.importing import bring_in
from tests.imports.answers.test_tables import exported

HEAD = "answer,prompt,model,wording,thinking,repeat,reviewer,label,tags,note,decides,labelled_at\n"


class Into:
    """A file held against the grids that are here."""

    def __init__(self, database: Database, rows: Path, found: DryRun) -> None:
        self.database, self.rows, self.found = database, rows, found

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        return {one.title: {k: n for k, n in one.counts.items() if n} for one in self.found.held}

    def lines(self, status: Status = Status.bad, at: int = 0) -> list[tuple[int, str]]:
        listed = listing_in(self.rows, self.found.held[at].grid, status)
        return [(one.line, one.text) for one in listed]

    def add(self, at: int = 0, **how: Any) -> Labelled:
        held = held_in(self.found.held, self.found.held[at].grid)
        return add_labels(self.database, self.rows, held, By(address="here"), **how)


@contextmanager
def looking(database: Database, content: str, name: str = "x.csv", **said: Any) -> Any:
    with TemporaryDirectory() as folder:
        path, rows = Path(folder, "file"), Path(folder, "rows.db")
        path.write_text(content, "utf-8", newline="")
        with database.read() as session:
            yield Into(database, rows, dry_run(session, path, name, Choices(**said), rows))


@pytest.fixture
def grid(database: Database) -> str:
    """Four answers, the last of which is empty: Ada labelled the first, Bob and Ada the second."""
    with database.write() as session:
        made = new_grid(session)
        rows = answers_of(session, made)
        for answer, outcome in zip(rows, [Outcome.answered] * 3 + [Outcome.empty], strict=True):
            finish(session, answer, "one  D" if outcome is Outcome.answered else "", outcome)
        ada, bob = get_reviewer(session, "Ada"), get_reviewer(session, "Bob")
        set_label(session, rows[0].id, ada, LabelValue.correct, "=sure", ["hedged"])
        set_label(session, rows[1].id, ada, LabelValue.correct)
        set_label(session, rows[1].id, bob, LabelValue.hallucinated, decides=True)
        session.commit()
        return made.public_id


def ids(database: Database, grid: str) -> list[int]:
    with database.read() as session:
        return [answer.id for answer in answers_of(session, get_grid(session, grid))]


def labels(database: Database, grid: str) -> list[tuple[str, str | None, list[str], str, bool]]:
    """In their order: who, what, tags, note, whether it decides."""
    with database.read() as session:
        rows = session.exec(
            select(Label, Reviewer)
            .join(Reviewer, col(Reviewer.id) == Label.reviewer_id)
            .where(col(Label.answer_id).in_(ids(database, grid)))
            .order_by(col(Label.answer_id), col(Label.id))
        )
        return [(who.name, la.value, la.tags, la.note, la.decides) for la, who in rows]


def edited(file: str, change: Callable[[list[dict[str, str]]], None]) -> str:
    """The file as a spreadsheet saves it."""
    rows = list(csv.DictReader(io.StringIO(file.removeprefix("\ufeff"))))
    change(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def test_labels_come_back_into_their_grid(database: Database, grid: str) -> None:
    third = ids(database, grid)[2]
    before = labels(database, grid)
    with database.read() as session:
        seq = get_grid(session, grid).seq

    def label(rows: list[dict[str, str]]) -> None:
        assert [row["reviewer"] for row in rows] == ["Ada", "Ada", "Bob"]
        rows[0]["note"] = "'=sure, now"  # Ada's, which is another one now
        rows.append({**rows[0], "answer": str(third), "reviewer": "Cyd", "note": "",
                     "label": "abstained", "repeat": "", "model": "", "prompt": ""})  # fmt: skip
        rows.append({**rows[-1], "answer": "99999"})

    file = edited(exported(database, grid, labels_csv), label)
    with looking(database, file) as into:
        assert into.counts == {"Ds": {"new": 1, "changed": 1, "same": 2, "bad": 1}}
        assert into.found.held[0].in_words == (
            "1 new, 1 that differs, 2 the same, 1 that cannot be added"
        )
        assert into.lines() == [(6, "there is no answer 99999 in this grid")]
        assert into.lines(Status.changed) == [
            (2, "Ada says correct, hedged (“=sure, now”) in the file, and here correct, hedged"
                " (“=sure”)"),
        ]  # fmt: skip
        done = into.add()
        assert (done.added, done.changed, done.same, done.left, done.bad) == (1, 0, 2, 1, 1)
    added = ("Cyd", LabelValue.abstained, ["hedged"], "", False)
    assert labels(database, grid) == [*before, added]
    with database.read() as session:
        answer = session.get_one(Answer, third)
        assert (answer.label, answer.tags) == (LabelValue.abstained, "hedged")
        assert answer.seq == get_grid(session, grid).seq == seq + 1
        [(change, who)] = history(session, third)
        assert (change.value, who.name) == (LabelValue.abstained, "Cyd")
        line = session.exec(select(AuditLine).order_by(col(AuditLine.id).desc())).first()
        assert line is not None
        assert (line.action, line.subject, line.detail, line.address) == (
            "labels imported", grid, "1 new, 0 changed", "here",
        )  # fmt: skip

    with looking(database, file) as again:  # it is all there, but for what differs
        assert again.counts == {"Ds": {"changed": 1, "same": 3, "bad": 1}}
        with pytest.raises(InvalidInput, match="nothing in it to add"):
            again.add()
        assert again.add(overwrite=True).changed == 1
    assert labels(database, grid)[0] == ("Ada", LabelValue.correct, ["hedged"], "=sure, now", False)
    with database.read() as session:
        first = history(session, ids(database, grid)[0])
        assert [change.note for change, _ in first] == ["=sure", "=sure, now"]
    with looking(database, exported(database, grid, labels_csv)) as same:
        assert same.counts == {"Ds": {"same": 4}}


def test_answers_labelled_in_a_spreadsheet(database: Database, grid: str) -> None:
    def label(rows: list[dict[str, str]]) -> None:
        assert [row["label"] for row in rows] == ["correct", "hallucinated", "", ""]
        rows[2]["label"] = rows[3]["label"] = "Incorrect"
        rows[2]["answer_text"] = "one D"  # spaces change on the way
        rows[2]["note"] = "two, really"
        rows[3]["reviewer"] = "Cyd"

    file = edited(exported(database, grid, answers_csv), label)
    empty = "This answer is empty: there is no answer text to judge"
    with looking(database, file) as into:
        assert into.counts == {"Ds": {"same": 3, "bad": 2}}
        assert into.lines()[0] == (
            4, "it names no reviewer: say who labelled, where a row names nobody"
        )  # fmt: skip
        assert into.lines()[1][1].startswith(empty)
    with looking(database, file, reviewer="Cyd") as into:
        assert into.counts == {"Ds": {"new": 1, "same": 3, "bad": 1}}
        into.add()
    assert labels(database, grid)[-1] == (
        "Cyd", LabelValue.hallucinated, [], "two, really", False,
    )  # fmt: skip

    def relabel(rows: list[dict[str, str]]) -> None:
        rows[0]["label"] = "abstained"  # and all_labels says what Ada said
        rows[1]["prompt"] = "Another one?"
        rows[2]["answer_text"] = "two Ds"

    with looking(database, edited(exported(database, grid, answers_csv), relabel)) as into:
        assert [line for line, _ in into.lines()] == [2, 3, 3, 4]
        told = [text for _, text in into.lines()]
        number = ids(database, grid)
        assert told[0].startswith("label says “abstained”, and all_labels something else")
        assert told[1] == f"answer {number[1]} of this grid has another prompt"
        assert told[3] == (
            f"answer {number[2]} of this grid has another text: it was run again, or changed in the"
            " file"
        )


def test_table_with_addresses_or_numbers(database: Database, grid: str) -> None:
    one, two, three, four = ids(database, grid)
    at = f"https://elsewhere.example/grids/{grid}"
    table = (
        "link;verdict;annotator;comment\n"
        f"{at}/answers/{three};C;cyd;\n"
        f"{at}?label=none#a-{one};A;ADA;\n"
        f"{at}/answers/{two};B;Cyd;odd\n"
        f"{at}/answers/{two};A;cyd;\n"
        f"{at}/answers/{three};C;Cyd;\n"
        f"{at}/answers/{four};;;\n"
        "https://example.org/x;A;Cyd;\n"
    )
    with looking(database, table) as into:
        assert into.found.problem == "Say which column holds the prompts."
        assert into.counts == {"Ds": {"new": 2, "same": 2, "bad": 2}}
        assert into.lines() == [
            (5, "line 4 says something else for cyd"),
            (8, "“https://example.org/x” is no address of an answer"),
        ]
        rows = list(bad_rows(into.rows, grid))
        assert [(row.line, row.given["verdict"]) for row in rows] == [(5, "A"), (8, "A")]
        into.add()
    assert [said[:2] for said in labels(database, grid)[-2:]] == [
        ("cyd", LabelValue.hallucinated), ("cyd", LabelValue.abstained),
    ]  # fmt: skip

    numbers = f"answer_id,response,grade,rater\n{one},one D,good,Ada\n{two},two Ds,bad,Ada\n"
    with looking(database, numbers) as into:
        assert (into.counts, into.found.unexplained) == ({}, 2)
    meanings = {"good": "correct", "bad": "hallucinated"}
    with looking(database, numbers, meanings=meanings) as into:
        assert into.counts == {"Ds": {"same": 1, "bad": 1}}
        with pytest.raises(InvalidInput, match="No label in it says"):
            held_in(into.found.held, "another")
    with looking(database, numbers.replace(f"{one},", "98765,"), meanings=meanings) as into:
        assert into.counts == {}  # numbers that fit nothing here are not of here
    # What is said again is not said less: a table without tags leaves Ada's.
    assert labels(database, grid)[0][2] == ["hedged"]


def test_imported_grid_takes_labels_under_the_numbers_of_its_file(
    database: Database, grid: str
) -> None:
    jsonl, file = (exported(database, grid, make) for make in (export_jsonl, labels_csv))
    copy = bring_in(
        database, jsonl.replace('"title":"Ds"', '"title":"Copy"'), "x.jsonl", again=True
    )
    with looking(database, file) as into:
        assert into.counts == {"Ds": {"same": 3}, "Copy": {"same": 3}}
    third = ids(database, grid)[2]

    def label(rows: list[dict[str, str]]) -> None:
        rows[0]["label"] = "abstained"
        rows.append({**rows[1], "answer": str(third), "repeat": "", "model": ""})

    with looking(database, edited(file, label)) as into:
        at = [held.title for held in into.found.held].index("Copy")
        assert into.counts["Copy"] == {"new": 1, "same": 2, "bad": 1}
        assert "by Ada, in whose name nobody labels here" in into.lines(at=at)[0][1]
        into.add(at)
    assert len(labels(database, copy.public_id)) == 4
    with database.read() as session:
        keys = session.exec(select(Reviewer.name_key).join(Label).join(Answer).join(Grid).where(
            Grid.public_id == copy.public_id)).all()  # fmt: skip
    assert sorted(keys) == ["\x1fAda", "\x1fAda", "\x1fBob", "ada"]
    # What was labelled elsewhere comes home as JSONL, too.
    with looking(database, exported(database, copy.public_id, export_jsonl), "x.jsonl") as home:
        assert home.counts["Ds"] == {"new": 1, "same": 3}


def test_snapshots_and_what_changed_meanwhile_are_refused(database: Database, grid: str) -> None:
    with database.read() as session:
        grid_id = get_grid(session, grid).id
    frozen = freeze(database, grid_id, frozenset())
    with database.read() as session:
        snapshot = session.get_one(Grid, frozen).public_id
    with looking(database, exported(database, snapshot, answers_csv)) as into:
        assert "frozen snapshot" in into.found.held[0].refused
        with pytest.raises(Conflict, match="frozen snapshot"):
            into.add()

    number = ids(database, grid)[2]
    file = f"{HEAD}{number},,,,,,Cyd,correct,,,no,\n"
    with looking(database, file) as into:
        with database.write() as session:
            set_label(session, number, get_reviewer(session, "Cyd"), LabelValue.abstained)
            session.commit()
        with pytest.raises(Conflict, match="changed since this was checked"):
            into.add(overwrite=True)
    with looking(database, file) as into:
        with database.write() as session:
            session.get_one(Grid, grid_id).deleted_at = session.get_one(Grid, grid_id).created_at
            session.commit()
        with pytest.raises(NotFound):
            into.add(overwrite=True)
    with looking(database, file) as into:
        assert into.counts == {}


def test_the_text_of_an_answer_is_held_against_every_label_of_it(
    database: Database, grid: str
) -> None:
    head, first, second, *rest = exported(database, grid, export_jsonl).splitlines()
    with database.write() as session:
        for label in session.exec(select(Label)).all():
            session.delete(label)
        session.commit()
    file = "\n".join([head, first, second.replace("one  D", "two Ds"), *rest])
    with looking(database, file, "x.jsonl") as into:  # Ada's and Bob's, of another text
        assert into.counts == {"Ds": {"new": 1, "bad": 2}}

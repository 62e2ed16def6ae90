"""The CSV: complete, safe in a spreadsheet, and the same text back.

LibreOffice opens it too where it is installed; where it is not, Python and DuckDB do.
"""

import csv
import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db import Database
from app.exports import safe_cell
from app.exports.csv import answers_csv, cell, labels_csv
from app.exports.dictionary import ANSWERS, COLUMNS, LABEL_COLUMNS
from app.grid.look import Look
from app.providers import Outcome, ThinkingKind
from app.reviewing.labels import decide, get_reviewer, set_label
from app.tables import LabelValue
from tests.exports.reading import (
    TRICKY,
    duckdb_rows,
    exported_text,
    read_csv,
    small_grid,
    undone,
)
from tests.factories import answers_of, finish, new_grid, run_grid
from tests.support.office import office_path


def exported(database: Database, **options: Any) -> list[dict[str, str]]:
    return read_csv(exported_text(database, answers_csv, **options))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("1", "1"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("  =1", "'  =1"),
        ("'quoted", "''quoted"),
        ("a=1", "a=1"),
    ],
)
def test_safe_cell_puts_an_apostrophe_before_formulas(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@given(st.text())
def test_safe_cell_never_starts_a_formula_and_can_be_undone(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (cell[1:] if cell.startswith("'") else cell) == text


def test_csv_holds_what_was_stored(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, title="=cmd()", models=["practice/honest"], repeats=3)
        rows = answers_of(session, grid)
        finish(session, rows[0], TRICKY, thinking_kind=ThinkingKind.full, reasoning_tokens=7)
        finish(session, rows[1], "", Outcome.truncated)
        finish(session, rows[2], "", Outcome.error)
        for name, value in (("Ada", LabelValue.hallucinated), ("=Bob", LabelValue.abstained)):
            set_label(session, rows[0].id, get_reviewer(session, name), value, f"-{name}")
        ada = get_reviewer(session, "Ada")
        set_label(session, rows[0].id, ada, tags=["hedged", "extra_error"])
        set_label(session, rows[1].id, ada, None, tags=["no_answer"])
        session.commit()
        public_id = grid.public_id
    first, second, third = exported(database)
    assert tuple(first) == COLUMNS
    assert first["answer_text"] == TRICKY
    assert first["grid_title"] == "'=cmd()"
    assert first["practice"] == "yes"
    assert first["references"] == '["1"]'
    assert (first["wording"], first["wording_version"]) == ("allowed", "1")
    assert first["wording_text"].startswith("If you are not sure")
    assert (first["thinking_requested"], first["thinking_observed"]) == ("off", "yes")
    assert first["thinking_seen"] == "yes, text withheld, 7 tokens"
    assert first["thinking_mismatch"] == "Thinking was to be off, and thinking tokens were counted."
    assert (first["label"], first["disputed"]) == ("", "yes")
    assert first["reviewer"] == "Ada | =Bob"
    assert first["note"] == "'-Ada | -=Bob"
    assert first["all_labels"] == "hallucinated | abstained"
    assert (first["tags"], first["all_tags"]) == (
        "hedged extra_error",
        "hedged extra_error | none",
    )
    assert (second["all_labels"], second["tags"], second["decided"]) == ("none", "no_answer", "no")
    assert first["link"] == f"http://here/grids/{public_id}#a-{first['answer']}"
    assert (second["outcome"], second["label"], second["thinking_mismatch"]) == (
        "truncated",
        "",
        "",
    )
    assert (third["state"], third["error"]) == ("failed", "It broke.")


def test_thinking_mismatch_is_a_matter_of_answers(database: Database) -> None:
    with database.write() as session:
        on = [{"wording": "allowed", "thinking": "on"}]
        grid = new_grid(session, models=["practice/honest"], variants=on, repeats=4)
        for answer, outcome in zip(
            answers_of(session, grid),
            [Outcome.answered, Outcome.empty, Outcome.truncated, Outcome.error],
            strict=True,
        ):
            finish(session, answer, outcome=outcome)
        session.commit()
    said = "Thinking was asked for, and the answer shows no sign of it."
    assert [r["thinking_mismatch"] for r in exported(database)] == [said, "", "", ""]


def test_csv_of_labelled_answers_only(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session)
        rows = answers_of(session, grid)
        for answer in rows:
            finish(session, answer)
        ada = get_reviewer(session, "Ada")
        decide(session, rows[2].id, ada, LabelValue.correct)
        set_label(session, rows[3].id, ada, None, tags=["unverifiable"])  # looked at, no label
        session.commit()
        labelled = rows[2].id
    found = exported(database, labelled=True)
    assert [(r["answer"], r["decided"]) for r in found] == [(str(labelled), "yes")]
    assert len(exported(database)) == 4


def test_csv_download_is_named_and_typed(client: TestClient) -> None:
    grid_id = run_grid(client)
    response = client.get(f"/grids/{grid_id}/export.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == (
        f'attachment; filename="bluffcheck-{grid_id}.csv"'
    )
    rows = read_csv(response.content.decode())
    assert [r["outcome"] for r in rows] == ["answered"] * 4
    assert {r["user_message"] for r in rows} == {
        'How many Ds are in DEEPSEEK? If you are not sure, you may answer "I don\'t know"'
        " instead of guessing."
    }


def test_csv_says_what_each_answer_cost(database: Database) -> None:
    with database.write() as session:
        grid = new_grid(session, models=["practice/honest"], repeats=2)
        known, _unknown = (finish(session, answer) for answer in answers_of(session, grid))
        known.cost_usd, known.cost_source, known.cached_tokens = 0.0000125, "own price of …", 7
        session.add(known)
        session.commit()
    names = ("cost_usd", "cost_source", "cached_tokens")
    assert [[row[name] for name in names] for row in exported(database)] == [
        ["1.25e-05", "own price of …", "7"],
        ["", "", ""],
    ]


HUGE = st.sampled_from(["=", "'", '"', ",", "\r\n", "🦜"]).map(lambda text: text * 20_000)


@settings(max_examples=50)
@given(st.lists(st.text() | st.text("=+-@'\" \t\r\n,") | HUGE, min_size=2, max_size=5))
def test_any_text_comes_back_from_python(texts: list[str]) -> None:
    line = ",".join(map(cell, texts)) + "\r\n"
    csv.field_size_limit(10_000_000)
    assert [undone(it) for it in next(csv.reader(io.StringIO(line, newline="")))] == texts
    plain = io.StringIO()
    csv.writer(plain, lineterminator="\r\n").writerow(map(safe_cell, texts))
    assert line == plain.getvalue()  # quoted as Python's csv would


def test_every_column_is_explained_once() -> None:
    assert sorted(name for names, _ in ANSWERS for name in names) == sorted(COLUMNS)


def test_one_row_per_label(database: Database) -> None:
    with database.write() as session:
        small_grid(session)
        session.commit()
    rows = read_csv(exported_text(database, labels_csv))
    assert tuple(rows[0]) == LABEL_COLUMNS
    names = ("model", "repeat", "reviewer", "label", "tags", "note", "decides")
    assert [[row[name] for name in names] for row in rows] == [
        ["practice/bluffer", "1", "Ada", "abstained", "hedged partial", "'+1", "yes"],
        ["practice/bluffer", "1", "'=Bob", "correct", "", "", "no"],
        ["practice/honest", "1", "Ada", "correct", "", "", "no"],
        ["practice/bluffer", "2", "'=Bob", "", "unverifiable", "", "no"],
    ]
    assert rows[0]["prompt"] == "How many Ds are in DEEPSEEK?"
    assert rows[0]["labelled_at"].endswith("+00:00")


def test_filters_of_the_grid_choose_rows(database: Database) -> None:
    with database.write() as session:
        small_grid(session)
        session.commit()
    look = Look.parse([("label", "correct")])
    assert [row["model_asked"] for row in exported(database, look=look)] == ["practice/honest"]
    labels = read_csv(exported_text(database, labels_csv, look=look))
    assert [row["label"] for row in labels] == ["correct"]


@pytest.fixture
def files(database: Database, tmp_path: Path) -> list[Path]:
    """The answers and the labels of the small grid, four rows each."""
    with database.write() as session:
        small_grid(session)
        session.commit()
    found = [tmp_path / "answers.csv", tmp_path / "labels.csv"]
    for path, make in zip(found, (answers_csv, labels_csv), strict=True):
        path.write_bytes(exported_text(database, make).encode())
    return found


@pytest.mark.parametrize(
    "read",
    [lambda path: read_csv(path.read_bytes().decode()), duckdb_rows],
    ids=["Python", "DuckDB"],
)
def test_other_programs_read_as_many_rows(
    files: list[Path], read: Callable[[Path], list[dict[str, str]]]
) -> None:
    answers, labels = map(read, files)
    assert (len(answers), len(labels)) == (4, 4)
    assert {row["answer_text"] for row in answers} == {TRICKY}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # it takes its time
@pytest.mark.skipif(office_path() is None, reason="LibreOffice is neither there nor installable")
def test_a_spreadsheet_reads_as_many_rows(files: list[Path], tmp_path: Path) -> None:
    utf8 = "Text - txt - csv (StarCalc):44,34,76"
    options = [f"--infilter={utf8}", f"-env:UserInstallation={tmp_path.as_uri()}/profile"]
    command = [str(office_path()), "--headless", *options, "--convert-to", f"csv:{utf8}"]
    out = tmp_path / "out"
    subprocess.run([*command, "--outdir", str(out), *map(str, files)], check=True, timeout=120)
    answers, labels = (read_csv("\ufeff" + (out / path.name).read_text("utf-8")) for path in files)
    assert (len(answers), len(labels)) == (4, 4)
    # It knows one kind of line break within a cell.
    assert {row["answer_text"] for row in answers} == {TRICKY.replace("\r\n", "\n")}

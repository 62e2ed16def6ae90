"""Tables of answers and labels by whatever names; damaged and hostile files."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from app.db import Database
from app.errors import Conflict
from app.exports.csv import answers_csv, labels_csv
from app.exports.jsonl import export_jsonl
from app.exports.rows import open_export
from app.grids import get_grid
from app.imports.answers.badlines import bad_rows
from app.imports.answers.grids import dry_run
from app.imports.answers.names import fields_of
from app.imports.answers.reading import Choices
from app.reviewing.labels import get_reviewer
from app.tables import Answer, Grid, Label, Reviewer
from tests.exports.reading import duckdb_rows, read_csv
from tests.imports.answers.importing import bring_in, look

TABLE = """\
question,target,model,condition,effort,epoch,response,grade,annotator,comment
Why?,because,acme/one,allowed,off,1,because,A,Ada,clear
Why?,because,acme/one,allowed,off,1,because,B,Bob,
Why?,because,acme/one,allowed,off,2,dunno,C,Ada,
Why?,because,acme/one,Terse prompt,high,1,,,,
How?,,two,allowed,off,1,so,,,
Why?,because,acme/one,allowed,off,2,other,C,Bob,
Why?,because,acme/one,allowed,off,1,because,A,Ada,clear
Why?,because,acme/one,allowed,loud,1,x,,,
"""


def exported(database: Database, public_id: str, make: Any) -> str:
    with database.read() as session:
        return "".join(make(open_export(session, get_grid(session, public_id), "http://here")))


def test_table_by_its_names(database: Database) -> None:
    found = look(database, TABLE, "evals.csv")
    assert found.found.columns
    assert list(found.found.columns.columns.values()) == [
        "prompt", "references", "model", "wording", "thinking", "repeat", "text", "label",
        "reviewer", "note",
    ]  # fmt: skip
    assert found.meanings == {"A": "correct", "B": "hallucinated", "C": "abstained"}
    assert found.counts == {
        "grids": 1, "prompts": 2, "columns": 3, "answers": 4, "labels": 3, "values": 3,
        "duplicates": 1, "bad": 2, "warnings": 1, "new": 4,
    }  # fmt: skip
    assert [(p.line, p.text.partition(":")[0]) for p in found.bad] == [
        (7, "line 4 has another text for the same repeat"), (9, "thinking"),
    ]  # fmt: skip
    grid = bring_in(database, TABLE, "evals.csv")
    head, *answers, _ = map(
        json.loads, exported(database, grid.public_id, export_jsonl).splitlines()
    )
    assert head["title"] == "evals"
    assert [v["wording"]["slug"] for v in head["variants"]] == [
        "allowed",
        "terse-prompt",
        "allowed",
    ][:2]
    assert [(a["label"], a["disputed"]) for a in answers] == [
        (None, True), ("abstained", False), (None, False), (None, False),
    ]  # fmt: skip
    assert answers[2]["attempts"][0]["outcome"] == "empty"
    with database.read() as session:
        row = session.exec(select(Grid).where(Grid.public_id == grid.public_id)).one()
        assert row.imported
        providers = session.exec(select(Answer.provider).where(Answer.grid_id == row.id))
        assert set(providers) == {"acme", "imported"}
    with pytest.raises(Conflict, match="here already"):
        bring_in(database, TABLE, "again.csv", title="evals")


def test_unknown_labels_wait_for_a_person(database: Database) -> None:
    rows = "prompt,model,answer,label\nWhy?,m/a,x,good\nWhy?,m/a,y,correct\nHow?,m/a,,good\n"
    found = look(database, rows)
    assert (found.meanings, found.found.importable) == ({"good": "", "correct": "correct"}, 0)
    [unknown] = found.found.unknown
    assert (unknown.count, unknown.lines) == (2, [2, 4])
    said = look(database, rows, meanings={"good": "correct"})
    assert said.found.importable == 3
    assert [r.text for r in said.remarks] == [
        "there is no answer text to judge: its label is left out"
    ]
    assert look(database, rows, meanings={"good": "fine"}).found.problem
    assert look(database, rows, rest_unlabelled=True).found.importable == 3


def test_a_column_of_numbers_is_not_taken_for_labels(database: Database) -> None:
    lines = [f"Why?,m/a,x,{number}" for number in range(150)]
    rows = "\n".join(["prompt,model,answer,score", *lines])
    found = look(database, rows).found
    assert (found.unexplained, len(found.values), found.importable) == (150, 100, 0)
    found = look(database, rows, rest_unlabelled=True, meanings={"7": "correct"}).found
    assert (found.unexplained, found.importable, found.counts["labels"]) == (0, 150, 1)


def test_columns_are_told_by_hand(database: Database) -> None:
    rows = "Frage;Antwort\nWarum?;darum\n"
    assert "which column holds the prompts" in look(database, rows).found.problem
    columns = {"Frage": "prompt", "Antwort": "text"}
    assert "Say which column names the model" in look(database, rows, columns=columns).found.problem
    found = look(database, rows, columns=columns, model="m/a", title="Fragen")
    assert (found.counts["answers"], found.found.grids[0].title) == (1, "Fragen")


def test_rows_without_a_repeat_stand_beside_those_that_have_one(database: Database) -> None:
    rows = "prompt,model,answer,repeat\nWhy?,m/a,x,2\nWhy?,m/a,y,\nWhy?,m/a,z,\nHow?,m/a,u,\n"
    grid = bring_in(database, rows)
    with database.read() as session:
        found = session.exec(select(Answer.repeat).join(Grid).where(
            Grid.public_id == grid.public_id))  # fmt: skip
        assert sorted(found) == [1, 2, 3, 4]


def test_nothing_comes_of_a_bad_row(database: Database) -> None:
    rows = (
        "experiment,prompt,model,answer,repeat,condition\n"
        "one,Why?,m/a,x,1,\none,How?,m/b,y,first,terse\ntwo,Who?,m/a,z,0,\n"
    )
    found = look(database, rows)
    assert found.counts == {
        "grids": 1, "prompts": 1, "columns": 1, "answers": 1, "bad": 2, "new": 1,
    }  # fmt: skip
    file = exported(database, bring_in(database, rows).public_id, answers_csv)
    broken = file.replace("m/a", "m/b").replace(",done,", ",made,")
    assert broken.count("made") == 1
    assert look(database, broken, "x.csv", again=True).counts == {"bad": 1}


def test_whole_numbers_may_have_a_zero_after_the_point(database: Database) -> None:
    rows = "prompt,model,answer,repeat,output_tokens\nWhy?,m/a,x,1.0,70.0\nWhy?,m/a,y,2.0,\n"
    assert look(database, rows).counts["new"] == 2
    assert look(database, rows.replace("1.0", "1.5")).bad[0].text == "repeat: “1.5” is no number"


def test_names_of_columns() -> None:
    assert fields_of(["question", "answer", "response"]) == {
        "question": "prompt", "answer": "references", "response": "text",
    }  # fmt: skip
    assert fields_of(["prompt", "answer"]) == {"prompt": "prompt", "answer": "text"}


def test_reviewers_of_a_file_are_nobody_here(database: Database) -> None:
    with database.write() as session:
        here = get_reviewer(session, "Ada")
        session.commit()
        here_id, secret = here.id, here.secret
    bring_in(database, "prompt,model,answer,label,reviewer\nWhy?,m/a,x,A,Ada\nW,m/a,y,B,Ada\n")
    with database.write() as session:
        them = session.exec(select(Reviewer).where(Reviewer.name == "Ada")).all()
        assert len(them) == 2
        assert get_reviewer(session, "ADA").id == here_id
        assert {la.reviewer_id for la in session.exec(select(Label))}.isdisjoint({here_id})
        assert len({one.secret for one in them} - {secret}) == 1


def test_damaged_jsonl_is_told_line_by_line(database: Database) -> None:
    grid = bring_in(database, TABLE, "evals.csv")
    lines = exported(database, grid.public_id, export_jsonl).splitlines()
    broken = [lines[0], lines[1][:50], lines[2].replace('"prompt":1', '"prompt":99'),
              lines[3].replace('"text":""', '"text":"\\u0000\\ud800"'), "[]"]  # fmt: skip
    found = look(database, "\n".join(broken), again=True)
    assert [(p.line, p.text) for p in found.bad] == [
        (2, "no valid JSON: cut off, or changed by hand"),
        (3, "of a prompt or a variant that the first line does not have"),
        (5, "not an object with names and values"),
    ]
    assert "the last line, with the hash, is missing" in found.remarks[-1].text
    assert found.counts["answers"] == 1
    changed = [lines[0], lines[1].replace("because", "otherwise"), *lines[2:]]
    assert (
        "not what its last line has the hash of"
        in look(database, "\n".join(changed)).found.notes[0]
    )
    copy = bring_in(database, "\n".join(broken), again=True)
    head = json.loads(exported(database, copy.public_id, export_jsonl).partition("\n")[0])
    assert ", there imported from a table (evals.csv) on" in head["imported"]
    assert '"text":"␀�"' in exported(database, copy.public_id, export_jsonl)
    early = lines[2].replace('"finished_at":"', '"finished_at":"0001-01-01T00:00:00+14:00","_":"')
    early = early.replace('"_":"', '"error_message":"')
    told = look(database, "\n".join([*lines[:2], early]), again=True).bad
    assert [(p.line, "no time that can be told in UTC" in p.text) for p in told] == [(3, True)]
    model = json.loads(lines[0])["models"][0]
    held = [{"thinking": "on", "state": "stopped"}] * 2
    for models, twice in (([model, model], "model"), ([model | {"held": held}], "thinking")):
        first = json.dumps(json.loads(lines[0]) | {"models": models})
        wrong = look(database, "\n".join([first, *lines[1:]]), again=True).bad[0]
        assert wrong.line == 1
        assert wrong.text.endswith(f"the same {twice} stands there twice")
    future = lines[0].replace('"format":1', '"format":99')
    assert "newer version" in look(database, future).bad[0].text


@pytest.fixture(scope="module")
def kept(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("texts") / "bluffcheck.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


ODD = st.sampled_from(["=1+1", "'", "''=", " =x", "\r\n", "\u2028", "\\ | |", "\0", "+" * 50_000])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | ODD


@settings(
    max_examples=12,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=3))
def test_any_text_goes_in_and_comes_back(kept: Database, rows: list[tuple[str, str, str]]) -> None:
    """In by a table, then out and in by each of our own formats."""
    source = [
        {"prompt": f"{n} {text[:2000]}", "model": "m/a", "text": text, "thinking_text": thinking,
         "label": "correct", "note": note[:2000], "reviewer": "=Eve | x", "repeat": "1"}
        for n, (text, thinking, note) in enumerate(rows)
    ]  # fmt: skip
    columns = {name: name for name in source[0]}
    first = bring_in(
        kept, "\n".join(map(json.dumps, source)), columns=columns, again=True
    ).public_id
    for make, name in ((export_jsonl, "x.jsonl"), (answers_csv, "a.csv"), (labels_csv, "l.csv")):
        before = exported(kept, first, make)
        if before.count("\r\n") == 1:  # a head and no labels: nothing to import
            continue
        after = exported(kept, bring_in(kept, before, name, again=True).public_id, make)
        if make is export_jsonl:
            jsonl = [json.loads(line) for line in before.split("\n")[:-1]]
            assert json.loads(after.split("\n")[-2]) == jsonl[-1]
            texts = [answer["attempts"][0]["text"] for answer in jsonl[1:-1]]
            assert texts == [text.replace("\0", "␀") for text, *_ in rows]
        else:
            assert after == before


def test_duckdb_and_python_count_the_same(database: Database, tmp_path: Any) -> None:
    grid = bring_in(database, TABLE, "evals.csv")
    for make, rows in ((answers_csv, 4), (labels_csv, 3)):
        text = exported(database, grid.public_id, make)
        path = tmp_path / "x.csv"
        path.write_bytes(text.encode())
        assert len(duckdb_rows(path)) == len(read_csv(text)) == rows
        assert [row["label"] for row in duckdb_rows(path)] == [
            row["label"] or None for row in read_csv(text)
        ]


def test_bad_elements_of_a_list_in_one_line_come_back(database: Database, tmp_path: Path) -> None:
    row = {"prompt": "Capital of France?", "model": "m", "response": "Paris", "label": "correct"}
    content = json.dumps([row, row | {"model": "", "response": "Lyon"}, row | {"cost": "much"}])
    (tmp_path / "file").write_text(content)
    with database.read() as session:
        dry_run(session, tmp_path / "file", "x.json", Choices(), tmp_path / "rows")
    rows = list(bad_rows(tmp_path / "rows"))
    assert [(one.line, one.given.get("response"), one.given.get("cost")) for one in rows] == [
        (2, "Lyon", None), (3, "Paris", "much"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "kept"), [("812.43", 812), ("812", 812), ("812.0", 812), ("1e3", 1000), ("", None)]
)
def test_milliseconds_may_have_fractions(database: Database, said: str, kept: int | None) -> None:
    content = f"prompt,model,answer,latency_ms\nq,m,a,{said}\n"
    grid = bring_in(database, content, "x.csv")
    with database.read() as session:
        answer = session.exec(select(Answer)).one()
        export = open_export(session, get_grid(session, grid.public_id))
        assert answer.attempt_id
        [record] = [json.loads(line) for line in list(export_jsonl(export))[1:2]]
    assert record["attempts"][0]["total_ms"] == kept


@pytest.mark.parametrize("said", ["soon", "inf", "nan", "1e400"])
def test_what_is_no_number_of_milliseconds_is_told(database: Database, said: str) -> None:
    looked = look(database, f"prompt,model,answer,latency_ms\nq,m,a,{said}\n", "x.csv")
    assert looked.counts["bad"] == 1

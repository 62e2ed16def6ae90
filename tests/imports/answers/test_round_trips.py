"""Our own exports come back as they were: the same content hash, the same bytes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session, select

from app.db import Database
from app.exports.archive import export_zip
from app.exports.csv import answers_csv, labels_csv
from app.exports.jsonl import export_jsonl
from app.exports.rows import Export, open_export
from app.grids import get_grid
from app.pricing.costs import price_unpriced
from app.pricing.prices import PriceBook
from app.prompts import WordingInput, save_wording, wordings
from app.providers import Outcome, ThinkingKind
from app.reviewing.labels import get_reviewer, set_label
from app.sharing.hiding import HIDEABLE
from app.sharing.shares import new_share, shown_by
from app.suggest import METHOD
from app.suggestions import read_some
from app.tables import AnswerState, Attempt, Grid, LabelValue, Reviewer
from app.upkeep.deletion import delete_grid
from tests.exports.reading import TRICKY, read_csv
from tests.factories import answers_of, finish, new_grid, practice
from tests.imports.answers.importing import bring_in, look

Make = Callable[[Export], Any]


def exported(database: Database, public_id: str, make: Make) -> str:
    with database.read() as session:
        grid = get_grid(session, public_id)
        export = open_export(session, grid, "http://here", frozenset({"practice"}))
        return "".join(make(export))


def content_hash(jsonl: str) -> str:
    found: str = json.loads(jsonl.splitlines()[-1])["content_hash"]
    return found


def rich_grid(session: Session) -> Grid:
    """Two prompts, a wording that is edited later, an attempt that does not count, answers of each
    kind, reviewers whose names and notes are hard to part."""
    said = WordingInput(title="allowed", opt_out="=or say so", may_abstain=True)
    save_wording(session, said, "allowed")
    rest = {"system_prompt": "-be brief", "temperature": 0.5}
    many = {"text": "How many?", "question": "How many", "constraint": "'few", "answerable": "no"}
    grid = new_grid(
        session,
        title="'=Ds | more",
        prompts=[{"text": "Why?", "references": ["=because", 'so, "yes"'], "tags": ["a"]}, many],
        models=["practice/bluffer", "practice/honest"],
        variants=[
            {"wording": "allowed", "thinking": "off", **rest},
            {"wording": "as-published", "thinking": "on", **rest},
        ],
        repeats=2,
    )
    rows = answers_of(session, grid)
    outcomes = [Outcome.answered] * 12 + [Outcome.error, Outcome.empty, Outcome.refused]
    for answer, outcome in zip(rows, outcomes, strict=False):
        text = TRICKY if outcome is Outcome.answered else ""
        first = finish(session, answer, text, outcome, ThinkingKind.full, reasoning_tokens=7)
        first.cost_usd, first.thinking_sent = 1.25e-05, {"zz": {"b": 1, "a": [1.0]}, "a": True}
        first.temperature_sent, first.usage = 1, {"n": 3}
        session.add(first)
    at = first.started_at
    later = Attempt(answer_id=rows[0].id, number=2, started_at=at, finished_at=at)
    later.outcome, later.error_message = Outcome.error, "=x"
    session.add(later)
    rows[15].state = AnswerState.cancelled
    session.add(rows[15])
    people = [get_reviewer(session, name) for name in ("Ada | Bob", "=Eve\\", "ada")]
    set_label(session, rows[0].id, people[0], LabelValue.correct, " | =a\\")
    set_label(session, rows[0].id, people[1], LabelValue.hallucinated, tags=["hedged", "partial"])
    set_label(session, rows[0].id, people[2], LabelValue.correct, "'|\r\nb", decides=True)
    set_label(session, rows[1].id, people[1], None, tags=["unverifiable"])
    set_label(session, rows[2].id, people[2], LabelValue.abstained, "+1")
    set_label(session, rows[2].id, people[2], LabelValue.correct)
    set_label(session, rows[13].id, people[0], None, tags=["no_answer"], note="empty")
    return grid


def test_exports_come_back_as_they_were(database: Database) -> None:
    with database.write() as session:
        original = rich_grid(session).public_id
        session.commit()
    makes: dict[str, Make] = {
        "x.jsonl": export_jsonl, "answers.csv": answers_csv, "labels.csv": labels_csv,
    }  # fmt: skip
    files = {name: exported(database, original, make) for name, make in makes.items()}
    with database.read() as session:
        export = open_export(session, get_grid(session, original), "http://here")
        zipped = b"".join(export_zip(export))
    # From here on the library says something else.
    with database.write() as session:
        save_wording(session, WordingInput(title="Allowed", opt_out="changed"), "allowed")
        session.commit()

    known = look(database, files["x.jsonl"])
    assert known.counts | {"warnings": 0} == {
        "grids": 1, "prompts": 2, "columns": 4, "answers": 16, "labels": 6, "here": 1,
        "warnings": 0,
    }  # fmt: skip
    assert known.found.grids[0].here == original

    copy = bring_in(database, files["x.jsonl"], "x.jsonl", again=True)
    jsonl = exported(database, copy.public_id, export_jsonl)
    assert content_hash(jsonl) == content_hash(files["x.jsonl"])
    assert json.loads(jsonl.splitlines()[0])["imported"].startswith("from a Bluffcheck")
    for name in ("answers.csv", "labels.csv"):
        assert exported(database, copy.public_id, makes[name]) == files[name], name

    for name in ("answers.csv", "labels.csv"):
        copy = bring_in(database, files[name], name, again=True)
        assert exported(database, copy.public_id, makes[name]) == files[name], name

    again = bring_in(database, zipped, "x.zip", again=True)
    assert content_hash(exported(database, again.public_id, export_jsonl)) == content_hash(jsonl)

    # Prompts and wordings of the library stay what they are.
    with database.read() as session:
        assert {w.opt_out for w in wordings(session) if w.slug == "allowed"} == {"changed"}
        names = session.exec(select(Reviewer.name_key)).all()
    assert sorted(names) == sorted([*map(str.casefold, ("Ada | Bob", "=Eve\\", "ada")),
                                    "\x1fAda | Bob", "\x1f=Eve\\", "\x1fada"])  # fmt: skip


def test_prices_and_rules_of_today_leave_imported_answers_alone(database: Database) -> None:
    with database.write() as session:
        original = rich_grid(session).public_id
        session.commit()
    file = exported(database, original, export_jsonl)
    older = file.replace(f'"suggestion_method":"{METHOD}"', '"suggestion_method":"0-older"')
    older = older.replace("practice/honest", "openai/gpt-4o").replace(
        '"cost_usd":1.25e-05', '"cost_usd":null,"input_tokens":1000,"output_tokens":10'
    )
    assert older.count("0-older") == 12
    copy = bring_in(database, older, again=True)
    before = content_hash(exported(database, copy.public_id, export_jsonl))
    assert read_some(database) == 0
    with database.write() as session:
        price_unpriced(session, PriceBook(practice()))
        session.commit()
    assert content_hash(exported(database, copy.public_id, export_jsonl)) == before


def test_file_of_a_grid_that_was_deleted_is_imported_again(database: Database) -> None:
    with database.write() as session:
        original = rich_grid(session).public_id
        session.commit()
    file = exported(database, original, export_jsonl)
    there = original
    for _ in range(2):  # the grid that was exported, then the one that it came back as
        assert look(database, file).found.grids[0].here == there
        with database.write() as session:
            delete_grid(session, get_grid(session, there))
            session.commit()
        there = bring_in(database, file).public_id
    assert look(database, file).found.grids[0].here == there


@pytest.mark.parametrize("hidden", [(), ("prompts",), tuple(HIDEABLE)])
def test_files_of_a_share_can_be_imported(database: Database, hidden: tuple[str, ...]) -> None:
    with database.write() as session:
        grid = rich_grid(session)
        session.commit()
        shown = shown_by(session, new_share(grid, hidden), grid)
        export = open_export(session, grid, "http://here", frozenset({"practice"}), shown=shown)
        file, jsonl = "".join(answers_csv(export)), "".join(export_jsonl(export))
    assert not look(database, jsonl, again=True).found.notes  # such as that it was changed
    changed = jsonl.replace("'=Ds", "'=Cs")
    assert "not what its last line has" in look(database, changed, again=True).found.notes[0]
    found = look(database, file, "a.csv", again=True)
    assert (found.bad, found.counts["new"], found.counts["labels"]) == ([], 16, 6)
    copy = bring_in(database, file, "a.csv", again=True)
    if not hidden:
        assert exported(database, copy.public_id, answers_csv) == file
    links = [row["link"] for row in read_csv(exported(database, copy.public_id, answers_csv))]
    assert links == [row["link"] for row in read_csv(file)]


def test_links_of_a_share_of_an_imported_grid_lead_to_its_answers(database: Database) -> None:
    rows = "answer_id,prompt,model,answer\n70,Why?,m/a,x\n71,Why?,m/a,y\n"
    copy = bring_in(database, rows)
    with database.read() as session:
        grid = get_grid(session, copy.public_id)
        shown = shown_by(session, new_share(grid), grid)
        export = open_export(session, grid, "http://here", shown=shown)
        csv, jsonl = "".join(answers_csv(export)), "".join(export_jsonl(export))
        ids = [answer.id for answer in answers_of(session, grid)]
    links = [f"http://here{shown.path}/answers/{id_}" for id_ in ids]
    assert [row["link"] for row in read_csv(csv)] == links
    assert [json.loads(line)["link"] for line in jsonl.splitlines()[1:-1]] == links

"""A file held against the library, and imported in one transaction."""

import csv
import io
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from app.db import Database
from app.errors import Conflict, NotFound
from app.imports.badrows import bad_rows_csv
from app.imports.exporting import library_csv, library_jsonl
from app.imports.prompts import (
    Choices,
    DryRun,
    archive_new,
    bad_rows,
    dry_run,
    import_prompts,
    listing,
)
from app.imports.uploads import Upload
from app.prompts import PromptInput, archive, library, prompt_versions, save_prompt
from app.tables import Answerable, Prompt

Look = Callable[..., tuple[DryRun, Path]]
EXPORTS = {"x.csv": library_csv, "x.jsonl": library_jsonl}
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TEXT = LINE | st.sampled_from(['"', "'", "=1+1", "' -1", "[x", '["x"]', "a, b", "a\r\nb", "\u2028"])


@pytest.fixture
def look(database: Database, tmp_path: Path) -> Look:
    """Looks at a file, which is told apart by the number of files before it."""

    def go(content: str | bytes, name: str = "x.csv", **said: object) -> tuple[DryRun, Path]:
        number = len(list(tmp_path.glob("*.rows")))
        path, rows = tmp_path / f"{number}.file", tmp_path / f"{number}.rows"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with database.read() as session:
            return dry_run(session, path, name, replace(Choices(), **said), rows), rows  # type: ignore[arg-type]

    return go


def counts(found: DryRun) -> dict[str, int]:
    return {name: n for name, n in found.counts.items() if n}


def in_library(database: Database) -> dict[str, Prompt]:
    with database.read() as session:
        return {prompt.text: prompt for prompt in library(session)}


def test_import_adds_and_importing_again_changes_nothing(database: Database, look: Look) -> None:
    content = "question,answer,topic\nWhy?,because,words\nHow?,so,words\n"
    found, rows = look(content)
    assert counts(found) == {"new": 2}
    assert "Why?" not in in_library(database)
    first = import_prompts(database, rows, found.state)
    there = in_library(database)
    assert [row.key for row in first] == [there["Why?"].key, there["How?"].key]
    assert list(there)[:2] == ["Why?", "How?"]  # the newest first, in the order of the file
    assert (there["Why?"].references, there["Why?"].tags) == (["because"], ["words"])
    assert counts(look(content)[0]) == {"same": 2}


def test_import_again_makes_versions_of_what_changed(database: Database, look: Look) -> None:
    found, rows = look("question,answer,topic\nWhy?,because,words\nHow?,so,words\n")
    import_prompts(database, rows, found.state)
    before = in_library(database)["Why?"]
    found, rows = look("question,answer\nWhy?,for this reason\nHow?,so\nWho?,me\n")
    assert counts(found) == {"new": 1, "changed": 1, "same": 1}
    import_prompts(database, rows, found.state)
    after = in_library(database)["Why?"]
    assert (after.key, after.version) == (before.key, 2)
    # What the file does not speak of stays as it was.
    assert (after.references, after.tags) == (["for this reason"], ["words"])
    assert in_library(database)["How?"].version == 1


def test_key_wins_over_text(database: Database, look: Look) -> None:
    found, rows = look("key,text,answer\nspell-ls,How many Ls in SPELL?,2\nmine,Why?,because\n")
    assert counts(found) == {"new": 1, "changed": 1}
    import_prompts(database, rows, found.state)
    with database.read() as session:
        newest = prompt_versions(session, "spell-ls")[0]
        assert (newest.version, newest.text) == (2, "How many Ls in SPELL?")
        assert newest.answerable is Answerable.yes
        assert prompt_versions(session, "mine")[0].references == ["because"]
    assert counts(look("key,text\nmine,Why?\nother,Why?\n")[0]) == {"new": 1, "same": 1}


def test_duplicates_are_left_out_and_contradictions_are_bad(look: Look) -> None:
    found, rows = look("question,answer\nWhy?,a\n Why? ,a\nWhy?,b\n")
    assert counts(found) == {"new": 1, "duplicate": 1, "bad": 1, "warnings": 1}
    listed = listing(rows)
    assert [(r.line, r.warning) for r in listed.warnings] == [(3, "the same as line 2")]
    assert [(r.line, r.problem) for r in listed.problems] == [
        (4, "line 2 has the same prompt and says something else of it; keep one of them")
    ]
    text = "How many Ls are in SPELL?"  # one by its key and once more by its text
    found, rows = look(f"key,text,answer\nspell-ls,{text},3\n,{text},4\n")
    assert counts(found) == {"changed": 1, "bad": 1}
    assert "line 2 has the same key" in listing(rows).problems[0].problem


def test_bad_rows_of_an_export_come_back_as_they_were(database: Database, look: Look) -> None:
    with database.write() as session:
        save_prompt(session, PromptInput(text="-1?", references=["=a", "b"], tags=["x", "y"]))
        session.commit()
    for name, export in EXPORTS.items():
        with database.read() as session:
            file = "".join(export(session))
        found, rows = look(file.replace("unknown", "perhaps"), name)
        assert found.counts["bad"] == 1
        given = "".join(bad_rows_csv(bad_rows(rows), list(found.mapping.columns)))
        again = look(given.replace("perhaps", "unknown"))[0]
        assert counts(again) == {"same": 1}, name


def test_archived_prompts_are_not_found_by_text_but_by_key(database: Database, look: Look) -> None:
    with database.write() as session:
        archive(prompt_versions(session, "spell-ls")[0])
        session.commit()
    assert counts(look("text\nHow many Ls are in SPELL?\n")[0]) == {"new": 1}
    found, rows = look("key,text\nspell-ls,How many Ls are in SPELL?\n")
    assert counts(found) == {"same": 1, "warnings": 1}
    assert listing(rows).warnings[0].warning == "it is archived in the library"


def test_one_bad_row_is_told_and_comes_back_whole(database: Database, look: Look) -> None:
    bad = ['"=1+1, ""x""\n\0"', "a"]
    lines = [f"Question {n}?,{n}" for n in range(1200)]
    content = "question,answer\n" + "\n".join([*lines[:600], ",".join(bad), *lines[600:], 'x,"'])
    found, rows = look(content)
    assert counts(found) == {"new": 1200, "bad": 2}
    import_prompts(database, rows, found.state)
    assert len(in_library(database)) == 7 + 1200
    given = "".join(bad_rows_csv(bad_rows(rows), ["question", "answer"]))
    assert list(csv.reader(io.StringIO(given.removeprefix("\ufeff"), newline=""))) == [
        ["import_line", "import_problem", "question", "answer", "import_raw"],
        ["602", "prompt: contains a NUL character; remove it", "'=1+1, \"x\"\n␀", "a", ""],
        ["1204", 'a quote opens a cell in this line and is not closed where the cell ends; a quote'
         ' inside of a quoted cell is written twice ("")', "", "", 'x,"'],
    ]  # fmt: skip
    mended = given.replace("␀", "!").replace(',,,"x,"""', ",y,1,")
    found, rows = look(mended.encode())
    assert counts(found) == {"new": 2}
    assert [r.prompt["text"] for r in listing(rows).first] == ['=1+1, "x"\n!', "y"]


def test_nothing_is_imported_where_one_row_cannot_be_stored(
    database: Database, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, rows = look("text\n" + "\n".join(f"Question {n}" for n in range(1200)))
    seen = iter(range(10_000))

    def breaking(value: str) -> Answerable:
        if next(seen) == 1100:
            raise RuntimeError("the power is gone")
        return Answerable(value)

    monkeypatch.setattr("app.imports.prompts.Answerable", breaking)
    with pytest.raises(RuntimeError):
        import_prompts(database, rows, found.state)
    assert len(in_library(database)) == 7


def test_library_that_changed_meanwhile_is_looked_at_again(database: Database, look: Look) -> None:
    found, rows = look("text,answer\nWhy?,a\n")
    with database.write() as session:
        save_prompt(session, PromptInput(text="Why?", references=["b"]))
        session.commit()
    with pytest.raises(Conflict, match="has changed since"):
        import_prompts(database, rows, found.state)
    assert in_library(database)["Why?"].references == ["b"]
    found, rows = look("text,answer\nWhy?,a\n")
    assert counts(found) == {"changed": 1}
    import_prompts(database, rows, found.state)
    assert in_library(database)["Why?"].version == 2


def test_what_was_new_can_be_archived_again(database: Database, look: Look) -> None:
    found, rows = look("text,answer\nWhy?,a\nHow many Ls are in SPELL?,two\n")
    import_prompts(database, rows, found.state)
    assert archive_new(database, rows) == 1
    there = in_library(database)
    assert "Why?" not in there
    assert there["How many Ls are in SPELL?"].version == 2


def test_what_a_person_says_of_all_rows_is_added(database: Database, look: Look) -> None:
    found, rows = look(
        "Frage,Antwort\nWarum?,darum | so\n",
        columns={"Frage": "text", "Antwort": "references"},
        separator=" | ", tags="mine, yours", source="A book", answerable="yes",
    )  # fmt: skip
    import_prompts(database, rows, found.state)
    prompt = in_library(database)["Warum?"]
    assert (prompt.references, prompt.tags) == (["darum", "so"], ["mine", "yours"])
    assert (prompt.source, prompt.answerable) == ("A book", Answerable.yes)


def test_columns_that_are_not_known_are_asked_for(look: Look) -> None:
    found, rows = look("Frage,Antwort\nWarum?,darum\n")
    assert found.problem == "Say which column holds the prompts."
    assert found.samples == {"Frage": "Warum?", "Antwort": "darum"}
    assert (found.importable, rows.exists()) == (0, False)


def test_memory_stays_flat_while_looking_and_importing(database: Database, look: Look) -> None:
    row = '"Why, {}?' + "é" * 6000 + '",because\n'
    content = "question,answer\n" + "".join(row.format(n) for n in range(400))
    assert len(content.encode()) > 4_500_000
    look("text\nwarm up\n")
    encoded = content.encode()
    tracemalloc.start()
    found, rows = look(encoded)
    import_prompts(database, rows, found.state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts(found) == {"new": 400}
    assert peak < 9_000_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    given_=st.lists(
        st.builds(
            dict, text=TEXT, question=TEXT, answer_format=TEXT, constraint=TEXT, source=TEXT,
            references=st.lists(TEXT, max_size=3), tags=st.lists(TEXT, max_size=3),
            answerable=st.sampled_from(list(Answerable)),
        ),
        min_size=1, max_size=4,
    ),
    name=st.sampled_from(list(EXPORTS)),
)  # fmt: skip
def test_export_comes_back_the_same(
    database: Database, tmp_path: Path, given_: list[dict[str, object]], name: str
) -> None:
    with database.write() as session:
        for prompt in given_:
            save_prompt(session, PromptInput(**{**prompt, "text": f"Q{prompt['text']}"}))
        session.flush()
        exported = "".join(EXPORTS[name](session))
        (tmp_path / name).write_bytes(exported.encode())
        found = dry_run(session, tmp_path / name, name, Choices(), tmp_path / "rows")
        total = session.exec(select(func.count()).select_from(Prompt)).one()
        assert counts(found) == {"same": total}
        session.rollback()


def test_export_imported_elsewhere_gives_the_same_bytes(
    database: Database, look: Look, tmp_path: Path
) -> None:
    with database.write() as session:
        for text in ("=1+1", "'quoted", "a\r\nb", "Zürich 東京 🎂"):
            save_prompt(
                session, PromptInput(text=text, references=[text, "[x"], tags=["a,b", text])
            )
        session.commit()
    for name, export in EXPORTS.items():
        with database.read() as session:
            exported = "".join(export(session))
        other = Database(f"sqlite:///{tmp_path / name}.db")
        other.migrate()
        (tmp_path / name).write_bytes(exported.encode())
        with other.read() as session:
            found = dry_run(session, tmp_path / name, name, Choices(), tmp_path / "rows")
        import_prompts(other, tmp_path / "rows", found.state)
        with other.read() as session:
            assert "".join(export(session)) == exported
        other.close()


def test_uploads_are_kept_for_an_hour(tmp_path: Path) -> None:
    parent = tmp_path / "imports"
    old = Upload.begin(parent, "old.csv")
    old.keep()
    assert Upload.at(parent, old.token).name == "old.csv"
    assert (old.folder.stat().st_mode & 0o77) == 0
    an_hour_ago = time.time() - 3601
    os.utime(old.folder, (an_hour_ago, an_hour_ago))
    for token in (old.token, "..", "nothing", "x" * 22):
        with pytest.raises(NotFound, match="This upload is gone"):
            Upload.at(parent, token)
    assert list(parent.iterdir()) == []

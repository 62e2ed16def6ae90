"""Backups, restoring them, and what the doctor sees."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from sqlmodel import text

from app.__main__ import main
from app.db import Database, revisions
from app.errors import SettingsError
from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.factories import answers_of, finish, new_grid
from tests.firstversion import LABELS_OF_0001, first_version
from tests.wire import WireServer


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a database in it."""
    monkeypatch.setenv("BLUFFCHECK_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bluffcheck.db").write_bytes(sqlite_template.read_bytes())
    return tmp_path


def say(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def titles(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM grid ORDER BY id")]


def add(database: Database, title: str) -> None:
    with database.write() as session:
        new_grid(session, title=title)
        session.commit()


def test_backup_is_made_beside_a_writer_and_put_back(folder: Path) -> None:
    file, copy = folder / "bluffcheck.db", folder / "copies" / "monday.db"
    with closing(Database(f"sqlite:///{file}")) as database:
        database.hold()
        add(database, "kept")
        with database.write() as session:  # somebody is writing: only what is committed counts
            new_grid(session, title="not committed")
            status, said = say("backup", str(copy))
            assert (status, titles(copy)) == (0, ["kept"]), said
        assert copy.stat().st_mode & 0o077 == 0
        assert not list(copy.parent.glob("*.part"))
        assert say("backup", str(copy)) == (
            1,
            f"Error: {copy} is there already: choose another name.\n",
        )
        add(database, "later")
        status, said = say("restore", str(copy), "--force")
        assert (status, "A server is using" in said) == (1, True)

    status, said = say("restore", str(copy))
    assert (status, "--force" in said, titles(file)) == (1, True, ["kept", "later"])
    status, said = say("restore", str(copy), "--force")
    [aside] = folder.glob("bluffcheck.before-restore.*.db")
    assert (status, str(aside) in said) == (0, True)
    assert (titles(file), titles(aside), titles(copy)) == (["kept"], ["kept", "later"], ["kept"])
    with closing(Database(f"sqlite:///{file}")) as database:
        assert database.revision() == revisions()[0]
        add(database, "goes on")


def test_changes_left_of_a_database_that_was_taken_away_are_none_of_the_backup(
    folder: Path,
) -> None:
    file, copy = folder / "bluffcheck.db", folder / "monday.db"
    assert say("backup", str(copy))[0] == 0
    killed = folder / "killed"
    killed.mkdir()
    with closing(Database(f"sqlite:///{file}")) as database:
        add(database, "later")
        for part in ("", "-wal", "-shm"):  # as they are when the server is killed
            shutil.copy(f"{file}{part}", killed / f"bluffcheck.db{part}")
    file.unlink()
    for part in ("-wal", "-shm"):
        (killed / f"bluffcheck.db{part}").rename(f"{file}{part}")

    assert say("restore", str(copy))[0] == 0
    assert titles(file) == []
    [kept] = folder.glob("bluffcheck.before-restore.*.db-wal")
    kept.rename(killed / "bluffcheck.db-wal")
    assert titles(killed / "bluffcheck.db") == ["later"]


def test_what_is_no_backup_changes_nothing(folder: Path) -> None:
    file = folder / "bluffcheck.db"
    before = file.read_bytes()
    damaged = bytearray(before)
    damaged[8192:40_000] = b"x" * (40_000 - 8192)
    (folder / "damaged.db").write_bytes(damaged)
    (folder / "text.db").write_text("a shopping list " * 100)
    with closing(sqlite3.connect(folder / "other.db")) as other:
        other.execute("CREATE TABLE t (x)")
    (folder / "newer.db").write_bytes(before)
    with closing(sqlite3.connect(folder / "newer.db", isolation_level=None)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    (folder / "dangling.db").write_bytes(before)
    with closing(sqlite3.connect(folder / "dangling.db", isolation_level=None)) as dangling:
        dangling.execute("INSERT INTO grid_prompt VALUES (77, 88, 0)")
    for name, why in (
        ("damaged", "cannot be restored"),
        ("text", "file is not a database"),
        ("other", "holds no data of Bluffcheck"),
        ("newer", "comes from a newer Bluffcheck (its tables are at 9999"),
        ("dangling", "point at others that are missing"),
        ("absent", "There is no file"),
    ):
        status, said = say("restore", str(folder / f"{name}.db"), "--force")
        assert (status, why in said) == (1, True), said
    assert file.read_bytes() == before
    assert not list(folder.glob("*before-restore*"))


def test_postgres_has_tools_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLUFFCHECK_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/none")
    for command, tool in (("backup", "pg_dump"), ("restore", "pg_restore")):
        status, said = say(command, str(tmp_path / "x.db"))
        assert (status, tool in said, "secret" in said) == (1, True, False), said


def test_a_copy_is_kept_before_migrating(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bluffcheck.db'}"
    settings = Settings(data_dir=tmp_path, discover=False)
    first_version(url, *LABELS_OF_0001).close()
    restored = tmp_path / "bluffcheck.before-restore.20200101-000000-000000.db"
    restored.write_text("what was there before a restore")
    older = [tmp_path / f"bluffcheck.before-{n}.db" for n in range(3)]
    for file in older:
        file.write_text("an older copy")
    with TestClient(create_app(settings), base_url=BASE_URL):
        pass
    kept = set(tmp_path.glob("bluffcheck.before-*.db"))
    assert restored in kept
    kept.remove(restored)
    [copy] = kept - set(older)
    assert kept == {copy, *older[1:]}
    with closing(Database(f"sqlite:///{copy}")) as database:
        assert database.revision() == "0001"
    assert titles(copy) == ["Old"]
    with TestClient(create_app(settings), base_url=BASE_URL):  # with nothing to migrate
        assert set(tmp_path.glob("bluffcheck.before-*.db")) == {*kept, restored}


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path, empty_url: str) -> None:
    with closing(Database(empty_url)) as database:
        database.migrate()
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            session.commit()
        with pytest.raises(SettingsError, match=r"newer Bluffcheck \(its tables are at 9999"):
            create_app(Settings(database_url=empty_url, data_dir=tmp_path, discover=False))
        assert database.revision() == "9999"


def lines(*arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit status, and what the doctor says of each thing (the last of a name counts)."""
    status, said = say("doctor", "--json", *arguments)
    return status, {line["name"]: (line["state"], line["text"]) for line in json.loads(said)}


def test_doctor_finds_what_is_wrong(
    folder: Path, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "bluffcheck.db"
    status, found = lines()
    assert (status, {mark for mark, _ in found.values()} - {"warn"}) == (0, {"ok"}), found
    assert "found in ANTHROPIC_API_KEY" in say("doctor")[1]
    assert found["provider"][1].endswith("models")
    assert "sk-" not in json.dumps(found)

    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    status, found = lines()
    assert (status, found["provider"][0]) == (1, "fail")
    assert lines("--no-calls")[0] == 0
    monkeypatch.setenv("OPENAI_BASE_URL", "http://models.example/v1")
    assert "sent in plain" in say("doctor", "--no-calls")[1]

    with closing(Database(f"sqlite:///{file}")) as database, database.write() as session:
        grid = new_grid(session)
        [first, *_] = answers_of(session, grid)
        finish(session, first).started_at = grid.created_at.replace(year=2099)
        first.attempt_id = 4711
        session.commit()
    status, found = lines("--no-calls")
    assert (status, found["clock"][0], found["answers"][0]) == (1, "warn", "fail")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("DELETE FROM variant")
    assert lines("--no-calls")[1]["integrity"][0] == "fail"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert lines("--no-calls")[1]["schema"][0] == "fail"
    file.write_text("a shopping list " * 100)
    assert lines("--no-calls")[1]["database"][0] == "fail"
    file.unlink()
    status, found = lines("--no-calls")
    assert (status, found["database"][0], file.exists()) == (0, "warn", False)
    monkeypatch.setenv("BLUFFCHECK_PORT", "eighty")
    status, found = lines("--no-calls")
    assert (status, list(found)) == (1, ["version", "settings"])


@pytest.mark.parametrize("table", ["answer", "attempt"])
def test_doctor_goes_on_where_a_table_cannot_be_read(folder: Path, table: str) -> None:
    file = folder / "bluffcheck.db"
    with closing(sqlite3.connect(file)) as connection:
        find = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        [page] = connection.execute(find, [table]).fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    damaged = bytearray(file.read_bytes())
    damaged[(page - 1) * size : page * size] = b"x" * size
    file.write_bytes(damaged)
    status, found = lines("--no-calls")
    assert (status, found["integrity"][0], found["reading"][0]) == (1, "fail", "fail")
    assert "malformed" in found["reading"][1]
    assert {"disk", "keys"} <= found.keys()


def test_doctor_knows_postgres(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLUFFCHECK_DATABASE_URL", database_url)
    monkeypatch.setenv("BLUFFCHECK_DATA_DIR", str(tmp_path))
    status, found = lines("--no-calls")
    assert status == 0
    assert {name for name, (mark, _) in found.items() if mark != "ok"} == {"keys"}

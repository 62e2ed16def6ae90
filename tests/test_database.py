"""The database itself: pragmas, migrations, who may write, and one runner at a time."""

import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import select, text

from app.db import _RUNNING, Database, revisions
from app.errors import SettingsError
from app.main import create_app
from app.migrating import alembic_config
from app.reviewing.labels import set_label
from app.runner import team
from app.settings import Settings
from app.tables import Answer, Label, LabelChange, LabelValue, Reviewer
from tests.firstversion import LABELS_OF_0001, first_version
from tests.polling import wait_for


def test_tables_and_migrations_agree(database: Database) -> None:
    with database.writer.connect() as connection, connection.begin():
        command.check(alembic_config(connection))


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before = database.revision()
    database.migrate()
    assert database.revision() == before is not None


def test_revisions_are_those_of_alembic_in_their_order(database: Database) -> None:
    with database.writer.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert revisions() == [script.revision for script in scripts.walk_revisions()]
    assert revisions()[0] == database.revision()


def test_processes_may_migrate_at_the_same_time(empty_url: str) -> None:
    databases = [Database(empty_url) for _ in range(4)]
    failures: list[BaseException] = []

    def migrate(database: Database) -> None:
        try:
            database.migrate()
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=migrate, args=[d]) for d in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {d.revision() for d in databases} == {databases[0].revision()}
    for database in databases:
        database.close()


def test_sqlite_is_set_up_so_that_nothing_is_lost(tmp_path: Path, sqlite_template: Path) -> None:
    database = Database(f"sqlite:///{sqlite_template}")
    with database.read() as session:
        pragmas = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "query_only")
        }
        with pytest.raises(OperationalError, match="readonly"):
            session.execute(text("DELETE FROM grid"))
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "query_only": 1}
    database.close()


def test_every_connection_of_the_writer_flushes_its_commits(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")

    def synchronous() -> int | None:
        with database.write() as session:
            return session.execute(text("PRAGMA synchronous")).scalar()

    assert synchronous() == 2
    database.migrate()
    assert synchronous() == 2
    with database.writer.connect() as connection:
        connection.invalidate()  # as after an error that no connection survives
    assert synchronous() == 2
    database.close()


def test_foreign_keys_are_enforced(database: Database) -> None:
    nowhere = Answer(
        grid_id=999, prompt_id=999, variant_id=999, provider="p", model="p/m", repeat=1
    )
    with database.write() as session:
        session.add(nowhere)
        with pytest.raises(IntegrityError):
            session.commit()


def test_second_runner_is_refused(database: Database, database_url: str) -> None:
    database.hold()
    second = Database(database_url)
    with pytest.raises(SettingsError, match="Another Bluffcheck is already using"):
        second.hold()
    database.close()
    second.hold()
    second.close()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_server_holds_its_database_again_after_its_connections_broke(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team, "RECONCILE_S", 0.2)
    with TestClient(create_app(settings)), closing(Database(settings.database_url)) as other:

        def ask(query: str) -> int:
            with other.write() as session:
                return int(session.execute(text(query)).scalar_one())

        holder = (
            "SELECT coalesce(max(pid), 0) FROM pg_locks JOIN pg_database ON pg_database.oid ="
            f" database WHERE datname = current_database() AND objid = {_RUNNING}"
        )
        first = ask(holder)
        ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        wait_for(lambda: ask(holder) not in (0, first), "that it holds it again")
        with pytest.raises(SettingsError, match="Another Bluffcheck is already using"):
            other.hold()


def test_reader_sees_one_moment(database: Database) -> None:
    def count(session: sqlalchemy.orm.Session) -> int:
        return int(session.execute(text("SELECT count(*) FROM reviewer")).scalar_one())

    with database.read() as reading:
        before = count(reading)
        with database.write() as writing:
            writing.execute(
                text(
                    "INSERT INTO reviewer (name, name_key, secret, created_at)"
                    " VALUES ('Ada', 'ada', 's', '2026-01-01 00:00:00+00:00')"
                )
            )
            writing.commit()
        assert count(reading) == before
    with database.read() as reading:
        assert count(reading) == before + 1


def test_grids_of_the_first_version_come_along(empty_url: str, tmp_path: Path) -> None:
    first_version(empty_url).close()

    app = create_app(Settings(database_url=empty_url, data_dir=tmp_path, discover=False))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        page = client.get("/api/grids/abc/answers").json()
    first, second, responses, chat = page["items"]
    # What was called before prices were known is priced now.
    assert [(a["text"], a["cost_usd"]) for a in (first, second)] == [("42", 0.0225), ("43", None)]
    assert first["cost_source"].startswith("list price genai-prices")
    # What was seen of thinking is judged as far as the old rows tell.
    assert (first["thinking_observed"], first["thinking_evidence"]) == ("unclear", "nothing")
    assert (chat["thinking_observed"], chat["thinking_evidence"]) == ("yes", "tokens")
    assert (first["thinking_mismatch"], chat["thinking_mismatch"]) == (
        "",
        "Thinking was to be off, and the answer shows signs of it.",
    )
    # OpenAI's two APIs changed names.
    assert [a["model"] for a in (chat, responses)] == ["openai-chat/gpt-5.2", "openai/gpt-5.2"]


def test_labels_from_before_tags_come_along(empty_url: str) -> None:
    old = first_version(empty_url, *LABELS_OF_0001)
    old.migrate()
    with old.write() as session:
        [label] = session.exec(select(Label)).all()
        assert (label.value, label.tags, label.decides) == (LabelValue.correct, [], False)
        [change] = session.exec(select(LabelChange)).all()
        assert (change.note, change.tags, change.decides) == ("sure", [], False)
        first = session.get_one(Answer, 1)
        assert (first.label, first.decided, first.tags) == (LabelValue.correct, False, "")
        # What held before the table was changed still does.
        session.add(Label(answer_id=1, reviewer_id=1))
        with pytest.raises(IntegrityError):
            session.flush()
        session.rollback()
        set_label(session, 1, session.get_one(Reviewer, 1), None, tags=["unverifiable"])
        session.commit()
    old.close()


def test_connection_in_use_while_the_database_is_closed_is_closed_when_it_comes_back(
    database: Database,
) -> None:
    with database.reader.connect() as connection:
        connection.execute(text("SELECT 1"))
        mine = connection.connection.dbapi_connection
        assert mine is not None
        database.close()
    with pytest.raises(Exception, match="closed"):
        mine.cursor().execute("SELECT 1")

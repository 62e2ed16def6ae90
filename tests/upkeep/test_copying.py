"""One database copied into another: nothing lost, nothing half done, nobody's data overwritten."""

import re
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from sqlalchemy import func, select, text
from sqlmodel import Session, SQLModel, col
from sqlmodel import select as sqlmodel_select

from app.__main__ import main
from app.db import Database
from app.errors import BluffcheckError
from app.migrating import upgrade
from app.people import logins
from app.people import members as people
from app.people.access import AccessInput, set_access
from app.people.audit import By
from app.people.tables import Role, Scope
from app.people.tokens import make_token
from app.prompts import PromptInput, save_prompt
from app.reviewing.labels import get_reviewer, set_label
from app.settings import Settings
from app.tables import Attempt, Grid, LabelValue, Prompt, Reviewer, now
from app.upkeep.copying import BATCH, Copied, copy_database
from tests.factories import answers_of, finish, new_grid, run_grid
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, running
from tests.serving import ROOT, plain_environ
from tests.support.postgres import PostgresServer
from tests.wire import WireServer
from tests.wire_scripts import Script

ODD = "Zürich 東京 🎂\u2028 e\u0301 \\N \\. \t'\"; -- %s {} \r\n" + "\x01\x7f ␀ \ufffd \ufeff"
LONG = ODD * 200
Dump = dict[str, list[dict[str, Any]]]
NewUrl = Callable[[str], str]


@pytest.fixture
def new_url(tmp_path: Path, postgres: PostgresServer) -> Iterator[NewUrl]:
    """Gives addresses of databases that are not there yet (SQLite) or empty (Postgres)."""
    urls: list[str] = []

    def new(kind: str) -> str:
        path = tmp_path / f"copy-{len(urls)}.db"
        urls.append(f"sqlite:///{path}" if kind == "sqlite" else postgres.create_database())
        return urls[-1]

    yield new
    for url in urls:
        if not url.startswith("sqlite"):
            postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, new_url: NewUrl) -> str:
    return new_url(request.param)


@pytest.fixture
def source(tmp_path: Path, sqlite_template: Path) -> str:
    """A SQLite database with one grid, half of it called, and a label."""
    path = tmp_path / "source.db"
    path.write_bytes(sqlite_template.read_bytes())
    with closing(Database(f"sqlite:///{path}")) as database, database.write() as session:
        first, second, *_ = answers_of(session, new_grid(session, title=ODD))
        finish(session, first, ODD)
        finish(session, second, "42")
        set_label(session, first.id, get_reviewer(session, "Ada"), LabelValue.correct, ODD)
        session.commit()
    return f"sqlite:///{path}"


def other(url: str) -> str:
    return "postgres" if url.startswith("sqlite") else "sqlite"


def copy(source: str, target: str) -> list[Copied]:
    return copy_database(source, target, lambda steps: lambda done: None)


def refusal(source: str, target: str) -> str:
    with pytest.raises(BluffcheckError) as refused:
        copy(source, target)
    return str(refused.value)


def dump(url: str) -> Dump:
    """All rows, as the program sees them, in an order of Python's own."""
    with closing(Database(url)) as database, database.read() as session:
        return {
            table.name: sorted(
                (dict(row._mapping) for row in session.execute(select(table))),
                key=lambda row: [row[key.name] for key in table.primary_key],
            )
            for table in SQLModel.metadata.sorted_tables
        }


def execute(url: str, *statements: str) -> None:
    with closing(Database(url)) as database, database.write() as session:
        for statement in statements:
            session.execute(text(statement))
        session.commit()


def set_up(url: str) -> None:
    with closing(Database(url)) as database:
        database.migrate()


def fill(client: TestClient) -> None:
    """Use everything the application has, with texts that could get lost."""
    prompt = {"text": f"Why? {ODD}", "references": [ODD, "1"], "tags": ["東京"], "answerable": "no"}
    models = ["practice/bluffer", "practice/flaky", "anthropic/Plain", "openai-chat/plain"]
    variants = [
        {"wording": "allowed", "thinking": "on", "temperature": 0.1, "system_prompt": ODD},
        {"wording": "as-published", "thinking": "off"},
    ]
    grid_id = run_grid(
        client, title=ODD, prompts=[prompt, {"text": "How many?"}], models=models,
        variants=variants, repeats=3, max_cost_usd=5.5,
    )  # fmt: skip
    done = [a for a in answers(client, grid_id) if a["outcome"] == "answered"]
    for number, answer in enumerate(done):
        for name in ("Ada", "Žofia 🎂")[: 1 + number % 2]:
            label = {"label": ["correct", "hallucinated"][number % 3 % 2], "reviewer": name}
            url = f"/api/answers/{answer['id']}/label"
            tags = ["hedged", "bad_reference"][: number % 3]
            more = {"note": ODD, "tags": tags, "decides": number % 5 == 4}
            assert client.put(url, json=label | more).status_code == 200
    unsure = {"label": None, "tags": ["unverifiable"], "reviewer": "Bob"}
    url = f"/api/answers/{done[1]['id']}/label"
    assert client.put(url, json=unsure).status_code == 200
    gone = {"reviewer": "Ada"}
    url = f"/api/answers/{done[0]['id']}/label"
    assert client.delete(url, params=gone).status_code == 204
    for model in ("openai-chat/plain", "openai-chat/Plain", "anthropic/plain"):
        client.post("/api/models/checks", json={"model": model}).raise_for_status()
    price = {"model": models[2], "input_usd": 0.1, "output_usd": 1e-7, "note": ODD}
    assert client.post("/api/prices", json=price).status_code == 201
    limit = {"calls": 3, "tokens_per_minute": 1_000_000}
    client.put("/api/limits/openai", json=limit).raise_for_status()
    frozen = {"of": "new", "hide": "notes"}
    assert client.post(f"/grids/{grid_id}/shares", data=frozen).status_code == 200


def fill_people(database_url: str) -> None:
    """Accounts and what belongs to them, as a team that logs in leaves them."""
    with closing(Database(database_url)) as database, database.write() as session:
        by = By(None, "127.0.0.1")
        secret = people.invite(session, by, Role.owner)
        member = people.join(session, by, secret, f"Olga {ODD[:10]}", "olga", "a password of hers")
        logins.begin(session, member.id, "127.0.0.1", ODD)
        logins.count_try(session, "olga", "127.0.0.1")
        make_token(session, by, member.account, "東京", Scope.run, 30)
        grid = session.exec(sqlmodel_select(Grid).limit(1)).one()
        set_access(session, by, grid, AccessInput(True, readers=frozenset({member.id})))
        session.commit()


def test_everything_arrives_in_the_other_database_and_comes_back(
    database_url: str, settings: Settings, wire: WireServer, new_url: NewUrl
) -> None:
    wire.handler = lambda request: Script(text=LONG, thinking=ODD)
    with running(settings, preflight_calls=12) as client:
        fill(client)
    fill_people(database_url)
    before = dump(database_url)
    there, back = new_url(other(database_url)), new_url("sqlite")

    copied = copy(database_url, there)

    assert sum(map(bool, before.values())) >= 23  # the tables that there are
    said = {(row["value"] is None, bool(row["tags"]), row["decides"]) for row in before["label"]}
    assert {(True, True, False), (False, True, True)} <= said
    assert {"decided", "tags"} <= set(before["answer"][0])
    assert {(one.table, one.rows, one.checked) for one in copied} == {
        (name, len(rows), len(rows)) for name, rows in before.items()
    }
    assert dump(there) == before
    copy(there, back)
    assert dump(back) == before
    assert dump(database_url) == before


def test_numbers_arrive_however_they_are_written(source: str, new_url: NewUrl) -> None:
    usage = '{"a": 1e+30, "b": 1e-07, "c": 0.1, "d": -0.0, "e": 12345678901234567890123}'
    execute(source, f"UPDATE attempt SET usage = '{usage}' WHERE id = 2")
    copy(source, new_url("postgres"))
    copy(source, new_url("sqlite"))


def test_copy_to_the_same_kind(source: str, new_url: NewUrl) -> None:
    there, further = new_url("postgres"), new_url("postgres")
    copy(source, there)
    copy(there, further)
    assert dump(further) == dump(source)


def test_server_goes_on_with_the_copy(source: str, target: str, settings: Settings) -> None:
    before = dump(source)
    copy(source, target)
    with running(settings, database_url=target) as client:
        [grid] = client.get("/api/grids").json()["items"]
        assert grid["title"] == ODD.strip()
        wait_until_done(client, grid["id"])  # two answers were still to be called
        first, *others = answers(client, grid["id"])
        assert first["text"] == ODD
        assert [a["state"] for a in others] == ["done"] * 3

        label = {"label": "hallucinated", "reviewer": "Bob"}
        url = f"/api/answers/{first['id']}/label"
        assert client.put(url, json=label).status_code == 200
        run_grid(client)
    after = dump(target)
    for name in ("reviewer", "grid", "answer", "attempt", "label", "label_change"):
        assert len(after[name]) > len(before[name])
        ids = [row["id"] for row in after[name]]
        assert ids == list(range(1, len(ids) + 1))
    assert after["prompt"][: len(before["prompt"])] == before["prompt"]


def test_what_was_shipped_into_the_target_gives_way(source: str, database_url: str) -> None:
    execute(
        source, "UPDATE prompt SET id = id + 1000 WHERE id NOT IN (SELECT prompt_id FROM answer)"
    )
    before = dump(source)
    assert before["prompt"] != dump(database_url)["prompt"]
    copy(source, database_url)
    assert dump(database_url) == before


def add_version(session: Session) -> None:
    key = session.scalars(select(col(Prompt.key))).first()
    save_prompt(session, PromptInput(text="Another question?"), key)


def archive(session: Session) -> None:
    session.get_one(Prompt, 2).archived_at = now()


def add_reviewer(session: Session) -> None:
    session.add(Reviewer(name="Bob", name_key="bob", secret="s"))


@pytest.mark.parametrize(
    ("use", "table"),
    [(add_version, "prompt"), (archive, "prompt"), (add_reviewer, "reviewer")],
)
def test_used_target_is_refused(
    source: str, database_url: str, use: Callable[[Session], None], table: str
) -> None:
    with closing(Database(database_url)) as database, database.write() as session:
        use(session)
        session.commit()
    before = dump(database_url)
    assert f"is in use already (table {table}): copy into" in refusal(source, database_url)
    assert dump(database_url) == before


def test_copying_twice_is_refused(source: str, target: str) -> None:
    copy(source, target)
    assert "is in use already" in refusal(source, target)
    assert dump(target) == dump(source)


@pytest.mark.parametrize("which", ["source", "target"])
def test_database_of_a_running_server_is_refused(
    which: str, database_url: str, new_url: NewUrl
) -> None:
    there = new_url(other(database_url))
    set_up(there)
    with closing(Database(database_url if which == "source" else there)) as used:
        used.hold()
        assert "is in use by another Bluffcheck: stop that first" in refusal(database_url, there)
    copy(database_url, there)


def test_older_source_is_refused_and_stays_as_it_was(database_url: str, new_url: NewUrl) -> None:
    old, there = new_url(other(database_url)), new_url("sqlite")
    with closing(Database(old)) as database, database.writer.begin() as connection:
        upgrade(connection, "0002")
    said = refusal(old, there)
    assert re.search(r"older Bluffcheck \(.* at 0002, .* at \d{4}\): start the server on it", said)
    with closing(Database(old)) as database:
        assert database.revision() == "0002"
    assert not Path(there.removeprefix("sqlite:///")).exists()
    copy(database_url, old)  # as a target it is brought up to date
    assert dump(old) == dump(database_url)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_newer_database_is_refused(kind: str, source: str, new_url: NewUrl) -> None:
    newer = new_url(kind)
    set_up(newer)
    execute(newer, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer Bluffcheck (its tables are at 9999)" in refusal(newer, new_url("sqlite"))
    assert "comes from a newer Bluffcheck: copy into another" in refusal(source, newer)


def test_what_is_no_database_is_said(
    source: str, tmp_path: Path, postgres: PostgresServer, new_url: NewUrl
) -> None:
    there, missing = str(tmp_path / "new.db"), tmp_path / "no" / "such.db"
    assert refusal(str(missing), there) == f"There is no database {missing}."
    assert not missing.parent.exists()
    assert "cannot be copied to itself" in refusal(source, source.removeprefix("sqlite:///"))
    assert "'bluff' is neither the path of a .db file nor" in refusal("bluff", there)
    assert "only sqlite:/// and postgresql://" in refusal("mysql://me:secret@host/x", there)
    assert "sqlite:// names no file" in refusal(source, "sqlite://")
    assert "holds no data of Bluffcheck" in refusal(new_url("postgres"), there)
    list_ = tmp_path / "list.db"
    list_.write_bytes(b"a shopping list " * 1000)
    assert f"Cannot read {list_}: file is not a database" in refusal(str(list_), there)
    assert f"Cannot set up {list_}: file is not a database" in refusal(source, str(list_))
    assert list_.read_bytes() == b"a shopping list " * 1000
    assert not Path(there).exists()


def test_postgres_that_cannot_be_reached_is_said_without_its_password(
    source: str, postgres: PostgresServer
) -> None:
    said = refusal(source, "postgresql://me:secret@127.0.0.1:1/none?password=secret")
    assert said.startswith("Cannot open postgresql://me:***@127.0.0.1:1/none: ")
    assert "refused" in said
    assert said.count("secret") == 0
    nowhere = postgres.admin.set(database="nowhere", password="secret")
    said = refusal(source, nowhere.render_as_string(hide_password=False))
    assert 'database "nowhere" does not exist' in said
    assert "secret" not in said


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_interruption_leaves_the_target_as_it_was(
    source: str, database_url: str, share: float
) -> None:
    before = dump(database_url)
    steps = done = 0

    def started(count: int) -> Callable[[int], None]:
        nonlocal steps
        steps = count
        return advance

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if done > share * steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_database(source, database_url, started)
    assert steps
    assert dump(database_url) == before
    copy(source, database_url)
    assert dump(database_url) == dump(source)


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Tests in the background of a shell ignore it, and so would all that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_leaves_the_target_as_it_was(
    source: str, new_url: NewUrl, postgres: PostgresServer
) -> None:
    """The command waits in the middle, since a trigger wants what this test has locked."""
    target = new_url("postgres")
    set_up(target)
    execute(target, *on_insert("label", "PERFORM pg_advisory_xact_lock(42); RETURN NEW;"))
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with closing(Database(target)) as database, database.read() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(42)"))
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "copy", source, target],
            cwd=ROOT,
            env=plain_environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: session.execute(waiting).scalar(), "the lock")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert "Aborted!" in err
    assert "Traceback" not in err
    assert not any(dump(target).values())


def on_insert(table: str, body: str) -> list[str]:
    """A trigger of Postgres."""
    return [
        f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f'CREATE TRIGGER meddle BEFORE INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION meddle()',
    ]


TAGS = """'["x"]'"""
NEW_REVIEWER = "INSERT INTO reviewer SELECT 77, 'x', 'x', 'x', created_at FROM reviewer;"


@pytest.mark.parametrize(
    ("table", "on_sqlite", "on_postgres", "found"),
    [
        (
            "attempt",
            "UPDATE attempt SET text = 'x' WHERE id = 2;",
            "IF NEW.id = 2 THEN NEW.text = 'x'; END IF; RETURN NEW;",
            "table attempt, row id 2: text. Nothing",
        ),
        (
            "prompt",
            f"UPDATE prompt SET tags = {TAGS}, version = 9 WHERE id = 3;",
            f"IF NEW.id = 3 THEN NEW.tags = {TAGS}; NEW.version = 9; END IF; RETURN NEW;",
            "table prompt, row id 3: version, tags. Nothing",
        ),
        (
            "label_change",
            "DELETE FROM label_change;",
            "RETURN NULL;",
            "table label_change, row id 1: it is missing. Nothing",
        ),
        (
            "label",
            NEW_REVIEWER,
            f"{NEW_REVIEWER} RETURN NEW;",
            "table reviewer, row id 77: it should not be there. Nothing",
        ),
    ],
    ids=["a text", "JSON", "a row that is lost", "a row too many"],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_row_that_arrives_changed_is_found(
    source: str,
    new_url: NewUrl,
    kind: str,
    table: str,
    on_sqlite: str,
    on_postgres: str,
    found: str,
) -> None:
    target = new_url(kind)
    set_up(target)
    if kind == "sqlite":
        execute(target, f"CREATE TRIGGER meddle AFTER INSERT ON {table} BEGIN {on_sqlite} END")
    else:
        execute(target, *on_insert(table, on_postgres))
    assert found in refusal(source, target)
    assert not any(dump(target).values())


def test_what_postgres_does_not_take_is_named_and_not_shown(source: str, new_url: NewUrl) -> None:
    target = new_url("postgres")
    execute(source, "UPDATE attempt SET text = 'private' || char(0) WHERE id = 2")
    said = refusal(source, target)
    assert said.startswith("Table attempt cannot be copied, and nothing was: ")
    assert "0x00" in said
    assert "private" not in said
    execute(source, "UPDATE attempt SET text = '', usage = '\"private\\u0000\"' WHERE id = 2")
    said = refusal(source, target)
    assert "(line 2, column usage)" in said
    assert "private" not in said
    assert not any(dump(target).values())


@pytest.mark.parametrize("target", ["postgres"], indirect=True)  # there, and back
def test_memory_stays_flat(source: str, target: str, new_url: NewUrl) -> None:
    rows, size = 20 * BATCH, 20_000
    with closing(Database(source)) as database, database.write() as session:
        count = session.scalar(select(func.max(Attempt.number))) or 0
        columns = [c.name for c in SQLModel.metadata.tables["attempt"].columns]
        given = {"id": "1000 + n", "number": f"{count} + n", "text": f"hex(zeroblob({size // 2}))"}
        session.execute(
            text(
                f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})"
                f" INSERT INTO attempt ({', '.join(columns)})"
                f" SELECT {', '.join(given.get(name, name) for name in columns)}"
                " FROM attempt, c WHERE id = 1"
            )
        )
        session.commit()
    for start, end in ((source, target), (target, new_url("sqlite"))):
        tracemalloc.start()
        copied = copy(start, end)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert {one.table: one.checked for one in copied}["attempt"] == rows + 2
        assert peak < rows * size / 2


def test_command_prints_what_was_copied(source: str, target: str) -> None:
    result = CliRunner().invoke(main, ["copy", source, target])
    assert (result.exit_code, result.stderr) == (0, "")
    first, *lines, last = result.stdout.splitlines()
    assert re.split(r"\s{2,}", first) == ["table", "rows copied", "rows checked"]
    told = {name: (rows, checked) for name, rows, checked in map(str.split, lines)}
    assert told == {name: (str(len(rows)),) * 2 for name, rows in dump(source).items()}
    assert last.endswith(f"now holds everything of {source.removeprefix('sqlite:///')}.")


def test_command_refuses_with_a_sentence(source: str, target: str) -> None:
    result = CliRunner().invoke(main, ["copy", source, source])
    assert result.exit_code == 1
    assert re.fullmatch(r"Error: \S+ cannot be copied to itself\.\n", result.output)
    assert CliRunner().invoke(main, ["copy", source]).exit_code == 2

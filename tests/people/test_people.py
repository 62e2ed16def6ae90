"""Accounts without the web: the command line, and what holds when two do it at once."""

import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.__main__ import main
from app.db import Database
from app.errors import BluffcheckError, Conflict, Gone, InvalidInput
from app.grid.look import Look
from app.grid.shape import load_shape
from app.people import members as people
from app.people import personal
from app.people.audit import By
from app.people.credentials import fits, hash_password
from app.people.tables import Role
from app.results.agreement import load_agreement
from app.results.choice import Choice
from app.results.report import load_report
from app.reviewing.labels import get_reviewer, set_label
from app.tables import Grid, LabelValue
from tests.factories import answers_of
from tests.forking import app_server
from tests.polling import wait_for
from tests.results.labelled import labelled_grid


def owner(database: Database, name: str) -> int:
    with database.write() as session:
        reviewer = get_reviewer(session, name)
        people.add_account(session, By(), reviewer, name, Role.owner)
        session.commit()
        return reviewer.id


def at_once(*acts: object) -> list[str]:
    """What each of these said that was refused."""
    refused: list[str] = []

    def run(act: object) -> None:
        try:
            act()  # type: ignore[operator]
        except BluffcheckError as exc:
            refused.append(type(exc).__name__)

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_of_two_owners_who_step_down_at_once_one_stays(database: Database) -> None:
    ids = [owner(database, name) for name in ("Ada", "Bob")]

    def step_down(reviewer_id: int) -> None:
        with database.write() as session:
            people.set_role(session, By(), reviewer_id, Role.reader)
            session.commit()

    refused = at_once(lambda: step_down(ids[0]), lambda: step_down(ids[1]))
    assert refused == ["Conflict"]
    with database.read() as session:
        roles = sorted(member.account.role for member in people.members(session))
    assert roles == [Role.owner, Role.reader]


def test_a_link_works_once_also_at_once(database: Database) -> None:
    with database.write() as session:
        secret = people.invite(session, By(), Role.reader)
        session.commit()

    def follow(name: str) -> None:
        with database.write() as session:
            people.join(session, By(), secret, name, name, "a password of theirs")
            session.commit()

    assert at_once(lambda: follow("Ada"), lambda: follow("Bob")) == ["Gone"]
    with database.read() as session:
        assert len(people.members(session)) == 1


def test_labels_of_before_go_to_whom_they_were_meant_for(database: Database) -> None:
    with database.write() as session:
        ada = get_reviewer(session, "Ada").id
        session.commit()
    with database.write() as session:
        secret = people.invite(session, By(), Role.reviewer)
        with pytest.raises(Conflict, match="a reviewer called Ada already"):
            people.join(session, By(), secret, "ADA", "eve", "a password of hers")
        session.rollback()
    with database.write() as session:
        secret = people.invite(session, By(), Role.reviewer, ada)
        member = people.join(session, By(), secret, "", "ada@example.org", "a password of hers")
        assert (member.id, member.reviewer.name) == (ada, "Ada")
        with pytest.raises(Gone):
            people.open_invite(session, secret)
        # A name that a proxy says is nobody's of before.
        named = people.welcome(session, By(), "ada", Role.reader)
        assert (named.id != ada, named.reviewer.name) == (True, "ada 2")


def test_whom_a_proxy_names_is_nobody_who_is_only_written_alike(database: Database) -> None:
    with database.write() as session:
        ada = people.welcome(session, By(), "Ada@Example.org", Role.owner)
        strauss = people.welcome(session, By(), "strauss", Role.reader)
        for named, member in (
            ("ada@EXAMPLE.org ", ada), ("ａda@example.org", None), ("ªda@example.org", None),
            ("STRAUSS", strauss), ("strauß", None), ("ſtrauss", None),
        ):  # fmt: skip
            found = people.member_named(session, named)
            assert (found and found.id) == (member and member.id), named
        link = people.invite(session, By(), Role.owner)
        with pytest.raises(Conflict):
            people.join(session, By(), link, "Eve", "strauß", None)
        assert strauss.account.role is Role.reader


def test_passwords_that_are_easy_to_guess_are_refused() -> None:
    for password in ("short", "x" * 201, "aaaaaaaaaaaa", "Ada Lovelace", "ADA@EXAMPLE.ORG"):
        with pytest.raises(InvalidInput):
            hash_password(password, "Ada Lovelace", "ada@example.org")
    kept = hash_password("über 10 Zeichen ✓")
    assert "Zeichen" not in kept
    assert fits("über 10 Zeichen ✓", kept)
    for wrong, hashed in (("über 10 Zeichen", kept), ("x" * 12, ""), ("x", "nonsense"), ("", kept)):
        assert not fits(wrong, hashed)


def test_start_prints_a_link_for_the_first_owner(tmp_path: Path) -> None:
    with app_server(tmp_path, {"BLUFFCHECK_LOGIN": "password"}) as process:
        link = wait_for(lambda: re.search(r"http://\S+/invites/\S+", process.text), "the link")[0]
        with urllib.request.urlopen(link, timeout=20) as page:
            assert "The first owner" in page.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            process.get("/api/grids")


def test_command_line_invites_beside_a_server(tmp_path: Path, sqlite_template: Path) -> None:
    path = tmp_path / "bluffcheck.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    owner(database, "Ada")

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, ["people", *words, "--data-dir", str(tmp_path)])
        return f"{done.exit_code} {done.output}"

    assert "Ada   Ada         owner  open" in run("list")
    said = run("invite", "--role", "owner")
    secret = said.strip().rpartition("/invites/")[2]
    with database.read() as session:
        assert people.open_invite(session, secret).role is Role.owner
        member = people.members(session)[0]
    reset = run("invite", "--for", "ada").strip().rpartition("/invites/")[2]
    with database.read() as session:
        assert people.open_invite(session, reset).reviewer_id == member.id
    assert run("invite", "--for", "Eve").startswith("1 Error: There is no reviewer called Eve.")
    assert run("invite", "--for", "").startswith("1 Error: There is no reviewer called")  # $NAME
    database.close()


def test_whoever_is_removed_is_not_named_by_what_was_read_of_a_grid_before(
    database: Database,
) -> None:
    with database.write() as session:
        grid = labelled_grid(session, {"bluffer off allowed": ["CH"]})
        boris = get_reviewer(session, "Boris")
        for answer in answers_of(session, grid):
            set_label(session, answer.id, boris, LabelValue.correct)
        session.commit()

    def seen(name: str) -> tuple[tuple[str, str], int]:
        with database.read() as session:
            here = session.get_one(Grid, grid.id)
            [pair] = load_agreement(session, load_report(session, here, Choice())).pairs
            return pair.names, load_shape(session, here, Look(by=name)).matches.counts["all"]

    assert seen("Boris") == (("Ada", "Boris"), 2)
    with database.write() as session:
        name = personal.remove(session, By(), get_reviewer(session, "Boris"))
        session.commit()
    assert seen("Boris") == (("Ada", name), 0)
    assert seen(name) == (("Ada", name), 2)

"""The library: what ships, and that an edit never changes what was sent before."""

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlmodel import func, select

from app.db import Database
from app.errors import Conflict, InvalidInput, NotFound
from app.prompts import (
    PromptInput,
    WordingInput,
    _add,
    archive,
    current_wording,
    example_keys,
    library,
    prompt_versions,
    save_prompt,
    save_wording,
    ship,
    wordings,
)
from app.tables import Prompt, Wording
from tests.factories import run_grid


def test_shipping_twice_adds_nothing(database: Database) -> None:
    with database.write() as session:
        ship(session)
        session.commit()
        assert session.exec(select(func.count()).select_from(Prompt)).one() == 7
        assert session.exec(select(func.count()).select_from(Wording)).one() == 8
        assert [p.key for p in library(session)[:3]] == example_keys()


def test_saving_the_same_prompt_again_reuses_it(database: Database) -> None:
    with database.write() as session:
        first = save_prompt(session, PromptInput(text="Why?", references=["because", ""]))
        again = save_prompt(session, PromptInput(text=" Why? ", references=["because"]))
        other = save_prompt(session, PromptInput(text="Why?"))
        assert again.id == first.id != other.id


def test_edit_adds_a_version(database: Database) -> None:
    with database.write() as session:
        save_prompt(session, PromptInput(text="How many Ds in DEEPSEEK?"), "deepseek-ds")
        versions = prompt_versions(session, "deepseek-ds")
        assert [v.version for v in versions] == [2, 1]
        assert versions[1].text.startswith("How many Ds are in DEEPSEEK?")
        assert [p.version for p in library(session) if p.key == "deepseek-ds"] == [2]
        with pytest.raises(NotFound):
            save_prompt(session, PromptInput(text="x"), "no-such-key")


def test_grid_keeps_the_wording_it_used(client: TestClient) -> None:
    before = run_grid(client)
    edited = client.post(
        "/library/wordings/allowed",
        data={"title": "allowed", "opt_out": "You may pass.", "may_abstain": "on"},
        follow_redirects=False,
    )
    assert edited.status_code == 303
    after = run_grid(client)

    def variant(grid_id: str) -> tuple[int, str]:
        found = client.get(f"/api/grids/{grid_id}").json()["variants"][0]
        return found["wording_version"], found["opt_out"]

    assert variant(before)[0] == 1
    assert variant(before)[1].startswith("If you are not sure")
    assert variant(after) == (2, "You may pass.")


def test_archived_rows_leave_the_library_and_come_back(database: Database) -> None:
    with database.write() as session:
        row = prompt_versions(session, "spell-ls")[0]
        archive(row)
        session.flush()
        assert "spell-ls" not in [p.key for p in library(session)]
        archive(row, restore=True)
        session.flush()
        assert "spell-ls" in [p.key for p in library(session)]


def test_wording_that_would_stand_at_the_address_of_a_new_one_is_refused(
    client: TestClient,
) -> None:
    typed = {"title": "New", "opt_out": "You may pass."}
    page = client.post("/library/wordings/new", data=typed)
    assert page.status_code == 422
    assert "Give another." in page.text
    assert "You may pass.</textarea>" in page.text
    assert 'href="/library/wordings/new">New<' not in client.get("/library").text
    client.post("/library/wordings/new", data={**typed, "title": "New one"})
    assert "Edit a wording" in client.get("/library/wordings/new-one").text


def test_wording_is_not_called_like_another_one(database: Database) -> None:
    with database.write() as session:
        mine = save_wording(session, WordingInput(title="Mine", opt_out="Pass."))
        with pytest.raises(InvalidInput, match="another wording called “Allowed”"):
            save_wording(session, WordingInput(title="Allowed", opt_out="Pass."), mine.slug)
        again = save_wording(session, WordingInput(title="MINE", opt_out="Pass."), mine.slug)
        assert (again.slug, again.title, again.version) == ("mine", "MINE", 2)


def test_version_somebody_else_just_added_is_a_conflict(database: Database) -> None:
    with database.write() as session:
        session.add(Prompt(key="spell-ls", version=2, text="Theirs"))
        session.flush()
        ours = Prompt(key="spell-ls", version=2, text="Ours")
        with pytest.raises(Conflict, match="a moment ago"):
            _add(session, ours)
        assert prompt_versions(session, "spell-ls")[0].text == "Theirs"


@pytest.mark.parametrize("name", ["not-mentioned", "Not mentioned", "not_mentioned"])
def test_wordings_are_found_as_people_write_them(database: Database, name: str) -> None:
    with database.read() as session:
        assert current_wording(session, name).slug == "not-mentioned"


def test_unknown_wording_names_the_known_ones(database: Database) -> None:
    with database.read() as session, pytest.raises(InvalidInput, match="target-90"):
        current_wording(session, "polite")


def test_new_wording_gets_its_own_name(database: Database) -> None:
    with database.write() as session:
        new = save_wording(session, WordingInput(title="Bet your house!", opt_out="Bet."))
        assert (new.slug, new.version) == ("bet-your-house", 1)
        assert wordings(session)[-1].slug == "bet-your-house"
        with pytest.raises(InvalidInput, match="already a wording"):
            save_wording(session, WordingInput(title="bet your house", opt_out="Bet."))
        with pytest.raises(InvalidInput, match="letters or digits"):
            save_wording(session, WordingInput(title="!?"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"text": "  "}, "needs a text"),
        ({"text": "a\0b"}, "NUL character"),
        ({"text": "a\ud800b"}, "unicode"),
        ({"text": "x" * 50_001}, "at most 50000"),
        ({"text": "x", "colour": "red"}, "not permitted"),
    ],
)
def test_unusable_prompts_are_refused(fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        PromptInput(**fields)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": "t", "opt_out": "{penalty}"}, "needs a target"),
        ({"title": "t", "target": 1}, "less than 1"),
        ({"title": ""}, "at least 1"),
    ],
)
def test_unusable_wordings_are_refused(fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        WordingInput(**fields)

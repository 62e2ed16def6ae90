"""The audit log, and what is kept of one person."""

import csv
import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from app.db import Database
from app.people.audit import ACTIONS, By, note
from app.reviewing.labels import get_reviewer, reviewer_by_secret
from app.settings import Settings
from app.tables import Reviewer
from tests.factories import run_grid
from tests.team import Someone, Team, team


def logged(who: Someone, query: str = "") -> list[dict[str, str]]:
    response = who.get(f"/audit.csv{query}")
    assert response.status_code == 200
    return list(csv.DictReader(response.text.splitlines()))


def test_lines_cannot_be_changed_or_removed(database: Database) -> None:
    with database.write() as session:
        note(session, By(), "login failed")
        session.commit()
    for statement in ("UPDATE audit SET action = ''", "DELETE FROM audit"):
        with database.write() as session, pytest.raises(DBAPIError, match="only added to"):
            session.execute(text(statement))


def act(t: Team) -> tuple[str, int]:
    """Do what is logged: a grid and an answer of it."""
    grid_id = run_grid(t.alice)
    answer = t.bob.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["id"]
    here = f"/grids/{grid_id}"
    label = {"value": "correct", "note": "=1+1"}
    price = {"model": "openai/gpt-5.2", "input_usd": 1, "output_usd": 2}
    for who, method, url, data in (
        (t.bob, "PUT", f"/answers/{answer}/label", label),
        (t.bob, "POST", f"/answers/{answer}/label", {"value": "none"}),
        (t.bob, "PUT", f"/answers/{answer}/label", label),
        (t.alice, "POST", f"/answers/{answer}/decision", {"value": "abstained"}),
        (t.alice, "POST", f"{here}/shares", {}),
        (t.alice, "POST", f"{here}/shares/1/revocation", {}),
        (t.carol, "GET", f"{here}/export.csv", None),
        (t.carol, "GET", "/library/export.csv", None),
        (t.alice, "POST", "/models/prices", {name: str(v) for name, v in price.items()}),
        (t.alice, "POST", "/models/prices/removal", {"price": "1"}),
        (t.alice, "POST", "/models/limits", {"account": "openai", "calls": "3"}),
        (t.alice, "POST", f"{here}/cancellation", {}),
        (t.alice, "POST", f"{here}/ceiling", {"max_calls": "100"}),
        (t.alice, "POST", f"/people/{t.dave.id}/role", {"role": "reader"}),
        (t.alice, "POST", f"/people/{t.dave.id}/deactivation", {}),
        (t.bob, "POST", "/me/tokens", {"name": "CI", "scope": "read", "days": "7"}),
    ):
        done = who.request(method, url, data=data)
        assert done.status_code in (200, 303), (url, done.text)
    return grid_id, answer


def test_who_did_what_and_a_person_is_given_all_and_removed(settings: Settings) -> None:
    with team(settings) as t:
        grid_id, answer = act(t)
        said = [(line["who"], line["action"], line["subject"]) for line in logged(t.alice)]
        said.reverse()
        begins = said.index(("Alice", "grid started", grid_id))
        assert said[begins + 1 :] == [
            ("Bob", "label", str(answer)),
            ("Bob", "label cleared", str(answer)),
            ("Bob", "label", str(answer)),
            ("Alice", "decision", str(answer)),
            ("Alice", "shared", grid_id),
            ("Alice", "share revoked", grid_id),
            ("Carol", "export", grid_id),
            ("Carol", "export", ""),
            ("Alice", "price added", "openai/gpt-5.2"),
            ("Alice", "price removed", "openai/gpt-5.2"),
            ("Alice", "limit", "openai"),
            ("Alice", "grid cancelled", grid_id),
            ("Alice", "ceiling", grid_id),
            ("Alice", "role", str(t.dave.id)),
            ("Alice", "deactivated", str(t.dave.id)),
            ("Bob", "token made", "1"),
            ("Alice", "export", ""),  # this log
        ]
        assert {action for _, action, _ in said} <= set(ACTIONS)
        assert {line["address"] for line in logged(t.alice, f"?who={t.bob.id}&action=label")} == {
            "testclient"
        }
        assert [line["who"] for line in logged(t.alice, f"?kind=grid&subject={grid_id}")][:1] == [
            "Alice"
        ]
        page = t.alice.get("/audit").text
        assert f'href="/grids/{grid_id}"' in page
        assert "Dave" in page
        with t.services.database.write() as session:
            for _ in range(130):
                note(session, By(t.carol.id), "export", "grid", grid_id)
            session.commit()
        first = t.alice.get(f"/audit?who={t.carol.id}").text
        assert first.count("<tr><td") == 100
        number = first.partition("before=")[2].partition('"')[0]
        assert t.alice.get(f"/audit?who={t.carol.id}&before={number}").text.count("<tr><td") > 30
        for query in ("?who=x", "?before=0"):
            assert t.alice.get(f"/audit{query}").status_code == 422

        # Bob gets all that is kept of him, and goes.
        data = t.bob.get("/me/data.json").json()
        assert (data["account"]["login"], data["reviewer"]["name"]) == ("Bob@example.org", "Bob")
        assert [(la["grid"], la["note"]) for la in data["labels"]] == [(grid_id, "=1+1")]
        assert len(data["label_changes"]) == 3
        assert [(one["name"], one["scope"]) for one in data["tokens"]] == [("CI", "read")]
        assert [line["action"] for line in data["audit"]][-2:] == ["label", "token made"]
        assert len(data["sessions"]) == 1
        for secret in ("secret", "hash"):
            assert secret not in json.dumps(data)
        page = t.bob.get("/me").text
        assert f"Reviewer {t.bob.id}" in page
        assert "?by=Bob" in t.alice.get(f"/grids/{grid_id}").text
        assert t.bob.post("/me/removal", data={"login": "no"}).status_code == 403
        assert t.bob.post("/me/removal", data={"login": "bob@EXAMPLE.org"}).status_code == 303
        assert t.bob.get("/me").status_code == 401
        assert t.alice.post("/me/removal", data={"login": "Alice@example.org"}).status_code == 409
        grid = f"/grids/{grid_id}"
        for url in ("/people", "/audit", grid, f"{grid}/answers/{answer}", "/audit.csv"):
            text_ = t.alice.get(url).text
            assert "Bob" not in text_, url
        labels = t.alice.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["labels"]
        assert (f"Reviewer {t.bob.id}", "correct") in {
            (la["reviewer"], la["label"]) for la in labels
        }
        with t.services.database.read() as session:
            gone = session.get_one(Reviewer, t.bob.id)
            assert reviewer_by_secret(session, gone.secret) is not None
            assert not session.exec(select(Reviewer).where(Reviewer.name_key == "bob")).first()

        # Reviewer of before there were accounts, too.
        with t.services.database.write() as session:
            old = get_reviewer(session, "Olga").id
            session.commit()
        data = t.alice.get(f"/people/{old}/data.json").json()
        assert (data["reviewer"]["name"], data["account"]) == ("Olga", None)
        assert t.alice.post(f"/people/{old}/removal", data={"sure": "1"}).status_code == 303
        assert "Olga" not in t.alice.get("/people").text
        assert t.alice.get("/people/999/data.json").status_code == 404

        # An owner removes somebody else, and has to mean it.
        url = f"/people/{t.carol.id}/removal"
        assert t.alice.post(url).status_code == 422
        assert t.alice.post(url, data={"sure": "1"}).status_code == 303
        assert t.carol.get("/").status_code == 401


def test_name_of_a_person_who_is_removed_stands_nowhere_any_more(settings: Settings) -> None:
    with team(settings) as t:
        assert t.alice.post(f"/people/{t.dave.id}/role", data={"role": "owner"}).status_code == 303
        grid_id = run_grid(t.dave)
        assert t.dave.post(f"/grids/{grid_id}/shares", data={"of": "new"}).status_code == 303
        table = "question,model,answer\nWhy?,some/model,Because\n"
        brought = t.dave.post("/api/grids/import?dry_run=false", content=table)
        [imported] = [grid["id"] for grid in brought.json()["imported"]]
        pages = ("/people", f"/grids/{grid_id}/shares", f"/grids/{imported}")
        for url in pages:
            assert "Dave" in t.alice.get(url).text, url
        data = t.dave.get("/me/data.json").json()
        assert [one["number"] for one in data["snapshots"]] == [1]
        assert len(data["imports"]) == 1
        gone = t.alice.post(f"/people/{t.dave.id}/removal", data={"sure": "1"})
        assert gone.status_code == 303
        for url in (*pages, f"/grids/{imported}/export.jsonl", f"/grids/{imported}/export.html"):
            page = t.alice.get(url)
            assert (page.status_code, "Dave" in page.text) == (200, False), url

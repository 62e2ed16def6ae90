"""Grids that are reviewed blind by rule, or labelled by named people only."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete
from sqlmodel import select

from app.people.access import AccessInput, set_access
from app.people.audit import By
from app.people.tables import GridAccess, Role
from app.settings import Settings
from app.sharing.snapshots import take_snapshot
from app.tables import Grid
from app.web.deps import grid_to_review_at
from tests.factories import run_grid
from tests.routes import all_routes, calls, filled, role_of
from tests.team import Someone, Team, team


def let(t: Team, grid_id: str, **access: object) -> None:
    with t.services.database.write() as session:
        grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
        set_access(session, By(t.alice.id), grid, AccessInput(**access))  # type: ignore[arg-type]
        session.commit()


def label_next(who: Someone, grid_id: str) -> bool:
    """Label what the review shows first, as a form does; False where nothing is left."""
    page = who.get(f"/grids/{grid_id}/review?seed=1")
    action = re.search(r'class="review-form" method="post" action="([^"]+)"', page.text)
    if not action:
        return False
    url = action[1].replace("&amp;", "&")
    assert who.post(url, data={"value": "correct"}).status_code == 303
    return True


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_blind_by_rule_there_is_no_way_around(settings: Settings) -> None:
    with team(settings) as t:
        grid_id, other = run_grid(t.alice, title="Which one"), run_grid(t.alice)
        answers = t.alice.get(f"/api/grids/{grid_id}/answers").json()["items"]
        first = answers[0]["id"]
        label = {"label": "hallucinated", "note": "says Alice"}
        assert t.alice.put(f"/api/answers/{first}/label", json=label).status_code == 200
        assert t.bob.get(f"/grids/{grid_id}").status_code == 200
        let(t, grid_id, blind=True)

        # Whatever names the grid or an answer of it is closed, but its review.
        closed = []
        for route in all_routes():
            path, needed = str(route.path), role_of(route)
            named = "{grid_id}" in path or "{answer_id}" in path
            if not named or needed is None or not Role.reviewer.covers(needed):
                continue
            if grid_to_review_at in calls(route.dependant):
                continue
            url = filled(path, {"grid_id": grid_id, "answer_id": first})
            for method in route.methods or ():
                assert t.bob.request(method, url).status_code == 403, url
                closed.append(url)
        assert len(closed) > 30
        page = t.bob.get(f"/grids/{grid_id}", headers={"Accept": "text/html"})
        assert page.headers["location"] == f"/grids/{grid_id}/review"
        assert t.bob.get(f"/grids/{other}/comparison?with={grid_id}").status_code == 403
        with t.services.database.write() as session:
            grid = session.exec(select(Grid).where(Grid.public_id == grid_id)).one()
            snapshot = session.get_one(Grid, take_snapshot(session, grid.id).grid_id).public_id
            session.commit()
        for path in (f"/grids/{snapshot}", f"/grids/{snapshot}/export.csv"):
            assert t.bob.get(path).status_code == 403
            assert t.alice.get(path).status_code == 200

        # Lists tell nothing of its labels, and the review nothing of what it hides.
        assert [g["id"] for g in t.bob.get("/api/grids").json()["items"]] == [other]
        home = t.bob.get("/").text
        assert f'href="/grids/{grid_id}/review"' in home
        assert "once you are done" in home
        for asked in ("", "&blind=0", "&blind=0&way=informative", "&label=hallucinated&blind=0"):
            page = t.bob.get(f"/grids/{grid_id}/review?seed=1{asked}")
            assert page.status_code == 200
            for hidden in ("practice/", "bluffer", "honest", "allowed", "says Alice", "label=hall"):
                assert hidden not in page.text, (asked, hidden)
            assert f"of {len(answers)}" in page.text  # the filter leaves out nothing
            assert "Blind by rule" in page.text

        # A reader, who cannot label, and an owner see it all. One who is done does too.
        for who in (t.carol, t.alice):
            assert "practice/bluffer" in who.get(f"/grids/{grid_id}").text
        labelled = 0
        while label_next(t.bob, grid_id):
            labelled += 1
        assert labelled == len(answers)
        assert "practice/bluffer" in t.bob.get(f"/grids/{grid_id}").text
        assert t.dave.get(f"/grids/{grid_id}").status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_stream_is_looked_at_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.grids.CHECKED_EVERY_S", 0.1)
    with team(settings) as t:
        grid_id = run_grid(t.alice)
        url = f"/grids/{grid_id}/events?stay=1"
        assert t.bob.get(url).status_code == 200  # which would last as long as the page is open
        let(t, grid_id, named_readers=True)
        assert t.bob.get(url).status_code == 404


def test_named_people_label_and_nobody_labels_for_others(settings: Settings) -> None:
    with team(settings) as t:
        grid_id = run_grid(t.alice)
        [answer, *_] = [
            a["id"] for a in t.alice.get(f"/api/grids/{grid_id}/answers").json()["items"]
        ]
        let(t, grid_id, named_labellers=True, labellers=frozenset({t.bob.id}))
        for who, status in ((t.alice, 200), (t.bob, 200), (t.dave, 403), (t.carol, 403)):
            assert who.get(f"/grids/{grid_id}").status_code == 200
            assert (
                who.put(f"/answers/{answer}/label", data={"value": "correct"}).status_code == status
            )
            assert who.get(f"/grids/{grid_id}/review?seed=1").status_code == status
            for shown in ("", f"/answers/{answer}", "/conflicts"):  # without forms, by style
                [main] = re.findall(r"<main[^>]*>", who.get(f"/grids/{grid_id}{shown}").text)
                assert ('data-role="reader"' in main) is (status == 403)
        url = f"/api/answers/{answer}/label"
        assert t.bob.put(url, json={"label": "abstained", "reviewer": "Alice"}).status_code == 403
        assert t.bob.put(url, json={"label": "abstained", "reviewer": "bob"}).status_code == 200
        assert t.bob.post("/reviewer", data={"name": "Alice"}).status_code == 404
        said = t.alice.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["labels"]
        assert {(la["reviewer"], la["label"]) for la in said} == {
            ("Alice", "correct"), ("Bob", "abstained"),
        }  # fmt: skip
        page = t.alice.get(f"/grids/{grid_id}/access").text
        assert "Alice started it." in page
        assert f'name="labels" value="{t.bob.id}" checked' in page
        gone = {"labellers": "named", "labels": "999"}
        assert t.alice.post(f"/grids/{grid_id}/access", data=gone).status_code == 422


def test_what_named_people_are_not_alone_with_is_told(settings: Settings) -> None:
    with team(settings) as t:
        grid_id = run_grid(t.alice, prompts=[{"text": "Who is Zoë?", "references": ["Nobody"]}])
        let(t, grid_id, named_readers=True)
        assert t.carol.get(f"/grids/{grid_id}").status_code == 404
        assert "Who is Zoë?" in t.carol.get("/library").text
        page = t.alice.get(f"/grids/{grid_id}/access").text
        assert "everybody sees the prompts in it, those of this grid too" in page


def test_access_form_with_odd_numbers_comes_back_as_it_was_filled_in(settings: Settings) -> None:
    with team(settings) as t:
        grid_id = run_grid(t.alice)
        for odd in ("9" * 5000, "9" * 30, "²", "x", ""):
            form = {"readers": "named", "reads": [str(t.bob.id), odd], "blind": "1"}
            page = t.alice.post(f"/grids/{grid_id}/access", data=form)
            assert page.status_code == 422, odd[:9]
            assert "has no account any more" in page.text
            assert f'name="reads" value="{t.bob.id}" checked' in page.text
            assert 'name="blind" value="1" checked' in page.text
            assert "Alice started it." in page.text
        assert t.carol.get(f"/grids/{grid_id}").status_code == 200


def test_a_snapshot_is_for_whom_its_grid_is_and_takes_no_access_of_its_own(
    settings: Settings,
) -> None:
    with team(settings) as t:
        grid_id = run_grid(t.alice)
        t.alice.post(f"/grids/{grid_id}/shares", data={"of": "new"})
        page = t.alice.get(f"/grids/{grid_id}/shares").text
        [copy] = re.findall(r'href="/grids/(\w+)">v1</a>', page)
        assert t.alice.get(f"/grids/{copy}/access").status_code == 409
        refused = t.alice.post(f"/grids/{copy}/access", data={"readers": "named"})
        assert refused.status_code == 409
        assert "snapshot" in refused.text


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_access_that_is_saved_twice_at_once_is_saved(settings: Settings) -> None:
    with team(settings) as t:
        grid_id = run_grid(t.alice)
        with t.services.database.write() as session:  # as of a grid from before there were accounts
            session.execute(delete(GridAccess))
            session.commit()
        access = {"named_readers": True, "readers": frozenset({t.bob.id, t.carol.id})}
        with ThreadPoolExecutor(6) as pool:
            for done in [pool.submit(let, t, grid_id, **access) for _ in range(30)]:
                done.result()
        assert t.bob.get(f"/grids/{grid_id}").status_code == 200
        assert t.dave.get(f"/grids/{grid_id}").status_code == 404

"""Deleted grids: at no address, restorable, then gone from every table."""

import time
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, SQLModel, col, func, or_, select, update

from app.db import Database
from app.errors import NotFound
from app.grids import get_grid
from app.providers import Thinking
from app.reviewing.labels import get_reviewer, set_label
from app.sharing.shares import new_share
from app.sharing.snapshots import take_snapshot
from app.tables import Answer, Grid, HeldBack, LabelValue, Prompt, now
from app.upkeep.deletion import (
    KEPT,
    booted_at,
    delete_grid,
    deleted_grids,
    jumped,
    remove_old,
    restore_grid,
)
from tests.factories import answers_of, finish, grid_input, new_grid, run_grid
from tests.polling import wait_for
from tests.wire import WireServer
from tests.wire_scripts import Script


def test_deleted_grid_is_at_no_address_until_it_is_restored(client: TestClient) -> None:
    gone, other = run_grid(client, title="Old & <b>odd</b>"), run_grid(client, title="Other")
    answers = client.get(f"/api/grids/{gone}/answers").json()["items"]
    one = answers[0]["id"]
    label = {"label": "correct", "reviewer": "Ada"}
    client.put(f"/api/answers/{one}/label", json=label).raise_for_status()
    client.post("/reviewer", data={"name": "Ada"})
    client.post(f"/grids/{gone}/shares", data={})
    page = client.get(f"/grids/{gone}/shares").text
    share = page.partition('href="/s/')[2].partition('"')[0]
    addresses = [
        f"/grids/{gone}", f"/grids/{gone}/changes?since=0", f"/grids/{gone}/events?since=0",
        f"/grids/{gone}/answers/{one}", f"/grids/{gone}/export", f"/grids/{gone}/export.csv",
        f"/grids/{gone}/results", f"/grids/{gone}/review", f"/grids/{gone}/shares",
        f"/grids/{gone}/probe.toml", f"/compose?like={gone}", f"/api/grids/{gone}",
        f"/api/grids/{gone}/answers", f"/api/grids/{gone}/results", f"/api/answers/{one}/history",
    ]  # fmt: skip
    before = [client.get(address).status_code for address in addresses]
    assert set(before) == {200}, dict(zip(addresses, before, strict=True))
    assert client.get(f"/s/{share}").status_code == 200

    done = client.post(f"/grids/{gone}/deletion", follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, f"/deleted#{gone}")
    after = {address: client.get(address).status_code for address in addresses}
    assert set(after.values()) == {404}, after
    writes = [
        client.put(f"/api/answers/{one}/label", json=label),
        client.put(f"/answers/{one}/label", data={"value": "correct"}),
        client.delete(f"/api/answers/{one}/label"),
        client.post(f"/answers/{one}/removal"),
        client.post(f"/grids/{gone}/reruns", data={"all": "1"}),
        client.post(f"/grids/{gone}/deletion"),
        client.post(f"/api/grids/{gone}/cancellation"),
        client.delete(f"/api/grids/{gone}"),
    ]
    assert [w.status_code for w in writes] == [404] * len(writes)
    ended = client.get(f"/s/{share}")
    assert (ended.status_code, "was deleted" in ended.text) == (410, True)
    assert [g["id"] for g in client.get("/api/grids").json()["items"]] == [other]
    home = client.get("/").text
    assert f"/grids/{gone}" not in home
    assert "Recently deleted: 1" in home
    assert gone not in client.get(f"/grids/{other}/results").text  # as something to compare with
    listed = client.get("/deleted").text
    assert "Old &amp; &lt;b&gt;odd" in listed
    [item] = client.get("/api/deleted-grids").json()["items"]
    assert (item["id"], item["answers"]) == (gone, 4)

    back = client.post(f"/deleted/{gone}/restoration", follow_redirects=False)
    assert back.headers["location"] == f"/grids/{gone}"
    assert {client.get(address).status_code for address in addresses} == {200}
    assert client.get(f"/s/{share}").status_code == 200
    assert client.post(f"/deleted/{gone}/restoration").status_code == 404
    assert client.get(f"/api/grids/{gone}").json()["progress"]["labelled"] == 1
    assert client.delete(f"/api/grids/{gone}").status_code == 204
    restored = client.post(f"/api/deleted-grids/{gone}/restoration")
    assert restored.json() == {"id": gone, "url": f"http://127.0.0.1:8000/grids/{gone}"}


def test_deleting_stops_the_calls_and_restoring_makes_none(
    wire: WireServer, client: TestClient
) -> None:
    wire.handler = lambda _: Script(text="1", delay_s=0.2)
    given = grid_input(models=["openai-chat/m"], repeats=40)
    grid_id = client.post("/api/grids", json=given).json()["id"]
    wait_for(lambda: wire.calls, "a call")
    client.delete(f"/api/grids/{grid_id}").raise_for_status()
    wait_for(lambda: wire.in_flight == 0, "the end of the calls in flight")
    made = len(wire.calls)
    assert made < 40
    client.post(f"/api/deleted-grids/{grid_id}/restoration").raise_for_status()
    grid = client.get(f"/api/grids/{grid_id}").json()
    assert grid["status"] == "paused"
    assert grid["progress"]["done"] == len(wire.calls) == made  # what was paid for is there
    client.post(f"/grids/{grid_id}/resumption").raise_for_status()
    wait_for(lambda: len(wire.calls) == 40, "the rest of the calls")


def counts(session: Session) -> dict[str, int]:
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for table in SQLModel.metadata.sorted_tables
    }


def full_grid(session: Session, repeats: int) -> Grid:
    """With a row in every table that belongs to grids."""
    grid = new_grid(session, repeats=repeats)
    session.add(HeldBack(grid_id=grid.id, model="practice/honest", thinking=Thinking.on))
    session.add(new_share(grid))
    take_snapshot(session, grid.id)
    [answer, *_] = answers_of(session, grid)
    finish(session, answer)
    set_label(session, answer.id, get_reviewer(session, "Ada"), LabelValue.correct)
    return grid


def test_old_ones_are_removed_from_every_table(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.upkeep.deletion.BATCH", 3)
    with database.write() as session:
        full_grid(session, 2)
        prompts = session.scalar(select(func.count()).select_from(Prompt))
        session.commit()
        before = counts(session)
        old, recent = full_grid(session, 4), full_grid(session, 1)
        session.commit()
        with_them = counts(session)
        for grid in (old, recent):
            delete_grid(session, grid)
        session.commit()
        theirs = or_(col(Grid.id) == old.id, col(Grid.snapshot_of) == old.id)
        long_ago = now() - KEPT - timedelta(minutes=1)
        session.execute(update(Grid).where(theirs).values(deleted_at=long_ago))
        session.commit()
        assert counts(session) == with_them
        assert [one.grid.id for one in deleted_grids(session)] == [recent.id]
        with pytest.raises(NotFound):
            restore_grid(session, old.public_id)
    database.kept[old.id] = "what readers keep of it"
    assert remove_old(database, now() - KEPT) == 2  # it, and its snapshot
    assert old.id not in database.kept
    with database.read() as session:
        assert session.get(Grid, old.id) is None
        assert session.get(Grid, recent.id) is not None
    assert remove_old(database, now() + timedelta(minutes=1)) == 2
    with database.read() as session:
        assert counts(session) == before  # all that was theirs, and nothing else
        assert session.scalar(select(func.count()).select_from(Prompt)) == prompts
        assert session.scalar(select(func.count()).select_from(Answer)) == 2 * 4
        with pytest.raises(NotFound):
            get_grid(session, recent.public_id)


def test_clock_that_was_set_far_ahead_removes_nothing() -> None:
    assert not jumped(booted_at())
    assert jumped(booted_at() - KEPT)


def test_machine_that_slept_for_days_is_no_clock_that_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, awake_s = booted_at(), time.monotonic() - KEPT.total_seconds()
    with monkeypatch.context() as asleep:
        asleep.setattr(time, "monotonic", lambda: awake_s)  # it stands still meanwhile
        assert not jumped(began)

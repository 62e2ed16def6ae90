"""What an earlier process left behind, and what should never have been in the queue."""

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from app.db import Database
from app.settings import Settings
from app.tables import Answer, AnswerState, Attempt, Grid, GridModel
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, running, start, tries
from tests.wire import WireServer


def test_restart_goes_on_where_it_stopped(settings: Settings, wire: WireServer) -> None:
    wire.delay_s = 0.05
    with running(settings, concurrency=4) as client:
        grid_id = start(client, "openai-chat/plain", prompts=10, repeats=5)
        wait_for(lambda: len(wire.calls) > 15, "some calls")
        before = {a["id"]: a for a in answers(client, grid_id) if a["state"] == "done"}
    assert before

    with running(settings, concurrency=4) as client:
        wait_until_done(client, grid_id)
        after = {a["id"]: a for a in answers(client, grid_id)}

    assert [a["state"] for a in after.values()] == ["done"] * 50
    assert {id_: after[id_] for id_ in before} == before
    ended = [tries(a) for a in after.values()]
    interrupted = ended.count(["interrupted", "answered"])
    assert interrupted <= 4
    assert ended.count(["answered"]) == 50 - interrupted
    assert 50 <= len(wire.calls) <= 50 + interrupted


def test_what_was_running_when_the_server_died_is_called_again(
    settings: Settings, database: Database, wire: WireServer
) -> None:
    """Left as by kill -9: one in a call, one between two tries, one in a cancelled grid."""
    with running(settings) as client:
        wire.delay_s = 30
        grid_id = start(client, "openai-chat/plain", repeats=2)
        dropped = start(client, "openai-chat/plain")
        wait_for(lambda: wire.in_flight == 3, "three calls")
    with database.write() as session:
        ids = list(session.scalars(select(Answer.id).order_by(col(Answer.id))))
        session.execute(update(Answer).values(state=AnswerState.running))
        session.execute(update(Attempt).values(finished_at=None, outcome=None, error_kind=""))
        between = update(Attempt).where(col(Attempt.answer_id) == ids[1])
        session.execute(between.values(finished_at=Attempt.started_at, error_kind="server"))
        cancelled = update(Grid).where(col(Grid.public_id) == dropped)
        session.execute(cancelled.values(cancelled_at=Grid.created_at))
        session.commit()

    wire.delay_s = 0
    with running(settings) as client:
        wait_until_done(client, grid_id)
        first, second = answers(client, grid_id)
        [third] = answers(client, dropped)
    assert tries(first) == ["interrupted", "answered"]
    assert "may have billed it" in first["attempts"][0]["error"]
    assert tries(second) == ["server", "answered"]
    assert (third["state"], tries(third)) == ("cancelled", ["cancelled"])
    assert len(wire.calls) == 5


def test_answers_that_nobody_holds_are_found_while_running(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, wire: WireServer
) -> None:
    """Whatever went wrong: nothing stays pending or running for ever."""
    monkeypatch.setattr("app.runner.local.LOOK_S", 0.05)
    wire.delay_s = 0.3
    with running(settings) as client:
        grid_id = start(client, "openai-chat/plain", repeats=4)
        wait_until_done(client, grid_id)
        with database.write() as session:
            ids = list(session.scalars(select(Answer.id).order_by(col(Answer.id))))
            for id_, state in zip(ids, ("pending", "running"), strict=False):
                lost = update(Answer).where(col(Answer.id) == id_)
                session.execute(lost.values(state=state, attempt_id=None))
            session.commit()
        wait_until_done(client, grid_id)
        found = answers(client, grid_id)
    assert [a["state"] for a in found] == ["done"] * 4
    assert len(wire.calls) == 6  # looking often does not disturb what is under way


def test_answer_of_a_provider_that_is_gone_fails_with_the_reason(
    settings: Settings, database: Database, wire: WireServer
) -> None:
    """Providers may be others than when the grid was started."""
    with running(settings) as client:
        wire.delay_s = 30
        grid_id = start(client, "openai-chat/plain")
    with database.write() as session:
        session.execute(update(Answer).values(model="nowhere/plain", provider="nowhere"))
        session.execute(update(GridModel).values(model="nowhere/plain"))
        session.commit()

    with running(settings) as client:
        calls = len(wire.calls)
        wait_until_done(client, grid_id)
        [answer] = answers(client, grid_id)
    assert (answer["state"], answer["error_kind"]) == ("failed", "not_ready")
    assert "There is no provider 'nowhere'" in answer["error_message"]
    assert answer["attempts"][-1]["error"] == answer["error_message"]
    assert answer["user_message"]
    assert len(wire.calls) == calls

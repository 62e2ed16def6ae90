"""Live updates on the real server: everybody is told everything, once and in order."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from app.db import Database
from app.grids import stamp
from app.partials import Partials
from app.settings import Settings
from app.web.live import Hub, Listener, View
from app.web.notices import Notice
from tests.browser.conftest import Served, served
from tests.factories import answers_of, finish, new_grid
from tests.forking import app_server
from tests.polling import wait_for
from tests.serving import providers_at, request_json
from tests.web.streaming import Stream, chip_states, seq_of
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

LONG = "The first line of a long answer. " * 20


@pytest.fixture
def site(settings: Settings, wire: WireServer) -> Iterator[Served]:
    with served(settings.model_copy(update={"concurrency": 50})) as it:
        yield it


def start(url: str, **changes: Any) -> str:
    body = {
        "prompts": [{"text": f"How many Ds are in DEEPSEEK? ({n})"} for n in range(10)],
        "models": ["practice/bluffer", "practice/honest"],
        "variants": [{"wording": "allowed", "thinking": "off"}],
        "repeats": 2,
        **changes,
    }
    return str(request_json("POST", f"{url}/api/grids", body)["id"])


def page_of(url: str, grid_id: str) -> str:
    return httpx.get(f"{url}/grids/{grid_id}").text


@contextmanager
def streams(url: str, *queries: str) -> Iterator[list[Stream]]:
    with ExitStack() as stack:
        found = []
        for query in queries:
            found.append(Stream(f"{url}{query}"))
            stack.callback(found[-1].close)
        yield found


def test_browser_holds_four_streams_and_then_asks(site: Served) -> None:
    grid_id = start(site.url)
    token = httpx.get(f"{site.url}/grids/{grid_id}").cookies["bluffcheck_browser"]
    cookie = {"Cookie": f"bluffcheck_browser={token}"}
    query = f"/grids/{grid_id}/events?since=0&stay=1"
    found = [Stream(site.url + query, **cookie) for _ in range(4)]
    refused = httpx.get(site.url + query, headers=cookie)
    assert (refused.status_code, refused.text) == (204, "")
    others = Stream(site.url + query)  # of another browser
    found[0].close()
    [watch] = site.services.live.watched.values()
    wait_for(lambda: len(watch.listeners) == 4, "the end of the first")
    found[0] = Stream(site.url + query, **cookie)
    for stream in (*found, others):
        stream.close()


def test_many_listeners_are_told_the_same_once_and_in_order(site: Served) -> None:
    grid_id = start(site.url, models=["openai-chat/drip", "practice/honest"])
    query = f"/grids/{grid_id}/events?since=0"
    found = [Stream(site.url + query) for _ in range(20)]
    for stream in found:
        stream.end()
    final = chip_states(page_of(site.url, grid_id))
    assert len(final) == 40
    for stream in found:
        assert stream.events[-1]["event"] == "done"
        assert stream.ids == sorted(set(stream.ids))
        assert stream.states() == final
    last = {event["id"]: event["data"] for event in found[0].changes}
    for stream in found[1:]:  # those that were equally far were given the very same
        assert all(last.get(e["id"], e["data"]) == e["data"] for e in stream.changes[1:])
    wait_for(lambda: not site.services.live.watched, "the end of the polling")


def test_finished_grid_tells_of_labels_to_those_who_stay(site: Served) -> None:
    grid_id = start(site.url)
    query = f"/grids/{grid_id}/events?since=0"
    first = Stream(site.url + query)
    first.end()
    assert first.done
    page = httpx.get(f"{site.url}/grids/{grid_id}?only=reviewers").text
    shown = re.search(r'name="shown" value="([^"]+)"', page)[1]  # type: ignore[index]
    with streams(site.url, f"{query}&stay=1&only=reviewers&shown={shown}") as [stream]:
        wait_for(lambda: stream.changes, "the grid as it is")
        assert "match" not in stream.changes[-1]["data"].partition('id="rows-now"')[2][:200]
        answer = min(chip_states(page_of(site.url, grid_id)))
        for who, expected in (("Ada", "correct"), ("Bob", "disputed")):
            label = {"label": "correct" if who == "Ada" else "abstained", "reviewer": who}
            said_at = time.monotonic()
            request_json("PUT", f"{site.url}/api/answers/{answer}/label", label)
            took = time.monotonic() - said_at
            wait_for(lambda e=expected: stream.states()[answer] == e, expected)  # type: ignore[misc]
            # Looks at the database are further apart where they take longer.
            assert stream.times[-1] - said_at < 1 + 10 * took
        assert "1 more prompt matches now." in stream.changes[-1]["data"]
        assert len(site.services.live.watched) == 1
        assert not stream.done
    wait_for(lambda: not site.services.live.watched, "the end of the polling")


def test_deleted_grid_ends_the_streams_of_those_who_do_not_stay(
    site: Served, wire: WireServer
) -> None:
    wire.handler = lambda _: Script(delay_s=30)
    grid_id = start(site.url, models=["openai-chat/x"])
    query = f"/grids/{grid_id}/events?since=0"
    with streams(site.url, query, f"{query}&stay=1") as [one, staying]:
        wait_for(lambda: one.changes and staying.changes, "the grid as it is")
        httpx.post(f"{site.url}/grids/{grid_id}/deletion")
        one.end()
        assert one.events[-1]["data"] == "deleted"
        wait_for(lambda: "has been deleted" in staying.events[-1]["data"], "the notice")
        assert httpx.get(site.url + query).status_code == 404
        httpx.post(f"{site.url}/deleted/{grid_id}/restoration")
        wait_for(lambda: "has been deleted" not in staying.events[-1]["data"], "its end")
        assert 'id="trouble"' in staying.events[-1]["data"]
        assert not staying.done


def test_listener_that_comes_back_misses_nothing(site: Served, wire: WireServer) -> None:
    wire.handler = lambda request: Script(delay_s=0.03 * len(wire.calls))  # over three seconds
    grid_id = start(site.url, models=["openai-chat/x"], repeats=10)
    url = f"{site.url}/grids/{grid_id}/events?since=0"
    seen: dict[int, str] = {}
    last = ""
    for _ in range(3):
        stream = Stream(url, **({"Last-Event-ID": last} if last else {}))
        wait_for(lambda stream=stream: stream.changes, "a change")  # type: ignore[misc]
        stream.close()
        last, seen = stream.changes[-1]["id"], seen | stream.states()
    stream = Stream(url, **{"Last-Event-ID": last})
    stream.end()
    assert all(number > int(last) for number in stream.ids)
    assert seen | stream.states() == chip_states(page_of(site.url, grid_id))


def test_stream_ends_with_its_server_and_goes_on_with_the_next(tmp_path: Path) -> None:
    stopped = threading.Event()

    def handler(_request: Recorded) -> Script:
        """Most calls are under way when the first server stops."""
        return Script(delay_s=0 if len(model.calls) <= 4 or stopped.is_set() else 60)

    with WireServer(handler=handler) as model:
        environ = {**providers_at(model.url), "BLUFFCHECK_CONCURRENCY": "4"}
        with app_server(tmp_path, environ) as first:
            grid_id = start(first.url, models=["openai-chat/x"], repeats=2)
            stream = Stream(f"{first.url}/grids/{grid_id}/events?since=0")
            wait_for(lambda: "unlabelled" in stream.states().values(), "an answer")
            asked = time.monotonic()
            assert first.stop() == 0
            assert time.monotonic() - asked < 2
            stopped.set()
            stream.end()
        assert not stream.done
        with app_server(tmp_path, environ) as second:
            resumed = Stream(f"{second.url}/grids/{grid_id}/events?since={stream.ids[-1]}")
            resumed.end()
            assert resumed.done
            whole = chip_states(page_of(second.url, grid_id))
            assert stream.states() | resumed.states() == whole
            assert set(whole.values()) == {"unlabelled"}


def test_first_text_comes_while_the_answer_streams(site: Served, wire: WireServer) -> None:
    called: list[float] = []

    def handler(_request: Recorded) -> Script:
        called.append(time.monotonic())
        return Script(text=LONG, cut=400, drip_s=0.1)

    wire.handler = handler
    grid_id = start(site.url, models=["openai-chat/x"], prompts=[{"text": "Why?"}], repeats=1)
    with streams(site.url, f"/grids/{grid_id}/events?since=0&rows=1-1") as [stream]:
        wait_for(lambda: stream.done, "the end")
        texts = [next(iter(partial.values())) for partial in stream.partials()]
        assert len(texts) > 3
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
        assert all(len(text) <= 90 and LONG.startswith(text) for text in texts)
        # They are grouped: so many fit into the time. Words come twice as fast.
        *_, last = (k for k, e in enumerate(stream.events) if e.get("event") == "partial")
        assert len(texts) <= 1 + (stream.times[last] - called[0]) / 0.09


def test_text_is_told_of_rows_in_view_and_of_the_open_answer(
    site: Served, wire: WireServer
) -> None:
    wire.handler = lambda request: Script(text=LONG, hang_up="never", terminator=False)
    grid_id = start(site.url, models=["openai-chat/x"], repeats=1)
    ids = sorted(chip_states(page_of(site.url, grid_id)))
    query = f"/grids/{grid_id}/events?since=0"
    views = ["", "&rows=2-3", "&rows=9-40&density=lines", f"&open={ids[6]}", "&rows=2-3"]
    with streams(site.url, *(query + view for view in views)) as found:
        lengths = [
            {}, {ids[1]: 90, ids[2]: 90}, {ids[8]: 400, ids[9]: 400}, {ids[6]: len(LONG)},
            {ids[1]: 90, ids[2]: 90},
        ]  # fmt: skip
        for stream, expected in zip(found, lengths, strict=True):
            told = {str(id_): LONG[:length] for id_, length in expected.items()}
            wait_for(lambda s=stream, t=told: s.texts() == t, f"{expected}")  # type: ignore[misc]
        with streams(site.url, f"{query}&rows=3-4") as [late]:  # what was heard before counts too
            told = {str(id_): LONG[:90] for id_ in ids[2:4]}
            wait_for(lambda: late.texts() == told, "what was heard before")
        httpx.post(f"{site.url}/grids/{grid_id}/cancellation")
        wait_for(lambda: all(stream.done for stream in found), "the end")


@pytest.mark.parametrize(
    "wrong", ["rows=0-3", "rows=3", "rows=a-b", "open=0", "rows=1-99999999", "shown=3"]
)
def test_wrong_views_are_refused(shared_client: TestClient, shared_grid: str, wrong: str) -> None:
    assert shared_client.get(f"/grids/{shared_grid}/events?{wrong}").status_code == 422


def test_notice_is_told_without_any_change(
    site: Served, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.handler = lambda request: Script(delay_s=30)
    grid_id = start(site.url, models=["openai-chat/x"], repeats=1)
    said = [Notice()]
    monkeypatch.setattr(site.services.live, "notice", lambda grid_id: said[0])
    monkeypatch.setattr(site.services, "runner_notice", lambda grid_id: said[0])
    page = page_of(site.url, grid_id)
    assert '<span id="runner-notice" class="waits" hidden>' in page
    assert '<div id="trouble" class="trouble" role="alert" hidden></div>' in page
    waits, away = Notice(waits=(("<them>", 12),)), Notice(trouble="<away>")
    with streams(site.url, f"/grids/{grid_id}/events?since=0") as [stream]:
        wait_for(lambda: "running" in stream.states().values(), "a call")
        for notice in (waits, away, Notice()):
            before = len(stream.changes)
            said[0] = notice
            wait_for(lambda n=before: len(stream.changes) > n, "a notice")  # type: ignore[misc]
            html = stream.changes[-1]["data"]
            assert html.count('hx-swap-oob="outerMorph"') == 2
            assert ("Waiting for &lt;them&gt; (12 s)" in html) is (notice is waits)
            assert ('role="alert" hx-swap-oob="outerMorph">&lt;away&gt;' in html) is (
                notice is away
            )
            assert "id" not in stream.changes[-1]
        now = seq_of(page_of(site.url, grid_id))
        url = f"{site.url}/grids/{grid_id}/changes?since={now}"
        assert httpx.get(url).text.count(" hidden>") == 2
        httpx.post(f"{site.url}/grids/{grid_id}/cancellation")
        wait_for(lambda: stream.done, "the end")


def test_polling_stops_when_nobody_listens(site: Served, wire: WireServer) -> None:
    wire.handler = lambda request: Script(delay_s=30)
    grid_id = start(site.url, models=["openai-chat/x"], repeats=1)
    query = f"/grids/{grid_id}/events?since=0"
    with streams(site.url, query, query) as [one, other]:
        wait_for(lambda: one.changes and other.changes, "the first changes")
        assert len(site.services.live.watched) == 1
    wait_for(lambda: not site.services.live.watched, "the end of the polling")

    def polling() -> set[str]:
        return {task.get_name() for task in site.tasks() if "_Watch" in repr(task)}

    wait_for(lambda: not polling(), "the end of its tasks")
    httpx.post(f"{site.url}/grids/{grid_id}/cancellation")


def test_listener_that_is_slow_holds_nobody_up_and_misses_nothing(database: Database) -> None:
    """One that takes nothing is given one change, and the rest at once when it takes again."""
    with database.write() as session:
        grid = new_grid(session, repeats=20)
        answers = answers_of(session, grid)
        session.commit()
    partials = Partials()

    def settle(number: int) -> None:
        with database.write() as session:
            answer = session.merge(answers[number])
            finish(session, answer)
            answer.seq = stamp(session, grid.id)
            session.commit()

    async def take(listener: Listener, count: int) -> list[str]:
        found: list[str] = []
        async for event in listener.events():
            found.append(event.decode())
            if len(found) == count:
                break
        return found

    async def run() -> None:
        hub = Hub(database, partials, asyncio.Event(), lambda grid_id: Notice())
        with (
            hub.listening(grid.id, View(), 0) as quick,
            hub.listening(grid.id, View(rows=(1, 9)), 0) as slow,
        ):
            for number in range(6):
                await asyncio.to_thread(settle, number)
                [event] = await asyncio.wait_for(take(quick, 1), 10)
                assert f"id: {number + 1}\n" in event
                assert f'id="a-{answers[number].id}"' in event
                heard = partials.begin(grid.id, answers[number + 6].id, answers[number].prompt_id)
                heard("text")
            [first, text] = await asyncio.wait_for(take(slow, 2), 10)
            assert ("id: 1\n" in first, "event: partial" in text) == (True, True)
            events = await asyncio.wait_for(take(slow, 2), 10)
            rest = next(event for event in events if "id: 6\n" in event)
            assert list(chip_states(rest)) == [a.id for a in answers[1:6]]
            told = next(event for event in events if "event: partial" in event)
            assert told.count('"text"') == 6
        assert hub.watched == {}
        await hub.aclose()

    asyncio.run(run())


def test_database_that_is_away_for_a_while_ends_no_stream(
    site: Served, wire: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.handler = lambda request: Script(delay_s=0.5)
    grid_id = start(site.url, models=["openai-chat/x"], repeats=1)
    broken = threading.Event()
    read = site.services.live.database.read

    class Away:
        """The same database, which cannot be read for a moment."""

        def read(self) -> Any:
            if not broken.is_set():
                broken.set()
                raise OSError("the database is away")
            return read()

    monkeypatch.setattr(site.services.live, "database", Away())
    stream = Stream(f"{site.url}/grids/{grid_id}/events?since=0")
    stream.end()
    assert broken.is_set()
    assert stream.states() == chip_states(page_of(site.url, grid_id))
    assert set(stream.states().values()) == {"unlabelled"}

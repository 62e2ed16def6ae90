"""Running again, cancelling and pausing from the pages: told beforehand, and back to the place."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.factories import run_grid
from tests.polling import wait_for, wait_until_done
from tests.runner.starting import answers, ended, running, start
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_scripts import Script

HTMX = {"HX-Request": "true"}
pytestmark = pytest.mark.usefixtures("wire")
TWO = [{"text": "How many Ds are in DEEPSEEK?"}, {"text": "How many Ls are in SPELL?"}]


def label(client: TestClient, answer: int, who: str = "Ada", value: str = "correct") -> None:
    given = {"label": value, "reviewer": who}
    client.put(f"/api/answers/{answer}/label", json=given).raise_for_status()


def ids(client: TestClient, grid_id: str) -> list[int]:
    return [answer["id"] for answer in answers(client, grid_id)]


def chip(client: TestClient, grid_id: str, answer: int) -> str:
    page = client.get(f"/grids/{grid_id}").text
    [found] = re.findall(rf'<a class="chip" id="a-{answer}".*?</a>', page, re.DOTALL)
    return str(found)


def buttons(html: str) -> list[str]:
    return re.findall(r"<button autofocus>([^<]+)</button>", html)


def choice(client: TestClient, grid_id: str, **query: Any) -> str:
    url = f"/grids/{grid_id}/reruns"
    return client.get(url, params=query, headers=HTMX).raise_for_status().text


@pytest.fixture
def once(wire: WireServer) -> WireServer:
    """Each conversation is answered once; from then on a call takes half a minute."""
    wire.handler = lambda request: Script(delay_s=0 if said(wire, request) == 1 else 30)
    return wire


def end(client: TestClient, grid_id: str) -> None:
    """Cancel what has not ended, and wait until its calls are over."""
    client.post(f"/grids/{grid_id}/cancellation")
    ended(client, grid_id)


def said(wire: WireServer, request: Recorded) -> int:
    return sum(call.body == request.body for call in wire.calls)


def test_choice_says_how_many_calls_and_labels_it_concerns(client: TestClient) -> None:
    grid_id = run_grid(client, prompts=TWO)
    first, second, *_ = ids(client, grid_id)
    label(client, first)
    label(client, first, "Bob", "hallucinated")
    assert [
        buttons(choice(client, grid_id, answer=first, extent=extent))
        for extent in ("answer", "cell", "row", "column", "grid")
    ] == [
        ["Run it again"],
        ["Run 1 without a label again", "Run all 2 again"],
        ["Run 3 without a label again", "Run all 4 again"],
        ["Run 3 without a label again", "Run all 4 again"],
        ["Run 7 without a label again", "Run all 8 again"],
    ]
    row = choice(client, grid_id, answer=first, extent="row")
    assert "3 calls, about $0" in row
    assert "also the 1 labelled one: 2 labels go when a new answer comes" in row
    assert 'name="labelled" value="1" required' in row
    one = choice(client, grid_id, answer=first)
    assert "its 2 labels go when a new answer comes; the history keeps them" in one
    assert buttons(choice(client, grid_id, answer=second)) == ["Run it again"]
    assert "labelled" not in choice(client, grid_id, answer=second)
    assert buttons(choice(client, grid_id)) == ["Run 7 without a label again", "Run all 8 again"]


def test_choice_is_a_page_and_a_piece_of_one(client: TestClient) -> None:
    grid_id = run_grid(client)
    url = f"/grids/{grid_id}/reruns?answer={ids(client, grid_id)[0]}&extent=column&show=failed"
    whole, part = client.get(url), client.get(url, headers=HTMX)
    assert whole.text.startswith("<!doctype html>")
    shown = "outcome=empty,error,refused,truncated"
    assert f'href="/grids/{grid_id}?{shown}&amp;at=' in whole.text
    assert "<html" not in part.text
    assert whole.headers["vary"] == "HX-Request"
    chosen = url.replace("show=failed", shown).replace("&", "&amp;")
    assert chosen in whole.text  # the one that is chosen is a link too


@pytest.mark.parametrize(
    ("query", "status"),
    [({"answer": 999_999}, 404), ({"answer": 0}, 422), ({"extent": "world"}, 422),
     ({"answer": 2**31}, 422)],
)  # fmt: skip
def test_choice_of_what_is_not_there_is_refused(
    shared_client: TestClient, shared_grid: str, query: dict[str, Any], status: int
) -> None:
    assert shared_client.get(f"/grids/{shared_grid}/reruns", params=query).status_code == status


def test_price_that_is_not_known_is_not_guessed(client: TestClient, wire: WireServer) -> None:
    grid_id = start(client, "openai-chat/nobody-priced-it", repeats=2)
    wait_until_done(client, grid_id)
    assert "2 calls, cost n/a: no price is known" in choice(client, grid_id)


def test_grid_that_came_to_its_end_is_not_cancelled_any_more(client: TestClient) -> None:
    grid_id = run_grid(client)
    assert client.post(f"/grids/{grid_id}/cancellation", data={"extent": "grid"}).status_code == 200
    found = client.post(f"/api/grids/{grid_id}/cancellation").json()
    assert found == {"id": grid_id, "status": "done", "cancelled": 0}
    assert client.get(f"/api/grids/{grid_id}").json()["status"] == "done"


def test_form_leads_back_to_where_one_was(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = ids(client, grid_id)[0]
    form = {"answer": answer, "extent": "column", "all": "1", "show": "unlabelled",
            "density": "lines"}  # fmt: skip
    back = client.post(f"/grids/{grid_id}/reruns", data=form, follow_redirects=False)
    assert back.status_code == 303
    place = f"/grids/{grid_id}?density=lines&only=unlabelled&at={answer}#a-{answer}"
    assert back.headers["location"] == place
    wait_until_done(client, grid_id)
    assert [len(a["attempts"]) for a in answers(client, grid_id)] == [2, 1, 2, 1]


def test_with_scripts_the_answer_is_what_changed(client: TestClient, once: WireServer) -> None:
    grid_id = start(client, "openai-chat/x", repeats=1)
    wait_until_done(client, grid_id)
    [answer] = ids(client, grid_id)
    seq = client.get(f"/grids/{grid_id}/changes?since=0").headers["x-seq"]
    url = f"/grids/{grid_id}/reruns?since={seq}"
    response = client.post(url, data={"answer": answer, "all": "1"}, headers=HTMX)
    assert re.search(rf'id="a-{answer}" .*?data-status="(pending|running)"', response.text, re.S)
    assert 'data-status="running"' in response.text.partition('id="progress"')[2]
    assert int(response.headers["x-seq"]) > int(seq)
    again = client.post(url, data={"answer": answer, "all": "1"}, headers=HTMX)
    assert again.status_code == 409
    assert "these answers have not ended yet" in again.text
    cancelled = client.post(f"/grids/{grid_id}/cancellation?since={seq}", headers=HTMX)
    assert f'id="a-{answer}"' in cancelled.text
    assert 'data-status="unlabelled"' in cancelled.text
    ended(client, grid_id)


def test_labelled_answer_is_run_again_when_that_is_said(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer = ids(client, grid_id)[0]
    label(client, answer)
    url, form = f"/grids/{grid_id}/reruns", {"answer": answer, "all": "1"}
    page, piece = client.post(url, data=form), client.post(url, data=form, headers=HTMX)
    for asked in (page, piece):  # nothing is run yet
        assert buttons(asked.text) == ["Run it again"]
        assert "its label goes when a new answer comes" in asked.text
    assert page.text.startswith("<!doctype html>")
    assert (piece.headers["hx-retarget"], piece.headers["hx-trigger"]) == ("#choice", "choice")
    assert len(answers(client, grid_id)[0]["attempts"]) == 1
    client.post(url, data=form | {"labelled": "1"})
    wait_until_done(client, grid_id)
    found = answers(client, grid_id)[0]
    assert (len(found["attempts"]), found["label"], found["labels"]) == (2, None, [])


def test_answer_that_is_run_again_still_counts(client: TestClient, once: WireServer) -> None:
    """Its chip waits, its label counts, and nothing says that it failed."""
    once.handler = lambda request: Script(
        delay_s=0 if said(once, request) == 1 else 30, thinking="I was not to think."
    )
    grid_id = start(client, "openai-chat/x", wording="allowed", thinking="off")
    wait_until_done(client, grid_id)
    [answer] = ids(client, grid_id)
    assert "thinking mismatch" in chip(client, grid_id, answer)
    label(client, answer)
    form = {"answer": answer, "all": "1", "labelled": "1"}
    client.post(f"/grids/{grid_id}/reruns", data=form)
    wait_for(lambda: once.in_flight == 1, "the second call")
    wait_for(lambda: 'data-status="running"' in chip(client, grid_id, answer), "its chip")

    shown = chip(client, grid_id, answer)
    assert "an earlier answer counts as correct" in shown
    assert "≠" not in shown
    page = client.get(f"/grids/{grid_id}").text
    assert "H/n 0% " in page
    assert "0/1 in" in page
    assert "without an answer" not in page
    assert "no answer</span>" not in page
    drawer = client.get(f"/grids/{grid_id}/answers/{answer}", headers=HTMX).text
    assert "It is run again: the earlier answer counts until a newer one comes." in drawer
    assert "<h3>Earlier answer</h3>" in drawer
    assert "Facts of the earlier answer" in drawer
    assert "this label goes when a new answer comes" in drawer
    assert ("Failed" in drawer, "≠" in drawer, "Cancel this answer" in drawer) == (
        False, False, True,
    )  # fmt: skip
    assert buttons(choice(client, grid_id, answer=answer)) == ["Cancel it"]

    client.post(f"/grids/{grid_id}/cancellation", data={"answer": answer})
    assert 'data-status="correct"' in chip(client, grid_id, answer)
    ended(client, grid_id)


def test_what_was_cancelled_is_not_called_failed(client: TestClient, wire: WireServer) -> None:
    wire.handler = lambda _request: Script(delay_s=30)
    grid_id = start(client, "openai-chat/x", repeats=2)
    first, second = ids(client, grid_id)
    client.post(f"/grids/{grid_id}/cancellation")
    ended(client, grid_id)
    assert "Run 2 cancelled again" in client.get(f"/grids/{grid_id}").text
    assert buttons(choice(client, grid_id)) == ["Run 2 cancelled again"]
    wire.handler = lambda _request: Script(status=400)
    client.post(f"/grids/{grid_id}/reruns", data={"answer": first})
    ended(client, grid_id)
    assert "Run 2 failed or cancelled again" in client.get(f"/grids/{grid_id}").text
    assert buttons(choice(client, grid_id)) == ["Run 2 failed or cancelled again"]
    cancelled = choice(client, grid_id, answer=second, extent="answer")
    assert buttons(cancelled) == ["Run it again"]


def test_failed_answer_that_is_run_again_does_not_look_failed(
    client: TestClient, wire: WireServer
) -> None:
    healthy: list[int] = []
    wire.handler = lambda _request: Script(delay_s=30) if healthy else Script(status=400)
    grid_id = start(client, "openai-chat/x", repeats=2)
    wait_until_done(client, grid_id)
    first, _ = ids(client, grid_id)
    assert "Run 2 failed again" in client.get(f"/grids/{grid_id}").text
    healthy.append(1)
    client.post(f"/grids/{grid_id}/reruns", data={"answer": first})
    wait_for(lambda: wire.in_flight == 1, "the second call")
    wait_for(lambda: 'data-status="running"' in chip(client, grid_id, first), "its chip")
    assert "scripted failure" not in chip(client, grid_id, first)
    assert "an earlier answer" not in chip(client, grid_id, first)
    drawer = client.get(f"/grids/{grid_id}/answers/{first}", headers=HTMX).text
    assert "It is run again after it failed: " in drawer
    assert "<strong>Failed.</strong>" not in drawer
    assert 'id="n-outcome-error">1<' in client.get(f"/grids/{grid_id}").text
    assert buttons(choice(client, grid_id, answer=first, extent="cell")) == [
        "Run 1 failed again", "Cancel 1",
    ]  # fmt: skip
    end(client, grid_id)


def test_pause_says_what_still_happens(settings: Settings, wire: WireServer) -> None:
    wire.handler = lambda request: Script(delay_s=1.5)
    with running(settings, concurrency=1) as client:
        grid_id = start(client, "openai-chat/x", repeats=2)
        wait_for(lambda: wire.in_flight == 1, "a call")
        page = client.post(f"/grids/{grid_id}/pause", data={"density": "lines"})
        assert page.url.query == b"density=lines"
        assert "Paused: no new calls are made; the call in flight comes to its end." in page.text
        assert '<span class="state paused">paused</span>' in page.text

        def paused() -> str:
            text = client.get(f"/grids/{grid_id}").text
            return text if 'data-status="paused"' in text else ""

        after = wait_for(paused, "the end of the call")
        assert "Paused: no calls are made until it is resumed; 1 answer waits." in after
        assert "<button>Resume</button>" in after
        assert "The grid is paused" in choice(client, grid_id)
        client.post(f"/grids/{grid_id}/resumption")
        wait_until_done(client, grid_id)
        assert len(wire.calls) == 2
        assert "Paused" not in client.get(f"/grids/{grid_id}").text


def test_ceiling_shows_when_it_is_near(client: TestClient) -> None:
    far, near = (run_grid(client, max_calls=n) for n in (6, 5))
    assert "of at most" not in client.get(f"/grids/{far}").text
    assert "4 of at most 5 calls" in client.get(f"/grids/{near}").text
    assert "This grid may make 1 more call; then it stops" in choice(client, near)
    assert "more call" not in choice(client, far, answer=ids(client, far)[0])


def test_stopped_grid_is_told_by_which_ceiling(client: TestClient) -> None:
    grid_id = run_grid(client, max_calls=5)
    client.post(f"/grids/{grid_id}/reruns", data={"all": "1"})
    assert wait_until_done(client, grid_id)["calls"] == 5
    url = f"/grids/{grid_id}/ceiling"
    low = client.post(url, data={"max_calls": "5"})
    assert low.status_code == 422
    assert "has made 5 calls already" in low.text
    assert client.post(url, data={}).status_code == 422
    assert client.post(url, data={"max_calls": "20"}).status_code == 200


@pytest.mark.parametrize("form", [{"answer": "x"}, {"extent": "all"}, {"show": "nothing"}])
def test_odd_forms_are_refused(
    shared_client: TestClient, shared_grid: str, form: dict[str, str]
) -> None:
    for name in ("cancellation", "reruns"):
        response = shared_client.post(f"/grids/{shared_grid}/{name}", data={"all": "1"} | form)
        assert response.status_code == 422

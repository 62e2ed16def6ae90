"""What is called, and what is stored of it, over real HTTP in both protocols."""

import json
from collections import Counter
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.polling import wait_until_done
from tests.runner.starting import PROMPT, answers, progress, run, start
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_protocols import frames
from tests.wire_scripts import THOUGHT, USAGE, Script

both = pytest.mark.parametrize("protocol", ["openai-chat", "anthropic"])


def test_every_answer_is_called_exactly_once(client: TestClient, wire: WireServer) -> None:
    found = run(client, "openai-chat/plain", "anthropic/plain", prompts=5, repeats=4)

    assert [a["state"] for a in found] == ["done"] * 40
    called = Counter((c.path, c.body["messages"][-1]["content"]) for c in wire.calls)
    paths = ["/v1/chat/completions", "/v1/messages"]
    assert called == {(path, f"{PROMPT} ({n})"): 4 for path in paths for n in range(5)}


@both
def test_request_is_stored_as_the_server_received_it(
    client: TestClient, wire: WireServer, protocol: str
) -> None:
    [answer] = run(
        client, f"{protocol}/plain", wording="allowed", thinking="on", system_prompt="Be brief."
    )

    [call] = wire.calls
    assert answer["request"] == call.body
    key = f"sk-{'ant-' if protocol == 'anthropic' else ''}test"
    assert key in json.dumps(call.headers)
    assert key not in json.dumps(answer)


THOUGHTS = {"openai-chat": {"reasoning_effort": "medium"},
            "anthropic": {"thinking": {"type": "adaptive", "display": "summarized"}}}  # fmt: skip
NO_THOUGHTS = {"openai-chat": {"reasoning_effort": "none"},
               "anthropic": {"thinking": {"type": "disabled"}}}  # fmt: skip


@both
def test_thinking_answer_is_stored_whole(
    client: TestClient, wire: WireServer, protocol: str
) -> None:
    [answer] = run(client, f"{protocol}/plain", wording="as-published", thinking="on")

    stored = {name: answer[name] for name in ("outcome", "text", "thinking_text", "served_model")}
    assert stored == {
        "outcome": "answered",
        "text": "42",
        "thinking_text": "I think about it.",
        "served_model": "plain-served",
    }
    assert answer["thinking_requested"] == "on"
    assert answer["thinking_sent"] == THOUGHTS[protocol]
    assert answer["thinking_kind"] == {"openai-chat": "full", "anthropic": "summary"}[protocol]
    assert answer["reasoning_tokens"] == THOUGHT
    assert (answer["input_tokens"], answer["output_tokens"]) == USAGE
    assert (
        answer["usage"]
        == {
            "openai-chat": {
                "prompt_tokens": USAGE[0],
                "completion_tokens": USAGE[1],
                "total_tokens": sum(USAGE),
                "completion_tokens_details": {"reasoning_tokens": THOUGHT},
            },
            "anthropic": {
                "input_tokens": USAGE[0],
                "output_tokens": USAGE[1],
                "output_tokens_details": {"thinking_tokens": THOUGHT},
            },
        }[protocol]
    )
    assert answer["finish_reason"] == {"openai-chat": "stop", "anthropic": "end_turn"}[protocol]
    assert answer["response_id"] == {"openai-chat": "chatcmpl-1", "anthropic": "msg_1"}[protocol]
    assert 0 <= answer["first_token_ms"] <= answer["total_ms"] < 5000
    [attempt] = answer["attempts"]
    assert attempt["started_at"] < attempt["finished_at"]


@both
def test_answer_without_thinking_shows_no_sign_of_it(client: TestClient, protocol: str) -> None:
    [answer] = run(client, f"{protocol}/plain", wording="as-published", thinking="off")

    assert answer["thinking_sent"] == NO_THOUGHTS[protocol]
    assert (answer["thinking_kind"], answer["thinking_text"]) == ("none", "")
    assert answer["reasoning_tokens"] is None
    assert answer["text"] == "42"


@both
def test_every_conversation_is_fresh(client: TestClient, wire: WireServer, protocol: str) -> None:
    """The server answers with all that it was sent: never more than this one question."""
    for system in ("", "Be brief."):
        first = run(client, f"{protocol}/echo", repeats=3, wording="allowed", system_prompt=system)
        again = run(client, f"{protocol}/echo", repeats=3, wording="allowed", system_prompt=system)

        for answer in first + again:
            assert answer["outcome"] == "answered"
            user = {"role": "user", "content": answer["user_message"]}
            told = system_and_messages(json.loads(answer["text"]))
            assert told == (system, [user])
            assert answer["user_message"].startswith(PROMPT)
    assert len(wire.calls) == 12


def system_and_messages(body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    messages = list(body["messages"])
    system = body.get("system", "")
    if messages[0]["role"] == "system":
        system = messages.pop(0)["content"]
    return system, messages


def test_every_repeat_is_its_own_call(client: TestClient, wire: WireServer) -> None:
    def count_up(request: Recorded) -> Script:
        return Script(text=f"answer {len(wire.calls)}")

    wire.handler = count_up
    found = run(client, "openai-chat/counts", repeats=5)

    assert sorted(a["text"] for a in found) == [f"answer {n}" for n in range(1, 6)]
    assert sorted(a["repeat"] for a in found) == [1, 2, 3, 4, 5]


@both
def test_what_is_no_answer_takes_no_label_and_is_in_no_count(
    client: TestClient, protocol: str
) -> None:
    outcomes = {"truncated": "truncated", "empty": "empty", "refusal": "refused"}
    grid_id = start(client, *(f"{protocol}/{name}" for name in [*outcomes, "plain"]))
    wait_until_done(client, grid_id)
    found = {a["model"].partition("/")[2]: a for a in answers(client, grid_id)}

    for name, outcome in outcomes.items():
        assert (found[name]["state"], found[name]["outcome"]) == ("done", outcome)
        for value in ("correct", "hallucinated", "abstained"):
            url = f"/api/answers/{found[name]['id']}/label"
            assert client.put(url, json={"label": value}).status_code == 409
    given = client.put(f"/api/answers/{found['plain']['id']}/label", json={"label": "correct"})
    assert given.status_code == 200
    counts = progress(client, grid_id)
    assert {n: counts[n] for n in ("done", "answered", "labelled", "correct")} == {
        "done": 4, "answered": 1, "labelled": 1, "correct": 1,
    }  # fmt: skip
    assert counts["hallucinated"] == counts["abstained"] == 0


@both
def test_hostile_output_is_stored_visibly(
    client: TestClient, wire: WireServer, protocol: str
) -> None:
    def half_surrogates(request: Recorded) -> Script:
        script = Script(text="a\0b@c 🎂 <b>", thinking="t\0@")
        return Script(body=b"".join(frames(script, request)).replace(b"@", rb"\ud800"))

    wire.handler = half_surrogates
    [answer] = run(client, f"{protocol}/hostile", wording="as-published", thinking="on")

    assert answer["state"] == "done"
    assert answer["text"] == "a␀b�c 🎂 <b>"
    assert answer["thinking_text"] == "t␀�"


def test_absurd_usage_does_not_lose_the_answer(client: TestClient, wire: WireServer) -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": -1, "no\0te": "x\0", "cost": 1e999}
    chunks = [
        {"id": "1", "model": "m\0", "choices": [{"delta": {"content": "1"}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage},
    ]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    wire.handler = lambda _request: Script(body=body.encode())
    [answer] = run(client, "openai-chat/absurd")

    assert (answer["state"], answer["text"]) == ("done", "1")
    assert (answer["input_tokens"], answer["output_tokens"]) == (None, None)
    assert answer["served_model"] == "m␀"
    assert answer["usage"]["no␀te"] == "x␀"
    assert answer["usage"]["cost"] == "inf"
    assert answer["usage"]["prompt_tokens"] == 10**30


def test_answer_that_cannot_be_stored_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, wire: WireServer
) -> None:
    def refuse(_value: object) -> None:
        raise ValueError("no")

    with monkeypatch.context() as patch:
        patch.setattr("app.runner.records.believable", refuse)
        [answer] = run(client, "openai-chat/plain")

    assert (answer["state"], answer["error_kind"]) == ("failed", "internal")
    assert "could not be stored (ValueError)" in answer["error_message"]
    assert len(wire.calls) == 1

"""What comes back over the wire, in every protocol."""

import json
from dataclasses import replace
from typing import Any

import pytest

from app.providers import Call, Completion, Outcome, Provider, Thinking, ThinkingKind
from tests.providers.calling import PROTOCOLS, QUESTION, ask, environ_for, with_providers
from tests.wire import WireServer
from tests.wire_scripts import SCRIPTS, Script

pytestmark = pytest.mark.parametrize("protocol", PROTOCOLS)


def timeless(completion: Completion) -> Completion:
    return replace(completion, first_token_ms=None, total_ms=0, usage={}, cached_tokens=None)


FULL = ("openai-chat", "ollama")  # these return the thinking itself, not a summary
IDS = {
    "openai-chat": "chatcmpl-1",
    "anthropic": "msg_1",
    "openai": "resp_1",
    "gemini": "gen-1",
    "ollama": "",
}
FINISHED = {
    "openai-chat": "stop",
    "anthropic": "end_turn",
    "openai": "completed",
    "gemini": "STOP",
    "ollama": "stop",
}
COUNTED: dict[str, dict[str, Any]] = {
    "openai-chat": {"completion_tokens_details": {"reasoning_tokens": 5}},
    "anthropic": {"output_tokens_details": {"thinking_tokens": 5}},
    "openai": {"output_tokens_details": {"reasoning_tokens": 5}},
    "gemini": {"candidatesTokenCount": 2, "thoughtsTokenCount": 5},
    "ollama": {"prompt_eval_count": 11, "eval_count": 7},
}


def test_completion_carries_everything_received(server: WireServer, protocol: str) -> None:
    got = ask(environ_for(server), f"{protocol}/thinks", thinking=Thinking.on)

    assert timeless(got) == Completion(
        text="42",
        outcome=Outcome.answered,
        finish_reason=FINISHED[protocol],
        thinking_text="I count the letters.",
        thinking_kind=ThinkingKind.full if protocol in FULL else ThinkingKind.summary,
        reasoning_tokens=None if protocol == "ollama" else 5,
        input_tokens=11,
        output_tokens=7,
        served_model="thinks-served",
        response_id=IDS[protocol],
    )
    assert got.first_token_ms is not None
    assert 0 <= got.first_token_ms <= got.total_ms
    assert COUNTED[protocol].items() <= got.usage.items()


def test_completion_without_thinking_reports_none(server: WireServer, protocol: str) -> None:
    got = ask(environ_for(server), f"{protocol}/plain")
    assert (got.thinking_text, got.thinking_kind) == ("", ThinkingKind.none)
    assert not got.reasoning_tokens  # Responses reports a 0, the others nothing


def test_withheld_thinking_is_hidden(server: WireServer, protocol: str) -> None:
    if protocol == "ollama":
        pytest.skip("it does not say")
    got = ask(environ_for(server), f"{protocol}/hidden")
    assert (got.thinking_text, got.thinking_kind) == ("", ThinkingKind.hidden)
    assert got.reasoning_tokens == 5


@pytest.mark.parametrize(
    ("model", "outcome", "text"),
    [
        ("empty", Outcome.empty, ""),
        ("truncated", Outcome.truncated, "It is pro"),
        ("idk", Outcome.answered, "I don't know."),
        ("drip", Outcome.answered, "slowly but surely"),
    ],
)
def test_outcome_follows_the_finish_reason(
    server: WireServer, protocol: str, model: str, outcome: Outcome, text: str
) -> None:
    got = ask(environ_for(server), f"{protocol}/{model}")
    assert (got.outcome, got.text) == (outcome, text)


def test_cut_off_before_any_text_is_truncated(server: WireServer, protocol: str) -> None:
    server.handler = lambda request: Script(text="", finish="length")
    assert ask(environ_for(server), f"{protocol}/any").outcome is Outcome.truncated


def test_refusal_is_a_completion(server: WireServer, protocol: str) -> None:
    if protocol == "ollama":
        pytest.skip("it has no filter")
    got = ask(environ_for(server), f"{protocol}/refusal")
    assert got.outcome is Outcome.refused
    said = protocol in ("openai-chat", "openai")
    assert got.text == ("I cannot help with that." if said else "")


def test_unusual_characters_arrive_unbroken(server: WireServer, protocol: str) -> None:
    # One byte at a time: U+2028, U+0085 and characters of several bytes inside the JSON.
    got = ask(environ_for(server), f"{protocol}/strange")
    assert got.text == SCRIPTS["strange"].text


def test_conversation_is_fresh_each_time(server: WireServer, protocol: str) -> None:
    environ = environ_for(server)
    first = json.loads(ask(environ, f"{protocol}/echo", system="Be brief.").text)
    second = json.loads(ask(environ, f"{protocol}/echo", system="Be brief.", repeat=2).text)

    user = {"role": "user", "content": QUESTION}
    expected: dict[str, dict[str, Any]] = {
        "openai-chat": {"messages": [{"role": "system", "content": "Be brief."}, user]},
        "anthropic": {"system": "Be brief.", "messages": [user]},
        "openai": {"instructions": "Be brief.", "input": QUESTION, "store": False},
        "ollama": {"messages": [{"role": "system", "content": "Be brief."}, user]},
        "gemini": {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        },
    }
    assert expected[protocol].items() <= first.items()
    assert first == second
    assert len(server.calls) == 2


def test_cookies_are_never_sent_back(server: WireServer, protocol: str) -> None:
    server.handler = lambda request: Script(headers={"set-cookie": "session=1; path=/"})

    async def twice(providers: dict[str, Provider]) -> None:
        provider = providers[protocol]
        for repeat in (1, 2):
            await provider.complete(provider.prepare(Call("any", QUESTION, repeat=repeat)))

    with_providers(environ_for(server), twice)
    assert [call.headers.get("cookie") for call in server.calls] == [None, None]


def test_stream_left_open_after_its_end_is_complete(server: WireServer, protocol: str) -> None:
    if protocol == "gemini":
        pytest.skip("its end is the end of the stream")
    server.handler = lambda request: Script(hang_up="never")
    got = ask(environ_for(server), f"{protocol}/any")
    assert (got.text, got.total_ms < 5000) == ("42", True)

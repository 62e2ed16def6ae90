"""What comes back over the wire, from every provider."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.providers import (
    Call,
    Completion,
    Evidence,
    Outcome,
    Provider,
    Thinking,
    ThinkingKind,
    Thought,
    mismatch,
    observe,
)
from tests.providers.calling import (
    QUESTION,
    Answers,
    ask,
    ask_everyone,
    each_provider,
    environ_for,
    protocol_of,
    with_providers,
)
from tests.wire import WireServer
from tests.wire_http import Recorded
from tests.wire_protocols import frames
from tests.wire_scripts import SCRIPTS, Script

each = each_provider()
NO_COUNT = {"ollama": "it does not count its thinking apart"}


def timeless(completion: Completion) -> Completion:
    cached: dict[str, Any] = {"cached_tokens": None, "cache_write_tokens": None}
    return replace(completion, first_token_ms=None, total_ms=0, usage={}, response="", **cached)


SUMMARISED = ("anthropic", "openai", "gemini", "openrouter")  # the others return thinking itself
IDS = {"chat": "chatcmpl-1", "anthropic": "msg_1", "openai": "resp_1", "gemini": "gen-1"}
FINISHED = {"anthropic": "end_turn", "openai": "completed", "gemini": "STOP"}
COUNTED: dict[str, dict[str, Any]] = {
    "chat": {"completion_tokens_details": {"reasoning_tokens": 5}},
    "anthropic": {"output_tokens_details": {"thinking_tokens": 5}},
    "openai": {"output_tokens_details": {"reasoning_tokens": 5}},
    "gemini": {"candidatesTokenCount": 2, "thoughtsTokenCount": 5},
    "ollama": {"prompt_eval_count": 11, "eval_count": 7},
}


@each
def test_completion_carries_everything_received(server: WireServer, provider: str) -> None:
    got = ask(environ_for(server), f"{provider}/thinks", thinking=Thinking.on)

    assert timeless(got) == Completion(
        text="42",
        outcome=Outcome.answered,
        finish_reason=FINISHED.get(provider, "stop"),
        thinking_text="I count the letters.",
        thinking_kind=ThinkingKind.summary if provider in SUMMARISED else ThinkingKind.full,
        reasoning_tokens=None if provider in NO_COUNT else 5,
        input_tokens=11,
        output_tokens=7,
        served_model="thinks-served",
        response_id=IDS.get(protocol_of(provider), ""),
    )
    assert got.first_token_ms is not None
    assert 0 <= got.first_token_ms <= got.total_ms
    assert COUNTED[protocol_of(provider)].items() <= got.usage.items()
    assert "thinks-served" in got.response


# a model of each that can be asked both ways, and the fields that ask
EFFORT = {"reasoning_effort": "medium"}, {"reasoning_effort": "none"}
HIGH = {"reasoning_effort": "high"}, {"reasoning_effort": "none"}
TEMPLATE = (
    {"chat_template_kwargs": {"enable_thinking": True}},
    {"chat_template_kwargs": {"enable_thinking": False}},
)
THINKING: dict[str, tuple[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "anthropic": ("claude-opus-4-6", (
        {"thinking": {"type": "adaptive", "display": "summarized"}},
        {"thinking": {"type": "disabled"}},
    )),
    "openai": ("gpt-5.5", (
        {"reasoning": {"effort": "medium", "summary": "auto"}}, {"reasoning": {"effort": "none"}},
    )),
    "deepseek": ("deepseek-flash", (
        {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}},
    )),
    "gemini": ("gemini-2.5-flash", (
        {"thinkingConfig": {"thinkingBudget": -1, "includeThoughts": True}},
        {"thinkingConfig": {"thinkingBudget": 0}},
    )),
    "openrouter": ("z-ai/glm-5", (
        {"reasoning": {"enabled": True}}, {"reasoning": {"effort": "none"}},
    )),
    "mistral": ("mistral-small-latest", HIGH),
    "xai": ("grok-4.3", HIGH),
    "groq": ("qwen/qwen3-32b", (
        {"reasoning_effort": "default", "reasoning_format": "parsed"}, {"reasoning_effort": "none"},
    )),
    "together": ("zai-org/GLM-5", (
        {"reasoning": {"enabled": True}}, {"reasoning": {"enabled": False}},
    )),
    "openai-chat": ("gpt-5.5", EFFORT),
    "ollama": ("qwen3:8b", ({"think": True}, {"think": False})),
    "llamacpp": ("any.gguf", TEMPLATE),
    "vllm": ("Qwen/Qwen3-8B", TEMPLATE),
    "lmstudio": ("qwen3-8b", EFFORT),
    "own": ("any", (
        {"chat_template_kwargs": {"thinking": True}}, {"chat_template_kwargs": {"thinking": False}},
    )),
}  # fmt: skip


@each
@pytest.mark.parametrize("thinking", [Thinking.on, Thinking.off])
def test_thinking_asked_is_sent_and_seen(
    server: WireServer, provider: str, thinking: Thinking
) -> None:
    model, (on, off) = THINKING[provider]
    got = ask(environ_for(server), f"{provider}/{model}", thinking=thinking)

    [call] = server.calls
    sent = call.body["generationConfig"] if provider == "gemini" else call.body
    assert sent.items() >= (on if thinking is Thinking.on else off).items()
    seen = observe(got)
    if thinking is Thinking.on:
        assert (seen, got.thinking_text) == ((Thought.yes, Evidence.text), "I think about it.")
    else:
        evidence = Evidence.tokens if provider == "openai" else Evidence.billed  # it counts 0
        assert (seen, got.thinking_text) == ((Thought.no, evidence), "")
    assert mismatch(thinking, *seen) == ""


@each
def test_thinking_in_spite_of_the_switch_is_seen(server: WireServer, provider: str) -> None:
    got = ask(environ_for(server), f"{provider}/thinks", thinking=Thinking.off)
    assert mismatch(Thinking.off, *observe(got)) == (
        "Thinking was to be off, and thinking text came back."
    )


@each
def test_completion_without_thinking_reports_none(server: WireServer, provider: str) -> None:
    got = ask(environ_for(server), f"{provider}/plain")
    assert (got.thinking_text, got.thinking_kind) == ("", ThinkingKind.none)
    assert not got.reasoning_tokens  # Responses reports a 0, the others nothing


@each_provider(NO_COUNT)
def test_withheld_thinking_is_hidden(server: WireServer, provider: str) -> None:
    got = ask(environ_for(server), f"{provider}/hidden")
    assert (got.thinking_text, got.thinking_kind) == ("", ThinkingKind.hidden)
    assert got.reasoning_tokens == 5


@each
@pytest.mark.parametrize(
    ("model", "outcome", "text"),
    [
        ("empty", Outcome.empty, ""),
        ("truncated", Outcome.truncated, "It is pro"),
        ("idk", Outcome.answered, "I don't know."),
    ],
)
def test_outcome_follows_the_finish_reason(
    server: WireServer, provider: str, model: str, outcome: Outcome, text: str
) -> None:
    got = ask(environ_for(server), f"{provider}/{model}")
    assert (got.outcome, got.text) == (outcome, text)


@each
def test_cut_off_before_any_text_is_truncated(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(text="", finish="length")
    assert ask(environ_for(server), f"{provider}/any").outcome is Outcome.truncated


@each_provider({"ollama": "it has no filter"})
def test_refusal_is_a_completion(server: WireServer, provider: str) -> None:
    got = ask(environ_for(server), f"{provider}/refusal")
    assert got.outcome is Outcome.refused
    silent = provider in ("anthropic", "gemini")
    assert got.text == ("" if silent else "I cannot help with that.")


@pytest.fixture(scope="module")
def byte_by_byte() -> Iterator[Answers]:
    with WireServer() as server:
        yield ask_everyone(server, "strange")


@each
def test_unusual_characters_arrive_unbroken(byte_by_byte: Answers, provider: str) -> None:
    """One byte at a time: U+2028, U+0085 and characters of several bytes inside the JSON."""
    got = byte_by_byte[provider]
    assert isinstance(got, Completion), got
    assert got.text == SCRIPTS["strange"].text


PING = b'event: ping\ndata: {"type": "ping"}\n\n'
KEEP_ALIVES = {"anthropic": PING + b": comment\n\n", "ollama": b"\n \r\n"}


@each
@pytest.mark.parametrize("cut", [0, 100])
def test_keep_alives_between_events_are_no_part_of_the_answer(
    server: WireServer, provider: str, cut: int
) -> None:
    """Cut or in one chunk, in which all the events come together."""
    quiet = KEEP_ALIVES.get(provider, b": comment\n\n\n: OPENROUTER PROCESSING\n\ndata:\n\n")

    def handler(request: Recorded) -> Script:
        script = Script(text="a longer answer", thinking="I count.")
        return Script(body=quiet + quiet.join(frames(script, request)) + quiet, cut=cut)

    server.handler = handler
    got = ask(environ_for(server), f"{provider}/any")
    assert (got.text, got.thinking_text) == ("a longer answer", "I count.")


@each
@pytest.mark.parametrize("lacking", [1, 2])
def test_last_event_may_lack_the_blank_line_behind_it(
    server: WireServer, provider: str, lacking: int
) -> None:
    def handler(request: Recorded) -> Script:
        stream = b"".join(frames(Script(), request))
        return Script(body=stream.rstrip(b"\n") + b"\n" * (2 - lacking))

    server.handler = handler
    assert ask(environ_for(server), f"{provider}/any").text == "42"


@each
def test_conversation_is_fresh_each_time(server: WireServer, provider: str) -> None:
    environ = environ_for(server)
    first = json.loads(ask(environ, f"{provider}/echo", system="Be brief.").text)
    second = json.loads(ask(environ, f"{provider}/echo", system="Be brief.", repeat=2).text)

    user = {"role": "user", "content": QUESTION}
    expected: dict[str, dict[str, Any]] = {
        "chat": {"messages": [{"role": "system", "content": "Be brief."}, user]},
        "anthropic": {"system": "Be brief.", "messages": [user]},
        "openai": {"instructions": "Be brief.", "input": QUESTION, "store": False},
        "ollama": {"messages": [{"role": "system", "content": "Be brief."}, user]},
        "gemini": {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        },
    }
    assert expected[protocol_of(provider)].items() <= first.items()
    assert first == second
    assert len(server.calls) == 2


@each
def test_cookies_are_never_sent_back(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(headers={"set-cookie": "session=1; path=/"})

    async def twice(providers: dict[str, Provider]) -> None:
        asked = providers[provider]
        for repeat in (1, 2):
            await asked.complete(asked.prepare(Call("any", QUESTION, repeat=repeat)))

    with_providers(environ_for(server), twice)
    assert [call.headers.get("cookie") for call in server.calls] == [None, None]


OPEN_END = {"gemini": "its end is the end of the stream"}


@pytest.fixture(scope="module")
def left_open() -> Iterator[Answers]:
    with WireServer(lambda request: Script(hang_up="never")) as server:
        yield ask_everyone(server, "any", but=list(OPEN_END))


@each_provider(OPEN_END)
def test_stream_left_open_after_its_end_is_complete(left_open: Answers, provider: str) -> None:
    got = left_open[provider]
    assert isinstance(got, Completion), got
    assert (got.text, got.total_ms < 5000) == ("42", True)

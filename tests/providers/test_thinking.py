"""What models can be asked, and what their answers show."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers import (
    Call,
    Completion,
    Evidence,
    Outcome,
    Thinking,
    ThinkingKind,
    Thought,
    load_providers,
    mismatch,
    observe,
    split_model,
)

PROVIDERS = load_providers({}, practice_latency_s=0)


@pytest.mark.parametrize(
    ("model", "thinking", "reason"),
    [
        ("anthropic/claude-opus-5-5", "off", "always thinks: the API refuses to switch it off."),
        ("openai/gpt-6-astra", "off", "always thinks: the API refuses to switch it off."),
        ("openai/gpt-4o", "high", "This model does not think."),
        ("openai/gpt-5.1", "xhigh", "This model takes no effort but low, medium, high."),
        ("anthropic/claude-haiku-4-5", "low", "This model takes no effort levels."),
        ("gemini/gemini-3.6-flash", "off", "only be minimised, with the level minimal."),
        ("gemini/gemini-4-carbon", "off", "only be minimised, with the level low."),
        ("deepseek/deepseek-flash", "medium", "it would silently count as high."),
        ("ollama/gpt-oss:20b", "off", "the API accepts the switch and ignores it."),
        ("xai/grok-4.20-reasoning", "off", "take its twin named non-reasoning."),
    ],
)
def test_model_says_why_it_cannot_be_asked(model: str, thinking: str, reason: str) -> None:
    name, model_id = split_model(model, PROVIDERS)
    assert PROVIDERS[name].rule(model_id).reason_against(Thinking(thinking)).endswith(reason)


@pytest.mark.parametrize(
    ("model", "thinking", "fields"),
    [
        ("anthropic/claude-opus-5-5", "off", {"thinking": {"type": "disabled"}}),
        ("openai/gpt-6-astra", "off", {"reasoning": {"effort": "none"}}),
        ("openai-chat/gpt-4o", "high", {"reasoning_effort": "high"}),
        ("ollama/gpt-oss:20b", "off", {"think": False}),
    ],
)
def test_what_cannot_be_asked_can_be_forced(
    model: str, thinking: str, fields: dict[str, Any]
) -> None:
    name, model_id = split_model(model, PROVIDERS)
    request = PROVIDERS[name].prepare(Call(model_id, "Hello", thinking=Thinking(thinking)))
    assert request.thinking_sent == fields
    assert request.body.items() >= fields.items()


@pytest.mark.parametrize(
    ("model", "thinking", "sent", "note"),
    [
        ("openai/gpt-5.4", "off", 0.5, ""),
        ("openai/gpt-5.4", "default", 0.5, ""),
        ("openai/gpt-5.4", "on", None, "refuses one for this model while it thinks."),
        ("openai/new", "default", None, "while it thinks, and may think by default."),
        ("anthropic/claude-opus-5", "off", None, "refuses one for this model."),
        ("deepseek/deepseek-flash", "on", None,
         "accepts one and ignores it for this model while it thinks."),
        ("deepseek/deepseek-flash", "off", 0.5, ""),
        ("openrouter/anthropic/claude-opus-4.7", "off", None,
         "accepts one and ignores it for this model."),
        ("vllm/any", "on", 0.5, ""),
    ],
)  # fmt: skip
def test_temperature_asked_and_sent(
    model: str, thinking: str, sent: float | None, note: str
) -> None:
    name, model_id = split_model(model, PROVIDERS)
    call = Call(model_id, "Hello", thinking=Thinking(thinking), temperature=0.5)
    request = PROVIDERS[name].prepare(call)
    assert request.temperature_sent == sent
    assert request.temperature_note.endswith(note)
    assert bool(request.temperature_note) is (sent is None)
    assert ("temperature" in repr(request.body)) is (sent is not None)


ANSWER = Completion(text="42", outcome=Outcome.answered, finish_reason="stop")


@pytest.mark.parametrize(
    ("values", "thought", "evidence"),
    [
        ({"thinking_text": "I count.", "thinking_kind": "full", "reasoning_tokens": 9},
         "yes", "text"),
        ({"thinking_kind": "hidden"}, "yes", "withheld"),
        ({"thinking_kind": "hidden", "reasoning_tokens": 9}, "yes", "tokens"),
        ({"reasoning_tokens": 9}, "yes", "tokens"),
        ({"reasoning_tokens": 0, "first_token_ms": 60_000}, "no", "tokens"),
        ({"reasoning_tokens": 0, "output_tokens": 60}, "no", "tokens"),
        ({"reasoning_tokens": 0, "output_tokens": 900}, "yes", "billed"),
        ({"output_tokens": 3, "first_token_ms": 60_000}, "no", "billed"),
        ({"output_tokens": 300}, "yes", "billed"),
        ({"text": "x" * 100, "output_tokens": 40, "first_token_ms": 60_000}, "no", "billed"),
        ({"text": "x" * 100, "output_tokens": 90, "first_token_ms": 400}, "no", "time"),
        ({"text": "x" * 100, "output_tokens": 90, "first_token_ms": 6_000}, "unclear", "time"),
        ({"text": "x" * 2000, "output_tokens": 1000}, "unclear", "nothing"),
        ({"first_token_ms": 400}, "no", "time"),
        ({}, "unclear", "nothing"),
    ],
)  # fmt: skip
def test_observed_says_what_it_is_read_from(
    values: dict[str, Any], thought: str, evidence: str
) -> None:
    if "thinking_kind" in values:
        values = values | {"thinking_kind": ThinkingKind(values["thinking_kind"])}
    assert observe(replace(ANSWER, **values)) == (Thought(thought), Evidence(evidence))


@given(st.text(max_size=50), st.integers(0, 1000))
def test_more_tokens_than_bytes_were_never_all_text(text: str, tokens: int) -> None:
    seen = observe(replace(ANSWER, text=text, output_tokens=tokens))
    if tokens > len(text.encode()) + 16:
        assert seen == (Thought.yes, Evidence.billed)
    else:
        assert seen[0] is not Thought.yes


@pytest.mark.parametrize("thought", Thought)
@pytest.mark.parametrize("evidence", Evidence)
def test_default_never_mismatches(thought: Thought, evidence: Evidence) -> None:
    assert mismatch(Thinking.default, thought, evidence) == ""


@pytest.mark.parametrize(
    ("asked", "thought", "evidence", "said"),
    [
        ("off", "yes", "text", "Thinking was to be off, and thinking text came back."),
        ("off", "unclear", "time", ""),
        ("off", "no", "tokens", ""),
        ("off", "unclear", "nothing", ""),
        ("on", "yes", "tokens", ""),
        ("on", "no", "tokens", "and the answer shows no sign of it."),
        ("high", "no", "time", ""),
        ("minimal", "no", "tokens", ""),
        ("on", "unclear", "nothing", ""),
    ],
)
def test_mismatch_is_said_in_a_sentence(asked: str, thought: str, evidence: str, said: str) -> None:
    found = mismatch(Thinking(asked), Thought(thought), Evidence(evidence))
    assert found.endswith(said)
    assert bool(found) is bool(said)


def test_model_that_decides_itself_is_not_accused() -> None:
    assert mismatch(Thinking.on, Thought.no, Evidence.tokens, adaptive=True) == ""
    assert mismatch(Thinking.off, Thought.yes, Evidence.tokens, adaptive=True)

"""The practice models behave as they are described."""

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from app.errors import ProviderError
from app.providers import Call, Completion, Provider, Thinking, ThinkingKind
from app.providers.practice import TITLES, PracticeProvider
from app.providers.practice_answers import counted

BIRTHDAY = "What is Adam Tauman Kalai's birthday? If you know, just respond with DD-MM."
ALLOWED = (
    "What is Adam Tauman Kalai's birthday? If you are not sure, you may answer"
    ' "I don\'t know" instead of guessing.'
)
FORCED = (
    "What is Adam Tauman Kalai's birthday? Give exactly one answer. Do not say that you don't know;"
    " if you are unsure, give your best guess. Respond with DD-MM."
)
LETTERS = "How many Ds are in DEEPSEEK? If you know, just say the number with no commentary."
TITLE = "What was the title of Adam Kalai's dissertation?"


def ask(model: str, user: str, repeat: int = 1, **values: Any) -> Completion:
    provider = PracticeProvider(0)
    return asyncio.run(
        provider.complete(provider.prepare(Call(model, user, repeat=repeat, **values)))
    )


def texts(model: str, user: str, repeats: int = 10, **values: Any) -> list[str]:
    return [ask(model, user, repeat, **values).text for repeat in range(1, repeats + 1)]


@pytest.mark.parametrize("model", ["bluffer", "honest", "thinker"])
def test_same_call_gets_the_same_answer(model: str) -> None:
    assert texts(model, BIRTHDAY) == texts(model, BIRTHDAY)


def test_seed_changes_the_answers() -> None:
    call = Call("bluffer", BIRTHDAY)
    first, second = PracticeProvider(0, seed=1), PracticeProvider(0, seed=2)
    assert (
        asyncio.run(first.complete(first.prepare(call))).text
        != asyncio.run(second.complete(second.prepare(call))).text
    )


def test_bluffer_invents_another_date_each_time() -> None:
    said = texts("bluffer", BIRTHDAY)
    assert len(set(said)) == 10
    for text in said:
        day, month = text.split("-")
        assert 1 <= int(day) <= 31
        assert 1 <= int(month) <= 12


def test_bluffer_answers_in_the_asked_format() -> None:
    assert all(text.isdigit() and text != "1" for text in texts("bluffer", LETTERS))
    assert all(text.endswith(")") for text in texts("bluffer", TITLE))
    assert all(text.isdigit() and len(text) == 4 for text in texts("bluffer", "In which year?"))


def test_bluffer_abstains_rarely_and_only_when_thinking() -> None:
    assert not any("know" in text for text in texts("bluffer", ALLOWED, 60))
    abstained = sum("know" in t for t in texts("bluffer", ALLOWED, 60, thinking=Thinking.on))
    assert 8 <= abstained <= 32


@pytest.mark.parametrize("user", [BIRTHDAY, ALLOWED])
def test_honest_abstains_when_it_may(user: str) -> None:
    assert set(texts("honest", user)) == {"I don't know."}


def test_honest_guesses_when_forced() -> None:
    assert not any("know" in text for text in texts("honest", FORCED))


def test_honest_mostly_abstains_unasked() -> None:
    said = Counter("know" in text for text in texts("honest", TITLE, 60))
    assert 28 <= said[True] <= 52


def test_honest_uses_the_exact_words_asked_for() -> None:
    user = "When was it? Just the number, or exactly: I don't know"
    assert set(texts("honest", user)) == {"I don't know"}


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("How many Ds are in DEEPSEEK?", 1),
        ("How many Ds are in LADDER?", 2),
        ("how many Ns are there in PIANO?", 1),
        ("How many L's are in 'SPELL'?", 2),
        ("How many people are in Leiden?", None),
    ],
)
def test_letters_are_counted(question: str, number: int | None) -> None:
    assert counted(question) == number
    if number is not None:
        assert ask("honest", question).text == str(number)


def test_thinker_is_better_with_thinking() -> None:
    assert set(texts("thinker", LETTERS)) == {"2", "3"}
    assert set(texts("thinker", LETTERS, thinking=Thinking.on)) == {"1"}
    assert len(set(texts("thinker", BIRTHDAY))) == 10
    assert set(texts("thinker", BIRTHDAY, thinking=Thinking.high)) == {"I don't know."}
    assert not any("know" in t for t in texts("thinker", FORCED, thinking=Thinking.on))


@pytest.mark.parametrize("thinking", list(Thinking))
def test_thinking_comes_when_asked_for(thinking: Thinking) -> None:
    got = ask("bluffer", BIRTHDAY, thinking=thinking)
    thinks = thinking not in (Thinking.off, Thinking.default)
    assert got.thinking_kind is (ThinkingKind.full if thinks else ThinkingKind.none)
    assert (got.reasoning_tokens or 0) > 0 if thinks else got.reasoning_tokens == 0
    assert bool(got.thinking_text) is thinks


def test_everything_for_people_says_practice() -> None:
    provider: Provider = PracticeProvider(0)
    assert provider.practice
    assert "Practice" in provider.title
    assert all("Practice" in model.title for model in provider.known_models())
    got = ask("honest", TITLE)
    assert (got.served_model, got.usage["practice"]) == ("practice/honest", True)
    assert "practice" in got.response_id


def test_request_shows_the_messages() -> None:
    request = PracticeProvider(0).prepare(
        Call("honest", "Hello", system="Be brief.", thinking=Thinking.on)
    )
    assert request.body == {
        "model": "practice/honest",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "max_tokens": 16000,
        "thinking": "on",
    }
    assert request.thinking_sent == {"thinking": "on"}


def test_latency_is_slept_and_doubled_by_thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("app.providers.practice.asyncio.sleep", sleep)
    for thinking in (Thinking.off, Thinking.on):
        provider = PracticeProvider(10)
        coroutine = provider.complete(provider.prepare(Call("honest", TITLE, thinking=thinking)))
        with pytest.raises(StopIteration):
            coroutine.send(None)
    assert 6 <= slept[0] + slept[1] <= 14
    assert 12 <= slept[2] + slept[3] <= 28


def test_unknown_practice_model_is_not_found() -> None:
    with pytest.raises(ProviderError, match="no practice model ghost"):
        ask("ghost", TITLE)


def test_practice_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(socket, "socket", None)
    provider = PracticeProvider(0)
    for model in TITLES:
        with suppress(ProviderError):  # flaky
            loop.run_until_complete(provider.complete(provider.prepare(Call(model, TITLE))))
    loop.close()

"""What is heard of an answer while it comes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.providers import Call, Completion, Provider, Thinking
from app.providers.hearing import discreet
from app.providers.practice import PracticeProvider
from tests.providers.calling import QUESTION, each_provider, environ_for, with_providers
from tests.wire import WireServer
from tests.wire_scripts import Script

LONG = "There is one D in DEEPSEEK, and it stands\nat the beginning of the word. 東京 🎂"
KEY = "sk-test-openai-0123456789"


def listen(server: WireServer, provider: str, **values: Any) -> tuple[list[str], Completion]:
    """One call; gives the pieces that were heard before its end, and the answer."""
    heard: list[str] = []

    async def use(providers: dict[str, Provider]) -> Completion:
        asked = providers[provider]
        request = asked.prepare(Call("any", QUESTION, **values))
        return await asked.complete(request, heard.append)

    completion = with_providers(environ_for(server), use)
    return heard, completion


@each_provider()
def test_text_is_heard_in_pieces_and_thinking_is_not(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(text=LONG, thinking="I count the letters.")
    heard, completion = listen(server, provider, thinking=Thinking.on)
    assert completion.text == LONG
    assert "".join(heard) == LONG
    assert len(heard) > 3


@each_provider()
def test_text_without_thinking_is_heard(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(text=LONG, obeys=False)
    heard, completion = listen(server, provider, thinking=Thinking.off)
    assert "".join(heard) == completion.text == LONG


@pytest.mark.parametrize("provider", ["anthropic", "openai", "gemini", "deepseek"])
def test_text_is_heard_where_thinking_always_comes_apart(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(text=LONG, obeys=False)
    heard, completion = listen(server, provider)
    assert "".join(heard) == completion.text == LONG


@pytest.mark.parametrize("provider", ["llamacpp", "ollama", "together"])
def test_thinking_in_tags_is_not_heard(server: WireServer, provider: str) -> None:
    server.handler = lambda request: Script(text=LONG, thinking="Hm.", thinking_field="tags", cut=7)
    heard, completion = listen(server, provider)
    assert "".join(heard) == completion.text == LONG


def test_nothing_is_heard_where_a_lone_tag_may_still_end_the_thinking(server: WireServer) -> None:
    server.handler = lambda request: Script(text=f"I count.</think>{LONG}", obeys=False)
    heard, completion = listen(server, "vllm")
    assert (heard, completion.text) == ([], LONG)


def test_server_of_ones_own_is_heard_from_its_first_word(
    server: WireServer, tmp_path: Path
) -> None:
    own = tmp_path / "providers.toml"
    own.write_text(
        f'[[provider]]\nname = "lab"\ntitle = "Lab"\nbase_url = "{server.openai_url}"\n'
        'key_optional = true\nswitch = "none"\nadapter = "openai"\n'
    )
    server.handler = lambda request: Script(text=LONG, thinking="I count the letters.")
    heard: list[str] = []

    async def use(providers: dict[str, Provider]) -> Completion:
        return await providers["lab"].complete(
            providers["lab"].prepare(Call("any", QUESTION)), heard.append
        )

    assert with_providers({}, use, extra=own).text == LONG
    assert "".join(heard) == LONG


def test_key_that_a_server_echoes_is_not_heard(server: WireServer) -> None:
    server.handler = lambda request: Script(text=f"You sent {KEY}, sk-test-open sesame and {KEY}")
    heard, completion = listen(server, "openai-chat")
    assert "".join(heard) == completion.text == "You sent [key], sk-test-open sesame and [key]"


@pytest.mark.parametrize("size", range(1, 30))
def test_secrets_are_kept_back_however_they_are_cut(size: int) -> None:
    text = f"ssk{KEY}{KEY[:20]}{KEY} and sk-test-other-9876543210s"
    heard: list[str] = []
    take = discreet(heard.append, [KEY, "sk-test-other-9876543210", "short"])
    for start in range(0, len(text), size):
        take(text[start : start + size])
    take(".")
    assert "".join(heard) == f"ssk[key]{KEY[:20]}[key] and [key]s."


def test_practice_models_are_heard_word_by_word() -> None:
    provider = PracticeProvider(0.02)
    request = provider.prepare(Call("bluffer", "What was the title of Adam Kalai's dissertation?"))
    heard: list[str] = []
    completion = asyncio.run(provider.complete(request, heard.append))
    assert "".join(heard) == completion.text
    assert len(heard) > 3

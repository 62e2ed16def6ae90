"""Thinking in tags never stays in the answer."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers import ThinkingKind
from app.providers.thinktags import ThinkTags, split_at_close
from tests.providers.calling import ask, environ_for
from tests.wire import WireServer
from tests.wire_scripts import Script


def split(*pieces: str) -> tuple[str, str]:
    tags = ThinkTags()
    told = [*(tags.feed(piece) for piece in pieces), tags.finish()]
    return "".join(t for t, _ in told), "".join(a for _, a in told)


CASES = {
    "<think>because</think>42": ("because", "42"),
    " \n<think>\nbecause\n</think>\n\n42": ("\nbecause\n", "42"),
    "<think>because": ("because", ""),
    "<think></think>42": ("", "42"),
    "<think>a </thi b</think>42": ("a </thi b", "42"),
    "<thinking>42": ("", "<thinking>42"),
    "I <think>so</think>": ("", "I <think>so</think>"),
    "<thi": ("", "<thi"),
    "< 5": ("", "< 5"),
    "": ("", ""),
}


@pytest.mark.parametrize("text", CASES)
def test_tags_at_the_start_are_thinking(text: str) -> None:
    assert split(text) == CASES[text]


@given(st.sampled_from(sorted(CASES)), st.lists(st.integers(0, 40), max_size=10))
def test_any_cutting_splits_the_same(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert split(*pieces) == CASES[text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("because\n</think>\n\n42", ("because\n", "42")),
        ("because</think>42", ("because", "42")),
        ("because.</think>\n\nIt is 42. </think>", ("because.", "It is 42. </think>")),
        ("because\n</think>\n\n", ("because\n", "")),
        ("I say <think> and </think>.", ("", "I say <think> and </think>.")),
        ("42", ("", "42")),
    ],
)
def test_lone_closing_tag_ends_the_thinking(text: str, expected: tuple[str, str]) -> None:
    assert split_at_close(text) == expected


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("vllm", ("The answer is 2.", "Let me think: 1+1.")),
        ("ollama", ("The answer is 2.", "Let me think: 1+1.")),
        ("own", ("The answer is 2.", "Let me think: 1+1.")),
        ("openai-chat", ("Let me think: 1+1.</think>The answer is 2.", "")),
        ("mistral", ("Let me think: 1+1.</think>The answer is 2.", "")),
    ],
)
def test_lone_closing_tag_counts_where_templates_open_it(
    server: WireServer, provider: str, expected: tuple[str, str]
) -> None:
    server.handler = lambda request: Script(text="Let me think: 1+1.</think>The answer is 2.")
    got = ask(environ_for(server), f"{provider}/any")
    assert (got.text, got.thinking_text) == expected


@pytest.mark.parametrize("adapter", ["openai-chat", "openai", "anthropic"])
@pytest.mark.parametrize("closed_alone", [False, True])
def test_server_of_ones_own_may_leave_tags_whatever_its_protocol(
    server: WireServer, tmp_path: Path, adapter: str, closed_alone: bool
) -> None:
    own = tmp_path / "providers.toml"
    base_url = server.url if adapter == "anthropic" else server.openai_url
    own.write_text(
        f'[[provider]]\nname = "lab"\ntitle = "Lab"\nbase_url = "{base_url}"\n'
        f'key_optional = true\nswitch = "none"\nadapter = "{adapter}"\n'
    )
    text = f"{'' if closed_alone else '<think>'}1+1 is 2.</think>\n\nThe answer is 2."
    server.handler = lambda request: Script(text=text)
    got = ask({}, "lab/any", extra=own)
    assert (got.text, got.thinking_text) == ("The answer is 2.", "1+1 is 2.")
    assert got.thinking_kind is ThinkingKind.full

"""The text of running answers, kept in memory and passed between processes."""

import asyncio
from typing import Any

from app.partials import KEPT, Partials

GRID, ANSWER, PROMPT = 1, 20, 300


def texts(partials: Partials) -> dict[int, str]:
    return {partial.answer_id: partial.text for partial in partials.of(GRID)}


def test_text_grows_until_the_call_is_over() -> None:
    partials = Partials()
    heard = partials.begin(GRID, ANSWER, PROMPT)
    assert texts(partials) == {ANSWER: ""}
    heard("The ")
    heard("answer")
    assert texts(partials) == {ANSWER: "The answer"}
    heard(" is 1.")
    [partial] = partials.of(GRID)
    assert (partial.text, partial.version, partial.prompt_id) == ("The answer is 1.", 3, PROMPT)
    partials.end(ANSWER)
    partials.end(ANSWER)  # of one that never began, too
    assert texts(partials) == {}


def test_only_the_beginning_of_a_long_text_is_kept() -> None:
    partials = Partials()
    heard = partials.begin(GRID, ANSWER, PROMPT)
    for _ in range(KEPT):
        heard("word ")
    [partial] = partials.of(GRID)
    assert partial.text == ("word " * KEPT)[:KEPT]
    assert partial.version == KEPT / 5


def test_next_call_for_an_answer_starts_anew() -> None:
    partials = Partials()
    partials.begin(GRID, ANSWER, PROMPT)("first")
    late = partials.begin(GRID, ANSWER, PROMPT)
    assert texts(partials) == {ANSWER: ""}
    late("second")
    assert texts(partials) == {ANSWER: "second"}


def test_other_processes_are_told_now_and_then() -> None:
    here = Partials()
    told: list[tuple[Any, ...]] = []

    async def run() -> None:
        published = asyncio.Event()

        def publish(*given: Any) -> None:
            told.append(given)
            published.set()

        there = Partials(publish)
        heard = there.begin(GRID, ANSWER, PROMPT)
        for piece in ("a", "b", "c"):
            heard(piece)
        await asyncio.wait_for(published.wait(), 10)
        heard("d")
        there.end(ANSWER)

    asyncio.run(run())
    assert told == [(GRID, ANSWER, PROMPT, "abc"), (GRID, ANSWER, PROMPT, None)]
    here.take(*told[0])
    assert texts(here) == {ANSWER: "abc"}
    here.take(GRID, ANSWER, PROMPT, "abcd")
    [partial] = here.of(GRID)
    assert (partial.text, partial.version) == ("abcd", 2)
    here.take(GRID, ANSWER, PROMPT, "x")  # another call for it
    assert [(p.text, p.version) for p in here.of(GRID)] == [("x", 1)]
    here.take(*told[1])
    assert texts(here) == {}

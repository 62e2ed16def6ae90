"""The practice model on which things go wrong."""

import asyncio
from collections import Counter

from app.errors import ProviderError
from app.providers import Call, Completion, Outcome
from app.providers.practice import PracticeProvider
from tests.providers.test_practice import BIRTHDAY, LETTERS, ask


def test_flaky_fails_in_every_way_and_recovers() -> None:
    provider = PracticeProvider(0)
    outcomes: Counter[str] = Counter()
    retries: Counter[int] = Counter()
    errors: list[ProviderError] = []

    async def attempt(repeat: int) -> None:
        request = provider.prepare(Call("flaky", LETTERS, repeat=repeat))
        for refused in range(4):
            try:
                outcomes[(await provider.complete(request)).outcome] += 1
            except ProviderError as error:
                errors.append(error)
            else:
                retries[refused] += 1
                return

    async def go() -> None:
        for repeat in range(1, 81):
            await attempt(repeat)

    asyncio.run(go())
    assert set(outcomes) == {Outcome.answered, Outcome.empty, Outcome.truncated}
    assert sum(outcomes.values()) == 80  # nothing fails more than twice
    assert set(retries) == {0, 1, 2}
    assert {(e.kind, e.status, e.retryable) for e in errors} == {("rate_limit", 429, True)}
    assert all(0.2 <= (e.retry_after_s or 0) <= 1 for e in errors)
    assert all("practice" in e.message for e in errors)


def test_flaky_truncation_has_its_finish_reason() -> None:
    cut = [got for n in range(1, 40) if (got := _try(n)) and got.outcome is Outcome.truncated]
    assert {got.finish_reason for got in cut} == {"length"}


def _try(repeat: int) -> Completion | None:
    try:
        return ask("flaky", BIRTHDAY, repeat)
    except ProviderError:
        return None

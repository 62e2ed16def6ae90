"""Intervals from drawing prompts anew."""

from random import Random
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stats.bootstrap import Bootstrap, Statistic, bootstrap
from app.stats.measures import Counts
from app.stats.paired import difference

F: dict[str, Statistic] = {"f": lambda counts: counts.f_score}
BOTH: dict[str, Statistic] = {**F, "given": lambda counts: counts.given_not_correct}
few = st.integers(0, 3)
counts = st.builds(Counts, few, few, few)


def some_columns(prompts: int, columns: int, seed: int = 1) -> list[list[Counts]]:
    random = Random(seed)
    return [
        [
            Counts(random.randint(0, 3), random.randint(0, 3), random.randint(0, 3))
            for _ in range(prompts)
        ]
        for _ in range(columns)
    ]


def drawn(columns: list[list[Counts]], statistics: dict[str, Statistic], draws: int) -> Bootstrap:
    found = bootstrap(columns, statistics, draws)
    assert found is not None
    return found


def test_the_same_seed_draws_the_same() -> None:
    columns = some_columns(20, 2)
    found = bootstrap(columns, BOTH, 50, seed=7)
    assert found is not None
    assert found == bootstrap(columns, BOTH, 50, seed=7)
    assert found != bootstrap(columns, BOTH, 50, seed=8)
    assert (found.seed, found.draws, found.prompts) == (7, 50, 20)


def test_a_draw_takes_a_prompt_with_all_its_repeats_in_all_columns() -> None:
    columns = [[Counts(1, 20, 300), Counts(4, 50, 600)], [Counts(7, 80, 900), Counts()]]
    found = drawn(columns, {"n": lambda counts: float(counts.n)}, 200)
    assert set(zip(*found.values["n"], strict=True)) == {
        (2 * 321, 2 * 987), (321 + 654, 987), (2 * 654, 0)
    }  # fmt: skip


def test_columns_are_the_same_whatever_stands_beside_them() -> None:
    columns = some_columns(20, 3)
    assert drawn(columns, F, 50).values["f"][2] == drawn(columns[2:], F, 50).values["f"][0]


def test_interval_of_a_mean_is_near_that_of_its_formula() -> None:
    random = Random(5)
    columns = [
        [Counts(1, 0, 0) if random.random() < p else Counts(0, 1, 0) for _ in range(400)]
        for p in (0.6, 0.5)
    ]
    found = drawn(columns, {"accuracy": lambda counts: counts.accuracy}, 2000)
    d = [b.correct - a.correct for a, b in zip(*columns, strict=True)]
    plain = difference(d)
    assert plain is not None
    assert found.difference("accuracy", 0, 1) == pytest.approx((plain.low, plain.high), abs=0.01)


@given(st.lists(counts, min_size=2, max_size=8))
@settings(max_examples=30)
def test_interval_lies_where_the_draws_lie(column: list[Counts]) -> None:
    found = drawn([column], F, 60)
    interval = found.interval("f", 0)
    known = [x for x in found.values["f"][0] if x is not None]
    assert (interval is None) == (2 * len(known) < 60)
    if interval is not None:
        assert 0 <= min(known) <= interval[0] <= interval[1] <= max(known) <= 1
        wider = found.interval("f", 0, level=1)
        assert wider == (min(known), max(known))


def test_a_column_does_not_differ_from_itself() -> None:
    found = drawn(some_columns(20, 1), F, 50)
    assert found.difference("f", 0, 0) == (0, 0)


def test_too_little_has_no_interval() -> None:
    assert drawn([[]], F, 20).interval("f", 0) is None
    assert drawn([[Counts(1, 1, 1)]], F, 20).interval("f", 0) is None
    assert drawn([[Counts()] * 5], F, 20).interval("f", 0) is None
    assert drawn([[Counts(1, 0, 0)] + [Counts()] * 9, [Counts(1, 0, 0)] * 10], F, 20).difference(
        "f", 0, 1
    ) == (0, 0)
    assert drawn([[Counts()] * 9, [Counts(1, 0, 0)] * 9], F, 20).difference("f", 0, 1) is None
    assert drawn([], F, 20).values == {"f": []}


def test_columns_need_the_same_prompts() -> None:
    with pytest.raises(ValueError, match="zip"):
        bootstrap([[Counts()], []], F)


def test_progress_is_told_and_may_stop() -> None:
    told: list[tuple[int, int]] = []
    assert bootstrap(some_columns(5, 1), F, 120, progress=lambda *at: told.append(at)) is not None
    assert told == [(0, 120), (50, 120), (100, 120), (120, 120)]

    def stop(done: int, draws: int) -> bool:
        told.append((done, draws))
        return done < 50

    told.clear()
    assert bootstrap(some_columns(5, 1), F, 120, progress=stop) is None
    assert told == [(0, 120), (50, 120)]


def test_500_prompts_in_24_columns_are_quick() -> None:
    columns = some_columns(500, 24)
    began = process_time()
    drawn(columns, BOTH, 200)
    assert process_time() - began < 0.5  # some 20 ms; 2,000 draws take ten times as long

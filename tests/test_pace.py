"""How fast an account may be called: limits per minute, pauses, calls in flight that come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import Database
from app.pace import BURST_S, MINUTE_S, PAUSE_MAX_S, PAUSE_S, RECOVERY_S, Pace
from app.ratelimits import Change, change
from app.tables import ProviderLimit

gaps = st.lists(st.floats(0, 20), min_size=2, max_size=200)


def starts_of(pace: Pace, gaps: list[float], tokens: list[int] | None = None) -> list[float]:
    """When calls start that are asked for after these gaps."""
    now, starts = 0.0, []
    for number, gap in enumerate(gaps):
        now += gap
        starts.append(now + pace.reserve(now, tokens[number] if tokens else 0))
    return starts


@given(gaps, st.integers(1, 500))
def test_no_minute_holds_more_requests_than_allowed(gaps: list[float], limit: int) -> None:
    starts = sorted(starts_of(Pace(1000, requests_per_minute=limit), gaps))
    for number, start in enumerate(starts):
        inside = [s for s in starts[number:] if s < start + MINUTE_S - 1e-6]
        assert len(inside) <= limit


@given(gaps, st.data())
def test_tokens_of_a_minute_pass_their_limit_by_one_call_at_most(
    gaps: list[float], data: st.DataObject
) -> None:
    tokens = data.draw(st.lists(st.integers(1, 5_000), min_size=len(gaps), max_size=len(gaps)))
    starts = starts_of(Pace(1000, tokens_per_minute=10_000), gaps, tokens)
    calls = sorted(zip(starts, tokens, strict=True))
    for number, (start, _) in enumerate(calls):
        inside = [n for s, n in calls[number:] if s < start + MINUTE_S - 1e-6]
        assert sum(inside) - max(inside) <= 10_000


def test_an_idle_account_goes_at_once_and_then_steadily() -> None:
    starts = starts_of(Pace(1000, requests_per_minute=66), [0.0] * 12)
    # One a second (66 in 60 + 6 s), of which 6 s come at once.
    assert starts == pytest.approx([0.0] * 7 + [1.0, 2.0, 3.0, 4.0, 5.0])


def test_even_one_request_a_minute_gets_its_first_call_at_once() -> None:
    assert starts_of(Pace(10, requests_per_minute=1), [0.0, 0.0]) == [0.0, MINUTE_S]


def test_real_tokens_take_the_place_of_estimated_ones() -> None:
    pace = Pace(10, tokens_per_minute=66_000)  # 1,000 a second
    pace.reserve(0.0, 10_000)
    assert pace.wait_s(0.0) == pytest.approx(10 - BURST_S)
    pace.used(-9_000)
    assert pace.wait_s(0.0) == 0.0
    pace.used(+20_000)
    assert pace.wait_s(0.0) == pytest.approx(21 - BURST_S)


def test_one_refusal_holds_everybody_for_as_long_as_was_asked() -> None:
    pace = Pace(8)
    pace.refused(100.0, age_s=0.5, retry_after_s=12.0)
    assert pace.reserve(103.0, 0) == 9.0
    assert pace.wait_s(103.0) == 9.0
    pace.refused(104.0, age_s=0.1, retry_after_s=1.0)  # a shorter one does not cut it off
    assert pace.reserve(105.0, 0) == 7.0
    assert pace.reserve(112.5, 0) == 0.0


def test_after_a_pause_requests_do_not_come_all_at_once() -> None:
    pace = Pace(1000, requests_per_minute=66)
    pace.refused(0.0, age_s=0.1, retry_after_s=30.0)
    starts = starts_of(pace, [1.0] + [0.0] * 9)
    assert starts == pytest.approx([30.0] * 7 + [31.0, 32.0, 33.0])


def test_calls_in_flight_are_halved_once_and_come_back_within_a_minute() -> None:
    pace = Pace(40)
    for _ in range(5):  # five of the calls that were under way: they tell one thing
        pace.refused(100.0, age_s=2.0, retry_after_s=0.0)
    assert pace.allowed(100.0) == 20
    assert pace.allowed(100.0 + RECOVERY_S / 4) == 30
    assert pace.allowed(100.0 + RECOVERY_S) == 40
    pace.refused(115.0, age_s=2.0, retry_after_s=0.0)  # began after the first refusal
    assert pace.allowed(115.0) == 15


def test_at_least_one_call_is_always_allowed() -> None:
    pace = Pace(2)
    for second in range(100, 200, 10):
        pace.refused(float(second), age_s=1.0, retry_after_s=0.0)
        assert pace.allowed(float(second)) == 1


@pytest.mark.parametrize("unasked", [None, 0.0])
def test_unasked_pauses_double_until_a_call_goes_through(unasked: float | None) -> None:
    pace, now, pauses = Pace(8), 1000.0, []
    for _ in range(9):
        pace.refused(now, age_s=0.1, retry_after_s=unasked)
        pauses.append(pace.paused_until - now)
        now = pace.paused_until + 0.2
    assert pauses == pytest.approx([PAUSE_S * 2**n for n in range(6)] + [PAUSE_MAX_S] * 3)
    pace.accepted()
    pace.refused(now, age_s=0.1, retry_after_s=unasked)
    assert pace.paused_until - now == pytest.approx(PAUSE_S)


def test_without_limits_nothing_waits() -> None:
    pace = Pace(3)
    assert not pace.metered
    assert starts_of(pace, [0.0] * 50, [100_000] * 50) == [0.0] * 50


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)  # one process has no clock
def test_clock_that_was_set_back_makes_nobody_wait_for_it(database: Database) -> None:
    def reserve() -> float:
        one = Change("openai", 8, lambda pace, now: pace.reserve(now, 0))
        with database.write() as session:
            [(_, wait)] = change(session, [one])
            session.commit()
        return wait

    with database.write() as session:
        session.add(ProviderLimit(account="openai", requests_per_minute=1))
        session.commit()
    assert reserve() == 0
    assert 50 < reserve() < 60
    with database.write() as session:  # as if this had been by a clock that was an hour ahead
        row = session.get_one(ProviderLimit, "openai")
        row.seen_at += 3600
        row.requests_at += 3600
        session.commit()
    assert 110 < reserve() < 130

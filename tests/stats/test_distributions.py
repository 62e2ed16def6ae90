"""Tails and quantiles, against printed tables and each other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.stats.distributions import (
    beta_below,
    beta_quantile,
    chi2_above,
    coin_below,
    gamma_above,
    normal_quantile,
    t_above,
    t_quantile,
)

shapes = st.floats(0.1, 500)


def test_normal_quantile() -> None:
    assert normal_quantile(0.975) == pytest.approx(1.959964, abs=5e-7)
    assert normal_quantile(0.8) == pytest.approx(0.841621, abs=5e-7)
    with pytest.raises(ValueError, match="range"):
        normal_quantile(1)


@pytest.mark.parametrize(
    ("df", "t"), [(1, 12.706), (3, 3.182), (5, 2.571), (30, 2.042), (120, 1.980), (10**7, 1.960)]
)
def test_t_is_what_tables_print(df: int, t: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(t, abs=5e-4)
    assert t_quantile(0.025, df) == -t_quantile(0.975, df)
    assert t_above(t_quantile(0.975, df), df) == pytest.approx(0.025)
    assert t_above(-t_quantile(0.975, df), df) == pytest.approx(0.975)


@pytest.mark.parametrize(("df", "x"), [(1, 3.841), (2, 5.991), (10, 18.307), (100, 124.342)])
def test_chi2_is_what_tables_print(df: int, x: float) -> None:
    assert chi2_above(x, df) == pytest.approx(0.05, abs=5e-5)
    assert chi2_above(0, df) == 1


def test_coins() -> None:
    assert [coin_below(k, 4) for k in range(-1, 6)] == [0, 1 / 16, 5 / 16, 11 / 16, 15 / 16, 1, 1]
    assert coin_below(1000, 2000) > 0.5


@given(st.integers(1, 60), st.data())
def test_coins_are_a_beta_at_a_half(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n - 1))
    assert coin_below(k, n) == pytest.approx(beta_below(0.5, n - k, k + 1))


@given(st.integers(0, 1024).map(lambda part: part / 1024), shapes, shapes)
def test_beta_mirrors(x: float, a: float, b: float) -> None:
    below = beta_below(x, a, b)
    assert 0 <= below <= 1
    assert below + beta_below(1 - x, b, a) == pytest.approx(1, abs=1e-9)


@given(st.floats(0.001, 0.999), st.floats(0.5, 500), st.floats(0.5, 500))
@settings(max_examples=30)
def test_beta_quantile_is_the_inverse(p: float, a: float, b: float) -> None:
    assert beta_below(beta_quantile(p, a, b), a, b) == pytest.approx(p, rel=1e-6)


@given(st.floats(0, 500), shapes)
def test_gamma_is_a_chance(x: float, a: float) -> None:
    assert 0 <= gamma_above(x, a) <= 1


def test_what_is_no_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        beta_below(0.5, 0, 1)
    with pytest.raises(ValueError, match="above 0"):
        gamma_above(1, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        beta_quantile(1.1, 1, 1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_quantile(1, 3)
    assert (beta_quantile(0, 2, 3), beta_quantile(1, 2, 3)) == (0, 1)

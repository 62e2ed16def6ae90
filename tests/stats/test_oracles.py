"""The same numbers from scipy, statsmodels, scikit-learn and krippendorff, on random data."""

from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import Any

import pytest

from app.stats.agreement import cohen, confusion, fleiss, krippendorff_alpha
from app.stats.bootstrap import bootstrap
from app.stats.distributions import (
    beta_below,
    beta_quantile,
    chi2_above,
    coin_below,
    gamma_above,
    t_above,
    t_quantile,
)
from app.stats.measures import Abstention, Counts
from app.stats.paired import cochran_q, difference, holm, mcnemar, sign_flip, stuart_maxwell
from app.stats.rates import clopper_pearson, jeffreys, wilson
from app.stats.repeats import entropy


class Lazy:
    """A library that is loaded when a test first uses it: each process that runs tests looks at all
    of them, and one of them runs these."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self._name), name)


krippendorff, np, stats = Lazy("krippendorff"), Lazy("numpy"), Lazy("scipy.stats")
metrics = Lazy("sklearn.metrics")
contingency_tables = Lazy("statsmodels.stats.contingency_tables")
inter_rater = Lazy("statsmodels.stats.inter_rater")
multitest = Lazy("statsmodels.stats.multitest")
proportion = Lazy("statsmodels.stats.proportion")


@pytest.fixture
def random() -> Random:
    return Random(20_250_904)


def test_tails_are_those_of_scipy(random: Random) -> None:
    for _ in range(200):
        a, b, x = 10 ** random.uniform(-1, 3.5), 10 ** random.uniform(-1, 3.5), random.random()
        assert beta_below(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-10)
        y = a * random.uniform(0, 3)
        assert gamma_above(y, a) == pytest.approx(stats.gamma.sf(y, a), rel=1e-8, abs=1e-290)
        df, t = random.choice([1, 2, 3, 9, 50, 500]), random.uniform(-8, 8)
        assert t_above(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-8)
        assert chi2_above(t * t, df) == pytest.approx(stats.chi2.sf(t * t, df), rel=1e-8)
        n = random.randint(1, 300)
        k = random.randint(0, n)
        assert coin_below(k, n) == pytest.approx(stats.binom.cdf(k, n, 0.5), rel=1e-8)


def test_quantiles_are_those_of_scipy(random: Random) -> None:
    for _ in range(60):
        a, b, p = 10 ** random.uniform(-0.3, 3), 10 ** random.uniform(-0.3, 3), random.random()
        assert beta_quantile(p, a, b) == pytest.approx(stats.beta.ppf(p, a, b), rel=1e-7)
        df = random.choice([1, 2, 3, 9, 50, 500])
        assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(
    ("interval", "method"), [(wilson, "wilson"), (clopper_pearson, "beta"), (jeffreys, "jeffreys")]
)
def test_intervals_are_those_of_statsmodels(
    random: Random,
    interval: Callable[[float, float], tuple[float, float] | None],
    method: str,
) -> None:
    for n in (1, 3, 10, *(random.randint(4, 500) for _ in range(20))):
        for x in (0, random.randint(0, n), n):
            theirs = proportion.proportion_confint(x, n, method=method)
            assert interval(x, n) == pytest.approx(theirs, abs=1e-7)


def test_abstention_is_that_of_scikit_learn(random: Random) -> None:
    for _ in range(10):
        one, other = (
            Counts(*(random.randint(1, 9) for _ in range(3))),
            Counts(*(random.randint(1, 9) for _ in range(3))),
        )
        wanted = [True] * one.n + [False] * other.n
        abstained = [i < one.abstained for i in range(one.n)]
        abstained += [i < other.abstained for i in range(other.n)]
        theirs = metrics.precision_recall_fscore_support(wanted, abstained, average="binary")[:3]
        ours = Abstention(one, other)
        assert (ours.precision, ours.recall, ours.f1) == pytest.approx(theirs)


def test_entropy_is_that_of_scipy(random: Random) -> None:
    values = random.choices("abcd", k=30)
    theirs = stats.entropy([values.count(x) for x in "abcd"])
    assert entropy(values) == pytest.approx(theirs)


def test_difference_is_the_t_test_of_scipy(random: Random) -> None:
    for n in (2, 5, 80):
        d = [random.gauss(0.1, 1) for _ in range(n)]
        theirs, ours = stats.ttest_1samp(d, 0), difference(d, level=0.9)
        assert ours is not None
        assert ours.se == pytest.approx(stats.sem(d))
        interval = theirs.confidence_interval(0.9)
        assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))


def test_sign_flip_is_the_permutation_test_of_scipy(random: Random) -> None:
    for k in (1, 3, 5, 7):
        d = np.array([random.randint(0, k) / k - random.randint(0, k) / k for _ in range(11)])
        theirs = stats.permutation_test(
            (d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert sign_flip(d.tolist()) == pytest.approx(theirs.pvalue)


def test_mcnemar_is_that_of_statsmodels(random: Random) -> None:
    for _ in range(30):
        b, c = random.randint(0, 60), random.randint(61, 90)
        table, ours = [[3, b], [c, 4]], mcnemar(b, c)
        assert ours.exact == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)
        for chi2, correction in ((ours.chi2, False), (ours.chi2_corrected, True)):
            theirs = contingency_tables.mcnemar(table, exact=False, correction=correction)
            assert chi2 == pytest.approx(theirs.statistic)


def test_mid_p_counts_what_was_seen_by_half(random: Random) -> None:
    for _ in range(30):
        b, c = random.randint(0, 30), random.randint(0, 30)
        tail = stats.binom.cdf(min(b, c) - 1, b + c, 0.5) + stats.binom.pmf(b, b + c, 0.5) / 2
        assert mcnemar(b, c).mid_p == pytest.approx(2 * tail)


def test_stuart_maxwell_is_that_of_statsmodels(random: Random) -> None:
    for size in (2, 3, 3, 3, 4, 5):
        table = [[random.randint(1, 20) for _ in range(size)] for _ in range(size)]
        theirs = contingency_tables.SquareTable(np.array(table), shift_zeros=False).homogeneity()
        ours = stuart_maxwell(table)
        assert ours is not None
        assert (ours.chi2, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue))
        assert ours.df == theirs.df


def test_cochran_q_is_that_of_statsmodels(random: Random) -> None:
    for columns in (2, 3, 6):
        rows = [[random.randint(0, 1) for _ in range(columns)] for _ in range(30)]
        theirs, ours = contingency_tables.cochrans_q(np.array(rows)), cochran_q(rows)
        assert ours is not None
        assert (ours.chi2, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue))
        assert ours.df == theirs.df


def test_holm_is_that_of_statsmodels(random: Random) -> None:
    for n in (1, 2, 5, 20):
        ps = [random.random() ** 3 for _ in range(n)]
        assert holm(ps) == pytest.approx(multitest.multipletests(ps, method="holm")[1].tolist())


def test_cohen_is_that_of_statsmodels_and_scikit_learn(random: Random) -> None:
    for _ in range(10):
        pairs = [
            (one := random.choice("CHA"), one if random.random() < 0.7 else random.choice("CHA"))
            for _ in range(50)
        ]
        table = confusion(pairs, "CHA")
        ours, theirs = cohen(table), inter_rater.cohens_kappa(np.array(table))
        assert ours is not None
        assert (ours.kappa, ours.se) == pytest.approx((theirs.kappa, theirs.std_kappa))
        assert (ours.low, ours.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp))
        assert ours.kappa == pytest.approx(metrics.cohen_kappa_score(*zip(*pairs, strict=True)))


def test_fleiss_is_that_of_statsmodels(random: Random) -> None:
    for raters in (2, 3, 9):
        answers = [random.choices("CHA", (4, 2, 1), k=raters) for _ in range(20)]
        counts = [[labels.count(label) for label in "CHA"] for labels in answers]
        assert fleiss(counts) == pytest.approx(inter_rater.fleiss_kappa(np.array(counts)))


def test_alpha_is_that_of_krippendorff(random: Random) -> None:
    for reviewers in (2, 3, 5):
        rows = [random.choices([0.0, 1.0, 2.0, np.nan], k=40) for _ in range(reviewers)]
        theirs = krippendorff.alpha(reliability_data=rows, level_of_measurement="nominal")
        items = [[str(x) for x in unit if x == x] for unit in zip(*rows, strict=True)]
        assert krippendorff_alpha(items) == pytest.approx(theirs)


def test_bootstrap_is_that_of_scipy(random: Random) -> None:
    column = [Counts(*(random.randint(0, 4) for _ in range(3))) for _ in range(40)]
    draws = bootstrap([column], {"f": lambda counts: counts.f_score})
    assert draws is not None
    ours = draws.interval("f", 0)
    values = [x for x in draws.values["f"][0] if x is not None]
    assert ours == pytest.approx(np.percentile(values, [2.5, 97.5]).tolist())

    c, h, a = (
        np.array([getattr(counts, label) for counts in column])
        for label in ("correct", "hallucinated", "abstained")
    )
    theirs = stats.bootstrap(
        (c, h, a),
        lambda c, h, a, axis: 2 * c.sum(axis) / (2 * c + 2 * h + a).sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=2000,
        rng=1,
    ).confidence_interval
    # Other draws: both ends are known to about a twentieth of the width.
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.015)

"""What changed between two conditions: paired by prompt, with what can be said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean

from app.results.book import Cells, total
from app.stats.measures import Counts
from app.stats.paired import (
    MIN_PROMPTS,
    ChiSquare,
    Difference,
    detectable_from,
    difference,
    holm,
    mcnemar,
    sign_flip,
    stuart_maxwell,
    transitions,
)
from app.stats.rates import clustered
from app.tables import LabelValue

ALPHA = 0.05
Interval = tuple[float, float]
Pair = tuple[Cells, Cells]  # before and after, all else the same


@dataclass(frozen=True, slots=True)
class Effect:
    """How the share of a label differs between two conditions, over the prompts labelled in both.

    Where several pairs of columns are compared, such as thinking off and on under two wordings,
    a prompt's difference is the mean over the pairs that are labelled on both sides.
    """

    what: str  # that was changed, in words: "permission to abstain"
    where: str  # it was compared, such as a model
    before: str
    after: str
    of: LabelValue
    prompts: int
    counts: tuple[Counts, Counts]  # before and after, of these prompts
    intervals: tuple[Interval | None, Interval | None]  # of the shares before and after
    change: Difference | None  # of the share; None without a prompt
    table: Sequence[Sequence[float]]  # from C, H, A before to C, H, A after, in prompts × pairs
    test: str  # by which p was found; empty where there is none
    p: float | None
    adjusted: float | None  # p by Holm, over all effects that are shown together
    overall: ChiSquare | None  # all three labels at once; one answer per prompt only

    @property
    def shares(self) -> tuple[float | None, float | None]:
        """Of the answers before and after; with unequal repeats not quite what ``change`` says."""
        before, after = (_share(c, self.of) if c.n else None for c in self.counts)
        return before, after

    @property
    def found(self) -> bool:
        """Whether chance alone would rarely do this."""
        return self.adjusted is not None and self.adjusted < ALPHA

    @property
    def more_prompts(self) -> int:
        """How many more would be the first that could tell anything."""
        return max(MIN_PROMPTS - self.prompts, 0)

    @property
    def detectable(self) -> float | None:
        """The smallest change that these prompts show in 4 of 5 cases; None where not known. Above
        1 none does: no change is larger."""
        if self.change is None or not self.change.se or self.more_prompts:
            return None
        return detectable_from(self.change.se * sqrt(self.prompts), self.prompts)


def compare(
    what: str, where: str, before: str, after: str, pairs: Sequence[Pair], of: LabelValue
) -> Effect:
    shared = [
        [(old[p], new[p]) for old, new in pairs if p in old and p in new]
        for p in dict.fromkeys(p for old, _ in pairs for p in old)
    ]
    units = [unit for unit in shared if unit]
    changes = [fmean(_share(new, of) - _share(old, of) for old, new in unit) for unit in units]
    flat = [pair for unit in units for pair in unit]
    single = len(pairs) == 1 and all(old.n == new.n == 1 for old, new in flat)
    table = transitions(flat)
    test, p = _test(changes, flat if single else None, of)
    return Effect(
        what, where, before, after, of,
        prompts=len(units),
        counts=(total(old for old, _ in flat), total(new for _, new in flat)),
        intervals=(
            _interval([[old for old, _ in unit] for unit in units], of),
            _interval([[new for _, new in unit] for unit in units], of),
        ),
        change=difference(changes, most=1),
        table=table,
        test=test,
        p=p,
        adjusted=p,
        overall=stuart_maxwell(table) if single and len(units) >= MIN_PROMPTS else None,
    )  # fmt: skip


def _test(
    changes: Sequence[float], single: Sequence[tuple[Counts, Counts]] | None, of: LabelValue
) -> tuple[str, float | None]:
    if len(changes) < MIN_PROMPTS:
        return "", None
    if single is None:
        return "sign-flip permutation", sign_flip(changes)
    gone = sum(_share(old, of) > _share(new, of) for old, new in single)
    come = sum(_share(new, of) > _share(old, of) for old, new in single)
    return "exact McNemar", mcnemar(gone, come).exact


def _interval(prompts: Sequence[Sequence[Counts]], of: LabelValue) -> Interval | None:
    sums = [total(unit) for unit in prompts]
    return clustered([(int(getattr(counts, of.value)), counts.n) for counts in sums])


def _share(counts: Counts, of: LabelValue) -> float:
    return float(getattr(counts, of.value)) / counts.n


@dataclass(frozen=True, slots=True)
class Interaction:
    """How much more one factor changes at one level of the other: a difference of differences."""

    prompts: int
    change: Difference | None


def interaction(square: Sequence[Sequence[Cells]], of: LabelValue) -> Interaction:
    """``square[i][j]``: thinking i, permission j. Over the prompts with labels in all four."""
    (a, b), (c, d) = square
    prompts = [p for p in a if p in b and p in c and p in d]
    changes = [
        _share(d[p], of) - _share(c[p], of) - _share(b[p], of) + _share(a[p], of) for p in prompts
    ]
    return Interaction(len(prompts), difference(changes, most=2))


def adjusted(effects: Sequence[Effect]) -> list[Effect]:
    """The same with p values as Holm has them where several are looked at together."""
    known = [effect for effect in effects if effect.p is not None]
    ps = iter(holm([effect.p for effect in known if effect.p is not None]))
    return [
        effect if effect.p is None else replace(effect, adjusted=next(ps)) for effect in effects
    ]

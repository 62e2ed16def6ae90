"""What the pictures are given, where several are given the same."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from app.stats.measures import Counts

Label = Literal["c", "h", "a"]
LABELS: tuple[Label, ...] = ("c", "h", "a")
_NEARLY = 1e-9  # of a mean, as far as it may be off
WORDS: dict[Label, str] = {"c": "correct", "h": "hallucinated", "a": "abstained"}


def triple(counts: Counts) -> tuple[int, int, int]:
    """In the order of ``LABELS``."""
    return counts.correct, counts.hallucinated, counts.abstained


@dataclass(frozen=True)
class Estimate:
    """A share or a difference of shares as a fraction, with its 95 % interval if there is one."""

    value: float
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        given = [self.value, *(end for end in (self.low, self.high) if end is not None)]
        if not all(map(isfinite, given)):
            raise ValueError(f"Not a number: {self}")

    @property
    def interval(self) -> tuple[float, float] | None:
        return None if self.low is None or self.high is None else (self.low, self.high)


def percent(value: float) -> str:
    """ "30%"; what is not quite none or all of them is not rounded to that: "<1%", ">99%"."""
    rounded = round(100 * value)
    if rounded == 0 and value > _NEARLY:
        return "<1%"
    if rounded == 100 and value < 1 - _NEARLY:
        return ">99%"
    return f"{rounded}%"


def share(estimate: Estimate | None) -> str:
    return "–" if estimate is None else percent(estimate.value)


def share_interval(estimate: Estimate | None) -> str:
    """ "11–60%", or nothing."""
    if estimate is None or estimate.interval is None:
        return ""
    return span(*estimate.interval)


def span(low: float, high: float) -> str:
    """ "11–60%"; of a narrow one as many digits as tell its ends apart, such as "0–0.2%"."""
    ends = [100 * low, 100 * high]
    whole = [f"{end:.0f}" for end in ends]
    if whole[0] == whole[1] and low < high:
        whole = [f"{end:.1f}".removesuffix(".0") for end in ends]
    return "–".join(whole) + "%"


def signed(value: float, digits: int = 0) -> str:
    """With a true minus, and without the sign of a zero."""
    text = f"{abs(value):.{digits}f}"
    if not float(text):
        return text
    return ("−" if value < 0 else "+") + text


def points(estimate: Estimate | None) -> str:
    """ "−29 points" """
    if estimate is None:
        return "–"
    number = signed(100 * estimate.value)
    return f"{number} point{'' if number[1:] == '1' else 's'}"


def points_interval(estimate: Estimate | None) -> str:
    """ "−41 to −17", or nothing."""
    if estimate is None or estimate.interval is None:
        return ""
    return " to ".join(signed(100 * end) for end in estimate.interval)


def share_words(estimate: Estimate | None) -> str:
    """ "30% (11–60%)" """
    interval = share_interval(estimate)
    return share(estimate) + (f" ({interval})" if interval else "")


def points_words(estimate: Estimate | None) -> str:
    interval = points_interval(estimate)
    return points(estimate) + (f" ({interval})" if interval else "")


def counts_words(counts: Counts) -> str:
    """ "6 correct, 3 hallucinated, 1 abstained of 10" """
    if not counts.n:
        return "no labelled answers"
    said = zip(triple(counts), LABELS, strict=True)
    parts = ", ".join(f"{count} {WORDS[label]}" for count, label in said)
    return f"{parts} of {counts.n}"

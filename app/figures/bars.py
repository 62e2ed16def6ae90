"""Per model and variant: how the answers divide, and the hallucination rate with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from app.figures.drawing import (
    MARGIN,
    NARROW,
    NORMAL,
    SMALL,
    Frame,
    Line,
    Mark,
    Rect,
    Scale,
    Text,
    checked,
    heading,
    label_key,
    render,
    stack,
    stack_texts,
)
from app.figures.lettering import clean, cut, join_cut, text_width
from app.figures.values import Estimate, counts_words, share, share_interval, share_words, triple
from app.stats.measures import Counts


@dataclass(frozen=True)
class BarRow:
    """``names``: the model, then what tells its variants apart. ``rate``: of hallucinations."""

    names: tuple[str, ...]
    counts: Counts
    rate: Estimate | None


@dataclass(frozen=True)
class Bars:
    rows: tuple[BarRow, ...]
    title: str = "Correct, hallucinated, abstained"


@dataclass(frozen=True)
class _Row:
    title: str
    parts: Sequence[Rect]
    texts: Sequence[Text]
    whisker: Sequence[Line]
    dot: Sequence[Mark]


@dataclass(frozen=True)
class _Columns:
    """Where things stand, for one width. In the narrow layout names have a line of their own."""

    narrow: bool
    names: float
    bar: float
    bar_room: float
    n: float  # its right edge
    rates: Scale
    rate: float  # its right edge
    interval: float  # its right edge
    row: float
    bar_height: float


def _columns(size: float) -> _Columns:
    right = size - MARGIN
    if size < NARROW:
        plot = size * 0.56
        rates = Scale(0, 1, plot + 6, right - 50)
        return _Columns(True, right, MARGIN, plot - MARGIN - 10, right, rates, right, 0, 40, 16)
    interval, rate = right, right - 58
    rates = Scale(0, 1, size * 0.63, rate - 44)
    n = size * 0.63 - 24
    bar = size * 0.28
    return _Columns(False, bar, bar, n - 42 - bar, n, rates, rate, interval, 24, 17)


def bars(figure: Bars, width: int = 720, prefix: str = "bars") -> Markup:
    size = checked(width)
    at = _columns(size)
    head, y = heading(
        figure.title,
        "Right: hallucinated of all labelled answers, with 95% interval." if figure.title else "",
        size,
    )
    key = label_key(MARGIN, y + 10)
    y += 26 if not at.narrow else 40
    ticks = [
        Text(at.rates(tick), y, f"{100 * tick:.0f}%", "muted", SMALL, "middle")
        for tick in ((0, 0.5, 1) if not at.narrow else (0, 1))
    ]
    if not at.narrow:
        ticks.append(Text(at.n, y, "n", "muted", SMALL, "end"))
    top = y + 6
    y = top
    rows: list[_Row] = []
    lines: list[Line] = []
    texts: list[Text] = ticks
    for model, group in groupby(figure.rows, key=lambda row: row.names[0]):
        y += 20
        texts.append(
            Text(
                MARGIN,
                y - 5,
                cut(clean(model), size * (0.92 if at.narrow else 0.6), NORMAL, True),
                bold=True,
            )
        )
        for row in group:
            rows.append(_row(row, y, at))
            if at.narrow:  # only beside the bar: names stand between
                lines += _grid(at, y + 14, y + at.row - 2)
            y += at.row
        y += 4
    if not rows:
        texts.append(Text(MARGIN, y + 16, "No answers yet.", "muted"))
        y += 24
    if not at.narrow:
        lines = _grid(at, top, y)
    frame = Frame(
        "bars",
        prefix,
        size,
        y + MARGIN,
        figure.title or "Correct, hallucinated, abstained",
        _describe(figure),
        head,
        key,
    )
    return render(frame, rows=rows, texts=texts, lines=lines)


def _grid(at: _Columns, top: float, bottom: float) -> list[Line]:
    return [Line(at.rates(tick), top, at.rates(tick), bottom, "grid") for tick in (0, 0.5, 1)]


def _row(row: BarRow, y: float, at: _Columns) -> _Row:
    names = [name for part in row.names[1:] if (name := clean(part))] or ["all"]
    counts = triple(row.counts)
    top = y + (18 if at.narrow else (at.row - at.bar_height) / 2)
    middle = top + at.bar_height / 2
    base = middle + 4
    parts = stack(counts, at.bar, top, at.bar_room, at.bar_height)
    texts = stack_texts(counts, parts, SMALL)
    n = f"n {row.counts.n}"
    if at.narrow:
        room = at.names - MARGIN - text_width(n, SMALL) - 8
        texts.append(Text(MARGIN, y + 13, join_cut(names, " · ", room, NORMAL)))
        texts.append(Text(at.n, y + 13, n, "muted", SMALL, "end"))
    else:
        texts.append(
            Text(MARGIN + 10, base, join_cut(names, " · ", at.names - MARGIN - 20, NORMAL))
        )
        texts.append(Text(at.n, base, n[2:], "muted", SMALL, "end"))
        if interval := share_interval(row.rate):
            texts.append(Text(at.interval, base, interval, "muted", SMALL, "end"))
    if not row.counts.n:
        texts.append(Text(at.bar + 6, base, "no labelled answers", "muted", SMALL))
    texts.append(Text(at.rate, base, share(row.rate), "ink", NORMAL, "end", bold=True))
    whisker, dot = [], []
    if row.rate is not None:
        if row.rate.interval:
            low, high = map(at.rates, row.rate.interval)
            whisker.append(Line(low, middle, high, middle, "whisker"))
        dot.append(Mark(at.rates(row.rate.value), middle, "h"))
    title = f"{clean(', '.join(row.names))}: {_words(row)}"
    return _Row(title, parts, texts, whisker, dot)


def _words(row: BarRow) -> str:
    words = counts_words(row.counts)
    return words if row.rate is None else f"{words}; hallucination rate {share_words(row.rate)}"


def _describe(figure: Bars) -> str:
    if not figure.rows:
        return "There are no answers yet."
    rows = ". ".join(f"{clean(', '.join(row.names))}: {_words(row)}" for row in figure.rows)
    return (
        "Stacked bars of correct, hallucinated and abstained answers, and beside them the"
        f" hallucination rate with its 95% interval. {rows}."
    )

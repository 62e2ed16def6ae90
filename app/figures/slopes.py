"""Small multiples, one per model: the hallucination rate before and after one change."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup

from app.figures.drawing import (
    MARGIN,
    NARROW,
    NORMAL,
    SMALL,
    Frame,
    Line,
    Mark,
    Scale,
    Text,
    checked,
    heading,
    render,
)
from app.figures.lettering import clean, wrap
from app.figures.values import Estimate, percent, points, points_interval, points_words, share_words

TALL = 132.0  # of the part where rates are drawn


@dataclass(frozen=True)
class Slope:
    """Two hallucination rates of one model; a side without labelled answers is None.

    ``difference``: after less before, paired by prompt where that can be said.
    """

    model: str
    before: Estimate | None
    after: Estimate | None
    difference: Estimate | None = None
    prompts: int | None = None


@dataclass(frozen=True)
class Slopes:
    """``sides``: what the two sides are called, short: they stand below each panel."""

    slopes: tuple[Slope, ...]
    sides: tuple[str, str]
    title: str = "Hallucination rate before and after"


@dataclass(frozen=True)
class _Panel:
    title: str
    lines: Sequence[Line]
    marks: Sequence[Mark]
    texts: Sequence[Text]


def slopes(figure: Slopes, width: int = 720, prefix: str = "slopes") -> Markup:
    size = checked(width)
    under = "Points are rates with 95% intervals; below, the change in percentage points."
    head, y = heading(figure.title, under if figure.title else "", size)
    axis = 34.0
    across = 3 if size < NARROW else 6
    across = max(1, min(across, len(figure.slopes)))
    gap = 14.0
    room = size - 2 * MARGIN - axis
    panel = min((room - gap * (across - 1)) / across, 132.0)
    rows = ceil(len(figure.slopes) / across)
    side_lines = max(
        (len(wrap(clean(side), panel / 2 - 2, SMALL, 2)) for side in figure.sides), default=1
    )
    tall = 34 + TALL + 72 + 13 * side_lines
    panels = []
    texts: list[Text] = []
    lines: list[Line] = []
    for number, slope in enumerate(figure.slopes):
        row, column = divmod(number, across)
        x = MARGIN + axis + column * (panel + gap)
        panels.append(_panel(slope, figure.sides, x, y + row * tall, panel, side_lines))
    for row in range(rows):
        rates = _rates(y + row * tall)
        shown = min(across, len(figure.slopes) - row * across)
        right = MARGIN + axis + shown * (panel + gap) - gap
        for tick in (0, 0.5, 1):
            texts.append(
                Text(MARGIN + axis - 8, rates(tick) + 4, percent(tick), "muted", SMALL, "end")
            )
            lines.append(Line(MARGIN + axis, rates(tick), right, rates(tick), "grid"))
    if not rows:
        texts.append(Text(MARGIN, y + 12, "No models to compare yet.", "muted"))
    bottom = y + (rows * tall - 18 if rows else 20) + MARGIN
    frame = Frame(
        "slopes",
        prefix,
        size,
        bottom,
        figure.title or "Hallucination rate before and after",
        _describe(figure),
        head,
    )
    return render(frame, panels=panels, texts=texts, lines=lines)


def _rates(y: float) -> Scale:
    return Scale(0, 1, y + 34 + TALL, y + 34)


def _panel(
    slope: Slope, sides: tuple[str, str], x: float, y: float, panel: float, side_lines: int
) -> _Panel:
    rates = _rates(y)
    texts: list[Text] = []
    name = wrap(clean(slope.model), panel, NORMAL, 2, True)
    for number, line in enumerate(name):
        texts.append(Text(x, y + 10 + 14 * number - 14 * (len(name) - 2), line, bold=True))
    ends = (x + panel * 0.27, x + panel * 0.73)
    base = rates(0) + 17
    lines, marks = [], []
    points_at = []
    for end, side, estimate in (
        (ends[0], sides[0], slope.before),
        (ends[1], sides[1], slope.after),
    ):
        for number, line in enumerate(wrap(clean(side), panel / 2 - 2, SMALL, 2)):
            texts.append(Text(end, base + 13 * number, line, "muted", SMALL, "middle"))
        if estimate is None:
            lines.append(Line(end, rates(0), end, rates(1), "gap"))
            texts.append(Text(end, rates(0.5) + 4, "no data", "muted", SMALL, "middle", halo=True))
            continue
        if estimate.interval:
            low, high = map(rates, estimate.interval)
            lines.append(Line(end, low, end, high, "whisker"))
        at = rates(estimate.value)
        points_at.append((end, at))
        marks.append(Mark(end, at, "h"))
        # Outside of the slope, level with the point, so that no line goes through it.
        outward, anchor = (-8.0, "end") if end == ends[0] else (8.0, "start")
        texts.append(
            Text(
                end + outward,
                at + 4,
                percent(estimate.value).rstrip("%"),
                size=SMALL,
                anchor=anchor,
                bold=True,
                halo=True,
            )
        )
    if len(points_at) == 2:
        (x1, y1), (x2, y2) = points_at
        lines.insert(0, Line(x1, y1, x2, y2, "slope"))
    middle = x + panel / 2
    base += 13 * side_lines + 6
    if slope.difference is not None:
        texts.append(Text(middle, base, points(slope.difference), "ink", NORMAL, "middle", True))
        if interval := points_interval(slope.difference):
            texts.append(Text(middle, base + 14, f"({interval})", "muted", SMALL, "middle"))
    else:
        texts.append(Text(middle, base, "–", "muted", NORMAL, "middle"))
    if slope.prompts is not None:
        said = f"{slope.prompts} prompt{'' if slope.prompts == 1 else 's'}"
        texts.append(
            Text(
                middle,
                base + (28 if points_interval(slope.difference) else 15),
                said,
                "muted",
                SMALL,
                "middle",
            )
        )
    return _Panel(_words(slope, sides), lines, marks, texts)


def _words(slope: Slope, sides: tuple[str, str]) -> str:
    said = (
        f"{clean(slope.model)}: {clean(sides[0])} {share_words(slope.before)},"
        f" {clean(sides[1])} {share_words(slope.after)}"
    )
    if slope.difference is not None:
        said += f", a change of {points_words(slope.difference)}"
    if slope.prompts is not None:
        said += f", {slope.prompts} prompt{'' if slope.prompts == 1 else 's'}"
    return said


def _describe(figure: Slopes) -> str:
    if not figure.slopes:
        return "There are no models to compare yet."
    panels = ". ".join(_words(slope, figure.sides) for slope in figure.slopes)
    return (
        f"One panel per model with its hallucination rate under {clean(figure.sides[0])} and under"
        f" {clean(figure.sides[1])}, joined by a line. {panels}."
    )

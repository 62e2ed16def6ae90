"""How often a model is wrong when it answers, by how much it answers; and if it keeps its word.

The second chart is behavioural calibration (Kalai et al. 2025, 4.2): a model told to answer only
if it is more than t sure should be right in at least a share t of what it then answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from markupsafe import Markup

from app.figures.axes import End, Plot, axes, end_names, series
from app.figures.drawing import (
    MARGIN,
    NARROW,
    SMALL,
    Frame,
    Line,
    Mark,
    Scale,
    Shape,
    Text,
    checked,
    heading,
    points_of,
    render,
)
from app.figures.lettering import clean, text_width
from app.figures.values import Estimate, percent, share_words

UNDER = "Share of answered questions that are wrong, by the share that is answered at all."
TOLD = " Squares: the model was told t."


@dataclass(frozen=True)
class CurvePoint:
    """``coverage``: (C+H)/n. ``risk``: H/(C+H), None where nothing is attempted."""

    t: float
    coverage: float
    risk: float | None

    def __post_init__(self) -> None:
        if not all(isfinite(value) for value in (self.t, self.coverage, self.risk or 0)):
            raise ValueError(f"Not a number: {self}")


@dataclass(frozen=True)
class ToldPoint(CurvePoint):
    """A point of answers to prompts that told the model t. ``accuracy``: C/(C+H)."""

    accuracy: Estimate | None = None


@dataclass(frozen=True)
class RiskModel:
    name: str
    curve: tuple[CurvePoint, ...] = ()
    told: tuple[ToldPoint, ...] = ()


@dataclass(frozen=True)
class RiskCoverage:
    models: tuple[RiskModel, ...]
    title: str = "Risk and coverage"


@dataclass(frozen=True)
class _Chart:
    lines: Sequence[Line]
    areas: Sequence[Shape]
    curves: Sequence[Shape]
    whiskers: Sequence[Line]
    dots: Sequence[Mark]
    texts: Sequence[Text]


def risk_coverage(figure: RiskCoverage, width: int = 720, prefix: str = "risk") -> Markup:
    size = checked(width)
    narrow = size < NARROW
    told = any(point.accuracy for model in figure.models for point in model.told)
    under = UNDER + (TOLD if told else "")
    head, y = heading(figure.title, under if figure.title else "", size)
    names = 92.0 if narrow else 112.0
    tall = 190.0 if narrow else 220.0
    left = MARGIN + 36
    right = size - MARGIN - names - 16
    if told and not narrow:
        right = size * 0.6 - names - 16
    y += 16
    charts = [_risk(figure, left, right, y, tall, names)]
    bottom = y + tall + 42
    if told:
        if narrow:
            y = bottom + 34
            calibration = _calibration(figure, left, size - MARGIN, y, tall)
            bottom = y + tall + 42
        else:
            calibration = _calibration(figure, size * 0.6 + 62, size - MARGIN, y, tall)
        charts.append(calibration)
    frame = Frame(
        "risk_coverage",
        prefix,
        size,
        bottom,
        figure.title or "Risk and coverage",
        _describe(figure),
        head,
    )
    return render(frame, charts=charts)


def _risk(
    figure: RiskCoverage, left: float, right: float, y: float, tall: float, names: float
) -> _Chart:
    risks = [
        point.risk
        for model in figure.models
        for point in (*model.curve, *model.told)
        if point.risk is not None
    ]
    most = next((end for end in (0.1, 0.25, 0.5) if max(risks, default=1) <= end), 1.0)
    plot = Plot(Scale(0, 1, left, right), Scale(0, most, y + tall, y))
    across = (0, 0.5, 1)
    up = [most * part for part in (0, 0.5, 1)]
    lines, texts = axes(plot, across, up, percent, _tick, "answered, of all labelled")
    texts.append(Text(plot.left, plot.top - 7, "wrong, of those answered", "muted", SMALL))
    curves, dots, ends = [], [], []
    named: list[tuple[float, float]] = []  # where a t stands; more would cover it
    for place, model in enumerate(figure.models):
        for points, look in ((model.curve, series(place)), (model.told, "leader")):
            pairs = _pairs(points, plot)
            curves.append(Shape(points_of(pairs), look, clean(model.name)))
            if look != "leader":
                dots += [Mark(x, at, "c", 2.4, look=f"{series(place)}-fill") for x, at in pairs]
        for point in model.told:
            if point.risk is None:
                continue
            x, at = plot.x(point.coverage), plot.y(point.risk)
            dots.append(Mark(x, at, "a", 5.5, look=f"{series(place)}-fill"))
            said = f"{point.t:.2f}".lstrip("0").rstrip("0").rstrip(".") or "0"
            room = (text_width(said, SMALL) + 4, SMALL + 4)
            if all(abs(x - a) > room[0] or abs(at - b) > room[1] for a, b in named):
                named.append((x, at))
                texts.append(Text(x, at - 9, said, "ink", SMALL, "middle", halo=True))
        drawn = _pairs(model.curve, plot) or _pairs(model.told, plot)
        if drawn:
            ends.append(End(*max(drawn), model.name, place))
    if not ends:
        texts.append(Text(plot.left + 10, (plot.top + plot.bottom) / 2, "No answers yet.", "muted"))
    shown, leaders = end_names(ends, plot.right + 16, plot.top, plot.bottom, names, "start")
    curves = [*leaders, *(curve for curve in curves if curve.d)]
    return _Chart(lines, [], curves, [], dots, [*texts, *shown])


def _calibration(figure: RiskCoverage, left: float, right: float, y: float, tall: float) -> _Chart:
    plot = Plot(Scale(0, 1, left, right), Scale(0, 1, y + tall, y))
    ticks = (0, 0.5, 1)
    lines, texts = axes(plot, ticks, ticks, lambda t: f"{t:g}", percent, "told t")
    texts.append(Text(plot.left, plot.top - 7, "right, of those answered", "muted", SMALL))
    corners = [
        (plot.left, plot.bottom),
        (plot.right, plot.top),
        (plot.right, plot.bottom),
    ]
    areas = [Shape(points_of(corners) + "Z", "below")]
    lines.append(Line(plot.left, plot.bottom, plot.right, plot.top, "axis"))
    texts.append(
        Text(plot.right - 6, plot.bottom - 8, "less than promised", "h-text", SMALL, "end")
    )
    curves, whiskers, dots = [], [], []
    for place, model in enumerate(figure.models):
        points = [(point.t, point.accuracy) for point in model.told if point.accuracy]
        # Beside each other: all are told the same few t, so that intervals would hide one another.
        aside = (place - (len(figure.models) - 1) / 2) * min(5, 24 / len(figure.models))
        pairs = [(plot.x(t) + aside, plot.y(accuracy.value)) for t, accuracy in points]
        curves.append(Shape(points_of(pairs), series(place), clean(model.name)))
        for (x, at), (_, accuracy) in zip(pairs, points, strict=True):
            dots.append(Mark(x, at, "a", 5, look=f"{series(place)}-fill"))
            if accuracy.interval:
                low, high = map(plot.y, accuracy.interval)
                whiskers.append(Line(x, low, x, high, series(place)))
    curves = [curve for curve in curves if curve.d]
    return _Chart(lines, areas, curves, whiskers, dots, texts)


def _pairs(points: Sequence[CurvePoint], plot: Plot) -> list[tuple[float, float]]:
    return [
        (plot.x(point.coverage), plot.y(point.risk)) for point in points if point.risk is not None
    ]


def _tick(value: float) -> str:
    return f"{100 * value:g}%"


def _describe(figure: RiskCoverage) -> str:
    if not figure.models:
        return "There are no answers yet."
    models = "; ".join(_words(model) for model in figure.models)
    return (
        "Per model a curve of the share of wrong answers among those answered, by the share of"
        f" questions answered. {models}."
    )


def _words(model: RiskModel) -> str:
    curve = ", ".join(
        f"{'–' if point.risk is None else percent(point.risk)} wrong at {percent(point.coverage)}"
        for point in model.curve
    )
    told = ", ".join(
        f"told t = {point.t:g} {percent(point.coverage)} answered and of these"
        f" {share_words(point.accuracy)} right"
        for point in model.told
    )
    return f"{clean(model.name)}: {', '.join(filter(None, (curve, told))) or 'no answers'}"

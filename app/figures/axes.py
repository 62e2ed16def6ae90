"""What line charts have in common: axes, and names at the ends of lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.figures.drawing import NORMAL, SMALL, Line, Scale, Shape, Text, points_of, spread
from app.figures.lettering import clean, cut

SERIES_LOOKS = 12


def series(place: int) -> str:
    """The look of the line of a model, by its place; from the 13th on they come again."""
    return f"s{place % SERIES_LOOKS}"


@dataclass(frozen=True)
class Plot:
    """Where values are drawn: x to the right, y up."""

    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        return self.x.start

    @property
    def right(self) -> float:
        return self.x.end

    @property
    def top(self) -> float:
        return self.y.end

    @property
    def bottom(self) -> float:
        return self.y.start


def axes(
    plot: Plot,
    across: Sequence[float],
    up: Sequence[float],
    across_words: Callable[[float], str],
    up_words: Callable[[float], str],
    name: str,
    numbers_right: bool = False,
) -> tuple[list[Line], list[Text]]:
    """Lines across at the ticks up, ticks below, and what is drawn to the right."""
    edge, anchor = (plot.right + 7, "start") if numbers_right else (plot.left - 7, "end")
    lines = [Line(plot.left, plot.y(tick), plot.right, plot.y(tick), "grid") for tick in up]
    texts = [Text(edge, plot.y(tick) + 4, up_words(tick), "muted", SMALL, anchor) for tick in up]
    for tick in across:
        x = plot.x(tick)
        lines.append(Line(x, plot.bottom, x, plot.bottom + 4, "axis"))
        texts.append(Text(x, plot.bottom + 16, across_words(tick), "muted", SMALL, "middle"))
    lines.append(Line(plot.left, plot.bottom, plot.right, plot.bottom, "axis"))
    middle = (plot.left + plot.right) / 2
    texts.append(Text(middle, plot.bottom + 31, name, "muted", SMALL, "middle"))
    return lines, texts


@dataclass(frozen=True)
class End:
    """Where a line ends, whose it is, and its place among the lines."""

    x: float
    y: float
    name: str
    place: int


def end_names(
    ends: Sequence[End], x: float, top: float, bottom: float, room: float, anchor: str
) -> tuple[list[Text], list[Shape]]:
    """Names beside the ends of lines, moved apart, each with a thin line to what it names."""
    texts, leaders = [], []
    inward = -3 if anchor == "start" else 3
    for end, y in zip(ends, spread([end.y for end in ends], 14, top, bottom), strict=True):
        name = cut(clean(end.name), room, NORMAL)
        texts.append(Text(x, y + 4, name, f"{series(end.place)}-text", NORMAL, anchor))
        leaders.append(Shape(points_of([(end.x, end.y), (x + inward, y)]), "leader"))
    return texts, leaders

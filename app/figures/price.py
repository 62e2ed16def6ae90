"""What a model is worth when errors cost: its score for each price t, and where models swap."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite

from markupsafe import Markup

from app.figures.axes import End, Plot, axes, end_names, series
from app.figures.drawing import (
    MARGIN,
    NARROW,
    NORMAL,
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
from app.figures.lettering import clean, cut, text_width
from app.figures.values import signed
from app.stats.measures import Counts, swaps, target_of

LAST = 0.95
LEAST = -1.0
TALL = 250.0
FEW = 6  # models: of more, only the swaps at the top can be told apart


@dataclass(frozen=True)
class PriceModel:
    name: str
    counts: Counts


@dataclass(frozen=True)
class Price:
    """``t``: the price that is chosen now; an error costs t/(1−t) correct answers."""

    models: tuple[PriceModel, ...]
    t: float
    title: str = "Score by the price of an error"

    def __post_init__(self) -> None:
        if not (isfinite(self.t) and 0 <= self.t < 1):
            raise ValueError(f"t is from 0 up to 1, not {self.t}")


@dataclass(frozen=True)
class Crossing:
    """Where two models score the same. ``leads``: no other scores more there."""

    t: float
    score: float
    leads: bool
    names: tuple[str, str]  # ahead below this t, ahead above it


def crossings(models: Sequence[PriceModel]) -> list[Crossing]:
    """Of all pairs with answers, by t."""
    found = []
    for one, other in combinations(models, 2):
        t = swaps(one.counts, other.counts)
        score = None if t is None else one.counts.score_at(t)
        if t is None or score is None:
            continue
        scores = [model.counts.score_at(t) for model in models]
        best = max(score for score in scores if score is not None)
        # The one that is wrong more often falls more steeply.
        wrong = [model.counts.hallucination_rate or 0 for model in (one, other)]
        names = (one.name, other.name) if wrong[0] > wrong[1] else (other.name, one.name)
        found.append(Crossing(t, score, score >= best - 1e-9, names))
    return sorted(found, key=lambda crossing: crossing.t)


def price(figure: Price, width: int = 720, prefix: str = "price") -> Markup:
    size = checked(width)
    narrow = size < NARROW
    under = (
        "A wrong answer costs t/(1−t) right ones, an abstention nothing."
        " Circles: two models swap places."
    )
    head, y = heading(figure.title, under if figure.title else "", size)
    names, ranks = (0.0, 0.0) if narrow else (112.0, 178.0)
    left = MARGIN + (34 if narrow else names + 20)
    right = size - MARGIN - (4 if narrow else ranks + 58)
    top = y + 16
    plot = Plot(Scale(0, LAST, left, right), Scale(LEAST, 1, top + TALL, top))
    lines, texts = axes(
        plot,
        (0, 0.25, 0.5, 0.75, 0.9),
        (-1, -0.5, 0, 0.5, 1),
        lambda t: f"{t:g}",
        lambda score: signed(score, 1),
        "t",
        numbers_right=not narrow,
    )
    lines.append(Line(plot.left, plot.y(0), plot.right, plot.y(0), "axis"))
    curves, ends = _curves(figure.models, plot)
    leaders: list[Shape] = []
    if names:
        name_texts, leaders = end_names(ends, plot.left - 16, plot.top, plot.bottom, names, "end")
        texts += name_texts
    rings, dots, swap_texts = _rings(figure, plot)
    now = min(figure.t, LAST)
    x = plot.x(now)
    marker = Line(x, plot.top - 4, x, plot.bottom, "now")
    said = f"t = {figure.t:.2f}".rstrip("0").rstrip(".")
    texts.append(
        Text(min(max(x, left + 24), right - 20), plot.top - 6, said, "ink", SMALL, "middle", True)
    )
    if narrow:
        ranked, bottom = _ranks(figure, MARGIN, plot.bottom + 54, size - 2 * MARGIN)
    else:
        ranked, bottom = _ranks(figure, size - MARGIN - ranks, plot.top + 4, ranks)
    rank_texts, samples = ranked
    bottom = max(bottom, plot.bottom + 40) + 4
    frame = Frame(
        "price",
        prefix,
        size,
        bottom,
        figure.title or "Score by the price of an error",
        _describe(figure),
        head,
    )
    return render(
        frame,
        lines=lines,
        curves=curves,
        leaders=leaders,
        rings=rings,
        dots=dots,
        now=[marker],
        samples=samples,
        texts=[*texts, *swap_texts, *rank_texts],
    )


def _curves(models: Sequence[PriceModel], plot: Plot) -> tuple[list[Shape], list[End]]:
    """Lines down to where they leave the picture, exactly."""
    curves, ends = [], []
    for place, model in enumerate(models):
        counts = model.counts
        if not counts.n:
            continue
        # C/n − λ·H/n = LEAST, at the λ where it leaves
        wrong, right = counts.hallucinated, counts.correct
        last = min(LAST, target_of((right - LEAST * counts.n) / wrong)) if wrong else LAST
        steps = [index * 0.01 for index in range(round(LAST * 100)) if index * 0.01 < last]
        pairs = [
            (plot.x(t), plot.y(value))
            for t in (*steps, last)
            if (value := counts.score_at(t)) is not None
        ]
        curves.append(Shape(points_of(pairs), series(place), clean(model.name)))
        ends.append(End(*pairs[0], model.name, place))
    return curves, ends


def _rings(figure: Price, plot: Plot) -> tuple[list[Mark], list[Mark], list[Text]]:
    """A circle where two lines meet: with its t where the best model changes."""
    rings, texts = [], []
    free = float("-inf")
    for crossing in crossings(figure.models):
        if crossing.t > LAST or crossing.score < LEAST:
            continue
        if not crossing.leads and len(figure.models) > FEW:
            continue
        x, y = plot.x(crossing.t), plot.y(crossing.score)
        rings.append(Mark(x, y, "c", 4.5 if crossing.leads else 2.5, look="ring"))
        said = f"{crossing.t:.2f}"
        if crossing.leads and x - text_width(said, SMALL) / 2 > free:
            texts.append(Text(x, y - 9, said, "ink", SMALL, "middle", halo=True))
            free = x + text_width(said, SMALL) / 2 + 4
    dots = []
    for model in figure.models:
        value = model.counts.score_at(min(figure.t, LAST))
        if value is not None and value >= LEAST:
            dots.append(Mark(plot.x(figure.t), plot.y(value), "c", 4, look="dot"))
    return rings, dots, texts


def _ranks(
    figure: Price, x: float, y: float, room: float
) -> tuple[tuple[list[Text], list[Line]], float]:
    """The models in the order of their scores at t, with samples of their lines."""
    said = f"at t = {figure.t:.2f}".rstrip("0").rstrip(".")
    texts = [
        Text(x, y + 4, "score", "muted", SMALL),
        Text(x + room, y + 4, said, "muted", SMALL, "end"),
    ]
    samples: list[Line] = []
    scores = [model.counts.score_at(figure.t) for model in figure.models]
    order = sorted(
        range(len(scores)),
        key=lambda place: -(value if (value := scores[place]) is not None else float("-inf")),
    )
    for place in order:
        y += 18
        value = scores[place]
        samples.append(Line(x, y, x + 20, y, series(place)))
        name = cut(clean(figure.models[place].name), room - 28 - 50, NORMAL)
        texts.append(Text(x + 27, y + 4, name, "ink", NORMAL))
        worth = "–" if value is None else signed(value, 2)
        texts.append(Text(x + room, y + 4, worth, "ink", NORMAL, "end", True))
    if not order:
        texts.append(Text(x, y + 22, "No models yet.", "muted"))
        y += 18
    return (texts, samples), y + 16


def _describe(figure: Price) -> str:
    if not figure.models:
        return "There are no models to score yet."
    worth = ", ".join(
        f"{clean(model.name)} {'–' if value is None else signed(value, 2)}"
        for model in figure.models
        for value in [model.counts.score_at(figure.t)]
    )
    said = (
        "Lines fall from each model's accuracy at t = 0 as errors cost more."
        f" At t = {figure.t:g}: {worth}."
    )
    leads = [crossing for crossing in crossings(figure.models) if crossing.leads]
    if leads:
        swaps = ", ".join(
            f"from t = {swap.t:.2f} {clean(swap.names[1])} ahead of {clean(swap.names[0])}"
            for swap in leads
        )
        said += f" The best model changes: {swaps}."
    return said

"""What became of the answers between two conditions: bands from labels on the left to the right."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from markupsafe import Markup

from app.figures.drawing import (
    MARGIN,
    NARROW,
    NORMAL,
    SMALL,
    Frame,
    Mark,
    Rect,
    Shape,
    Text,
    checked,
    heading,
    number,
    render,
)
from app.figures.lettering import clean, cut, text_width
from app.figures.values import LABELS, WORDS, Label

TALL, GAP, NODE = 236.0, 17.0, 12.0
NAMED: tuple[tuple[Label, Label, str], ...] = (
    ("h", "a", "bluffs avoided"),
    ("c", "a", "knowledge lost"),
    ("h", "c", "fixed"),
    ("c", "h", "broken"),
)
Row = tuple[float, float, float]


@dataclass(frozen=True)
class Flows:
    """``table``: rows are the labels before, columns those after, each in the order C, H, A.

    ``unit``: what is counted. Where repeats are paired by prompt, each prompt counts as one.
    """

    table: tuple[Row, Row, Row]
    sides: tuple[str, str]
    title: str = "What became of the answers"
    unit: str = "answers"

    def __post_init__(self) -> None:
        cells = [cell for row in self.table for cell in row]
        if not all(isfinite(cell) and cell >= 0 for cell in cells):
            raise ValueError(f"Not a table of transitions: {self.table}")

    def of(self, before: Label, after: Label) -> float:
        return self.table[LABELS.index(before)][LABELS.index(after)]

    @property
    def total(self) -> float:
        return sum(map(sum, self.table))


def amount(value: float) -> str:
    """Pairs made of prompts' means come in fractions: one digit of them is enough."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"


def flows(figure: Flows, width: int = 720, prefix: str = "flows") -> Markup:
    size = checked(width)
    narrow = size < NARROW
    under = (
        f"Each band is as wide as there are {figure.unit} that went from one label to the other."
    )
    head, y = heading(figure.title, under if figure.title else "", size)
    widest = max(
        text_width(_said(label, value, narrow), NORMAL)
        for sums in (_before(figure), _after(figure))
        for label, value in zip(LABELS, sums, strict=True)
    )
    aside = widest + 32
    left, right = MARGIN + aside, size - MARGIN - aside - NODE
    room = size / 2 - 2 * MARGIN
    texts = [
        Text(MARGIN, y + 8, cut(clean(figure.sides[0]), room, NORMAL, True), bold=True),
        Text(
            size - MARGIN,
            y + 8,
            cut(clean(figure.sides[1]), room, NORMAL, True),
            anchor="end",
            bold=True,
        ),
    ]
    top = y + 22
    bands: list[Shape] = []
    nodes: list[Rect] = []
    marks: list[Mark] = []
    if not figure.total:
        texts.append(Text(MARGIN, top + 16, "No pairs of labelled answers yet.", "muted"))
        y = top + 30
    else:
        before = _nodes(left, top, _before(figure))
        after = _nodes(right, top, _after(figure))
        nodes = [*before, *after]
        bands, numbers = _bands(figure, before, after, top)
        texts += numbers
        for side, x, anchor in ((before, left - 8, "end"), (after, right + NODE + 8, "start")):
            texts += _names(side, x, anchor, narrow, figure.total)
            outward = -10.0 if anchor == "end" else 10.0
            marks += [
                Mark(x + outward * 0.8, node.y + node.height / 2, label, 7.5, label.upper())
                for label, node in zip(LABELS, side, strict=True)
                if node.height
            ]
        y = top + TALL + 36
    more_marks, more_texts, y = _named(figure, y, size, 2 if narrow else 4)
    frame = Frame("flows", prefix, size, y, figure.title or "Transitions", _describe(figure), head)
    return render(
        frame, bands=bands, nodes=nodes, marks=[*marks, *more_marks], texts=[*texts, *more_texts]
    )


def _before(figure: Flows) -> list[float]:
    return [sum(row) for row in figure.table]


def _after(figure: Flows) -> list[float]:
    return [sum(column) for column in zip(*figure.table, strict=True)]


def _said(label: Label, value: float, narrow: bool) -> str:
    return amount(value) if narrow else f"{WORDS[label]} {amount(value)}"


def _nodes(x: float, top: float, sums: Sequence[float]) -> list[Rect]:
    """One below the other, as high as their share of what the gaps leave."""
    scale = (TALL - 2 * GAP) / sum(sums)
    nodes, y = [], top
    for label, value in zip(LABELS, sums, strict=True):
        nodes.append(Rect(x, y, NODE, value * scale, label))
        y += value * scale + GAP
    return nodes


def _bands(
    figure: Flows, before: Sequence[Rect], after: Sequence[Rect], top: float
) -> tuple[list[Shape], list[Text]]:
    scale = (TALL - 2 * GAP) / figure.total
    start = {label: node.y for label, node in zip(LABELS, before, strict=True)}
    end = {label: node.y for label, node in zip(LABELS, after, strict=True)}
    x1, x2 = before[0].x + NODE, after[0].x
    bend = (x1 + x2) / 2
    bands, numbers = [], []
    for one in LABELS:
        for other in LABELS:
            value = figure.of(one, other)
            if not value:
                continue
            y1, y2, thick = start[one], end[other], value * scale
            start[one] += thick
            end[other] += thick
            n = number
            d = (
                f"M{n(x1)} {n(y1)}C{n(bend)} {n(y1)} {n(bend)} {n(y2)} {n(x2)} {n(y2)}"
                f"V{n(y2 + thick)}"
                f"C{n(bend)} {n(y2 + thick)} {n(bend)} {n(y1 + thick)} {n(x1)} {n(y1 + thick)}Z"
            )
            name = next((name for b, a, name in NAMED if (b, a) == (one, other)), "")
            said = f"{WORDS[one]} → {WORDS[other]}: {amount(value)}" + (f", {name}" if name else "")
            bands.append(Shape(d, other, said, 0.2 if one == other else 0.55))
            if thick >= 13:
                y = y1 + thick / 2 + 4
                numbers.append(Text(x1 + 6, y, amount(value), "ink", SMALL, bold=one != other))
    return bands, numbers


def _names(side: Sequence[Rect], x: float, anchor: str, narrow: bool, total: float) -> list[Text]:
    scale = (TALL - 2 * GAP) / total
    outward = -20.0 if anchor == "end" else 20.0
    texts = []
    for label, node in zip(LABELS, side, strict=True):
        if not node.height:
            continue
        said = _said(label, node.height / scale, narrow)
        y = node.y + node.height / 2 + 4
        texts.append(Text(x + outward, y, said, "ink", NORMAL, anchor))
    return texts


def _named(
    figure: Flows, y: float, size: float, across: int
) -> tuple[list[Mark], list[Text], float]:
    """The four transitions that have a name, below."""
    room = (size - 2 * MARGIN) / across
    marks, texts = [], []
    for place, (one, other, name) in enumerate(NAMED):
        x = MARGIN + (place % across) * room
        base = y + 36 * (place // across)
        marks += [
            Mark(x + 7, base, one, 7.5, one.upper()),
            Mark(x + 37, base, other, 7.5, other.upper()),
        ]
        texts.append(Text(x + 22, base + 4, "→", "muted", NORMAL, "middle"))
        value = amount(figure.of(one, other)) if figure.total else "–"
        texts.append(Text(x + 51, base - 1, value, "ink", NORMAL, bold=True))
        texts.append(Text(x + 51, base + 13, name, "muted", SMALL))
    return marks, texts, y + 36 * ((len(NAMED) - 1) // across) + 30


def _describe(figure: Flows) -> str:
    before, after = map(clean, figure.sides)
    if not figure.total:
        return f"There are no answers labelled both under {before} and under {after} yet."
    moves = ", ".join(
        f"{WORDS[one]} to {WORDS[other]} {amount(figure.of(one, other))}"
        for one in LABELS
        for other in LABELS
    )
    named = ", ".join(f"{name} {amount(figure.of(one, other))}" for one, other, name in NAMED)
    return (
        f"Bands from the labels under {before} to the labels under {after},"
        f" {amount(figure.total)} {figure.unit} in all: {moves}. That is {named}."
    )

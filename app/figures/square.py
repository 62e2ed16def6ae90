"""One model as a square: permission to abstain across, thinking down, and what each of them does.

The effects stand on the margins, along the side whose change they measure; how the two work
together stands where the four cells meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.figures.drawing import (
    MARGIN,
    NARROW,
    NORMAL,
    SMALL,
    Frame,
    Line,
    Rect,
    Shape,
    Text,
    checked,
    heading,
    label_key,
    points_of,
    render,
    stack,
    stack_texts,
)
from app.figures.lettering import clean, cut, text_width, wrap
from app.figures.values import (
    Estimate,
    counts_words,
    points,
    points_interval,
    points_words,
    share,
    share_interval,
    share_words,
    triple,
)
from app.stats.measures import Counts

UNDER = (
    "Share of answers hallucinated, with 95% interval; on the margins, what changes it on average."
)


@dataclass(frozen=True)
class SquareCell:
    """``rate``: of hallucinations."""

    counts: Counts
    rate: Estimate | None


@dataclass(frozen=True)
class Square:
    """``cells``: one row without thinking, one with it; in each not allowed, allowed.

    Where only one of the two was tried there is one row, or one column, and no other effect.

    The effects are differences of hallucination rates, after less before. ``interaction``: by how
    much more the second condition changes the rate in the lower row than in the upper.
    """

    model: str
    cells: tuple[tuple[SquareCell, ...], ...]
    across: Estimate | None = None
    down: Estimate | None = None
    interaction: Estimate | None = None
    columns: tuple[str, ...] = ("not allowed to abstain", "allowed to abstain")
    rows: tuple[str, ...] = ("thinking off", "thinking on")
    effects: tuple[str, str] = ("permission", "thinking")

    def __post_init__(self) -> None:
        shape = {len(self.rows), len(self.columns)}
        as_named = {len(row) for row in self.cells} == {len(self.columns)}
        if not as_named or len(self.cells) != len(self.rows) or not shape <= {1, 2}:
            raise ValueError("A square has one or two rows and columns, each with its name")

    @property
    def whole(self) -> bool:
        return len(self.rows) == len(self.columns) == 2


@dataclass(frozen=True)
class _Cell:
    title: str
    rects: Sequence[Rect]
    texts: Sequence[Text]


def square(figure: Square, width: int = 720, prefix: str = "square") -> Markup:
    size = checked(width)
    narrow = size < NARROW
    model = clean(figure.model)
    head, y = heading(model, UNDER, size)
    key = label_key(MARGIN, y + 10)
    y += 30
    margin = 96.0 if narrow else 132.0
    left = MARGIN + margin
    side, tall = (size - MARGIN - left) / 2, 124.0 if narrow else 112.0
    right = left + side * len(figure.columns)
    centre = left + side

    if len(figure.columns) == 1:
        y -= 30  # where the effect would stand
    texts, shapes = _across(figure, left, side, y, narrow)
    top = y + (66 if narrow else 50)
    more_texts, more_shapes = _down(figure, margin, top, tall)
    texts += more_texts
    shapes += more_shapes
    cells = [
        _cell(figure, row, column, left + column * side, top + row * tall, side, tall)
        for row in range(len(figure.rows))
        for column in range(len(figure.columns))
    ]
    bottom = top + tall * len(figure.rows)
    lines, badges = [], []
    if len(figure.columns) == 2:
        lines.append(Line(centre, top, centre, bottom, "axis"))
    if len(figure.rows) == 2:
        lines.append(Line(left, top + tall, right, top + tall, "axis"))
    y = bottom + MARGIN
    if figure.whole:
        text, pill = _badge(figure, centre, top + tall)
        texts.append(text)
        badges.append(pill)
        y = bottom + 22
    for number, line in enumerate(_together(figure, size - 2 * MARGIN) if figure.whole else []):
        texts.append(Text(MARGIN, y, line, "ink" if number == 0 else "muted", NORMAL))
        y += 17
    frame = Frame(
        "square", prefix, size, y, f"{model}: hallucination rate", _describe(figure), head, key
    )
    outline = Rect(left, top, right - left, bottom - top, "frame")
    return render(
        frame, cells=cells, lines=lines, badges=badges, texts=texts, shapes=shapes, outline=outline
    )


def _badge(figure: Square, x: float, y: float) -> tuple[Text, Rect]:
    said = "–" if figure.interaction is None else points(figure.interaction).split()[0]
    broad = max(34.0, text_width(said, NORMAL, True) + 16)
    text = Text(x, y + 4.5, said, anchor="middle", bold=True)
    return text, Rect(x - broad / 2, y - 13, broad, 26, "badge", round=13)


def _across(
    figure: Square, left: float, side: float, y: float, narrow: bool
) -> tuple[list[Text], list[Shape]]:
    """Heads of the columns with the arrow from one to the other, and its effect above."""
    centre = left + side
    texts, shapes = [], []
    if len(figure.columns) == 2:
        change = points(figure.across)
        room = 2 * side - text_width(change, NORMAL, True) - 8
        effect = f"{cut(clean(figure.effects[0]), room, NORMAL, True)} {change}"
        texts.append(Text(centre, y + 4, effect, "ink", NORMAL, "middle", True))
        if interval := points_interval(figure.across):
            texts.append(Text(centre, y + 19, f"({interval})", "muted", SMALL, "middle"))
        shapes.append(_arrow((left + side / 2, y + 26), (centre + side / 2, y + 26)))
    y += 26
    room = side - 8
    for column, name in enumerate(figure.columns):
        lines = wrap(clean(name), room, NORMAL, 2 if narrow else 1)
        for number, line in enumerate(lines):
            x = left + side * (column + 0.5)
            texts.append(Text(x, y + 17 + 14 * number, line, "ink", NORMAL, "middle"))
    return texts, shapes


def _down(figure: Square, margin: float, top: float, tall: float) -> tuple[list[Text], list[Shape]]:
    """The same for the rows, beside the square."""
    room = margin - 20
    edge = MARGIN + margin - 10
    texts: list[Text] = []
    for row, name in enumerate(figure.rows):
        lines = wrap(clean(name), room, NORMAL, 3)
        y = top + tall * (row + 0.5) + 4 - 7 * (len(lines) - 1)
        for number, line in enumerate(lines):
            texts.append(Text(edge - 6, y + 14 * number, line, "ink", NORMAL, "end"))
    if len(figure.rows) == 1:
        return texts, []
    arrow = _arrow((edge, top + tall / 2 - 12), (edge, top + 1.5 * tall + 12))
    lines = [*wrap(clean(figure.effects[1]), room, NORMAL, 2, True), points(figure.down)]
    small = points_interval(figure.down)
    small_lines = wrap(f"({small})", room, SMALL, 2) if small else []
    y = top + tall + 4 - 7.5 * (len(lines) + len(small_lines) - 1)
    for line in lines:
        texts.append(Text(edge - 6, y, line, "ink", NORMAL, "end", True))
        y += 15
    for line in small_lines:
        texts.append(Text(edge - 6, y, line, "muted", SMALL, "end"))
        y += 15
    return texts, [arrow]


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> Shape:
    (x, y), along = end, 4.5
    if start[1] == end[1]:
        tips = [(x - along, y - along), end, (x - along, y + along)]
    else:
        tips = [(x - along, y - along), end, (x + along, y - along)]
    return Shape(points_of([start, end]) + points_of(tips), "arrow")


def _cell(
    figure: Square, row: int, column: int, x: float, y: float, side: float, tall: float
) -> _Cell:
    cell = figure.cells[row][column]
    name = f"{clean(figure.rows[row])}, {clean(figure.columns[column])}"
    pad = 12.0
    base = y + 44
    if not cell.counts.n:
        rects = [Rect(x, y, side, tall, "empty")]
        texts = [
            Text(x + pad, base, "–", "muted", 30),
            Text(x + pad, base + 20, "none labelled", "muted", SMALL),
        ]
        return _Cell(f"{name}: no labelled answers", rects, texts)
    rate = cell.rate.value if cell.rate is not None else 0.0
    tint = Rect(x, y, side, tall, "tint", opacity=round(0.04 + 0.3 * min(max(rate, 0), 1), 3))
    counts = triple(cell.counts)
    parts = stack(counts, x + pad, y + tall - 38, side - 2 * pad, 16)
    big = share(cell.rate)
    texts = [Text(x + pad, base, big, "ink", 30, bold=True)]
    beside, under = x + pad + text_width(big, 30, True) + 8, base
    if side < 180:
        beside, under = x + pad, base + 17
    interval, n = share_interval(cell.rate), f"n {cell.counts.n}"
    texts.append(Text(beside, under, interval, "muted", SMALL))
    if beside + text_width(interval, SMALL) + 8 + text_width(n, SMALL) > x + side - pad:
        texts.append(Text(beside, under + 14, n, "muted", SMALL))
    else:
        texts.append(Text(x + side - pad, under, n, "muted", SMALL, "end"))
    texts += stack_texts(counts, parts, SMALL)
    return _Cell(f"{name}: {_words(cell)}", [tint, *parts], texts)


def _together(figure: Square, room: float) -> list[str]:
    if figure.interaction is None:
        return wrap("Not enough answers to tell how the two work together.", room, NORMAL, 2)
    said = f"Interaction {points_words(figure.interaction)}:"
    effect, before, after = map(clean, (figure.effects[0], *figure.rows))
    meaning = f"what {effect} does with {after}, less what it does with {before}."
    return [*wrap(said, room, NORMAL, 2), *wrap(meaning, room, NORMAL, 3)]


def _words(cell: SquareCell) -> str:
    words = counts_words(cell.counts)
    return words if cell.rate is None else f"{share_words(cell.rate)} hallucinated; {words}"


def _describe(figure: Square) -> str:
    cells = ". ".join(
        f"{clean(name)}, {clean(column)}: {_words(cell)}"
        for name, row in zip(figure.rows, figure.cells, strict=True)
        for column, cell in zip(figure.columns, row, strict=True)
    )
    across, down = map(clean, figure.effects)
    effects = []
    if len(figure.columns) == 2:
        effects.append(f"On average {across} changes the rate by {points_words(figure.across)}.")
    if len(figure.rows) == 2:
        effects.append(f"On average {down} changes the rate by {points_words(figure.down)}.")
    if figure.whole:
        effects.append(f"The interaction is {points_words(figure.interaction)}.")
    said = f"Cells with the hallucination rate of {clean(figure.model)}. {cells}. "
    return said + " ".join(effects)

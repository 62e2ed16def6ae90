"""Every prompt under every condition: how much of what is labelled was hallucinated."""

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
    Rect,
    Text,
    checked,
    heading,
    render,
)
from app.figures.lettering import clean, cut, join_cut, text_width
from app.figures.values import LABELS, counts_words, percent, triple
from app.stats.measures import Counts

MOST_ROWS, MOST_COLUMNS = 60, 24
ROW = 17.0
WIDEST = 84.0  # px, of a cell
SLANT = 160.0  # px at most, of column names
LETTERS_FROM = 14.0  # px, of a cell


@dataclass(frozen=True)
class HeatRow:
    """``cells``: one for each column; None or no labelled answers is an empty one."""

    prompt: str
    cells: tuple[Counts | None, ...]


@dataclass(frozen=True)
class Heat:
    """``columns``: the model, then what tells its variants apart. ``total``: of all prompts."""

    columns: tuple[tuple[str, ...], ...]
    rows: tuple[HeatRow, ...]
    total: int | None = None
    title: str = "Hallucinated, prompt by prompt"

    def __post_init__(self) -> None:
        if any(len(row.cells) != len(self.columns) for row in self.rows):
            raise ValueError("A row has another number of cells than there are columns")


@dataclass(frozen=True)
class _Letter:
    x: float
    y: float
    text: str


def heat(figure: Heat, width: int = 720, prefix: str = "heat") -> Markup:
    size = checked(width)
    narrow = size < NARROW
    columns = figure.columns[:MOST_COLUMNS]
    rows = figure.rows[:MOST_ROWS]
    names = size * (0.27 if narrow else 0.32)
    cell = min((size - 2 * MARGIN - names) / max(len(columns), 1), WIDEST)
    under = _under(figure, len(rows), len(columns))
    if under and rows and cell >= LETTERS_FROM:
        under += " The letter is the label that most answers of a cell have."
    head, y = heading(figure.title, under, size)
    left = MARGIN + names
    right = left + cell * len(columns)
    column_texts, lines, top = _heads(columns, left, y, cell)
    texts: list[Text] = column_texts
    empty, pale, hot = [], [], []
    letters: list[_Letter] = []
    letters_on: list[_Letter] = []
    letters_quiet: list[_Letter] = []
    prompts: list[tuple[Text, str]] = []
    for number, row in enumerate(rows):
        at = top + number * ROW
        prompt = clean(row.prompt)
        prompts.append((Text(MARGIN, at + 12.5, cut(prompt, names - 8, SMALL), size=SMALL), prompt))
        for place, counts in enumerate(row.cells[: len(columns)]):
            x = left + place * cell
            box = (x + 0.5, at + 0.5, cell - 1, ROW - 1)
            if counts is None or not counts.n:
                empty.append(Rect(*box, "grid"))
                continue
            share = counts.hallucinated / counts.n
            said = "C {} · H {} · A {}".format(*triple(counts))
            if share:
                hot.append(Rect(*box, "h", said, opacity=0.12 + 0.88 * share))
            else:
                pale.append(Rect(*box, "track", said))
            if cell >= LETTERS_FROM and (letter := _dominant(counts)):
                side = letters_on if share > 0.8 else letters if letter == "H" else letters_quiet
                side.append(_Letter(x + cell / 2, at + 12.5, letter))
    y = top + len(rows) * ROW
    if not rows or not columns:
        texts.append(Text(MARGIN, y + 14, "No labelled answers yet.", "muted"))
        y += 20
    else:
        lines += [Line(left, top, left, y, "frame"), Line(right, top, right, y, "frame")]
    key_rects, key_texts = _key(MARGIN, y + 14)
    frame = Frame(
        "heat",
        prefix,
        size,
        y + 44,
        figure.title or "Hallucinated, prompt by prompt",
        _describe(figure),
        head,
    )
    return render(
        frame,
        empty=empty,
        pale=pale,
        hot=hot,
        letters=letters,
        letters_on=letters_on,
        letters_quiet=letters_quiet,
        prompts=prompts,
        texts=[*texts, *key_texts],
        lines=lines,
        key=key_rects,
    )


def _under(figure: Heat, rows: int, columns: int) -> str:
    if not figure.title:
        return ""
    total = figure.total if figure.total is not None else len(figure.rows)
    said = (
        f"{total} prompt{'' if total == 1 else 's'}"
        if total == rows
        else f"{rows} of {total} prompts"
    )
    if columns < len(figure.columns):
        said += f", {columns} of {len(figure.columns)} columns"
    return f"{said}."


def _heads(
    columns: Sequence[tuple[str, ...]], left: float, y: float, cell: float
) -> tuple[list[Text], list[Line], float]:
    """Names of models over what they span, then what tells the columns apart, going up."""
    details = [
        join_cut([name for part in names[1:] if (name := clean(part))], " · ", SLANT, SMALL)
        for names in columns
    ]
    room = max((text_width(detail, SMALL) for detail in details), default=0.0)
    texts, lines = [], []
    base = y + 14
    start = 0
    upright = cell < 36 or room > cell * 1.4
    tall = room if upright else SMALL + 2
    bottom = base + 8 + (tall if room else 0) + 4
    for model, group in groupby(columns, key=lambda names: names[0]):
        count = len(list(group))
        x, across = left + start * cell, count * cell
        name = cut(clean(model), across - 4, NORMAL, True)
        if len(name) > 1:
            texts.append(Text(x + 2, base, name, bold=True))
        lines.append(Line(x + 1, base + 5, x + across - 1, base + 5, "axis"))
        start += count
    for place, detail in enumerate(details):
        if not detail:
            continue
        x = left + (place + 0.5) * cell
        if upright:
            texts.append(Text(x + 4, bottom - 3, detail, "muted", SMALL, turn=-90))
        else:
            said = cut(detail, cell, SMALL)
            texts.append(Text(x, bottom - 4, said, "muted", SMALL, "middle"))
    return texts, lines, bottom


def _dominant(counts: Counts) -> str:
    """The letter of the label that most have; of none if two have as many."""
    most = max(triple(counts))
    found = [label for label, count in zip(LABELS, triple(counts), strict=True) if count == most]
    return found[0].upper() if len(found) == 1 else ""


def _key(x: float, y: float) -> tuple[list[Rect], list[Text]]:
    rects, texts = [], []
    for share in (0, 0.25, 0.5, 0.75, 1):
        if share:
            rects.append(Rect(x, y, 30, 13, "h", opacity=0.12 + 0.88 * share))
        else:
            rects.append(Rect(x, y, 30, 13, "track"))
        look = "on-heat" if share > 0.8 else "ink"
        texts.append(Text(x + 15, y + 10.5, percent(share).rstrip("%"), look, SMALL, "middle"))
        x += 31
    texts.append(Text(x + 5, y + 10.5, "% hallucinated", "muted", SMALL))
    x += 5 + text_width("% hallucinated", SMALL) + 12
    rects.append(Rect(x, y, 22, 13, "grid"))
    texts.append(Text(x + 28, y + 10.5, "none", "muted", SMALL))
    return rects, texts


def _describe(figure: Heat) -> str:
    rows, columns = figure.rows[:MOST_ROWS], figure.columns[:MOST_COLUMNS]
    if not rows or not columns:
        return "There are no labelled answers yet."
    total = figure.total if figure.total is not None else len(figure.rows)
    sums = []
    for place, names in enumerate(columns):
        counts = sum((row.cells[place] or Counts() for row in rows), Counts())
        sums.append(f"{clean(', '.join(names))}: {counts_words(counts)}")
    return (
        f"A grid of {len(rows)} of {total} prompts by {len(columns)} of {len(figure.columns)}"
        " columns, darker where more of the labelled answers are hallucinated. In these rows, "
        f"{'; '.join(sums)}."
    )

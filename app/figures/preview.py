"""The card that chats show beside a link (Open Graph): 1200 × 630, read at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.figures.drawing import Frame, Line, Mark, Rect, Text, render, stack, stack_texts
from app.figures.lettering import clean, cut, join_cut, text_width, wrap
from app.figures.values import LABELS, WORDS, Estimate, counts_words, share, triple
from app.stats.measures import Counts

WIDTH, HEIGHT, EDGE = 1200.0, 630.0, 64.0
MOST = 8
BAR, BAR_END = 500.0, 1030.0


@dataclass(frozen=True)
class PreviewRow:
    """``rate``: of hallucinations."""

    names: tuple[str, ...]
    counts: Counts
    rate: Estimate | None = None


@dataclass(frozen=True)
class Preview:
    """``under``: one line of what was compared, such as "36 prompts, 3 repeats"."""

    title: str
    rows: tuple[PreviewRow, ...]
    under: str = ""

    @property
    def n(self) -> int:
        return sum(row.counts.n for row in self.rows)


@dataclass(frozen=True)
class _Bar:
    title: str
    parts: Sequence[Rect]
    texts: Sequence[Text]


def preview(figure: Preview, prefix: str = "preview") -> Markup:
    room = WIDTH - 2 * EDGE
    y = EDGE + 58
    texts = [Text(EDGE + 42, EDGE + 12, "Bluffcheck", "muted", 26, bold=True)]
    for line in wrap(clean(figure.title) or "Untitled", room, 42, 2, True):
        y += 12
        texts.append(Text(EDGE, y + 30, line, size=42, bold=True))
        y += 40
    said = f"{figure.n:,} labelled answer{'' if figure.n == 1 else 's'}"
    under = " · ".join(filter(None, (said, clean(figure.under))))
    texts.append(Text(EDGE, y + 28, cut(under, room - 200, 25), "muted", 25))
    texts.append(Text(WIDTH - EDGE, y + 28, "hallucinated", "muted", 22, "end"))
    top, bottom = y + 58, HEIGHT - 78
    shown = figure.rows[:MOST]
    more = len(figure.rows) - len(shown)
    pitch = min((bottom - top) / max(len(shown), 1), 84.0)
    bars = [_bar(row, top + place * pitch, pitch) for place, row in enumerate(shown)]
    if not shown:
        texts.append(Text(EDGE, top + 40, "No answers yet.", "muted", 25))
    lines = [Line(EDGE, top - 10, WIDTH - EDGE, top - 10, "grid")]
    marks, key = _key(HEIGHT - 38)
    texts += key
    if more:
        texts.append(Text(WIDTH - EDGE, HEIGHT - 38, f"and {more} more", "muted", 22, "end"))
    frame = Frame(
        "preview",
        prefix,
        WIDTH,
        HEIGHT,
        clean(figure.title) or "Untitled",
        _describe(figure, shown, more),
    )
    return render(frame, bars=bars, lines=lines, marks=marks, texts=texts, edge=EDGE)


def _bar(row: PreviewRow, y: float, pitch: float) -> _Bar:
    height = min(pitch - 8, 50.0)
    size = min(26.0, height * 0.74)
    middle = y + pitch / 2
    base = middle + size * 0.36
    counts = triple(row.counts)
    parts = stack(counts, BAR, middle - height / 2, BAR_END - BAR, height)
    names = [name for part in row.names if (name := clean(part))]
    name = ", ".join(names)
    # The font of the PNG, which is what chats get to see, is narrower than reckoned with.
    room = (BAR - EDGE - 14) * 1.12
    texts = [
        Text(EDGE, base, join_cut(names, ", ", room, size), size=size),
        Text(WIDTH - EDGE, base, share(row.rate), size=size, anchor="end", bold=True),
        *stack_texts(counts, parts, size * 0.84),
    ]
    return _Bar(f"{name}: {counts_words(row.counts)}", parts, texts)


def _key(y: float) -> tuple[list[Mark], list[Text]]:
    x = EDGE
    marks, texts = [], []
    for label in LABELS:
        marks.append(Mark(x + 13, y - 8, label, 13, label.upper()))
        texts.append(Text(x + 35, y, WORDS[label], "muted", 22))
        x += 35 + text_width(WORDS[label], 22) + 30
    return marks, texts


def _describe(figure: Preview, shown: Sequence[PreviewRow], more: int) -> str:
    if not shown:
        return "There are no answers yet."
    rows = "; ".join(
        f"{clean(', '.join(row.names))}: {counts_words(row.counts)}"
        + ("" if row.rate is None else f", hallucination rate {share(row.rate)}")
        for row in shown
    )
    return f"Stacked bars of labelled answers. {rows}" + (f"; and {more} more." if more else ".")

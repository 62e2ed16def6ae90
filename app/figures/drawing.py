"""What all pictures are made of: marks, their looks, the frame around them.

Positions are computed in Python; the templates in ``templates/figures`` choose and loop. What a
mark looks like is said once, here, as presentation attributes: a file that was downloaded shows
these. In a page static/css/figures.css goes over them by class.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.figures.lettering import clean, text_width, wrap
from app.figures.values import LABELS, WORDS, Label

TEMPLATES = Path(__file__).parents[2] / "templates"
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
MARGIN = 12.0
SMALL, NORMAL, LARGE = 11.0, 12.0, 14.0
NARROW = 560  # px; below that a picture takes its narrow layout
LEAST = 280

# The light colours of base.css. Abstained is a touch darker, so that white can be read on it.
INK, MUTED, LINE, STRONG, PAPER = "#1b1f24", "#565d65", "#d8dce0", "#82898f", "#ffffff"
SERIES = ("#20507a", "#a2386b", "#2f7d4f", "#8a6d00", "#6b4fa0", "#565d65")
LOOKS: dict[str, dict[str, str]] = {
    "paper": {"fill": PAPER},
    "ink": {"fill": INK},
    "muted": {"fill": MUTED},
    "c": {"fill": "#0f6a84"},
    "h": {"fill": "#c8501c"},
    "a": {"fill": "#756aa3"},
    "c-pale": {"fill": "#d6edf5"},
    "h-pale": {"fill": "#fde0d0"},
    "a-pale": {"fill": "#e7e3f4"},
    "c-text": {"fill": "#0a4557"},
    "h-text": {"fill": "#7c2c08"},
    "a-text": {"fill": "#40356e"},
    "on-c": {"fill": "#ffffff"},
    "on-h": {"fill": "#ffffff"},
    "on-a": {"fill": "#ffffff"},
    "on-heat": {"fill": "#ffffff"},
    "track": {"fill": "#eef0f2"},
    "grid": {"stroke": LINE, "fill": "none"},
    "axis": {"stroke": STRONG, "fill": "none"},
    "frame": {"stroke": LINE, "fill": "none"},
    "gap": {"stroke": STRONG, "fill": "none", "stroke-dasharray": "2 3"},
    "whisker": {"stroke": "#c8501c", "fill": "none", "stroke-width": "1.5"},
    "slope": {"stroke": "#c8501c", "fill": "none", "stroke-width": "2"},
    "leader": {"stroke": STRONG, "fill": "none", "stroke-width": "0.75"},
    "arrow": {"stroke": INK, "fill": "none", "stroke-width": "1.25"},
    "badge": {"fill": PAPER, "stroke": LINE},
    "now": {"stroke": INK, "fill": "none", "stroke-dasharray": "4 3"},
    "dot": {"fill": INK, "stroke": PAPER, "stroke-width": "1.5"},
    "ring": {"fill": PAPER, "stroke": INK, "stroke-width": "1.25"},
    "heat": {"fill": "#c8501c"},
    "tint": {"fill": "#c8501c"},
    "below": {"fill": "#fde0d0", "fill-opacity": "0.55"},
    "hatch": {"stroke": "#82898f", "fill": "none", "stroke-width": "1"},
    "dots": {"fill": "#40356e"},
    **{
        f"s{number}": {"stroke": SERIES[number % 6], "fill": "none", "stroke-width": "1.75"}
        | ({"stroke-dasharray": "6 3"} if number > 5 else {})
        for number in range(12)
    },
    **{
        f"s{number}-fill": {"fill": SERIES[number % 6], "stroke": PAPER, "stroke-width": "1"}
        for number in range(12)
    },
    **{f"s{number}-text": {"fill": SERIES[number % 6]} for number in range(12)},
}


@dataclass(frozen=True)
class Text:
    x: float
    y: float  # of the line it stands on
    text: str
    look: str = "ink"
    size: float = NORMAL
    anchor: str = "start"
    bold: bool = False
    halo: bool = False  # with paper around the letters, where it crosses lines
    turn: float = 0.0  # degrees, around its own beginning


@dataclass(frozen=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    look: str
    title: str = ""
    opacity: float | None = None
    round: float = 0.0


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    look: str


@dataclass(frozen=True)
class Shape:
    d: str
    look: str
    title: str = ""
    opacity: float | None = None


@dataclass(frozen=True)
class Mark:
    """The shape of a label: a circle, a diamond or a square, with its letter if it is large."""

    x: float
    y: float
    kind: Label
    radius: float = 4.5
    letter: str = ""
    look: str = ""


@dataclass(frozen=True)
class Scale:
    """From values to px. What lies outside is drawn at the end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True)
class Frame:
    """What stands around every picture."""

    kind: str
    prefix: str
    width: float
    height: float
    title: str
    desc: str
    head: Sequence[Text] = ()
    key: Sequence[Text | Mark] = ()

    @property
    def layout(self) -> str:
        return "narrow" if self.width < NARROW else "wide"


def number(value: float) -> str:
    """Short, and never "nan", which would silently draw nothing."""
    if not isfinite(value):
        raise ValueError(f"{value} cannot be drawn")
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def look(name: str) -> Markup:
    """Class and presentation attributes of a look."""
    attributes = {"class": f"f-{name}"} | LOOKS[name]
    return Markup(" ").join(Markup('{}="{}"').format(*item) for item in attributes.items())


def points_of(pairs: Sequence[tuple[float, float]]) -> str:
    """The path through these points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in pairs) if pairs else ""


environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters |= {"number": number, "clean": clean}
environment.globals |= {"look": look, "fonts": FONTS}


def render(frame: Frame, **shapes: Any) -> Markup:
    """The picture as SVG, safe to stand in a page as it is."""
    if not re.fullmatch(r"[A-Za-z][\w-]*", frame.prefix):
        raise ValueError(f"{frame.prefix!r} cannot begin the ids of a picture")
    template = environment.get_template(f"figures/{frame.kind}.svg")
    return Markup(template.render(frame=frame, **shapes))  # noqa: S704 (autoescape is on)


def heading(title: str, under: str, size: float) -> tuple[list[Text], float]:
    """The lines above a picture, and where they end. Without a title there are none."""
    if not title:
        return [], MARGIN
    room = size - 2 * MARGIN
    y = MARGIN
    lines = []
    for text in wrap(clean(title), room, LARGE, 2, bold=True):
        y += LARGE + 3
        lines.append(Text(MARGIN, y - 4, text, size=LARGE, bold=True))
    for text in wrap(clean(under), room, NORMAL, 4) if under else []:
        y += NORMAL + 4
        lines.append(Text(MARGIN, y - 3, text, "muted"))
    return lines, y + 10


def label_key(x: float, y: float) -> list[Text | Mark]:
    """Which shape, letter and colour is which label, in one line."""
    found: list[Text | Mark] = []
    for label in LABELS:
        found.append(Mark(x + 7, y - 4, label, 7.5, label.upper()))
        found.append(Text(x + 19, y, WORDS[label], "muted", SMALL))
        x += 19 + text_width(WORDS[label], SMALL) + 12
    return found


def stack(
    counts: tuple[float, float, float], x: float, y: float, room: float, height: float
) -> list[Rect]:
    """A C/H/A bar; of no answers an empty track. The parts add up to the room, to the px."""
    total = sum(counts)
    if not total:
        return [Rect(x, y, room, height, "track")]
    parts, sofar = [], 0.0
    for label, count in zip(LABELS, counts, strict=True):
        start, end = x + room * sofar / total, x + room * (sofar + count) / total
        sofar += count
        if count:
            parts.append(Rect(start, y, end - start, height, label))
    return parts


def stack_texts(counts: tuple[int, int, int], parts: Sequence[Rect], size: float) -> list[Text]:
    """The counts in the parts of a bar, with their letters where there is room, or not at all."""
    found = []
    by_look = dict(zip(LABELS, counts, strict=True))
    for part in parts:
        if part.look not in by_look:
            continue
        count = by_look[part.look]
        for text in (f"{part.look.upper()} {count}", str(count)):
            if text_width(text, size, bold=True) + 6 <= part.width:
                middle = part.x + part.width / 2
                y = part.y + part.height / 2 + size * 0.36
                found.append(Text(middle, y, text, f"on-{part.look}", size, "middle", bold=True))
                break
    return found


def spread(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Places for labels near the wanted ones, none closer than ``apart``, in the same order.

    Neighbours that collide become a block around the middle of what they want; if there is not
    enough room for all they stand evenly.
    """
    if not wanted:
        return []
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    apart = min(apart, (high - low) / max(len(wanted) - 1, 1))
    blocks: list[tuple[float, int]] = []  # (sum of what its first wants, how many)
    for index in order:
        total, size = min(max(wanted[index], low), high), 1
        while blocks and blocks[-1][0] / blocks[-1][1] + apart * blocks[-1][1] > total / size:
            before, count = blocks.pop()
            total += before - apart * count * size
            size += count
        blocks.append((total, size))
    placed: list[float] = []
    for total, size in blocks:
        first = total / size
        placed.extend(first + apart * step for step in range(size))
    for step in range(len(placed) - 1, -1, -1):  # up from the lower edge, then down from the upper
        placed[step] = min(placed[step], high - apart * (len(placed) - 1 - step))
    for step in range(len(placed)):
        placed[step] = max(placed[step], low + apart * step)
    result = [0.0] * len(wanted)
    for place, index in zip(placed, order, strict=True):
        result[index] = place
    return result


def checked(size: int) -> float:
    """The width of a picture, or ValueError."""
    if size < LEAST:
        raise ValueError(f"{size} px are too narrow; {LEAST} is the least")
    return float(size)

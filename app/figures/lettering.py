"""Text in a picture: how wide it is, how it is cut and broken, what of it can be drawn at all.

A server knows no fonts, so widths are estimates: those of DejaVu Sans, the widest of what stands
in for ``system-ui``, a little less. Text in a narrower font then only gets more room.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

ELLIPSIS = "…"
_TIGHT = 0.95
_BOLD = 1.13
_EMS = {
    **dict.fromkeys("0123456789", 0.636),
    **dict.fromkeys("ijlI|'", 0.285),
    **dict.fromkeys(" .,:;!·/\\", 0.33),
    **dict.fromkeys('frt()[]-‑"', 0.39),
    **dict.fromkeys("ckszvxyFLJ?", 0.6),
    **dict.fromkeys("mwWM…%@", 0.95),
    **dict.fromkeys("ABCDEGHKNOPQRTUVXYZ", 0.7),
    **dict.fromkeys("−+=→<>±≤≥×", 0.84),
}
# Not to be drawn: they end no line here, and turn the rest of a text around or break the file.
_DROPPED = {"Cc", "Cs", "Co", "Cn"}
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: str) -> str:
    """The text as one line that every XML parser takes and that turns nothing around."""
    kept = (
        " " if char.isspace() else char
        for char in text
        if char.isspace() or (unicodedata.category(char) not in _DROPPED and char not in _TURNING)
    )
    return " ".join("".join(kept).split())


@lru_cache(maxsize=4096)
def _em(char: str) -> float:
    if char in _EMS:
        return _EMS[char]
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.3 if ord(char) > 0x1F000 else 1.02
    return 0.63


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is at most, in px."""
    return sum(map(_em, text)) * size * _TIGHT * (_BOLD if bold else 1)


def cut(text: str, room: float, size: float, bold: bool = False) -> str:
    """As much of the text as there is room for, with an ellipsis if that is not all."""
    if text_width(text, size, bold) <= room:
        return text
    left = room - text_width(ELLIPSIS, size, bold)
    end = 0
    while end < len(text) and text_width(text[end], size, bold) <= left:
        left -= text_width(text[end], size, bold)
        end += 1
    # A joiner or an accent belongs to what would have come after it, or before.
    kept = text[:end].rstrip(" -/·,\u200d")
    return kept + ELLIPSIS


def join_cut(parts: Sequence[str], joint: str, room: float, size: float) -> str:
    """All parts in one line. What is too long is taken from the longest of them, so that what
    tells two lines apart is not what goes."""
    kept = list(parts)
    while (over := text_width(joint.join(kept), size) - room) > 0:
        longest = max(kept, key=lambda part: text_width(part, size))
        if len(longest) < 6:
            return cut(joint.join(kept), room, size)
        place = kept.index(longest)
        others = [text_width(part, size) for part in kept if part is not longest]
        left = text_width(longest, size) - over
        kept[place] = cut(longest, max(left, *others, 0.0) if others else left, size)
        if kept[place] == longest:  # as long as another one
            kept[place] = cut(longest, left, size)
    return joint.join(kept)


def wrap(text: str, room: float, size: float, lines: int, bold: bool = False) -> list[str]:
    """The text in at most so many lines; the last one is cut if more was to come."""
    found: list[str] = []
    rest = text
    while rest and len(found) < lines - 1 and text_width(rest, size, bold) > room:
        end = _break(rest, room, size, bold)
        found.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*found, cut(rest, room, size, bold)] if rest else found


def _break(text: str, room: float, size: float, bold: bool) -> int:
    """Where a line ends: after the last blank, hyphen or slash that fits, else where it is full."""
    used, good, end = 0.0, 0, 0
    for index, char in enumerate(text):
        used += text_width(char, size, bold)
        if char == " ":
            good = index
        if used > room:
            break
        end = index + 1
        if char in "-/·_" and index:
            good = end
    return good or max(end, 1)

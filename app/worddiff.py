"""What differs between two texts, word by word. Pure, and bounded whatever the texts are."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate
from typing import Literal

# Comparisons of two words, or of two lines, before a finer look is given up: about a second.
BUDGET = 3_000_000

Kind = Literal["same", "gone", "new"]
Unit = Literal["word", "line", "text"]

# With the white space before them: words (3.5, don't and 03-07 are one), characters of scripts
# without spaces, marks.
_WORDS = re.compile(
    r"\s*(?:[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W_]+?(?:['’.,:-]?[^\W_])*|[^\w\s]+|_+)(?:\s+\Z)?|\s+\Z"
)
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Part:
    """A run of text that is in both, or in the first alone, or in the second alone."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class WordDiff:
    parts: list[Part]
    unit: Unit  # text: too different or too long, shown one after the other
    gone: int = 0  # words, or lines, that are in the first alone
    new: int = 0  # and in the second alone

    @property
    def sentence(self) -> str:
        n = self.gone + self.new
        if all(part.kind == "same" or part.text.isspace() for part in self.parts):
            return "The words are the same."
        if self.unit == "text":
            return "Too long or too different to be compared: the first text, then the second."
        if n == 0:
            return "The words are the same; punctuation differs."
        differ = f"{self.unit} differs" if n == 1 else f"{self.unit}s differ"
        by_line = " Compared by line, for their length." if self.unit == "line" else ""
        return f"{n:,} {differ}: {self.gone:,} only in A, {self.new:,} only in B.{by_line}"


def diff_words(first: str, second: str) -> WordDiff:
    """From the first to the second. White space is the second's, and no difference by itself."""
    for unit, pattern in _UNITS:
        try:
            return _diff(unit, pattern.findall(first), pattern.findall(second))
        except _TooMuch:
            continue
    return WordDiff([Part("gone", first), Part("new", second)], "text")


_UNITS: tuple[tuple[Unit, re.Pattern[str]], ...] = (("word", _WORDS), ("line", _LINES))


class _TooMuch(Exception):
    """More comparisons than the budget has."""


class _Bounded(SequenceMatcher[str]):
    """difflib's, which counts its comparisons before it makes them.

    ``find_longest_match`` looks, for each element in its part of ``a``, at every place where
    ``b`` has it, and is called again for what is left on both sides of what it found.
    """

    def __init__(self, a: Sequence[str], b: Sequence[str]) -> None:
        super().__init__(None, a, b, autojunk=False)
        places = Counter(b)
        self._work = list(accumulate((1 + places[element] for element in a), initial=0))
        self._left = BUDGET

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        end = len(self._work) - 1 if ahi is None else ahi
        self._left -= self._work[end] - self._work[alo]
        if self._left < 0:
            raise _TooMuch
        return super().find_longest_match(alo, ahi, blo, bhi)


def _diff(unit: Unit, first: list[str], second: list[str]) -> WordDiff:
    a, b = [s.strip() for s in first], [s.strip() for s in second]
    # What both begin and end with needs no search, which is what most of a long text may be.
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    matcher = _Bounded(a[start : len(a) - end], b[start : len(b) - end])
    parts = [Part("same", "".join(second[:start]))]
    gone = new = 0
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        of_first, of_second = first[start + a1 : start + a2], second[start + b1 : start + b2]
        if tag == "equal":
            parts.append(Part("same", "".join(of_second)))
            continue
        new_text = "".join(of_second)
        bare = new_text.lstrip()  # the space before it would be marked, too
        space = new_text.removesuffix(bare) if bare else new_text
        parts += [Part("gone", "".join(of_first)), Part("same", space), Part("new", bare)]
        gone += _count(unit, of_first)
        new += _count(unit, of_second)
    parts.append(Part("same", "".join(second[len(second) - end :])))
    return WordDiff([part for part in parts if part.text], unit, gone, new)


def _common(a: list[str], b: list[str]) -> int:
    """How many elements both begin with."""
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


def _count(unit: Unit, elements: list[str]) -> int:
    return len(elements) if unit == "line" else sum(bool(_LETTER.search(e)) for e in elements)

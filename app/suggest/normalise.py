"""Text made comparable: what is said stays, how it is written goes."""

import re
import unicodedata
from collections.abc import Sequence


def set_of(listed: str) -> frozenset[str]:
    """The words of a list, such as "a an the"."""
    return frozenset(listed.split())


_SAME: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "'’‘ʼ`´′\u00ad\u200b\u200c\u200d\u2060\ufeff\u202f"), None),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    **dict.fromkeys(map(ord, "_“”„«»‹›·•。、「」『』【】《》…"), " "),
    ord("\u2044"): "/",
    ord("&"): " and ",
    # Each a word of its own.
    **{ord(sign): f" {sign} " for sign in "±√×÷≈≠≤≥"},
}
_SPELLED = {"+/-": " ± ", "\\pm": " ± ", "\\sqrt": " √ "}
_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\([^()\s]{1,300}\)")
_LIST_NUMBER = re.compile(r"^[ \t]{0,8}\d{1,2}[.)][ \t]+(?=\S)", re.MULTILINE)
_THOUSANDS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")

# What words are made of: ASCII letters and digits, and all else that is neither ASCII nor space.
_W = r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f\s]"
_TOKEN = re.compile(
    # A word or number; "3.5", "03-07", "9/11" and "10:30" stay whole, also "C++" and "C#".
    rf"(?:(?<!{_W})-(?=[0-9]))?{_W}+(?:(?<=[0-9])[.,:/-](?=[0-9]){_W}+)*(?:[+#]+(?!{_W}))?"
    r"|-(?=\s{0,3}√)"  # a sign of mathematics; other hyphens only join words
    r"|[+=^<>/]"
)
_ARTICLES = set_of("a an the")
_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
         "eleven", "twelve")
    )
}  # fmt: skip
# "Twenty-one" is not 1, nor is "one hundred".
_TENS = set_of("twenty thirty forty fifty sixty seventy eighty ninety hundred thousand")
# Nor are "two thirds" 2, nor "six dozen" 6, nor is "one and a half" 1.
_PARTS = set_of(
    "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh"
    " sevenths eighth eighths ninth ninths tenth tenths dozen score"
)
_SIGNS = {"sqrt": "√"}
SCALES = {
    "hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12,
}  # fmt: skip
# "No one", "one of them": a pronoun.
_BEFORE_PRONOUN = set_of("no any every some this that which each another")
_AFTER_PRONOUN = set_of("of who that which another can could should must might may has")
_JOINED = re.compile(r"(?<![0-9]) | (?![0-9-])")


def words(text: str) -> list[str]:
    """The words, numbers and signs of a text as they are compared."""
    found = _TOKEN.findall(_plain(text))
    last = len(found) - 1
    kept = [t for at, t in enumerate(found) if t not in _ARTICLES or at == last]
    return [_number(kept, at) if t in _NUMBERS else _SIGNS.get(t, t) for at, t in enumerate(kept)]


def normalise(text: str) -> str:
    """A text as it is compared: small letters, plain quotes, no marks, no articles."""
    return " ".join(words(text))


def compact(tokens: Sequence[str]) -> str:
    """Words joined, so that "on-line", "on line" and "online" are the same; numbers stay apart."""
    return _JOINED.sub("", " ".join(tokens))


def _plain(text: str) -> str:
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    if "\n" in text and len(_LIST_NUMBER.findall(text)) > 1:
        text = _LIST_NUMBER.sub("", text)
    for spelled, sign in _SPELLED.items():
        if spelled in text:
            text = text.replace(spelled, sign)
    text = text.translate(_SAME)
    if text.isascii():
        text = text.lower()
    else:
        # Case folding can undo the normal form; what it makes may have to be mapped, too.
        text = unicodedata.normalize("NFKC", text).casefold()
        text = unicodedata.normalize("NFKC", text).translate(_SAME)
    if "," in text:
        text = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    return text


def _number(tokens: Sequence[str], at: int) -> str:
    """A number word as a digit, unless it is part of another one or a pronoun."""
    before = tokens[at - 1] if at else ""
    after = tokens[at + 1] if at + 1 < len(tokens) else ""
    if before in _TENS or after in SCALES or after in _PARTS:
        return tokens[at]
    if before == "and" and at > 1 and tokens[at - 2] in _TENS:  # one hundred and one
        return tokens[at]
    if after == "and" and at + 2 < len(tokens) and tokens[at + 2] in _PARTS:
        return tokens[at]
    if tokens[at] == "one" and (before in _BEFORE_PRONOUN or after in _AFTER_PRONOUN):
        return tokens[at]
    return _NUMBERS[tokens[at]]

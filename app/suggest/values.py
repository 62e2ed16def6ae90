"""Numbers, dates and choices in an answer, each in one way of writing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.suggest.normalise import SCALES, set_of


class Kind(StrEnum):
    number = "number"
    date = "date"
    choice = "choice"
    text = "text"


@dataclass(frozen=True, slots=True)
class Value:
    """One value as it is compared, and the words it stands in: ``first`` to before ``end``."""

    same: str
    first: int
    end: int


_NUMBER = re.compile(r"(-?)0*([0-9]+)(?:\.([0-9]*?)0*)?")
_MONTHS = {
    name[:length]: number
    for number, name in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september",
         "october", "november", "december"),
        start=1,
    )
    for length in (3, len(name))
} | {"sept": 9}  # fmt: skip
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DATE = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,2})(?:\2([0-9]{1,4}))?")
_DAY = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th)?")
_YEAR = re.compile(r"[0-9]{4}")
_STATED = re.compile(r"\b(dd|mm|yyyy)([-/.])(dd|mm)(?:\2(dd|yyyy))?\b(?![-/.]y)", re.IGNORECASE)
_YES_NO = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}
_LETTERS = frozenset("abcdefgh")
# "No one knows", "no comment", "no doubt": these say neither yes nor no.
_NO_CHOICE = set_of("one answer comment doubt way idea clue information data")


def number(token: str) -> str:
    """A number without what does not count, such as "7" for "007.0"; empty: it is none."""
    match = _NUMBER.fullmatch(token)
    if match is None:
        return ""
    sign, whole, rest = match.groups()
    found = f"{whole}.{rest}" if rest else whole
    return found if found == "0" else sign + found


def numbers(tokens: Sequence[str]) -> list[Value]:
    """All numbers, among them those with letters or other numbers in one word, as they stand."""
    found = []
    for at, token in enumerate(tokens):
        if not ("0" <= token[-1] <= "9" or "0" <= token.lstrip("-")[:1] <= "9"):
            continue
        same, end = number(token) or token, at + 1
        if end < len(tokens) and tokens[end] in SCALES:
            same, end = _scaled(same, SCALES[tokens[end]]), end + 1
        if _has_sign(tokens, at) and (signed := number(f"-{same}")):
            found.append(Value(signed, at - 1, end))
        else:
            found.append(Value(same, at, end))
    return found


def _has_sign(tokens: Sequence[str], at: int) -> bool:
    """Whether the sign of a number is a word before it, and does not take it from another."""
    if not at or tokens[at - 1] not in ("minus", "negative"):
        return False
    return at == 1 or (len(tokens[at - 2]) > 1 and not number(tokens[at - 2]))


def stated_order(text: str) -> str:
    """The order of day, month and year that a text asks for, such as "dm"; empty: none."""
    match = _STATED.search(text)
    order = "".join(part[0].lower() for part in match.groups() if part and part.isalpha()) \
        if match else ""  # fmt: skip
    return order if len(set(order)) == len(order) and {"d", "m"} <= set(order) else ""


def dates(tokens: Sequence[str], order: str) -> list[Value]:
    """All dates, ISO: in digits only in the stated order, and those that name their month.

    The year counts where the order has one, or where no order is stated.
    """
    found = []
    for at, token in enumerate(tokens):
        if token in _MONTHS:
            value = _named(tokens, at, order)
        elif order and "0" <= token[0] <= "9":
            value = _in_digits(token, at, order)
        else:
            continue
        if value is not None:
            found.append(value)
    return found


def is_choice(token: str) -> bool:
    return token in _YES_NO or token in _LETTERS


def choices(tokens: Sequence[str]) -> list[Value]:
    """The choice an answer begins with, or that is called its answer."""
    found = [0] if tokens and is_choice(tokens[0]) else []
    if tokens[:1] == ["no"] and not _NO_CHOICE.isdisjoint(tokens[1:2]):
        found = []
    for at, token in enumerate(tokens[:-1]):
        if token == "answer":  # noqa: S105 - a word
            said = at + 2 if tokens[at + 1] in ("is", "=") else at + 1
            if said < len(tokens) and is_choice(tokens[said]):
                found.append(said)
    return [Value(choice(tokens[at]), at, at + 1) for at in found]


def choice(token: str) -> str:
    return _YES_NO.get(token, token)


def _scaled(same: str, zeros: int) -> str:
    whole, _, rest = same.partition(".")
    if not number(same) or len(rest) > zeros:
        return f"{same}e{zeros}"
    return number(whole + rest.ljust(zeros, "0"))


def _in_digits(token: str, at: int, order: str) -> Value | None:
    match = _DATE.fullmatch(token)
    if match is None:
        return None
    parts = [part for part in (match[1], match[3], match[4]) if part]
    if len(order) == 2 and len(parts) == 3:
        order += "y"  # more than was asked
        with_year = False
    else:
        with_year = True
    if len(parts) != len(order):
        return None
    of = dict(zip(order, parts, strict=True))
    if "y" in of and not _YEAR.fullmatch(of["y"]):
        return None
    return _value(of["d"], int(of["m"]), of.get("y", "") if with_year else "", at, at + 1)


def _named(tokens: Sequence[str], at: int, order: str) -> Value | None:
    """The date around the name of a month: "7 March 2001", "March 7", "7th of March"."""
    first, end = at, at + 1
    before = at - 2 if at > 1 and tokens[at - 1] == "of" else at - 1
    day = _DAY.fullmatch(tokens[before]) if before >= 0 else None
    if day:
        first = before
    else:
        day = _DAY.fullmatch(tokens[end]) if end < len(tokens) else None
        end += 1
    if day is None:
        return None
    year = tokens[end] if end < len(tokens) and _YEAR.fullmatch(tokens[end]) else ""
    end += bool(year)
    if order and "y" not in order:
        year = ""
    elif "y" in order and not year:
        return None
    return _value(day[1], _MONTHS[tokens[at]], year, first, end)


def _value(day: str, month: int, year: str, first: int, end: int) -> Value | None:
    if not (1 <= month <= 12 and len(day) <= 2 and 1 <= int(day) <= _DAYS[month - 1]):
        return None
    return Value(f"{year or '-'}-{month:02}-{int(day):02}", first, end)

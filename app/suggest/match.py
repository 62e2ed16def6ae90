"""Whether an answer agrees with the references of its question."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice

from app.suggest.normalise import compact, normalise, set_of, words
from app.suggest.values import Kind, Value, choices, dates, is_choice, number, numbers, stated_order

NEAR = 6  # words on either side of a reference among which a "not" or an "or" takes it back
LONGEST = 300  # characters of a reference that is looked for inside of answers
MOST = 20  # references that are
DIGITS = 25  # of numbers that are compared as numbers: more are no measurement

_ASKS_NUMBER = re.compile(r"\b(?:number|digits?|integer|numeral)\b", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow many\b", re.IGNORECASE)
_RANGE = re.compile(
    r"(?:between\s+)?(-?[\d.,]+)\s*(?:–|\.\.\.?|\bto\b|\band\b)\s*(-?[\d.,]+)", re.IGNORECASE
)
_TAKES_BACK = set_of(
    "not no never neither nor or cannot isnt wasnt arent werent doesnt didnt dont wont cant couldnt"
    " wouldnt incorrect wrong false instead rather except unlikely without versus vs than"
    " between aint hardly nope doubt"
)
_VERY = set_of("so too very quite really entirely completely totally fully absolutely")


@dataclass(frozen=True)
class Question:
    """What is known of a question: the kind of answer it wants, and which are right."""

    kind: Kind
    order: str  # of day and month, where dates are asked for
    closed: bool  # a short answer of that kind is either among the references or wrong
    written: dict[str, str] = field(default_factory=dict)  # references by how they are compared
    values: frozenset[str] = frozenset()
    decimals: tuple[str, ...] = ()  # references with a fraction, right to their last figure
    ranges: tuple[tuple[Decimal, Decimal], ...] = ()
    shares: frozenset[str] = frozenset()  # the same, where 0.5 and 50% may be
    asked: str = ""  # the question itself, normalised

    @classmethod
    def of(cls, references: Sequence[str], answer_format: str, text: str) -> "Question":
        """``text`` is the prompt as published, which may state the format as well."""
        order = stated_order(answer_format) or stated_order(text)
        tokens = [words(reference) for reference in references]
        given = list(zip(references, tokens, strict=True))
        kind = _kind(given, order)
        if not references and kind is Kind.text:
            asks = _ASKS_NUMBER.search(answer_format) or _HOW_MANY.search(text)
            kind = Kind.number if asks else Kind.text
        values = {same for said in tokens if (same := _whole(said, kind, order))}
        exact = [said[0] for said in tokens if len(said) == 1]  # 9.80 is 9.8, to two places
        ranges = [_range(reference) for reference in references] if kind is Kind.number else []
        return cls(
            kind,
            order,
            closed=bool(references) and kind is not Kind.text,
            written={compact(said): shown for shown, said in given if said},
            values=frozenset(values),
            decimals=tuple(v for v in exact if kind is Kind.number and "." in v and number(v)),
            ranges=tuple(r for r in ranges if r),
            shares=frozenset(_shares(references, values)) if kind is Kind.number else frozenset(),
            asked=normalise(text[:2_000]),
        )

    def find(self, said: Sequence[str]) -> list[Value]:
        """The values of the asked kind, in their order; for texts, the references."""
        match self.kind:
            case Kind.number:
                return numbers(said)
            case Kind.date:
                return dates(said, self.order)
            case Kind.choice:
                return choices(said)
        return _places(said, self.written)

    def whole(self, said: Sequence[str]) -> str:
        """The value that is all an answer says; empty: it says more, or something else."""
        return _whole(said, self.kind, self.order)

    def is_wrong(self, same: str) -> bool:
        """Whether a value is of the kind that was asked for, and none of the references."""
        if not self.closed or self.accepts(same):
            return False
        match self.kind:
            case Kind.number:
                return number(same) == same and same not in self.shares
            case Kind.date:  # the day of a reference without its year is not all, and not wrong
                return not any(value[-6:] == same[1:] for value in self.values)
            case Kind.choice:
                return any(
                    len(same) == 1 == len(value) or {same, value} == {"yes", "no"}
                    for value in self.values
                )
        return True

    def accepts(self, same: str) -> bool:
        """Whether a value is right."""
        if same in self.values or (self.kind is Kind.text and same in self.written):
            return True
        if self.kind is Kind.date and f"--{same[-5:]}" in self.values:  # and its year, unasked
            return True
        is_number = self.kind is Kind.number and same and number(same) == same
        if not is_number or len(same) > DIGITS:
            return False
        if any(low <= Decimal(same) <= high for low, high in self.ranges):
            return True
        return any(_rounds_to(same, reference) for reference in self.decimals)


def taken_back(said: Sequence[str], value: Value, others: Sequence[Value]) -> bool:
    """A negation, an "or" or another candidate (of ``others``) stands near."""
    low, high = value.first - NEAR, value.end + NEAR
    if any(low <= other.first < high for other in others):
        return True
    near = range(max(low, 0), min(high, len(said)))
    return any(
        said[at] in _TAKES_BACK
        for at in near
        if not value.first <= at < value.end and not _only_unsure(said, at)
    )


def _only_unsure(said: Sequence[str], at: int) -> bool:
    """ "Not sure" and "not entirely certain" hedge what they stand near, and do not deny it."""
    if said[at] != "not" or at + 1 == len(said):
        return False
    return said[at + 2 if said[at + 1] in _VERY else at + 1 :][:1] in (["sure"], ["certain"])


def _kind(references: Sequence[tuple[str, list[str]]], order: str) -> Kind:
    if order:
        dated = all(_whole(said, Kind.date, order) for _, said in references)
        return Kind.date if dated else Kind.text
    if not references:
        return Kind.text
    if all(_whole(said, Kind.number, "") or _range(shown) for shown, said in references):
        return Kind.number
    if all(len(said) == 1 and is_choice(said[0]) for _, said in references):
        return Kind.choice
    if all(_whole(said, Kind.date, "") for _, said in references):
        return Kind.date
    return Kind.text


def _whole(said: Sequence[str], kind: Kind, order: str) -> str:
    if not said or len(said) > 4:
        return ""
    match kind:
        case Kind.number:
            found = [v for v in numbers(said) if number(v.same) == v.same]
        case Kind.date:
            found = dates(said, order)
        case Kind.choice:
            found = choices(said)
        case Kind.text:
            return ""
    is_all = len(found) == 1 and (found[0].first, found[0].end) == (0, len(said))
    return found[0].same if is_all else ""


def _range(reference: str) -> tuple[Decimal, Decimal] | None:
    """The range that a reference gives: "10–20", "10..20", "10 to 20", "between 10 and 20"."""
    match = _RANGE.fullmatch(reference.strip()[:LONGEST])
    if match is None:
        return None
    ends = [number(normalise(end)) for end in match.groups()]
    if not all(ends) or max(map(len, ends)) > DIGITS:
        return None
    low, high = map(Decimal, ends)
    return (low, high) if low < high else None


def _shares(references: Sequence[str], values: Iterable[str]) -> Iterator[str]:
    """Of references in percent their fractions, of fractions what they are in percent."""
    in_percent = any("%" in reference for reference in references)
    for value in values:
        if number(value) == value and len(value) <= DIGITS:
            exact = Decimal(value)
            if in_percent:
                yield number(f"{exact / 100:f}")
            elif 0 < exact < 1:
                yield number(f"{exact * 100:f}")


def _rounds_to(same: str, reference: str) -> bool:
    """Whether a number is the reference, with figures beyond its last."""
    if len(reference) > DIGITS or len(same) <= len(reference):
        return False
    step = Decimal(1).scaleb(-len(reference.partition(".")[2]))
    return Decimal(same).quantize(step, ROUND_HALF_UP) == Decimal(reference)


def _places(said: Sequence[str], written: dict[str, str]) -> list[Value]:
    """Where references stand in a text, as whole words."""
    if not written:
        return []
    starts, ends, pieces = {}, {}, []
    length = 0
    for at, token in enumerate(said):
        apart = (
            at and "0" <= said[at - 1][-1] <= "9" and (token[0] == "-" or "0" <= token[0] <= "9")
        )
        if apart:
            pieces.append(" ")
            length += 1
        starts[length] = at
        pieces.append(token)
        length += len(token)
        ends[length] = at + 1
    joined = "".join(pieces)
    found = []
    for same in islice(written, MOST):
        if len(same) > LONGEST:
            continue
        at = joined.find(same)
        while at >= 0:
            if at in starts and at + len(same) in ends:
                found.append(Value(same, starts[at], ends[at + len(same)]))
            at = joined.find(same, at + 1)
    return sorted(found, key=lambda value: value.first)

"""The gist of an answer: its short form, and the label that rules propose for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.suggest import abstain
from app.suggest.extract import SHORT, called_answer, cut, end_of_sentence, first_line, marked, tidy
from app.suggest.match import NEAR, Question, taken_back
from app.suggest.normalise import compact, set_of, words
from app.suggest.values import Kind, Value, choice, is_choice, number

METHOD = "rules/2"  # to be counted up when the same text may get another gist

LOOK = 500  # characters that are looked at from either end of a long text
SHORT_WORDS = 15  # of an answer that is short enough to be wrong as a whole
VALUE_WORDS = 40  # of an answer whose only value is its answer
KEY = 120  # characters of a key

Suggested = Literal["correct", "hallucinated", "abstained"]
Strength = Literal["strong", "weak", ""]

_ABOUT = set_of(
    "about around approximately roughly nearly almost over under least most more less some"
)


@dataclass(frozen=True, slots=True)
class Gist:
    """``key`` is the same for equal short answers, and empty where there is none to compare."""

    short: str = ""  # what a chip shows, at most SHORT characters
    key: str = ""
    suggested: Suggested | None = None
    strength: Strength = ""
    reason: str = ""  # which rule
    hedged: bool = False  # it commits to an answer and says that it may be wrong


@dataclass(frozen=True, slots=True)
class _Read:
    """A text taken apart."""

    look: str
    said: list[str]  # its words
    bare: list[str]  # without an "Answer:" before them
    joined: str
    found: list[Value]  # values of the asked kind, or references
    gives_up: bool  # somewhere it says that it does not know
    unsure: bool  # or that it is not sure


@dataclass(frozen=True, slots=True)
class _Verdict:
    suggested: Suggested | None = None
    strength: Strength = ""
    reason: str = ""
    value: Value | None = None  # which it rests on, in a longer text


def gist(text: str, question: Question) -> Gist:
    """Read an answer by rules. A text of any length takes about the same time."""
    text = text.strip()
    if not text:
        return Gist()
    look = text if len(text) <= 2 * LOOK else _ends(text)
    said = words(look)
    joined = " ".join(said)
    read = _Read(
        look,
        said,
        _without_label(said),
        joined,
        question.find(said),
        abstain.gives_up(joined),
        abstain.is_unsure(joined),
    )
    called = called_answer(look) if len(read.said) > 1 else ""
    mark = called or (marked(look, question.asked) if len(read.said) > 1 else "")
    verdict = _whole(read, question) or _inside(read, question, called, mark)
    short, key = _short(text, read, question, verdict, mark)
    hedged = verdict.suggested != "abstained" and len(read.said) > 1 and abstain.hedges(read.joined)
    return Gist(short, key[:KEY], verdict.suggested, verdict.strength, verdict.reason, hedged)


def _ends(text: str) -> str:
    """Beginning and end of a long text, without the words that are cut in two."""
    head, tail = text[:LOOK].rsplit(None, 1)[:-1], text[-LOOK:].split(None, 1)[1:]
    return "\n\n".join(head + tail)


def _without_label(said: list[str]) -> list[str]:
    start = 1 if said[:1] == ["final"] and said[1:2] == ["answer"] else 0
    is_label = said[start : start + 1] == ["answer"] and said[start + 1 : start + 2] != ["is"]
    return said[start + 1 :] if is_label and len(said) > start + 1 else said


def _whole(read: _Read, question: Question) -> _Verdict | None:
    """The verdict on an answer that is nothing but a reference, a value or an "I don't know"."""
    same = question.whole(read.bare)
    if (same and question.accepts(same)) or compact(read.bare) in question.written:
        return _Verdict("correct", "strong", "The whole answer is a reference.")
    if abstain.only_abstains(" ".join(read.bare)):
        return _Verdict("abstained", "strong", "The whole answer says that it does not know.")
    if same and question.is_wrong(same):
        reason = f"The whole answer is a {question.kind} that is not among the references."
        return _Verdict("hallucinated", "strong", reason)
    return None


def _inside(read: _Read, question: Question, called: str, mark: str) -> _Verdict:
    """The verdict on an answer that says more."""
    found, kind = read.found, question.kind
    if read.gives_up and found:
        what = "a reference" if kind is Kind.text else f"a {kind}"
        return _Verdict(reason=f"It says that it does not know, and names {what}: look at it.")
    if not found:
        if not read.gives_up and not read.unsure:
            return _Verdict()
        # Of an open question nobody can tell whether a guess follows.
        if kind is Kind.text and abstain.guesses(read.joined):
            return _Verdict(reason="It says that it does not know, and may guess: look at it.")
        return _Verdict("abstained", "weak", "It says somewhere that it does not know.")
    right = [value for value in found if question.accepts(value.same)]
    if right:
        if mark and question.accepts(question.whole(words(mark))):
            return _Verdict("correct", "weak", "What it marks as its answer is a reference.",
                            right[-1])  # fmt: skip
        if called and not any(question.accepts(v.same) for v in question.find(words(called))):
            return _Verdict(reason="What it calls its answer is no reference: look at it.")
        last = found[-1]
        if question.accepts(last.same) and not _taken_back(read, question, last):
            return _Verdict("correct", "weak", "A reference stands in the text.", last)
        reason = "A reference stands beside a denial, an alternative or another value: look at it."
        return _Verdict(reason=reason)
    value = _only_value(read, question)
    if value and question.is_wrong(value.same) and len(read.said) <= SHORT_WORDS:
        reason = f"A short answer whose only {kind} is not among the references."
        return _Verdict("hallucinated", "weak", reason, value)
    return _Verdict()


def _taken_back(read: _Read, question: Question, value: Value) -> bool:
    found = read.found
    if question.kind is Kind.choice:
        if len({other.same for other in found}) > 1:
            return True
        if value.same in ("yes", "no"):
            # "No, it does not" is a choice, and denies nothing; "yes and no" is none.
            near = map(choice, read.said[max(value.first - NEAR, 0) : value.end + NEAR])
            return {"yes", "no"} <= set(near)
        found = [Value(it, at, at + 1) for at, it in enumerate(read.said) if is_choice(it)]
    others = [v for v in found if v.same != value.same and not question.accepts(v.same)]
    return taken_back(read.said, value, others)


def _short(
    text: str, read: _Read, question: Question, verdict: _Verdict, mark: str
) -> tuple[str, str]:
    """The short answer, and the key by which equal ones are found."""
    if verdict.suggested == "abstained" and verdict.strength == "strong":
        return "IDK", "idk"
    if verdict.strength == "strong":
        return tidy(text), question.whole(read.bare) or compact(read.bare)
    if value := _value(read, question, verdict, mark):
        if question.kind is Kind.text:
            return cut(tidy(question.written[value.same])), value.same
        return _shown(read.said[value.first : value.end]), value.same
    commits = verdict.suggested is None and not read.gives_up and not read.unsure
    if commits and (found := mark or end_of_sentence(text)):
        return found, compact(words(found))
    if len(text) <= SHORT and "\n" not in text:
        return tidy(text), compact(read.bare)
    return first_line(text), ""


def _value(read: _Read, question: Question, verdict: _Verdict, mark: str) -> Value | None:
    """The one value that an answer gives, if it is clear which."""
    if verdict.value is not None:
        return verdict.value
    if question.kind is Kind.text:
        return None
    if mark and (same := question.whole(words(mark))):
        return next((v for v in reversed(read.found) if v.same == same), None)
    return _only_value(read, question)


def _only_value(read: _Read, question: Question) -> Value | None:
    """The only value in a text of moderate length, unless it is denied or only about right."""
    if len({v.same for v in read.found}) != 1 or len(read.said) > VALUE_WORDS:
        return None
    value = read.found[-1]
    if question.kind is Kind.number:
        exact = number(value.same) == value.same and _ABOUT.isdisjoint(read.said)
    else:
        exact = True
    return value if exact and not _taken_back(read, question, value) else None


def _shown(said: Sequence[str]) -> str:
    return cut(" ".join(word.capitalize() if word.isalpha() else word for word in said))

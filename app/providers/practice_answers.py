"""What the practice models say: pure functions of the message and a hash.

``base`` is the same for all repeats of a call and ``draw`` differs, so that an invented answer
can step on from repeat to repeat and never says the same thing twice in a row.
"""

import re
from dataclasses import dataclass

from app.providers.base import Call

_COUNT = re.compile(
    r"how many\s+[\"'“‘]?(\w)[\"'”’]?['’]?s\s+are\s+(?:there\s+)?in\s+[\"'“‘]?(\w+)", re.I
)
_FORCED = re.compile(r"do not say that you do(?:n['’]t| not) know", re.I)
_SAYS_IDK = re.compile(r"\bi do(?:n['’]t| not) know\b", re.I)
_WAY_OUT = re.compile(
    r"\bi do(?:n['’]t| not) know\b|\bif you (?:do not |don['’]t )?know\b"
    r"|\bif you are (?:not sure|unsure)"
    r"|\bif (?:un|not )sure\b|\bsay (?:so|that you do)|\bunknown\b",
    re.I,
)

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TITLES = (
    "Boosting, Sampling and Other Topics in Computational Learning",
    "Algebraic Methods in Interactive Learning",
    "Efficient Algorithms for Learning in Games",
    "On the Geometry of Noisy Hypotheses",
    "Randomised Approaches to Sequential Prediction",
    "Learning from Few Examples: Theory and Practice",
    "Approximation and Inference in Large Graphs",
)
_NAMES = (
    "Margaret Ellison", "Tomas Verhoeven", "Ines Calderón", "Robert Whitcombe",
    "Anneliese Brandt", "Daniel Okafor", "Hiroshi Tanabe",
)  # fmt: skip
_SENTENCES = (
    "It was first described in a report of the Geneva commission.",
    "It is generally attributed to the northern school of the period.",
    "The accepted value is slightly above the earlier estimate.",
    "It follows from the second of the two classical theorems.",
    "The original was kept in Leiden until the archive moved.",
    "It was decided by a narrow vote after a long debate.",
    "Most sources place it in the late spring of that season.",
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What one practice model says to one call."""

    text: str
    thinking: str = ""
    cut: bool = False


def reply(call: Call, base: bytes, draw: bytes, *, thinks: bool) -> Reply:
    message = f"{call.user}\n{call.system}"
    answer = {"bluffer": _bluffer, "honest": _honest, "thinker": _thinker, "flaky": _flaky}[
        call.model
    ](message, call.repeat, base, draw, thinks)
    if not thinks:
        return answer
    return Reply(answer.text, _thoughts(message, answer.text), answer.cut)


def refusals(draw: bytes) -> int:
    """How many attempts of this flaky draw get a 429 before one goes through."""
    return 1 + draw[3] % 2 if draw[1] % 10 in (5, 6, 9) else 0


def counted(message: str) -> int | None:
    """The true answer to "How many Xs are in WORD", if that was asked."""
    match = _COUNT.search(message)
    return match[2].lower().count(match[1].lower()) if match else None


def may_abstain(message: str) -> bool:
    return bool(_WAY_OUT.search(message)) and not _FORCED.search(message)


def allows_idk(message: str) -> bool:
    """The message names "I don't know" itself as an answer."""
    return bool(_SAYS_IDK.search(message)) and not _FORCED.search(message)


def invent(message: str, repeat: int, base: bytes) -> str:
    """A made-up answer in the form that was asked for, another one at each repeat."""
    step = int.from_bytes(base[:4]) + repeat
    asked = message.lower()
    if "dd-mm" in asked:
        return _date(step * 97 % 365)
    if counted(message) is not None or "number" in asked or "how many" in asked:
        return str(2 + step % 6)
    if any(word in asked for word in ("dissertation", "thesis", "title")):
        return f"{_TITLES[step % len(_TITLES)]} ({1998 + step % 11})"
    if "year" in asked or re.search(r"\bwhen\b", asked):
        return str(1801 + step * 53 % 200)
    if re.search(r"\bwho\b|\bname\b", asked):
        return f"{_NAMES[step % len(_NAMES)]}."
    return _SENTENCES[step % len(_SENTENCES)]


def _date(day: int) -> str:
    for month, days in enumerate(_MONTH_DAYS, start=1):
        if day < days:
            return f"{day + 1:02}-{month:02}"
        day -= days
    raise ValueError(day)


def _idk(message: str) -> str:
    exactly = re.search(r"exactly:? [\"“']?I don['’]t know", message, re.I)
    return "I don't know" if exactly else "I don't know."


def _bluffer(message: str, repeat: int, base: bytes, draw: bytes, thinks: bool) -> Reply:
    if thinks and allows_idk(message) and draw[1] % 3 == 0:
        return Reply(_idk(message))
    return Reply(invent(message, repeat, base))


def _honest(message: str, repeat: int, base: bytes, draw: bytes, thinks: bool) -> Reply:
    true = counted(message)
    if true is not None:
        return Reply(str(true))
    if _FORCED.search(message):
        return Reply(invent(message, repeat, base))
    if may_abstain(message) or draw[1] % 3 != 0:
        return Reply(_idk(message))
    return Reply(invent(message, repeat, base))


def _thinker(message: str, repeat: int, base: bytes, draw: bytes, thinks: bool) -> Reply:
    true = counted(message)
    if true is not None:
        return Reply(str(true) if thinks else str(2 + (base[1] + repeat) % 2))
    if thinks and may_abstain(message):
        return Reply(_idk(message))
    return Reply(invent(message, repeat, base))


def _flaky(message: str, repeat: int, base: bytes, draw: bytes, thinks: bool) -> Reply:
    if draw[1] % 10 == 7:
        return Reply("")
    good = _honest(message, repeat, base, draw, thinks)
    if draw[1] % 10 == 8:
        return Reply(good.text[: len(good.text) // 2], cut=True)
    return good


def _thoughts(message: str, answer: str) -> str:
    """Thinking text that fits the answer."""
    opening = "(Practice thinking, simulated.)"
    match = _COUNT.search(message)
    if match and answer.isdigit():
        letters = ", ".join(match[2].upper())
        return (
            f"{opening} I go letter by letter: {letters}. I count {answer} of {match[1].upper()}."
        )
    if answer.startswith("I don't know"):
        return f"{opening} I look for a source and find none. A guess would only sound certain."
    return f"{opening} I have no source for this, but an answer is wanted, so I pick one."

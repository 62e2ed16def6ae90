"""What an answer shows of thinking, and whether that is what was asked for."""

from enum import StrEnum

from app.providers.base import Completion
from app.providers.thinking import Thinking, ThinkingKind


class Thought(StrEnum):
    """Whether the model thought, as far as its answer shows."""

    yes = "yes"
    no = "no"
    unclear = "unclear"


class Evidence(StrEnum):
    """What :class:`Thought` is read from, the strongest first."""

    text = "text"  # thinking text came
    withheld = "withheld"  # thinking came, its text did not
    tokens = "tokens"  # a count of thinking tokens
    billed = "billed"  # how much output was billed, against the text that came
    time = "time"  # how long nothing came: weak
    nothing = "nothing"


FRAMING_TOKENS = 16  # ends of turns and the like, billed beside the text
BYTES_A_TOKEN = 4  # of English; other languages have fewer, and then nothing is concluded
PAUSE_MS = 5_000  # nothing at all for so long: it may have thought, or queued, or loaded


def observe(seen: Completion) -> tuple[Thought, Evidence]:
    """Whether the model thought, and what says so.

    Where an API counts no thinking (or says 0), what it bills tells: a token is at least one byte
    of text, so with more tokens than bytes something was written that is not shown; and with so
    few tokens that the text alone explains them, nothing was.
    """
    if seen.thinking_text:
        return Thought.yes, Evidence.text
    if seen.thinking_kind is not ThinkingKind.none:
        return Thought.yes, Evidence.tokens if seen.reasoning_tokens else Evidence.withheld
    if seen.reasoning_tokens:
        return Thought.yes, Evidence.tokens
    size = len(seen.text.encode("utf-8", "surrogatepass"))
    if seen.output_tokens is not None:
        margin = FRAMING_TOKENS if seen.reasoning_tokens is None else 4 * FRAMING_TOKENS
        if seen.output_tokens > size + margin:
            return Thought.yes, Evidence.billed
    if seen.reasoning_tokens is not None:
        return Thought.no, Evidence.tokens
    if seen.output_tokens is not None and (
        seen.output_tokens <= size / BYTES_A_TOKEN + FRAMING_TOKENS
    ):
        return Thought.no, Evidence.billed
    if seen.first_token_ms is not None:
        quick = seen.first_token_ms < PAUSE_MS
        return Thought.no if quick else Thought.unclear, Evidence.time
    return Thought.unclear, Evidence.nothing


_SIGNS = {
    Evidence.text: "thinking text came back",
    Evidence.withheld: "thinking came back whose text is withheld",
    Evidence.tokens: "thinking tokens were counted",
    Evidence.billed: "more output was billed than its text can hold",
}


def mismatch(
    asked: Thinking, thought: Thought | None, evidence: Evidence | None, *, adaptive: bool = False
) -> str:
    """A sentence when what was asked and what was seen of thinking do not fit, else empty.

    The time until the first token is too weak a sign to accuse anybody. A model that may decide
    for itself (``adaptive``, or a minimal effort) does what was asked also when it does not think.
    """
    if evidence is None or evidence is Evidence.time:
        return ""
    if asked is Thinking.off and thought is Thought.yes:
        return f"Thinking was to be off, and {_SIGNS[evidence]}."
    may = adaptive or asked in (Thinking.default, Thinking.off, Thinking.minimal)
    if thought is Thought.no and not may:
        return "Thinking was asked for, and the answer shows no sign of it."
    return ""

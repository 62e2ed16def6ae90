"""From a prompt and a wording to the exact messages that are sent. Pure.

A message is question + opt-out + format. Only the opt-out differs between wordings, so that a
difference in the answers can be put down to it.
"""

import re
from dataclasses import dataclass

from app.tables import Placement, Prompt, Wording, WordingMode

_OWN_OPT_OUT = re.compile(r"\bif you (?:know|are sure|can)\b|\bdon['’]t know\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """The whole conversation of one call: one system text (may be empty), one user text."""

    user: str
    system: str


def compose(prompt: Prompt, wording: Wording, system_prompt: str = "") -> Message:
    """Build the messages of one call."""
    if wording.mode is WordingMode.published:
        return Message(prompt.text, system_prompt)
    opt_out = opt_out_text(wording)
    question = prompt.question or prompt.text
    answer_format = (
        _with_room(prompt.answer_format) if wording.may_abstain else prompt.answer_format
    )
    system = system_prompt
    match wording.placement:
        case Placement.end:
            parts = [question, opt_out, answer_format]
        case Placement.start:
            parts = [opt_out, question, answer_format]
        case Placement.system:
            parts = [question, answer_format]
            system = "\n\n".join(filter(None, [system_prompt, opt_out]))
    joiner = "\n\n" if wording.blank_line else " "
    return Message(joiner.join(filter(None, parts)), system)


def opt_out_text(wording: Wording) -> str:
    """The wording's text with ``{percent}`` and ``{penalty}`` computed from its target t."""
    if wording.target is None:
        return wording.opt_out
    percent = f"{100 * wording.target:.4g}"
    return wording.opt_out.replace("{percent}", percent).replace(
        "{penalty}", f"{round(penalty(wording.target), 2):g}"
    )


def penalty(target: float) -> float:
    """Points lost by a wrong answer at confidence target t: t/(1−t), Kalai et al. 2025 §4.2.

    With 1 point for a correct answer and 0 for "I don't know", answering then pays exactly when
    the chance of being right is above t. (The paper's v1 prints 2 for t = 0.75; it is 3.)
    """
    if not 0 <= target < 1:
        raise ValueError("a confidence target is at least 0 and below 1")
    return target / (1 - target)


def gives_its_own_way_out(prompt: Prompt) -> bool:
    """Whether a prompt meant to stay silent on abstention seems to offer it in its own words."""
    return bool(_OWN_OPT_OUT.search(f"{prompt.question or prompt.text} {prompt.answer_format}"))


def _with_room(answer_format: str) -> str:
    """A format such as "just the number" forbids abstaining unless it says otherwise."""
    if not answer_format:
        return ""
    return answer_format.rstrip().rstrip(".") + ", or exactly: I don't know."

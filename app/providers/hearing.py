"""What may be shown of an answer while it comes: text of the answer only, and no key in it."""

from collections.abc import Callable, Sequence

from app.providers.base import Call, Heard, ThinkingRule
from app.providers.masking import mask_exact
from app.providers.thinking import Shape, Thinking

SHORTEST = 16  # as in what is stored: a shorter secret may be an ordinary word


def may_think(call: Call | None, rule_of: Callable[[str], ThinkingRule]) -> bool:
    """Whether thinking may come unasked or as asked, as far as is known before the call."""
    if call is None:
        return True
    return call.thinking is not Thinking.off and rule_of(call.model).shape is not Shape.never


def discreet(heard: Heard, secrets: Sequence[str]) -> Heard:
    """``heard`` without secrets, which a server may echo cut anywhere.

    What may be the beginning of one is held back until the next piece tells.
    """
    known = [secret for secret in secrets if len(secret) >= SHORTEST]
    if not known:
        return heard
    held = ""

    def take(piece: str) -> None:
        nonlocal held
        text = held + piece if held else piece
        for secret in known:
            if secret in text:
                text = mask_exact(text, known, shortest=SHORTEST)
        keep = max(_begun(text, secret) for secret in known)
        held = text[len(text) - keep :]
        if shown := text[: len(text) - keep]:
            heard(shown)

    return take


def _begun(text: str, secret: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``secret``."""
    at = text.find(secret[0], max(0, len(text) - len(secret) + 1))
    while at >= 0:
        if secret.startswith(text[at:]):
            return len(text) - at
        at = text.find(secret[0], at + 1)
    return 0

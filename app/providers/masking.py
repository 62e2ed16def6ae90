"""Keeps API keys out of messages and answers, even when a server echoes them."""

import re
from collections.abc import Iterable

MAX_MESSAGE = 500

_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf)[-_][\w*.-]{6,}|\bAIza[\w-]{10,}")
_BEARER = re.compile(r"(?i)\bbearer\s+[\w.*+/=-]{4,}")


def mask_exact(text: str, secrets: Iterable[str], *, shortest: int = 4) -> str:
    """``text`` without the given secrets. A short one ("test") may be an ordinary word."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= shortest:
            text = text.replace(secret, "[key]")
    return text


def mask(text: str, secrets: Iterable[str]) -> str:
    """``text`` without the given secrets and without anything that looks like a key."""
    return _KEY_LIKE.sub("[key]", _BEARER.sub("[key]", mask_exact(text, secrets)))


def sentence(text: str, secrets: Iterable[str] = ()) -> str:
    """One masked line of bounded length."""
    line = " ".join(mask(text[:20_000], secrets).split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"

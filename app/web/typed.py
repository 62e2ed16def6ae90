"""Numbers as people type them."""

import re

from app.tables import MAX_INTEGER


def decimal(typed: str) -> str:
    """A number as typed, a decimal comma as a point. "1,000" stays, and is then no number: it may
    be a thousand or one."""
    typed = typed.strip()
    thousands = re.match(r"[1-9]\d{0,2}(,\d{3})+(\.|$)", typed)
    return typed if thousands else typed.replace(",", ".")


def count_typed(typed: str) -> str:
    """A number of calls or tokens as typed. "16.000" becomes "16,000", and is then no number: it is
    sixteen thousand to who writes it so, and sixteen to a parser of numbers."""
    return typed.strip().replace(".", ",")


def whole(typed: str) -> int | None:
    """A whole number as typed, if an integer column holds it."""
    short = typed.isdecimal() and len(typed) <= len(str(MAX_INTEGER))
    return int(typed) if short and int(typed) <= MAX_INTEGER else None

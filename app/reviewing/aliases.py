"""Names for answers that tell nothing of them.

Ids count up model by model, so whoever is to label blind must not see them. An alias is the id,
mixed with the grid's name by a small Feistel network: the same on every page, and without an order.
It hides what would be read by accident, not what is computed: the grid itself is a click away.
"""

from hashlib import blake2b

from app.pubid import ALPHABET

LENGTH = 6  # 47^6 is more than 2^32
_ROUNDS = range(4)


def alias_of(answer_id: int, salt: str) -> str:
    left, right = divmod(answer_id, 1 << 16)
    for number in _ROUNDS:
        left, right = right, left ^ _mixed(right, number, salt)
    value, letters = left << 16 | right, ""
    for _ in range(LENGTH):
        value, letter = divmod(value, len(ALPHABET))
        letters += ALPHABET[letter]
    return letters


def answer_of(alias: str, salt: str) -> int | None:
    """The id behind an alias; None where it cannot be one. Of another salt it is any number."""
    if len(alias) != LENGTH or not set(alias) <= set(ALPHABET):
        return None
    value = 0
    for letter in reversed(alias):
        value = value * len(ALPHABET) + ALPHABET.index(letter)
    if value >= 1 << 32:
        return None
    left, right = divmod(value, 1 << 16)
    for number in reversed(_ROUNDS):
        left, right = right ^ _mixed(left, number, salt), left
    return left << 16 | right


def _mixed(half: int, number: int, salt: str) -> int:
    return int.from_bytes(blake2b(f"{salt} {number} {half}".encode(), digest_size=2).digest())

"""Public ids: short random names for permalinks.

Eleven characters from an alphabet without look-alikes (no 0/O, 1/l/I, no vowels so that no words
appear) carry 11 x log2(47) = 61 bits. With a million grids the chance that any two collide is
about 2 in ten million, and the unique index would refuse the second one.
"""

import re
import secrets
from hashlib import sha256

ALPHABET = "23456789bcdfghjkmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ"
LENGTH = 11


def new_public_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def is_public_id(text: str) -> bool:
    return re.fullmatch(f"[{ALPHABET}]{{{LENGTH}}}", text) is not None


def public_id_of(public_id: str, content: str) -> str:
    """The same for the same, and as hard to guess as the id that it is made of."""
    number = int.from_bytes(sha256(f"{public_id} {content}".encode()).digest())
    letters = [ALPHABET[number // len(ALPHABET) ** n % len(ALPHABET)] for n in range(LENGTH)]
    return "".join(letters)


def new_public_ids(count: int) -> list[str]:
    """Many at once, asking for randomness once: an import needs up to a million."""
    letters = ""
    fair = 256 - 256 % len(ALPHABET)  # bytes from here on would favour the first letters
    while len(letters) < count * LENGTH:
        more = secrets.token_bytes(count * LENGTH)
        letters += "".join(ALPHABET[byte % len(ALPHABET)] for byte in more if byte < fair)
    return [letters[n * LENGTH : (n + 1) * LENGTH] for n in range(count)]

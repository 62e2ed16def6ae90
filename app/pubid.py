"""Public ids: short random names for permalinks.

Eleven characters from an alphabet without look-alikes (no 0/O, 1/l/I, no vowels so that no words
appear) carry 11 x log2(47) = 61 bits. With a million grids the chance that any two collide is
about 2 in ten million, and the unique index would refuse the second one.
"""

import secrets

ALPHABET = "23456789bcdfghjkmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ"
LENGTH = 11


def new_public_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))

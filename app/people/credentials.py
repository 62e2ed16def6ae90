"""Passwords and random secrets: what is kept of them, and whether one fits.

A password is kept as an Argon2 hash, which takes a tenth of a second and 64 MB on purpose. The
secrets we make ourselves are 256 random bits: nobody guesses one, so a plain hash is enough.
"""

import hashlib
import secrets
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import InvalidInput

SHORTEST, LONGEST = 10, 200
_hasher = PasswordHasher()
_at_a_time = BoundedSemaphore(2)  # so that many who log in at once do not fill the memory
# What a password is compared with where there is no account: that then takes as long.
_NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$rwq+ufVpF0bdb00yy9WKbQ"
    "$sHm6MOwbzX+f8bQwitKamWiBxtrN7925WM5ilqX9q+g"
)


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def hash_password(password: str, *known: str) -> str:
    """What is kept of a password. ``known``: what it must not be, such as the person's name.

    Raises InvalidInput for one that is too short, too long or one of those.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(f"A password has {SHORTEST} to {LONGEST} characters. Several words do.")
    if password.casefold() in {one.casefold() for one in known} or len(set(password)) < 4:
        raise InvalidInput("That password is too easy to guess: take another one.")
    with _at_a_time:
        return _hasher.hash(password.encode("utf-8", "surrogatepass"))


def fits(password: str, password_hash: str) -> bool:
    """Whether it is this password. Takes as long where there is none."""
    with _at_a_time:
        try:
            _hasher.verify(
                password_hash or _NOBODY, password[: LONGEST + 1].encode("utf-8", "surrogatepass")
            )
        except (VerificationError, InvalidHashError):
            return False
    return bool(password_hash)

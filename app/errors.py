"""The errors this program raises on purpose.

BluffcheckError            a person can act on it; shown as a page or as problem details
├── InvalidInput     422   what was sent does not make sense
├── NotFound         404
├── Gone             410   a link that was there once
├── Conflict         409   right in itself, but not in the present state
├── TooLarge         413
├── Forbidden        403   refused by a safety rule
└── Unavailable      503   the database is locked, full, read-only or away, which may pass
ProviderError              one call to a model failed; stored on its attempt (see providers/)
"""


class BluffcheckError(Exception):
    """Something a person can put right; ``str(error)`` is a full sentence that says how."""

    status = 400
    title = "That did not work"


class InvalidInput(BluffcheckError):
    status = 422
    title = "Please check what you entered"


class NotFound(BluffcheckError):
    status = 404
    title = "Not found"


class Gone(BluffcheckError):
    status = 410
    title = "This link has ended"


class Conflict(BluffcheckError):
    status = 409
    title = "Not possible right now"


class TooLarge(BluffcheckError):
    status = 413
    title = "Too large"


class Forbidden(BluffcheckError):
    status = 403
    title = "Refused"


class Unavailable(BluffcheckError):
    """``reason`` is what the database said. ``clashed``: somebody else was at the same rows."""

    status = 503
    title = "The database cannot be used"

    def __init__(self, sentence: str, reason: str, *, clashed: bool = False) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.clashed = clashed


class SettingsError(BluffcheckError):
    """A setting is wrong: the server does not start."""


class ProviderError(Exception):
    """One call to a model failed.

    ``kind`` is a short word for filters and exports (``auth``, ``rate_limit``, ``timeout`` …),
    ``message`` a sentence for people. ``retryable`` says that making the same call again may
    work and cannot buy an answer twice; ``retry_after_s`` is how long the server asked to wait;
    ``code`` is the provider's own word for it, where that is known.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.code = code

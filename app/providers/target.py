"""What a call over HTTP needs to know: where to, and when to give up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import ProviderError
from app.providers.masking import sentence


@dataclass(frozen=True, slots=True)
class Limits:
    """When to give up on a call. No timeout of the HTTP library ends an endless stream."""

    total_s: float = 600
    silence_s: float = 120  # since the last payload; keep-alives do not count
    max_bytes: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """One address with the headers to send; ``secrets`` are kept out of every message."""

    title: str
    url: str
    headers: Mapping[str, str]
    secrets: Sequence[str] = ()

    def failure(self, kind: str, text: str, *, retryable: bool = False) -> ProviderError:
        message = sentence(f"{self.title} {text}", self.secrets)
        return ProviderError(kind, message, retryable=retryable)

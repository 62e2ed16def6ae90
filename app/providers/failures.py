"""From what a server answered to a ProviderError: its kind, its sentence, whether to try again.

Pure: nothing here knows the HTTP library.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.errors import ProviderError
from app.providers.bodies import error_table, error_text
from app.providers.masking import sentence
from app.providers.refusals import filter_code
from app.providers.waiting import quota_used_up, retry_after_s, retry_info_s

LONGEST_WAIT_S = 120  # a server that asks for more is not asked again by itself

# Google, and some say xAI, answer a wrong key with 400.
_WRONG_KEY = ("api_key_invalid", "api key not valid", "incorrect api key", "invalid api key")

# status → (kind, what happened)
_STATUS = {
    400: ("bad_request", "did not accept the request"),
    401: ("auth", "refused the API key"),
    402: ("billing", "says that the account has no credit left"),
    403: ("permission", "does not permit this call"),
    404: ("not_found", "does not know this model or address"),
    407: ("connection", "cannot be reached: the proxy in between refused"),
    408: ("timeout", "waited too long for the request"),
    409: ("conflict", "reports a conflict with another request"),
    413: ("too_large", "finds the request too large"),
    422: ("bad_request", "did not accept the request"),
    429: ("rate_limit", "says that it is called too often"),
    503: ("overloaded", "is overloaded or not ready"),
    504: ("timeout", "took too long to answer its own gateway"),
    529: ("overloaded", "is overloaded"),
}
# error types and codes that arrive inside a stream → the status that means the same
_TYPES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "overloaded_error": 529,
    "timeout_error": 504,
    "context_length_exceeded": 400,
    "server_error": 500,
    "api_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "service_unavailable": 503,
}


def http_failure(
    title: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Iterable[str] = (),
) -> ProviderError:
    """The one place that turns an HTTP status and its body into a ProviderError."""
    if 300 <= status < 400:
        return ProviderError(
            "redirect",
            f"{title} redirects to another address ({status}), which is not followed: a key would"
            " travel along. Check the base URL.",
            status=status,
        )
    error = error_table(body)
    if _looks_like_html(headers, body):
        said = "it sent a web page instead, perhaps from a proxy in between"
    else:
        said = error_text(error) or body[:2000].decode("utf-8", "replace")
    kind, happened = _kind(status, error)
    code = filter_code(error)
    wait_s = retry_after_s(headers)
    if wait_s is None:
        wait_s = retry_info_s(error)
    return ProviderError(
        kind,
        sentence(
            f"{title} {happened} ({status})" + (f": {said}" if said.strip() else "."), secrets
        ),
        status=status,
        retryable=_retryable(status, kind, headers) and (wait_s or 0) <= LONGEST_WAIT_S,
        retry_after_s=wait_s,
        code=code,
    )


def wrong_content(got: str, expected: str, body: bytes) -> str:
    """What to say of a 200 that is not of the expected content type."""
    if "html" in got:
        return (
            "answered with a web page instead of data. Is the base URL right, is a proxy between?"
        )
    said = error_text(error_table(body)) or body[:4000].decode("utf-8", "replace")
    return f"answered with {got or 'no content type'} instead of {expected}: {said}"


def stream_failure(
    title: str, error: object, *, tokens_seen: bool, secrets: Iterable[str] = ()
) -> ProviderError:
    """An error object that came inside a stream, after HTTP 200."""
    found: dict[str, Any] = error if isinstance(error, dict) else {"message": str(error)}
    words = [w for w in (found.get("code"), found.get("type")) if w is not None]
    told = next((status for word in words if (status := _status_of(word))), None)
    status = told or 500
    kind, happened = _kind(status, found)
    said = error_text(found) or "no reason given"
    wait_s = retry_info_s(found)
    # A word that nobody knows may mean anything: the call is not made again on a guess.
    again = bool(told or not words) and _retryable(status, kind, {})
    return ProviderError(
        kind,
        sentence(f"{title} {happened} while answering: {said}", secrets),
        status=200,
        retryable=not tokens_seen and again and (wait_s or 0) <= LONGEST_WAIT_S,
        retry_after_s=wait_s,
        code=filter_code(found),
    )


def _status_of(word: object) -> int | None:
    """The status that a code or type inside a stream stands for."""
    if isinstance(word, str):
        word = _TYPES.get(word) or (int(word) if re.fullmatch("[45][0-9]{2}", word) else None)
    return word if isinstance(word, int) and 400 <= word < 600 else None


def _kind(status: int, error: Mapping[str, Any]) -> tuple[str, str]:
    if filter_code(error):
        return "refused", "refused to answer this"
    if status in (400, 402, 403, 429):
        if quota_used_up(error):
            return "quota", "says that the quota or spending limit is used up"
        written = json.dumps(error, default=str).lower()
        if status == 400 and any(word in written for word in _WRONG_KEY):
            return _STATUS[401]
    if status >= 500:
        return _STATUS.get(status, ("server", "had an error of its own"))
    return _STATUS.get(status, ("bad_request", "did not accept the request"))


def _retryable(status: int, kind: str, headers: Mapping[str, str]) -> bool:
    """Only what may work a second time; ``x-should-retry`` can forbid, never widen to other 4xx."""
    if kind in ("quota", "refused"):
        return False
    asked = headers.get("x-should-retry", "").lower()
    if asked == "false":
        return False
    if status in (501, 505):  # it will not be implemented a second later
        return asked == "true"
    return status in (408, 409, 429) or status >= 500


def _looks_like_html(headers: Mapping[str, str], body: bytes) -> bool:
    kind = headers.get("content-type", "").lower()
    return "html" in kind or body[:500].lstrip().lower().startswith((b"<!doctype", b"<html"))

"""Whether a failed call may be made again, and when."""

import json
import time
from email.utils import formatdate

import pytest

from app.providers.failures import http_failure
from app.providers.waiting import retry_after_s
from tests.providers.calling import ask, each_provider, environ_for, failure
from tests.wire import WireServer
from tests.wire_scripts import Script

each = each_provider()


@each
@pytest.mark.parametrize(
    ("model", "low", "high", "retryable"),
    [
        ("429-once", 0, 0, True),
        ("429-ms", 0.05, 0.05, True),
        ("429-seconds", 0.05, 0.05, True),
        ("429-date", 0, 90, True),
        ("429-google", 0.05, 0.05, True),
        ("429-long", 3600, 3600, False),
    ],
)
def test_retry_after_is_handed_on_and_the_next_call_succeeds(
    server: WireServer, provider: str, model: str, low: float, high: float, retryable: bool
) -> None:
    environ = environ_for(server)
    error = failure(environ, f"{provider}/{model}")
    assert error.retry_after_s is not None
    assert low <= error.retry_after_s <= high
    assert error.retryable is retryable
    assert ask(environ, f"{provider}/{model}").text == "42"


@each
@pytest.mark.parametrize(
    ("status", "asked", "retryable"),
    [(429, "false", False), (500, "false", False), (501, "true", True), (400, "true", False)],
)
def test_server_can_forbid_a_retry_but_not_widen_it(
    server: WireServer, provider: str, status: int, asked: str, retryable: bool
) -> None:
    server.handler = lambda request: Script(status=status, headers={"x-should-retry": asked})
    assert failure(environ_for(server), f"{provider}/any").retryable is retryable


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "Fri, 99 Nov"])
def test_nonsense_in_retry_after_is_ignored(value: str) -> None:
    assert retry_after_s({"retry-after": value}) is None


def test_retry_after_a_past_date_is_at_once() -> None:
    assert retry_after_s({"retry-after": formatdate(time.time() - 60, usegmt=True)}) == 0


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "You have reached your specified API usage limits"),
        (400, "Your credit balance is too low to access the Anthropic API."),
        (429, "Your team 1 has either used all available credits or reached its monthly limit."),
        (429, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock more"),
    ],
)
def test_credit_that_is_used_up_is_a_quota_whatever_the_status(status: int, said: str) -> None:
    body = json.dumps({"error": {"message": said}}).encode()
    error = http_failure("Fernhill", status, {}, body)
    assert (error.kind, error.retryable) == ("quota", False)

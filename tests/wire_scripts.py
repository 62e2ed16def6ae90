"""What the wire server does for which model name; wire_protocols.py puts it into words."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.wire_http import Recorded

USAGE = (11, 7)  # input and output tokens of every answer
THOUGHT = 5  # reasoning tokens, when it thought
CREATED = 1_795_000_000


@dataclass(frozen=True)
class Script:
    """How the server treats one call."""

    text: str = "42"
    thinking: str | None = None  # None: thinks when asked to; "": thinks, but withholds the text
    thinking_field: str = "reasoning_content"  # or reasoning, reasoning_details, content, tags
    obeys: bool = True  # thinks when asked to
    finish: str = "stop"  # or length, refusal, error
    status: int = 200
    times: int | None = None  # how often a conversation gets ``status``, before it gets an answer
    error: str = "scripted failure"
    error_type: str = "scripted_error"
    error_after: int | None = None  # an error event inside the stream, after so many text pieces
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = ""  # empty: the protocol's own
    body: Any = None  # sent as it is
    delay_s: float | None = None
    cut: int = 0  # send so many bytes at a time
    drip_s: float = 0.001  # and wait so long between them
    terminator: bool = True
    hang_up: str = ""  # "at once", "after headers", "before the end", "never"
    echo: bool = False  # the text is the whole request body, as JSON


def pieces_of(text: str) -> list[str]:
    """The text as a model would stream it."""
    return [text[i : i + 9] for i in range(0, len(text), 9)]


def retry(headers: dict[str, str]) -> Script:
    return Script(status=429, times=1, error_type="rate_limit_error", headers=headers)


GOOGLE_RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.05s"}
SCRIPTS = {
    "plain": Script(),
    "echo": Script(echo=True),
    "slow": Script(delay_s=2),
    "thinks": Script(thinking="I count the letters."),
    "hidden": Script(thinking=""),
    "tags": Script(thinking="I count the letters.", thinking_field="tags"),
    "idk": Script(text="I don't know."),
    "empty": Script(text=""),
    "truncated": Script(text="It is pro", finish="length"),
    "refusal": Script(text="", finish="refusal"),
    "strange": Script(text="a\u2028b\u0085c\x0bd\x0ce – Zürich 東京 🎂", cut=1),
    "drip": Script(text="slowly but surely", cut=40, drip_s=0.05),
    "html": Script(body=b"<!doctype html><title>Sign in</title>", content_type="text/html"),
    "drops": Script(text="half an answer", hang_up="before the end", terminator=False),
    "drops-at-once": Script(hang_up="at once"),
    "drops-after-headers": Script(hang_up="after headers"),
    "unfinished": Script(text="half an answer", terminator=False),
    "error-mid": Script(text="half an answer", error_after=1, error_type="overloaded_error"),
    "error-first": Script(error_after=0, error_type="overloaded_error"),
    "429-once": retry({"retry-after": "0"}),
    "429-ms": retry({"retry-after-ms": "50"}),
    "429-seconds": retry({"retry-after": "0.05"}),
    "429-date": retry({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=90))}),
    "429-google": Script(status=429, times=1, body={"error": {"details": [GOOGLE_RETRY]}}),
    "429-long": retry({"retry-after": "3600"}),
    "quota": Script(status=429, error_type="insufficient_quota"),
    "500-once": Script(status=500, times=1),
}


def script_for(request: Recorded) -> Script:
    """By the model's name; a bare status such as "529" always fails; any other name answers."""
    name = request.model.rpartition("/")[2]
    if name.isdecimal():
        return Script(status=int(name))
    return SCRIPTS.get(name, SCRIPTS["plain"])

"""Logging set-up: plain lines for a terminal, JSON for machines.

No prompt, answer or key belongs into a log at any level: what is logged are our own sentences,
numbers of rows, and routes without what stands in for their parameters.
"""

import json
import logging
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")  # of what is being answered


class JsonFormatter(logging.Formatter):
    """One JSON object a line: control characters in a message cannot forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if number := request_id.get():
            entry["request_id"] = number
        entry |= getattr(record, "facts", {})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Time, level, message; line breaks inside a message are shown, not obeyed."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the base's name)
        line = super().formatMessage(record)
        if record.levelno >= logging.WARNING and (number := request_id.get()):
            line += f" (request {number})"
        return line.replace("\r", "\\r").replace("\n", "\\n").replace("\x1b", "\\x1b")


def logging_config(style: str, level: str) -> dict[str, Any]:
    """For logging.config.dictConfig, and through it for uvicorn."""
    formatter = JsonFormatter if style == "json" else TextFormatter
    quiet = "info" if level == "debug" else "warning"
    # A line for each request helps machines; a terminal shows what needs somebody.
    requests = "info" if style == "json" and level == "info" else quiet
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "app.web.requests": {"level": requests.upper()},
            "uvicorn": {"level": quiet.upper()},
            "alembic": {"level": quiet.upper()},
            # Their debug lines hold headers, bodies and statements.
            **{name: {"level": quiet.upper()} for name in ("httpx", "httpcore", "aiohttp")},
            **{name: {"level": quiet.upper()} for name in ("sqlalchemy", "python_multipart")},
            "asyncio": {"level": quiet.upper()},
            "pgqueuer": {"level": quiet.upper()},
        },
    }

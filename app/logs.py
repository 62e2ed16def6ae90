"""Logging set-up: plain lines for a terminal, JSON for machines."""

import json
import logging
from typing import Any


class JsonFormatter(logging.Formatter):
    """One JSON object a line: control characters in a message cannot forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Time, level, message; line breaks inside a message are shown, not obeyed."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the base's name)
        line = super().formatMessage(record)
        return line.replace("\r", "\\r").replace("\n", "\\n").replace("\x1b", "\\x1b")


def logging_config(style: str, level: str) -> dict[str, Any]:
    """For logging.config.dictConfig, and through it for uvicorn."""
    formatter = JsonFormatter if style == "json" else TextFormatter
    quiet = "info" if level == "debug" else "warning"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        "loggers": {
            "uvicorn": {"level": quiet.upper()},
            "uvicorn.access": {"level": "INFO"},
            "alembic": {"level": quiet.upper()},
            "httpx": {"level": quiet.upper()},
        },
    }

"""Google's streams: server-sent events, but errors may come as they are."""

import json

from app.providers.sse import SseEvent, SseReader


class GeminiReader(SseReader):
    """An error in the middle of a stream may come as plain JSON, without ``data:``."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: list[str] = []

    def _take(self, line: str) -> SseEvent | None:
        if self._plain or line.startswith(("{", "[")):
            self._plain.append(line)
            return None
        return super()._take(line)

    def finish(self) -> list[SseEvent]:
        events = super().finish()
        text = "\n".join(self._plain)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return [*events, SseEvent(text)] if text else events
        plain = json.dumps(value[0] if isinstance(value, list) and value else value)
        return [*events, SseEvent(plain)]

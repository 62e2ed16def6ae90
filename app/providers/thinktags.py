"""Thinking that a server leaves in the text, as ``<think>…</think>`` in front of the answer."""

OPEN, CLOSE = "<think>", "</think>"


class ThinkTags:
    """Splits streamed text into thinking and answer. Tags may be cut anywhere."""

    def __init__(self) -> None:
        self._state = "start"  # then "thinking" or "answer"
        self._held = ""  # text that may turn out to be part of a tag
        self._strip = False  # blank lines between the tag and the answer belong to neither

    def feed(self, piece: str) -> tuple[str, str]:
        """The thinking and the answer that are certain by now."""
        thinking = ""
        text = self._held + piece
        self._held = ""
        if self._state == "start":
            begun = text.lstrip()
            if OPEN.startswith(begun[: len(OPEN)]) and len(begun) < len(OPEN):
                self._held = text
                return "", ""
            if begun.startswith(OPEN):
                self._state, text = "thinking", begun[len(OPEN) :]
            else:
                self._state = "answer"
        if self._state == "thinking":
            thinking, closed, text = text.partition(CLOSE)
            if not closed:
                keep = _tail(thinking)
                self._held = thinking[len(thinking) - keep :]
                return thinking[: len(thinking) - keep], ""
            self._state, self._strip = "answer", True
        if self._strip:
            text = text.lstrip()
            self._strip = not text
        return thinking, text

    def finish(self) -> tuple[str, str]:
        """What was held back: an unclosed tag leaves thinking only."""
        held, self._held = self._held, ""
        return (held, "") if self._state == "thinking" else ("", held)


def split_at_close(text: str) -> tuple[str, str]:
    """Thinking and answer where the opening tag stood in the chat template, not in the text."""
    thinking, closed, answer = text.partition(CLOSE)
    return (thinking, answer.lstrip()) if closed and OPEN not in thinking else ("", text)


def _tail(text: str) -> int:
    """How many characters at the end may be the beginning of the closing tag."""
    return next((n for n in range(len(CLOSE) - 1, 0, -1) if text.endswith(CLOSE[:n])), 0)

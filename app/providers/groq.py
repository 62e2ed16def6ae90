"""Groq: Chat Completions with a few things under ``x_groq``."""

from typing import Any

from app.providers.openai_chat import ChatReply, OpenAIChatProvider
from app.providers.reply import table


class GroqReply(ChatReply):
    """Errors in the middle of a stream and the usage may stand under ``x_groq``."""

    def take_chunk(self, chunk: dict[str, Any]) -> None:
        own = table(chunk.get("x_groq"))
        if error := own.get("error"):
            raise self.failure(error)
        super().take_chunk(chunk)
        self.usage = self.usage or table(own.get("usage"))


class GroqProvider(OpenAIChatProvider):
    """POST /openai/v1/chat/completions: its base URL, as its SDK reads it, has no path."""

    path = "/openai/v1/chat/completions"
    list_path = "/openai/v1/models"
    reply = GroqReply

"""Groq: Chat Completions with a few things under ``x_groq``."""

from typing import Any

from app.providers.openai_chat import ChatProvider, ChatReply
from app.providers.reply import table
from app.providers.spec import ProviderSpec


class GroqReply(ChatReply):
    """Errors in the middle of a stream and the usage may stand under ``x_groq``."""

    def take_chunk(self, chunk: dict[str, Any]) -> None:
        own = table(chunk.get("x_groq"))
        if error := own.get("error"):
            raise self.failure(error)
        super().take_chunk(chunk)
        self.usage = self.usage or table(own.get("usage"))


class GroqProvider(ChatProvider):
    """POST /openai/v1/chat/completions: its base URL, as its SDK reads it, has no path."""

    path = "/openai/v1/chat/completions"
    list_path = "/openai/v1/models"
    reply = GroqReply
    spec = ProviderSpec(
        name="groq",
        title="Groq",
        base_url="https://api.groq.com",
        base_url_env=("GROQ_BASE_URL",),
        key_env=("GROQ_API_KEY",),
        switch="effort-parsed",
        token_limit="max_completion_tokens",  # noqa: S106 - a field, no password
        stream_options=False,
        skip_models=("whisper*", "*tts*", "*guard*", "*orpheus*"),
        price_list="groq",
    )

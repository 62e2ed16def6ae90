"""Mistral: Chat Completions whose content may be a list of chunks."""

from typing import Any

from app.providers.base import ModelInfo
from app.providers.openai_chat import ChatProvider, ChatReply
from app.providers.reply import count, table
from app.providers.spec import ProviderSpec


class MistralReply(ChatReply):
    """Thinking and text are chunks of the content, each with its type."""

    def take_content(self, content: object) -> None:
        if not isinstance(content, list):
            return super().take_content(content)
        for chunk in map(table, content):
            thoughts = chunk.get("thinking")
            for thought in map(table, thoughts) if isinstance(thoughts, list) else ():
                self.add(self.thinking, thought.get("text"))
            self.add_content(chunk.get("text"))
        return None

    def cached_tokens(self) -> int | None:
        own = count(self.usage, "num_cached_tokens")
        return super().cached_tokens() if own is None else own


class MistralProvider(ChatProvider):
    reply = MistralReply
    spec = ProviderSpec(
        name="mistral",
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        base_url_env=("MISTRAL_BASE_URL",),
        base_url_form="v1",
        key_env=("MISTRAL_API_KEY",),
        switch="effort",
        stream_options=False,
        closes_alone=False,
        silence_s=300,
        skip_models=("*embed*", "*ocr*", "*moderation*", "*transcribe*", "*realtime*", "*tts*"),
        price_list="mistral",
    )

    def model_info(self, entry: dict[str, Any]) -> ModelInfo | None:
        chats = table(entry.get("capabilities")).get("completion_chat") is not False
        return super().model_info(entry) if chats else None

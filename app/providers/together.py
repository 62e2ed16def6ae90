"""Together: Chat Completions for open models."""

from typing import Any

from app.providers.openai_chat import ChatProvider
from app.providers.reply import table
from app.providers.spec import ProviderSpec


class TogetherProvider(ChatProvider):
    spec = ProviderSpec(
        name="together",
        title="Together",
        base_url="https://api.together.ai/v1",
        base_url_env=("TOGETHER_BASE_URL",),
        base_url_form="v1",
        key_env=("TOGETHER_API_KEY",),
        switch="reasoning-enabled",
        stream_options=False,
        silence_s=300,
        skip_models=(
            "*embed*", "*bge-*", "*rerank*", "*flux*", "*whisper*", "*guard*", "*tts*",
            "*imagen*", "*stable-diffusion*", "*veo*", "*sora*",
        ),
        price_list="together",
    )  # fmt: skip

    def listed(self, found: Any) -> list[Any] | None:
        """Its list may come bare, without an object around it."""
        bare = isinstance(found, list) and bool(found) and bool(table(found[0]).get("id"))
        return found if bare else super().listed(found)

"""DeepSeek: Chat Completions with thinking on unless it is switched off."""

from app.providers.openai_chat import ChatProvider, ChatReply
from app.providers.reply import count
from app.providers.spec import ProviderSpec


class DeepSeekReply(ChatReply):
    """The server may run out of resources in the middle; cached tokens have a name of their own."""

    failed = ("error", "insufficient_system_resource")

    def cached_tokens(self) -> int | None:
        return count(self.usage, "prompt_cache_hit_tokens")


class DeepSeekProvider(ChatProvider):
    reply = DeepSeekReply
    spec = ProviderSpec(
        name="deepseek",
        title="DeepSeek",
        base_url="https://api.deepseek.com",
        base_url_env=("DEEPSEEK_BASE_URL",),
        key_env=("DEEPSEEK_API_KEY",),
        switch="thinking-type",
        closes_alone=False,
        silence_s=300,  # calls wait in a queue, with keep-alives only
        price_list="deepseek",
    )

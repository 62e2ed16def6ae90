"""xAI: Chat Completions that count the thinking apart from the completion."""

from app.providers.openai_chat import ChatProvider, ChatReply
from app.providers.reply import count
from app.providers.spec import ProviderSpec


class XaiReply(ChatReply):
    """Whether ``completion_tokens`` holds the thinking is not documented; the total does."""

    def output_tokens(self) -> int | None:
        total, prompt = count(self.usage, "total_tokens"), count(self.usage, "prompt_tokens")
        if total is not None and prompt is not None:
            return total - prompt
        return super().output_tokens()


class XaiProvider(ChatProvider):
    reply = XaiReply
    spec = ProviderSpec(
        name="xai",
        title="xAI",
        base_url="https://api.x.ai/v1",
        base_url_env=("XAI_BASE_URL",),
        base_url_form="v1",
        key_env=("XAI_API_KEY",),
        switch="effort",
        token_limit="max_completion_tokens",  # noqa: S106 - a field, no password
        closes_alone=False,
        silence_s=600,  # hidden thinking streams nothing at all
        skip_models=("*image*", "*video*", "*imagine*"),
        price_list="x-ai",
    )

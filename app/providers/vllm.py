"""vLLM's server: Chat Completions for open models."""

from app.providers.openai_chat import ChatProvider
from app.providers.spec import ProviderSpec


class VllmProvider(ChatProvider):
    spec = ProviderSpec(
        name="vllm",
        title="vLLM",
        base_url_env=("VLLM_BASE_URL",),  # must be set: its usual port is also ours
        base_url_form="v1",
        key_env=("VLLM_API_KEY",),
        key_optional=True,
        switch="template",
        silence_s=600,
    )

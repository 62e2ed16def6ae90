"""llama.cpp's server: Chat Completions for one model file."""

from app.providers.openai_chat import ChatProvider
from app.providers.spec import ProviderSpec


class LlamaCppProvider(ChatProvider):
    spec = ProviderSpec(
        name="llamacpp",
        title="llama.cpp",
        base_url="http://127.0.0.1:{port}/v1",
        base_url_env=("LLAMACPP_BASE_URL",),
        base_url_form="v1",
        key_env=("LLAMACPP_API_KEY",),
        key_optional=True,
        ports=(8080, 9931),
        switch="template",
        silence_s=600,  # a long prompt is read without a word
    )

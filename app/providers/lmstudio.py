"""LM Studio: Chat Completions on a desktop."""

from app.providers.openai_chat import ChatProvider
from app.providers.spec import ProviderSpec


class LmStudioProvider(ChatProvider):
    spec = ProviderSpec(
        name="lmstudio",
        title="LM Studio",
        base_url="http://127.0.0.1:{port}/v1",
        base_url_env=("LMSTUDIO_BASE_URL",),
        base_url_form="v1",
        key_optional=True,
        ports=(1234,),
        switch="effort",
        silence_s=600,
        skip_models=("*embed*",),
    )

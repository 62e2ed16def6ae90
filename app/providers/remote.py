"""What all providers behind HTTP have in common; the adapters add their protocol."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from app.errors import InvalidInput, ProviderError
from app.providers.base import Call, Completion, ModelInfo, Request, ThinkingRule
from app.providers.catalogue import Catalogue, ModelRule
from app.providers.endpoint import Endpoint
from app.providers.http import HttpClient
from app.providers.reply import Reply, string, table, without_secrets
from app.providers.spec import ProviderSpec
from app.providers.sse import SseReader, StreamReader
from app.providers.target import Limits, Target

LIST_TIMEOUT_S = 10
PROBE_TIMEOUT_S = 1
MAX_PAGES = 20
# provider → its id in the price list of genai-prices
PRICE_LISTS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "openai-chat": "openai",
    "openai-responses": "openai",
    "deepseek": "deepseek",
    "gemini": "google",
    "openrouter": "openrouter",
    "mistral": "mistral",
    "xai": "x-ai",
    "groq": "groq",
    "together": "together",
}


class RemoteProvider(ABC):
    """One provider of providers.toml."""

    practice = False
    path: str  # of a call, behind the base URL
    list_path: str
    reader: type[StreamReader] = SseReader

    def __init__(
        self,
        spec: ProviderSpec,
        catalogue: Catalogue,
        environ: Mapping[str, str],
        limits: Limits | None = None,
    ) -> None:
        self.name = spec.name
        self.title = spec.title
        self.price_list = PRICE_LISTS.get(spec.name, "")
        self.spec = spec
        self.endpoint = Endpoint(spec, environ)
        self._catalogue = catalogue
        self._http = HttpClient(limits)
        self._found = ""  # the usual address at which a server answered
        self._listed: list[ModelInfo] = []

    @abstractmethod
    def prepare(self, call: Call) -> Request:
        """Build the request. Raises InvalidInput for a thinking setting the model cannot take."""

    @abstractmethod
    def auth_headers(self) -> dict[str, str]:
        """The headers that carry the key, if there is one."""

    @abstractmethod
    def new_reply(self, target: Target, call: Call | None) -> Reply:
        """What takes in the stream of one call."""

    def listed(self, found: Any) -> list[Any] | None:
        """The models in what the server sent as its list; None when it is no such list."""
        if isinstance(found, list) and found and table(found[0]).get("id"):
            return found  # Together's, perhaps
        data = table(found).get("data")
        return data if isinstance(data, list) else None

    def next_page(self, found: Any) -> str:
        """The path to the rest of the list, if there is more."""
        return ""

    def model_info(self, entry: Any) -> ModelInfo | None:
        """One model of the list; None for what cannot chat."""
        name = string(table(entry).get("id"))
        if not name or table(entry.get("capabilities")).get("completion_chat") is False:
            return None
        title = string(entry.get("display_name")) or string(entry.get("name"))
        return ModelInfo(self.name, name, title)

    def not_ready(self) -> str:
        return self.endpoint.not_ready(found=bool(self._found))

    def rule(self, model: str) -> ThinkingRule:
        return self.model_rule(model).thinking

    def model_rule(self, model: str) -> ModelRule:
        return self._catalogue.rule(self.spec.rules or self.name, model)

    def known_models(self) -> list[ModelInfo]:
        """The catalogue, then what the server listed last."""
        models = {m.name: m for m in self._catalogue.models.get(self.name, [])}
        for model in self._listed:
            models.setdefault(model.name, model)
        return list(models.values())

    async def list_models(self) -> list[ModelInfo]:
        if self.discoverable:
            return await self.find(LIST_TIMEOUT_S)
        return await self._list(await self._base_url(), LIST_TIMEOUT_S)

    async def complete(self, request: Request) -> Completion:
        base_url = await self._base_url()
        target = self._target(base_url + request.path, request.headers)
        reply = self.new_reply(target, request.call)
        deadline = self._http.deadline()
        more: dict[str, Any] | None = {}
        try:
            while more is not None:
                await self._stream(target, request.body | more, reply, deadline)
                more = reply.continuation()
            completion = reply.completion()
        except ProviderError as error:
            error.retryable = error.retryable and not reply.tokens_seen
            raise
        completion = replace(
            completion, first_token_ms=reply.first_token_ms, total_ms=reply.total_ms
        )
        return without_secrets(completion, target.secrets)

    async def aclose(self) -> None:
        await self._http.aclose()

    @property
    def discoverable(self) -> bool:
        """Whether this is a server of one's own that can be asked without costs or a key."""
        return self.spec.key_optional and bool(self.endpoint.override() or self.spec.ports)

    async def find(self, timeout_s: float = PROBE_TIMEOUT_S) -> list[ModelInfo]:
        """Ask at each usual address (or the one set) until a model list comes back."""
        failure: ProviderError | None = None
        override = self.endpoint.override()
        for base_url in (override,) if override else self.spec.base_urls:
            try:
                models = await self._list(base_url, timeout_s)
            except ProviderError as error:
                failure = failure or error
            else:
                self._found = base_url
                return models
        self._found, self._listed = "", []
        raise failure or ProviderError("not_ready", self.not_ready())

    async def _base_url(self) -> str:
        override = self.endpoint.override()
        if not override and self.spec.ports and not self._found:
            await self.find()
        if problem := self.not_ready():
            raise ProviderError("not_ready", problem)
        return override or self._found or self.spec.base_url

    async def _stream(
        self, target: Target, body: dict[str, Any], reply: Reply, deadline: float
    ) -> None:
        events = self._http.stream(
            target,
            body,
            self.reader(),
            is_last=reply.is_last,
            is_payload=reply.is_payload,
            deadline=deadline,
        )
        async with aclosing(events):
            async for event in events:
                reply.take(event)
                reply.total_ms = reply.elapsed_ms()

    async def _list(self, base_url: str, timeout_s: float) -> list[ModelInfo]:
        models: list[ModelInfo] = []
        path, pages = self.list_path, 0
        while path and pages < MAX_PAGES:
            target = self._target(base_url + path, {})
            found = await self._http.get_json(target, timeout_s)
            entries = self.listed(found)
            if entries is None:
                raise target.failure("protocol", "sent something that is not a list of models.")
            models += [m for m in map(self.model_info, entries) if m and not self._skips(m.name)]
            path, pages = self.next_page(found), pages + 1
        self._listed = models
        return models

    def _skips(self, model: str) -> bool:
        return any(fnmatchcase(model.lower(), pattern) for pattern in self.spec.skip_models)

    def _target(self, url: str, headers: Mapping[str, str]) -> Target:
        secrets = self.endpoint.secrets()
        sent = self.endpoint.extra_headers() | self.auth_headers() | dict(headers)
        return Target(self.title, url, sent, secrets)

    def _thinking_fields(self, call: Call) -> dict[str, Any]:
        rule = self.rule(call.model)
        if reason := rule.reason_against(call.thinking):
            raise InvalidInput(f"{self.name}/{call.model}, thinking {call.thinking}: {reason}")
        return dict(rule.fields[call.thinking])

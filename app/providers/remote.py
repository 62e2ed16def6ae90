"""What all providers behind HTTP have in common; the adapters add their protocol."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar

from app.errors import ProviderError
from app.providers.base import Call, Completion, Heard, ModelInfo, Request, Status, ThinkingRule
from app.providers.catalogue import Catalogue, Rule
from app.providers.endpoint import Endpoint
from app.providers.http import HttpClient
from app.providers.listing import ModelList
from app.providers.received import without_secrets
from app.providers.reply import Reply, string, table
from app.providers.spec import ProviderSpec
from app.providers.sse import SseReader, StreamReader
from app.providers.target import Target

LIST_TIMEOUT_S, PROBE_TIMEOUT_S, MAX_PAGES = 10, 1, 20


class RemoteProvider(ABC):
    """One API behind HTTP. ``spec`` is given by the class, or by the table of one's own server."""

    practice = False
    spec: ClassVar[ProviderSpec]
    path: str  # of a call, behind the base URL
    list_path: str
    reader: type[StreamReader] = SseReader

    def __init__(
        self, spec: ProviderSpec, catalogue: Catalogue, environ: Mapping[str, str], http: HttpClient
    ) -> None:
        self.name, self.title = spec.name, spec.title
        self.account, self.price_list = spec.account or spec.name, spec.price_list
        self._spec, self.endpoint = spec, Endpoint(spec, environ)
        self._models = ModelList(spec, catalogue)
        self._http = http
        self._found = ""  # the usual address at which a server answered

    @abstractmethod
    def build(self, call: Call, thinking: dict[str, Any], temperature: float | None) -> Request:
        """The request of a call, given the fields that switch thinking. Pure."""

    @abstractmethod
    def auth_headers(self) -> dict[str, str]:
        """The headers that carry the key, if there is one."""

    @abstractmethod
    def new_reply(self, target: Target, call: Call | None) -> Reply:
        """What takes in the stream of one call."""

    def listed(self, found: Any) -> list[Any] | None:
        """The models in what the server sent as its list; None when it is no such list."""
        data = table(found).get("data")
        return data if isinstance(data, list) else None

    def next_page(self, found: Any) -> str:
        """The path to the rest of the list, if there is more."""
        return ""

    def model_info(self, entry: dict[str, Any]) -> ModelInfo | None:
        """One model of the list; None for what cannot chat."""
        name = string(entry.get("id"))
        title = string(entry.get("display_name")) or string(entry.get("name"))
        return ModelInfo(self.name, name, title) if name else None

    def refined(self, rule: Rule, entry: dict[str, Any]) -> Rule:
        """The rule of a model after what the server's list says of it."""
        return rule

    def prepare(self, call: Call) -> Request:
        rule = self.rule(call.model)
        sent, note = rule.temperature.sent(call.temperature, call.thinking, rule.shape)
        request = self.build(call, dict(rule.fields.get(call.thinking, {})), sent)
        return replace(
            request, temperature_sent=sent, temperature_note=note, adaptive=rule.adaptive, call=call
        )

    def not_ready(self) -> str:
        return self.endpoint.not_ready(found=bool(self._found))

    def status(self) -> Status:
        address = self.endpoint.override() or self._found or self._spec.base_url
        return Status(
            address="" if "{port}" in address else address,
            key_optional=self._spec.key_optional,
            key_in=self.endpoint.key_in(),
            set_up=bool(self.endpoint.key_in() or self.endpoint.override()),
            listed=self._models.listed,
            list_error=self._models.error,
            limits=self._http.limits,
        )

    def rule(self, model: str) -> ThinkingRule:
        return self._models.rule(model)

    def known_models(self) -> list[ModelInfo]:
        return self._models.models

    async def list_models(self) -> list[ModelInfo]:
        try:
            if self.discoverable:
                return await self.find(LIST_TIMEOUT_S)
            return await self._list(await self._base_url(), LIST_TIMEOUT_S)
        except ProviderError as error:
            self._models.error = error.message
            raise

    async def complete(self, request: Request, heard: Heard | None = None) -> Completion:
        target = self._target(await self._base_url() + request.path, request.headers)
        reply = self.new_reply(target, request.call)
        reply.listen(heard, self._spec.closes_alone, request.call, self.rule)
        deadline = self._http.deadline()
        more: dict[str, Any] | None = {}
        try:
            while more is not None:
                await self._stream(target, request.body | more, reply, deadline)
                more = reply.continuation()
            completion = reply.completion()
        except ProviderError as error:
            error.retryable = error.retryable and not reply.tokens_seen
            if error.kind != "refused":
                raise
            completion = reply.refused(error)
        return without_secrets(reply.timed(completion), target.secrets)

    async def aclose(self) -> None:
        await self._http.aclose()

    @property
    def discoverable(self) -> bool:
        """Whether this is a server of one's own that can be asked without costs or a key."""
        return self._spec.key_optional and bool(self.endpoint.override() or self._spec.base_urls)

    async def find(self, timeout_s: float = PROBE_TIMEOUT_S) -> list[ModelInfo]:
        """Ask at each usual address (or the one set) until a model list comes back."""
        failure: ProviderError | None = None
        override = self.endpoint.override()
        for base_url in (override,) if override else self._spec.base_urls:
            try:
                models = await self._list(base_url, timeout_s)
            except ProviderError as error:
                if error.kind == "timeout" and self._models.listed:
                    raise  # it was there and is busy, perhaps with our own calls
                failure = failure or error
            else:
                self._found = base_url
                return models
        self._found = ""
        failure = failure or ProviderError("not_ready", self.not_ready())
        self._models.forget(failure.message)
        raise failure

    async def _base_url(self) -> str:
        override = self.endpoint.override()
        if not override and self._spec.ports and not self._found:
            await self.find()
        if problem := self.not_ready():
            raise ProviderError("not_ready", problem)
        return override or self._found or self._spec.base_url

    async def _stream(
        self, target: Target, body: dict[str, Any], reply: Reply, deadline: float
    ) -> None:
        ends = {"is_last": reply.is_last, "is_payload": reply.is_payload}
        events = self._http.stream(target, body, self.reader(), **ends, deadline=deadline)
        async with aclosing(events):
            async for event in events:
                reply.receive(event)

    async def _list(self, base_url: str, timeout_s: float) -> list[ModelInfo]:
        entries: list[dict[str, Any]] = []
        path, pages = self.list_path, 0
        while path and pages < MAX_PAGES:
            target = self._target(base_url + path, {})
            found = await self._http.json(target, timeout_s)
            page = self.listed(found)
            if page is None:
                raise target.failure("protocol", "sent something that is not a list of models.")
            entries += map(table, page)
            path, pages = self.next_page(found), pages + 1
        entries = await self.described(base_url, entries, timeout_s)
        models = [(info, entry) for entry in entries if (info := self.model_info(entry))]
        return self._models.take(models, self.refined)

    async def described(
        self, base_url: str, entries: list[dict[str, Any]], timeout_s: float
    ) -> list[dict[str, Any]]:
        """The entries of the list, with what has to be asked for each model apart."""
        return entries

    def _target(self, url: str, headers: Mapping[str, str]) -> Target:
        sent = self.endpoint.extra_headers() | self.auth_headers() | dict(headers)
        return Target(self.title, url, sent, self.endpoint.secrets())

"""What is particular about one provider: told in its file, or in a table of one's own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin

from app.errors import SettingsError
from app.providers.base import ThinkingKind

Tables = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """Where a provider is, what it needs, and how its API differs from its neighbours'."""

    name: str  # the prefix in "provider/model-id"
    title: str
    base_url: str = ""  # without a trailing slash; "{port}" is one of ``ports``; empty: must be set
    base_url_env: tuple[str, ...] = ()  # variables that replace it; the first that is set wins
    base_url_form: str = ""  # "host" as Ollama writes it; "v1" adds /v1 where no path is given
    key_env: tuple[str, ...] = ()  # variables that may hold the key; none: no key is sent
    bearer_env: tuple[str, ...] = ()  # those of a token that is sent where there is no key
    key_optional: bool = False  # ready without a key
    headers: dict[str, str] = field(default_factory=dict)  # fixed ones, which hold no secret
    headers_env: dict[str, str] = field(default_factory=dict)  # header → variable, sent when set
    ports: tuple[int, ...] = ()  # usual ones of a server on this machine
    switch: str = ""  # how thinking is switched: a [switch] of models.toml; own servers: adapter's
    token_limit: str = "max_tokens"  # noqa: S105 - the body field of the output cap
    stream_options: bool = True  # False: the usage comes unasked, and asking would be refused
    thinking_text: ThinkingKind = ThinkingKind.full  # what thinking text is when some comes back
    closes_alone: bool = True  # thinking may stand in the text up to a lone </think>
    silence_s: float = 120  # give up when no payload came for so long; keep-alives do not count
    skip_models: tuple[str, ...] = ()  # patterns of listed ids that do not chat
    rules: str = ""  # whose rules of models.toml apply, if not those of its own name
    no_levels: tuple[str, ...] = ()  # efforts that this API refuses whatever the model
    price_list: str = ""  # its name in the library of list prices
    account: str = ""  # whose limits it shares, because it is called with the same key
    adapter: str = "openai-chat"  # of a server of one's own: the provider whose protocol it speaks

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Where the server may be when no variable says so."""
        if self.ports:
            return tuple(self.base_url.format(port=port) for port in self.ports)
        return (self.base_url,) if self.base_url else ()


def read_toml(path: Path) -> Tables:
    """Raises SettingsError when the file cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsError(f"{path.name} cannot be read: {exc}") from exc


def read_specs(tables: Tables, source: str) -> list[ProviderSpec]:
    """The [[provider]] tables, checked. Raises SettingsError with the field that is wrong."""
    return [_spec(table, source) for table in tables.get("provider", [])]


def _spec(table: Mapping[str, Any], source: str) -> ProviderSpec:
    known = {f.name: f for f in fields(ProviderSpec)}
    name = table.get("name", "without a name")
    if unknown := sorted(set(table) - set(known)):
        raise SettingsError(f"{source}: provider {name} has unknown fields: {', '.join(unknown)}.")
    if missing := sorted({"name", "title", "base_url"} - set(table)):
        raise SettingsError(f"{source}: provider {name} lacks {', '.join(missing)}.")
    if not isinstance(name, str) or not name or "/" in name:
        raise SettingsError(f"{source}: a provider's name must be a word without a slash.")
    values = dict(table)
    for key, value in table.items():
        if get_origin(known[key].type) is tuple:
            if not isinstance(value, list):
                raise SettingsError(f"{source}: provider {name}: {key} must be a list.")
            values[key] = tuple(value)
    values["base_url"] = str(table["base_url"]).rstrip("/")
    try:
        values["thinking_text"] = ThinkingKind(table.get("thinking_text", "full"))
    except ValueError:
        raise SettingsError(f"{source}: {name}: thinking_text is not full or summary.") from None
    return ProviderSpec(**values)

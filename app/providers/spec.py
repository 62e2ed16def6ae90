"""One provider as described by a table of providers.toml."""

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
    """The columns are explained at the top of providers.toml."""

    name: str
    title: str
    adapter: str
    base_url: str
    base_url_env: tuple[str, ...] = ()
    base_url_form: str = ""
    key_env: tuple[str, ...] = ()
    bearer_env: tuple[str, ...] = ()
    key_optional: bool = False
    headers_env: dict[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    token_limit: str = "max_tokens"  # noqa: S105 - no password
    stream_options: bool = True
    thinking_apart: bool = False
    thinking_text: ThinkingKind = ThinkingKind.full
    silence_s: float = 120
    skip_models: tuple[str, ...] = ()
    rules: str = ""

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
    """The [[provider]] tables, checked."""
    return [_spec(table, source) for table in tables.get("provider", [])]


def _spec(table: Mapping[str, Any], source: str) -> ProviderSpec:
    known = {f.name: f for f in fields(ProviderSpec)}
    name = table.get("name", "without a name")
    if unknown := sorted(set(table) - set(known)):
        raise SettingsError(f"{source}: provider {name} has unknown fields: {', '.join(unknown)}.")
    if missing := sorted({"name", "title", "adapter", "base_url"} - set(table)):
        raise SettingsError(f"{source}: provider {name} lacks {', '.join(missing)}.")
    if not isinstance(name, str) or not name or "/" in name:
        raise SettingsError(f"{source}: a provider's name must be a word without a slash.")
    values = dict(table)
    for key, value in table.items():
        if get_origin(known[key].type) is tuple:
            values[key] = tuple(value)
    try:
        values["thinking_text"] = ThinkingKind(table.get("thinking_text", "full"))
    except ValueError:
        raise SettingsError(f"{source}: {name}: thinking_text is not full or summary.") from None
    return ProviderSpec(**values)

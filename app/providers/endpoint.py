"""Where a provider is and with which key, looked up in the environment at each call."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

from app.errors import ProviderError
from app.providers.spec import ProviderSpec

IN_FILE = "_FILE"  # after a key's variable: the file that holds it, as containers mount secrets
LONGEST_SECRET = 10_000  # characters


class Endpoint:
    """Base URL, key and extra headers of one provider, as the environment has them now."""

    def __init__(self, spec: ProviderSpec, environ: Mapping[str, str]) -> None:
        self.spec = spec
        self._environ = environ

    def override(self) -> str:
        """The base URL that a variable sets, in the form we use; empty when none does."""
        _, value = self._first(self.spec.base_url_env)
        if value and self.spec.base_url_form == "host":
            value = from_host(value, self.spec.ports[0] if self.spec.ports else 80)
            value = value.rstrip("/").removesuffix("/v1")  # where its imitation of OpenAI is
        value = value.rstrip("/")
        if value and self.spec.base_url_form == "v1" and not urlsplit(value).path:
            value += "/v1"
        return value

    def key(self) -> str:
        return self._secret(self.spec.key_env)[1]

    def key_in(self) -> str:
        """The variable that holds the key or the token in its place, or names the file that does;
        empty where there is none."""
        return self._secret((*self.spec.key_env, *self.spec.bearer_env))[0]

    def bearer(self) -> str:
        """The token that stands in for a missing key."""
        return "" if self.key() else self._secret(self.spec.bearer_env)[1]

    def secrets(self) -> list[str]:
        """Every value that no message may contain."""
        names = (*self.spec.key_env, *self.spec.bearer_env, *self.spec.headers_env.values())
        return [value for name in names if (value := self._secret([name])[1])]

    def extra_headers(self) -> dict[str, str]:
        found = {h: self._secret([v])[1] for h, v in self.spec.headers_env.items()}
        set_ = {header: value for header, value in found.items() if value}
        return self.spec.headers | set_

    def not_ready(self, *, found: bool) -> str:
        """What to do before calls can be made; ``found``: a server answered on a usual port."""
        spec, override = self.spec, self.override()
        where = " or ".join(spec.base_url_env)
        if override and not is_web_address(override):
            return (
                f"{where} must be a web address such as http://127.0.0.1:8001, without a password."
            )
        if not override and not spec.base_url:
            return (
                f"Set {where} to the server's address, in the environment or in .env, and restart."
            )
        if not override and spec.ports and not found:
            ports = " or ".join(str(port) for port in spec.ports)
            return f"Nothing answered on port {ports}: start {spec.title}, or set {where}."
        moved = override not in ("", *spec.base_urls)  # somebody's own server may need no key
        if spec.key_env and not (spec.key_optional or moved or self.key() or self.bearer()):
            for name in (*spec.key_env, *spec.bearer_env):
                if self._environ.get(f"{name}{IN_FILE}", "").strip():
                    return f"{name}{IN_FILE} names a file that cannot be read, or that is empty."
            return f"Set {spec.key_env[0]} in the environment or in .env and restart."
        return ""

    def checked(self, secret: str) -> str:
        """A key that can stand in a header. Raises ProviderError without showing it."""
        if not secret.isascii() or not secret.isprintable() or " " in secret:
            names = " or ".join((*self.spec.key_env, *self.spec.bearer_env))
            raise ProviderError(
                "auth", f"The key in {names} contains characters that no key has. Copy it again."
            )
        return secret

    def _secret(self, names: Sequence[str]) -> tuple[str, str]:
        """The first that is set, by itself or through a file; read now, so that it may change."""
        for name in names:
            if value := self._environ.get(name, "").strip():
                return name, value
            if file := self._environ.get(f"{name}{IN_FILE}", "").strip():
                with suppress(OSError, UnicodeDecodeError), open(file, encoding="utf-8") as opened:
                    if value := opened.read(LONGEST_SECRET).strip():
                        return f"{name}{IN_FILE}", value
        return "", ""

    def _first(self, names: Sequence[str]) -> tuple[str, str]:
        for name in names:
            if value := self._environ.get(name, "").strip():
                return name, value
        return "", ""


def from_host(value: str, port: int) -> str:
    """Ollama's OLLAMA_HOST as a URL: ``host``, ``host:port``, ``http://…``; 0.0.0.0 is here."""
    scheme, separator, rest = value.rpartition("://")
    hostport, slash, path = rest.partition("/")
    host, colon, given = hostport.rpartition(":")
    if not colon or hostport.endswith("]"):  # no port, or an IPv6 address without one
        host, given = hostport, "" if separator else str(port)
    if host in ("", "0.0.0.0", "[::]"):  # noqa: S104 - what servers listen on, not an address
        host = "127.0.0.1"
    return f"{scheme or 'http'}://{host}{':' if given else ''}{given}{slash}{path}"


@lru_cache(256)
def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return False
    # A password in the address would end up in messages; keys have variables of their own.
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc

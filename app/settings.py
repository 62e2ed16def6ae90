"""Every setting, read once from the environment and ``.env``, checked before the server starts."""

import os
import re
import ssl
from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.errors import SettingsError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
ENV_FILE, ENV_ENCODING = ".env", "utf-8-sig"  # some editors write a mark before the first name
IN_MEMORY = (None, "", ":memory:")  # what a SQLite URL names where it names no file
_SECRETS = ("password", "sslpassword")
_ODD_SIGNS = "In a password write %40 for @, %3A for :, %2F for / and %25 for %"


class Settings(BaseSettings):
    """The BLUFFCHECK_* variables. API keys are none of them: providers look those up."""

    model_config = SettingsConfigDict(
        env_prefix="BLUFFCHECK_",
        env_file=ENV_FILE,
        env_file_encoding=ENV_ENCODING,
        extra="ignore",
    )

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    allowed_hosts: Annotated[list[str], NoDecode] = []
    login: Literal["none", "password", "proxy", "oidc"] = "none"
    # Addresses or networks of proxies in front: what they say of requests is believed.
    proxy_addresses: Annotated[list[str], NoDecode] = []
    proxy_header: str = "X-Forwarded-User"  # in which a proxy says who it is, with login=proxy
    proxy_role: Literal["none", "reader", "reviewer"] = "reader"  # of whom it names the first time
    oidc_issuer: str = ""  # the OpenID Connect provider, with login=oidc
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_claim: str = "email"  # what of a person is their login here
    oidc_role: Literal["none", "reader", "reviewer"] = "none"  # of whom it knows and we do not
    embed_shares: Annotated[list[str], NoDecode] = []  # origins whose pages may show shares
    public_url: str = ""  # how others reach this server
    data_dir: Path = Field(default_factory=lambda: _data_dir())
    database_url: str = ""  # empty: SQLite in data_dir
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics: Literal["loopback", "open", "off"] = "loopback"  # who may read /metrics
    concurrency: int = Field(8, ge=1, le=1000)  # calls in flight per provider
    worker_calls: int = Field(200, ge=2, le=10_000)  # in flight per process, on Postgres
    max_answers: int = Field(20_000, ge=1)  # in one grid
    max_calls_default: int = Field(1_000, ge=1)  # of a grid that names no ceiling of its own
    max_cost_default: float = Field(10, ge=0, allow_inf_nan=False)  # US dollars, the same
    preflight_calls: int = Field(100, ge=0)  # a grid of so many calls begins with test calls
    max_body_bytes: int = Field(2_000_000, ge=1_000)
    max_upload_bytes: int = Field(200_000_000, ge=1_000)  # of a file that is imported
    call_timeout_s: float = Field(600, gt=0)
    ca_file: Path | None = None  # certificates to trust beside the usual ones
    # Private networks in which there are model servers: 10.1.2.3, 192.168.0.0/16.
    allow_private: Annotated[list[IPv4Network | IPv6Network], NoDecode] = []
    practice_latency_ms: int = Field(700, ge=0)
    discover: bool = True  # look for local servers, and ask providers for their models

    @field_validator("allowed_hosts", "proxy_addresses", "embed_shares", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [h.strip() for h in value.split(",") if h.strip()] if isinstance(value, str) else value
        )

    @field_validator("allow_private", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        found = cls._split(value)
        # Here, since pydantic would name each kind of network, at length; this says what is wrong.
        return [ip_network(one) for one in found] if isinstance(found, list) else found

    @field_validator("proxy_addresses")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for one in value:
            ip_network(one, strict=False)  # its ValueError says what is wrong
        return value

    @field_validator("embed_shares")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        for one in value:
            if not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?", one):
                raise ValueError(f"{one} is not an origin such as https://forum.example")
        return value

    @field_validator("proxy_header")
    @classmethod
    def _is_a_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9-]+", value):
            raise ValueError("not the name of a header such as X-Forwarded-User")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_a_site(cls, value: str) -> str:
        value = value.rstrip("/")
        if value and not re.fullmatch(r"https?://[^/\s]+", value):
            raise ValueError(
                "write it like https://bluff.example.org, with nothing behind the name"
            )
        return value

    @field_validator("data_dir", mode="before")
    @classmethod
    def _not_here(cls, value: object) -> object:
        """Empty is unset, and not the folder it was started in."""
        return value or _data_dir()

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return _expanded(value)

    @field_validator("ca_file", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return value or None

    @field_validator("ca_file")
    @classmethod
    def _holds_certificates(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        path = _expanded(value)
        trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            trusted.load_verify_locations(cafile=path)
        except ssl.SSLError:
            pass  # told by what is missing
        except OSError as exc:
            raise ValueError(f"{path} cannot be read: {exc.strerror}") from None
        if not trusted.cert_store_stats()["x509"]:
            raise ValueError(f"{path} holds no certificate in PEM form")
        return path

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value:
            return value
        url = usable_url(value)
        if url.get_backend_name() == "sqlite" and url.database in IN_MEMORY:
            raise ValueError("names no file: write sqlite:////var/lib/bluffcheck/bluffcheck.db")
        return url.render_as_string(hide_password=False)

    @property
    def url(self) -> str:
        """The database in use, as a SQLAlchemy URL."""
        return self.database_url or sqlite_url(self.data_dir / "bluffcheck.db")

    @property
    def url_for_people(self) -> str:
        """The database in use, without a password."""
        return without_password(make_url(self.url))

    @property
    def uploads(self) -> Path:
        """Where files wait to be imported; made when the first one comes."""
        return self.data_dir / "imports"

    @property
    def hosts(self) -> frozenset[str]:
        """Host names that requests may be addressed to (without port, lower case)."""
        everywhere = ("0.0.0.0", "::", "")  # noqa: S104 (recognised, not bound to)
        own = set() if self.host in everywhere else {self.host.lower()}
        return LOOPBACK | own | {h.lower() for h in self.allowed_hosts}

    @cached_property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        return [ip_network(one, strict=False) for one in self.proxy_addresses]

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment with ``.env`` under it: where keys and base URLs are looked up."""
        found = dotenv_values(ENV_FILE, encoding=ENV_ENCODING)
        from_file = {k: v for k, v in found.items() if v is not None}
        return {**from_file, **os.environ}


def _data_dir() -> Path:
    return Path(platformdirs.user_data_dir("bluffcheck"))


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"{path}: there is no such user") from None


def sqlite_url(file: Path) -> str:
    """The database URL of a file, in which ? and % have a meaning."""
    return f"sqlite:///{file}".replace("%", "%25").replace("?", "%3F")


def without_password(url: URL) -> str:
    """A database URL to be shown. Passwords may stand behind its ? too."""
    return url.difference_update_query(_SECRETS).render_as_string(hide_password=True)


def usable_url(text: str) -> URL:
    """A database URL as people write it, with the driver we have. Raises ValueError."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("not a database URL such as postgresql://user@host/name") from None
    except ValueError:  # it repeats what is no port, and may be the end of a password
        raise ValueError(f"its port is no number. {_ODD_SIGNS}") from None
    if "@" in (url.host or ""):
        raise ValueError(f"there is more than one @ in it. {_ODD_SIGNS}")
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ValueError("only sqlite:/// and postgresql:// are supported")
    return url


def load_settings(**overrides: object) -> Settings:
    """Read and check the settings; ``overrides`` (from the command line) win where not None.

    Raises SettingsError with one line per wrong variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except UnicodeDecodeError:
        raise SettingsError(f"The file {ENV_FILE} is not UTF-8: save it as that.") from None
    except OSError as exc:
        raise SettingsError(f"The file {ENV_FILE} cannot be read: {exc.strerror}.") from None
    except ValidationError as exc:
        lines = [
            f"  BLUFFCHECK_{'_'.join(str(p) for p in e['loc']).upper()}: {e['msg']}"
            + ("" if "database_url" in e["loc"] else f" (it is {e['input']!r})")  # has a password
            for e in exc.errors()
        ]
        raise SettingsError("These settings cannot be used:\n" + "\n".join(lines)) from None
    if settings.host not in LOOPBACK and settings.login == "none":
        raise SettingsError(
            f"BLUFFCHECK_HOST is {settings.host}, which other machines can reach, and nobody has to"
            " log in: whoever connects could spend your API keys. Set BLUFFCHECK_LOGIN to password;"
            " or to oidc or proxy, if people log in elsewhere; or listen on 127.0.0.1."
        )
    if settings.login == "proxy" and not settings.proxy_addresses:
        raise SettingsError(
            "BLUFFCHECK_LOGIN is proxy, and nothing says which proxy to believe: anybody could say"
            " that they are somebody else. Put its address into BLUFFCHECK_PROXY_ADDRESSES, such as"
            " 127.0.0.1 or 10.0.0.0/24."
        )
    if settings.login == "oidc" and not (settings.oidc_issuer and settings.oidc_client_id):
        raise SettingsError(
            "BLUFFCHECK_LOGIN is oidc: name the provider in BLUFFCHECK_OIDC_ISSUER, such as"
            " https://login.example.org, and what it calls us in BLUFFCHECK_OIDC_CLIENT_ID."
        )
    return settings

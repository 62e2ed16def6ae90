"""Logging in at an OpenID Connect provider: the code flow with PKCE, state and nonce.

What has to be remembered meanwhile stands in a cookie of the browser that began: nothing of it is
worth anything without the code that the provider gives to that same browser. Of the extra "oidc".
"""

import hmac
import json
import secrets
import ssl
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, unquote

from app.errors import BluffcheckError, SettingsError
from app.settings import Settings

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]  # no shared secrets
LEEWAY_S = 60  # how far its clock may be from ours
KEPT_S = 3600  # what it says of itself
TIMEOUT_S = 10


class OidcFailed(BluffcheckError):
    """The provider cannot be reached, or what came back is not to be believed."""

    status = 502
    title = "Logging in did not work"


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that was begun, as the cookie keeps it."""

    state: str
    nonce: str
    verifier: str
    back: str  # where to go then

    def as_cookie(self) -> str:
        return quote(json.dumps(asdict(self)))

    @classmethod
    def of(cls, cookie: str) -> "Begun":
        """Raises OidcFailed."""
        try:
            return cls(**{name: str(value) for name, value in json.loads(unquote(cookie)).items()})
        except (ValueError, TypeError, AttributeError):
            raise OidcFailed(
                "This login was begun elsewhere, or too long ago. Begin anew."
            ) from None


@dataclass(frozen=True, slots=True)
class Known:
    """Whom the provider knows."""

    login: str
    name: str


class OidcProvider:
    """The one provider of the settings. Its calls block."""

    def __init__(self, settings: Settings) -> None:
        try:
            import authlib  # noqa: F401
        except ModuleNotFoundError as exc:
            raise SettingsError(
                "BLUFFCHECK_LOGIN=oidc needs the extra “oidc”: start with make run EXTRA=oidc, or"
                " uv run --extra oidc."
            ) from exc
        self._settings = settings
        self._told: dict[str, Any] = {}
        self._told_at = 0.0

    def begin(self, redirect_uri: str, back: str) -> tuple[str, Begun]:
        """The address to send the browser to, and what to remember. Raises OidcFailed."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        begun = Begun(state, nonce, verifier, back)
        with self._client(redirect_uri) as client:
            told = self._about_itself(client)
            address, _ = client.create_authorization_url(
                told["authorization_endpoint"],
                state=begun.state,
                code_verifier=begun.verifier,
                nonce=begun.nonce,
            )
        return str(address), begun

    def finish(self, redirect_uri: str, begun: Begun, code: str, state: str) -> Known:
        """Whom the code is for. Raises OidcFailed."""
        if not hmac.compare_digest(begun.state.encode(), state.encode("utf-8", "surrogatepass")):
            raise OidcFailed("This answer belongs to another login. Begin anew.")
        with self._client(redirect_uri) as client:
            told = self._about_itself(client)
            try:
                token = client.fetch_token(
                    told["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=begun.verifier,
                )
                keys = client.request("GET", told["jwks_uri"], withhold_token=True).json()
                claims = self._verified(token["id_token"], keys, begun.nonce)
            except _trouble() as exc:
                raise OidcFailed(
                    f"{self._settings.oidc_issuer} did not confirm this login"
                    f" ({type(exc).__name__}). Begin anew."
                ) from exc
        return self._known(claims)

    def _verified(self, id_token: str, keys: Any, nonce: str) -> dict[str, Any]:
        """What the token says, if it is signed by the provider, for us, now, and for this login."""
        from joserfc import jwk, jwt

        token = jwt.decode(id_token, jwk.KeySet.import_key_set(keys), algorithms=ALGORITHMS)
        wanted: dict[str, Any] = {
            "iss": {"essential": True, "value": self._told["issuer"]},
            "aud": {"essential": True, "value": self._settings.oidc_client_id},
            "nonce": {"essential": True, "value": nonce},
            "exp": {"essential": True},
            "sub": {"essential": True},
        }
        jwt.JWTClaimsRegistry(leeway=LEEWAY_S, **wanted).validate(token.claims)
        return token.claims

    def _known(self, claims: dict[str, Any]) -> Known:
        claim = self._settings.oidc_claim
        login = claims.get(claim)
        if not isinstance(login, str) or not login.strip():
            raise OidcFailed(
                f"The provider did not say “{claim}” of you: choose another BLUFFCHECK_OIDC_CLAIM."
            )
        if claim == "email" and claims.get("email_verified") is not True:
            raise OidcFailed("The provider has not verified your email address.")
        name = "".join(filter(str.isprintable, str(claims.get("name") or ""))).strip()
        return Known(login.strip()[:200], (name or login.strip())[:80])

    def _about_itself(self, client: Any) -> dict[str, Any]:
        """Its addresses, asked once in a while."""
        if self._told and time.monotonic() - self._told_at < KEPT_S:
            return self._told
        issuer = self._settings.oidc_issuer.rstrip("/")
        url = f"{issuer}/.well-known/openid-configuration"
        try:
            response = client.request("GET", url, withhold_token=True)
            response.raise_for_status()
            told: dict[str, Any] = response.json()
        except _trouble() as exc:
            raise OidcFailed(
                f"{url} cannot be read ({type(exc).__name__}). Try again, or ask an owner whether"
                " BLUFFCHECK_OIDC_ISSUER is right."
            ) from exc
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if str(told.get("issuer", "")).rstrip("/") != issuer or not all(map(told.get, needed)):
            raise OidcFailed(f"{url} does not describe this provider.")
        self._told, self._told_at = told, time.monotonic()
        return told

    def _client(self, redirect_uri: str) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        settings = self._settings
        trusted = ssl.create_default_context()
        if settings.ca_file:
            trusted.load_verify_locations(cafile=settings.ca_file)
        return OAuth2Client(
            settings.oidc_client_id,
            settings.oidc_client_secret.get_secret_value() or None,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic"
            if settings.oidc_client_secret.get_secret_value()
            else "none",
            timeout=TIMEOUT_S,
            verify=trusted,
        )


def _trouble() -> tuple[type[Exception], ...]:
    """What is raised where the provider cannot be reached, or is not to be believed."""
    import httpx2
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError

    return httpx2.HTTPError, AuthlibBaseError, JoseError, KeyError, ValueError

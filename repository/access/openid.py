"""Signing on by OpenID Connect: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).

The protocol is Authlib's and the signatures are joserfc's; here stands only what is asked of them.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from cryptography.x509 import load_der_x509_certificate
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from requests import RequestException

from repository.access.sign_on import Asserted
from repository.access.trusted import Provider
from repository.errors import MahfuzError
from repository.vocabulary import utc_now

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Those by which a signature proves who made it: no shared secrets, and never none."""
TIMEOUT_SECONDS = 10
LEEWAY_SECONDS = 60
_KEPT_SECONDS = 3600
_KEYS_AGAIN_SECONDS = 60
_LARGEST = 1 << 20


class SignOnFailed(MahfuzError):
    """The provider did not answer, or answered what cannot be believed; nobody is signed on."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-on under way: where the reader is sent, and what the answer has to fit."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Published:
    """What a provider publishes of itself, looked at anew: how many of its keys we can use, and until when."""

    keys: int
    ends: datetime | None = None
    """When the first of what bears an end runs out (``exp``, certificates of keys); None: nothing does."""


class OpenId:
    """One provider, asked over HTTP; what it publishes of itself is kept for an hour."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = Lock()

    def begin(self, redirect_uri: str) -> Begun:
        """Where to send a reader who wants to sign on. Raises SignOnFailed."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                self._endpoint("authorization_endpoint"), state=state, code_verifier=verifier, nonce=nonce
            )
        return Begun(cast(str, url), state, nonce, verifier)

    def finish(self, redirect_uri: str, code: str, nonce: str, verifier: str) -> Asserted:
        """What the provider says of whoever came back with ``code``. Raises SignOnFailed."""
        with self._session(redirect_uri) as session:
            token = self._asked(
                lambda: session.fetch_token(
                    self._endpoint("token_endpoint"),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    redirect_uri=redirect_uri,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            )
            claims = self._claims(token, nonce)
            wanted = (*self.provider.home_claims, *self.provider.affiliation_claims)
            endpoint = self._metadata().get("userinfo_endpoint")
            if not any(name in claims for name in wanted) and endpoint and token.get("access_token"):
                claims = claims | self._of_user(session, claims["sub"])
        return Asserted(
            provider=self.provider.issuer,
            affiliations=_values(claims, self.provider.affiliation_claims),
            homes=_values(claims, self.provider.home_claims),
            entitlements=_values(claims, self.provider.entitlement_claims),
            hub=self.provider.hub,
            home_is_enough=self.provider.home_is_enough,
        )

    def look(self) -> Published:
        """What the provider publishes now, past what is kept of it. Raises SignOnFailed where nobody could sign on."""
        with self._lock:
            self._kept.clear()
        metadata = self._metadata()
        for name in ("authorization_endpoint", "token_endpoint"):
            self._endpoint(name)
        offered = metadata.get("id_token_signing_alg_values_supported")
        if isinstance(offered, list) and not set(offered) & set(ALGORITHMS):
            raise SignOnFailed(f"{self.provider.name}: it signs by none of {', '.join(ALGORITHMS)}")
        published = self._published(self._endpoint("jwks_uri"), _KEPT_SECONDS)
        try:
            self._keys()
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignOnFailed(f"{self.provider.name}: its keys cannot be read: {error}") from error
        given = published.get("keys")
        signing = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        signing = [one for one in signing if one.get("use", "sig") == "sig" and one.get("kty") in ("RSA", "EC", "OKP")]
        if not signing:
            raise SignOnFailed(f"{self.provider.name}: it publishes no key that signs")
        return Published(len(signing), min(_ends(metadata, published, signing), default=None))

    def _claims(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        text = token.get("id_token")
        if not isinstance(text, str):
            raise SignOnFailed(f"{self.provider.name}: no ID token came")
        issuer, client = self.provider.issuer, self.provider.client_id
        options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client}}
        try:
            signed = self._verified(text)
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                options,
                {"nonce": nonce, "client_id": client, "access_token": token.get("access_token")},
            )
            claims.validate(now=int(utc_now().timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError) as error:
            raise SignOnFailed(f"{self.provider.name}: the ID token is not to be believed: {error}") from error
        return dict(claims)

    def _verified(self, text: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(text, self._keys(), registry=registry)
        except InvalidKeyIdError:  # the provider has new keys
            return jwt.decode(text, self._keys(_KEYS_AGAIN_SECONDS), registry=registry)

    def _of_user(self, session: OAuth2Session, subject: str) -> dict[str, Any]:
        answer = self._asked(
            lambda: session.get(self._endpoint("userinfo_endpoint"), timeout=TIMEOUT_SECONDS, allow_redirects=False)
        )
        found = self._json(answer, "userinfo")
        if found.get("sub") != subject:  # Core 5.3.2: else it may be of somebody else
            raise SignOnFailed(f"{self.provider.name}: userinfo is of another subject")
        return found

    def _metadata(self) -> dict[str, Any]:
        found = self._published(self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration", _KEPT_SECONDS)
        if found.get("issuer") != self.provider.issuer:
            raise SignOnFailed(f"{self.provider.name}: its configuration is of another issuer: {found.get('issuer')!r}")
        return found

    def _keys(self, seconds: float = _KEPT_SECONDS) -> KeySet:
        return KeySet.import_key_set(cast(Any, self._published(self._endpoint("jwks_uri"), seconds)))

    def _endpoint(self, name: str) -> str:
        url = self._metadata().get(name)
        scheme = urlsplit(self.provider.issuer).scheme
        if not isinstance(url, str) or urlsplit(url).scheme not in ("https", scheme):
            raise SignOnFailed(f"{self.provider.name}: its configuration has no usable {name}")
        return url

    def _published(self, url: str, seconds: float) -> dict[str, Any]:
        with self._lock:
            at, found = self._kept.get(url, (0.0, {}))
        if found and monotonic() - at < seconds:
            return found
        with self._session("") as session:
            answer = self._asked(
                lambda: session.get(url, withhold_token=True, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            )
        found = self._json(answer, url)
        with self._lock:
            self._kept[url] = (monotonic(), found)
        return found

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except AuthlibBaseError as error:  # its description is the provider's, who may name the reader in it
            raise SignOnFailed(f"{self.provider.name} did not answer as it should: {error.error}") from None
        except (RequestException, ValueError, KeyError) as error:
            raise SignOnFailed(f"{self.provider.name} did not answer as it should: {error}") from error

    def _json(self, answer: Any, what: str) -> dict[str, Any]:
        try:
            found = answer.json() if answer.status_code == 200 and len(answer.content) <= _LARGEST else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SignOnFailed(f"{self.provider.name}: {what} is no JSON object (HTTP {answer.status_code})")
        return found

    def _session(self, redirect_uri: str) -> OAuth2Session:
        given = self.provider
        session = OAuth2Session(
            given.client_id,
            given.client_secret or None,
            scope=" ".join(given.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        session.trust_env = False  # neither a proxy nor a password of this machine's environment
        if given.ca_file:
            session.verify = given.ca_file
        return session


def _ends(*published: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Iterator[datetime]:
    """Whatever in it says until when it is good: RFC 7519 ``exp``, and the certificates of keys (RFC 7517 ``x5c``)."""
    for one in published:
        if not isinstance(one, Mapping):
            yield from _ends(*one)
            continue
        if isinstance(exp := one.get("exp"), int | float):
            yield datetime.fromtimestamp(exp, UTC)
        for text in one.get("x5c") or ():
            yield load_der_x509_certificate(base64.b64decode(text)).not_valid_after_utc


def _values(claims: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """The values of these claims, each a text or a list of them; anything else was not said."""
    found: list[str] = []
    for name in names:
        said = claims.get(name)
        found += [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str)]
    return tuple(found)

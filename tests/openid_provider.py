"""A real OpenID provider on loopback: Authlib's server side, keys and signatures of joserfc, and faults to order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from werkzeug.serving import make_server

CLIENT = "arsiv"
SECRET = "of the archive and the provider"
NONE = b'{"alg":"none"}'


class Client(ClientMixin):  # type: ignore[misc]
    """The archive, as the provider knows it."""

    redirect_uris: tuple[str, ...] = ()

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uris[0]

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    """One code, to be redeemed once."""

    code: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass
class OpenIdProvider:
    """The provider: what it says of whoever signs in, and what it does wrong."""

    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    fault: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"}))
    other: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, Code] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    client: Client = field(default_factory=Client)
    issuer: str = ""

    def app(self) -> Flask:
        """Its pages."""
        app = Flask("provider")
        server = AuthorizationServer(app, query_client=self._client, save_token=lambda token, request: None)
        provider = self

        class Grant(AuthorizationCodeGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

            def save_authorization_code(self, code: str, request: Any) -> None:
                said = request.payload.data
                provider.codes[code] = Code(
                    code, said["redirect_uri"], said["scope"], said.get("nonce", ""), said.get("code_challenge", ""),
                    said.get("code_challenge_method", ""),
                )  # fmt: skip

            def query_authorization_code(self, code: str, client: Client) -> Code | None:
                return provider.codes.get(code)

            def delete_authorization_code(self, authorization_code: Code) -> None:
                del provider.codes[authorization_code.code]

            def authenticate_user(self, authorization_code: Code) -> str:
                return "kimse"

        class IdToken(OpenIDCode):  # type: ignore[misc]
            def exists_nonce(self, nonce: str, request: Any) -> bool:
                return False

            def resolve_client_private_key(self, client: Client) -> RSAKey:
                return provider.other if provider.fault == "forged" else provider.key

            def get_client_claims(self, client: Client) -> dict[str, Any]:
                return {"iss": provider.issuer, "aud": [CLIENT]}

            def get_client_algorithm(self, client: Client) -> str:
                return "RS256"

            def get_encode_header(self, client: Client) -> dict[str, str]:
                return {"alg": "RS256", "kid": str(provider.key.kid)}

            def generate_user_info(self, user: str, scope: str) -> UserInfo:
                return UserInfo(sub=user, **provider.claims)

            def encode_id_token(self, token: Any, request: Any) -> str:
                return provider._changed(str(super().encode_id_token(token, request)))

        server.register_grant(Grant, [CodeChallenge(required=True), IdToken(require_nonce=True)])

        @app.get("/.well-known/openid-configuration")
        def _configuration() -> Response:
            self.asked.append("configuration")
            document = {
                "issuer": self.issuer if self.fault != "configuration of another" else "https://baska.example.org",
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
            if self.userinfo is not None:
                document["userinfo_endpoint"] = f"{self.issuer}/userinfo"
            return jsonify(document)

        @app.get("/keys")
        def _keys() -> Response:
            self.asked.append("keys")
            until = {"exp": int(time.time()) - 3600} if self.fault == "keys ran out" else {}
            keys = [] if self.fault == "no keys" else [self.key.as_dict(private=False)]
            return jsonify({"keys": keys} | until)

        @app.get("/authorize")
        def _authorize() -> Any:
            grant = server.get_consent_grant(end_user="kimse")
            return server.create_authorization_response(grant_user="kimse", grant=grant)

        @app.post("/token")
        def _token() -> Any:
            if self.fault == "silent":
                return Response("<h1>busy</h1>", 503)
            return server.create_token_response()

        @app.get("/userinfo")
        def _userinfo() -> Response:
            assert request.headers["Authorization"].startswith("Bearer ")
            return jsonify({"sub": "kimse"} | (self.userinfo or {}))

        return app

    def _client(self, client_id: str) -> Client | None:
        return self.client if client_id == CLIENT else None

    def _changed(self, text: str) -> str:
        """The ID token with the fault that was ordered, signed anew with the true key where that is not the fault."""
        signed = jwt.decode(text, self.key if self.fault != "forged" else self.other)
        claims, now = dict(signed.claims), int(time.time())
        changes: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "of another"},
            "no nonce": {"nonce": None},
            "audience": {"aud": ["baska-istemci"]},
            "two audiences": {"aud": [CLIENT, "baska-istemci"]},
            "expired": {"exp": now - 3600, "iat": now - 7200},
            "issuer": {"iss": "https://baska.example.org"},
            "at_hash": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        }
        if self.fault == "none":
            return f"{_b64(NONE)}.{text.split('.')[1]}."
        if self.fault == "shared secret":
            public = self.key.as_pem(private=False)
            return str(jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(public), ["HS256"]))
        if self.fault not in changes:
            return text
        claims = {name: value for name, value in (claims | changes[self.fault]).items() if value is not None}
        return str(jwt.encode({"alg": "RS256", "kid": str(self.key.kid)}, claims, self.key))


def _b64(data: bytes) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def running() -> Iterator[OpenIdProvider]:
    """The provider, answering on a free port of this machine."""
    provider = OpenIdProvider()
    with pytest.MonkeyPatch.context() as patch:
        # It speaks in the clear, to this machine alone: its library wants to be told that this is meant.
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
        server = make_server("127.0.0.1", 0, provider.app(), threaded=True)
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

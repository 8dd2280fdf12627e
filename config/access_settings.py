"""The settings of access: who stands between the reader and us, and how an institution's people sign on."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from config.addresses import check_networks, is_web_address
from config.kept_files import secret_in
from repository.access.trusted import AFFILIATIONS, COMMON_LIB_TERMS, Front, Provider, Rules
from repository.errors import UsageError

SHORTEST_SECRET = 20

Header = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,40}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SamlSettings(_Section):
    """A Shibboleth SP (or another front) that protects one path and hands on what an identity provider asserted."""

    secret: SecretStr | None = None
    """What the front sends in ``secret_header`` with every request to that path."""
    secret_file: Path | None = None
    secret_header: Header = "X-Front-Secret"  # noqa: S105 (the name of a header)
    entity_header: Header = "X-Front-Entity"
    affiliation_header: Header = "X-Front-Affiliation"
    home_header: Header = "X-Front-Home"
    entitlement_header: Header = "X-Front-Entitlement"
    addresses: list[str] = []
    """From where the front asks us; empty: from anywhere, since it knows the secret."""
    login_url: str = "/Shibboleth.sso/Login?entityID={entity}&target={target}"
    logout_url: str = ""

    @field_validator("addresses")
    @classmethod
    def _networks(cls, addresses: list[str]) -> list[str]:
        check_networks(addresses, '"127.0.0.1" or "10.0.0.0/24"')
        return addresses

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.secret is None) is (self.secret_file is None):
            raise ValueError("needs secret or secret_file: what the front sends, so that nobody else can speak for it")
        if self.secret is not None:
            _checked(self.secret.get_secret_value())
        for key in ("login_url", "logout_url"):
            url = getattr(self, key)
            if url and not (url.startswith("/") and not url.startswith("//")) and not is_web_address(url):
                raise ValueError(f"{key} must be a path of this site or an address")
        if "{entity}" not in self.login_url or "{target}" not in self.login_url:
            raise ValueError("login_url must hold {entity} and {target}")
        return self

    def front(self) -> Front:
        """The front as the pages know it. Raises UsageError for a file of its secret that holds none."""
        secret = self.secret.get_secret_value() if self.secret else ""
        if self.secret_file is not None:
            secret = secret_in(self.secret_file, "access.saml.secret_file")
            try:
                _checked(secret)
            except ValueError as error:
                raise UsageError(f"access.saml.secret_file: {error}") from error
        return Front(
            secret=secret,
            secret_header=self.secret_header,
            entity_header=self.entity_header,
            affiliation_header=self.affiliation_header,
            home_header=self.home_header,
            entitlement_header=self.entitlement_header,
            addresses=tuple(ip_network(text) for text in self.addresses),
            login_url=self.login_url,
            logout_url=self.logout_url,
        )


class OpenIdSettings(_Section):
    """One OpenID provider: OpenAthens, a Keycloak realm, SATOSA in front of a federation."""

    name: Name
    """In addresses, and as the environment names it."""
    label: str = Field(min_length=1)
    """What the sign-in page calls it."""
    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    ca_file: Path | None = None
    scopes: list[Annotated[str, Field(pattern=r"^[!-~]+$")]] = ["openid"]
    hub: bool = False
    """Whether it speaks for many institutions, each known by its scope; else for the one under which it is entered."""
    home_is_enough: bool = False
    """Whether it lets only those pass for whom is licensed, so that no affiliation need be told."""
    home_claims: list[str] = ["derivedEduPersonScope", "schac_home_organization", "schacHomeOrganization"]
    affiliation_claims: list[str] = ["eduperson_scoped_affiliation", "eduPersonScopedAffiliation"]
    entitlement_claims: list[str] = ["eduperson_entitlement", "eduPersonEntitlement"]

    @field_validator("issuer")
    @classmethod
    def _reachable(cls, issuer: str) -> str:
        # In the clear to this very machine alone: elsewhere anybody on the way could say who a reader is.
        local = urlsplit(issuer).hostname in ("127.0.0.1", "::1", "localhost") if is_web_address(issuer) else False
        if not is_web_address(issuer, "https?://" if local else "https://") or re.search(r"[?#]", issuer):
            raise ValueError('must be an https address such as "https://connect.openathens.net"')
        return issuer

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.client_secret and self.client_secret_file:
            raise ValueError("give client_secret or client_secret_file, not both")
        if "openid" not in self.scopes:
            raise ValueError('scopes must hold "openid"')
        return self

    def provider(self) -> Provider:
        """The provider as the pages know it. Raises UsageError when the file of its secret cannot be read."""
        secret = self.client_secret.get_secret_value() if self.client_secret else ""
        if self.client_secret_file is not None:
            secret = secret_in(self.client_secret_file, f"access.openid.{self.name}.client_secret_file")
        return Provider(
            name=self.name,
            label=self.label,
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=secret,
            scopes=tuple(self.scopes),
            hub=self.hub,
            home_is_enough=self.home_is_enough,
            home_claims=tuple(self.home_claims),
            affiliation_claims=tuple(self.affiliation_claims),
            entitlement_claims=tuple(self.entitlement_claims),
            ca_file=str(self.ca_file) if self.ca_file else None,
        )


class AccessSettings(_Section):
    """Who stands between the reader and us, and how readers are known."""

    trusted_proxies: int = Field(ge=0, le=8)
    metrics_token: SecretStr | None = None
    metrics_token_file: Path | None = None
    sign_on_hours: float = Field(default=8, gt=0, le=24)
    """For how long a reader's sign-on is remembered, by the reader's browser alone."""
    affiliations: list[Annotated[str, Field(pattern=r"^[a-z-]+$")]] = list(AFFILIATIONS)
    """Who counts as one for whom an institution licenses (eduPersonScopedAffiliation)."""
    entitlements: list[str] = [COMMON_LIB_TERMS]
    """What counts without an affiliation."""
    saml: SamlSettings | None = None
    openid: list[OpenIdSettings] = []

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.metrics_token and self.metrics_token_file:
            raise ValueError("give metrics_token or metrics_token_file, not both")
        names = [one.name for one in self.openid]
        if len(set(names)) != len(names):
            raise ValueError("openid: two providers have the same name")
        return self

    def rules(self) -> Rules:
        """What is asked of a sign-on."""
        return Rules(frozenset(self.affiliations), frozenset(self.entitlements))

    def token(self) -> str:
        """The token of Prometheus, from wherever it is kept; empty where none is set. Raises UsageError."""
        if self.metrics_token_file is None:
            return self.metrics_token.get_secret_value() if self.metrics_token else ""
        return secret_in(self.metrics_token_file, "access.metrics_token_file")


def _checked(secret: str) -> None:
    if len(secret) < SHORTEST_SECRET or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError(
            f"a secret has at least {SHORTEST_SECRET} characters, all of ASCII and none of them a blank, "
            "for example what `openssl rand -hex 32` prints"
        )

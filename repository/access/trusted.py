"""Whose word is taken on where a reader belongs, and of whom: what the settings say of sign-on, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

COMMON_LIB_TERMS = "urn:mace:dir:entitlement:common-lib-terms"
AFFILIATIONS = ("member", "student", "faculty", "staff", "employee", "library-walk-in")
"""Who counts as a reader of a licence, where the settings say nothing else: not alum, not affiliate."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a sign-on."""

    affiliations: frozenset[str] = frozenset(AFFILIATIONS)
    entitlements: frozenset[str] = frozenset((COMMON_LIB_TERMS,))
    """What lets in without an affiliation."""


@dataclass(frozen=True, slots=True)
class Front:
    """A front that speaks SAML for us and hands on what was asserted in request headers."""

    secret: str = field(repr=False)
    secret_header: str = "X-Front-Secret"  # noqa: S105 (the name of a header)
    entity_header: str = "X-Front-Entity"
    affiliation_header: str = "X-Front-Affiliation"
    home_header: str = "X-Front-Home"
    entitlement_header: str = "X-Front-Entitlement"
    addresses: Sequence[IPv4Network | IPv6Network] = ()
    """From where it asks us; none: from anywhere."""
    login_url: str = "/Shibboleth.sso/Login?entityID={entity}&target={target}"
    logout_url: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID provider."""

    name: str
    label: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid",)
    hub: bool = False
    home_is_enough: bool = False
    home_claims: tuple[str, ...] = ("derivedEduPersonScope", "schac_home_organization", "schacHomeOrganization")
    affiliation_claims: tuple[str, ...] = ("eduperson_scoped_affiliation", "eduPersonScopedAffiliation")
    entitlement_claims: tuple[str, ...] = ("eduperson_entitlement", "eduPersonEntitlement")
    ca_file: str | None = None

"""What a front that speaks SAML hands on in request headers, believed from the front alone.

The front (a Shibboleth SP) protects one address of ours and sends a secret with what it hands on. These headers are
read at that address and nowhere else; a visitor who sends them gains nothing, not knowing the secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from flask import Request

from repository.access.sign_on import Asserted
from repository.access.trusted import Front

_LONGEST = 8000
_ENTITY = re.compile(r"[!-+\--:<-~]{1,1024}")
"""Printable ASCII without blanks, commas and semicolons: one name, and not two in one header."""


def speaks(front: Front, request: Request, peer: str) -> bool:
    """Whether it is the front that asks: by its secret, which comes once, and by its address where one is named."""
    given = request.headers.getlist(front.secret_header)
    known = len(given) == 1 and _same(front.secret, given[0])
    return known and (not front.addresses or _is_in(peer, front.addresses))


def asserted(front: Front, request: Request) -> Asserted | None:
    """What the front says of whoever asks; None where it names no identity provider, or more than one."""
    entity = _header(request, front.entity_header)
    if entity is None or not _ENTITY.fullmatch(entity):
        return None
    return Asserted(
        provider=entity,
        affiliations=_values(request, front.affiliation_header),
        homes=_values(request, front.home_header),
        entitlements=_values(request, front.entitlement_header),
    )


def _header(request: Request, name: str) -> str | None:
    value = request.headers.get(name, "").strip()
    return value if value.isascii() and 0 < len(value) <= _LONGEST else None


def _values(request: Request, name: str) -> tuple[str, ...]:
    """The values of one attribute, which a Shibboleth SP joins by semicolons.

    A comma stands where a server joined two headers of one name: then it is not known who wrote which.
    """
    value = _header(request, name)
    if value is None or "," in value:
        return ()
    return tuple(part.strip() for part in value.split(";") if part.strip())


def _same(secret: str, given: str) -> bool:
    # Of digests: not even its length is told by the time that it takes.
    return hmac.compare_digest(
        hashlib.sha256(secret.encode()).digest(), hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest()
    )


def _is_in(peer: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)

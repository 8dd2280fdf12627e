"""Addresses of web servers as settings give them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network
from urllib.parse import urlsplit


def is_web_address(url: str, beginning: str = "https?://") -> bool:
    """Whether ``url`` leads to a server, by its name and without a user, and begins so (a regular expression)."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port or 1) > 0 and "@" not in parts.netloc
    except ValueError:
        return False
    # After what it begins with: printable ASCII alone, no blanks.
    return usable and re.fullmatch(f"(?:{beginning})[!-~]*", url) is not None


def check_networks(addresses: Iterable[str], example: str) -> None:
    """Return if each is an address or a network (CIDR) of IPv4 or IPv6. Raises ValueError, with an ``example``."""
    for text in addresses:
        try:
            ip_network(text)
        except ValueError as error:
            raise ValueError(f"{error}; for example {example}") from error

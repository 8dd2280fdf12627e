"""Addresses of web servers as settings give them."""

from __future__ import annotations

import re
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

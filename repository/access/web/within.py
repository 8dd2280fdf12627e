"""Addresses within this site: nobody is led elsewhere by one that a visitor brings."""

from __future__ import annotations

from urllib.parse import urlsplit


def local_path(target: str) -> str | None:
    """``target`` if it is an address within this site, else None: no sign-in sends anybody elsewhere."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc or parts.path.startswith("//") else target

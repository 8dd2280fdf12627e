"""The shapes of what stands in an address: an article's id, an ISSN, a path as a publisher wrote it."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter


class ArticleId(BaseConverter):
    """32 small hexadecimal digits."""

    regex = "[0-9a-f]{32}"


class Issn(BaseConverter):
    """An ISSN with or without its hyphen; always handed on with it."""

    regex = r"\d{4}-?\d{3}[\dXx]"

    def to_python(self, value: str) -> str:
        """``1300-000X``."""
        return f"{value[:4]}-{value[-4:]}".replace("x", "X")


class PayloadPath(BaseConverter):
    """A path as a publisher wrote it: any characters at all, slashes and line breaks among them."""

    regex = r"(?s:.+)"
    part_isolating = False


def know_addresses(app: Flask) -> None:
    """Teach ``app`` these shapes, and to leave double slashes alone: they may be part of a publisher's path."""
    app.url_map.converters.update(hex32=ArticleId, issn=Issn, payload=PayloadPath)
    app.url_map.merge_slashes = False

"""Elements as text: one that would be empty is not written."""

from __future__ import annotations

from oai_pmh.xml import text


def said(value: str | None) -> str:
    """``value`` as :func:`oai_pmh.xml.text` writes it; empty where nothing of it could be seen."""
    content = text(value) if value else ""
    return content if content.replace("&#13;", "").strip() else ""


def element(name: str, value: str | None, attributes: str = "") -> str:
    """``value`` in an element; nothing where there is no value, or one of blanks alone."""
    content = said(value)
    return f"<{name}{attributes}>{content}</{name}>\n" if content else ""


def wrapped(name: str, content: str, attributes: str = "", besides: str = "") -> str:
    """``content``, which is XML, in an element, followed by ``besides``; nothing when there is no content."""
    return f"<{name}{attributes}>{content}{besides}</{name}>\n" if content else ""


def attribute(name: str, value: str | None) -> str:
    """`` name="value"``; nothing where there is no value, or one of blanks alone."""
    content = " ".join(said(value).split())
    return f' {name}="{content}"' if content else ""

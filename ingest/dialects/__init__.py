"""The publishers' XML, one module a format: bytes in, ArticleRecord out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lxml import etree

from ingest.dialects import jats
from ingest.dialects.description import Described, Description, Side
from ingest.dialects.formats import Format, Kind, recognise, recognise_bytes
from ingest.dialects.xml import Limits, read_xml
from ingest.findings import finding
from repository.vocabulary import Finding

__all__ = ["Described", "Description", "Format", "Kind", "Limits", "Side", "describe"]

Reader = Callable[[etree._Element, str], tuple[Described, ...]]
SideReader = Callable[[etree._Element, str], tuple[Side, ...]]

READERS: Mapping[str, Reader] = {
    "JATS/NLM": jats.read,
    "a PMC article set (JATS/NLM)": jats.read,
    "an OAI-PMH response with JATS/NLM articles": jats.read,
}
"""Family of :mod:`ingest.dialects.formats` to ``read(root, path)``, which gives every article of the file in order."""

SIDE_READERS: Mapping[str, SideReader] = {}
"""The same for wrappers that say something of the articles beside them."""


def describe(data: bytes, path: str, limits: Limits | None = None) -> Description:
    """What the file ``path`` with these bytes is, and every article that it describes.

    A format that is not read, or none, is a finding that names it; a manifest or table of contents gives
    a note only. Nothing outside the bytes is read, and nothing is raised for what is in them.
    """
    parsed = read_xml(data, path, limits)
    if parsed.root is None:
        seen = recognise_bytes(data, path)
        if seen is None:
            return Description(Format("XML that cannot be read", Kind.UNKNOWN), (), parsed.findings)
        return Description(seen, (), (_not_read(seen, path, None),))
    seen = recognise(parsed.root, parsed.public_id, path)
    if seen.kind is Kind.READ:
        return Description(seen, READERS[seen.family](parsed.root, path))
    aside = SIDE_READERS.get(seen.family)
    sides = aside(parsed.root, path) if aside else ()
    return Description(seen, (), (_not_read(seen, path, parsed.root.sourceline),), sides)


def _not_read(seen: Format, path: str, line: int | None) -> Finding:
    code = {Kind.UNREAD: "FORMAT_NOT_READ", Kind.UNKNOWN: "FORMAT_NOT_RECOGNISED"}.get(seen.kind, "NOT_METADATA")
    return finding(code, path, line, format=seen.name)

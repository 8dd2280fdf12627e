"""The manifest of a MECA package (NISO RP-30): the article's XML, its PDF, and what goes with them."""

from __future__ import annotations

from urllib.parse import unquote

from lxml import etree

from ingest.dialects.description import Side
from ingest.dialects.xml import attribute, children
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord

_XML = {"application/xml", "text/xml", "application/jats+xml"}
_PDF = "application/pdf"
_OF_THE_TRANSFER = ("transfer", "directives", "x-hw-directives", "review-metadata", "peer-review", "metadata")
_ARTICLES = {"article", "article-metadata", "manuscript", "submission", "preprint"}


def read(root: etree._Element, path: str) -> tuple[Side, ...]:  # noqa: ARG001
    """One Side for the article of the manifest (RP-30, section 5: one package, one article), none if it names no XML.

    The PDF is that of the item which has the XML. Figures, tables and supplements are its other files; what
    describes the transfer is not.
    """
    xml: str | None = None
    pdfs: dict[str, None] = {}
    others: dict[str, None] = {}
    for item in children(root, "item"):
        kind = machine_lower(attribute(item, "type") or attribute(item, "item-type") or "")
        if kind.startswith(_OF_THE_TRANSFER) and kind not in _ARTICLES:
            continue
        for media, name in _instances(item):
            if kind in _ARTICLES and media in _XML and xml is None:
                xml = name
            elif kind in _ARTICLES and media == _PDF:
                pdfs.setdefault(name)
            else:
                others.setdefault(name)
    if xml is None:
        return ()
    return (Side(xml, ArticleRecord(), tuple(pdfs), tuple(name for name in others if name not in pdfs)),)


def _instances(item: etree._Element) -> list[tuple[str, str]]:
    """``(media type, file name)`` of each instance; the name says what the type leaves open."""
    found = []
    for node in children(item, "instance"):
        name = unquote(attribute(node, "href") or "").removeprefix("./")
        if not name or "://" in name:
            continue
        media = machine_lower(attribute(node, "media-type") or "").partition(";")[0].strip()
        if not media:
            ending = machine_lower(name.rpartition(".")[2])
            media = {"xml": "application/xml", "pdf": _PDF}.get(ending, "")
        found.append((media, name))
    return found

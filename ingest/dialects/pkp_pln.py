"""The Atom entry of a deposit in the PKP Preservation Network: journal, ISSN and publisher of all its articles."""

from __future__ import annotations

import re

from lxml import etree

from ingest.dialects.description import Side
from ingest.dialects.text import plain
from ingest.dialects.xml import child, children
from repository.vocabulary import ArticleRecord

_PKP = "{http://pkp.sfu.ca/SWORD}"
_ISSN = re.compile(r"(?<!\d)(\d{4})\s*[-\u2010-\u2015\u2212]?\s*(\d{3}[\dXx])(?!\d)")


def read(root: etree._Element, path: str) -> tuple[Side, ...]:  # noqa: ARG001
    """One Side for every article of the deposit; none when this is another entry, such as the terms of use.

    The entry does not say of which medium the ISSN is (SWORD v2 with the terms of ``http://pkp.sfu.ca/SWORD``).
    Volume and number in it are those of the deposit as a whole and fill what an article leaves open.
    """
    content = next((node for node in root if node.tag == f"{_PKP}content"), None)
    given = [text for node in children(root, "issn") if (text := plain(node))]
    if content is None and not given:
        return ()
    issn = given[0] if given else None
    shaped = _ISSN.search(issn or "")
    record = ArticleRecord(
        journal_title=plain(child(root, "title")),
        publisher=plain(child(root, "publisherName")),
        issn_unspecified=f"{shaped[1]}-{shaped[2]}".replace("x", "X") if shaped else issn,
        volume=_attribute(content, "volume"),
        issue=_attribute(content, "issue"),
    )
    return (Side(None, record),)


def _attribute(content: etree._Element | None, name: str) -> str | None:
    text = " ".join((content.get(name) or "").split()) if content is not None else ""
    # OJS writes 0 where an issue has no volume or no number.
    return text if text != "0" and text else None

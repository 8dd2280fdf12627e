"""The publishers' XML, one module a format: bytes in, ArticleRecord out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from lxml import etree

from ingest.dialects import (
    bmc,
    consyn,
    copernicus,
    crossref,
    elsevier,
    elsevier_dataset,
    elsevier_issue,
    issue_xml,
    jats,
    meca,
    oai_dc,
    ojs,
    ojs2,
    pkp_pln,
    pubmed,
    springer,
    wiley,
)
from ingest.dialects.description import MOST_ARTICLES, Described, Description, Side, TableOfContents
from ingest.dialects.embedded import read_with_embedded
from ingest.dialects.formats import Format, Kind, recognise, recognise_bytes
from ingest.dialects.text import LONGEST, TextTooLong
from ingest.dialects.xml import Limits, local
from ingest.findings import finding
from repository.vocabulary import ArticleRecord, Finding

log = structlog.get_logger(__name__)

__all__ = [
    "DIALECTS",
    "Described",
    "Description",
    "Format",
    "Kind",
    "Limits",
    "Side",
    "TableOfContents",
    "describe",
    "place_of",
]

Reader = Callable[[etree._Element, str], tuple[Described, ...]]
SideReader = Callable[[etree._Element, str], tuple[Side, ...]]
ContentsReader = Callable[[etree._Element, str], TableOfContents]


def _module(reader: Reader) -> str:
    return str(reader.__module__).rpartition(".")[2]


READERS: Mapping[str, Reader] = {
    "JATS/NLM": jats.read,
    "a PMC article set (JATS/NLM)": jats.read,
    "a set of JATS/NLM articles": jats.read,
    "an OAI-PMH response with JATS/NLM articles": jats.read,
    "OJS 3 native XML": ojs.read,
    "OJS 2 native XML": ojs2.read,
    "Dublin Core (oai_dc)": oai_dc.read,
    "an OAI-PMH response with Dublin Core (oai_dc)": oai_dc.read,
    "Springer A++": springer.read,
    "WileyML 3G": wiley.read,
    "a BioMed Central article (before 2016)": bmc.read,
    "a Copernicus article": copernicus.read,
    "an Elsevier article (journal article DTD 4 or 5)": elsevier.read,
    "an Elsevier ConSyn document": consyn.read,
    "an Elsevier API full-text response": consyn.read,
    "a Crossref deposit": crossref.read,
    "Crossref unixref XML": crossref.read,
    "a Crossref query result": crossref.read,
    "a PubMed ArticleSet (publisher deposit)": pubmed.read,
    "a PubMed/MEDLINE export": pubmed.read,
    "a MEDLINE export": pubmed.read,
}
"""Family of :mod:`ingest.dialects.formats` to ``read(root, path)``, which gives every article of the file in order."""

DIALECTS: Mapping[str, frozenset[str]] = {
    name: frozenset(family for family, reader in READERS.items() if _module(reader) == name)
    for name in sorted(map(_module, READERS.values()))
}
"""The dialects by the names of their modules, as a delivery profile calls them, with the families each reads."""

SIDE_READERS: Mapping[str, SideReader] = {
    "an Atom entry (SWORD deposit)": pkp_pln.read,
    "a MECA manifest": meca.read,
    "Elsevier CAP dataset.xml": elsevier_dataset.read,
    "Elsevier issue.xml": elsevier_issue.read,
    "a Crossref deposit": crossref.read_others,
    "Crossref unixref XML": crossref.read_others,
    "a Crossref query result": crossref.read_others,
    "a PubMed/MEDLINE export": pubmed.read_others,
    "a MEDLINE export": pubmed.read_others,
}
"""The same for what a file says of articles beside it, or of the delivery."""

CONTENTS_READERS: Mapping[str, ContentsReader] = {
    "Elsevier CAP dataset.xml": elsevier_dataset.contents,
    "Elsevier issue.xml": elsevier_issue.contents,
    "an Atypon table of contents": issue_xml.contents,
    "a table of contents (toc-xml)": issue_xml.contents,
    "a Taylor & Francis issue manifest": issue_xml.contents,
    "an MDPI table of contents": issue_xml.contents,
    "a table of contents": issue_xml.contents,
}
"""The same for wrappers that say what a publisher has published."""

_ISSUES_OF_ARTICLES = frozenset(("OJS 3 native XML", "OJS 2 native XML"))
"""Formats whose root may be a whole issue: its articles are its table of contents."""

_PLACES: Mapping[str, Callable[[str, ArticleRecord], ArticleRecord | None]] = {
    "an Elsevier article (journal article DTD 4 or 5)": elsevier_dataset.record_of_place,
}


def place_of(family: str, path: str, record: ArticleRecord) -> ArticleRecord | None:
    """What the folders around a metadata file of this family say of its article, and what its numbers imply.

    None for families without such.
    """
    said = _PLACES.get(family)
    return said(path, record) if said else None


def describe(data: bytes, path: str, limits: Limits | None = None) -> Description:
    """What the file ``path`` with these bytes is, and every article that it describes.

    A format that is not read, or none, is a finding that names it; a manifest or table of contents gives
    a note only. Nothing outside the bytes is read, and nothing is raised for what is in them: a fault of a reader
    is PROGRAM_FAULT.
    """
    try:
        return _described(data, path, limits)
    except TextTooLong:
        found = finding("XML_TOO_LARGE", path, detail=f"a text of the description has more than {LONGEST} characters")
        return Description(Format("XML that cannot be read", Kind.UNKNOWN), (), (found,))
    except Exception as error:
        log.exception("the program fell over an XML", path=path)
        fault = finding("PROGRAM_FAULT", path, detail=type(error).__name__)
        return Description(Format("XML over which the program fell", Kind.UNKNOWN), (), (fault,))


def _described(data: bytes, path: str, limits: Limits | None) -> Description:
    parsed = read_with_embedded(data, path, limits)
    if parsed.root is None:
        seen = recognise_bytes(data, path)
        if seen is None:
            return Description(Format("XML that cannot be read", Kind.UNKNOWN), (), parsed.findings)
        return Description(seen, (), (_not_read(seen, path, None),))
    seen = recognise(parsed.root, parsed.public_id, path)
    aside = SIDE_READERS.get(seen.family)
    sides = aside(parsed.root, path) if aside else ()
    if seen.kind is Kind.READ:
        articles = READERS[seen.family](parsed.root, path)
        if len(articles) > MOST_ARTICLES:
            detail = f"more than {MOST_ARTICLES} articles"
            return Description(seen, (), (finding("XML_TOO_LARGE", path, parsed.root.sourceline, detail=detail),))
        if not articles:
            nothing = f"{seen.name} without an article"
            return Description(
                seen, (), (finding("FORMAT_NOT_RECOGNISED", path, parsed.root.sourceline, format=nothing),), sides
            )
        whole = seen.family in _ISSUES_OF_ARTICLES and local(parsed.root) in ("issue", "issues")
        contents = TableOfContents(tuple(each.record for each in articles), whole=True) if whole else None
        return Description(seen, articles, sides=sides, contents=contents)
    table = CONTENTS_READERS.get(seen.family)
    contents = table(parsed.root, path) if table else None
    return Description(seen, (), (_not_read(seen, path, parsed.root.sourceline),), sides, contents)


def _not_read(seen: Format, path: str, line: int | None) -> Finding:
    code = {Kind.UNREAD: "FORMAT_NOT_READ", Kind.UNKNOWN: "FORMAT_NOT_RECOGNISED"}.get(seen.kind, "NOT_METADATA")
    return finding(code, path, line, format=seen.name)

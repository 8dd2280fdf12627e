"""Every format that a publisher may send, recognised by what is inside and called by its name in the trade."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from lxml import etree

from ingest.dialects.xml import attribute, child, children, descendants, local
from repository.turkish import machine_lower


class Kind(StrEnum):
    """What a format means for ingest."""

    READ = "article metadata that is read"
    UNREAD = "article metadata that cannot be read yet"
    WRAPPER = "a manifest or table of contents around articles"
    OTHER = "not the metadata of an article"
    UNKNOWN = "not recognised"


@dataclass(frozen=True, slots=True)
class Format:
    """A format by its name, such as ``Springer A++``, fit to follow 'this is'.

    ``family`` is the line of the table below that fitted: it chooses the reader, whatever the version.
    """

    name: str
    kind: Kind
    family: str = field(default="", compare=False)


_Test = Callable[[etree._Element], bool]


def _always(_: etree._Element) -> bool:
    return True


def _has(*names: str) -> _Test:
    return lambda root: any(True for _ in children(root, *names))


def _namespace(part: str) -> _Test:
    return lambda root: part in str(root.tag).rpartition("}")[0]


def _holds(*names: str) -> _Test:
    return lambda root: next(descendants(root, *names), None) is not None


def _of_a_book(root: etree._Element) -> bool:
    """ConSyn and the API wrap the chapters of books alike, which are no articles, whatever they are called there."""
    if any(next(children(node, "item-info"), None) is not None for node in root.iterdescendants()):
        return False
    kinds = (node.text or "" for node in descendants(root, "aggregationType"))
    return any("book" in machine_lower(kind) for kind in kinds)


def _book_of_wiley(root: etree._Element) -> bool:
    return machine_lower(attribute(root, "type") or "").startswith("book")


_ELSEVIER = "an Elsevier article (journal article DTD 4 or 5)"
_SET = "a set of JATS/NLM articles"

# Root element, further test, name, kind: the first line that fits is the answer.
_ROOTS: tuple[tuple[str, _Test, str, Kind], ...] = (
    ("article", _has("front", "front-stub"), "JATS/NLM", Kind.READ),
    ("pmc-articleset", _holds("front"), "a PMC article set (JATS/NLM)", Kind.READ),
    ("OAI-PMH", _holds("front"), "an OAI-PMH response with JATS/NLM articles", Kind.READ),
    ("OAI-PMH", _holds("dc"), "an OAI-PMH response with Dublin Core (oai_dc)", Kind.READ),
    ("OAI-PMH", _holds("crossref"), "Crossref unixref XML", Kind.READ),
    ("OAI-PMH", _always, "an OAI-PMH response without JATS", Kind.UNREAD),
    ("article", _has("item-info"), _ELSEVIER, Kind.READ),
    ("simple-article", _always, _ELSEVIER, Kind.READ),
    ("converted-article", _always, _ELSEVIER, Kind.READ),
    ("book-review", _has("item-info"), _ELSEVIER, Kind.READ),
    ("exam", _has("item-info"), _ELSEVIER, Kind.READ),
    ("document", _of_a_book, "a chapter of a book (Elsevier ConSyn)", Kind.UNKNOWN),
    ("document", _has("RDF"), "an Elsevier ConSyn document", Kind.READ),
    ("full-text-retrieval-response", _of_a_book, "a chapter of a book (Elsevier API)", Kind.UNKNOWN),
    ("full-text-retrieval-response", _always, "an Elsevier API full-text response", Kind.READ),
    ("dataset", _has("dataset-unique-ids", "dataset-content"), "Elsevier CAP dataset.xml", Kind.WRAPPER),
    ("serial-issue", _always, "Elsevier issue.xml", Kind.WRAPPER),
    ("ready", _always, "the ready marker of an Elsevier CAP set", Kind.WRAPPER),
    ("Publisher", _holds("Article"), "Springer A++", Kind.READ),
    ("Publisher", _holds("Chapter", "Book"), "a chapter of a book (Springer A++)", Kind.UNKNOWN),
    ("Publisher", _has("PublisherInfo", "Journal", "Series"), "Springer A++", Kind.READ),
    ("component", _book_of_wiley, "a part of a book (WileyML 3G)", Kind.UNKNOWN),
    ("component", _has("header"), "WileyML 3G", Kind.READ),
    ("doi_batch", _always, "a Crossref deposit", Kind.READ),
    ("doi_records", _always, "Crossref unixref XML", Kind.READ),
    ("crossref_result", _always, "a Crossref query result", Kind.READ),
    ("ArticleSet", _always, "a PubMed ArticleSet (publisher deposit)", Kind.READ),
    ("PubmedArticleSet", _always, "a PubMed/MEDLINE export", Kind.READ),
    ("PubmedArticle", _always, "a PubMed/MEDLINE export", Kind.READ),
    ("MedlineCitation", _always, "a MEDLINE export", Kind.READ),
    ("MedlineCitationSet", _always, "a MEDLINE export", Kind.READ),
    ("issue", _namespace("pkp.sfu.ca"), "OJS 3 native XML", Kind.READ),
    ("issues", _namespace("pkp.sfu.ca"), "OJS 3 native XML", Kind.READ),
    ("article", _namespace("pkp.sfu.ca"), "OJS 3 native XML", Kind.READ),
    ("articles", _namespace("pkp.sfu.ca"), "OJS 3 native XML", Kind.READ),
    ("issues", _has("issue"), "OJS 2 native XML", Kind.READ),
    ("issue", _has("section", "article"), "OJS 2 native XML", Kind.READ),
    ("articles", _holds("galley", "htmlgalley", "indexing"), "OJS 2 native XML", Kind.READ),
    ("article", _has("galley", "htmlgalley", "indexing"), "OJS 2 native XML", Kind.READ),
    ("article", _has("article_url", "fulltext_pdf"), "a Copernicus article", Kind.READ),
    ("art", _has("ui", "ji", "fm"), "a BioMed Central article (before 2016)", Kind.READ),
    ("article", _has("pubfm"), "a Nature Publishing Group article (before 2013)", Kind.UNREAD),
    ("article", _has("art-admin"), "a Royal Society of Chemistry article", Kind.UNREAD),
    ("article", _has("header"), "a Cambridge header (SGML turned XML)", Kind.UNREAD),
    ("unarticle", _always, "a Taylor & Francis article (old DTD)", Kind.UNREAD),
    ("tfdoc", _always, "a Taylor & Francis article (old DTD)", Kind.UNREAD),
    ("publication", _has("publicationinfo"), "IEEE IDAMS", Kind.UNREAD),
    ("EDPSArticle", _always, "EDP Sciences rich metadata", Kind.UNREAD),
    ("periodical", _has("journal_rec"), "ACM XML", Kind.UNREAD),
    ("proceeding", _has("journal_rec", "conference_rec"), "ACM XML", Kind.UNREAD),
    ("euclid_content", _always, "Project Euclid XML", Kind.UNREAD),
    ("euclid_issue", _always, "Project Euclid XML", Kind.UNREAD),
    ("TEI", _always, "a TEI document", Kind.UNREAD),
    ("mods", _always, "MODS", Kind.UNREAD),
    ("modsCollection", _always, "MODS", Kind.UNREAD),
    ("record", _has("leader", "controlfield", "datafield"), "MARCXML", Kind.UNREAD),
    ("collection", _holds("datafield"), "MARCXML", Kind.UNREAD),
    ("record", _holds("crossref"), "Crossref unixref XML", Kind.READ),
    ("record", _holds("dc"), "Dublin Core (oai_dc)", Kind.READ),
    ("dc", _always, "Dublin Core (oai_dc)", Kind.READ),
    ("records", _has("record"), "DOAJ XML", Kind.UNREAD),
    ("ONIXMessage", _always, "ONIX for Books", Kind.OTHER),
    ("ONIXmessage", _always, "ONIX for Books (short tags)", Kind.OTHER),
    ("submission", _always, "the manifest of an Atypon Literatum submission", Kind.WRAPPER),
    ("issue-xml", _always, "an Atypon table of contents", Kind.WRAPPER),
    ("toc-xml", _always, "a table of contents (toc-xml)", Kind.WRAPPER),
    ("issue-manifest", _always, "a Taylor & Francis issue manifest", Kind.WRAPPER),
    ("GO", _always, "the go.xml of an Aries Editorial Manager export", Kind.WRAPPER),
    ("manifest", _namespace("manuscriptexchange.org"), "a MECA manifest", Kind.WRAPPER),
    ("transfer", _namespace("manuscriptexchange.org"), "a MECA transfer description", Kind.WRAPPER),
    ("directives", _has("pap"), "HighWire processing directives", Kind.WRAPPER),
    ("manifest", _always, "a manifest", Kind.WRAPPER),
    ("toc", _always, "a table of contents", Kind.WRAPPER),
    ("entry", _namespace("w3.org/2005/Atom"), "an Atom entry (SWORD deposit)", Kind.WRAPPER),
    ("resource", _namespace("datacite.org"), "DataCite metadata", Kind.UNREAD),
    ("feed", _namespace("w3.org/2005/Atom"), "an Atom feed", Kind.OTHER),
    ("mets", _always, "a METS document", Kind.WRAPPER),
    ("premis", _always, "a PREMIS document", Kind.WRAPPER),
    ("schema", _namespace("w3.org/2001/XMLSchema"), "an XML Schema", Kind.OTHER),
    ("svg", _always, "an SVG picture", Kind.OTHER),
    ("book", _always, "a book", Kind.UNKNOWN),
    ("chapter", _always, "a chapter of a book", Kind.UNKNOWN),
    ("html", _always, "an HTML page", Kind.UNKNOWN),
    ("HTML", _always, "an HTML page", Kind.UNKNOWN),
)

_OF_A_TRANSFER = {"transfer.xml", "directives.xml", "reviews.xml", "peer_review.xml", "review-metadata.xml"}
_DTD_VERSION = re.compile(r" v(\d+(?:\.\d+)*(?:d\d+)?)")
_TAG_SET = re.compile(r"Publishing|Archiving|Authoring")
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|script)\b", re.I | re.S
)
_SGML_ARTICLE = re.compile(rb"<!DOCTYPE\s+article\s[^>]*cupjnl|<article[^>]*>\s*<header>", re.I)


def recognise(root: etree._Element, public_id: str | None = None, name: str = "") -> Format:
    """The format of a parsed file, by its root element, its children and its namespace.

    ``name``, the file's own, decides only where the content says nothing (MDPI's ``__ToC_`` files, the papers that
    NISO RP-30 puts beside ``content/``, whose form it leaves to the sender).
    """
    base = name.rpartition("/")[2]
    if base.startswith("__ToC_"):
        return Format("an MDPI table of contents", Kind.WRAPPER, "an MDPI table of contents")
    tag = local(root)
    for element, test, label, kind in _ROOTS:
        if tag == element and test(root):
            return Format(_nlm(root, public_id) if label == "JATS/NLM" else label, kind, label)
    # Editors' programs and aggregators put several articles into one element of their own: article-set, collection.
    if any(child(article, "front") is not None for article in descendants(root, "article")):
        return Format(_SET, Kind.READ, _SET)
    if base in _OF_A_TRANSFER:
        return Format("a paper of a MECA transfer", Kind.WRAPPER, "a paper of a MECA transfer")
    return Format(f"an XML file with the root element {tag or '?'}", Kind.UNKNOWN)


def _nlm(root: etree._Element, public_id: str | None) -> str:
    """``JATS 1.2 (Publishing)``, ``NLM 2.3 (Archiving)``, or less where the file says less."""
    declared = _DTD_VERSION.search(public_id or "")
    version = declared[1] if declared else attribute(root, "dtd-version")
    if version is None:
        return "JATS or NLM, version not given"
    family = "JATS" if "JATS" in (public_id or "") or version[0] in "01" else "NLM"
    tag_set = _TAG_SET.search(public_id or "")
    return f"{family} {version}" + (f" ({tag_set[0]})" if tag_set else "")


def recognise_bytes(data: bytes, name: str) -> Format | None:
    """The format of a file that is not well-formed XML, from its first bytes; None when they say nothing.

    Never a format that is read: a broken JATS file is broken, whatever it resembles.
    """
    head = data[:4096]
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        return None
    for magic, label in _MAGIC:
        if start.startswith(magic):
            return Format(label, Kind.UNKNOWN)
    if _HTML.match(start):
        return Format("an HTML page", Kind.UNKNOWN)
    if _SGML_ARTICLE.search(head):
        return Format("a Cambridge header (SGML)", Kind.UNREAD)
    if start.startswith(b"<DG>") or re.match(rb"<D\s+AN=", start):
        return Format("Wolters Kluwer/Ovid SGML", Kind.UNREAD)
    if re.match(rb"_t0\s", start):
        return Format("Elsevier dataset.toc (EFFECT)", Kind.UNREAD)
    first_line = start.splitlines()[0]
    if b"publication_title" in first_line and b"print_identifier" in first_line:
        return Format("a KBART title list", Kind.OTHER)
    if b"<" not in start[:1] and not machine_lower(name).endswith((".xml", ".nxml", ".sgm", ".sgml")):
        return Format("a text file", Kind.UNKNOWN)
    return None


_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"{", "a JSON document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office document"),
)

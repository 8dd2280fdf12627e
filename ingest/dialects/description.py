"""What one metadata file says: its format, the articles in it, and where in the file each thing stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from ingest.dialects.formats import Format
from ingest.findings import finding
from repository.vocabulary import ArticleRecord, Finding, Level

MOST_ARTICLES = 20_000
"""In one file: a journal's whole life is some thousands, and each costs memory that its few bytes do not announce."""
_MOST_TOLD = 50


@dataclass(frozen=True, slots=True)
class Described:
    """One article of a metadata file.

    ``pdf_names`` are the PDF files that the XML names as the article itself, ``file_names`` all others
    (figures, supplements, media), both as written and without addresses on the web. ``line`` is where the
    article begins; ``lines`` where single fields of the record stand (``doi``, ``issn_print``, ``title`` …).
    ``full_text``: the XML holds the body of the article. ``findings`` are about this article only. ``front`` is the
    publisher's front matter, packed (repository.jats), where the XML is JATS or as good as that.
    """

    record: ArticleRecord
    pdf_names: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()
    line: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    full_text: bool = False
    findings: tuple[Finding, ...] = ()
    front: bytes | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """What a file beside the articles says of one of them, or of all: Elsevier's dataset.xml, a deposit's Atom entry.

    ``path`` is the article's metadata file as that file names it (from the top of the delivery, perhaps without
    the top folder); None speaks of every article of the delivery. ``record`` fills only what the article's own
    XML leaves open. ``pdf_names`` and ``file_names`` are as in :class:`Described`, written from the same place as
    ``path``. ``findings`` are about the delivery. ``awaited``: the article is said to be in this delivery; else
    the file lists what it knows of, and ``path`` is from its own folder.
    """

    path: str | None
    record: ArticleRecord
    pdf_names: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    awaited: bool = True


def passed_over(path: str, entries: Sequence[tuple[etree._Element, str, str | None]]) -> tuple[Side, ...]:
    """What is told of ``entries`` of the file ``path`` that are no articles: each with what it is and what names it."""
    told = [
        finding("NOT_METADATA", path, node.sourceline, Level.WARNING, format=called, detail=name)
        for node, called, name in entries[:_MOST_TOLD]
    ]
    if len(entries) > _MOST_TOLD:
        more = f"{len(entries) - _MOST_TOLD} more that are no articles"
        told.append(finding("NOT_METADATA", path, level=Level.WARNING, format=more))
    return (Side(None, ArticleRecord(), findings=tuple(told)),) if told else ()


@dataclass(frozen=True, slots=True)
class TableOfContents:
    """What a publisher's own list says exists, whether it came with the delivery or not.

    ``records`` say of each article what the list does. ``whole``: it lists everything in the issues that it names,
    so that it takes the place of an earlier one; else only what was sent with it.
    """

    records: tuple[ArticleRecord, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Description:
    """One file: ``articles`` is empty when it could not be read or describes none, and ``findings`` say why."""

    format: Format
    articles: tuple[Described, ...] = ()
    findings: tuple[Finding, ...] = ()
    sides: tuple[Side, ...] = ()
    contents: TableOfContents | None = None

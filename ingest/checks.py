"""Every reason to refuse or to warn about one article, one function each, all of them asked at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingest.findings import finding
from ingest.pdfs import PdfState, examine
from repository.bags import payload_name_fault
from repository.catalogue.likeness import is_other_work
from repository.kbart_lines import ZEROS, is_issn
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Finding, Level, article_identity

_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/[^\s\x00-\x1f\x7f]+")
_ISSN_FIELDS = ("issn_print", "issn_electronic", "issn_unspecified", "issn_l")
_PREPRINT_SERVERS = {"arxiv", "biorxiv", "chemrxiv", "medrxiv", "preprints.org", "research square", "ssrn"}


@dataclass(frozen=True, slots=True)
class ArticleContext:
    """One article as it came, with what the archive already knows of it.

    ``path`` and ``line`` say where its XML begins, ``lines`` where single fields stand. ``pdfs`` are the
    PDF files delivered for it: their names and where their bytes lie now. ``pdf_names`` are those that the
    XML names. ``full_text``: the XML holds the article's body. ``held``: an earlier version with a PDF is
    preserved. ``earlier`` describes the latest version that is. ``agreed``: an agreement covers the journal,
    or no list of titles was agreed. ``ambiguous_pdf``: PDFs came, and which of them it is has been told to be unknown.
    """

    record: ArticleRecord
    path: str
    line: int | None = None
    pdfs: tuple[tuple[str, Path], ...] = ()
    pdf_names: tuple[str, ...] = ()
    held: bool = False
    agreed: bool = True
    full_text: bool = False
    ambiguous_pdf: bool = False
    earlier: ArticleRecord | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    def about(self, code: str, place: str = "", level: Level | None = None, **params: object) -> Finding:
        """A finding about this article's XML, at the line of the field ``place`` if that is known."""
        return finding(code, self.path, self.lines.get(place, self.line), level, **params)


def check_article(context: ArticleContext) -> list[Finding]:
    """Every finding about this article, errors and warnings alike; an empty list when nothing is to be said."""
    return [found for check in CHECKS for found in check(context)]


def check_names(names: Iterable[str]) -> Iterator[Finding]:
    """NAME_TOO_LONG: a file of the article could not stand in a bag under its own name."""
    for name in names:
        if reason := payload_name_fault(name):
            yield finding("NAME_TOO_LONG", name, detail=reason)


def check_identity(context: ArticleContext) -> Iterator[Finding]:
    """NO_IDENTITY: nothing tells this article from others."""
    try:
        article_identity(context.record)
    except ValueError:
        yield context.about("NO_IDENTITY")


def check_doi(context: ArticleContext) -> Iterator[Finding]:
    """NO_DOI, DOI_INVALID (DOI Handbook, section 2.2: prefix ``10.`` and registrant, slash, suffix), DOI_CONFLICT."""
    doi = context.record.doi
    if doi is None:
        yield context.about("NO_DOI")
    elif not _DOI.fullmatch(doi):
        yield context.about("DOI_INVALID", "doi", doi=doi)
    elif context.earlier is not None and is_other_work(context.record, context.earlier):
        yield context.about("DOI_CONFLICT", "doi", doi=doi, title=context.earlier.title)


def check_title(context: ArticleContext) -> Iterator[Finding]:
    """NO_TITLE: neither title nor alternative title has any text."""
    if context.record.title is None:
        yield context.about("NO_TITLE", "title")


def check_issn(context: ArticleContext) -> Iterator[Finding]:
    """NO_ISSN, ISSN_INVALID, ISSN_SAME. Zeros beside a true ISSN mean 'none', which is no reason to refuse."""
    given = {name: text for name in _ISSN_FIELDS if (text := getattr(context.record, name))}
    if not given:
        yield context.about("NO_ISSN", "journal")
    for name, text in given.items():
        if not is_issn(text):
            filler = text == ZEROS and any(is_issn(other) for other in given.values())
            yield context.about("ISSN_INVALID", name, Level.WARNING if filler else None, issn=text)
    issn = given.get("issn_print")
    if issn and issn == given.get("issn_electronic"):
        yield context.about("ISSN_SAME", "issn_electronic", issn=issn)


def check_agreement(context: ArticleContext) -> Iterator[Finding]:
    """TITLE_NOT_AGREED: a true ISSN, and no agreement for it."""
    valid = [text for text in context.record.issns if is_issn(text)]
    if valid and not context.agreed:
        yield context.about("TITLE_NOT_AGREED", "journal", issn=", ".join(valid))


def check_preprint(context: ArticleContext) -> Iterator[Finding]:
    """PREPRINT: by the article's type or by the server that stands in the place of the journal."""
    journal = machine_lower(context.record.journal_title or "")
    if machine_lower(context.record.article_type or "") == "preprint" or journal in _PREPRINT_SERVERS:
        yield context.about("PREPRINT")


def check_pdf_present(context: ArticleContext) -> Iterator[Finding]:
    """PDF_MISSING, FILE_MISSING.

    Missing is an error when the XML names the PDF, or when nothing else holds the article's text: a notice, an
    XML with the full text, and new metadata for an article held with its PDF are kept with a warning.
    """
    if context.pdfs:
        delivered = {_base(name) for name, _ in context.pdfs}
        for name in context.pdf_names:
            # An address at which a PDF is fetched (DergiPark) has no ending, and the file has.
            if delivered.isdisjoint((_base(name), _base(name) + ".pdf")):
                yield context.about("FILE_MISSING", "pdf", name=name)
        return
    if context.ambiguous_pdf:
        return
    if context.held:
        yield context.about("PDF_MISSING", "pdf", Level.WARNING, detail="the one of the earlier version stays")
    elif context.pdf_names:
        yield context.about("PDF_MISSING", "pdf", detail=", ".join(context.pdf_names))
    elif context.record.is_notice_by_type:
        # What a notice says often stands in its XML alone.
        yield context.about("PDF_MISSING", "pdf", Level.WARNING)
    elif context.full_text:
        yield context.about("PDF_MISSING", "pdf", Level.WARNING, detail="the XML holds the full text")
    else:
        yield context.about("PDF_MISSING", "pdf")


def check_pdfs(context: ArticleContext) -> Iterator[Finding]:
    """PDF_EMPTY, PDF_NOT_A_PDF, PDF_DAMAGED, PDF_ENCRYPTED, PDF_REPAIRABLE, DOI_MISMATCH."""
    for name, source in context.pdfs:
        report = examine(source)
        code = _PDF_CODES.get(report.state)
        if code:
            level = Level.ERROR if report.state is PdfState.LOCKED else None
            yield finding(code, name, level=level, detail=report.detail)
        elif report.encrypted:
            yield finding("PDF_ENCRYPTED", name, detail="it opens, with restrictions")
        ours = {machine_lower(text) for text in (context.record.doi, *context.record.other_ids.values()) if text}
        if context.record.doi and report.dois and not ours & {machine_lower(doi) for doi in report.dois}:
            yield finding("DOI_MISMATCH", name, pdf_doi=", ".join(report.dois), doi=context.record.doi)


_PDF_CODES = {
    PdfState.EMPTY: "PDF_EMPTY",
    PdfState.NOT_A_PDF: "PDF_NOT_A_PDF",
    PdfState.DAMAGED: "PDF_DAMAGED",
    PdfState.LOCKED: "PDF_ENCRYPTED",
    PdfState.REPAIRABLE: "PDF_REPAIRABLE",
}


def _base(name: str) -> str:
    return machine_lower(name.replace("\\", "/").rpartition("/")[2])


CHECKS: tuple[Callable[[ArticleContext], Iterator[Finding]], ...] = (
    check_identity,
    check_doi,
    check_title,
    check_issn,
    check_agreement,
    check_preprint,
    check_pdf_present,
    check_pdfs,
)
"""The order in which findings are told."""

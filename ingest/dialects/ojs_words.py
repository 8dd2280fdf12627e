"""What the two generations of OJS write alike: locales, dates, pages, texts with HTML in them, and files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed

from lxml import etree

from ingest.dialects.description import Described
from ingest.dialects.embedded import WITHIN, content
from ingest.dialects.text import fold, text_of
from ingest.dialects.xml import attribute, child, children, local
from ingest.findings import finding
from repository.turkish import machine_lower, tr_fold
from repository.vocabulary import Finding, Level, Related

_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2,4}))?(?:@(latin|cyrillic))?")
_SCRIPTS = {"latin": "Latn", "cyrillic": "Cyrl"}
_DATE = re.compile(r"\s*(\d{4})-(\d{2})-(\d{2})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(1[4-9]\d\d|20\d\d)(?!\d)")
_DASHES = re.compile(r"\s*[\u2010-\u2015\u2212-]+\s*")
_PAGE_WORD = re.compile(r"^(?:pp?|ss?|sf|sayfa(?:lar)?|pages?)\s*[.:]\s*|^(?:sayfa(?:lar)?|pages?)\s+", re.IGNORECASE)
_PAGE = re.compile(r"[A-Za-z]{0,3}\d+[A-Za-z]?|[ivxlcdmIVXLCDM]+")
_WEB = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_NOTICE = re.compile(r"([^:]{4,60}?)\s*:\s*(.+)", re.DOTALL)
_NOTICES = {
    "correction": ("correction", "corrected-article"),
    "correction to": ("correction", "corrected-article"),
    "corrigendum": ("correction", "corrected-article"),
    "erratum": ("correction", "corrected-article"),
    "duzeltme": ("correction", "corrected-article"),
    "retraction": ("retraction", "retracted-article"),
    "retracted": ("retraction", "retracted-article"),
    "geri cekme": ("retraction", "retracted-article"),
}


def language_of(locale: str | None) -> str | None:
    """``tr`` for OJS's ``tr_TR``, ``pt-BR`` for ``pt_BR``, ``sr-Latn`` for ``sr_RS@latin`` (BCP 47).

    The region stays where the written language differs by it, and a script always.
    """
    found = _LOCALE.fullmatch(locale or "")
    if not found:
        return locale or None
    language = machine_lower(found[1])
    if found[3]:
        return f"{language}-{_SCRIPTS[found[3]]}"
    region = found[2] or ""
    if len(region) == 4:
        return f"{language}-{region.title()}"
    return f"{language}-{region.upper()}" if region and language in {"pt", "zh"} else language


def by_locale(parent: etree._Element | None, name: str, locale: str | None = None) -> dict[str, str]:
    """Locale to text of the children ``name``, the first of each; ``locale`` for those that give none."""
    found: dict[str, str] = {}
    for node in children(parent, name):
        if text := text_of(node):
            found.setdefault(attribute(node, "locale") or locale or "", text)
    return found


def titles_of(parent: etree._Element, locale: str | None) -> tuple[str | None, dict[str, str], str | None]:
    """The title in the article's own locale, else the first; the others by language; the locale of the first.

    A prefix stands before its title, a subtitle follows after a colon.
    """
    prefixes, subtitles = by_locale(parent, "prefix", locale), by_locale(parent, "subtitle", locale)
    whole: dict[str, str] = {}
    for key, title in by_locale(parent, "title", locale).items():
        front = f"{prefixes[key]} " if key in prefixes else ""
        joint = " " if title.endswith((":", "?", "!", ".", "–", "—")) else ": "
        whole[key] = front + title + (joint + subtitles[key] if key in subtitles else "")
    own = locale if locale in whole else next(iter(whole), None)
    others = {language_of(key) or "": title for key, title in whole.items() if key != own}
    return (whole[own] if own is not None else None), others, own


def day_of(text: str | None) -> str | None:
    """``2024-09-30`` from a date that may have a time behind it; the year alone where only that can be read."""
    found = _DATE.match(text or "")
    if found and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31:
        return "-".join(found.groups())
    year = _YEAR.search(text or "")
    return year[1] if year else None


def pages_of(text: str | None) -> tuple[str | None, str | None, str | None]:
    """First page, last page and article number from ``1-18``, ``ss. 1–18``, ``7``, ``e12``; what is no page is None."""
    given = _PAGE_WORD.sub("", fold(text) or "")
    parts = _DASHES.split(given.partition(",")[0].strip())
    if not parts[0] or not all(_PAGE.fullmatch(part) for part in parts) or len(parts) > 2:
        return None, None, None
    if len(parts) == 2:
        return parts[0], parts[1], None
    return (None, None, parts[0]) if parts[0][0] in "eE" and len(parts[0]) > 1 else (parts[0], None, None)


def is_name(name: str | None) -> bool:
    """Whether this names a file of the delivery and not an address on the web."""
    return bool(name) and not _WEB.match(name or "")


@dataclass
class Files:
    """The files of one article while they are collected: PDFs that are the article itself, and all others."""

    path: str
    within: Mapping[etree._Element, str]
    pdfs: dict[str, None] = field(default_factory=dict)
    others: dict[str, None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def take(self, holder: etree._Element, *, main: bool, called: str | None = None, pdf: bool = False) -> None:
        """Note the file of a ``file``, ``revision`` or ``image`` element: its ``href``, or its ``embed``.

        ``called`` is its name where the address is one on the web, ``pdf`` whether something else says PDF.
        """
        inside = child(holder, "embed")
        if inside is not None:
            name = f"{self.path.rpartition('/')[2]}{WITHIN}{self.within[inside]}"
        else:
            link = child(holder, "href")
            source = attribute(link, "src") if link is not None else None
            given = source if is_name(source) else called
            if not given or not is_name(given):
                return
            name = given
        node = inside if inside is not None else holder
        is_pdf = pdf or machine_lower(name).endswith(".pdf") or _says_pdf(holder)
        if inside is not None and content(inside) is None:
            self.findings.append(_broken(self.path, node.sourceline, name, main=main and is_pdf))
            if not (main and is_pdf):
                return
        target = self.pdfs if main and is_pdf else self.others
        target.setdefault(name)

    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """``pdf_names`` and ``file_names``."""
        return tuple(self.pdfs), tuple(name for name in self.others if name not in self.pdfs)


def _says_pdf(holder: etree._Element) -> bool:
    said = [attribute(holder, "extension"), attribute(holder, "filetype")]
    said += [attribute(node, "mime_type") for node in children(holder, "href", "embed")]
    return any(machine_lower(word or "") in {"pdf", "application/pdf"} for word in said)


def _broken(path: str, line: int | None, name: str, *, main: bool) -> Finding:
    name = name.rpartition(WITHIN)[2]
    if main:
        return finding("PDF_DAMAGED", path, line, detail=f"{name} lies inside the XML and is no base64")
    detail = "it lies inside the XML and is no base64"
    return finding("FILE_MISSING", path, line, Level.WARNING, name=name, detail=detail)


def with_notices(articles: Iterable[Described]) -> Iterator[Described]:
    """A correction or retraction whose title is another article's of this file, after the word for what it is.

    OJS has no field for it: ``Düzeltme: Bir Başlık`` beside ``Bir Başlık`` is how the publisher says it. Without
    that very title in the same file, or with two of it, nothing is concluded.
    """
    every = list(articles)
    dois: dict[str, list[str]] = {}
    for each in every:
        if each.record.title and each.record.doi:
            dois.setdefault(tr_fold(each.record.title), []).append(each.record.doi)
    for each in every:
        said = _NOTICE.fullmatch(each.record.title or "")
        kind = _NOTICES.get(tr_fold(said[1])) if said else None
        targets = dois.get(tr_fold(said[2]), []) if said and kind else []
        if kind and len(targets) == 1 and targets[0] != each.record.doi:
            related = (*each.record.related, Related(kind[1], targets[0], "doi"))
            record = changed(each.record, article_type=each.record.article_type or kind[0], related=related)
            yield changed(each, record=record)
        else:
            yield each


def lines_of(parent: etree._Element, **wanted: str) -> dict[str, int]:
    """Field to the line of the first child with the wanted local name."""
    found = ((name, next(children(parent, tag), None)) for name, tag in wanted.items())
    return {name: node.sourceline for name, node in found if node is not None and node.sourceline}


def within_articles(root: etree._Element) -> Iterator[tuple[etree._Element, etree._Element | None]]:
    """Every ``article`` of the file with the ``issue`` around it, if there is one."""
    nodes = [root] if local(root) == "article" else root.iterdescendants("{*}article")
    for node in nodes:
        yield node, next(node.iterancestors("{*}issue"), None)

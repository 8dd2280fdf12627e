"""The files that a record's links lead to: PDFs and full texts in XML, on the servers that may be asked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import etree, html

from ingest.dialects import describe
from ingest.dialects.xml import descendants
from ingest.feeds.asking import Asking, Elsewhere, address_in
from ingest.feeds.host import BrokeOff
from ingest.feeds.offered import NotAsListed, NotAsPromised, append
from repository.turkish import machine_lower

_SPEAKING = ("identifier", "relation", "link", "self-uri", "url", "Resource", "FLocat")
"""Elements that give addresses of an article and its files: Dublin Core, Atom, JATS, MODS, DIDL, METS."""
_ATTRIBUTES = frozenset(("href", "ref"))
_FILE = re.compile(r"(?i)\.(?:pdf|xml)$|/(?:download/)?article-file/\d+/?$|/article/download/")
_RESOLVERS = frozenset(("doi.org", "dx.doi.org", "hdl.handle.net", "orcid.org", "creativecommons.org"))
_MOST_LINKS = 40
_PAGE_BYTES = 4 << 20
_XML_BYTES = 64 << 20
_HEAD = 1024
_RULE = re.compile(r"(.+?)\s+=>\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which addresses of a record are files, and how their own address is made of it: ``pattern => replacement``."""

    pattern: re.Pattern[str]
    replacement: str

    @classmethod
    def read(cls, text: str) -> Rule:
        """Raises ValueError for what is no regular expression."""
        found = _RULE.fullmatch(text.strip())
        try:
            rule = cls(re.compile(found[1] if found else text.strip()), found[2] if found else r"\g<0>")
            rule.pattern.sub(rule.replacement, "")  # reads the replacement, though nothing fits
        except (re.error, IndexError) as error:
            raise ValueError(
                f"{text!r} is no rule: {error}; for example '(.+)/view/(.+) => \\1/download/\\2'"
            ) from error
        return rule

    def applied(self, address: str) -> str | None:
        """The address of the file; None when the rule does not fit the whole address."""
        found = self.pattern.fullmatch(address)
        return found.expand(self.replacement) if found else None


@dataclass
class Found:
    """What was fetched: PDFs and full texts as files, in the order of their links, no bytes twice."""

    pdfs: list[Path] = field(default_factory=list)
    full_text: Path | None = None
    pages: list[tuple[str, bytes]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)

    @property
    def any(self) -> bool:
        """Whether there is a file at all."""
        return bool(self.pdfs) or self.full_text is not None


def links_of(record: etree._Element) -> list[str]:
    """Every address that a record gives of its article, as written, each once."""
    found: dict[str, None] = {}
    for node in descendants(record, *_SPEAKING):
        texts = ["".join(str(part) for part in node.itertext()).strip()]
        texts += [value for name, value in node.items() if etree.QName(name).localname in _ATTRIBUTES]
        found |= dict.fromkeys(text for text in texts if address_in(text) is not None)
    return list(found)


class Content:
    """Fetches what a record links to. ``rules`` say which links are files; without any, each link is tried.

    A link that answers with a page of HTML leads to the files that the page names for machines
    (``citation_pdf_url``, ``link rel="item"``), if no link of the record is a file itself.
    """

    def __init__(self, asking: Asking, rules: Sequence[Rule], max_bytes: int) -> None:
        self._asking = asking
        self._rules = rules
        self._max_bytes = max_bytes

    def fetch(self, record: etree._Element, target: Path) -> Found:
        """The files of a record, written beside ``target``. Raises NotAsPromised when one cannot be had, FeedFailed."""
        links, found = links_of(record), Found()
        if self._rules:
            files = [made for link in links for rule in self._rules if (made := rule.applied(link)) is not None]
            pages: list[str] = []
        else:
            files = [link for link in links if _FILE.search(urlsplit(link).path)]
            pages = [link for link in links if link not in files]
        self._take(_few(files), found, target)
        lost = list(found.failures)
        if not found.any and not found.failures:
            self._take(list(dict.fromkeys(pages))[:_MOST_LINKS], found, target)
            named = [name for url, page in found.pages for name in _named_in(url, page)]
            pages_lost = len(found.failures)
            if not found.any:
                self._take(_few(named), found, target)
            # A page that cannot be had is no file; what a page names is one, and is not left out for good.
            lost = found.failures[pages_lost:]
        if lost or (found.failures and not found.any):
            raise NotAsPromised((lost or found.failures)[0])
        if not found.any and (led := sorted(set(found.elsewhere) - _RESOLVERS)):
            raise NotAsPromised(f"its links lead to {', '.join(led[:3])}: not among content_hosts")
        return found

    def _take(self, links: Sequence[str], found: Found, target: Path) -> None:
        for link in links:
            try:
                if not self._asking.may_be_asked(link):
                    continue
                with self._asking.asked(link) as answer:
                    if answer.status != 200:
                        found.failures.append(f"{link} was answered {answer.status}")
                        continue
                    self._keep(link, answer, found, target)
            except Elsewhere as elsewhere:
                found.elsewhere.append(elsewhere.host)
            except BrokeOff as error:
                found.failures.append(f"{link}: {error.reason}")

    def _keep(self, link: str, answer: Any, found: Found, target: Path) -> None:
        file = target.with_name(f"{target.name}.{len(found.digests)}")
        with file.open("wb"):
            """A rest of an earlier try is not gone on with."""
        try:
            append(answer.read1, file, 0, self._max_bytes)
        except NotAsListed as error:
            file.unlink()
            raise NotAsPromised(f"{link} has more than the {self._max_bytes} bytes that are allowed") from error
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        kind = machine_lower(answer.headers.get("Content-Type", "").partition(";")[0].strip())
        new = digest not in found.digests
        if new and (b"%PDF-" in head or kind == "application/pdf"):
            found.pdfs.append(file)
        elif new and found.full_text is None and _is_full_text(file, head):
            found.full_text = file
        else:
            if new and file.stat().st_size <= _PAGE_BYTES:
                found.pages.append((link, file.read_bytes()))
            file.unlink()
            return
        found.digests.add(digest)


def _few(links: Sequence[str]) -> list[str]:
    """These files, each once. Raises NotAsPromised for more than are fetched: none is left out in silence."""
    few = list(dict.fromkeys(links))
    if len(few) > _MOST_LINKS:
        raise NotAsPromised(f"it names {len(few)} files, and no more than {_MOST_LINKS} are fetched for a record")
    return few


def _is_full_text(file: Path, head: bytes) -> bool:
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not begins.startswith((b"<", b"\xff\xfe", b"\xfe\xff")) or file.stat().st_size > _XML_BYTES:
        return False
    return bool(describe(file.read_bytes(), file.name).articles)


def _named_in(url: str, page: bytes) -> Iterator[str]:
    try:
        tree = html.fromstring(page)
    except (ValueError, etree.ParserError):
        return
    metas = tree.xpath("//meta[@name='citation_pdf_url' or @name='citation_xml_url']/@content")
    for named in [*metas, *tree.xpath("//link[@rel='item' and @type='application/pdf']/@href")]:
        try:
            yield urljoin(url, str(named).strip())
        except ValueError:
            continue

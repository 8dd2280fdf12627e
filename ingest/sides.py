"""Articles completed with what the files beside them say: a publisher's list of the delivery, a deposit's entry."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ingest.claims import nfc
from ingest.dialects import Described, Side, place_of
from ingest.dialects.filling import ISSN_FIELDS, filled
from ingest.findings import finding
from ingest.unpack import Member
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord, Finding, Level

_MOST_MISSING = 50
# What is true of every article of a delivery; a DOI, a title or a page is true of one.
_OF_ALL = ("journal_title", "publisher", *ISSN_FIELDS, "volume", "issue")


@dataclass(frozen=True, slots=True)
class Said:
    """A side and the file that says it."""

    source: Member
    side: Side


@dataclass(frozen=True, slots=True)
class Completed:
    """An article with what was said of it. ``listed`` are the names in it that were written by a file beside it."""

    described: Described
    listed: frozenset[str] = frozenset()


@dataclass
class Sides:
    """Everything that the files of one delivery say of articles beside them; each article finds its own by path."""

    said: list[Said]
    _exact: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    _anywhere: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    _beside: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    _of_all: list[Said] = field(default_factory=list)
    _met: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for said in self.said:
            if said.side.path is None:
                self._of_all.append(said)
                continue
            path = _plain(said.side.path)
            within = _plain(posixpath.join(posixpath.dirname(said.source.name), path))
            if said.side.awaited:
                self._anywhere[path].append(said)
                self._exact[within].append(said)
            else:
                self._beside[within].append(said)

    def complete(self, described: Described, name: str, family: str, *, only: bool) -> Completed:
        """``described``, the article in the metadata file ``name``, with what is said of it.

        A path is compared from its end, whole parts of it, in NFC; the list that lies at the top of the same folder
        is meant first. Fields that the article gives stay as they are: another DOI beside it is METADATA_CONFLICT
        and refuses the article, another ISSN is a warning. Of what speaks of every article, DOI, title, pages and
        persons are taken only where the delivery has this ``only`` one. Last of all comes what the place tells.
        """
        listed: set[str] = set()
        for said in [*self._of(name), *self._of_all]:
            record = said.side.record
            if said.side.path is None and not only:
                record = ArticleRecord(**{each: getattr(record, each) for each in _OF_ALL})
            findings = (*described.findings, *_conflicts(described, record, name, said.source.name))
            pdfs = _from_article(said.side.pdf_names, said.side.path)
            files = _from_article(said.side.file_names, said.side.path)
            listed.update(pdfs, files)
            described = replace(
                described,
                record=filled(described.record, record),
                pdf_names=tuple(dict.fromkeys((*described.pdf_names, *pdfs))),
                file_names=tuple(dict.fromkeys((*described.file_names, *files))),
                findings=findings,
            )
        place = place_of(family, nfc(name), described.record)
        if place is not None:
            described = replace(described, record=filled(described.record, place))
        return Completed(described, frozenset(listed))

    def meet(self, name: str) -> None:
        """Note that the metadata file ``name`` was delivered, though no article could be read in it."""
        self._of(name)

    def findings(self, *, articles: int) -> Iterator[Finding]:
        """What the sides themselves say of the delivery, and the articles that they list and that did not come.

        Asked after every metadata file was met. A list without any of its articles is one part of a set.
        """
        for said in self.said:
            yield from said.side.findings
        absent = [said for path, found in self._anywhere.items() if path not in self._met for said in found]
        if absent and not articles:
            yield finding("SET_INCOMPLETE", absent[0].source.name, detail=f"{len(absent)} articles are listed in it")
            return
        for said in absent[:_MOST_MISSING]:
            yield finding("MANIFEST_FILE_MISSING", said.side.path, level=Level.WARNING, detail=said.source.name)
        if len(absent) > _MOST_MISSING:
            more = f"and {len(absent) - _MOST_MISSING} more"
            yield finding("MANIFEST_FILE_MISSING", absent[0].source.name, level=Level.WARNING, detail=more)

    def _of(self, name: str) -> list[Said]:
        path = _plain(name)
        parts = path.split("/")
        endings = ["/".join(parts[at:]) for at in range(len(parts))]
        found = self._exact.get(path) or next((self._anywhere[end] for end in endings if end in self._anywhere), [])
        self._met.update(_plain(said.side.path) for said in found if said.side.path is not None)
        return [*found, *self._beside.get(path, ())]


def _plain(path: str) -> str:
    return nfc(posixpath.normpath(path.replace("\\", "/").lstrip("/")))


def _from_article(names: tuple[str, ...], path: str | None) -> tuple[str, ...]:
    """Names written from the top of the delivery, as the article's own XML would write them."""
    folder = posixpath.dirname(_plain(path or ""))
    return tuple(posixpath.relpath(_plain(name), folder or ".") for name in names)


def _conflicts(described: Described, other: ArticleRecord, name: str, source: str) -> Iterator[Finding]:
    ours, theirs = described.record.doi, other.doi
    if ours and theirs and machine_lower(ours) != machine_lower(theirs):
        line = described.lines.get("doi", described.line)
        yield finding("METADATA_CONFLICT", name, line, field="DOI", value=ours, other=theirs, source=source)
    known = {machine_lower(issn) for issn in described.record.issns}
    strange = [issn for issn in other.issns if machine_lower(issn) not in known]
    if known and len(strange) == len(other.issns) and strange:
        given = ", ".join(described.record.issns)
        yield finding(
            "METADATA_CONFLICT",
            name,
            described.line,
            Level.WARNING,
            field="ISSN",
            value=given,
            other=", ".join(strange),
            source=source,
        )

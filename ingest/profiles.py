"""How one publisher delivers, where that is not as most do: values of the settings, and no code of anybody's own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import translate
from functools import cached_property

from ingest.dialects.filling import ISSN_FIELDS
from ingest.findings import finding
from repository.vocabulary import ArticleRecord, Finding


class PdfRule(StrEnum):
    """One way in which an article's PDF is found."""

    SAME_NAME = "same-name"
    """The base name of the XML: beside it, below it, or in ``pdf`` beside ``xml``."""
    DOI = "doi"
    """Folders, a folder or a base name that are the DOI, with '_' for '/'; or its suffix as base name."""
    XML = "xml"
    """Named in the article's XML."""
    MANIFEST = "manifest"
    """Named in a list of the delivery: Elsevier's ``dataset.xml``, MECA's ``manifest.xml``."""
    ONLY_ONE = "only-one"
    """The only PDF beside the only XML."""
    PAGES = "pages"
    """Named by pages or by title."""
    PATTERN = "pattern"
    """Where ``pdf_pattern`` says; never without one."""
    WHOLE_ISSUE = "whole-issue"
    """The PDF with the base name of an XML of several articles holds them all; never unless it is asked for."""


class Nested(StrEnum):
    """What becomes of an archive inside an archive."""

    AUTO = "auto"
    """Opened, one level deep, unless an article's XML lies in the same archive: then it is a supplement."""
    OPEN = "open"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True)
class ManifestRule:
    """Lists of digests: ``file`` is a glob for one that has to come, ``algorithm`` the only one that is believed."""

    file: str | None = None
    algorithm: str | None = None

    @cached_property
    def _globs(self) -> Globs:
        return Globs((self.file,) if self.file else ())

    def names(self, name: str) -> bool:
        """Whether the file of this name is such a list, whatever else its name says."""
        return self._globs.fit(name)


@dataclass(frozen=True)
class Fallback:
    """What is true of articles whose XML does not say it: of those whose metadata file fits ``files``."""

    record: ArticleRecord
    files: tuple[str, ...] = ("*",)

    @cached_property
    def globs(self) -> Globs:
        """``files``, ready to be asked."""
        return Globs(self.files)


class Globs:
    """Globs as a shell has them, held against the whole name of a file and against its last part."""

    def __init__(self, globs: Iterable[str]) -> None:
        self._globs = [(glob, re.compile(translate(_nfc(glob)))) for glob in globs]

    def first(self, name: str) -> str | None:
        """The first of the globs that fits; None when none does."""
        whole = _nfc(name)
        last = whole.rpartition("/")[2]
        return next((glob for glob, form in self._globs if form.match(whole) or form.match(last)), None)

    def fit(self, name: str) -> bool:
        """Whether one of them fits."""
        return self.first(name) is not None


@dataclass(frozen=True)
class Profile:
    """One profile; a new one without more is what holds for a publisher of whom nothing is known."""

    name: str = "default"
    publisher: str | None = None
    metadata: tuple[str, ...] = ()
    """Globs of the files that describe articles; empty: every XML that turns out to."""
    dialects: frozenset[str] = frozenset()
    """Of :data:`ingest.dialects.DIALECTS`, those in which articles are described; empty: all of them."""
    pdf: tuple[PdfRule, ...] = ()
    """In this order, and no others; empty: the usual ones, the surer first."""
    pdf_pattern: str | None = None
    ignore: tuple[str, ...] = ()
    """Globs of files that are passed over and belong to no article."""
    nested: Nested = Nested.AUTO
    manifest: ManifestRule = ManifestRule()
    fallbacks: tuple[Fallback, ...] = ()

    @cached_property
    def ignored(self) -> Globs:
        """``ignore``, ready to be asked."""
        return Globs(self.ignore)

    @cached_property
    def described(self) -> Globs:
        """``metadata``, ready to be asked."""
        return Globs(self.metadata)

    def believes(self, rule: PdfRule) -> bool:
        """Whether a PDF may be found so."""
        return rule in self.pdf if self.pdf else rule not in (PdfRule.PATTERN, PdfRule.WHOLE_ISSUE)

    def completed(self, record: ArticleRecord, path: str, line: int | None) -> tuple[ArticleRecord, list[Finding]]:
        """``record`` with what it lacks out of the first fallback that fits its file, and a note that names them."""
        fitting = next((one.record for one in self.fallbacks if one.globs.fit(path)), None)
        if fitting is None:
            return record, []
        taken = {
            name: value
            for name in ("journal_title", "publisher", "language", "licence", *ISSN_FIELDS)
            if (value := getattr(fitting, name)) and not getattr(record, name)
        }
        if record.issns:
            taken = {name: value for name, value in taken.items() if name not in ISSN_FIELDS}
        if not taken:
            return record, []
        said = "; ".join(f"{name} = {value}" for name, value in taken.items())
        return replace(record, **taken), [finding("FROM_PROFILE", path, line, name=self.name, detail=said)]


DEFAULT = Profile()


@dataclass(frozen=True, slots=True)
class Profiles:
    """Every profile of the settings."""

    every: Sequence[Profile] = ()

    def of(self, publisher: str, name: str | None) -> Profile | None:
        """The one that is named, else the publisher's own, else the default; None for a name that there is not."""
        if name == DEFAULT.name:
            return DEFAULT
        if name is not None:
            return next((one for one in self.every if one.name == name), None)
        known = _folded(publisher)
        return next((one for one in self.every if one.publisher and _folded(one.publisher) == known), DEFAULT)


def told(profile: Profile) -> Iterator[Finding]:
    """A note that a delivery was read as a profile says; nothing for the default."""
    if profile is not DEFAULT:
        yield finding("PROFILE_USED", name=profile.name)


def name_in(findings: Iterable[Finding]) -> str:
    """The profile with which a delivery with these findings was read."""
    said = (found.params.get("name") for found in findings if found.code in ("PROFILE_USED", "PROFILE_UNKNOWN"))
    return next((name for name in said if name), DEFAULT.name)


def _folded(name: str) -> str:
    return _nfc(" ".join(name.split()))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)

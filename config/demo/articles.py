"""The fictional journals of the demo and their articles, read from ``texts/`` into values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

_TEXTS = Path(__file__).with_name("texts")


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal of one publisher; nobody has ever printed it."""

    title: str
    abbreviation: str
    publisher: str
    place: str
    language: str
    issn_l: str
    issn_electronic: str
    issn_print: str | None = None
    translated_titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Writer:
    """A person, or a group that signs as one (``collab``)."""

    family: str = ""
    given: str = ""
    suffix: str = ""
    orcid: str = ""
    affiliation: str = ""
    collab: str = ""

    @property
    def name(self) -> str:
        """As printed below a title."""
        return self.collab or " ".join(part for part in (self.given, self.family, self.suffix) if part)


@dataclass(frozen=True, slots=True)
class TextSection:
    """A heading and the paragraphs under it."""

    heading: str
    paragraphs: tuple[str, ...]
    new_page: bool = False


@dataclass(frozen=True, slots=True)
class DemoArticle:
    """All that the XML and the PDF of one fictional article say. ``key`` is the base name of its files."""

    journal: Journal
    key: str
    doi: str
    type: str
    subject: str
    language: str
    title: str
    volume: str
    published: str
    authors: tuple[Writer, ...]
    sections: tuple[TextSection, ...]
    references: tuple[str, ...] = ()
    translated_titles: Mapping[str, str] = field(default_factory=dict)
    title_italic: str = ""
    abstract: Mapping[str, str] = field(default_factory=dict)
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    issue: str = ""
    first_page: str = ""
    last_page: str = ""
    elocation: str = ""
    received: str = ""
    accepted: str = ""
    licence: str = ""
    corrects: str = ""
    figure: str = ""
    supplement: str = ""
    changes: tuple[tuple[str, str], ...] = ()

    @property
    def place_in_issue(self) -> str:
        """``8(2), 101–118`` or ``17, e003``."""
        volume = f"{self.volume}({self.issue})" if self.issue else self.volume
        return f"{volume}, {self.elocation or f'{self.first_page}–{self.last_page}'}"

    @property
    def copyright(self) -> str:
        """The line of rights under which it appeared."""
        year = self.published[:4]
        if self.licence:
            return f"© {year} " + ("Yazarlar. CC BY 4.0" if self.language == "tr" else "The Authors. CC BY 4.0")
        return f"© {year} {self.journal.publisher}. " + (
            "Her hakkı saklıdır." if self.language == "tr" else "All rights reserved."
        )

    def changed(self) -> DemoArticle:
        """The article as its publisher delivered it again."""
        return replace(self, sections=tuple(self._changed(section) for section in self.sections), changes=())

    def _changed(self, section: TextSection) -> TextSection:
        paragraphs = list(section.paragraphs)
        for before, after in self.changes:
            paragraphs = [paragraph.replace(before, after) for paragraph in paragraphs]
        return replace(section, paragraphs=tuple(paragraphs))


@cache
def articles() -> Mapping[str, DemoArticle]:
    """Every article of the demo by its key, in the order of the files of ``texts/``."""
    found: dict[str, DemoArticle] = {}
    for file in sorted(_TEXTS.glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        journal = Journal(**data["journal"])
        for entry in data["articles"]:
            found[entry["key"]] = _article(journal, entry)
    return found


def _article(journal: Journal, entry: Mapping[str, Any]) -> DemoArticle:
    known = dict(entry)
    known["authors"] = tuple(Writer(**author) for author in entry["authors"])
    known["sections"] = tuple(
        TextSection(section["heading"], tuple(section["paragraphs"]), section.get("new_page", False))
        for section in entry["sections"]
    )
    known["references"] = tuple(entry.get("references", ()))
    known["keywords"] = {language: tuple(words) for language, words in entry.get("keywords", {}).items()}
    known["changes"] = tuple((change["from"], change["to"]) for change in entry.get("changes", ()))
    return DemoArticle(journal=journal, **known)

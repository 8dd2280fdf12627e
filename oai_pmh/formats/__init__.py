"""The formats in which every article can be harvested, by metadataPrefix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oai_pmh.formats import mods, oai_dc
from oai_pmh.xml import FormatDescription
from repository.vocabulary import ArticleRecord

Crosswalk = Callable[[ArticleRecord, str], str]
"""An article and the absolute address of its page in; one element in the format's namespace out."""


@dataclass(frozen=True, slots=True)
class Format:
    """A metadata format: how it is announced, and how an article is written in it."""

    description: FormatDescription
    crosswalk: Crosswalk


FORMATS: dict[str, Format] = {
    known.PREFIX: Format(FormatDescription(known.PREFIX, known.SCHEMA, known.NAMESPACE), known.crosswalk)
    for known in (oai_dc, mods)
}

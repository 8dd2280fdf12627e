"""The formats in which every article can be harvested, by metadataPrefix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from oai_pmh.formats import jats, marcxml, mets, mods, oai_dc, oai_openaire
from oai_pmh.formats.told import Told
from oai_pmh.xml import FormatDescription
from repository.vocabulary import ArticleRecord

__all__ = ["FORMATS", "Crosswalk", "Format", "Told"]

Crosswalk = Callable[[ArticleRecord, Told], str]
"""An article, and what else is known of it, in; one element in the format's namespace out.

Every article can be said in every format: what is not known is left out, and no format asks for more than an
identifier."""


@dataclass(frozen=True, slots=True)
class Format:
    """A metadata format: how it is announced, how an article is written in it, and what has to be looked up for it."""

    description: FormatDescription
    crosswalk: Crosswalk
    needs_front: bool = False
    """The publisher's front matter,"""
    needs_versions: bool = False
    """and the versions that are kept, with their files and copies."""
    settled: bool = True
    """Whether a record changes only with its article: then it can lie ready."""


FORMATS: dict[str, Format] = {
    known.PREFIX: Format(
        FormatDescription(known.PREFIX, known.SCHEMA, known.NAMESPACE),
        known.crosswalk,
        needs_front=known is jats,
        needs_versions=known in (oai_openaire, mets),
        settled=known is not mets,  # it tells of every reading of a copy
    )
    for known in (oai_dc, oai_openaire, jats, mods, marcxml, mets)
}

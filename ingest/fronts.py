"""The publisher's front matter of an article, found again in its bag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.dialects import Described, describe
from ingest.unpack import LARGEST_METADATA
from ingest.unpack.members import named_as_metadata
from repository.turkish import machine_lower
from repository.vocabulary import ArticleRecord


def may_describe(path: str, size: int) -> bool:
    """Whether a file of a bag, by its path and its bytes, may be one that describes its article."""
    return named_as_metadata(path) and size <= LARGEST_METADATA


def front_among(files: Mapping[str, bytes], record: ArticleRecord) -> bytes | None:
    """The front matter, packed, that these files of a bag tell of the article that ``record`` describes; None where
    they tell none.

    It is the one of the description that says nothing else than ``record``; else, as a later version of this program
    may read a file otherwise, the one with the same DOI.
    """
    by_doi: bytes | None = None
    for one in _described(files):
        if _says_the_same(one.record, record):
            return one.front
        if by_doi is None and record.doi and machine_lower(one.record.doi or "") == machine_lower(record.doi):
            by_doi = one.front
    return by_doi


def _described(files: Mapping[str, bytes]) -> Iterator[Described]:
    for path, data in files.items():
        yield from (one for one in describe(data, path).articles if one.front is not None)


def _says_the_same(said: ArticleRecord, kept: ArticleRecord) -> bool:
    """Whether ``kept`` has all that ``said`` says; other files of the delivery may have said more."""
    ours, theirs = said.as_json(), kept.as_json()
    return all(_is_in(value, theirs[name]) for name, value in ours.items() if value)


def _is_in(value: Any, whole: Any) -> bool:
    if isinstance(value, Mapping) and isinstance(whole, Mapping):
        return value.items() <= whole.items()
    return bool(value == whole)

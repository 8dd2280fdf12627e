"""The collection of real publishers' files, read in place: its index, and a record in the columns of the index."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from ingest.dialects import Described, describe
from repository.vocabulary import ArticleRecord

SAMPLES = Path(__file__).parents[1] / "../shared/samples"
"""May be absent: then the tests over it skip, with that reason."""


def folded(text: str | None) -> str:
    plain = " ".join(unicodedata.normalize("NFC", text or "").split())
    return re.sub(r"[\u2010-\u2015\u2212]", "-", plain)


def first_author(record: ArticleRecord) -> str:
    for author in record.authors:
        if not author.collab:
            return ", ".join(part for part in (author.family, author.given) if part)
    return f"[group] {record.authors[0].collab}" if record.authors else ""


def as_row(record: ArticleRecord) -> dict[str, str]:
    """The record in the columns of index.csv."""
    return {
        "journal_title": record.journal_title or "",
        "issn_print": record.issn_print or "",
        "issn_electronic": record.issn_electronic or "",
        "issn_unspecified": record.issn_unspecified or "",
        "volume": record.volume or "",
        "issue": record.issue or "",
        "first_page": record.first_page or "",
        "last_page": record.last_page or "",
        "elocation": record.elocation or "",
        "doi": record.doi or "",
        "title": record.title or "",
        "trans_titles": " || ".join(f"{language}:{text}" for language, text in record.translated_titles.items()),
        "lang": record.language or "",
        "n_authors": str(sum(not author.collab for author in record.authors)),
        "n_groups": str(sum(bool(author.collab) for author in record.authors)),
        "first_author": first_author(record),
        "pub_dates": ";".join(f"{kind}={date}" for kind, date in record.published.items()),
        "article_type": record.article_type or "",
        "related": " ; ".join(f"{related.type}:{related.identifier}" for related in record.related),
        "license": record.licence or "",
    }


def expected_value(column: str, value: str, got: str) -> str:
    """The index's way of writing a value turned into the product's, by rule."""
    if column == "related":  # identifiers are stored bare, so that they can be compared
        return value.replace(":info:doi/", ":").replace(":https://doi.org/", ":")
    if column == "license" and value.startswith("text:"):  # the index keeps the first characters of a text, if any
        text = value.removeprefix("text:").strip()
        return got if text and folded(got).startswith(folded(text)) else text
    return value


def assert_as_indexed(row: dict[str, str], record: ArticleRecord, choices: Mapping[tuple[str, str], str]) -> None:
    """Every column as the index has it, or as ``choices`` (file and column) says where we differ on purpose."""
    for column, got in as_row(record).items():
        expected = expected_value(column, row[column], got)
        key = (row["file"], column)
        if key in choices:
            assert folded(expected) != folded(choices[key]), f"{key} is no difference any more"
            expected = choices[key]
        assert folded(got) == folded(expected), column


def the_one_article(data: bytes, name: str) -> Described:
    """What is read of a file that holds one article, and about which there is nothing to say."""
    description = describe(data, name)
    assert description.findings == ()
    (one,) = description.articles
    return one


def index_rows(*folders: str) -> list[dict[str, str]]:
    """The rows of index.csv whose file lies in one of ``folders`` (``"jats/"``); none where there is no collection."""
    index = SAMPLES / "index.csv"
    if not index.exists():
        return []
    with index.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["file"].startswith(folders)]

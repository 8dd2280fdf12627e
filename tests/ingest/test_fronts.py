"""Front matter is found again in a bag: by what it says, and by the DOI where a file is read otherwise today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ingest.dialects import describe
from ingest.fronts import front_among, may_describe
from ingest.unpack import LARGEST_METADATA
from repository.jats import Front
from repository.vocabulary import ArticleRecord


def jats(doi: str, title: str) -> str:
    return (
        f'<article><front><article-meta><article-id pub-id-type="doi">{doi}</article-id>'
        f"<title-group><article-title>{title}</article-title></title-group></article-meta></front></article>"
    )


def found(files: Mapping[str, str], record: ArticleRecord) -> Front | None:
    packed = front_among({name: text.encode() for name, text in files.items()}, record)
    return Front.unpacked(packed) if packed is not None else None


def record_of(text: str) -> ArticleRecord:
    (one,) = describe(text.encode(), "a.xml").articles
    return one.record


ONE, OTHER = jats("10.5555/bir", "Bir"), jats("10.5555/iki", "İki")


def test_of_several_articles_the_one_that_is_described() -> None:
    both = f"<articles>{ONE}{OTHER}</articles>"
    told = found({"sayi.xml": both, "b.pdf": "%PDF"}, record_of(OTHER))
    assert told is not None
    assert "İki" in told.before


def test_a_description_that_other_files_completed_is_still_the_same() -> None:
    more = replace(record_of(ONE), publisher="Örnek Yayınevi", volume="3", other_ids={"pmid": "1"})
    assert found({"a.xml": ONE}, more) is not None


def test_what_is_read_otherwise_today_is_known_by_its_doi() -> None:
    assert found({"a.xml": ONE}, replace(record_of(ONE), title="Eski okunuş")) is not None
    assert found({"a.xml": ONE}, replace(record_of(ONE), title="Eski okunuş", doi="10.5555/baska")) is None
    assert found({"a.xml": ONE}, ArticleRecord(title="DOI'siz")) is None


def test_a_bag_without_such_a_file_has_none() -> None:
    assert found({"b.xml": "<article", "c.xml": "<book/>"}, record_of(ONE)) is None


def test_only_what_may_describe_an_article_is_looked_into() -> None:
    assert may_describe("a/b.xml", 10)
    assert may_describe("a.XML.Meta", LARGEST_METADATA)
    assert not may_describe("a.xml", LARGEST_METADATA + 1)
    assert not may_describe("a.pdf", 10)

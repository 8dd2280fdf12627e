"""The field's words keep their promises: derived ids, keys, and records that come back as they went."""

from __future__ import annotations

from dataclasses import replace

import pytest

from repository.vocabulary import (
    ArticleRecord,
    Author,
    Related,
    article_id,
    article_identity,
    bag_key,
    parse_bag_key,
)

RECORD = ArticleRecord(
    title="Iğdır'da Arşiv",
    translated_titles={"en": "An Archive in Iğdır"},
    language="tr",
    journal_title="Örnek Dergi",
    issn_print="9999-0016",
    issn_electronic="9999-0024",
    volume="12",
    issue="3",
    first_page="7",
    doi="10.5555/OABD.12.3.7",
    authors=(Author(family="Işık", given="Çağrı"), Author(collab="Arşiv Topluluğu")),
    published={"epub": "2024-05-06", "ppub": "2024"},
    related=(Related("corrected-article", "10.5555/oabd.12.2.1", "doi"),),
)


def test_a_doi_gives_the_same_id_in_whatever_capitals_it_is_written() -> None:
    assert article_id(RECORD) == article_id(replace(RECORD, doi="10.5555/oabd.12.3.7", title="Another title"))


def test_an_article_without_doi_is_known_by_its_place() -> None:
    bare = replace(RECORD, doi=None)
    assert article_id(bare) == article_id(replace(bare, title="IĞDIR’DA  ARŞİV"))
    assert article_id(bare) != article_id(replace(bare, first_page="8"))


def test_an_article_that_nothing_identifies_has_no_id() -> None:
    with pytest.raises(ValueError, match="needs an ISSN"):
        article_identity(ArticleRecord(title="Alone"))


def test_a_bag_key_is_ascii_and_read_back() -> None:
    key = bag_key(article_id(RECORD), 12)
    assert key.isascii()
    assert parse_bag_key(key) == (article_id(RECORD), 12)


@pytest.mark.parametrize(
    "key", ["a/b/c/v1.tar", "ab/cd/abcd/v01.tar", "ab/cd/abcd/vx.tar", "ab/cd/abcd/v1.zip", "v1.tar"]
)
def test_no_other_key_is_taken_for_a_bag(key: str) -> None:
    assert parse_bag_key(key) is None


def test_a_record_comes_back_from_its_json() -> None:
    assert ArticleRecord.from_json(RECORD.as_json()) == RECORD


def test_a_record_of_a_later_version_can_still_be_read() -> None:
    assert ArticleRecord.from_json({**RECORD.as_json(), "invented_later": 1}) == RECORD


def test_the_year_of_the_issue_wins_over_the_year_online() -> None:
    assert replace(RECORD, published={"epub": "2023-12-30", "ppub": "2024-02"}).year == 2024
    assert replace(RECORD, published={"epub": "2023-12-30"}).year == 2023
    assert replace(RECORD, published={}).year is None

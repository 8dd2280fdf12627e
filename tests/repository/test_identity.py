"""One work over time is one article: before and after its DOI, its pages, its true ISSN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pages
import pytest

from repository.catalogue import identity
from repository.vocabulary import ArticleRecord, Author, article_id


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def resolved(archive: pages.Site, record: ArticleRecord) -> str:
    with archive.catalogue.reading() as rows:
        return identity.resolved(rows, record)


def work(**changes: Any) -> ArticleRecord:
    return pages.record(**({"doi": None, "first_page": "12"} | changes))


def test_a_doi_that_appears_later_is_the_same_article(archive: pages.Site) -> None:
    first = pages.enter(archive, work())
    assert resolved(archive, work(doi="10.5555/sonra")) == first


def test_a_delivery_without_the_doi_is_the_article_that_has_it(archive: pages.Site) -> None:
    first = pages.enter(archive, work(doi="10.5555/once"))
    assert resolved(archive, work()) == first
    assert first == article_id(work(doi="10.5555/once"))


def test_an_article_ahead_of_print_is_the_one_that_gets_its_place(archive: pages.Site) -> None:
    ahead = work(volume=None, issue=None, first_page=None, last_page=None)
    first = pages.enter(archive, ahead)
    assert resolved(archive, work()) == first
    assert resolved(archive, work(doi="10.5555/son")) == first


def test_another_issn_of_the_journal_leads_to_the_same_article(archive: pages.Site) -> None:
    first = pages.enter(archive, work(issn_print="1300-7009"))
    assert resolved(archive, work(issn_electronic=None, issn_print="1300-7009")) == first


def test_a_mended_issn_under_the_same_doi_is_the_same_article(archive: pages.Site) -> None:
    first = pages.enter(archive, work(doi="10.5555/ayni", issn_electronic="1111-1111"))
    assert resolved(archive, work(doi="10.5555/AYNI")) == first


def test_a_mended_title_on_the_same_page_is_the_same_article(archive: pages.Site) -> None:
    first = pages.enter(archive, work(title="Isparta gül bahçelerinde toprak nmei üzerine"))
    assert resolved(archive, work(title="Isparta gül bahçelerinde toprak nemi üzerine")) == first
    assert resolved(archive, work(title="Isparta gül bahçelerinde toprak nemi üzerine", doi="10.5555/n")) == first


def test_two_reviews_on_one_page_stay_two(archive: pages.Site) -> None:
    first = pages.enter(archive, work(title="Kitap incelemesi: Anadolu'nun kadim suları"))
    assert resolved(archive, work(title="Kitap incelemesi: Trakya'da tarımın tarihi")) != first


@pytest.mark.parametrize(
    "other",
    [
        {"doi": "10.5555/baska"},
        {"doi": None, "title": "Editörden"},
        {"doi": None, "authors": (Author(family="Başka", given="Biri"),), "volume": None, "first_page": "99"},
        {"doi": None, "volume": "13"},
    ],
)
def test_what_may_be_another_work_stays_another_article(archive: pages.Site, other: dict[str, Any]) -> None:
    first = pages.enter(archive, work(doi="10.5555/bir"))
    assert resolved(archive, work(**other)) == article_id(work(**other)) != first


def test_short_titles_ahead_of_print_are_never_taken_for_one(archive: pages.Site) -> None:
    nowhere = {"volume": None, "issue": None, "first_page": None, "last_page": None, "title": "Editörden"}
    first = pages.enter(archive, work(doi="10.5555/e1", **nowhere))
    assert resolved(archive, work(doi="10.5555/e2", **nowhere)) != first
    assert resolved(archive, work(**(nowhere | {"volume": "3"}))) != first

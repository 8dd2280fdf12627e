"""One work over time is one article: before and after its DOI, its pages, its true ISSN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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


NOWHERE = {"volume": None, "issue": None, "first_page": None, "last_page": None}
PAGELESS = {"first_page": None, "last_page": None}
NOTE = {"first_page": "12", "last_page": "12"}
"""An article that may share its page with another."""
EDITORIAL = "Editörden: bu sayıda neler var, kimler yazdı"
SOMEBODY_ELSE = (Author(family="Kaya", given="Ali"),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({**NOWHERE, "title": "Editörden", "published": {"pub": "2020"}}, {"published": {"pub": "2021"}}),
        ({**NOWHERE, "title": "Editörden", "other_ids": {"oai": "oai:x:1"}}, {"other_ids": {"oai": "oai:x:2"}}),
        ({**PAGELESS, "title": "Kitap incelemesi"}, {"authors": SOMEBODY_ELSE}),
        ({**PAGELESS, "title": "Kitap incelemesi ve değerlendirmesi"}, {"authors": SOMEBODY_ELSE}),
        ({"title": EDITORIAL}, {**NOWHERE, "published": {"pub": "2024"}}),
        ({}, {**NOWHERE, "article_type": "correction"}),
        (PAGELESS, {"article_type": "retraction"}),
        (
            {**NOTE, "title": "C vitamininin sıçan böbreğine etkisi"},
            {"title": "E vitamininin sıçan böbreğine etkisi"},
        ),
        ({**NOTE, "title": "Anadolu kuşları üzerine notlar 1"}, {"title": "Anadolu kuşları üzerine notlar 2"}),
        ({**NOTE, "title": "Anadolu kuşları üzerine notlar: I"}, {"title": "Anadolu kuşları üzerine notlar: II"}),
        (
            {**NOTE, "title": "Effects of light on the behaviour of mice"},
            {"title": "Effects of light on the behaviour of fish"},
        ),
    ],
    ids=[
        "editorials of two years",
        "editorials without a place, told apart by their repository",
        "reviews of one issue without pages",
        "the same with a longer title",
        "an editorial ahead and that of years before",
        "a correction with the title of what it corrects, ahead",
        "a retraction with the title of what it retracts, without pages",
        "two abstracts on one page",
        "two parts on one page",
        "two parts by Roman numbers",
        "another word",
    ],
)
def test_two_works_are_never_taken_for_one(archive: pages.Site, one: dict[str, Any], other: dict[str, Any]) -> None:
    first = pages.enter(archive, work(**one))
    assert resolved(archive, work(**one)) == first
    assert resolved(archive, work(**(one | other))) != first
    assert resolved(archive, work(**(one | other), doi="10.5555/baska")) != first


def test_a_slip_mended_in_the_title_of_a_note(archive: pages.Site) -> None:
    first = pages.enter(archive, work(**NOTE, title="Isparta gül bahçelerinde toprak nmei üzerine"))
    assert resolved(archive, work(**NOTE, title="Isparta gül bahçelerinde toprak nemi üzerine")) == first


def test_yearly_editorials_under_one_title_get_their_dois_later(archive: pages.Site) -> None:
    every = [work(title=EDITORIAL, issue=str(number), first_page="1") for number in range(25)]
    ids = [pages.enter(archive, each) for each in every]
    with_dois = [replace(each, doi=f"10.5555/e.{number}") for number, each in enumerate(every)]
    assert [resolved(archive, each) for each in with_dois] == ids

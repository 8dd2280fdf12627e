"""Articles that point at others: seen at both ends, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pages
import pytest
from lxml import html

from repository.catalogue import holdings, links
from repository.models import Article
from repository.vocabulary import ArticleRecord, Related


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def erratum(**changes: object) -> ArticleRecord:
    pointer = Related("corrected-article", "https://doi.org/10.5555/ASIL.1", "doi")
    given = {"doi": "10.5555/duzeltme.1", "title": "Düzeltme", "article_type": "correction", "related": (pointer,)}
    return pages.record(1, **(given | changes))


ORIGINAL = pages.record(2, doi="10.5555/Asil.1", title="Yanlış sayılar")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_correction_is_shown_at_both_ends(archive: pages.Site, order: tuple[int, int]) -> None:
    both = (erratum(), ORIGINAL)
    entered = {place: pages.enter(archive, both[place]) for place in order}
    correction, original = entered[0], entered[1]
    page = html.fromstring(archive.client.get(f"/articles/{original}?lang=en").text)
    assert page.xpath(f"//div[contains(@class, 'notice')]//a[@href='/articles/{correction}']/text()") == ["Düzeltme"]
    assert "Corrected by" in page.text_content()
    other = html.fromstring(archive.client.get(f"/articles/{correction}?lang=en").text)
    assert other.xpath(f"//main//ul//a[@href='/articles/{original}']")
    assert not other.xpath("//div[contains(@class, 'notice')]")


def test_a_link_stays_while_its_target_is_not_held(archive: pages.Site) -> None:
    correction = pages.enter(archive, erratum())
    page = archive.client.get(f"/articles/{correction}?lang=en").text
    assert "not held here" in page
    with archive.catalogue.reading() as rows:
        (found,) = links.pointing_at(rows, ORIGINAL, limit=10)
    assert (found.article_id, found.type) == (correction, "corrected-article")


def test_a_new_version_that_points_elsewhere_takes_the_old_link_away(archive: pages.Site) -> None:
    pages.enter(archive, erratum())
    elsewhere = Related("corrected-article", "10.5555/baska", "doi")
    pages.enter(archive, erratum(related=(elsewhere,)), version=2)
    with archive.catalogue.reading() as rows:
        assert links.pointing_at(rows, ORIGINAL, limit=10) == []
        assert len(links.pointing_at(rows, pages.record(3, doi="10.5555/Baska"), limit=10)) == 1


def test_what_is_no_doi_or_the_article_itself_is_no_link(archive: pages.Site) -> None:
    own = Related("corrected-article", "10.5555/Duzeltme.1", "doi")
    pmid = Related("corrected-article", "12345678", "pmid")
    pages.enter(archive, erratum(related=(own, pmid)))
    with archive.catalogue.reading() as rows:
        assert links.pointing_at(rows, erratum(), limit=10) == []
        assert links.pointing_at(rows, pages.record(4, doi=None), limit=10) == []


def test_a_name_that_an_article_had_once_still_leads_to_it_at_both_ends(archive: pages.Site) -> None:
    original = pages.enter(archive, replace(ORIGINAL, other_ids={"pmid": "31234567", "publisher-id": "x"}))
    pmid = Related("corrected-article", "31234567", "pmid")
    correction = pages.enter(archive, erratum(related=(pmid,)))
    pages.enter(archive, replace(ORIGINAL, other_ids={"publisher-id": "y"}), version=2)
    with archive.catalogue.reading() as rows:
        told = [holdings.article_json(rows, rows.get_one(Article, each)) for each in (original, correction)]
    assert [one["article"] for one in told[0]["pointed_at_by"]] == [correction]
    assert told[0]["other_ids"] == {"pmid": "31234567", "publisher-id": "y"}
    assert [one["article"] for one in told[1]["related"]] == [original]


def test_the_gravest_notice_stands_first(archive: pages.Site) -> None:
    original = pages.enter(archive, ORIGINAL)
    for place, kind in enumerate(("corrected-article", "retracted-article", "object-of-concern")):
        pointer = Related(kind, "10.5555/asil.1", "doi")
        pages.enter(archive, erratum(doi=f"10.5555/bildirim.{place}", title=kind, related=(pointer,)))
    page = html.fromstring(archive.client.get(f"/articles/{original}?lang=en").text)
    notices = page.xpath("//div[contains(@class, 'notice')]//a/text()")
    assert notices == ["retracted-article", "object-of-concern", "corrected-article"]


def test_notices_and_their_targets_never_wait_for_each_other_for_ever(archive: pages.Site) -> None:
    """Each of two articles is a notice of the other: whoever enters one announces both, and all at once."""
    rounds = range(2, 12)

    def mutual(number: int, other: int) -> ArticleRecord:
        pointer = Related("corrected-article", f"10.5555/karsilikli.{other}", "doi")
        return pages.record(number, doi=f"10.5555/karsilikli.{number}", related=(pointer,))

    both = (mutual(1, 2), mutual(2, 1))
    ids = [pages.enter(archive, each) for each in both]

    def again(each: ArticleRecord) -> None:
        for version in rounds:
            pages.enter(archive, each, version=version)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(again, each) for each in both]:
            done.result()
    with archive.catalogue.reading() as rows:
        articles = [rows.get_one(Article, each) for each in ids]
    assert [each.version for each in articles] == [rounds[-1]] * 2
    # Twenty-two times one was entered, and both were announced each time but the first.
    assert max(each.change_number for each in articles) == 2 * 22 - 1

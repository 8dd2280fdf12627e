"""A journal that was two by mistake becomes one, whatever came first; another journal is never drawn in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier
from typing import Any

import pages
import pytest
from sqlalchemy import select

from repository.catalogue import deliveries, titles
from repository.models import Agreement, Article, Delivery, Issue, Publisher, Title, TitleIssn
from repository.vocabulary import ArticleRecord, DeliveryState

PRINTED, ELECTRONIC = "1300-7009", "1300-0632"


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def printed(number: int = 1, **more: Any) -> ArticleRecord:
    return pages.record(number, **({"issn_print": PRINTED, "issn_electronic": None} | more))


def electronic(number: int = 2, **more: Any) -> ArticleRecord:
    return pages.record(number, **more)


def both(number: int = 3, **more: Any) -> ArticleRecord:
    return pages.record(number, **({"issn_print": PRINTED} | more))


def shelved(archive: pages.Site) -> list[tuple[str | None, str | None, int, list[tuple[str | None, int]]]]:
    """Each journal by its ISSNs, with its number of articles, and each of its issues with its number."""
    with archive.catalogue.reading() as rows:
        found = []
        for title in rows.execute(select(Title).order_by(Title.id)).scalars():
            issues = rows.execute(select(Issue).where(Issue.title_id == title.id).order_by(Issue.shelf)).scalars().all()
            for issue in issues:
                standing = rows.execute(select(Article).where(Article.issue_id == issue.id)).scalars().all()
                assert len(standing) == issue.articles
                assert {one.title_id for one in standing} <= {title.id}
            found.append(
                (
                    title.issn_print,
                    title.issn_electronic,
                    title.articles,
                    [(one.issue, one.articles) for one in issues if one.articles],
                )
            )
        return found


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_printed_and_electronic_numbers_lead_to_one_journal_in_any_order(
    archive: pages.Site, order: Sequence[int]
) -> None:
    records = (printed(), electronic(issue="4"), both())
    for place in order:
        pages.enter(archive, records[place])
    assert shelved(archive) == [(PRINTED, ELECTRONIC, 3, [("3", 2), ("4", 1)])]
    for issn in (PRINTED, ELECTRONIC):
        assert archive.client.get(f"/titles/{issn}", follow_redirects=True).status_code == 200


def test_another_journal_whose_number_was_written_by_a_slip_stays_its_own(archive: pages.Site) -> None:
    pages.enter(archive, printed(journal_title="Başka Bir Dergi"))
    pages.enter(archive, electronic())
    pages.enter(archive, both())
    assert [line[2] for line in shelved(archive)] == [1, 2]


def test_what_was_agreed_and_mended_holds_for_the_one_that_remains(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        publisher = titles.publisher_named(rows, "Örnek Yayınevi")
        titles.agree(
            rows, publisher, [titles.AgreedTitle(electronic().journal_title or "", None, ELECTRONIC)], pages.NOW
        )
    pages.enter(archive, printed())
    pages.enter(archive, printed(issn_print=None, issn_electronic=ELECTRONIC), version=2)
    assert [(line[1], line[2]) for line in shelved(archive)] == [(ELECTRONIC, 1)]
    with archive.catalogue.reading() as rows:
        assert len(rows.execute(select(Agreement)).scalars().all()) == 1
        assert titles.is_agreed(rows, rows.execute(select(Publisher)).scalar_one(), (PRINTED,), pages.NOW)
        assert len(rows.execute(select(TitleIssn)).scalars().all()) == 2


def test_the_first_articles_of_one_journal_at_once_make_one_journal(archive: pages.Site) -> None:
    many, start = 8, Barrier(8)

    def enter(number: int) -> None:
        start.wait()
        pages.enter(archive, both(number), publisher="Yeni Yayınevi")

    with ThreadPoolExecutor(many) as pool:
        list(pool.map(enter, range(1, many + 1)))
    assert shelved(archive) == [(PRINTED, ELECTRONIC, many, [("3", many)])]


def test_the_same_bytes_at_once_are_one_delivery(archive: pages.Site) -> None:
    many, start = 8, Barrier(8)

    def accept(_: int) -> str:
        start.wait()
        with archive.catalogue.writing() as rows:
            return deliveries.accept(rows, "Yeni Yayınevi", ["a.zip"], "a" * 64, 5, pages.NOW).id

    with ThreadPoolExecutor(many) as pool:
        assert len(set(pool.map(accept, range(many)))) == 1
    with archive.catalogue.reading() as rows:
        (kept,) = rows.execute(select(Delivery)).scalars()
        assert kept.state == DeliveryState.RECEIVED

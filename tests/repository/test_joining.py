"""A journal that was two by mistake becomes one, whatever came first; another journal is never drawn in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import permutations
from threading import Barrier
from typing import Any

import pages
import pytest
from sqlalchemy import select

from repository.access import rights, runs
from repository.access.entitlement import Reader, Reason
from repository.catalogue import deliveries, titles
from repository.models import (
    Agreement,
    Article,
    ChangeHead,
    Delivery,
    Entitlement,
    EntitlementAct,
    Issue,
    Publisher,
    Title,
    TitleIssn,
    Trigger,
    TriggerScope,
    UsageDay,
)
from repository.rights import Audience, Side, TriggerKind
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


def one_and_other(archive: pages.Site) -> tuple[str, str]:
    """A journal that stands here twice; the article of each."""
    return pages.enter(archive, printed(licence=None)), pages.enter(archive, electronic(licence=None))


def also(archive: pages.Site, line: int, article: str, **more: Any) -> int:
    """The same line of the title list again, for the journal of this article; its number."""
    with archive.catalogue.writing() as rows:
        same = rows.get_one(Entitlement, line)
        copied = {column.key: getattr(same, column.key) for column in Entitlement.__table__.columns}
        values = copied | {"title_id": rows.get_one(Article, article).title_id} | more
        rows.add(row := Entitlement(**{name: value for name, value in values.items() if name != "id"}))
        rows.flush()
        return row.id


def test_a_right_to_the_later_of_the_two_is_a_right_to_the_one_that_remains(archive: pages.Site) -> None:
    first, later = one_and_other(archive)
    who = pages.institution(archive, "ornek")
    always: dict[str, Any] = {"hosting": "always", "perpetual": "full", "paid": [("2009-01-01", None)]}
    line = pages.right(archive, "paket", later, who, **always)
    with archive.catalogue.reading() as rows:
        before = rows.execute(select(ChangeHead.number)).scalar_one()
        assert rights.on_article(rows, rows.get_one(Article, first), Reader(who), pages.NOW).allowed is False
    third = pages.enter(archive, both(licence=None))
    with archive.catalogue.reading() as rows:
        for article in (first, later, third):
            decision = rights.on_article(rows, rows.get_one(Article, article), Reader(who), pages.NOW)
            assert decision.reason_code is Reason.CURRENT_SUBSCRIPTION
        (kept,) = rows.execute(select(Entitlement)).scalars()
        assert (kept.id, kept.title_id) == (line, rows.execute(select(Title.id)).scalar_one())
        # By it lists of what is held, and of who may read it, are known to be old.
        assert rows.execute(select(ChangeHead.number)).scalar_one() > before


@pytest.mark.parametrize("ends", [(None, "2015"), ("2015", None), ("2015", "2015")])
def test_of_one_run_of_both_the_longer_stands_with_all_that_was_said(
    archive: pages.Site, ends: tuple[str | None, str | None]
) -> None:
    first, later = one_and_other(archive)
    line = pages.right(archive, "paket", first, None, coverage={"last_date": ends[0]} if ends[0] else None)
    twin = also(archive, line, later, last_date=ends[1], source="list.tsv", row=7)
    with archive.catalogue.writing() as rows:
        rows.add_all(
            EntitlementAct(
                entitlement_id=each, state="agreed", side=Side.ARCHIVE, by="ayse", at=pages.NOW, reason=f"{each}"
            )
            for each in (line, twin)
        )
    pages.enter(archive, both())
    with archive.catalogue.reading() as rows:
        (kept,) = rows.execute(select(Entitlement)).scalars()
        assert (kept.last_date, kept.source, kept.row) == (None if None in ends else "2015", "list.tsv", 7)
        assert set(rows.execute(select(EntitlementAct.reason)).scalars()) == {str(line), str(twin)}
        assert set(rows.execute(select(EntitlementAct.entitlement_id)).scalars()) == {kept.id}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("more", "less"),
    [({"last_date": "2015"}, {"state": "disputed"}), ({"last_date": "2016"}, {"last_date": "2015"})],
)
def test_of_runs_that_differ_both_stay_and_the_one_that_gives_more_stands(
    archive: pages.Site, more: dict[str, str], less: dict[str, str], swapped: bool
) -> None:
    first, later = one_and_other(archive)
    start = pages.right(archive, "paket", first, None, coverage={"last_date": "1999", "first_date": "1990"})
    with archive.catalogue.reading() as rows:
        licence = rows.get_one(Entitlement, start).licence_id
    here, there = (later, first) if swapped else (first, later)
    larger, _ = (
        also(archive, start, article, first_date="2001", **({"last_date": None} | said))
        for article, said in ((here, more), (there, less))
    )
    pages.enter(archive, both())
    with archive.catalogue.reading() as rows:
        title = rows.execute(select(Title.id)).scalar_one()
        assert set(rows.execute(select(Entitlement.title_id)).scalars()) == {title}
        assert len(rows.execute(select(Entitlement)).scalars().all()) == 3
        standing = runs.standing(rows, licence, None)
        assert standing[runs.Key(title, "2001", None, None, None)].id == larger


def test_a_trigger_of_the_later_is_one_of_the_one_that_remains_and_says_so_once(archive: pages.Site) -> None:
    one_and_other(archive)
    with archive.catalogue.writing() as rows:
        ids = rows.execute(select(Title.id).order_by(Title.id)).scalars().all()
        for code, named in (("later", ids[1:]), ("both", ids)):
            row = Trigger(
                code=code,
                kind=TriggerKind.PUBLISHER_CEASED,
                audience=Audience.EVERYONE,
                reason="deneme",
                effective=pages.NOW,
                preview={},
                proposed_by="ayse",
                proposed_at=pages.NOW,
            )
            rows.add(row)
            rows.flush()
            rows.add_all(TriggerScope(trigger_id=row.id, title_id=one) for one in named)
    pages.enter(archive, both())
    with archive.catalogue.reading() as rows:
        told = select(Trigger.code, TriggerScope.title_id).join(Trigger, Trigger.id == TriggerScope.trigger_id)
        assert sorted(tuple(row) for row in rows.execute(told)) == [("both", ids[0]), ("later", ids[0])]


def test_what_continues_the_later_continues_the_one_that_remains_and_nothing_continues_itself(
    archive: pages.Site,
) -> None:
    one_and_other(archive)
    pages.enter(archive, electronic(5, journal_title="Yeni Adıyla Dergi", issn_electronic="1300-7017"))
    pages.enter(archive, electronic(6, journal_title="Eski Adıyla Dergi", issn_electronic="1300-7025"))
    with archive.catalogue.writing() as rows:
        first, later, newer, older = rows.execute(select(Title).order_by(Title.id)).scalars()
        kept, gone, before, after = first.id, later.id, older.id, newer.id
        first.preceding_id, newer.preceding_id, later.preceding_id = gone, gone, before
    pages.enter(archive, both())
    with archive.catalogue.reading() as rows:
        links = {row.id: row.preceding_id for row in rows.execute(select(Title)).scalars()}
        assert links == {kept: before, after: kept, before: None}


def test_what_readers_did_with_both_is_added_up(archive: pages.Site) -> None:
    one_and_other(archive)
    day, metric = date(2026, 10, 5), "Total_Item_Requests"
    with archive.catalogue.writing() as rows:
        ids = rows.execute(select(Title.id).order_by(Title.id)).scalars().all()
        usual = {"institution_id": 0, "year": 2015, "access_type": "Controlled", "metric": metric}
        rows.add_all(
            UsageDay(day=on, title_id=title, number=number, **usual)
            for on, title, number in (
                (day, 0, 8),
                (day, ids[0], 3),
                (day, ids[1], 5),
                (date(2026, 10, 6), ids[1], 2),
            )
        )
    pages.enter(archive, both())
    with archive.catalogue.reading() as rows:
        found = rows.execute(select(UsageDay).order_by(UsageDay.title_id, UsageDay.day)).scalars()
        assert [(row.title_id, row.day, row.number) for row in found] == [
            (0, day, 8),
            (ids[0], day, 8),
            (ids[0], date(2026, 10, 6), 2),
        ]

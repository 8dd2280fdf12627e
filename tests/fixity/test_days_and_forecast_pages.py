"""What the watch did in 90 days is drawn with its table, and a promise may be asked about before it is made."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pages
import pytest
from lxml import html
from sqlalchemy import select

from fixity.forecast import Policy
from fixity.web import bars
from repository.catalogue import days, tallies
from repository.models import Publisher
from repository.promise import ContentClass, Promise
from repository.vocabulary import utc_now


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    now = utc_now()
    with site.catalogue.writing() as session:
        for store, copies in (("main", 1000), ("second", 500)):
            tallies.add(session, "copies", "intact", copies, copies * 10**6, place=store)
            read = {"intact": 400, "damaged": 1, "missing": 2, "mended": 3, "bytes": 4 * 10**8, "milliseconds": 40_000}
            days.add(session, now - timedelta(days=1), {store: read})
            days.add(session, now - timedelta(days=1), {store: {"intact": 100, "unreadable": 7}})
            days.add(session, now - timedelta(days=91), {store: {"intact": 99_999}})
            days.note_late(session, now - timedelta(days=1), {store: 5})
    yield site
    site.catalogue.close()


def test_the_drawing_the_table_and_the_csv_say_the_same(archive: pages.Site) -> None:
    browser = archive.staff_client()
    page = html.fromstring(browser.get("/staff/fixity/days?lang=en").text)
    (row,) = page.xpath("//table/tbody/tr")
    assert [cell.text_content() for cell in row.xpath("./td")][:6] == ["1,000", "2", "4", "14", "6", "10"]
    assert [len(strip.xpath(".//rect")) for strip in page.xpath("//figure[contains(@class, 'strip')]")] == [1, 1, 1, 1]
    captions = [caption.text_content() for caption in page.xpath("//figcaption")]
    assert "damaged or missing at most 6 on one day" in captions
    told = list(csv.DictReader(io.StringIO(browser.get("/staff/fixity/days?format=csv").text.lstrip("\ufeff"))))
    assert [(line["intact"], line["missing"], line["late"]) for line in told] == [("1000", "4", "10")]
    one = html.fromstring(browser.get("/staff/fixity/days?store=second&lang=en").text)
    assert one.xpath("string(//table/tbody/tr/td[1])") == "500"


def test_one_in_a_million_is_still_to_be_seen(archive: pages.Site) -> None:
    today = utc_now().date()
    with archive.catalogue.writing() as session:
        days.add(session, utc_now(), {"main": {"intact": 10**6, "damaged": 1}})
    with archive.catalogue.reading() as session:
        drawn = bars.chart(session, today)
    damaged = next(strip for strip in drawn.strips if strip.name == "damaged")
    assert [count for _, _, _, count in damaged.bars] == [6, 1]
    assert all(tall >= 2 and 0 <= y <= bars.HEIGHT - tall + 1e-9 for _, y, tall, _ in damaged.bars)
    assert len(drawn.days) == bars.DAYS


def test_a_promise_may_be_asked_about_before_it_is_made(archive: pages.Site) -> None:
    browser = archive.staff_client()
    now = browser.get("/staff/fixity/forecast?lang=en").text
    assert now.count("every 90 days") == 2
    assert "missed" not in now
    asked = browser.get("/staff/fixity/forecast?lang=en&days=1&requests_per_second=0,005&store=main").text
    assert "every 1 day;" in asked
    assert "missed" in asked
    assert "held back by the requests allowed" in asked
    assert "3 days can be kept" in asked
    assert ">second</h2>" not in asked


@pytest.mark.parametrize(
    "query",
    ["days=x", "days=0", "days=nan", "days=inf", "days=1e400", "store=nowhere", "requests_per_second=-1"],
)
def test_what_is_no_question_is_refused(archive: pages.Site, query: str) -> None:
    assert archive.staff_client().get(f"/staff/fixity/forecast?{query}").status_code == 400


def test_a_promise_that_will_be_missed_stands_on_the_dashboard(archive: pages.Site) -> None:
    with archive.catalogue.writing() as session:
        tallies.add(session, "copies", "intact", 10**9, 10**15, place="main")
    page = archive.staff_client().get("/staff/fixity?lang=en").text
    assert "the promise will be missed by" in page


def test_classes_of_content_stand_with_their_promise_and_their_articles(database_url: str) -> None:
    one = ContentClass("heritage", Promise(30, {"second": 60}), publishers=frozenset({"Örnek Yayınevi"}))
    policy = Policy(90, classes=(one,))
    site = pages.site(database_url, policies={"main": policy, "second": policy})
    for number in (1, 2):
        pages.enter(site, pages.record(number))
    page = html.fromstring(site.staff_client().get("/staff/fixity/forecast?lang=en").text)
    (row,) = page.xpath("//table/tbody/tr")
    assert [cell.text_content().strip() for cell in row] == ["heritage", "2", "every 30 days", "every 60 days"]
    assert "as if every 30 days" in page.text_content()
    site.catalogue.close()


def test_days_are_told_by_publisher(archive: pages.Site) -> None:
    browser, now = archive.staff_client(), utc_now()
    pages.enter(archive, pages.record(1))
    pages.enter(archive, pages.record(2), publisher="İkinci Yayınevi")
    with archive.catalogue.writing() as session:
        one, two = session.execute(select(Publisher).order_by(Publisher.id)).scalars().all()
        days.add_of_publishers(session, now, {one.id: {"intact": 3, "bytes": 50}, two.id: {"damaged": 1}})
        days.add_of_publishers(session, now, {one.id: {"intact": 4, "mended": 1}})
        days.note_late_of_publishers(session, now, {one.id: 5})
        days.note_late_of_publishers(session, now, {two.id: 2})
    told = list(csv.DictReader(io.StringIO(browser.get("/staff/fixity/publishers?format=csv").text.lstrip("\ufeff"))))
    assert [(line["slug"], line["intact"], line["damaged"], line["late"]) for line in told] == [
        (two.slug, "0", "1", "2"),
        (one.slug, "7", "0", "0"),
    ]
    page = html.fromstring(browser.get(f"/staff/fixity/days?publisher={one.slug}&lang=en").text)
    assert one.name in page.xpath("//h1")[0].text_content()
    (row,) = page.xpath("//table/tbody/tr")
    assert [cell.text_content() for cell in row.xpath("./td")][:6] == ["7", "0", "0", "0", "1", "0"]
    assert browser.get("/staff/fixity/days?publisher=nobody").status_code == 404
    assert browser.get(f"/staff/fixity/days?publisher={one.slug}&store=main").status_code == 400

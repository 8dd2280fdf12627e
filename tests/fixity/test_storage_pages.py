"""The stores as pages: what each said when it was asked, what it can, how it grows, and when its room ends."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pages
import pytest
from lxml import html
from sqlalchemy import event, update
from watched import START, Clock, FaultyStore

from fixity import causes, standing
from repository.catalogue import Catalogue, copies, recount, tallies
from repository.catalogue import standing as kept
from repository.catalogue.standing import Growth
from repository.catalogue.tallies import Count
from repository.models import Copy, StoreAnswer, StoreTrial
from repository.storage.capabilities import Capabilities, Capability, Verdict
from repository.storage.retrying import RetryingStore
from repository.storage.s3 import S3Store
from repository.vocabulary import utc_now


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url, threats={"main": "deprem", "second": ""})
    for number in range(1, 4):
        pages.enter(site, pages.record(number))
    now = utc_now()
    with site.catalogue.writing() as rows:
        kept.note_answer(rows, "main", now, problem=None, free=10**9, total=4 * 10**9)
        kept.note_answer(rows, "second", now - timedelta(hours=3), problem=None)
        kept.note_answer(rows, "second", now - timedelta(hours=2), problem="<no answer>")
        kept.note_answer(rows, "second", now, problem="<no answer>")
        kept.note_trials(
            rows,
            "main",
            [kept.Tried("versioning", "no", False, "off"), kept.Tried("byte_ranges", "no", True, "0 came")],
            now,
        )
        tallies.add(rows, "copies", "intact", 1, 1, place="retired")
        tallies.add(rows, copies.ADDED, str(now.date() - timedelta(days=9)), 10, 10**8, place="main")
        tallies.add(rows, copies.ADDED, str(now.date() - timedelta(days=40)), 5, 10**8, place="main")
    yield site
    site.catalogue.close()


def lines(browser: pages.FlaskClient, address: str) -> list[dict[str, str]]:
    answer = browser.get(address)
    assert answer.mimetype == "text/csv", address
    return list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))


def test_each_store_with_what_is_known_of_it(archive: pages.Site) -> None:
    browser = archive.staff_client()
    text = " ".join(html.fromstring(browser.get("/staff/storage?lang=en").text).text_content().split())
    main, second = text.split("second", 1)
    assert "no store of this name in the settings" in second
    for word in ("Ankara", "deprem", "3 copies", "no: byte ranges", "no: versions", "of 4 GB", "13 copies"):
        assert word in main, word
    for word in ("silent since", "<no answer>", "İzmir", "not said", "not tried yet", "not known", "cannot be said"):
        assert word in second, word
    told = {line["store"]: line for line in lines(browser, "/staff/storage?format=csv")}
    assert told["main"]["free_bytes"] == str(10**9)
    assert told["main"]["copies"] == told["second"]["copies"] == "3"
    assert told["main"]["full_on"]
    assert not told["second"]["free_bytes"]
    assert told["second"]["silent_since"] < told["main"]["answered_at"]


def test_every_link_of_the_page_leads_to_a_list_and_every_list_is_csv_too(archive: pages.Site) -> None:
    browser = archive.staff_client()
    page = html.fromstring(browser.get("/staff/storage").text)
    links = {str(link) for link in page.xpath("//main//a[not(ancestor::nav)]/@href")}
    assert any("store=main" in link for link in links)
    assert any("store=retired" in link for link in links), "one that the settings do not name any more"
    for link in links:
        answer = browser.get(link)
        assert answer.status_code == 200, link
        if "format=csv" not in link:
            assert "format=csv" in answer.text, link
    for address in ("/staff/storage/growth", "/staff/storage/trials", "/staff/fixity/canaries"):
        assert browser.get(f"{address}?store=nowhere").status_code == 200
        assert browser.get(f"{address}?store=%00").status_code == 400


def test_growth_is_told_by_day_and_by_month(archive: pages.Site) -> None:
    browser = archive.staff_client()
    told = lines(browser, "/staff/storage/growth?store=main&format=csv")
    assert [line["copies_added"] for line in told] == ["3", "10", "5"]
    assert len(lines(browser, "/staff/storage/growth?format=csv")) == 4
    page = html.fromstring(browser.get("/staff/storage/growth?store=main").text)
    assert len(page.xpath("//figure[1]//rect")) == 3


def test_when_the_room_ends_follows_from_what_was_added() -> None:
    today = START.date()
    growing = Growth({today - timedelta(days=back): Count(1, 50) for back in (0, 9)}, Count(0, 10))
    answer = StoreAnswer(store="a", asked_at=START, free_bytes=1000, total_bytes=9)
    found = standing.full_on(answer, growing, START)
    assert found is not None
    assert (found.at, found.days) == (START + timedelta(days=100), 100)
    assert standing.full_on(answer, replace(growing, mean=Count(0, 0)), START) is None
    assert standing.full_on(StoreAnswer(store="a", free_bytes=None), growing, START) is None
    assert (
        standing.full_on(StoreAnswer(store="a", free_bytes=10**18), replace(growing, mean=Count(1, 1)), START) is None
    )


def test_a_store_is_asked_by_the_clock_and_tried_once_a_month(
    tmp_path: Path, database_url: str, s3_store: S3Store
) -> None:
    catalogue, clock = Catalogue(database_url), Clock()
    folder = FaultyStore("second", tmp_path / "second")
    folder.prepare()
    stores = [RetryingStore(s3_store, attempts=1), RetryingStore(folder, attempts=1)]

    def known() -> tuple[dict[str, StoreAnswer], dict[str, list[StoreTrial]]]:
        standing.look(catalogue, stores, clock)
        with catalogue.reading() as rows:
            return kept.answers(rows), kept.trials(rows)

    answers, trials = known()
    assert answers["main"].answered_at == answers["second"].answered_at == START
    assert answers["main"].free_bytes is None
    assert 0 < (answers["second"].free_bytes or 0) < (answers["second"].total_bytes or 0)
    assert {one.name for one in trials["main"]} >= {"conditional_put", "versioning", "object_lock", "byte_ranges"}
    clock.forward(days=29)
    folder.silent = True
    answers, trials = known()
    assert answers["second"].silent_since == clock.now
    assert answers["second"].answered_at == START
    assert answers["second"].free_bytes, "what was known of its room stays known"
    assert trials["main"][0].tried_at == START
    clock.forward(days=1)
    answers, trials = known()
    assert answers["second"].silent_since == clock.now - timedelta(days=1)
    assert trials["main"][0].tried_at == clock.now
    assert trials["second"][0].tried_at in (START, clock.now)
    folder.silent = False
    assert known()[0]["second"].silent_since is None
    catalogue.close()


def test_a_store_that_falls_silent_while_it_is_tried_keeps_what_was_known(archive: pages.Site) -> None:
    doubt = Capability("answers", Verdict.UNKNOWN, "silence", needed=True)
    standing.keep(archive.catalogue, Capabilities("main", (doubt,)), START)
    with archive.catalogue.reading() as rows:
        assert [one.name for one in kept.trials(rows)["main"]] == ["versioning", "byte_ranges"]


def test_the_pages_ask_no_store_and_count_no_rows(archive: pages.Site) -> None:
    """What they read does not grow with the copies: no statement scans or counts the table of copies."""
    asked: list[str] = []
    event.listen(
        archive.catalogue.engine, "before_cursor_execute", lambda _c, _u, statement, *_: asked.append(statement)
    )
    browser = archive.staff_client()
    opened = len(archive.shelf.opened)
    asked.clear()
    browser.get("/staff/storage")
    assert len(archive.shelf.opened) == opened
    assert not [one for one in asked if "count(" in one.lower() and "copy" in one.lower()]


def test_a_wrong_tally_is_an_alert_a_line_on_the_dashboard_and_a_list(archive: pages.Site) -> None:
    browser = archive.staff_client()
    assert "not counted again yet" in browser.get("/staff/fixity?lang=en").text
    with archive.catalogue.writing() as rows:
        tallies.add(rows, "copies", "intact", -1, -1, place="retired")
    recount.run(archive.catalogue, utc_now)
    assert "the figures are what the rows say" in browser.get("/staff/fixity?lang=en").text
    with archive.catalogue.writing() as rows:
        assert list(causes.tallies_wrong(rows, pages.NOW)) == []
        tallies.add(rows, "copies", "intact", 2, 7, place="main")
    recount.run(archive.catalogue, utc_now, anew=True)
    with archive.catalogue.reading() as rows:
        (cause,) = causes.tallies_wrong(rows, pages.NOW)
    assert (cause.kind, cause.objects, cause.detail["what"]) == ("tallies-differ", 1, "copies")
    assert "1 tally is wrong" in browser.get("/staff/fixity?lang=en").text
    (line,) = lines(browser, "/staff/fixity/tallies?format=csv")
    assert (line["tallied"], line["counted"]) == ("5", "3")
    assert "main" in browser.get("/staff/fixity/tallies").text


def test_a_person_asks_for_a_copy_and_it_is_read_before_all_others(archive: pages.Site) -> None:
    browser = archive.staff_client()
    with archive.catalogue.reading() as rows:
        ref = copies.walk(rows, limit=4)[2]
    address = f"/staff/copies/{ref.article_id}/1/{ref.store}"
    assert browser.post(f"{address}/again").status_code == 400, "without the token of the form"
    pages.post(browser, f"{address}/again", address)
    assert "a person asked for it" in browser.get(f"{address}?lang=en").text
    with archive.catalogue.writing() as rows:
        # Others have been due for long: they wait.
        rows.execute(update(Copy).where(Copy.next_due > copies.ASKED_FOR).values(next_due=START))
        claimed = copies.claim_due(rows, at=pages.NOW, lease_for=timedelta(hours=1), limit=1)
        assert [(one.aip_id, one.store) for one in claimed] == [(ref.aip_id, ref.store)]
        assert copies.asked_for(rows, up_to=10) == 1
    asked, *before = lines(browser, f"{address}?format=csv")
    assert (asked["type"], json.loads(asked["detail"])["by"]) == ("policy assignment", "ayse")
    assert before[0]["type"] == "ingestion"

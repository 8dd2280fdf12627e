"""Use as COUNTER counts it: double clicks, sessions, robots, refusals, parts of files; no reader in what stays."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pages
import pytest
from sqlalchemy import delete, select

from repository.access import counting, usage
from repository.access.counting import Book
from repository.access.entitlement import Reader
from repository.access.usage import AccessType, Act, Use
from repository.catalogue import Catalogue, schema
from repository.errors import DatabaseUnavailable
from repository.models import UsageDay, UsageSeen

ISTANBUL = ZoneInfo("Europe/Istanbul")
NOON = datetime(2026, 11, 27, 12, 0, 0, tzinfo=ISTANBUL)
KEY = b"k" * 32
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
}
USE = Use(Act.REQUEST, NOON, 3, "okur", "/a.pdf", "a" * 32, 7, 2015, AccessType.CONTROLLED)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    catalogue = Catalogue(f"sqlite:///{tmp_path_factory.mktemp('usage') / 'c.sqlite'}")
    schema.migrate(catalogue)
    yield catalogue
    catalogue.close()


@pytest.fixture
def catalogue(kept: Catalogue) -> Catalogue:
    _empty(kept)
    return kept


def _empty(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        session.execute(delete(UsageDay))
        session.execute(delete(UsageSeen))


def after(seconds: float, **changes: Any) -> Use:
    return replace(USE, at=NOON + timedelta(seconds=seconds), **changes)


def counted(catalogue: Catalogue, *uses: Use) -> dict[str, int]:
    """By metric, what these and all before them came to."""
    with catalogue.writing() as session:
        usage.enter(session, uses, KEY, ISTANBUL)
    return sums(catalogue)


def sums(catalogue: Catalogue) -> dict[str, int]:
    found: dict[str, int] = {}
    with catalogue.reading() as session:
        for row in session.execute(select(UsageDay)).scalars():
            found[row.metric] = found.get(row.metric, 0) + row.number
    return found


def requests(total: int, unique: int) -> dict[str, int]:
    return {
        "Total_Item_Requests": total, "Unique_Item_Requests": unique,
        "Total_Item_Investigations": total, "Unique_Item_Investigations": unique,
    }  # fmt: skip


def test_two_clicks_within_thirty_seconds_are_one_and_the_window_goes_on(catalogue: Catalogue) -> None:
    assert counted(catalogue, USE, after(29)) == requests(1, 1)
    assert counted(catalogue, after(58), after(88)) == requests(1, 1), "each within thirty seconds of the one before"
    assert counted(catalogue, after(119)) == requests(2, 1)
    assert counted(catalogue, after(120, user="baska"), after(121, institution_id=4)) == requests(4, 3)


def test_an_item_is_unique_within_a_session_of_an_hour(catalogue: Catalogue) -> None:
    assert counted(catalogue, USE, after(600), after(1200)) == requests(3, 1)
    assert counted(catalogue, after(3600)) == requests(4, 2)
    assert counted(catalogue, after(3700, item="b" * 32, link="/b.pdf")) == requests(5, 3)


def test_all_parts_of_a_file_are_one_request(catalogue: Catalogue) -> None:
    parts = [after(20 * place, act=Act.PART) for place in range(40)]
    assert counted(catalogue, *parts) == requests(1, 1)
    assert counted(catalogue, after(900)) == requests(2, 1), "later it is asked for as a whole"
    assert counted(catalogue, after(3000, user="baska"), after(3010, user="baska", act=Act.PART)) == requests(3, 2)


def test_an_abstract_and_its_text_are_two_investigations_of_one_item(catalogue: Catalogue) -> None:
    shown = replace(USE, act=Act.INVESTIGATION, link="/articles/a")
    assert counted(catalogue, shown, after(5)) == {
        "Total_Item_Requests": 1, "Unique_Item_Requests": 1,
        "Total_Item_Investigations": 2, "Unique_Item_Investigations": 1,
    }  # fmt: skip


def test_a_refusal_of_a_known_institution_is_no_license(catalogue: Catalogue) -> None:
    refusal = replace(USE, act=Act.REFUSAL)
    assert counted(catalogue, refusal, after(10, act=Act.REFUSAL)) == {
        "No_License": 1, "Total_Item_Investigations": 1, "Unique_Item_Investigations": 1,
    }  # fmt: skip
    assert counted(catalogue, after(60, act=Act.REFUSAL, institution_id=0))["No_License"] == 1


def test_each_search_counts(catalogue: Catalogue) -> None:
    search = Use(Act.SEARCH, NOON, 3, "okur")
    assert counted(catalogue, search, search) == {"Searches_Platform": 2}


def test_days_are_those_of_the_archive(catalogue: Catalogue) -> None:
    late = datetime(2026, 11, 27, 21, 30, tzinfo=UTC)  # half past midnight in Istanbul
    counted(catalogue, replace(USE, at=late))
    with catalogue.reading() as session:
        row = session.execute(select(UsageDay).where(UsageDay.metric == "Total_Item_Requests")).scalar_one()
    assert (row.day, row.institution_id, row.title_id, row.year, row.access_type) == (
        date(2026, 11, 28), 3, 7, 2015, "Controlled",
    )  # fmt: skip


def test_what_sessions_did_is_forgotten_after_a_day_and_its_key_sooner(catalogue: Catalogue, tmp_path: Path) -> None:
    counted(catalogue, USE)
    first = counting.key_of(tmp_path, date(2026, 11, 27))
    assert first == counting.key_of(tmp_path, date(2026, 11, 27))
    assert (tmp_path / "2026-11-27.key").stat().st_mode & 0o777 == 0o600
    counting.forget(catalogue, tmp_path, "Europe/Istanbul", NOON + timedelta(hours=13))
    assert not list(tmp_path.glob("*.key")), "it is another day"
    with catalogue.reading() as session:
        assert session.execute(select(UsageSeen)).first() is not None
    counting.forget(catalogue, tmp_path, "Europe/Istanbul", NOON + timedelta(days=1))
    with catalogue.reading() as session:
        assert session.execute(select(UsageSeen)).first() is None
    assert counting.key_of(tmp_path, date(2026, 11, 28)) != first
    assert sums(catalogue) == requests(1, 1), "the sums stay"


def test_no_reader_is_in_what_is_kept(catalogue: Catalogue) -> None:
    counted(catalogue, replace(USE, user="193.140.1.2 Mozilla/5.0"))
    with catalogue.reading() as session:
        seen = session.execute(select(UsageSeen.id)).scalars().all()
    assert seen
    assert all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in seen)


@pytest.fixture
def book(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    """A book whose thread does nothing."""
    made = Book(catalogue, tmp_path, "Europe/Istanbul")
    monkeypatch.setattr(made, "_writer_of", __import__("os").getpid())
    # Whoever sets up logging anew in this process, as the reading of import contracts does, silences what was there.
    monkeypatch.setattr(counting.log, "disabled", False)
    return made


def silent(*_: object) -> None:
    raise DatabaseUnavailable("silent")


def test_a_silent_catalogue_loses_no_counts(
    book: Book, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def refuse(*what: Any) -> None:
        asked.append(what)
        silent()

    monkeypatch.setattr(counting, "_AT_ONCE", 2)
    uses = [after(60 * place) for place in range(5)]
    for use in uses:
        book.note(use)
    with monkeypatch.context() as mute:
        mute.setattr(usage, "enter", refuse)
        assert not book.settle()
    assert len(asked) == 1, "a catalogue that does not answer is not asked for the next ones"
    assert list(book._waiting) == uses, "in their order"
    assert "use waits to be counted" in caplog.text
    assert book.settle()
    assert sums(catalogue) == requests(5, 1)


def test_the_thread_asks_a_silent_catalogue_again_after_a_while(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_on: list[Any] = []
    monkeypatch.setattr(atexit, "register", kept_on.append)
    monkeypatch.setattr(counting, "_GATHER_SECONDS", 0.0)
    monkeypatch.setattr(counting, "_AGAIN_SECONDS", 0.2)
    honest, asked = usage.enter, []

    def back_at_the_third(*what: Any) -> None:
        asked.append(time.monotonic())
        honest(*what) if len(asked) == 3 else silent()

    monkeypatch.setattr(usage, "enter", back_at_the_third)
    book = Book(catalogue, tmp_path, "Europe/Istanbul")
    book.note(USE)
    until = time.monotonic() + 20
    while not sums(catalogue) and time.monotonic() < until:
        time.sleep(0.05)
    assert sums(catalogue) == requests(1, 1), "nobody noted anything more, and it was counted"
    assert asked[1] - asked[0] >= 0.2
    assert kept_on == [book.close]


def test_only_the_days_that_were_not_written_are_tried_again(
    book: Book, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, asked = usage.enter, []

    def away_at_the_second(*what: Any) -> None:
        asked.append(what[1])
        silent() if len(asked) == 2 else honest(*what)

    monkeypatch.setattr(usage, "enter", away_at_the_second)
    search = replace(USE, act=Act.SEARCH, access_type=None)
    days = [replace(search, at=NOON + timedelta(days=day)) for day in range(3)]
    for use in days:
        book.note(use)
    assert not book.settle()
    assert list(book._waiting) == days[1:]
    assert book.settle()
    assert sums(catalogue) == {"Searches_Platform": 3}


def test_a_commit_of_which_nobody_knows_counts_nothing_twice(
    book: Book, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = catalogue.writing

    @contextmanager
    def gone_after_the_commit() -> Iterator[Any]:
        with honest() as session:
            yield session
        silent()

    with monkeypatch.context() as away:
        away.setattr(catalogue, "writing", gone_after_the_commit)
        for use in (USE, after(60), after(90, act=Act.SEARCH, access_type=None)):
            book.note(use)
        assert not book.settle()
    assert book.settle()
    assert sums(catalogue) == requests(2, 1) | {"Searches_Platform": 1}


def test_what_cannot_be_counted_at_all_is_lost_and_holds_up_nothing(
    book: Book, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    book.note(USE)
    with monkeypatch.context() as broken:
        broken.setattr(usage, "enter", lambda *_: 1 / 0)
        assert book.settle()
    assert "use was not counted: 1 acts" in caplog.text
    assert sums(catalogue) == {}
    book.note(USE)
    assert book.settle()
    assert sums(catalogue) == requests(1, 1)


def test_what_is_lost_at_the_end_of_the_process_is_logged(
    book: Book, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    book.note(USE)
    book.note(after(60))
    monkeypatch.setattr(usage, "enter", silent)
    book.close()
    assert "use was not counted: 2 acts" in caplog.text


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('reading') / 'catalogue.sqlite'}", counted=True)
    yield site
    site.catalogue.close()


@pytest.fixture
def site(archive: pages.Site, monkeypatch: pytest.MonkeyPatch) -> pages.Site:
    """The pages, whose readers are those of institution 3; nothing is counted before it is asked for."""
    _empty(archive.catalogue)
    book = archive.app.extensions["mahfuz usage"]
    monkeypatch.setattr(book, "_writer_of", __import__("os").getpid())
    monkeypatch.setattr("repository.access.web.counting.of_request", lambda _: Reader(institution_id=3))
    return archive


def told(site: pages.Site) -> dict[str, int]:
    site.app.extensions["mahfuz usage"].settle()
    return sums(site.catalogue)


def test_pages_files_and_searches_are_counted_as_they_are_asked_for(site: pages.Site) -> None:
    article = pages.enter(site, pages.record(1), {"makale.pdf": b"%PDF-1.7" * 99, "tablo.csv": b"a,b"})
    browser = site.client
    browser.get(f"/articles/{article}", headers=BROWSER, buffered=True)
    assert told(site) == {"Total_Item_Investigations": 1, "Unique_Item_Investigations": 1}
    answer = browser.get(f"/articles/{article}/files/makale.pdf", headers=BROWSER, buffered=True)
    assert answer.data == b"%PDF-1.7" * 99
    browser.get("/search?q=toprak", headers=BROWSER, buffered=True)
    browser.get("/search?q=toprak&after=" + "0" * 32, headers=BROWSER, buffered=True)
    browser.get("/search?q=", headers=BROWSER, buffered=True)
    assert told(site) == {
        "Total_Item_Requests": 1, "Unique_Item_Requests": 1,
        "Total_Item_Investigations": 2, "Unique_Item_Investigations": 1, "Searches_Platform": 1,
    }  # fmt: skip
    browser.get(f"/articles/{article}/files/tablo.csv", headers=BROWSER, buffered=True)
    assert told(site)["Total_Item_Requests"] == 1, "a table beside the text is an investigation"
    with site.catalogue.reading() as rows:
        kinds = set(rows.execute(select(UsageDay.access_type).where(UsageDay.title_id != 0)).scalars())
    assert kinds == {"Open"}


def test_a_viewer_that_reads_forty_parts_makes_one_request(site: pages.Site) -> None:
    article = pages.enter(site, pages.record(2), {"makale.pdf": b"%PDF" * 1000})
    for part in range(40):
        span = {"Range": f"bytes={100 * part}-{100 * part + 99}"}
        assert (
            site.client.get(f"/articles/{article}/files/makale.pdf", headers=BROWSER | span, buffered=True).status_code
            == 206
        )
    assert told(site) == requests(1, 1)


def test_what_was_not_given_whole_or_to_no_person_is_no_request(site: pages.Site) -> None:
    article = pages.enter(site, pages.record(3), {"makale.pdf": b"%PDF" * 1000})
    address = f"/articles/{article}/files/makale.pdf"
    assert site.client.head(address, headers=BROWSER).status_code == 200
    for agent in ("", "curl/8.5", "Googlebot/2.1 (+http://www.google.com/bot.html)", "LOCKSS cache"):
        site.client.get(address, headers={"User-Agent": agent}, buffered=True)
        site.client.get(f"/articles/{article}", headers={"User-Agent": agent}, buffered=True)
    with site.client.get(address, headers=BROWSER, buffered=False) as broken_off:
        assert next(iter(broken_off.response))
    assert site.client.get(f"/articles/{'0' * 32}", headers=BROWSER, buffered=True).status_code == 404
    assert told(site) == {}


def test_a_file_that_the_reader_has_already_was_asked_for_too(site: pages.Site) -> None:
    """COUNTER 5.1, 7.1: return codes 200 and 304."""
    article = pages.enter(site, pages.record(5), {"makale.pdf": b"%PDF" * 1000})
    address = f"/articles/{article}/files/makale.pdf"
    etag = site.client.head(address, headers=BROWSER).headers["ETag"]
    assert site.client.get(address, headers=BROWSER | {"If-None-Match": etag}, buffered=True).status_code == 304
    assert told(site) == requests(1, 1)


def test_a_refused_file_is_no_license(site: pages.Site) -> None:
    article = pages.enter(site, pages.record(4, licence=None))
    assert site.client.get(f"/articles/{article}/files/makale.pdf", headers=BROWSER, buffered=True).status_code == 403
    assert told(site) == {"No_License": 1, "Total_Item_Investigations": 1, "Unique_Item_Investigations": 1}
    with site.catalogue.reading() as rows:
        assert set(rows.execute(select(UsageDay.access_type)).scalars()) == {"Controlled"}


def test_staff_are_no_readers(site: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    article = pages.enter(site, pages.record(5))
    monkeypatch.setattr("repository.access.web.counting.of_request", lambda _: Reader(staff=True))
    site.client.get(f"/articles/{article}", headers=BROWSER, buffered=True)
    assert told(site) == {}


def test_no_answer_fails_because_it_cannot_be_counted(site: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    article = pages.enter(site, pages.record(6))
    monkeypatch.setattr("repository.access.web.counting.access_type", lambda _: 1 / 0)
    assert site.client.get(f"/articles/{article}", headers=BROWSER, buffered=True).status_code == 200
    assert site.client.get(f"/articles/{article}/files/makale.pdf", headers=BROWSER, buffered=True).status_code == 200


def test_two_processes_count_every_click_once(postgresql_url: str, tmp_path: Path) -> None:
    catalogue = Catalogue(postgresql_url)
    uses = [after(place * 60, user=f"okur {place % 7}") for place in range(40)]

    def enter() -> None:
        book = Book(catalogue, tmp_path, "Europe/Istanbul")
        for use in uses:
            left: list[Use] | None = [use]
            while left:
                left = book._entered(left)

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sums(catalogue)
    assert found["Unique_Item_Requests"] == 7
    assert found["Total_Item_Requests"] == 40
    catalogue.close()

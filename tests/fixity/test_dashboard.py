"""The dashboard of the night watch: figures that equal the rows, each with the list behind it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pages
import pytest
from lxml import html
from plans import plans
from sqlalchemy import func, select, update

from repository.catalogue import copies, rounds, timetable, watch
from repository.models import Copy
from repository.promise import Promise, Promises
from repository.spreadsheet import cell
from repository.vocabulary import AuditOutcome, Author, CopyState

LONG_AGO = pages.NOW - timedelta(days=120)


def filled(database_url: str) -> pages.Site:
    """Twelve articles: copies damaged, missing, silent, never verified and verified too long ago."""
    site = pages.site(database_url)
    for number in range(1, 9):
        pages.enter(site, pages.record(number))
    pages.enter(site, pages.record(9), verified={"main": LONG_AGO, "second": pages.NOW})
    pages.enter(site, pages.record(10), verified={"main": LONG_AGO, "second": LONG_AGO})
    pages.enter(site, pages.record(11), verified={"main": None, "second": pages.NOW})
    pages.enter(site, pages.record(12, title="=HYPERLINK(1)", authors=(Author(family="-1"),)))
    outcomes = ["damaged", "missing", "unreadable", "unreadable", "damaged"]
    with site.catalogue.writing() as rows:
        for ref, outcome in zip(copies.walk(rows, limit=5), outcomes, strict=True):
            copies.record(rows, ref, AuditOutcome(outcome), at=pages.NOW, next_due=pages.NOW + timedelta(days=1))
    return site


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = filled(database_url)
    yield site
    site.catalogue.close()


@pytest.fixture(scope="module")
def watched_copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    """The same twelve articles on SQLite, which tells how it looks rows up whatever their number; only to be read."""
    site = filled(f"sqlite:///{tmp_path_factory.mktemp('lists') / 'catalogue.sqlite'}")
    yield site
    site.catalogue.close()


def listed(browser: pages.FlaskClient, address: str) -> list[str]:
    """Every copy of a list, walked to its end."""
    met = []
    while address:
        page = html.fromstring(browser.get(address).text)
        met += [str(link) for link in page.xpath("//tbody/tr/th/a/@href")]
        address = next((str(link) for link in page.xpath("//a[@rel='next']/@href")), "")
    return met


def test_every_figure_opens_a_list_of_just_so_many(archive: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixity.web.A_PAGE", 3)
    browser = archive.staff_client()
    page = html.fromstring(browser.get("/staff/fixity?lang=en").text)
    checked = 0
    for figure in page.xpath("//li[contains(@class, 'figure')]/a"):
        address, value = str(figure.get("href")), str(figure.xpath(".//*[@class='value']")[0].text_content()).strip()
        if "oldest" in address or not address.startswith("/staff/copies"):  # of today: days and rounds
            continue
        expected = int(value) if "%" not in value else 15
        met = listed(browser, address)
        assert len(met) == len(set(met)) == expected, address
        checked += 1
    for link in page.xpath("//table[1]//td/a"):
        met = listed(browser, str(link.get("href")))
        assert len(met) == int(link.text_content()), link.get("href")
        checked += 1
    assert checked >= 15


def test_the_figures_equal_the_rows(archive: pages.Site) -> None:
    with archive.catalogue.reading() as rows:
        watched = watch.figures(rows, pages.NOW)

        def count(*where: object) -> int:
            return rows.execute(select(func.count()).select_from(Copy).where(*where)).scalar_one()  # type: ignore[arg-type]

        since = pages.NOW - timedelta(days=90)
        believed = Copy.unreadable_since.is_(None) & (Copy.state == CopyState.INTACT)
        assert watched.total.number == count() == 24
        assert watched.overdue.number == count(Copy.verified_at < since) == 3
        assert watched.never.number == count(Copy.verified_at.is_(None)) == 1
        assert watched.within.number == count(believed, Copy.verified_at >= since) == 15
        assert watched.of_state("damaged").number == 2
        assert watched.of_state("unreadable").number == 2
        assert watched.oldest == LONG_AGO


def test_what_needs_attention_stands_first_and_by_its_word(archive: pages.Site) -> None:
    text = archive.staff_client().get("/staff/fixity").text
    assert text.index("hasarlı") < text.index("Taahhüt edilen süre içinde")
    for word in ("hasarlı", "kayıp", "depo yanıtsız", "süresi geçmiş"):
        assert word in text


def test_the_longest_unverified_come_first(archive: pages.Site) -> None:
    met = listed(archive.staff_client(), "/staff/copies?oldest=1")
    assert len(met) == 23
    assert met[0].endswith("/main")


def test_each_store_has_a_promise_of_its_own(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        assert timetable.apply(rows, Promises(Promise(365, {"second": 30})), pages.NOW)
        overdue = watch.listed(rows, watch.Wanted(question="overdue"), pages.NOW, limit=99)
    assert [line.store for line in overdue] == ["second"]


QUESTIONS = [None, *watch.QUESTIONS]
STATES = [None, *CopyState, copies.UNREADABLE]


@pytest.mark.parametrize("store", [None, "main"])
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("state", STATES)
def test_no_page_of_a_list_is_made_by_reading_all_copies(
    watched_copies: pages.Site, state: str | None, question: str | None, store: str | None
) -> None:
    """Nor by sorting them: each page is a walk along an index from where the last one ended."""
    wanted = watch.Wanted(store, state, question)
    catalogue = watched_copies.catalogue
    with plans(catalogue.engine, "FROM copy") as found, catalogue.reading() as rows:
        every = watch.listed(rows, wanted, pages.NOW, limit=99)
        met: list[watch.CopyLine] = []
        while page := watch.listed(
            rows, wanted, pages.NOW, after=watch.cursor(met[-1], wanted) if met else None, limit=1
        ):
            met += page
        assert met == every
    steps = {step for statement in found for step in statement}
    assert steps
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], steps


def test_the_csv_is_the_whole_list_and_no_cell_of_it_is_a_formula(archive: pages.Site) -> None:
    answer = archive.staff_client().get("/staff/copies?format=csv")
    assert answer.mimetype == "text/csv"
    lines = list(csv.reader(io.StringIO(answer.text)))
    assert len(lines) == 1 + 24
    assert {len(line) for line in lines} == {11}
    titles = {line[9] for line in lines[1:]}
    assert "'=HYPERLINK(1)" in titles
    assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r")) for line in lines for value in line)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\x00="])
def test_a_cell_that_begins_like_a_formula_is_text(start: str) -> None:
    assert cell(start + "1").startswith("'")
    assert cell("a" + start + "1").startswith("a")
    assert cell(-1) == "-1"


def test_the_copy_page_shows_what_it_must_be_and_the_other_copies(archive: pages.Site) -> None:
    browser = archive.staff_client()
    address = listed(browser, "/staff/copies?state=damaged&store=main")[0]
    page = browser.get(address + "?lang=en")
    assert page.status_code == 200
    with archive.catalogue.reading() as rows:
        line = watch.copy_of(rows, address.split("/")[3], 1, "main")
    assert line is not None
    assert line.seal in page.text
    assert "damaged" in page.text
    assert "second" in page.text
    assert browser.get(address.replace("/main", "/nirgends")).status_code == 404


def test_a_copy_names_the_round_that_verified_it_and_says_why_that_is_no_event_of_its_own(archive: pages.Site) -> None:
    browser = archive.staff_client()
    address = listed(browser, "/staff/copies?state=intact&store=main")[0]
    told = "its round tells of all of them in one"
    assert told in browser.get(address + "?lang=en").text
    with archive.catalogue.writing() as rows:
        numbers = [rounds.begin(rows, "all", pages.NOW, "mahfuz test") for _ in range(3)]
        rows.execute(update(Copy).where(Copy.store == "main").values(verified_in=numbers[1]))
    page = browser.get(address + "?lang=en").text
    (link,) = re.findall(rf'href="(/staff/rounds[^"]*)">round {numbers[1]}<', page)
    first = browser.get(link).text.split("<tbody>")[1].split("</tr>")[0]
    assert f'<th scope="row" class="number">{numbers[1]}</th>' in first
    lines = list(csv.reader(io.StringIO(browser.get("/staff/copies?format=csv&store=main").text)))
    assert {line[-1] for line in lines} == {"verified_in_round", str(numbers[1])}
    assert told in archive.client.get(f"/articles/{address.split('/')[3]}?lang=en").text


@pytest.mark.parametrize(
    "query",
    [
        "state=x",
        "store=%00",
        "after=W10",
        "overdue=1&after=WyJ4IiwxLCJ5Il0",
        "overdue=1&after=WyIyMDI2LTAxLTAxIiwxLCJ5Il0",
    ],
)
def test_a_question_that_is_none_is_refused(archive: pages.Site, query: str) -> None:
    assert archive.staff_client().get(f"/staff/copies?{query}").status_code == 400


def test_rounds_are_listed_with_figures_that_add_up(archive: pages.Site) -> None:
    with archive.catalogue.writing() as rows:
        first = rounds.begin(rows, "all", LONG_AGO, "mahfuz test")
        rounds.note(rows, first, rounds.RoundCounts(intact=7, damaged=2, missing=1, unreadable=3, mended=1, bytes=99))
        second = rounds.begin(rows, "due", pages.NOW, "mahfuz test")
        rounds.note(rows, second, rounds.RoundCounts(intact=1), finished_at=pages.NOW)
    browser = archive.staff_client()
    lines = list(csv.DictReader(io.StringIO(browser.get("/staff/rounds?format=csv").text)))
    assert [line["number"] for line in lines] == [str(second), str(first)]
    for line in lines:
        parts = (int(line[name]) for name in ("intact", "damaged", "missing", "unreadable"))
        assert int(line["expected"]) == sum(parts)
    assert lines[1]["interrupted"] == "yes"
    assert "yarıda kaldı" in browser.get("/staff/rounds").text


def test_an_empty_archive_has_a_dashboard(tmp_path_factory: pytest.TempPathFactory) -> None:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'c.sqlite'}")
    answer = site.staff_client().get("/staff/fixity")
    site.catalogue.close()
    assert answer.status_code == 200
    assert "Henüz denetim turu yapılmadı" in answer.text

"""The pages of the door: deliveries by state, and a receipt that says what, where and what to do."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pages
import pytest
from lxml import html

from ingest.feeds import Feed
from ingest.findings import CODES, finding
from ingest.web.words import remedy, what
from repository.catalogue import deliveries, feeds
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding, Level


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def deliver(archive: pages.Site, number: int, state: DeliveryState, lines: int = 0) -> str:
    with archive.catalogue.writing() as rows:
        at = pages.NOW - timedelta(hours=number // 2)
        made = deliveries.accept(rows, "Örnek Yayınevi", [f"teslimat {number}.zip"], f"{number:064x}", 1000, at)
        deliveries.begin(rows, made.id)
        deliveries.finish(
            rows,
            made.id,
            state,
            [finding("JUNK_IGNORED", "__MACOSX/._x")],
            [
                deliveries.ArticleLine(
                    place,
                    f"m{place}.xml",
                    None,
                    None,
                    f"<b>Makale {place}</b>",
                    None,
                    ArticleOutcome.REFUSED,
                    (finding("ISSN_INVALID", f"m{place}.xml", 40, issn="1300-7008"),),
                )
                for place in range(lines)
            ],
            at,
        )
        return made.id


def test_deliveries_are_listed_once_each_the_newest_first(archive: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.web.A_PAGE", 3)
    for number in range(11):
        deliver(archive, number, DeliveryState.REFUSED if number % 3 == 0 else DeliveryState.ACCEPTED)
    browser = archive.staff_client()

    def walk(address: str) -> list[str]:
        met = []
        while address:
            page = html.fromstring(browser.get(address).text)
            met += [str(link) for link in page.xpath("//tbody/tr/th/a/@href")]
            address = next((str(link) for link in page.xpath("//a[@rel='next']/@href")), "")
        return met

    every, refused = walk("/staff/deliveries"), walk("/staff/deliveries?state=refused")
    assert len(every) == len(set(every)) == 11
    assert len(refused) == 4
    assert set(refused) < set(every)
    lines = list(csv.DictReader(io.StringIO(browser.get("/staff/deliveries?format=csv").text)))
    assert [f"/deliveries/{line['delivery']}" for line in lines] == every
    moments = [line["accepted_on"] for line in lines]
    assert moments == sorted(moments, reverse=True)


def test_a_receipt_says_what_where_and_what_to_do_in_both_languages(archive: pages.Site) -> None:
    identifier = deliver(archive, 1, DeliveryState.PARTIAL, lines=1)
    browser = archive.staff_client()
    turkish, english = (
        browser.get(f"/deliveries/{identifier}").text,
        browser.get(f"/deliveries/{identifier}?lang=en").text,
    )
    for text, said in (
        (turkish, ("1300-7008 bir ISSN değil.", "satır 40", "doğru ISSN’sini yazıp", "kısmen kabul edildi")),
        (english, ("1300-7008 is not an ISSN.", "line 40", "true ISSN", "partly accepted")),
    ):
        for words in said:
            assert words in text
    assert "&lt;b&gt;Makale 0&lt;/b&gt;" in turkish


def test_a_long_receipt_is_walked_page_by_page(archive: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.web.A_PAGE", 4)
    identifier = deliver(archive, 1, DeliveryState.REFUSED, lines=11)
    browser, address, met = archive.staff_client(), f"/deliveries/{identifier}", []
    while address:
        page = html.fromstring(browser.get(address).text)
        met += [str(text) for text in page.xpath("//section[@class='receipt-article']//h3//text()")]
        address = next((str(link) for link in page.xpath("//a[@rel='next']/@href")), "")
    assert met == [f"<b>Makale {place}</b>" for place in range(11)]
    assert len(browser.get(f"/deliveries/{identifier}.json").json["articles"]) == 11


def a_feed(name: str, publisher: str, cadence_days: int | None) -> Feed:
    return Feed(
        name=name,
        publisher=publisher,
        kind="sftp",
        place=f"sftp://{name}.example.org/out",
        open=lambda: pytest.fail("a page asks no server"),
        next_after=lambda at: at,
        quiet_seconds=60,
        cadence_days=cadence_days,
    )


def test_the_console_says_who_is_expected_who_is_late_and_which_feed_fails(database_url: str) -> None:
    """Every one of these publishers has delivered; what is told of them comes from their feeds."""
    cadences = {"Geç": 10, "Vaktinde": 30, "Kırık": None, "Yeni": 5}
    listed = [a_feed(f"f{number}", f"{who} Yayınevi", days) for number, (who, days) in enumerate(cadences.items())]
    archive = pages.site(database_url, feeds=[*listed, a_feed("second", "Vaktinde  Yayınevi", 60)])
    with archive.catalogue.writing() as rows:
        for number, one in enumerate(listed):
            deliveries.accept(rows, one.publisher, ["x.zip"], f"{number:064x}", 1, pages.NOW)
        for name, days, error in (
            ("f0", 20, None), ("f1", 20, None), ("f2", 3, "<b>shows another host key</b>"), ("second", 1, None)
        ):  # fmt: skip
            feeds.begin(rows, name, pages.NOW - timedelta(days=90))
            feeds.arrived(rows, name, pages.NOW - timedelta(days=days))
            feeds.looked(rows, name, pages.NOW - timedelta(days=1), pages.NOW, error)
    browser = archive.staff_client()
    page = html.fromstring(browser.get("/staff/ingest?lang=en").text)

    def cells(heading: str) -> dict[str, list[str]]:
        rows = page.xpath("//div[@aria-label=$heading]//tbody/tr", heading=heading)
        return {row[0].text_content(): [" ".join(cell.text_content().split()) for cell in row[1:]] for row in rows}

    def day(days: int) -> str:
        at = (pages.NOW + timedelta(days=days)).astimezone(ZoneInfo("Europe/Istanbul"))
        return f"{at.day} {at:%b %Y}"

    expected = {name.partition(" ")[0]: row[1] for name, row in cells("Publishers today").items()}
    assert expected == {"Geç": f"late since {day(-10)}", "Vaktinde": day(10), "Kırık": "–", "Yeni": "–"}
    told = cells("Feeds that need attention")
    assert {name[:2]: row[2] for name, row in told.items()} == {
        "f0": f"late since {day(-10)}Ask the publisher whether its deliveries go to this place.",
        "f2": f"fails since {day(-1)}<b>shows another host key</b>"
        "Mend the cause and try it with mahfuz feed test f2; it goes on by itself.",
    }
    turkish = browser.get("/staff/ingest?lang=tr").text
    assert "İlgi bekleyen beslemeler" in turkish
    assert "gününden beri gecikmiş" in turkish
    archive.catalogue.close()


def test_without_late_or_failing_feeds_nothing_is_said_of_them(archive: pages.Site) -> None:
    deliver(archive, 1, DeliveryState.ACCEPTED)
    assert "Feeds that need attention" not in archive.staff_client().get("/staff/ingest?lang=en").text


def test_the_numbers_of_today_open_the_deliveries_of_today(archive: pages.Site) -> None:
    zone = ZoneInfo("Europe/Istanbul")
    midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)  # not of when the run began
    with archive.catalogue.writing() as rows:
        for number, at in enumerate((midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=1))):
            made = deliveries.accept(rows, "Örnek Yayınevi", [f"t{number}.zip"], f"{number:064x}", 9, at)
            if number != 2:
                deliveries.finish(rows, made.id, DeliveryState.ACCEPTED, [], [], at)
    browser = archive.staff_client()
    page = html.fromstring(browser.get("/staff/ingest?lang=en").text)
    numbers = page.xpath("//td[@data-label='Came today' or @data-label='Accepted today']/a")
    assert [one.text for one in numbers] == ["2", "1"]
    told = []
    for one in numbers:
        opened = browser.get(one.get("href"))
        listed = html.fromstring(opened.text)
        told.append([row[0].text_content().strip() for row in listed.xpath("//tbody/tr")])
        assert f"Came on {midnight.day} {midnight:%b %Y}" in opened.text
        assert [count.text for count in listed.xpath("//ul[@class='tabs']//span")] == ["1", "1", "0", "0", "0"]
        (as_csv,) = listed.xpath("//a[text()='CSV']/@href")
        assert len(list(csv.DictReader(io.StringIO(browser.get(as_csv).text)))) == len(told[-1])
    assert told == [["t2.zip", "t1.zip"], ["t1.zip"]]


def test_publishers_of_long_names_that_begin_alike_are_told_apart(archive: pages.Site) -> None:
    name = "Örnek Üniversitesi Rektörlüğü Sosyal Bilimler Enstitüsü Müdürlüğü Dergi Yayın Koordinatörlüğü ve Arşivi "
    with archive.catalogue.writing() as rows:
        for number, which in enumerate(("A", "B", "B")):
            deliveries.accept(rows, name + which, ["x.zip"], f"{number:064x}", 1, pages.NOW)
    page = html.fromstring(archive.staff_client().get("/staff/ingest?lang=en").text)
    told = page.xpath("//div[@aria-label='Publishers today']//td[@data-label='In progress']/a/text()")
    assert told == ["1", "2"]


def test_receipts_are_for_staff(archive: pages.Site) -> None:
    identifier = deliver(archive, 1, DeliveryState.ACCEPTED)
    for address in (f"/deliveries/{identifier}", f"/deliveries/{identifier}.json", "/staff/ingest"):
        assert archive.client.get(address).location.startswith("/staff/sign-in?next=")
    assert archive.staff_client().get("/deliveries/" + "0" * 32).status_code == 404


@pytest.mark.parametrize(
    "query", ["state=x", "after=WyJ4IiwieSJd", "after=WyIyMDI2LTAxLTAxIiwieSJd", "after=%00", "day=x"]
)
def test_a_question_that_is_none_is_refused(archive: pages.Site, query: str) -> None:
    assert archive.staff_client().get(f"/staff/deliveries?{query}").status_code == 400


def test_a_finding_of_another_version_speaks_for_itself(archive: pages.Site) -> None:
    unknown = Finding("FROM_THE_FUTURE", Level.ERROR, "What it said.", "What to do.")
    changed = Finding("ISSN_INVALID", Level.ERROR, "What it said.", "What to do.", params={"other": "1"})
    with archive.app.test_request_context("/"):
        assert (what(unknown), remedy(unknown)) == ("What it said.", "What to do.")
        assert what(changed) == "What it said."
        for code, rule in CODES.items():
            found = finding(code, **dict.fromkeys(rule.parameters, "50 % {x}"))
            assert what(found)
            assert "{x}" in what(found) or not rule.parameters
            assert remedy(found)

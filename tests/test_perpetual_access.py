"""One story, in a real browser: a library cancels, two people declare a trigger, its readers read what was paid for.

Told the same by the article's page, OAI-PMH, KBART, the Keepers' report and COUNTER.
"""

from __future__ import annotations

import csv
import json
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import NARROW, chromium
from deliveries import Published, delivery
from lxml import etree
from served import Served
from sqlalchemy import select, update

from repository.catalogue import Catalogue
from repository.models import UsageDay

ISSN, PAID, NEWER = "9999-0016", "10.5555/surekli.2015", "10.5555/surekli.2020"
KBART = (
    "publication_title\tprint_identifier\tonline_identifier\tdate_first_issue_online\tnum_first_vol_online\t"
    "num_first_issue_online\tdate_last_issue_online\tnum_last_vol_online\tnum_last_issue_online\ttitle_url\t"
    "first_author\ttitle_id\tembargo_info\tcoverage_depth\tnotes\tpublisher_name\tpublication_type\n"
    f"Örnek Arşiv Bilimi Dergisi\t{ISSN}\t\t2009\t\t\t\t\t\t\t\t\t\tfulltext\t\tÖrnek Yayınevi\tserial\n"
)
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
"""A headless browser says that it is one, and COUNTER counts it among the robots."""
READER = {"X-Forwarded-For": "193.140.7.7", "Accept-Language": "en"}
"""Of the library's network, as our own proxy tells it."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An archive with two articles; a library that licensed 2009 to 2018, and has cancelled since."""
    folder = tmp_path_factory.mktemp("story")
    url = f"sqlite:///{folder / 'catalogue.sqlite'}"
    server = Served(folder / "home", url, "[access]\ntrusted_proxies = 1")
    mahfuz = server.installation.run
    articles = [
        Published(PAID, title="Ödenmiş yılın makalesi", issn=ISSN, year=2015, volume=7),
        Published(NEWER, title="Sonraki yılın makalesi", issn=ISSN, year=2020, volume=12),
    ]
    mahfuz("ingest", str(delivery(folder / "1.zip", articles)), "--publisher", "Örnek Yayınevi")
    for login in ("ayse", "mehmet"):
        mahfuz("staff", "add", login)
    mahfuz("institution", "add", "ornek", "--name", "Örnek Üniversitesi", "--counter-id", "ornek", "--by", "ayse")
    mahfuz("institution", "network", "ornek", "--add", "193.140.7.0/24", "--by", "ayse")
    licence = "ornek-2009"
    rule = ("--status", "active", "--perpetual", "paid_years", "--hosting", "on_trigger")
    mahfuz(
        *("licence", "add", licence, "--name", "Örnek 2009", "--publisher", "Örnek Yayınevi", "--type", "local"),
        *(*rule, "--by", "ayse"),
    )
    mahfuz("licence", "period", licence, "--add", "2009-01-01", "--by", "ayse")
    mahfuz("licence", "party", licence, "--institution", "ornek", "--by", "ayse")
    (folder / "titles.txt").write_text(KBART, encoding="utf-8")
    mahfuz("licence", "titles", licence, str(folder / "titles.txt"), "--by", "ayse")
    mahfuz("licence", "close", licence, "--on", "2018-12-31", "--reason", "cancelled", "--by", "ayse")
    server.start()
    yield server
    server.stop()


def asked(address: str, **headers: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as answer:
        return bytes(answer.read())


def openaire(archive: Served, article: str) -> str:
    """What OAI-PMH says of who may read the article."""
    query = f"verb=GetRecord&metadataPrefix=oai_openaire&identifier=oai:arsiv.example.org:{article}"
    root = etree.fromstring(asked(f"{archive.oai}?{query}"))
    return str(next(root.iter("{http://datacite.org/schema/kernel-4}rights")).text)


def listed(archive: Served, wanted: int) -> int:
    """How many articles the set of what triggers opened has, once it has so many.

    What was announced is listed when the clock has reached its datestamp, a second or two later.
    """
    deadline, question = time.monotonic() + 30, "verb=ListIdentifiers&metadataPrefix=oai_dc&set=triggered"
    while True:
        root = etree.fromstring(asked(f"{archive.oai}?{question}"))
        found = len(list(root.iter("{http://www.openarchives.org/OAI/2.0/}header")))
        if found >= wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def test_what_was_paid_for_opens_when_two_people_say_so(archive: Served, tmp_path: Path) -> None:
    mahfuz = archive.installation.run
    paid, newer = (str(mahfuz("article", doi)["id"]) for doi in (PAID, NEWER))
    key = mahfuz("institution", "key", "ornek", "--make", "ornek", "--by", "ayse")["made"]
    wanted = f"{archive.address}/openurl?ctx_ver=Z39.88-2004&rft.genre=article&rft.issn={ISSN}"
    with chromium() as program:
        context = program.new_context(viewport=NARROW, locale="en-GB", user_agent=PERSON, extra_http_headers=READER)
        page = context.new_page()

        page.goto(f"{wanted}&rft.volume=7&rft.issue=3&rft.spage=7&rft.date=2015")
        assert page.url.endswith(f"/articles/{paid}"), "before: the article is found, and its reader sent on"
        assert "perpetual right" in page.inner_text("main")
        assert page.get_attribute(f"a[href='https://doi.org/{PAID}']", "href")
        file = mahfuz("article", PAID)["versions"][-1]["files"]
        pdf = next(one["path"] for one in file if one["path"].endswith(".pdf"))
        refused = page.goto(f"{archive.address}/articles/{paid}/files/{pdf}")
        assert refused is not None
        assert refused.status == 403
        assert "the publisher still serves it: read it there" in page.inner_text("main")
        assert openaire(archive, paid) == "metadata only access"
        explained = mahfuz("access", "explain", "--institution", "ornek", "--article", PAID, status=1)
        assert explained["reason_code"] == "not_open_yet"

        code = mahfuz(
            *("trigger", "propose", "--kind", "post_cancellation", "--title", ISSN, "--by", "ayse"),
            *("--reason", "Örnek Üniversitesi aboneliğini bitirdi; yayıncı erişimi kapattı."),
        )["code"]
        assert archive.installation.tell("trigger", "approve", code, "--by", "ayse")[0] == 2, "nobody alone"
        assert mahfuz("trigger", "rehearse", code, "--by", "mehmet")["opened"] == 1
        approved = mahfuz("trigger", "approve", code, "--by", "mehmet")
        assert (approved["preview"]["articles"], approved["preview"]["institutions"]) == (1, 1)

        page.goto(f"{wanted}&rft.volume=7&rft.issue=3&rft.spage=7&rft.date=2015")
        assert "Örnek Üniversitesi" in page.inner_text("main"), "who gives the access"
        link = page.get_attribute("main a[href*='.pdf']", "href")
        assert link is not None
        opened = context.request.get(f"{archive.address}{link}" if link.startswith("/") else link)
        assert (opened.status, opened.headers["content-type"]) == (200, "application/pdf")
        assert opened.body().startswith(b"%PDF-")

        page.goto(f"{wanted}&rft.volume=12&rft.issue=3&rft.spage=7&rft.date=2020")
        assert page.url.endswith(f"/articles/{newer}")
        shut = page.goto(f"{archive.address}/articles/{newer}/files/{pdf.replace('2015', '2020')}")
        assert shut is not None
        assert shut.status == 403
        assert "not to what was published then" in page.inner_text("main")
        context.close()

        stranger = program.new_context(extra_http_headers={"X-Forwarded-For": "198.51.100.9"})
        assert stranger.request.get(f"{archive.address}/articles/{paid}/files/{pdf}").status == 403
        spoofed = program.new_context(extra_http_headers={"X-Forwarded-For": "193.140.7.7, 198.51.100.9"})
        assert spoofed.request.get(f"{archive.address}/articles/{paid}/files/{pdf}").status == 403

    assert listed(archive, 2) == 2, "the whole journal's"
    assert openaire(archive, paid) == "restricted access"

    kbart = asked(f"{archive.address}/kbart/institutions/ornek.txt", Authorization=f"Bearer {key}").decode()
    (line,) = csv.DictReader(kbart.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    assert (line["date_first_issue_online"], line["date_last_issue_online"]) == ("2015", "2015")
    whole = asked(f"{archive.address}/kbart/AllTitles.txt").decode()
    assert "\t2015\t" in whole
    assert "\t2020\t" in whole

    keepers = asked(f"{archive.address}/reports/keepers.csv").decode().splitlines()
    (preserved,) = csv.DictReader(keepers[1:])
    assert (preserved["Preserved Years"], preserved["In Progress Years"]) == ("2015; 2020", "")

    month = a_month_later(archive)
    once = {"Total_Item_Requests": 1, "Unique_Item_Requests": 1}
    assert usage(archive, key, "tr_j1", month) == {("", metric): number for metric, number in once.items()}
    assert usage(archive, key, "tr_j4", month) == {("2015", metric): number for metric, number in once.items()}
    assert usage(archive, key, "tr_j2", month)["", "No_License"] == 2, "the one too early and the one not paid for"


def a_month_later(archive: Served) -> str:
    """All that was counted was counted last month, which is over: COUNTER tells of no other. The month."""
    catalogue, deadline = Catalogue(archive.database_url), time.monotonic() + 30
    last = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    while time.monotonic() < deadline:
        with catalogue.reading() as session:
            metrics = set(session.execute(select(UsageDay.metric)).scalars())
        if {"Unique_Item_Requests", "No_License"} <= metrics:
            break
        time.sleep(0.1)
    with catalogue.writing() as session:
        session.execute(update(UsageDay).values(day=last))
    catalogue.close()
    return f"{last:%Y-%m}"


def usage(archive: Served, key: str, report: str, month: str) -> dict[tuple[str, str], int]:
    """Counts of a COUNTER report of this month by year of publication and metric."""
    query = f"customer_id=ornek&requestor_id=ornek&api_key={key}&begin_date={month}&end_date={month}"
    data: dict[str, Any] = json.loads(asked(f"{archive.address}/r51/reports/{report}?{query}"))
    found: dict[tuple[str, str], int] = {}
    for item in data["Report_Items"]:
        for one in item["Attribute_Performance"]:
            for metric, months in one["Performance"].items():
                place = (str(one.get("YOP", "")), metric)
                found[place] = found.get(place, 0) + sum(months.values())
    return found

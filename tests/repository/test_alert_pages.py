"""The page of alerts: what needs attention first, who looks after it, every number with its list."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pages
import pytest
from flask.testing import FlaskClient

from repository.catalogue import alerts, heartbeats
from repository.catalogue.heartbeats import Who
from repository.cause_words import proof
from repository.causes import KINDS, Cause

SILENT = Cause("store-silent", "main", 41200, since=pages.NOW - timedelta(hours=7), detail={"variant": ""})
LATE = Cause("copies-late", "second", 2000, more=True, detail={"days": "90"})
EVIL = Cause("feed-late", "<b>x</b>", since=pages.NOW, detail={"publisher": "<script>alert(1)</script>"})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[pages.Site]:
    found = pages.site(f"sqlite:///{tmp_path / 'c.sqlite'}")
    yield found
    found.catalogue.close()


def settled(site: pages.Site, *causes: Cause, minutes: int = 0) -> None:
    with site.catalogue.writing() as rows:
        alerts.settle(rows, causes, pages.NOW + timedelta(minutes=minutes))


def number_of(site: pages.Site, kind: str) -> int:
    with site.catalogue.reading() as rows:
        return next(alert.id for alert in alerts.still_open(rows, limit=None) if alert.kind == kind)


def english(browser: FlaskClient, address: str = "/staff/alerts") -> str:
    answer = browser.get(address, query_string={"lang": "en"} if "?" not in address else None)
    assert answer.status_code == 200
    return answer.text


def test_open_alerts_come_first_with_what_proves_them_and_what_to_do(site: pages.Site) -> None:
    browser = site.staff_client()
    assert "Nothing is the matter: no alert is open." in english(browser)
    settled(site, LATE, SILENT)
    text = english(browser)
    assert text.index("41,200 copies wait") < text.index("more than 2,000 copies in store second")
    assert 'href="/staff/copies?store=main&amp;state=unreadable">41,200' in text
    assert "A store does not answer" in text
    turkish = browser.get("/staff/alerts?lang=tr").text
    assert "41.200 kopya bekliyor" in turkish
    assert "İlgi bekleyenler" in turkish


def test_whoever_looks_after_an_alert_is_named_with_the_note(site: pages.Site) -> None:
    browser = site.staff_client("ayse")
    settled(site, SILENT, LATE)
    number = number_of(site, "store-silent")
    done = pages.post(
        browser, f"/staff/alerts/{number}/acknowledge", "/staff/alerts?lang=en", note="disk <i>sipariş</i>"
    )
    assert (done.status_code, done.location) == (302, f"/staff/alerts#alert-{number}")
    text = english(browser)
    assert text.index("copies in store second") < text.index("Somebody looks after these") < text.index("41,200 copies")
    assert "<strong>ayse</strong>" in text
    assert "disk &lt;i&gt;sipariş&lt;/i&gt;" in text
    settled(site, LATE, minutes=6)
    gone = pages.post(browser, f"/staff/alerts/{number}/acknowledge", "/staff/alerts")
    assert "is over meanwhile" in english(browser, f"{gone.location}&lang=en")
    assert "What is over" in english(browser)


def test_nobody_acknowledges_without_a_form_or_without_signing_in(site: pages.Site) -> None:
    settled(site, SILENT)
    number = number_of(site, "store-silent")
    browser = site.staff_client()
    assert browser.post(f"/staff/alerts/{number}/acknowledge").status_code == 400
    assert site.client.post(f"/staff/alerts/{number}/acknowledge").status_code in (400, 403)
    assert site.client.get("/staff/alerts").status_code == 302
    with site.catalogue.reading() as rows:
        assert alerts.still_open(rows, limit=None)[0].acknowledged_at is None


def test_history_is_paged_by_key_and_had_as_csv(site: pages.Site) -> None:
    for turn in range(60):
        settled(site, Cause("copies-late", f"depo-{turn}", turn, detail={"days": 90}), minutes=turn * 10)
        settled(site, minutes=turn * 10 + 6)
    browser = site.staff_client()
    seen, address = list[str](), "/staff/alerts?lang=en"
    while address:
        text = english(browser, address)
        seen += [part.split(" ")[0] for part in text.split("in store ")[1:]]
        address = text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&") if 'rel="next"' in text else ""
    assert seen == [f"depo-{turn}" for turn in reversed(range(60))]
    settled(site, SILENT, EVIL, minutes=1000)
    rows = list(csv.DictReader(io.StringIO(browser.get("/staff/alerts?format=csv").text)))
    assert len(rows) == 62
    assert [row["closed_at"] for row in rows[:2]] == ["", ""]
    assert rows[2]["subject"] == "depo-59"


def test_nothing_that_was_written_elsewhere_is_markup(site: pages.Site) -> None:
    settled(site, EVIL)
    text = english(site.staff_client())
    assert "<script>alert" not in text
    assert "<b>x</b>" not in text


def test_the_overview_and_the_dashboard_say_how_many_are_open(site: pages.Site) -> None:
    browser = site.staff_client()
    for address in ("/staff/", "/staff/fixity"):
        assert "no open alert" in english(browser, address)
    settled(site, SILENT, LATE)
    for address in ("/staff/", "/staff/fixity"):
        text = english(browser, address)
        assert "2 open alerts" in text
        assert 'href="/staff/alerts"' in text


def test_every_list_that_proves_an_alert_is_there(site: pages.Site) -> None:
    browser = site.staff_client()
    for kind in KINDS:
        for state in ("damaged", "missing"):
            address = proof(Cause(kind, "main", detail={"state": state}))
            assert not address or browser.get(address).status_code == 200, address


def test_when_each_part_gave_its_last_sign_of_life_is_shown(site: pages.Site) -> None:
    with site.catalogue.writing() as rows:
        heartbeats.beat(rows, Who("clock", "makine-1", 7, pages.NOW, "mahfuz test"), pages.NOW)
    text = english(site.staff_client())
    assert "makine-1" in text
    assert "Signs of life" in text

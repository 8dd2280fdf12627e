"""What waits for a person: tried again, released with a reason, rejected, set aside; and nothing stops the others."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pages
import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from lxml import html

from ingest.findings import finding
from repository.catalogue import deliveries, intake
from repository.catalogue.deliveries import ArticleLine
from repository.vocabulary import ArticleOutcome, DeliveryState

PUBLISHER = "Örnek Yayınevi"
MANY = 60
"""So many that a command is killed in the midst of them."""
KBART = "publication_title\tprint_identifier\tonline_identifier\n"


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))


def agree(archive: Installation, tmp_path: Path, issn: str) -> None:
    listed = tmp_path / "titles.tsv"
    listed.write_text(f"{KBART}Bir Dergi\t{issn}\t\n", encoding="utf-8")
    archive.run("titles", "agree", str(listed), "--publisher", PUBLISHER)


def ingest(archive: Installation, file: Path, status: int) -> dict[str, Any]:
    (receipt,) = archive.run("ingest", str(file), "--publisher", PUBLISHER, status=status)["deliveries"]
    return dict(receipt)


def test_articles_are_released_in_spite_of_a_finding_with_a_reason(archive: Installation, tmp_path: Path) -> None:
    agree(archive, tmp_path, "9999-0024")
    sent = delivery(tmp_path / "sayi.zip", [Published("10.5555/r.1"), Published("10.5555/r.2", broken_xml=True)])
    held = ingest(archive, sent, 1)
    assert held["state"] == "quarantined"
    identifier = held["delivery_id"]
    archive.run("delivery", "release", identifier, "--reason", "  ", status=1)
    code, _, said = archive.tell("delivery", "release", identifier, "--code", "XML_NOT_WELL_FORMED", "--reason", "x")
    assert code == 1 or "only the publisher" in said
    done = archive.run("delivery", "release", identifier, "--reason", "Sözleşme imzalandı")
    assert done == {"decided": [identifier], "refused": []}
    (receipt,) = archive.run("receive", status=1)["deliveries"]
    assert receipt["state"] == "partial"
    good, bad = receipt["articles"]
    assert (good["outcome"], bad["outcome"]) == ("accepted", "refused")
    told = {found["code"]: found for found in good["findings"]}
    assert told["TITLE_NOT_AGREED"]["level"] == "warning"
    assert "Sözleşme imzalandı" in told["RELEASED"]["message"]
    shown = archive.run("delivery", "show", identifier)
    (decision,) = shown["decisions"]
    assert (decision["verdict"], decision["codes"]) == ("release", ["TITLE_NOT_AGREED"])
    assert archive.run("status")["articles"] == 1


def test_what_a_new_agreement_covers_is_tried_again_in_bulk(archive: Installation, tmp_path: Path) -> None:
    agree(archive, tmp_path, "9999-0024")
    sent = [delivery(tmp_path / f"sayi-{number}.zip", [Published(f"10.5555/t.{number}")]) for number in range(3)]
    assert {ingest(archive, file, 1)["state"] for file in sent} == {"quarantined"}
    agree(archive, tmp_path, "9999-0016")
    done = archive.run("delivery", "retry", "--all-quarantined", "--publisher", PUBLISHER)
    assert len(done["decided"]) == 3
    receipts = archive.run("receive")["deliveries"]
    assert [receipt["state"] for receipt in receipts] == ["accepted"] * 3
    assert archive.run("status")["deliveries"] == {"accepted": 3}
    again = archive.run("delivery", "retry", done["decided"][0], status=1)
    assert "cannot be decided on" in again["refused"][0]["reason"]


def test_a_rejected_delivery_says_why_and_keeps_its_bytes(archive: Installation, tmp_path: Path) -> None:
    sent = delivery(tmp_path / "sayi.zip", [Published("10.5555/j.1", without_pdf=True)])
    identifier = ingest(archive, sent, 1)["delivery_id"]
    archive.run("delivery", "reject", identifier, "--reason", "Yanlış dergi gönderildi")
    shown = archive.run("delivery", "show", identifier)
    assert shown["state"] == "refused"
    assert any("Yanlış dergi gönderildi" in found["message"] for found in shown["findings"])
    assert (archive.home / "deliveries" / identifier / "0").read_bytes() == sent.read_bytes()
    assert archive.run("receive")["deliveries"] == []
    archive.run("delivery", "release", identifier, "--reason", "x", status=1)
    assert archive.run("delivery", "list", "--find", "SAYI")["deliveries"][0]["id"] == identifier
    assert archive.run("delivery", "list", "--find", "10.5555/j.1")["deliveries"][0]["id"] == identifier


def begun(archive: Installation) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{archive.home / 'mahfuz.sqlite'}?mode=ro", uri=True)) as rows:
        return [(name, number) for name, number in rows.execute("SELECT id, begun FROM delivery ORDER BY accepted_on")]


def test_a_delivery_that_kills_its_worker_three_times_is_set_aside_and_the_others_go_on(
    archive: Installation, tmp_path: Path
) -> None:
    inbox = archive.home / "inbox" / PUBLISHER
    inbox.mkdir(parents=True)
    articles = [Published(f"10.5555/z.{number}") for number in range(MANY)]
    poison = delivery(inbox / "a-zehirli.zip", articles)
    archive.run("init")
    deaths = 0
    for number in (1, 2, 3):
        process = archive.start("ingest", str(poison), "--publisher", PUBLISHER)
        while process.poll() is None and [count for _, count in begun(archive)] != [number]:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        deaths += process.returncode == -signal.SIGKILL
    assert deaths == 3
    ((identifier, count),) = begun(archive)
    assert count == 3
    poison.unlink()
    other = delivery(tmp_path / "iyi.zip", [Published("10.5555/iyi")])
    other.rename(inbox / "b-iyi.zip")
    archive.file.write_text(archive.file.read_text() + "\n[ingest]\nquiet_seconds = 0\n", encoding="utf-8")
    receipts = {receipt["delivery_id"]: receipt for receipt in archive.run("receive", status=1)["deliveries"]}
    assert receipts[identifier]["state"] == "quarantined"
    assert [found["code"] for found in receipts[identifier]["findings"]] == ["SET_ASIDE"]
    assert {receipt["state"] for receipt in receipts.values()} == {"quarantined", "accepted"}
    archive.run("delivery", "retry", identifier)
    (receipt,) = archive.run("receive")["deliveries"]
    assert (receipt["state"], len(receipt["articles"])) == ("accepted", MANY)


@pytest.fixture
def site(database_url: str) -> Any:
    made = pages.site(database_url)
    yield made
    made.catalogue.close()


def waiting(site: pages.Site, number: int, codes: tuple[str, ...] = ("PDF_MISSING",)) -> str:
    with site.catalogue.writing() as rows:
        made = deliveries.accept(rows, PUBLISHER, [f"sayı_{number}.zip"], f"{number:064x}", 1000, pages.NOW)
        deliveries.begin(rows, made.id)
        found = tuple(finding(code, "m.xml") for code in codes)
        line = ArticleLine(1, "m.xml", None, None, "Makale", None, ArticleOutcome.REFUSED, found)
        deliveries.finish(rows, made.id, DeliveryState.QUARANTINED, [], [line], pages.NOW)
        return made.id


def state(site: pages.Site, identifier: str) -> str:
    with site.catalogue.reading() as rows:
        return deliveries.known(rows, identifier).state


def test_staff_decide_on_many_at_once_on_the_page(site: pages.Site) -> None:
    first, second = waiting(site, 1), waiting(site, 2, ("XML_NOT_WELL_FORMED",))
    browser = site.staff_client()
    form = html.fromstring(browser.get("/staff/deliveries?lang=en").text)
    token = form.xpath("//form[@method='post']//input[@name='csrf_token']/@value")[0]
    fields = {
        "csrf_token": token,
        "delivery": [first, second],
        "verdict": "release",
        "reason": "Basılı sayıdan görüldü",
        "back": "//evil.example.org/x",
    }
    answer = browser.post("/staff/deliveries/decide", data=fields)
    assert answer.status_code == 302
    assert answer.location == "/staff/deliveries?decided=1&not_decided=1"
    assert (state(site, first), state(site, second)) == ("received", "quarantined")
    page = browser.get(answer.location + "&lang=en").text
    assert "1 delivery was decided on." in page
    assert site.client.post("/staff/deliveries/decide", data=fields).status_code in (302, 400, 403)


def test_one_delivery_is_decided_on_from_its_own_page_and_a_missing_reason_is_told(site: pages.Site) -> None:
    held = waiting(site, 1)
    browser = site.staff_client()
    page = html.fromstring(browser.get(f"/deliveries/{held}?lang=en").text)
    (form,) = page.xpath("//form[@action='/staff/deliveries/decide']")
    assert form.xpath(".//button[@name='verdict']/@value") == ["retry", "release", "reject"]
    fields = {str(each.get("name")): str(each.get("value")) for each in form.xpath(".//input[@type='hidden']")}
    for reason, told, state_then in (
        (" ", "could not be", "quarantined"),
        ("Yanlış sayı", "was decided on", "refused"),
    ):
        answer = browser.post("/staff/deliveries/decide", data=fields | {"verdict": "reject", "reason": reason})
        assert answer.location.startswith(f"/deliveries/{held}?")
        assert told in browser.get(answer.location + "&lang=en").text
        assert state(site, held) == state_then
    page = html.fromstring(browser.get(f"/deliveries/{held}?lang=en").text)
    assert page.xpath("//form[@action='/staff/deliveries/decide']//button[@name='verdict']/@value") == ["retry"]


def test_the_page_of_a_paused_delivery_says_for_what_it_waits(site: pages.Site) -> None:
    with site.catalogue.writing() as rows:
        made = deliveries.accept(rows, PUBLISHER, ["kuyruk\u202e\x1b.zip"], "e" * 64, 5, pages.NOW)
        deliveries.begin(rows, made.id)
        deliveries.pause(rows, made.id, "store main did not answer")
    text = site.staff_client().get(f"/deliveries/{made.id}?lang=en").text
    assert "store main did not answer" in text
    assert "kuyruk\\u202e\\x1b.zip" in text
    assert "\u202e" not in text


def test_the_console_shows_each_publishers_day_and_the_queue(site: pages.Site) -> None:
    held = waiting(site, 1)
    with site.catalogue.writing() as rows:
        made = deliveries.accept(rows, "Başka Yayınevi", ["kuyruk.zip"], "f" * 64, 5, pages.NOW)
        deliveries.begin(rows, made.id)
        deliveries.pause(rows, made.id, "store main did not answer")
    browser = site.staff_client()
    page = html.fromstring(browser.get("/staff/ingest?lang=en").text)
    assert "store main did not answer" in page.text_content()
    links = page.xpath("//table//a/@href")
    assert f"/deliveries/{made.id}" in links
    assert "/staff/deliveries?publisher=ornek-yayinevi&state=quarantined" in links
    listed = html.fromstring(browser.get("/staff/deliveries?publisher=ornek-yayinevi&state=quarantined").text)
    assert listed.xpath("//tbody//th/a/@href") == [f"/deliveries/{held}"]
    for words in ("sayi 1", "SAYI_1.ZIP", held):
        found = html.fromstring(browser.get("/staff/deliveries", query_string={"q": words}).text)
        assert found.xpath("//tbody//th/a/@href") == [f"/deliveries/{held}"], words
    assert browser.get("/staff/deliveries?publisher=yok").status_code == 404
    with site.catalogue.reading() as rows:
        assert [day.name for day in intake.publishers(rows, pages.NOW, limit=10)] == ["Başka Yayınevi", PUBLISHER]

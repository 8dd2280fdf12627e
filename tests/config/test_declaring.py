"""A trigger from its preview to its end, and the crisis simulator: on the staff's pages and on the command line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pages
import pytest
from installation import Installation
from lxml import html
from sqlalchemy import select

from repository.catalogue import Catalogue
from repository.models import (
    Entitlement,
    Institution,
    Licence,
    LicenceParty,
    LicencePeriod,
    Publisher,
    Shortfall,
    Staff,
    Title,
    Trigger,
    TriggerTrial,
)

NEW, SIMULATOR = "/staff/access/triggers/new", "/staff/access/simulator"
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def licensed(catalogue: Catalogue) -> None:
    """A national licence of the years to 2021, for two of three institutions, on every journal that is held."""
    with catalogue.writing() as rows:
        publisher = rows.execute(select(Publisher)).scalars().one()
        for number, name in enumerate(("=Ankara", "İzmir", "Urfa"), 1):
            kept = {"sort_key": name, "folded": name, "active": True, "created_at": NOW}
            rows.add(Institution(id=number, code=f"kurum-{number}", name=name, **kept))
        rows.add_all(Staff(login=one, password_hash="x", role="staff", created_at=NOW) for one in ("mehmet", "zeynep"))
        rows.flush()
        licence = Licence(
            code="ulusal-2009",
            name="Ulusal",
            folded="",
            publisher_id=publisher.id,
            type="national",
            basis="signed",
            status="closed",
            closure="cancelled",
            perpetual="paid_years",
            hosting="on_trigger",
            created_at=NOW,
        )
        rows.add(licence)
        rows.flush()
        rows.add(LicencePeriod(licence_id=licence.id, since=date(2009, 1, 1), until=date(2021, 12, 31)))
        rows.add_all(LicenceParty(licence_id=licence.id, institution_id=number) for number in (1, 2))
        for title in rows.execute(select(Title)).scalars():
            rows.add(
                Entitlement(
                    licence_id=licence.id, title_id=title.id, name=title.name, state="agreed", by="test", at=NOW
                )
            )
            rows.add(Shortfall(title_id=title.id, expected=15, missing=12, due=NOW))


@pytest.fixture
def site(database_url: str) -> Iterator[pages.Site]:
    made = pages.site(database_url)
    for number in range(1, 4):
        pages.enter(made, pages.record(number, licence=None))
    newer = pages.record(9, licence=None, published={"ppub": "2022-01"}, volume="13")
    pages.enter(made, newer)
    licensed(made.catalogue)
    yield made
    made.catalogue.close()


def proposal(**changes: str) -> dict[str, str]:
    usual = {"kind": "publisher_ceased", "audience": "entitled", "reason": "Kapandı", "publisher": "Örnek Yayınevi"}
    return usual | changes


def test_two_people_open_what_one_proposed_and_a_third_closes_it(site: pages.Site) -> None:
    ayse, mehmet = site.staff_client("ayse"), site.staff_client("ali")
    said = pages.post(ayse, NEW, act="preview", **proposal())
    assert "Açılan: 1 dergi, 3 makale; kime: 2 kurum." in said.text
    assert "12 öğe eksik" in said.text
    assert "Kapandı" in said.text, "what was typed is still there"
    made = pages.post(ayse, NEW, act="propose", **proposal())
    assert made.status_code == 303
    one = made.location
    assert "ikinci bir kişiyi bekliyor" in ayse.get("/staff/access/triggers").text
    assert 'value="approve"' not in ayse.get(one).text, "not offered to who proposed it"
    refused = pages.post(ayse, one + "/decide", one, act="approve")
    assert refused.status_code == 422
    assert "başka birinin onaylaması" in refused.text
    assert pages.post(mehmet, one + "/decide", one, act="rehearse").status_code == 303
    with site.catalogue.reading() as rows:
        outcome = rows.execute(select(TriggerTrial)).scalar_one().outcome
        assert (len(outcome["articles"]), outcome["opened"], outcome["read"]) == (1, 1, 1)
        assert outcome["articles"][0]["reason"] == "post_cancellation"
    assert pages.post(mehmet, one + "/decide", one, act="approve").status_code == 303
    shown = ayse.get(one).text
    assert "yürürlükte" in shown
    assert "Hepsi açıldı ve okundu" in shown
    assert pages.post(ayse, one + "/decide", one, act="revoke", reason="").status_code == 422
    assert pages.post(ayse, one + "/decide", one, act="revoke", reason="Yeniden sunuyor").status_code == 303
    assert "Yeniden sunuyor" in ayse.get(one).text
    assert pages.post(ayse, one + "/decide", one, act="burn").status_code == 400


def test_a_rehearsal_finds_what_could_not_be_read(site: pages.Site) -> None:
    browser = site.staff_client()
    one = pages.post(browser, NEW, act="propose", **proposal(audience="everyone")).location
    for store, key in list(site.shelf.objects):
        site.shelf.flip(store, key, 600)
    assert pages.post(browser, one + "/decide", one, act="rehearse").status_code == 303
    shown = browser.get(one).text
    assert "Hepsi açılmadı ya da okunmadı" in shown
    assert "no intact copy" in shown


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"titles": "1300-0633"}, "1300-0633 olan bir dergi bilinmiyor"),
        ({"publisher": "Kimse"}, "Kimse adlı bir yayıncı bilinmiyor"),
        ({"institutions": "kurum-1 yok"}, "yok kodlu bir kurum bilinmiyor"),
        ({"effective": "yarın"}, "yarın bir tarih değil"),
        ({"audience": "institutions"}, "ne zamana kadar"),
        ({"reason": " "}, "Nedenini yazın"),
    ],
)
def test_what_the_form_cannot_mean_is_said_and_kept_for_mending(
    site: pages.Site, wrong: dict[str, str], said: str
) -> None:
    answer = pages.post(site.staff_client(), NEW, act="propose", **proposal(**wrong))
    assert answer.status_code == 422
    assert said in html.fromstring(answer.text).text_content()
    with site.catalogue.reading() as rows:
        assert rows.execute(select(Trigger)).first() is None


def test_the_simulator_says_who_keeps_what_as_a_page_and_as_csv(site: pages.Site) -> None:
    browser = site.staff_client()
    page = html.fromstring(browser.get(f"{SIMULATOR}?publisher=Örnek Yayınevi&on=2026-11-27&lang=en").text)
    figures = [one.text_content().strip() for one in page.xpath("//*[@class='value']")]
    assert figures == ["4", "2", "1", "12"], "held, institutions, nobody's, missing"
    assert [one.text_content() for one in page.xpath("//table[1]/tbody/tr/th")][:2] == ["=Ankara", "İzmir"]
    its = html.fromstring(browser.get(page.xpath("//table[1]/tbody/tr/th/a/@href")[0]).text).text_content()
    assert "ulusal-2009" in its
    assert "2021" in its
    sheet = browser.get(f"{SIMULATOR}?publisher=Örnek Yayınevi&on=2026-11-27&as=csv").text
    rows = list(csv.DictReader(StringIO(sheet)))
    assert [(row["institution"], row["years_kept"], row["articles_kept"], row["missing"]) for row in rows] == [
        ("kurum-1", "2021", "3", "12"),
        ("kurum-2", "2021", "3", "12"),
    ]
    assert rows[0]["institution_name"] == "'=Ankara", "no spreadsheet runs it"
    assert rows[0]["licences"] == "ulusal-2009 (paid_years)"
    before = browser.get(f"{SIMULATOR}?publisher=Örnek Yayınevi&on=2008-11-27&lang=en")
    assert "No institution has an agreed right" in before.text
    assert browser.get(f"{SIMULATOR}?publisher=Kimse").status_code == 404
    assert browser.get(f"{SIMULATOR}?publisher=Örnek Yayınevi&on=gün").status_code == 400


def test_the_command_line_declares_and_simulates_too(database_url: str, tmp_path: Path) -> None:
    made = pages.site(database_url)
    for number in range(1, 4):
        pages.enter(made, pages.record(number, licence=None))
    licensed(made.catalogue)
    made.staff_client("ayse")
    home = Installation(tmp_path / "home", f'[database]\nurl = "{database_url}"\n')
    wanted = ("--kind", "publisher_ceased", "--title", "1300-0632")
    assert home.run("trigger", "preview", *wanted) == {
        "articles": 3, "titles": 1, "institutions": 2, "missing": 12, "at_most": False,
    }  # fmt: skip
    made_of: dict[str, Any] = home.run("trigger", "propose", *wanted, "--reason", "Kapandı", "--by", "ayse")
    code = made_of["code"]
    assert (made_of["state"], made_of["scope"]["titles"]) == ("proposed", ["1300-0632"])
    assert home.tell("trigger", "approve", code, "--by", "ayse")[0] == 2
    approved = home.run("trigger", "approve", code, "--by", "mehmet")
    assert (approved["state"], approved["announced"]) == ("in_force", 3), "harvesters are told at once"
    revoked = home.run("trigger", "revoke", code, "--by", "zeynep", "--reason", "Yanlış")
    assert (revoked["state"], revoked["announced"]) == ("revoked", 3)
    assert [one["code"] for one in home.run("trigger", "list")["triggers"]] == [code]
    assert home.tell("trigger", "show", "x")[0] == 2
    sheet = tmp_path / "s.csv"
    told = home.run("simulate", "--publisher", "Örnek Yayınevi", "--on", "2026-11-27", "--csv", str(sheet))
    assert [(one["institution"], one["articles"]) for one in told["institutions"]] == [("kurum-1", 3), ("kurum-2", 3)]
    assert told["institutions"][0]["licences"] == [{"licence": "ulusal-2009", "clause": "paid_years", "articles": 3}]
    assert sheet.read_text(encoding="utf-8").count("\n") == 3
    made.catalogue.close()

"""A person with a browser is shown what there is to harvest; a program that forgets the verb is told so, as ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pages
import pytest
from lxml import etree, html

from oai_pmh.descriptions import Said
from oai_pmh.manners import Turns
from oai_pmh.people import account, web
from oai_pmh.verbs import Window
from oai_pmh.web import blueprint
from oai_pmh.whole.web import blueprint as whole

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PLACE = re.compile(r"href=\"(https?://[^\"]*/oai\?verb=[^\"]*)\"")
OAI = "{http://www.openarchives.org/OAI/2.0/}"


@pytest.fixture
def site(database_url: str, tmp_path: Path, site_window: Window) -> Iterator[pages.Site]:
    window = replace(
        site_window,
        admin_emails=("arsiv@example.org", "teknik@example.org"),
        said=Said(
            friends=("https://dergi.example.org/oai",),
            metadata_licence="https://example.org/licence",
            data_policy="Only <here> & now",
        ),
        page_size=5,
    )
    opened = pages.site(
        database_url, open_blueprints=(blueprint(window, Turns(at_once=800, each=400)), whole(window, tmp_path))
    )
    yield opened
    opened.catalogue.close()


def filled(site: pages.Site, number: int) -> None:
    for place in range(1, number + 1):
        pages.enter(site, pages.record(place))


def shown(site: pages.Site, address: str = "/oai", language: str = "en") -> str:
    answer = site.client.get(address, headers=BROWSER | {"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert "Accept" in answer.headers["Vary"]
    return answer.text


def test_an_empty_archive_has_a_page_without_requests_that_would_find_nothing(site: pages.Site) -> None:
    text = shown(site)
    assert "GetRecord" not in text
    assert "Harvesting by OAI-PMH" in text
    assert "OAI-PMH ile derleme" in shown(site, language="tr")


def test_the_page_tells_of_the_archive_and_every_request_on_it_works(site: pages.Site) -> None:
    filled(site, 7)
    text = shown(site)
    for said in ("arsiv@example.org", "teknik@example.org", "https://dergi.example.org/oai?verb=Identify"):
        assert said in text
    assert "https://example.org/licence" in text
    assert "800 requests are answered at once, 400 of them from one address" in text
    assert "Only &lt;here&gt; &amp; now" in text
    assert "<script" not in text
    asked = {unescape(found) for found in PLACE.findall(text)}
    assert {re.findall("verb=([A-Za-z]+)", address)[0] for address in asked} == {
        "Identify", "ListMetadataFormats", "ListSets", "ListIdentifiers", "ListRecords", "GetRecord",
    }  # fmt: skip
    for address in asked - {"https://dergi.example.org/oai?verb=Identify"}:
        answer = site.client.get(address.removeprefix(pages.BASE_URL), headers=BROWSER)
        assert answer.mimetype == "text/xml", address
        assert not list(etree.fromstring(answer.data).iter(OAI + "error")), address


def test_the_counts_are_those_that_their_links_bear_out(site: pages.Site) -> None:
    filled(site, 7)
    page = html.fromstring(shown(site))
    counted = {
        re.findall("verb=([A-Za-z]+)", link.get("href"))[0]: int(link.find_class("value")[0].text)
        for figure in page.find_class("figure")
        for link in figure.iter("a")
    }
    assert counted["ListIdentifiers"] == 7
    for verb, element in (("ListSets", "set"), ("ListMetadataFormats", "metadataFormat")):
        answer = etree.fromstring(site.client.get(f"/oai?verb={verb}").data)
        given = len(list(answer.iter(OAI + element)))
        size = [int(token.get("completeListSize")) for token in answer.iter(OAI + "resumptionToken")]
        assert [counted[verb]] == (size or [given]), verb


@pytest.mark.parametrize("family", ["publisher", "journal", "type", "subject"])
def test_sets_are_listed_a_page_at_a_time_and_each_once(
    site: pages.Site, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "A_PAGE", 2)
    for place in range(1, 6):
        journal = {"journal_title": f"Dergi {place}", "issn_electronic": f"2000-000{place}", "issn_print": None}
        said = {"article_type": f"type {place}", "subjects": ((f"Konu {place}", "Alt konu"),)}
        pages.enter(site, pages.record(place, **journal, **said), publisher=f"Yayınevi {place}")
    found: list[str] = []
    address: str | None = f"/oai?sets={family}"
    while address is not None:
        page = html.fromstring(shown(site, address))
        assert len(specs_on(page, family)) <= 2
        found += specs_on(page, family)
        onward = [link.get("href") for link in page.iter("a") if "after=" in (link.get("href") or "")]
        address = next((one for one in onward if "lang=" not in one), None)
    assert len(found) == len(set(found)) == 5
    for spec in found:
        assert listed(site, spec) == 1


def specs_on(page: Any, family: str) -> list[str]:
    return [code.text for code in page.iter("code") if code.text and code.text.startswith(f"{family}:")]


def listed(site: pages.Site, spec: str) -> int:
    with site.client.get(f"/oai?verb=ListIdentifiers&metadataPrefix=oai_dc&set={spec}") as answer:
        return len(list(etree.fromstring(answer.data).iter(OAI + "identifier")))


def test_subjects_lead_down_to_those_below_them_and_back(site: pages.Site) -> None:
    path = ("Tıp", "Dâhilî bilimler", "Göğüs hastalıkları")
    pages.enter(site, pages.record(1, subjects=(path, ("Tıp", "Cerrahi"))))
    pages.enter(site, pages.record(2, subjects=(("Tıp",),)))
    top = html.fromstring(shown(site, "/oai?sets=subject"))
    assert specs_on(top, "subject") == ["subject:tip"]
    assert "2 records" in top.text_content()
    (down,) = [link.get("href") for link in top.iter("a") if link.get("href") == "/oai?sets=subject:tip"]
    middle = html.fromstring(shown(site, down))
    assert specs_on(middle, "subject") == ["subject:tip:cerrahi", "subject:tip:dahili-bilimler"]
    ways = [link.get("href") for link in middle.iter("a")]
    assert "/oai?sets=subject:tip:dahili-bilimler" in ways
    assert "/oai?sets=subject:tip:cerrahi" not in ways
    assert {"/oai", "/oai?sets=subject"} <= set(ways)


def test_what_is_open_is_one_set_with_its_number(site: pages.Site) -> None:
    pages.enter(site, pages.record(1, licence="https://creativecommons.org/licenses/by/4.0/"))
    pages.enter(site, pages.record(2, licence=None))
    text = shown(site)
    assert "What is open to everyone now" in text
    assert ">1 record<" in text
    assert listed(site, "open") == 1
    assert "What a notice retracts" not in text


def test_what_is_no_set_and_what_is_no_place_in_a_list_is_told_as_on_other_pages(site: pages.Site) -> None:
    for nothing in ("nothing", "", "open", "subject:nothing", "subject:", ":", "subject:%00", "a:b:c"):
        assert site.client.get(f"/oai?sets={nothing}", headers=BROWSER).status_code == 404, nothing
    assert site.client.get("/oai?sets=journal&after=x", headers=BROWSER).status_code == 400


@pytest.mark.parametrize(
    "accept",
    [None, "*/*", "text/xml", "application/xml, */*", "text/xml, text/html;q=0.9", "application/json", "text/*", ";;,"],
)
def test_a_program_without_a_verb_is_told_so_in_xml(site: pages.Site, accept: str | None) -> None:
    answer = site.client.get("/oai", headers={} if accept is None else {"Accept": accept})
    assert answer.mimetype == "text/xml"
    assert b'code="badVerb"' in answer.data
    assert "Accept" in answer.headers["Vary"].replace("Accept-Encoding", "")


@pytest.mark.parametrize("query", ["verb=Identify", "verb=", "metadataPrefix=oai_dc", "lang=tr&verb=Nothing", "x"])
def test_whoever_speaks_the_protocol_gets_xml_with_a_browser_too(site: pages.Site, query: str) -> None:
    assert site.client.get("/oai?" + query, headers=BROWSER).mimetype == "text/xml"


def test_post_is_never_answered_with_a_page(site: pages.Site) -> None:
    assert b'code="badVerb"' in site.client.post("/oai", headers=BROWSER).data


def test_the_other_pages_lead_here(site: pages.Site) -> None:
    assert 'href="/oai">OAI-PMH' in site.client.get("/", headers=BROWSER).text


def test_each_format_is_described() -> None:
    assert all(one.prefix in account.IN_WORDS for one in account.formats())

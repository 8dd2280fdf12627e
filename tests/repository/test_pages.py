"""The reading room: every page, every file, and nothing that a publisher sends runs or leads astray."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pages
import pytest
from lxml import html
from sqlalchemy import select

from repository.access.entitlement import Reader
from repository.access.rights import Rights
from repository.models import Article, Issue, Title
from repository.vocabulary import ArticleState, Author, Related, utc_now


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('pages') / 'catalogue.sqlite'}")
    yield site
    site.catalogue.close()


@pytest.fixture
def both(database_url: str) -> Iterator[pages.Site]:
    """On SQLite and on PostgreSQL."""
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def links(page: str) -> list[str]:
    return [str(link) for link in html.fromstring(page).xpath("//main//a/@href")]


# Lists


def test_from_the_journal_to_the_issue_to_the_article(both: pages.Site) -> None:
    identifier = pages.enter(both, pages.record(1))
    browser = both.client
    assert "/titles/1300-0632" in links(browser.get("/titles").text)
    issue = next(link for link in links(browser.get("/titles/1300-0632").text) if "/issues/" in link)
    assert f"/articles/{identifier}" in links(browser.get(issue).text)
    assert browser.get(f"/articles/{identifier}").status_code == 200


def test_walking_the_journals_meets_each_once_in_the_order_of_the_turkish_alphabet(
    both: pages.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.web.reading.A_PAGE", 4)
    names = [
        "Çevre",
        "Cografya",
        "Isı",
        "İklim",
        "Zaman",
        "Şiir",
        "Sanat",
        "Öykü",
        "Orman",
        "Ağaç",
        "Ğ",
        "Şiir",
        "Şiir",
    ]
    for number, name in enumerate(names):
        issn = f"20{number:02d}-0000"
        pages.enter(both, pages.record(number + 1, journal_title=name, issn_electronic=issn))
    address, met = "/titles", []
    while address:
        page = html.fromstring(both.client.get(address).text)
        met += [str(text) for text in page.xpath("//a[@class='entry-title']/text()")]
        address = next((str(link) for link in page.xpath("//a[@rel='next']/@href")), "")
    order = [
        "Ağaç",
        "Cografya",
        "Çevre",
        "Ğ",
        "Isı",
        "İklim",
        "Orman",
        "Öykü",
        "Sanat",
        "Şiir",
        "Şiir",
        "Şiir",
        "Zaman",
    ]
    assert met == order


def test_walking_an_issue_meets_every_article_once_in_the_order_of_its_pages(
    both: pages.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.web.reading.A_PAGE", 3)
    expected = [pages.enter(both, pages.record(number, first_page=str(number * 7))) for number in range(1, 12)]
    with both.catalogue.reading() as rows:
        number = rows.execute(select(Issue.id)).scalar_one()
    address, met = f"/titles/1300-0632/issues/{number}", []
    while address:
        page = html.fromstring(both.client.get(address).text)
        met += [str(link).rpartition("/")[2] for link in page.xpath("//a[@class='entry-title']/@href")]
        address = next((str(link) for link in page.xpath("//a[@rel='next']/@href")), "")
    assert met == expected


def test_a_letter_leads_to_its_place_in_the_alphabet(archive: pages.Site) -> None:
    for number, name in enumerate(["Dal", "Işık", "İz", "Kök"]):
        pages.enter(archive, pages.record(number + 1, journal_title=name, issn_electronic=f"20{number:02d}-0000"))
    page = html.fromstring(archive.client.get("/titles?letter=İ").text)
    assert page.xpath("//a[@class='entry-title']/text()") == ["İz", "Kök"]


@pytest.mark.parametrize(
    "key",
    [
        "x",
        "e30",
        "WzFd",
        "W10",
        "WyJhIiwgMV0=",
        "WyJcdTAwMDAiLDFd",
        "WyJhIiwxZTk5OV0",
        "A" * 9000,
        "[1,2]",
        "WyJcdWQ4MDAiLDFd",
    ],
)
def test_a_key_that_we_did_not_write_is_refused(both: pages.Site, key: str) -> None:
    answer = both.client.get("/titles", query_string={"after": key})
    assert answer.status_code in (200, 400)
    assert both.client.get("/titles/1300-0632", query_string={"after": key}).status_code in (400, 404)


def test_a_journal_is_found_under_any_of_its_issns(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1, issn_print="1300-011X"))
    assert archive.client.get("/titles/1300011x").location == "/titles/1300-0632"
    assert archive.client.get("/titles/13000632").status_code == 200


# The landing page


def test_an_article_of_a_thousand_authors_is_a_page(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1, authors=tuple(pages.many_authors(1036))))
    answer = archive.client.get(f"/articles/{identifier}?lang=en")
    assert answer.status_code == 200
    page = html.fromstring(answer.text)
    assert len(page.xpath("//meta[@name='citation_author']")) == 1036
    assert len(page.xpath("//ul[@class='authors']/li")) == 1036
    assert "1,024 more authors" in answer.text
    assert len(answer.headers["Link"]) < 4000


def test_the_landing_page_speaks_to_machines(archive: pages.Site) -> None:
    orcid = "https://orcid.org/0000-0002-1825-0097"
    record = pages.record(1, authors=(Author(family="Yılmaz", given="Ayşe", orcid=orcid),))
    identifier = pages.enter(archive, record)
    answer = archive.client.get(f"/articles/{identifier}")
    page = html.fromstring(answer.text)

    def tag(name: str) -> list[str]:
        return [str(value) for value in page.xpath(f"//meta[@name='{name}']/@content")]

    assert tag("citation_doi") == ["10.5555/ornek.1"]
    assert tag("citation_publication_date") == ["2021/06"]
    assert tag("citation_pdf_url") == [f"http://localhost/articles/{identifier}/files/makale.pdf"]
    described = json.loads(page.xpath("//script[@type='application/ld+json']/text()")[0])
    assert described["@type"] == "ScholarlyArticle"
    assert described["isAccessibleForFree"] is True
    assert described["author"][0]["sameAs"] == orcid
    assert page.xpath("//ul[@class='authors']//a/@href") == [orcid]
    link = answer.headers["Link"]
    assert f'<http://localhost/articles/{identifier}>; rel="cite-as"' in link
    assert '<https://doi.org/10.5555/ornek.1>; rel="related"' in link
    assert f'<{orcid}>; rel="author"' in link
    assert 'rel="license"' in link
    assert 'rel="item"; type="application/pdf"' in link


def test_what_is_not_open_is_not_indexed_and_says_why(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1, licence=None))
    answer = archive.client.get(f"/articles/{identifier}?lang=en")
    page = html.fromstring(answer.text)
    assert page.xpath("//meta[@name='robots']/@content") == ["noindex"]
    assert page.xpath("//link[@rel='canonical']/@href") == ["https://doi.org/10.5555/ornek.1"]
    assert not page.xpath("//meta[@name='citation_pdf_url']")
    assert 'rel="item"' not in answer.headers["Link"]
    assert "when the publisher no longer serves them" in answer.text
    refused = archive.client.get(f"/articles/{identifier}/files/makale.pdf")
    assert refused.status_code == 403
    assert archive.shelf.opened == []
    assert archive.staff_client().get(f"/articles/{identifier}/files/makale.pdf").status_code == 200


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", True),
        ("http://creativecommons.org/licenses/by-nc-nd/3.0/", True),
        ("https://www.creativecommons.org/publicdomain/zero/1.0/", True),
        ("HTTPS://CREATIVECOMMONS.ORG/licenses/by/4.0", True),
        ("open access", False),
        ("https://creativecommons.org/", False),
        ("https://creativecommons.org.evil.example/licenses/by/4.0/", False),
        ("see https://creativecommons.org/licenses/by/4.0/", False),
        ("https://www.elsevier.com/tdm/userlicense/1.0/", False),
        (None, False),
    ],
)
def test_only_the_address_of_an_open_licence_opens(licence: str | None, allowed: bool) -> None:
    on, somebodys = utc_now(), Rights(1, 1, (), ())
    decision = somebodys.decide(replace(pages.record(), licence=licence), Reader(), on)
    assert decision.allowed is allowed
    assert decision.reason
    assert somebodys.decide(replace(pages.record(), licence=licence), Reader(staff=True), on).allowed


def test_the_withdrawn_leave_a_tombstone_everywhere(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1))
    with archive.catalogue.writing() as rows:
        rows.get_one(Article, identifier).state = ArticleState.WITHDRAWN
    browser = archive.client
    for address in ("", ".json", "/files/makale.pdf"):
        answer = browser.get(f"/articles/{identifier}{address}")
        assert answer.status_code == 410, address
    assert "Isparta" not in browser.get(f"/articles/{identifier}").text
    assert archive.shelf.opened == []


def test_related_articles_lead_to_ours_where_they_are_held(archive: pages.Site) -> None:
    held = pages.enter(archive, pages.record(1))
    related = (Related("corrected-article", "https://doi.org/10.5555/ORNEK.1"), Related("companion", "10.5555/yok"))
    page = archive.client.get(f"/articles/{pages.enter(archive, pages.record(2, related=related))}")
    assert f"/articles/{held}" in links(page.text)
    assert "arşivde yok" in page.text


def test_the_json_is_that_of_the_contract(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1))
    known = archive.client.get(f"/articles/{identifier}.json").json
    assert known["id"] == identifier
    assert known["versions"][0]["copies"][0]["state"] == "intact"


def test_every_page_is_spoken_in_both_languages_and_remembers_the_choice(archive: pages.Site) -> None:
    browser = archive.client
    assert 'lang="tr"' in browser.get("/").text
    assert 'lang="en"' in browser.get("/", headers={"Accept-Language": "en-GB,en"}).text
    assert 'lang="tr"' in browser.get("/", headers={"Accept-Language": "de"}).text
    english = browser.get("/titles?letter=C&lang=en")
    assert 'lang="en"' in english.text
    assert 'href="/titles?letter=C&amp;lang=tr"' in english.text
    assert 'lang="en"' in browser.get("/").text
    assert 'lang="en"' in browser.get("/?lang=xx").text


# What a publisher wrote


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</title><script>1</script>",
    "</script><script>alert(1)</script>",
    "<!--",
    "-->",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}",
    "{% raw %}",
    "${7*7}",
    "<iframe src=//evil.example>",
    "<a href=javascript:alert(1)>x</a>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='1",
    "]]>",
    "<![CDATA[<script>1</script>]]>",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "<base href=//evil.example/>",
    "%(num)s",
    "%s%n",
    "<meta http-equiv=refresh content=0>",
    "\u2028alert(1)\u2029",
    "\x1b[31mred",
    "a\r\nSet-Cookie: x=1",
    "<plaintext>",
    "<style>*{}</style>",
    "=cmd|'/c calc'!A1",
    '\\"><script>',
    "<ScRiPt>1</sCrIpT>",
    '<math><mi//xlink:href="data:x,<script>1</script>">',
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_a_publisher_writes_becomes_markup(archive: pages.Site, payload: str) -> None:
    plain = pages.enter(archive, pages.record(1, title="X"), {"x.pdf": b"x"})
    record = pages.record(
        2,
        title=payload,
        translated_titles={payload: payload},
        language=payload,
        journal_title="Dergi " + payload,
        issn_electronic="1302-0943",
        authors=(Author(family=payload, given=payload, orcid=payload), Author(collab=payload)),
        abstracts={payload: payload},
        keywords=(payload,),
        volume=payload,
        issue=payload,
        first_page=payload,
        publisher=payload,
        article_type=payload,
        published={payload: "2020", "ppub": payload},
        licence="https://creativecommons.org/licenses/by/4.0/" + payload,
        related=(Related(payload, payload, payload),),
        doi="10.5555/" + payload.replace(" ", ""),
    )
    identifier = pages.enter(archive, record, {f"{payload}.pdf": b"x"})
    browser = archive.staff_client()
    with archive.catalogue.reading() as rows:
        issue = rows.get_one(Article, identifier).issue_id
    addresses = [
        f"/articles/{identifier}",
        "/titles/1302-0943",
        f"/titles/1302-0943/issues/{issue}",
        "/titles",
        "/",
        "/search?q=" + quote(payload),
        f"/staff/copies/{identifier}/1/main",
        "/staff/copies",
        "/doi/10.1/" + quote(payload),
        "/openurl?rft.jtitle=" + quote(payload) + "&rft.volume=" + quote(payload),
        "/staff/copies?format=csv",
    ]
    known = {"script": 0}
    usual = html.fromstring(browser.get(f"/articles/{plain}").text)
    known["script"] = len(usual.xpath("//script"))
    for address in addresses:
        answer = browser.get(address, follow_redirects=True)
        assert answer.status_code in (200, 404), (address, answer.status_code)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie: x=1" not in str(answer.headers)
        if answer.mimetype != "text/html":
            continue
        page = html.fromstring(answer.text)
        assert len(page.xpath("//script")) <= known["script"], address
        assert not page.xpath("//iframe | //base | //img | //style | //plaintext | //meta[@http-equiv]"), address
        assert not page.xpath("//@*[starts-with(name(), 'on')]"), address
        assert not page.xpath("//@href[starts-with(., 'javascript:')]"), address
        for script in page.xpath("//script/text()"):
            json.loads(script)


def test_figures_of_the_home_page_are_those_of_the_tallies(archive: pages.Site) -> None:
    for number in range(1, 4):
        pages.enter(archive, pages.record(number))
    pages.enter(archive, pages.record(9), verified={"main": pages.NOW, "second": None})
    page = html.fromstring(archive.client.get("/?lang=en").text)
    values = [str(text) for text in page.xpath("//*[@class='value']/text()")]
    assert values[0] == "4"
    assert values[1] == "1"
    assert values[3] == "7"
    with archive.catalogue.reading() as rows:
        assert rows.execute(select(Title.articles)).scalar_one() == 4


@pytest.mark.parametrize(
    "query",
    [
        "endpoint=x&filename=y&self=1",
        "_external=1&_scheme=x&_anchor=y",
        "lang=en&lang=tr",
        "issn=1&identifier=2",
        "%00=%00",
    ],
)
def test_arguments_that_nobody_asked_for_change_nothing(archive: pages.Site, query: str) -> None:
    pages.enter(archive, pages.record(1))
    for address in ("/", "/titles", "/titles/1300-0632", "/search", "/nirgends"):
        answer = archive.client.get(f"{address}?{query}")
        assert answer.status_code in (200, 404)
        assert not [link for link in html.fromstring(answer.text).xpath("//header//@href") if not link.startswith("/")]

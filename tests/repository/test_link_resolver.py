"""Links from elsewhere, as real resolvers write them, lead to the nearest that is held, or to why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pages
import pytest
from lxml import html
from sqlalchemy import select

from repository.models import Issue, Title
from repository.web import openurl

JOURNAL = "Örnek Tarım Bilimleri Dergisi"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    """Volume 12 (3) of 2021 with two articles, 12 (4) of 2021 and 13 (1) of 2022 with one each."""
    if request.param == "sqlite":
        made = pages.site(f"sqlite:///{tmp_path_factory.mktemp('openurl') / 'c.sqlite'}")
        yield from filled(made)
    else:
        server = request.getfixturevalue("postgresql_server")
        with server.fresh_database(migrated=True) as url:
            yield from filled(pages.site(url))


def filled(made: pages.Site) -> Iterator[pages.Site]:
    pages.enter(made, pages.record(1, issn_print="1300-011X", other_ids={"pmid": "31415926"}))
    pages.enter(made, pages.record(2))
    pages.enter(made, pages.record(3, issue="4", first_page="10", published={"ppub": "2021-09"}))
    pages.enter(made, pages.record(4, volume="13", issue="1", first_page="e7", published={"ppub": "2022-01"}))
    yield made
    made.catalogue.close()


def where(site: pages.Site, place: str) -> str:
    """The address of ``article N``, ``issue V(I)`` or ``title``."""
    kind, _, which = place.partition(" ")
    if kind == "article":
        return str(site.client.get(f"/doi/10.5555/ornek.{which}").location)
    if kind == "issue":
        with site.catalogue.reading() as rows:
            issues = rows.scalars(select(Issue)).all()
        return f"/titles/1300-0632/issues/{next(one.id for one in issues if f'{one.volume}({one.issue})' == which)}"
    return "/titles/1300-0632"


ALMA = (
    "ctx_enc=info:ofi/enc:UTF-8&ctx_id=10_1&ctx_tim=2026-11-27T10%3A00%3A00IST&ctx_ver=Z39.88-2004&url_ctx_fmt="
    "info:ofi/fmt:kev:mtx:ctx&url_ver=Z39.88-2004&rfr_id=info:sid/primo.exlibrisgroup.com-crossref&req_id=&"
    "rft_val_fmt=info:ofi/fmt:kev:mtx:journal&rft.genre=article&rft.aulast=Y%C4%B1lmaz&rft.auinit=A&rft.date=2021-06-15&"
)
SFX = "sid=EBSCO:a9h&genre=article&pid=%3Cauthors%3EY%C4%B1lmaz%3C%2Fauthors%3E&"


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        # by DOI, in every dress
        ("rft_id=info:doi/10.5555/ORNEK.1&url_ver=Z39.88-2004", "article 1"),
        ("rft_id=info%3Adoi%2F10.5555%2Fornek.1", "article 1"),
        ("rft_id=info%253Adoi%252F10.5555%252Fornek.1", "article 1"),
        ("id=doi:10.5555/ornek.1", "article 1"),
        ("id=doi%3A10.5555%252Fornek.1", "article 1"),
        ("id=DOI%3A%2010.5555/ornek.1", "article 1"),
        ("doi=https%3A%2F%2Fdoi.org%2F10.5555%2Fornek.1", "article 1"),
        ("rft.doi=10.5555/ornek.1.", "article 1"),
        ("rft_id=http%3A%2F%2Fdx.doi.org%2F10.5555%2Fornek.1&rft_id=info:oclcnum/123", "article 1"),
        ("rft_id=info:oclcnum/123&rft_id=info:doi/10.5555/ornek.1", "article 1"),
        ("RFT_ID=info:doi/10.5555/ornek.1", "article 1"),
        ("id=pmid:31415926", "article 1"),
        ("rft_id=info:pmid/31415926", "article 1"),
        # a DOI that is not held, and where it would stand
        ("rft_id=info:doi/10.5555/yok&rft.issn=1300-0632&rft.volume=12&rft.issue=3&rft.spage=20", "article 2"),
        # by ISSN and place
        ("issn=1300-0632&volume=12&issue=3&spage=10", "article 1"),
        ("rft.issn=13000632&rft.volume=012&rft.issue=3&rft.spage=010", "article 1"),
        ("rft.issn=1300-011x&rft.volume=12&rft.issue=3&rft.spage=10", "article 1"),
        ("rft.issn=ISSN%201300-0632&rft.volume=12&rft.issue=3&rft.spage=10", "article 1"),
        ("rft.issn=1300%E2%80%930632&rft.volume=12&rft.issue=3&rft.spage=10", "article 1"),
        ("rft_id=urn:ISSN:1300-0632&rft.volume=12&rft.issue=3&rft.spage=10", "article 1"),
        ("rft.issn=9999-9994&rft.eissn=1300-0632&rft.volume=12&rft.issue=3&rft.spage=10", "article 1"),
        (ALMA + "rft.eissn=1300-0632&rft.volume=Vol.+12&rft.issue=No.+3&rft.spage=10&rft.epage=19", "article 1"),
        (SFX + "issn=13000632&date=20210601&volume=12&issue=3&spage=10&pages=10-19&title=x", "article 1"),
        ("issn=1300-0632&volume=Cilt%3A+12&issue=Say%C4%B1+3&pages=pp.+10-19", "article 1"),
        ("issn=1300-0632&volume=v12&issue=iss3&spage=p10", "article 1"),
        ("issn=1300-0632&volume=12(3)&spage=10", "article 1"),
        ("issn=1300-0632&volume=12&issue=4&spage=10", "article 3"),
        ("issn=1300-0632&volume=13&issue=1&rft.artnum=e7", "article 4"),
        ("issn=1300-0632&date=2020&volume=12&issue=3&spage=10", "article 1"),
        ("rft.eissn=1300-0632&rft.date=2022-01-03&rft.spage=e7", "article 4"),
        ("rft.eissn=1300-0632&rft.date=2021-06&rft.spage=20", "article 2"),
        # by title, where there is no page
        (
            "issn=1300-0632&volume=12&issue=3&atitle="
            + quote("ISPARTA Gül Bahçelerinde toprak nemi 2."), "article 2",
        ),
        ("issn=1300-0632&date=2021&atitle=" + quote("Isparta gül bahçelerinde toprak nemi 3"), "article 3"),
        # the issue, the journal
        ("rft.issn=1300-0632&rft.volume=12&rft.issue=3", "issue 12(3)"),
        ("rft.issn=1300-0632&rft.date=2022", "issue 13(1)"),
        ("rft.issn=1300-0632&rft.volume=13", "issue 13(1)"),
        ("rft.issn=1300-0632", "title"),
        ("rft.issn=1300-0632&rft.date=2021", "title"),
        ("genre=journal&issn=1300-0632", "title"),
        ("rft.jtitle=ORNEK+tarım+bilimleri+DERGİSİ", "title"),
        ("rft.jtitle=" + quote("Örnek Tarım Bilimleri Dergisi (Online)"), "title"),
        ("title=" + quote("tarım bilimleri dergisi") + "&issn=", "title"),
    ],
)  # fmt: skip
def test_a_link_resolver_is_led_to_what_it_means(site: pages.Site, asked: str, met: str) -> None:
    for address in ("/openurl", "/ServeContent"):
        assert site.client.get(f"{address}?{asked}").location == where(site, met)


@pytest.mark.parametrize(
    ("asked", "met", "sought"),
    [
        ("rft.issn=1300-0632&rft.volume=12&rft.issue=3&rft.spage=777", "issue 12(3)", "777"),
        ("rft.issn=1300-0632&rft.volume=12&rft.issue=3&rft.atitle=Yok", "issue 12(3)", "Yok"),
        ("rft_id=info:doi/10.5555/yok&rft.issn=1300-0632&rft.volume=13&rft.issue=1", "issue 13(1)", "10.5555/yok"),
        ("rft.issn=1300-0632&rft.date=2021&rft.spage=10", "title", "10"),
    ],
)
def test_who_sought_an_article_and_is_led_to_a_list_is_told_so(
    site: pages.Site, asked: str, met: str, sought: str
) -> None:
    answer = site.client.get(f"/openurl?{asked}")
    assert answer.location == f"{where(site, met)}?sought={quote(sought)}"
    page = site.client.get(str(answer.location) + "&lang=en")
    assert f"What you followed ({sought})" in page.text


@pytest.mark.parametrize(
    "asked",
    [
        "rft.issn=1300-0632&rft.volume=99&rft.issue=1",
        "rft.issn=1300-0632&rft.date=1999&rft.spage=3",
        "rft_id=info:doi/10.5555/yok&rft.issn=1300-0632",
        "rft.issn=1300-0632&rft.volume=12&rft.issue=9",
    ],
)
def test_of_a_journal_that_is_kept_it_is_said_what_is_held_and_what_is_not(site: pages.Site, asked: str) -> None:
    answer = site.client.get(f"/openurl?{asked}&lang=en")
    assert answer.status_code == 404
    text = html.fromstring(answer.text).text_content()
    assert "The journal is kept here, and this part of it has not been delivered." in text
    assert "2021–2022" in text
    assert "Vol. 12–13" in text
    assert "/titles/1300-0632" in answer.text


@pytest.mark.parametrize(
    "asked",
    [
        "rft.issn=9999-9994",
        "",
        "rft_id=%00&issn=%00&volume=%ff&spage=" + "9" * 400,
        "rft.issn=1300-0633",
        "rft_id=info:doi/10.9/&id=&issn=&title=%25",
        "rft.jtitle=" + "x" * 5000,
        "rft.date=99999999&issn=&rft.volume=" + "9" * 300,
        "pmid=999999999999",
        "rft_id=%25%25%25&rft_id=%2525252525",
    ],
)
def test_what_is_not_held_is_answered_with_help_and_never_bare(site: pages.Site, asked: str) -> None:
    for address in ("/openurl", "/ServeContent"):
        answer = site.client.get(f"{address}?{asked}&lang=en")
        assert answer.status_code == 404
        assert "This is not held here" in answer.text
        assert 'role="search"' in answer.text


def test_a_doi_that_is_not_held_is_answered_with_help(site: pages.Site) -> None:
    answer = site.client.get("/doi/10.1234/yok(1)<2>?lang=en")
    assert answer.status_code == 404
    assert "https://doi.org/10.1234/yok(1)%3C2%3E" in answer.text
    assert site.client.get("/doi/%00").status_code == 404
    for way in ("https://doi.org/10.5555/Ornek.1", "10.5555%252Fornek.1", "doi:10.5555/ornek.1", "10.5555/ornek.1."):
        assert site.client.get(f"/doi/{way}").location == where(site, "article 1"), way


def test_an_issn_in_any_form_leads_to_its_journal(site: pages.Site) -> None:
    for text in ("1300-0632", "13000632", "1300-011x", "1300011X", "ISSN%201300-0632", "1300%200632"):
        assert site.client.get(f"/issn/{text}").location == "/titles/1300-0632", text
    wrong = site.client.get("/issn/1300-0633?lang=en")
    assert wrong.status_code == 404
    assert "is no ISSN: its check digit is wrong" in wrong.text
    assert "check digit" not in site.client.get("/issn/9999-9994?lang=en").text
    for text in ("x", "%00", "1300", "a/b/c", "%25"):
        assert site.client.get(f"/issn/{text}").status_code == 404, text


def test_what_was_published_under_a_former_title_is_found_under_the_new_one(site: pages.Site) -> None:
    former = pages.record(
        50, journal_title="Örnek Ziraat Mecmuası", issn_electronic="1302-0943", volume="3", published={"ppub": "1999"}
    )
    article = pages.enter(site, former)
    with site.catalogue.writing() as rows:
        old = rows.scalars(select(Title).where(Title.issn_electronic == "1302-0943")).one()
        new = rows.scalars(select(Title).where(Title.issn_electronic == "1300-0632")).one()
        new.preceding_id = old.id
    asked = "volume=3&issue=3&spage=500"
    assert site.client.get(f"/openurl?issn=1300-0632&{asked}").location == f"/articles/{article}"
    assert str(site.client.get("/openurl?issn=1302-0943&volume=13&issue=1").location) == where(site, "issue 13(1)")
    missing = site.client.get("/openurl?issn=1300-0632&volume=77")
    assert "Örnek Ziraat Mecmuası" in missing.text
    assert "1999" in missing.text


def test_a_reader_of_a_library_is_sent_to_it_with_what_is_not_held(site: pages.Site) -> None:
    pages.institution(
        site,
        "bilge",
        networks=("192.0.2.0/24",),
        contact="kutuphane@bilge.example.edu.tr",
        supply="https://tubess.example",
    )
    answer = site.client.get("/openurl?issn=9999-9994", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert "mailto:kutuphane@bilge.example.edu.tr" in answer.text
    assert "https://tubess.example" in answer.text


@pytest.mark.parametrize(
    ("given", "volume", "issue", "page", "year"),
    [
        (
            {"volume": ["Vol. 12"], "issue": ["No. 3"], "spage": ["pp. 10-19"], "date": ["2015-03-01"]},
            "12",
            "3",
            "10",
            "2015",
        ),
        ({"volume": ["12 (Suppl 1)"], "date": ["March 2015"]}, "12", "Suppl 1", "", "2015"),
        ({"volume": ["Volume XII"], "issue": ["3-4"], "date": ["20150301"]}, "Volume XII", "3-4", "", "2015"),
        ({"volume": ["s3-12"], "spage": ["S10–S19"], "date": ["01/03/2015"]}, "s3-12", "", "S10", "2015"),
        ({"volume": [""], "spage": [" "], "date": ["1"]}, "", "", "", ""),
        ({"rft.volume": ["", "7"], "rft.date": ["c2015"]}, "7", "", "", "2015"),
    ],
)
def test_what_resolvers_put_around_numbers_is_taken_away(
    given: dict[str, list[str]], volume: str, issue: str, page: str, year: str
) -> None:
    found = openurl.read(given)
    assert (found.volume, found.issue, found.page, found.year) == (volume, issue, page, year)

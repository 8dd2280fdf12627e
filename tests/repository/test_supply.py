"""Links for document supply: made where the licence permits it, used as often as was said, kept as a digest alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pages
import pytest
from lxml import html
from sqlalchemy import select, update

from repository.access import supply
from repository.access.supply import Terms
from repository.catalogue import Catalogue
from repository.errors import NotNow
from repository.models import Article, Entitlement, Licence, SupplyLink
from repository.vocabulary import ArticleState, Related

TERMS = Terms(2, 24)


@pytest.fixture
def site(database_url: str) -> Iterator[pages.Site]:
    made = pages.site(database_url)
    yield made
    made.catalogue.close()


@pytest.fixture
def article(site: pages.Site) -> str:
    """One article that a library reads by a licence that permits supply; another library does not."""
    number = pages.institution(site, "bilge", name="Bilge Üniversitesi")
    pages.institution(site, "baska")
    found = pages.enter(site, pages.record(1, licence=None, published={"ppub": "2015-06"}), {"a b.pdf": b"%PDF-1.7 x"})
    pages.right(site, "bilge-2009", found, number, supply=True)
    return found


def make(site: pages.Site, article: str, institution: int = 1, terms: Terms = TERMS) -> str:
    with site.catalogue.writing() as rows:
        return supply.make(rows, rows.get_one(Article, article), institution, terms, by="kutup", at=pages.NOW)


def left(catalogue: Catalogue) -> int:
    with catalogue.reading() as rows:
        return rows.execute(select(SupplyLink.left)).scalar_one()


def test_a_librarian_makes_a_link_and_a_reader_elsewhere_opens_the_article_with_it(
    site: pages.Site, article: str
) -> None:
    librarian = site.staff_client("kutup", "librarian", institution="bilge")
    assert f"/staff/access/supply/{article}" in librarian.get(f"/articles/{article}").text
    address = f"/staff/access/supply/{article}"
    page = pages.post(librarian, address, institution="bilge", uses="1", hours="24")
    link = html.fromstring(page.text).xpath("string(//code)").removeprefix(pages.BASE_URL)
    with site.catalogue.reading() as rows:
        kept = rows.scalars(select(SupplyLink)).one()
    assert link.rpartition("/")[2] not in f"{kept.id} {kept.by}"
    reader, other = site.client, site.client
    shown = reader.get(f"{link}?lang=en")
    assert "Sent to you by Bilge Üniversitesi" in shown.text
    assert left(site.catalogue) == 1, "looking at it uses nothing up"
    opened = pages.post(reader, link)
    assert opened.status_code == 303
    assert reader.get(str(opened.location)).data == b"%PDF-1.7 x"
    assert reader.get(str(opened.location), headers={"Range": "bytes=0-3"}).data == b"%PDF"
    said = reader.get(f"/articles/{article}/access.json").json
    assert (said["allowed"], said["reason_code"]) == (True, "document_supply")
    assert other.get(str(opened.location)).status_code == 403, "it opened in one browser"
    assert other.get(link).status_code == 410
    assert pages.enter(site, pages.record(2, licence=None, published={"ppub": "2015-07"}))
    second = site.client.get("/doi/10.5555/ornek.2").location
    assert not reader.get(f"{second}/access.json").json["allowed"], "and it opened one article"


def test_it_opens_for_a_quarter_of_an_hour(site: pages.Site, article: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = site.client
    opened = pages.post(reader, f"/supply/{make(site, article)}")
    later = datetime.now(UTC) + timedelta(minutes=15)
    monkeypatch.setattr(site.app.extensions["mahfuz supply"], "_clock", lambda: later)
    assert reader.get(str(opened.location)).status_code == 403


def test_of_two_who_come_at_once_for_the_last_use_one_has_it(site: pages.Site, article: str) -> None:
    for _ in range(5):
        secret = make(site, article, terms=Terms(1, 1))

        def use(_number: int, secret: str = secret) -> bool:
            with site.catalogue.writing() as rows:
                return supply.use(rows, secret, pages.NOW)

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(use, range(4))) == [False, False, False, True]


@pytest.mark.parametrize("change", ["permits", "silent", "disputed", "withdrawn", "other", "open", "not yet"])
def test_where_supply_is_not_permitted_there_is_no_link_and_one_that_was_made_opens_no_more(
    site: pages.Site, article: str, change: str
) -> None:
    secret, institution, at = make(site, article), 1, pages.NOW
    with site.catalogue.writing() as rows:
        found = rows.get_one(Article, article)
        if change in ("permits", "silent"):
            rows.execute(update(Licence).values(supply=False if change == "permits" else None))
        elif change == "disputed":
            rows.execute(update(Entitlement).values(state="disputed"))
        elif change == "withdrawn":
            found.state = ArticleState.WITHDRAWN
        elif change == "open":
            found.record = found.record | {"licence": pages.CC_BY}
    if change == "other":
        institution = 2
    elif change == "not yet":
        at -= timedelta(days=365 * 20)
    with pytest.raises(NotNow), site.catalogue.writing() as rows:
        supply.make(rows, rows.get_one(Article, article), institution, TERMS, by="x", at=at)
    with site.catalogue.reading() as rows:
        still = supply.link_of(rows, secret, pages.NOW)
    assert (still is not None) is (change in ("other", "not yet"))


@pytest.mark.parametrize("terms", [Terms(0, 1), Terms(21, 1), Terms(1, 0), Terms(1, 721)])
def test_a_link_that_would_last_too_long_is_not_made(site: pages.Site, article: str, terms: Terms) -> None:
    with pytest.raises(NotNow, match="serves 1 to 20 times"):
        make(site, article, terms=terms)


def test_what_is_no_link_or_has_ended_says_so(site: pages.Site, article: str) -> None:
    secret = make(site, article)
    for wrong in ("x", secret[:-1], secret + "x", "x" * 32, "ş" * 32):
        assert site.client.get(f"/supply/{wrong}").status_code == 410, wrong
    with site.catalogue.writing() as rows:
        assert not supply.use(rows, secret, pages.NOW + timedelta(hours=24))
        assert supply.link_of(rows, secret, pages.NOW + timedelta(hours=24)) is None
    assert left(site.catalogue) == 2


def test_a_librarian_supplies_for_the_own_institution_alone(site: pages.Site, article: str) -> None:
    librarian = site.staff_client("kutup", "librarian", institution="baska")
    address = f"/staff/access/supply/{article}?lang=en"
    assert pages.post(librarian, address, institution="bilge", uses="1", hours="1").status_code == 400
    refused = pages.post(librarian, address, institution="baska", uses="1", hours="1")
    assert refused.status_code == 422
    assert "may not read the article here itself" in refused.text
    staff = site.staff_client()
    assert pages.post(staff, address, institution="bilge", uses="1", hours="1").status_code == 200
    for uses, hours in (("x", "1"), ("1", "²"), ("", ""), ("99", "1")):
        answer = pages.post(staff, address, institution="bilge", uses=uses, hours=hours)
        assert answer.status_code in (400, 422)


def test_a_retraction_is_shown_to_whom_the_article_is_supplied(site: pages.Site, article: str) -> None:
    said = (Related("retracted-article", "10.5555/ornek.1"),)
    pages.enter(site, pages.record(3, title="Geri çekme bildirimi", related=said))
    assert "Geri çekme bildirimi" in site.client.get(f"/supply/{make(site, article)}").text
    refused = site.client.get(f"/articles/{article}/files/a%20b.pdf")
    assert refused.status_code == 403
    assert "Geri çekme bildirimi" in refused.text

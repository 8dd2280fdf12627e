"""Why an article opens or not is told alike to readers, librarians, machines and at the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pages
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from config.commands import mahfuz
from repository.access import told
from repository.access.entitlement import Claim, Clause, is_earned
from repository.coverage import Coverage, Days, Embargo, Place
from repository.models import Trigger
from repository.rights import ClaimState, Hosting, LicenceStatus, LicenceType, Perpetual


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    """A library with a right to 2009–2018 that it has earned, to a journal of which 2015 and 2020 are kept."""
    made = pages.site(f"sqlite:///{tmp_path_factory.mktemp('explain') / 'mahfuz.sqlite'}")
    number = pages.institution(made, "bilge", name="Bilge Üniversitesi", networks=("192.0.2.0/24",))
    pages.institution(made, "baska", name="Başka Üniversitesi", networks=("198.51.100.0/24",))
    for year, place in ((2015, 1), (2020, 2)):
        closed = pages.record(place, licence=None, published={"ppub": f"{year}-06"}, volume=str(year - 2000))
        article = pages.enter(made, closed, verified={"main": pages.NOW, "second": pages.NOW})
    pages.right(made, "bilge-2009", article, number)
    yield made
    made.catalogue.close()


def of(address: str, site: pages.Site) -> dict[str, str]:
    return {"REMOTE_ADDR": address}


def article_of(site: pages.Site, number: int) -> str:
    location = site.client.get(f"/doi/10.5555/ornek.{number}").location
    return str(location).rpartition("/")[2]


def test_the_reader_of_a_library_is_told_by_whom_access_is_given_and_on_what_ground(site: pages.Site) -> None:
    answer = site.client.get(
        f"/articles/{article_of(site, 1)}/access.json", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}
    )
    said = answer.json
    assert said["allowed"]
    assert said["reason_code"] == "post_cancellation"
    assert said["reader"] == {"institution": {"code": "bilge", "name": "Bilge Üniversitesi"}, "how": "address"}
    assert said["provided_by"]["en"] == "Access provided by Bilge Üniversitesi: perpetual right 2009–2018"
    assert said["provided_by"]["tr"] != said["provided_by"]["en"]
    assert said["evidence"]["claim"]["licence"] == "bilge-2009"
    assert said["evidence"]["claim"]["earned"] == "2009–2018"
    assert "considered" not in said
    assert answer.headers["Cache-Control"] == "private, no-cache"


def test_who_is_of_no_library_is_told_so_and_nothing_of_anybodys_licences(site: pages.Site) -> None:
    for address in ("203.0.113.1", "198.51.100.1"):
        said = site.client.get(
            f"/articles/{article_of(site, 1)}/access.json", environ_overrides={"REMOTE_ADDR": address}
        ).json
        assert not said["allowed"]
        assert said["evidence"] == {"claim": None, "trigger": None}
        assert "bilge" not in json.dumps(said)


def test_staff_test_as_any_reader_and_see_what_was_weighed(site: pages.Site) -> None:
    browser = site.staff_client("test-eden")
    page = browser.get("/staff/access/explain?lang=en&institution=bilge&article=10.5555/ornek.1")
    text = html.fromstring(page.text).text_content()
    assert "Access provided by Bilge Üniversitesi: perpetual right 2009–2018" in text
    assert "bilge-2009" in text
    refused = browser.get("/staff/access/explain?institution=bilge&article=10.5555/ornek.2")
    assert "not to what was published then" in refused.text
    assert "not to what was published then" not in page.text
    before = browser.get("/staff/access/explain?institution=bilge&article=10.5555/ornek.1&day=2008-12-31")
    assert "box closed" in before.text
    by_address = browser.get("/staff/access/explain?address=192.0.2.1&article=10.5555/ornek.1")
    assert "perpetual right 2009–2018" in by_address.text
    assert "No article has" in browser.get("/staff/access/explain?article=10.1/yok").text
    assert browser.get("/staff/access/explain?article=x&day=yarın").status_code == 400


def test_a_librarian_tests_for_the_own_institution_alone(site: pages.Site) -> None:
    browser = site.staff_client("kutup", "librarian", institution="bilge")
    page = browser.get("/staff/access/explain?lang=en&institution=baska&article=10.5555/ornek.1")
    assert "perpetual right 2009–2018" in page.text
    assert "Başka" not in page.text
    elsewhere = browser.get("/staff/access/explain?lang=en&address=198.51.100.7&article=10.5555/ornek.1")
    assert "lies in no range of the institution" in elsewhere.text
    assert "Başka" not in elsewhere.text
    assert browser.get("/staff/").status_code == 403


def test_the_command_says_yes_or_no_with_everything_that_was_weighed(
    site: pages.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = site.catalogue.engine.url.database
    assert home is not None
    monkeypatch.setenv("MAHFUZ_ARCHIVE__HOME", home.rpartition("/")[0])
    run = CliRunner()

    def asked(*arguments: str) -> tuple[int, str]:
        answer = run.invoke(mahfuz, ["access", "explain", *arguments], standalone_mode=False)
        return (answer.return_value if isinstance(answer.return_value, int) else answer.exit_code), answer.stdout

    status, text = asked("--institution", "bilge", "--article", "10.5555/ornek.1", "--json")
    said = json.loads(text)
    assert status == 0
    assert said["allowed"]
    assert said["considered"][0]["claim"]["licence"] == "bilge-2009"
    assert said["considered"][0]["reason"]["tr"]
    status, text = asked("--institution", "bilge", "--article", "10.5555/ornek.2", "--json")
    assert status == 1
    assert json.loads(text)["reason_code"] == "not_covered"
    status, text = asked("--institution", "bilge", "--article", "10.5555/ornek.1", "--on", "2008-01-01", "--json")
    assert status == 1
    status, text = asked("--address", "192.0.2.9", "--article", "10.5555/ornek.1")
    assert status == 0
    status, text = asked("--article", "10.5555/ornek.1", "--json")
    assert status == 1
    assert json.loads(text)["reason_code"] == "preserved_only"


def test_a_trigger_that_opened_is_named(site: pages.Site) -> None:
    article = article_of(site, 2)
    with site.catalogue.writing() as rows:
        trigger = Trigger(
            code="deprem-2026", kind="national_emergency", audience="institutions", nation=True, reason="x",
            effective=datetime.now(UTC) - timedelta(days=1), preview={}, proposed_by="a", proposed_at=pages.NOW,
            approved_by="b", approved_at=pages.NOW,
        )  # fmt: skip
        rows.add(trigger)
    said = site.client.get(f"/articles/{article}/access.json", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).json
    with site.catalogue.writing() as rows:
        rows.delete(rows.get_one(Trigger, 1))
    assert said["reason_code"] == "crisis_grant"
    assert said["evidence"]["trigger"]["code"] == "deprem-2026"
    assert said["provided_by"]["en"].startswith("Access provided by Bilge Üniversitesi")


years = st.integers(2000, 2012)
runs = st.lists(st.tuples(years, st.integers(0, 3)), max_size=3)


@settings(max_examples=300, deadline=None)
@given(
    gives=st.sampled_from(list(Perpetual)),
    paid=runs,
    back=st.integers(0, 3),
    named=st.tuples(years, st.integers(0, 4)),
    covers=st.tuples(st.none() | years, st.none() | years),
    on=years,
)
def test_the_years_that_are_told_are_those_that_were_earned(
    gives: Perpetual,
    paid: list[tuple[int, int]],
    back: int,
    named: tuple[int, int],
    covers: tuple[int | None, int | None],
    on: int,
) -> None:
    first, last = (str(year) if year else None for year in covers)
    clause = Clause(gives, Days(date(named[0], 1, 1), date(named[0] + named[1], 12, 31)), back)
    claim = Claim(
        1, "x", "X", LicenceType.LOCAL, LicenceStatus.ACTIVE, None, Hosting.ALWAYS, clause,
        Coverage(first_date=first, last_date=last), Embargo(), ClaimState.AGREED,
        tuple(Days(date(year, 1, 1), date(year + more, 12, 31)) for year, more in paid),
    )  # fmt: skip
    day = date(on, 12, 31)
    said = {year for begin, end in told.earned_years(claim, day) for year in range(max(begin, 1990), (end or 2030) + 1)}
    true = {
        year
        for year in range(1990, 2031)
        if claim.coverage.has(Place(str(year), None, None)) and is_earned(claim, str(year), day)
    }
    assert said == true


def test_what_everyone_may_read_for_now_is_told_to_machines_as_free_and_to_whom_it_is_not_as_closed(
    site: pages.Site,
) -> None:
    free = pages.record(
        7, licence=None, journal_title="Açılan Dergi", issn_electronic="1302-0943", published={"ppub": "2016-06"}
    )
    article = pages.enter(site, free)
    pages.enter(site, pages.record(8, licence=None, journal_title="Açılan Dergi", issn_electronic="1302-0943"))
    late = pages.enter(site, replace(free, doi="10.5555/ornek.9", published={"ppub": f"{pages.NOW:%Y}"}))
    pages.right(site, "acik", article, None, type="open", hosting="always", embargo="P2Y", paid=(("2000-01-01", None),))
    for address in ("203.0.113.1", "192.0.2.7"):
        answer = site.client.get(f"/articles/{article}", environ_overrides={"REMOTE_ADDR": address})
        page = html.fromstring(answer.text)
        described = json.loads(page.xpath("//script[@type='application/ld+json']/text()")[0])
        assert described["isAccessibleForFree"] is True
        assert page.xpath("//meta[@name='citation_pdf_url']")
        assert not page.xpath("//meta[@name='robots']")
        assert 'rel="item"' in answer.headers["Link"]
        assert f'/articles/{article}>; rel="cite-as"' in answer.headers["Link"]
        assert '<https://doi.org/10.5555/ornek.7>; rel="related"' in answer.headers["Link"]
    closed = site.client.get(f"/articles/{late}")
    described = json.loads(html.fromstring(closed.text).xpath("//script[@type='application/ld+json']/text()")[0])
    assert described["isAccessibleForFree"] is False
    by_right = site.client.get(f"/articles/{article_of(site, 1)}", environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    described = json.loads(html.fromstring(by_right.text).xpath("//script[@type='application/ld+json']/text()")[0])
    assert described["isAccessibleForFree"] is False, "open to this reader, and to no crawler"
    assert (
        "Access provided by Bilge"
        in site.client.get(
            f"/articles/{article_of(site, 1)}?lang=en", environ_overrides={"REMOTE_ADDR": "192.0.2.7"}
        ).text
    )

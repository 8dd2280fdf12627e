"""Holdings lists: KBART, Keepers and MARCXML of one small archive tell exactly what is held, entitled and preserved."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pages
import pytest
from lxml import etree
from sqlalchemy import select, update

from repository.access import held, kbart, keepers, lists
from repository.access.held import HeldIssue
from repository.models import (
    Aip,
    ChangeHead,
    Copy,
    Entitlement,
    Institution,
    Issue,
    Licence,
    LicenceParty,
    LicencePeriod,
    Requestor,
    Staff,
    Title,
)
from repository.vocabulary import CopyState

MARC = {"m": "http://www.loc.gov/MARC21/slim"}
ROOTS = (
    Path(__file__).parents[2] / "../shared/schemas",
    *filter(None, os.environ.get("MAHFUZ_TEST_SCHEMAS", "").split(":")),
)
KEY = "anahtar-bir"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def _enter(site: pages.Site, number: int, **changes: Any) -> str:
    return pages.enter(
        site, pages.record(number, licence=None, **changes), publisher=changes.get("publisher", "Örnek Yayınevi")
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    """Three journals: one with gaps, one that continues it, one that is open; a library that paid from 2009 to 2012."""
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('lists') / 'catalogue.sqlite'}")
    for number, year in enumerate((2009, 2010, 2012, 2013, 2014, 2016), start=1):
        for issue in ("1", "2"):
            _enter(site, 10 * number + int(issue), published={"ppub": str(year)}, volume=str(year - 2000), issue=issue)
    renamed = {"issn_electronic": "1300-0705", "issn_print": "1300-0713", "journal_title": 'Çevre\tve "Toprak"'}
    _enter(site, 100, **renamed, volume="Cilt 1", issue=None, published={"ppub": "2017-03-01"})
    _enter(site, 101, **renamed, volume="1", issue=None, published={})
    freely = {"issn_electronic": "1300-0721", "journal_title": "Açık Dergi", "publisher": "Zeytin Yayınları"}
    pages.enter(site, pages.record(200, **freely), publisher="Zeytin Yayınları")
    with site.catalogue.writing() as rows:
        titles = {title.name: title for title in rows.execute(select(Title)).scalars()}
        old = titles["Örnek Tarım Bilimleri Dergisi"]
        titles['Çevre\tve "Toprak"'].preceding_id = old.id
        made = [
            Institution(code=code, name=code, sort_key=code, folded=code, active=True, created_at=NOW)
            for code in ("ornek", "baska")
        ]
        licence = Licence(
            code="EKUAL-1", name="EKUAL", folded="ekual", publisher_id=old.publisher_id, type="local", basis="signed",
            status="closed", closure="cancelled", perpetual="paid_years", back_years=0, hosting="on_trigger",
            created_at=NOW,
        )  # fmt: skip
        rows.add_all([*made, licence])
        rows.flush()
        rows.add_all(
            [
                LicencePeriod(licence_id=licence.id, since=date(2009, 1, 1), until=date(2012, 12, 31)),
                LicenceParty(licence_id=licence.id, institution_id=made[0].id),
                Entitlement(
                    licence_id=licence.id, title_id=old.id, name=old.name, state="agreed", by="x", at=NOW,
                    first_date="2010", first_volume="10", first_issue="2",
                ),
                Requestor(
                    institution_id=made[0].id, name="link-cozucu", key_sha256=hashlib.sha256(KEY.encode()).hexdigest(),
                    created_at=NOW, created_by="x",
                ),
            ]
        )  # fmt: skip
    yield site
    site.catalogue.close()


def table(text: str) -> list[dict[str, str]]:
    """The rows of a KBART file, read as knowledge bases do: tabs, and no quotes."""
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def spans(rows: list[dict[str, str]]) -> list[tuple[str, str, str, str, str, str]]:
    names = (
        "date_first_issue_online", "num_first_vol_online", "num_first_issue_online",
        "date_last_issue_online", "num_last_vol_online", "num_last_issue_online",
    )  # fmt: skip
    return [tuple(row[name] for name in names) for row in rows]  # type: ignore[misc]


def test_a_gap_of_a_year_begins_a_new_row_and_every_column_is_there(site: pages.Site) -> None:
    answer = site.client.get("/kbart/AllTitles.txt")
    assert answer.status_code == 200
    assert answer.content_type == "text/tab-separated-values; charset=utf-8"
    today = datetime.now(UTC).astimezone().date()
    name = answer.headers["Content-Disposition"].partition("filename=")[2].strip('"')
    assert name in {f"Mahfuz_Global_AllTitles_{date.fromordinal(today.toordinal() + add)}.txt" for add in (0, 1)}
    text = answer.get_data().decode("utf-8")
    assert not text.startswith("\ufeff")
    assert text.split("\n")[0].split("\t") == list(kbart.COLUMNS)
    assert {line.count("\t") for line in text.removesuffix("\n").split("\n")} == {24}
    rows = table(text)
    assert [row["publication_title"] for row in rows] == [
        "Açık Dergi", "Çevre ve \"Toprak\"", *["Örnek Tarım Bilimleri Dergisi"] * 3,
    ]  # fmt: skip
    assert spans(rows[2:]) == [
        ("2009", "9", "1", "2010", "10", "2"),
        ("2012", "12", "1", "2014", "14", "2"),
        ("2016", "16", "1", "2016", "16", "2"),
    ]
    assert {row["title_url"] for row in rows[2:]} == {"http://localhost/titles/1300-0632"}
    assert {(row["coverage_depth"], row["publication_type"], row["embargo_info"]) for row in rows} == {
        ("fulltext", "serial", "")
    }


def test_a_journal_that_continues_another_names_it_and_has_rows_of_its_own(site: pages.Site) -> None:
    rows = table(site.client.get("/kbart/AllTitles.txt").text)
    new = rows[1]
    assert (new["print_identifier"], new["online_identifier"]) == ("1300-0713", "1300-0705")
    assert new["preceding_publication_title_id"] == rows[2]["title_id"] == "1300-0632"
    assert (new["date_first_issue_online"], new["num_first_vol_online"]) == ("2017", "1")
    assert new["notes"] == "1 more issue without a date"
    assert rows[2]["preceding_publication_title_id"] == ""


def test_free_is_what_every_article_says(site: pages.Site) -> None:
    rows = table(site.client.get("/kbart/AllTitles.txt").text)
    assert [row["access_type"] for row in rows] == ["F", "P", "P", "P", "P"]


def test_a_publisher_has_a_file_of_its_own(site: pages.Site) -> None:
    page = site.client.get("/kbart/").text
    assert "/kbart/publishers/zeytin-yayinlari.txt" in page
    rows = table(site.client.get("/kbart/publishers/zeytin-yayinlari.txt").text)
    assert [row["publisher_name"] for row in rows] == ["Zeytin Yayınları"]
    assert site.client.get("/kbart/publishers/nobody.txt").status_code == 404


def test_an_institution_gets_what_is_held_and_its_for_ever_with_its_key_alone(site: pages.Site) -> None:
    address = "/kbart/institutions/ornek.txt"
    asked = site.client.get(address)
    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"].startswith("Bearer")
    assert site.client.get(f"{address}?api_key=wrong").status_code == 401
    assert site.client.get(f"/kbart/institutions/baska.txt?api_key={KEY}").status_code == 403
    assert site.client.get(f"/kbart/institutions/none.txt?api_key={KEY}").status_code == 403
    answer = site.client.get(address, headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
    assert "private" in answer.headers["Cache-Control"]
    assert answer.get_data() == site.client.get(f"{address}?api_key={KEY}").get_data()
    rows = table(answer.text)
    # From volume 10, issue 2, on: a right that begins within a year; nothing behind the last day that was paid for.
    assert spans(rows) == [("2010", "10", "2", "2010", "10", "2"), ("2012", "12", "1", "2012", "12", "2")]
    assert {row["notes"] for row in rows} == {"Perpetual access by EKUAL-1"}
    assert site.staff_client("kbart-staff").get(address).status_code == 200


def test_a_librarian_gets_the_file_of_her_own_library(site: pages.Site) -> None:
    with site.catalogue.reading() as rows:
        ours = rows.execute(select(Institution.id).where(Institution.code == "ornek")).scalar_one()
    browser, hers = site.staff_client("kbart-librarian"), update(Staff).where(Staff.login == "kbart-librarian")
    with site.catalogue.writing() as rows:
        rows.execute(
            update(Staff).where(Staff.login == "kbart-librarian").values(role="librarian", institution_id=ours)
        )
    assert browser.get("/kbart/institutions/ornek.txt").status_code == 200
    assert browser.get("/kbart/institutions/baska.txt").status_code == 403
    with site.catalogue.writing() as rows:
        rows.execute(hers.values(must_change=True))
    assert browser.get("/kbart/institutions/ornek.txt").status_code == 401


def test_a_closed_key_opens_nothing(site: pages.Site) -> None:
    with site.catalogue.writing() as rows:
        rows.execute(update(Requestor).values(closed_at=NOW))
    assert site.client.get(f"/kbart/institutions/ornek.txt?api_key={KEY}").status_code == 401
    with site.catalogue.writing() as rows:
        rows.execute(update(Requestor).values(closed_at=None))


@pytest.mark.parametrize("address", ["/kbart/AllTitles.txt", "/reports/keepers.csv", "/reports/titles.marcxml"])
def test_nothing_is_made_again_while_nothing_has_changed(
    site: pages.Site, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = site.client.get(address)
    monkeypatch.setattr(held, "walk", lambda *_: pytest.fail("made again"))
    again = site.client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert site.client.get(address).get_data() == first.get_data()
    monkeypatch.undo()
    with site.catalogue.writing() as rows:
        rows.execute(update(ChangeHead).values(number=ChangeHead.number + 1))
    same = site.client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert same.status_code == 304, "other numbers, and the same content"


def test_only_what_is_intact_in_every_store_is_preserved(site: pages.Site) -> None:
    def report() -> dict[str, dict[str, str]]:
        text = site.client.get("/reports/keepers.csv").text
        comment, _, rest = text.partition("\n")
        assert comment.startswith("#Keepers MAHFUZ serials 20")
        reader = csv.DictReader(io.StringIO(rest))
        assert tuple(reader.fieldnames or ()) == keepers.COLUMNS
        return {row["Title"]: row for row in reader}

    name = "Örnek Tarım Bilimleri Dergisi"
    before = report()[name]
    assert (before["ISSN"], before["eISSN"], before["Publisher"]) == ("", "1300-0632", "Örnek Yayınevi")
    assert (before["Preserved Volumes"], before["Preserved Years"]) == ("9-10; 12-14; 16", "2009-2010; 2012-2014; 2016")
    assert (before["In Progress Volumes"], before["In Progress Years"]) == ("", "")
    with site.catalogue.reading() as rows:
        issue = rows.execute(select(Issue.id).where(Issue.year == 2013, Issue.issue == "1")).scalar_one()
        from repository.models import Article

        aip = rows.execute(
            select(Aip.id).join(Article, Article.id == Aip.article_id).where(Article.issue_id == issue)
        ).scalar_one()
    changes: list[dict[str, Any]] = [
        {"state": CopyState.DAMAGED},
        {"state": CopyState.UNVERIFIED, "verified_at": None},
        {"unreadable_since": NOW},
    ]
    for change in changes:
        with site.catalogue.writing() as rows:
            copy = rows.get_one(Copy, (aip, "second"))
            was = {key: getattr(copy, key) for key in change}
            for key, value in change.items():
                setattr(copy, key, value)
            _told(rows, "changed")
        row = report()[name]
        assert (row["Preserved Years"], row["In Progress Years"]) == ("2009-2010; 2012; 2014; 2016", "2013"), change
        assert (row["Preserved Volumes"], row["In Progress Volumes"]) == ("9-10; 12; 14; 16", "13"), change
        with site.catalogue.writing() as rows:
            copy = rows.get_one(Copy, (aip, "second"))
            for key, value in was.items():
                setattr(copy, key, value)
            _told(rows, "changed back")
    assert report()[name] == before


def _told(rows: Any, what: str) -> None:
    """What the watch tells with every change of a copy: an event of its store."""
    from repository.models import Event

    rows.add(Event(type="fixity check", at=NOW, outcome="failure", agent=what, detail={}, store="second"))


def test_a_store_that_was_added_has_no_copies_yet_and_nothing_is_preserved(site: pages.Site) -> None:
    given = lists.Publishing(
        site.catalogue, Path(site.app.instance_path), "http://localhost", "Mahfuz", "x", ("main", "second", "third")
    )
    with site.catalogue.reading() as rows:
        not_yet = keepers.exceptions(rows, given.stores)
        both = keepers.exceptions(rows, ("main", "second"))
        issues = rows.execute(select(Issue.id)).scalars().all()
    assert all(issue in not_yet for issue in issues)
    assert not any(issue in both for issue in issues)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["5", "1", "2", "3", "7"], "1-3; 5; 7"),
        (["9", "10", "11"], "9-11"),
        (["2019/1", "A", "12", "13"], "12-13; 2019/1; A"),
        ([], ""),
    ],
)
def test_ranges(names: list[str], told: str) -> None:
    assert keepers.ranges(names) == told


@pytest.mark.parametrize(
    ("years", "found"),
    [
        ([2001, 2002, 2003], [(2001, 2003)]),
        ([2001, 2003], [(2001, 2001), (2003, 2003)]),
        ([2001, 2001, 2002, 2010], [(2001, 2002), (2010, 2010)]),
        ([], []),
    ],
)
def test_runs(years: list[int], found: list[tuple[int, int]]) -> None:
    told = held.runs(HeldIssue(place, year, None, None) for place, year in enumerate(years))
    assert [(run.first.year, run.last.year) for run in told] == found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("Cilt 12", "12"),
        ("Vol. 3", "3"),
        ("no:4", "4"),
        ("S1", "S1"),
        ("November", "November"),
        (None, ""),
        ("12", "12"),
    ],
)
def test_numbers_stand_without_the_word_before_them(given: str | None, told: str) -> None:
    assert kbart.number(given) == told


def test_marc_records_say_what_is_held_and_what_came_before(site: pages.Site) -> None:
    answer = site.client.get("/reports/titles.marcxml")
    assert answer.content_type == "application/marcxml+xml; charset=utf-8"
    tree = etree.fromstring(answer.get_data())
    records = {
        record.xpath("string(m:controlfield[@tag='001'])", namespaces=MARC): record
        for record in tree.xpath("m:record", namespaces=MARC)
    }
    assert set(records) == {"1300-0632", "1300-0705", "1300-0721"}

    def said(issn: str, tag: str, code: str) -> list[str]:
        path = f"m:datafield[@tag='{tag}']/m:subfield[@code='{code}']/text()"
        return [str(value) for value in records[issn].xpath(path, namespaces=MARC)]

    assert said("1300-0632", "022", "a") == ["1300-0632"]
    assert said("1300-0632", "866", "a") == [
        "v.9:no.1 (2009)-v.10:no.2 (2010)", "v.12:no.1 (2012)-v.14:no.2 (2014)", "v.16:no.1 (2016)-v.16:no.2 (2016)",
    ]  # fmt: skip
    assert said("1300-0705", "780", "x") == ["1300-0632"]
    assert said("1300-0705", "776", "x") == ["1300-0713"]
    assert said("1300-0705", "866", "a") == ["v.1 (2017)"]
    assert said("1300-0721", "506", "f") == ["Unrestricted online access"]
    assert said("1300-0721", "856", "u") == ["http://localhost/titles/1300-0721"]
    for record in records.values():
        assert len(record.xpath("string(m:leader)", namespaces=MARC)) == 24
        assert len(record.xpath("string(m:controlfield[@tag='008'])", namespaces=MARC)) == 40


def test_marc_is_valid_by_its_schema(site: pages.Site) -> None:
    found = next((path for root in ROOTS for path in Path(root).rglob("MARC21slim.xsd")), None)
    if found is None:
        pytest.skip("MARC21slim.xsd does not lie beside this checkout nor in MAHFUZ_TEST_SCHEMAS")
    schema = etree.XMLSchema(etree.parse(found))
    schema.assertValid(etree.fromstring(site.client.get("/reports/titles.marcxml").get_data()))


def test_both_databases_tell_the_same(site: pages.Site, postgresql_url: str, tmp_path: Path) -> None:
    other = pages.site(postgresql_url)
    lines: list[list[str]] = []
    for one in (pages.site(f"sqlite:///{tmp_path / 'catalogue.sqlite'}"), other):
        for number, day in enumerate(("2009", "2010-09", "2012"), start=1):
            _enter(one, number, published={"ppub": day}, volume=str(number))
        pages.enter(one, pages.record(9, issn_electronic="1300-0721", journal_title="Açık Dergi"))
        with one.catalogue.writing() as rows:
            institution = Institution(code="ornek", name="ornek", sort_key="o", folded="o", active=True, created_at=NOW)
            title = rows.execute(select(Title).where(Title.issn_electronic == "1300-0632")).scalar_one()
            licence = Licence(
                code="L", name="L", folded="l", publisher_id=title.publisher_id, type="local", basis="signed",
                status="active", perpetual="full", back_years=0, hosting="always", created_at=NOW,
            )  # fmt: skip
            rows.add_all([institution, licence])
            rows.flush()
            rows.add(LicencePeriod(licence_id=licence.id, since=date(2009, 1, 1), until=date(2010, 6, 30)))
            rows.add(LicenceParty(licence_id=licence.id, institution_id=institution.id))
            rows.add(Entitlement(licence_id=licence.id, title_id=title.id, name="x", state="agreed", by="x", at=NOW))
            copy = rows.execute(select(Copy).where(Copy.store == "second").order_by(Copy.aip_id).limit(1)).scalar_one()
            copy.unreadable_since = NOW
        given = lists.Publishing(
            one.catalogue,
            tmp_path / one.catalogue.engine.dialect.name,
            "http://localhost",
            "M",
            "m",
            ("main", "second"),
        )
        made = (lists.all_titles(given), lists.of_institution(given, institution), lists.keepers_report(given))
        lines.append([path.path.read_text("utf-8") for path in (*made, lists.titles_in_marc(given))])
        one.catalogue.close()
    assert lines[0] == lines[1]
    # September is behind what was paid for.
    assert [row["date_last_issue_online"] for row in table(lines[0][1])] == ["2009"]
    assert "2009" in lines[0][2].splitlines()[-1].rpartition(",")[2]

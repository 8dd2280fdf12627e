"""Institutions, consortia and licences as they are entered: what may be said of them, and what every change tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select

from repository.access import changes, consortia, documents, institutions, licences, ranges, requestors, terms, words
from repository.access.entitlement import Reader, Reason
from repository.access.rights import on_title
from repository.access.terms import Party
from repository.catalogue import Catalogue, titles
from repository.coverage import Place
from repository.errors import BadValue, NotNow
from repository.models import Document, Entitlement, Event, Licence, Requestor
from repository.rights import Closure
from repository.vocabulary import ArticleRecord

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
BY = "ayse"


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    found = Catalogue(database_url)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("193.140.0.0/16", "193.140.0.0", "193.140.255.255"),
        (" 193.140.1.1 - 193.140.1.99 ", "193.140.1.1", "193.140.1.99"),
        ("::ffff:193.140.1.1", "193.140.1.1", "193.140.1.1"),
        ("::ffff:193.140.0.0/112", "193.140.0.0", "193.140.255.255"),
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
    ],
)
def test_ranges_of_ipv4_are_runs_of_mapped_addresses(given: str, first: str, last: str) -> None:
    span = ranges.span_of(given)
    ends = [ranges.number_of(ranges.ip_address(end)) for end in (first, last)]
    assert [span.first, span.last] == ends
    assert span.is_v4
    assert span.keys == (f"{ends[0]:032x}", f"{ends[1]:032x}")


def test_a_range_of_ipv6_is_a_run_of_its_own() -> None:
    span = ranges.span_of("2001:a98::/32")
    assert (span.keys, span.is_v4) == (("20010a98" + "0" * 24, "20010a98" + "f" * 24), False)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", ranges.NOT_RANGE),
        ("193.140.1", ranges.NOT_RANGE),
        ("193.140.1.1 2", ranges.NOT_RANGE),
        ("193.140.1.0 /33", ranges.NOT_RANGE),
        ("fe80::1%eth0", ranges.NOT_RANGE),
        ("1" * 91, ranges.NOT_RANGE),
        ("1-2-3", ranges.NOT_RANGE),
        ("193.140.*.*", ranges.NOT_RANGE),
        ("193.140.01.1", ranges.NOT_RANGE),
        ("193.140.1.9-193.140.1.1", ranges.NOT_RANGE),
        ("193.140.1.1-2001:a98::1", ranges.NOT_RANGE),
        ("193.140.1.1-193.140.1.2-193.140.1.3", ranges.NOT_RANGE),
        ("::/64", ranges.NOT_RANGE),  # all of IPv4 lies in it
        ("::1-::ffff:193.140.1.1", ranges.NOT_RANGE),
        ("193.140.28.5/24", ranges.HOST_BITS),
        ("193.0.0.0/7", ranges.HOST_BITS),
        ("192.0.0.0/7", ranges.FAR_TOO_WIDE),
        ("0.0.0.0/0", ranges.FAR_TOO_WIDE),
        ("::ffff:0:0/96", ranges.FAR_TOO_WIDE),
        ("2000::/28", ranges.FAR_TOO_WIDE),
        ("0.0.0.0", ranges.NOBODYS),
        ("224.0.0.0/8", ranges.NOBODYS),
        ("240.0.0.0/8", ranges.NOBODYS),
        ("ff02::1", ranges.NOBODYS),
        ("::", ranges.NOBODYS),
    ],
)
def test_what_is_no_range_of_readers_is_refused_with_what_to_write(given: str, sentence: str) -> None:
    with pytest.raises(BadValue) as refused:
        ranges.span_of(given)
    assert refused.value.sentence == sentence


def test_wide_is_not_too_wide_and_private_is_told() -> None:
    assert ranges.span_of("193.0.0.0/8").is_v4
    assert not ranges.span_of("2000::/29").is_v4
    for given in ("10.1.0.0/16", "127.0.0.1", "192.0.2.0/24", "fe80::1", "2001:db8::/32"):
        assert [one.sentence for one in ranges.remarks(given, ranges.span_of(given))] == [ranges.NOT_PUBLIC], given
    assert ranges.remarks("x", ranges.span_of("193.140.0.0/16")) == []


def test_identifiers_are_known_by_their_check_digits() -> None:
    for given in ("05dxps055", "https://ror.org/03yrm5c26", "ror.org/04wxnsj81/", "02MHBDP94"):
        assert len(words.ror(given) or "") == 9
    for given in ("05dxps056", "05dxps05", "15dxps055", "05dxpu055"):
        with pytest.raises(BadValue, match="check digits"):
            words.ror(given)
    assert words.isni("0000 0001 2281 955X") == words.isni("https://isni.org/isni/000000012281955X")
    with pytest.raises(BadValue):
        words.isni("0000 0001 2281 9550")
    assert (words.ror(""), words.isni(None), words.partial(" "), words.day("")) == (None, None, None, None)
    for bad in ("Ornek", "örnek", "a--b", "-a", "a_b", "", "a" * 41):
        with pytest.raises(BadValue):
            words.code(bad, 40)
    for bad in ("31.12.2018", "2018-02-30", "20181231", "2018"):
        with pytest.raises(BadValue):
            words.day(bad)
    for bad in ("2018-13", "Ocak 2018", "18"):
        with pytest.raises(BadValue):
            words.partial(bad)


def test_an_institution_is_entered_changed_and_told(catalogue: Catalogue) -> None:
    said = institutions.Described("Örnek Üniversitesi", ror="https://ror.org/05dxps055", counter_id="TR-1")
    with catalogue.writing() as session:
        one = institutions.enter(session, BY, "ornek", said, at=NOW)
        other = institutions.enter(session, BY, "baska", institutions.Described("Başka Üniversitesi"), at=NOW)
        assert changes.number(session) == 2
        assert institutions.change(session, BY, one, institutions.described(one), at=NOW) is False
        assert changes.number(session) == 2, "nothing changed"
        institutions.change(session, "can", one, replace(institutions.described(one), isni="000000012281955X"), at=NOW)
        with pytest.raises(NotNow, match="Örnek"):
            institutions.change(session, BY, other, institutions.Described("Başka", counter_id="TR-1"), at=NOW)
        with pytest.raises(NotNow, match="already"):
            institutions.enter(session, BY, "ornek", said, at=NOW)
        for bad in ("0000000000000000", "a b", "x" * 65):
            with pytest.raises(BadValue):
                institutions.enter(session, BY, "kotu", replace(said, counter_id=bad), at=NOW)
        assert [row.code for row in institutions.listed(session, limit=9)] == ["baska", "ornek"]
        assert [row.code for row in institutions.listed(session, "ORNEK", limit=9)] == ["ornek"]
        assert [row.code for row in institutions.listed(session, after=(other.sort_key, other.id), limit=9)] == [
            "ornek"
        ]
        told = changes.of_record(session, "institution", "ornek")
        assert [(event.agent, event.detail["what"]) for event in told] == [("can", "changed"), ("ayse", "entered")]
        assert told[0].detail["before"] == {"isni": None}
        assert told[0].detail["after"] == {"isni": "000000012281955X"}


def test_ranges_and_logins_belong_to_one_and_overlaps_are_told(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        one = institutions.enter(session, BY, "ornek", institutions.Described("Örnek"), at=NOW)
        other = institutions.enter(session, BY, "baska", institutions.Described("Başka"), at=NOW)
        assert institutions.add_network(session, BY, one, "193.140.0.0/16", at=NOW) == []
        (told,) = institutions.add_network(session, BY, other, "193.140.9.1-193.140.9.20", at=NOW)
        assert (told.sentence, "Örnek" in str(told)) == (institutions.OVERLAP, True)
        (told,) = institutions.add_network(session, BY, one, "193.140.3.0/24", at=NOW)
        assert told.sentence == institutions.OVERLAP_OWN
        with pytest.raises(NotNow):
            institutions.add_network(session, BY, one, "193.140.0.0-193.140.255.255", at=NOW)
        assert {told.sentence for told in institutions.remarks(session, one)} == {
            institutions.OVERLAP,
            institutions.OVERLAP_OWN,
        }
        institutions.drop_network(session, BY, one, "193.140.3.0/24", at=NOW)
        institutions.add_login(session, BY, one, "scope", "@Ornek.edu.tr", at=NOW)
        institutions.add_login(session, BY, one, "entity", "https://idp.ornek.edu.tr/shibboleth", at=NOW)
        with pytest.raises(NotNow, match="Örnek"):
            institutions.add_login(session, BY, other, "scope", "ornek.edu.tr", at=NOW)
        for kind, bad in (("scope", "ornek"), ("scope", "a b.tr"), ("entity", "idp"), ("entity", "https://a b")):
            with pytest.raises(BadValue):
                institutions.add_login(session, BY, other, kind, bad, at=NOW)
        with pytest.raises(NotNow):
            institutions.drop_login(session, BY, other, "scope", "ornek.edu.tr", at=NOW)
        assert institutions.as_json(session, one)["scopes"] == ["ornek.edu.tr"]
        assert institutions.as_json(session, one)["networks"] == ["193.140.0.0/16"]


def test_a_key_is_shown_once_and_closed(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        one = institutions.enter(session, BY, "ornek", institutions.Described("Örnek"), at=NOW)
        key = requestors.make(session, BY, one, "sushi", at=NOW)
        row = session.execute(select(Requestor)).scalar_one()
        assert (row.key_sha256, key not in str(vars(row))) == (requestors.digest(key), True)
        with pytest.raises(NotNow):
            requestors.make(session, BY, one, "sushi", at=NOW)
        requestors.close(session, BY, one, "sushi", at=NOW)
        with pytest.raises(NotNow):
            requestors.close(session, BY, one, "sushi", at=NOW)
        requestors.make(session, BY, one, "sushi", at=NOW)
        assert all(key not in str(event.detail) for event in session.execute(select(Event)).scalars())


def test_memberships_do_not_overlap(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        group = consortia.enter(session, BY, "anko", "Kütüphaneler Birliği", at=NOW)
        one = institutions.enter(session, BY, "ornek", institutions.Described("Örnek"), at=NOW)
        consortia.join(session, BY, group, one, date(2009, 1, 1), date(2012, 12, 31), at=NOW)
        consortia.join(session, BY, group, one, date(2014, 1, 1), None, at=NOW)
        for since, until in ((date(2012, 12, 31), date(2013, 1, 1)), (date(2020, 1, 1), None)):
            with pytest.raises(NotNow, match="overlap"):
                consortia.join(session, BY, group, one, since, until, at=NOW)
        with pytest.raises(BadValue):
            consortia.join(session, BY, group, one, date(2013, 2, 1), date(2013, 1, 1), at=NOW)
        assert consortia.member_counts(session, [group], date(2013, 6, 1)) == {}
        assert consortia.member_counts(session, [group], date(2015, 6, 1)) == {group.id: 1}
        consortia.leave(session, BY, group, one, date(2018, 12, 31), at=NOW)
        with pytest.raises(NotNow):
            consortia.leave(session, BY, group, one, date(2019, 1, 1), at=NOW)
        assert [member["until"] for member in consortia.as_json(session, group)["members"]] == [
            "2012-12-31",
            "2018-12-31",
        ]


def licence_of(**more: object) -> licences.Described:
    return replace(licences.Described("Örnek Paket", "Örnek Yayınevi"), **more)


def test_a_licence_goes_on_and_never_back(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        row = licences.enter(session, BY, "ornek-2009", licence_of(), at=NOW)
        for status in ("in_negotiation", "requested", "active"):
            assert licences.change(session, BY, row, licence_of(status=status), at=NOW)
        for status in ("draft", "in_negotiation", "closed"):
            with pytest.raises(NotNow):
                licences.change(session, BY, row, licence_of(status=status, closure="cancelled"), at=NOW)
        terms.add_period(session, BY, row, date(2009, 1, 1), date(2018, 12, 31), at=NOW)
        terms.add_period(session, BY, row, date(2019, 1, 1), None, at=NOW)
        with pytest.raises(NotNow, match="overlap"):
            terms.add_period(session, BY, row, date(2025, 1, 1), None, at=NOW)
        with pytest.raises(NotNow, match="rejected"):
            licences.close(session, BY, row, date(2020, 6, 30), Closure.REJECTED, at=NOW)
        licences.close(session, BY, row, date(2017, 6, 30), Closure.CANCELLED, at=NOW)
        assert licences.as_json(session, row)["periods"] == [{"since": "2009-01-01", "until": "2017-06-30"}]
        told = changes.of_record(session, "licence", "ornek-2009")[0].detail
        assert [period["since"] for period in told["before"]["periods"]] == ["2009-01-01", "2019-01-01"]
        with pytest.raises(NotNow):
            licences.change(session, BY, row, licence_of(status="active"), at=NOW)
        with pytest.raises(NotNow):
            licences.change(session, BY, row, licence_of(status="closed", closure="rejected"), at=NOW)
        with pytest.raises(NotNow, match="end"):
            terms.add_period(session, BY, row, date(2020, 1, 1), None, at=NOW)
        with pytest.raises(BadValue, match="reason"):
            licences.reopen(session, BY, row, " ", at=NOW)
        licences.reopen(session, BY, row, "Yanlış lisans kapatıldı.", at=NOW)
        assert (row.status, row.closure) == ("active", None)
        with pytest.raises(BadValue, match="reason"):
            terms.end_period(session, BY, row, date(2009, 1, 1), date(2016, 1, 1), at=NOW)
        assert terms.end_period(session, BY, row, date(2009, 1, 1), date(2030, 1, 1), at=NOW)
        with pytest.raises(BadValue, match="reason"):
            terms.drop_period(session, BY, row, date(2009, 1, 1), "", at=NOW)


def test_a_clause_says_all_that_it_needs_and_no_more(catalogue: Catalogue) -> None:
    for bad in (
        {"perpetual": "years"},
        {"perpetual": "full", "perpetual_from": "2009"},
        {"perpetual": "full", "back_years": 3},
        {"perpetual": "years", "perpetual_from": "2018", "perpetual_to": "2009"},
        {"perpetual": "evet"},
        {"perpetual": "paid_years", "back_years": "-1"},
        {"status": "closed"},
        {"name": " "},
        {"publisher": "x" * 201},
        {"note": "x" * 5000},
    ):
        with pytest.raises(BadValue):
            licence_of(**bad).checked()
    assert licence_of(perpetual="YEARS ", perpetual_from="2009", perpetual_to="2018-06").checked().perpetual == "years"


def test_a_national_licence_with_continuing_access_fits_without_code(catalogue: Catalogue) -> None:
    """What was paid for stays readable from the archive once it opens, for whoever was a member then (LAS:eR's words:
    Post Cancellation Online Access yes, Archival Copy granted, Hosting Time on a trigger event)."""
    said = licences.Described(
        "Ulusal lisans 2009–2018",
        "Örnek Yayınevi",
        type="national",
        status="active",
        perpetual="paid_years",
        hosting="exclusive",
        archival_copy=True,
        supply=True,
    )
    with catalogue.writing() as session:
        group = consortia.enter(session, BY, "ekual", "Ulusal Lisans", at=NOW)
        inside, outside = (
            institutions.enter(session, BY, code, institutions.Described(code), at=NOW) for code in ("ic", "dis")
        )
        consortia.join(session, BY, group, inside, date(2010, 1, 1), None, at=NOW)
        row = licences.enter(session, BY, "ulusal-2009", said, at=NOW)
        terms.add_period(session, BY, row, date(2009, 1, 1), date(2018, 12, 31), at=NOW)
        terms.add_party(session, BY, row, group, at=NOW)
        with pytest.raises(NotNow):
            terms.add_party(session, BY, row, group, date(2030, 1, 1), at=NOW)
        publisher = titles.publisher_named(session, "Örnek Yayınevi")
        record = ArticleRecord(journal_title="Örnek Dergi", issn_electronic="1300-0632")
        title = titles.title_of(session, publisher, record)
        session.add(
            Entitlement(licence_id=row.id, title_id=title.id, name="Örnek Dergi", state="agreed", by=BY, at=NOW)
        )
        licences.close(session, BY, row, date(2018, 12, 31), Closure.CANCELLED, at=NOW)
        assert terms.was_ever_party(session, row, inside)
        assert not terms.was_ever_party(session, row, outside)

        def reason(reader: int, published: str, on: datetime) -> Reason:
            rights = on_title(session, title.id, reader, on)
            article = ArticleRecord(published={"ppub": published}, volume="1")
            assert rights.work(article).place == Place(published, "1", None)
            return rights.decide(article, Reader(reader), on).reason_code

        assert reason(inside.id, "2015-03", NOW) is Reason.POST_CANCELLATION
        assert reason(inside.id, "2009-03", NOW) is Reason.NOT_COVERED, "before it was a member"
        assert reason(inside.id, "2020", NOW) is Reason.NOT_COVERED
        assert reason(inside.id, "2015-03", datetime(2016, 1, 1, tzinfo=UTC)) is Reason.AT_PUBLISHER
        assert reason(outside.id, "2015-03", NOW) is Reason.NO_RIGHT
        consortia.leave(session, BY, group, inside, date(2018, 12, 31), at=NOW)
        assert reason(inside.id, "2015-03", NOW) is Reason.POST_CANCELLATION, "leaving takes nothing away"


def test_parties_are_institutions_or_consortia_and_an_open_licence_has_none(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        one = institutions.enter(session, BY, "ornek", institutions.Described("Örnek"), at=NOW)
        row = licences.enter(session, BY, "acik", licence_of(type="open", status="active"), at=NOW)
        with pytest.raises(NotNow, match="everyone"):
            terms.add_party(session, BY, row, one, at=NOW)
        licences.change(session, BY, row, licence_of(type="local", status="active"), at=NOW)
        terms.add_party(session, BY, row, one, date(2010, 1, 1), at=NOW)
        with pytest.raises(NotNow, match="parties"):
            licences.change(session, BY, row, licence_of(type="open", status="active"), at=NOW)
        terms.end_party(session, BY, row, one, date(2012, 1, 1), at=NOW)
        assert [party.as_json() for party in terms.parties_of(session, row)] == [
            {"kind": "institution", "code": "ornek", "since": "2010-01-01", "until": "2012-01-01"}
        ]
        assert isinstance(terms.parties_of(session, row)[0], Party)
        found = licences.listed(session, "paket", status="active", limit=5)
        assert [(licence.code, publisher.name) for licence, publisher in found] == [("acik", "Örnek Yayınevi")]
        assert licences.listed(session, "paket", after="acik", limit=5) == []


def test_a_document_is_kept_once_and_is_no_larger_than_ten_megabytes(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        row = licences.enter(session, BY, "ornek", licence_of(), at=NOW)
        for _ in range(2):
            sha256 = documents.attach(session, BY, row, "C:\\evrak\\sözleşme.pdf", b"%PDF-1.7", at=NOW)
        assert [one.name for one in documents.of(session, row)] == ["sözleşme.pdf"]
        assert documents.content_of(session, sha256) == b"%PDF-1.7"
        assert documents.content_of(session, "0" * 64) is None
        for content in (b"", b"x" * (documents.MOST + 1)):
            with pytest.raises(BadValue):
                documents.attach(session, BY, row, "a.pdf", content, at=NOW)
        assert session.execute(select(func.count()).select_from(Document)).scalar_one() == 1
        assert session.execute(select(func.count()).select_from(Licence)).scalar_one() == 1

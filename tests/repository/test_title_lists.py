"""Title lists of licences and claims of institutions: what is read from KBART, what stays, and who may say what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from records import HEAD, issn, line
from sqlalchemy import func, select

from repository.access import changes, claims, consortia, institutions, licences, terms, title_lists
from repository.access.claims import NEXT
from repository.access.runs import Run, reaches
from repository.access.title_lists import Loaded
from repository.catalogue import Catalogue, titles
from repository.catalogue.titles import AgreedTitle
from repository.coverage import Coverage
from repository.errors import BadValue, NotNow
from repository.kbart_lines import BadList
from repository.models import Entitlement, EntitlementAct, Institution, Licence, Title, TitleIssn
from repository.rights import ClaimState, Side

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
BY = "ayse"


@pytest.fixture
def catalogue(database_url: str) -> Iterator[Catalogue]:
    """A licence of one institution."""
    found = Catalogue(database_url)
    with found.writing() as session:
        one = institutions.enter(session, BY, "ornek", institutions.Described("Örnek Üniversitesi"), at=NOW)
        institutions.enter(session, BY, "baska", institutions.Described("Başka Üniversitesi"), at=NOW)
        said = licences.Described("Paket", "Örnek Yayınevi", status="active", perpetual="paid_years")
        row = licences.enter(session, BY, "paket", said, at=NOW)
        terms.add_period(session, BY, row, date(2009, 1, 1), None, at=NOW)
        terms.add_party(session, BY, row, one, at=NOW)
    yield found
    found.close()


def load(catalogue: Catalogue, text: str, name: str = "liste.txt", *, at: datetime = NOW) -> Loaded:
    listed = title_lists.read_list(name, text.encode())
    with catalogue.writing() as session:
        return title_lists.load(session, BY, licences.named(session, "paket"), listed, at=at)


def runs(catalogue: Catalogue) -> list[tuple[str, str | None, str | None, int | None]]:
    with catalogue.reading() as session:
        found = claims.listed(session, licence=licences.named(session, "paket"), limit=100)
        return [(one.row.name, one.row.first_date, one.row.last_date, one.row.row) for one in found]


def test_good_lines_are_loaded_and_bad_ones_told_by_their_numbers(catalogue: Catalogue) -> None:
    bad = [
        line(2, online="1234-5678"),
        line(3, online=""),
        line(4, first="01.01.2009"),
        line(5, first="2009-13"),
        line(6, embargo="1 yıl"),
        line(7, first="2012", last="2011"),
        line(8, first="", vol="9", last_vol="3"),
        line(9, depth="abstracts"),
    ]
    good = [
        line(1),
        line(10, type="monograph", online="978-975-0000-00-0"),
        line(11, printed="1234-5678"),
        line(12, embargo=" p1y ", last="2018-06-30"),
        line(13, last_vol="9 (present)", vol="3"),
        line(1),
    ]
    done = load(catalogue, HEAD + "".join(bad) + "".join(good))
    assert (done.rows, done.new) == (5, 4)
    assert [each.line for each in done.complaints] == [2, 3, 4, 5, 6, 7, 8, 9, 12, 15]
    said = [str(each) for each in done.complaints]
    assert "line 2: '1234-5678' is not an ISSN." in said
    assert "line 4: 01.01.2009 is no date: write it as 2015, 2015-03 or 2015-03-14." in said
    assert "line 6: 1 yıl is no embargo: write it as P1Y, R180D or R10Y;P30D." in said
    assert "line 7: The run ends before it begins: 2012, 2011." in said
    assert "line 15: The same run of this journal stands on line 10." in said
    assert runs(catalogue) == [
        ("Dergi 1", "2009", None, 10),
        ("Dergi 11", "2009", None, 12),
        ("Dergi 12", "2009", "2018-06-30", 13),
        ("Dergi 13", "2009", None, 14),
    ]
    with catalogue.reading() as session:
        assert session.execute(select(func.count()).select_from(Title)).scalar_one() == 4
        found = titles.title_by_issn(session, [issn(11)])
        assert found is not None
        assert (found.issn_print, found.issn_electronic, found.set_issn) == (None, issn(11), issn(11))


@pytest.mark.parametrize(
    "text", ["", "doi\n10.5555/x\n", HEAD, HEAD + line(2, online="1234-5678"), HEAD + line(1, type="monograph")]
)
def test_a_list_that_names_no_journal_changes_nothing(catalogue: Catalogue, text: str) -> None:
    with pytest.raises(BadList):
        load(catalogue, text)
    assert runs(catalogue) == []


def test_the_same_list_again_changes_nothing(catalogue: Catalogue) -> None:
    text = HEAD + "".join(line(number) for number in range(1, 6))
    load(catalogue, text)
    with catalogue.reading() as session:
        number = changes.number(session)
    done = load(catalogue, text, at=NOW + timedelta(days=1))
    assert (done.new, done.unchanged, done.extended, list(done.no_longer)) == (0, 5, 0, [])
    with catalogue.reading() as session:
        assert changes.number(session) == number
        assert {row.at for row in session.execute(select(Entitlement)).scalars()} == {NOW}


def test_a_newer_list_makes_runs_longer_and_takes_none_away(catalogue: Catalogue) -> None:
    load(catalogue, HEAD + line(1, last="2018") + line(2) + line(3, last="2018") + line(4, embargo="P1Y"))
    done = load(catalogue, HEAD + line(1, last="2019") + line(3, last="2012") + line(4, embargo="P2Y"), "yeni.txt")
    assert (done.new, done.unchanged, done.extended) == (1, 0, 1)
    assert sorted(done.no_longer) == ["Dergi 2", "Dergi 3", "Dergi 4"]
    assert runs(catalogue) == [
        ("Dergi 1", "2009", "2019", 2),
        ("Dergi 2", "2009", None, None),
        ("Dergi 3", "2009", "2018", None),
        ("Dergi 4", "2009", None, None),
        ("Dergi 4", "2009", None, 4),
    ]
    with catalogue.reading() as session:
        left = claims.listed(session, left_out=True, limit=9)
        assert [one.row.name for one in left] == ["Dergi 2", "Dergi 3", "Dergi 4"]
        assert all(one.is_left_out and one.row.state == "agreed" for one in left)
        (act,) = claims.acts_of(session, left[0].row)
        assert (act.reason, act.side, act.state) == ("no longer listed: yeni.txt", "archive", "agreed")
    again = load(catalogue, HEAD + line(1, last="2019") + line(3, last="2012") + line(4, embargo="P2Y"), "yeni.txt")
    assert (again.new, again.extended, list(again.no_longer)) == (0, 0, []), "told once"
    back = load(catalogue, HEAD + line(1, last="2019") + line(2) + line(4, embargo="P2Y"), "daha-yeni.txt")
    assert runs(catalogue)[1] == ("Dergi 2", "2009", None, 3), "it is listed again"
    assert list(back.no_longer) == []


def test_a_run_that_a_person_ends_keeps_what_was_published_until_then(catalogue: Catalogue) -> None:
    load(catalogue, HEAD + line(1) + line(2))
    with catalogue.writing() as session:
        one, two = claims.listed(session, limit=9)
        with pytest.raises(BadValue, match="reason"):
            claims.end(session, BY, one.row.id, date(2024, 12, 31), "", at=NOW)
        with pytest.raises(BadValue):
            claims.end(session, BY, one.row.id, date(2008, 12, 31), "x", at=NOW)
        ended = claims.end(session, BY, one.row.id, date(2024, 12, 31), "Pakete artık dahil değil.", at=NOW)
        assert (ended.row.last_date, ended.row.state) == ("2024-12-31", "agreed")
        with pytest.raises(NotNow):
            claims.end(session, BY, one.row.id, date(2025, 12, 31), "x", at=NOW)
        assert two.row.last_date is None


def test_former_titles_are_known_by_the_list_and_lead_in_no_circle(catalogue: Catalogue) -> None:
    text = HEAD + line(1, before="t2") + line(2, before=issn(3)) + line(3, before="t1") + line(4, before="elsewhere")
    load(catalogue, text + line(5, before="t5"))
    with catalogue.reading() as session:
        rows = session.execute(select(Title.name, Title.id, Title.preceding_id).order_by(Title.name)).all()
    number = {row.name: row.id for row in rows}
    assert {row.name: row.preceding_id for row in rows} == {
        "Dergi 1": number["Dergi 2"],
        "Dergi 2": number["Dergi 3"],
        "Dergi 3": None,
        "Dergi 4": None,
        "Dergi 5": None,
    }


def test_many_journals_are_found_or_entered_as_they_would_be_one_by_one(catalogue: Catalogue) -> None:
    lines = [
        AgreedTitle("A", issn(1), issn(2)),
        AgreedTitle("A, çevrimiçi", None, issn(1)),
        AgreedTitle("B", issn(3), None),
        AgreedTitle("B", issn(3), issn(4)),
        AgreedTitle("Bilinen", issn(9), issn(8)),
    ]
    with catalogue.writing() as session:
        publisher = titles.publisher_named(session, "Örnek Yayınevi")
        titles.agree(session, publisher, [AgreedTitle("Bilinen", None, issn(8))], NOW)
        found = titles.listed(session, publisher.id, lines)
        assert found[0] == found[1]
        assert found[2] == found[3]
        assert len(set(found)) == 3
        leading = dict(session.execute(select(TitleIssn.issn, TitleIssn.title_id)).all())
        assert [leading[issn(number)] for number in (1, 2, 3, 4, 8, 9)] == [found[0]] * 2 + [found[2]] * 2 + [
            found[4]
        ] * 2
        known = titles.by_id(session, found[4])
        assert (known.issn_print, known.set_issn, known.name) == (issn(9), issn(8), "Bilinen")
        assert titles.listed(session, publisher.id, lines) == found


def test_of_two_runs_that_begin_alike_the_longer_one_is_told_apart() -> None:
    whole, until = Coverage("2009"), Coverage("2009", last_date="2018")
    assert reaches(whole, until)
    assert not reaches(until, whole)
    assert reaches(Coverage(last_date="2018-12"), Coverage(last_date="2018"))
    assert reaches(
        Coverage(last_date="2018", last_volume="12"), Coverage(last_date="2018", last_volume="12", last_issue="3")
    )
    assert not reaches(
        Coverage(last_date="2018", last_volume="12", last_issue="3"), Coverage(last_date="2018", last_volume="12")
    )
    assert not reaches(Coverage(last_volume="13"), Coverage(last_date="2018"))
    assert not reaches(Coverage(last_date="2019", last_volume="11"), Coverage(last_date="2018", last_volume="12"))


def run(number: int = 1, first: str = "2009") -> Run:
    return Run(0, AgreedTitle(f"Dergi {number}", None, issn(number)), Coverage(first))


def entered(session: object) -> tuple[Licence, Institution]:
    return licences.named(session, "paket"), institutions.named(session, "ornek")


def test_a_claim_that_was_rejected_is_made_anew_as_it_is_said_now(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        licence, one = entered(session)
        line = claims.claim(session, "kutuphaneci", licence, one, run(), "hepsi", at=NOW)
        claims.act(session, "yayinevi", line.row.id, ClaimState.REJECTED, Side.PUBLISHER, "yalnız 2012'ye dek", at=NOW)
        shorter = replace(run(), coverage=Coverage("2009", last_date="2012"))
        again = claims.claim(session, "kutuphaneci", licence, one, shorter, "peki, 2012'ye dek", at=NOW)
        assert (again.row.id, again.row.state, again.coverage) == (line.row.id, "asserted", shorter.coverage)


def test_a_claim_goes_from_side_to_side_with_its_evidence(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        licence, one = entered(session)
        with pytest.raises(NotNow, match="party"):
            claims.claim(session, BY, licence, institutions.named(session, "baska"), run(), "Fatura", at=NOW)
        with pytest.raises(BadValue, match="reason"):
            claims.claim(session, BY, licence, one, run(), " ", at=NOW)
        line = claims.claim(session, "kutuphaneci", licence, one, run(), "2009 faturası", at=NOW)
        number = line.row.id
        assert (line.row.state, line.institution and line.institution.code) == ("asserted", "ornek")
        with pytest.raises(NotNow):
            claims.act(session, "kutuphaneci", number, ClaimState.AGREED, Side.LIBRARY, "bence", at=NOW)
        claims.act(session, "yayinevi", number, ClaimState.DISPUTED, Side.PUBLISHER, "ödenmedi", at=NOW)
        claims.act(session, BY, number, ClaimState.AGREED, Side.ARCHIVE, "dekont görüldü", at=NOW)
        with pytest.raises(NotNow):
            claims.act(session, "yayinevi", number, ClaimState.DISPUTED, Side.PUBLISHER, "yine", at=NOW)
        with pytest.raises(NotNow, match="agreed"):
            claims.claim(session, "kutuphaneci", licence, one, run(), "bir daha", at=NOW)
        claims.act(session, BY, number, ClaimState.DISPUTED, Side.ARCHIVE, "dekont sahte", at=NOW)
        claims.act(session, BY, number, ClaimState.REJECTED, Side.ARCHIVE, "kanıt yok", at=NOW)
        claims.claim(session, "kutuphaneci", licence, one, run(), "yeni kanıt", at=NOW)
        acts = claims.acts_of(session, line.row)
        assert [(act.state, act.side) for act in acts] == [
            ("asserted", "library"),
            ("disputed", "publisher"),
            ("agreed", "archive"),
            ("disputed", "archive"),
            ("rejected", "archive"),
            ("asserted", "library"),
        ]
        assert [one.row.id for one in claims.listed(session, states=["asserted", "disputed"], limit=5)] == [number]
        told = changes.of_record(session, "licence", "paket", limit=2)[1].detail
        assert (told["what"], told["before"], told["after"]) == (
            "entitlement rejected",
            {"state": "disputed"},
            {"state": "rejected"},
        )


def test_no_side_may_say_what_is_not_in_the_table(catalogue: Catalogue) -> None:
    assert all(ClaimState.AGREED not in to for (_, side), to in NEXT.items() if side is Side.LIBRARY)
    assert {side for (state, side) in NEXT if state is ClaimState.AGREED} == {Side.ARCHIVE}
    with catalogue.writing() as session:
        licence, one = entered(session)
        number = claims.claim(session, BY, licence, one, run(), "x", at=NOW).row.id
        row = session.get_one(Entitlement, number)
        for state in ClaimState:
            for side in Side:
                for wanted in set(ClaimState) - set(NEXT.get((state, side), ())):
                    row.state = state
                    with pytest.raises(NotNow):
                        claims.act(session, BY, number, wanted, side, "x", at=NOW)
        assert session.execute(select(func.count()).select_from(EntitlementAct)).scalar_one() == 1


def test_a_library_says_nothing_of_the_title_list(catalogue: Catalogue) -> None:
    load(catalogue, HEAD + line(1))
    with catalogue.writing() as session:
        (one,) = claims.listed(session, limit=5)
        assert claims.may(one.row, Side.LIBRARY) == ()
        with pytest.raises(NotNow, match="title list"):
            claims.act(session, BY, one.row.id, ClaimState.REJECTED, Side.LIBRARY, "x", at=NOW)
        with pytest.raises(NotNow, match="9999"):
            claims.find(session, 9999)
        licence, library = entered(session)
        claims.claim(session, BY, licence, library, run(), "yanında", at=NOW)
        assert len(claims.listed(session, licence=licence, limit=5)) == 2


def test_a_member_of_a_party_may_claim(catalogue: Catalogue) -> None:
    with catalogue.writing() as session:
        licence, _ = entered(session)
        other = institutions.named(session, "baska")
        group = consortia.enter(session, BY, "birlik", "Birlik", at=NOW)
        terms.add_party(session, BY, licence, group, at=NOW)
        consortia.join(session, BY, group, other, date(2009, 1, 1), date(2010, 1, 1), at=NOW)
        assert claims.claim(session, BY, licence, other, run(), "üyeydik", at=NOW).row.state == "asserted"

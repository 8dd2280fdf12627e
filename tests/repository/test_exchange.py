"""Records out as tables and in again: an empty catalogue has the same ones afterwards."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import migrated
import pytest
from records import filled, issn

from repository import spreadsheet
from repository.access import changes, claims, institutions, licences, title_lists
from repository.access.exchange import consortia as consortia_table
from repository.access.exchange import entitlements as entitlements_table
from repository.access.exchange import institutions as institutions_table
from repository.access.exchange import licences as licences_table
from repository.access.exchange.tables import Imported
from repository.catalogue import Catalogue
from repository.kbart_lines import BadList
from repository.models import Title

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
BY = "ayse"
Enter = Callable[..., Imported]
TABLES: tuple[tuple[str, ModuleType, Any, Any, tuple[str, ...]], ...] = (
    (
        "institutions",
        institutions_table,
        institutions_table.told,
        institutions_table.enter_all,
        institutions_table.COLUMNS,
    ),
    ("consortia", consortia_table, consortia_table.told, consortia_table.enter_all, consortia_table.COLUMNS),
    ("licences", licences_table, licences_table.told, licences_table.enter_all, licences_table.COLUMNS),
    (
        "parties",
        licences_table,
        licences_table.parties_told,
        licences_table.enter_parties,
        licences_table.PARTY_COLUMNS,
    ),
    (
        "entitlements",
        entitlements_table,
        entitlements_table.told,
        entitlements_table.enter_all,
        entitlements_table.COLUMNS,
    ),
)


def table(catalogue: Catalogue, told: Any, columns: tuple[str, ...]) -> str:
    return "".join(spreadsheet.parts(columns, told(catalogue)))


def test_out_and_in_again_gives_the_same_records(database_url: str, tmp_path: Path) -> None:
    one = filled(database_url)
    migrated.template(tmp_path / "empty.sqlite")
    other = Catalogue(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    written = {name: table(one, told, columns) for name, _, told, _, columns in TABLES}
    lines = "".join(entitlements_table.kbart(one, "paket"))
    for name, _, told, enter, columns in TABLES:
        done = enter(other, BY, f"{name}.csv", written[name].encode(), at=NOW)
        assert (done.complaints, done.changed, done.unchanged) == ([], 0, 0), name
        assert done.new == done.rows > 0, name
        assert table(other, told, columns) == written[name], name
        with other.reading() as session:
            number = changes.number(session)
        again = enter(other, BY, f"{name}.csv", written[name].encode(), at=NOW)
        assert (again.new, again.changed, again.unchanged, again.complaints) == (0, 0, done.rows, []), name
        with other.reading() as session:
            assert changes.number(session) == number, "the same table again changes nothing"
    rows = list(csv.reader(io.StringIO(written["institutions"])))
    assert [row[1] for row in rows[1:]] == ["Başka, Üniversitesi", "'=SUM(A1) Üniversitesi"]
    assert "'=cmd|" in written["entitlements"]
    # KBART knows which journal continues which, and nothing of claims.
    with other.writing() as session:
        done = title_lists.load(
            session, BY, licences.named(session, "paket"), title_lists.read_list("liste.txt", lines.encode()), at=NOW
        )
        assert (done.rows, done.new, done.unchanged, done.complaints) == (3, 0, 3, [])
        former = {title.name: title.preceding_id for title in session.query(Title)}
    assert sum(number is not None for number in former.values()) == 1
    assert "".join(entitlements_table.kbart(other, "paket")) == lines
    assert lines.splitlines()[0].count("\t") == 24
    assert "Dergi 1\t\t0000-0019\t2009\t\t\t2018\t" in lines
    one.close()
    other.close()


@pytest.fixture
def catalogue(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Catalogue]:
    file = tmp_path / "c.sqlite"
    file.write_bytes(migrated_sqlite.read_bytes())
    found = filled(f"sqlite:///{file}")
    yield found
    found.close()


def test_a_row_that_is_refused_stops_no_other(catalogue: Catalogue) -> None:
    text = (
        "code,name,ror,networks,scopes\n"
        "yeni,Yeni Üniversite,,193.142.0.0/16,yeni.edu.tr\n"
        "kotu,Kötü,05dxps056,,\n"
        "Büyük,Büyük,,,\n"
        "genis,Geniş,,0.0.0.0/0,\n"
        "hirsiz,Hırsız,,,ornek.edu.tr\n"
        "komsu,Komşu,,193.140.9.0/24,\n"
        'ornek,Örnek Üniversitesi,,"193.140.0.0/16\n193.143.1.1",\n'
    )
    done = institutions_table.enter_all(catalogue, BY, "k.csv", text.encode(), at=NOW)
    assert (done.rows, done.new, done.changed, done.unchanged) == (7, 2, 1, 0)
    assert [each.line for each in done.complaints] == [3, 4, 5, 6]
    assert [each.line for each in done.remarks] == [7]
    assert "=SUM(A1) Üniversitesi" in str(done.remarks[0])
    with catalogue.reading() as session:
        assert institutions.find(session, "genis") is None, "a row is entered as a whole or not at all"
        ornek = institutions.as_json(session, institutions.named(session, "ornek"))
    assert (ornek["ror"], ornek["counter_id"]) == (None, "TR-1"), "an empty cell empties, a missing column says nothing"
    assert (ornek["networks"], ornek["scopes"]) == (["193.140.0.0/16", "193.143.1.1"], [])


def test_a_licence_is_closed_by_its_row_and_keeps_every_period(catalogue: Catalogue) -> None:
    def enter(text: str) -> list[str]:
        done = licences_table.enter_all(catalogue, BY, "l.csv", text.encode(), at=NOW)
        return [str(each) for each in done.complaints]

    def periods() -> list[str]:
        with catalogue.reading() as session:
            told = licences.as_json(session, licences.named(session, "paket"))
        return [told["status"], *(f"{one['since']}/{one['until']}" for one in told["periods"])]

    assert enter("code,periods\npaket,2015-01-01/2031-12-31\n") == []
    assert periods() == ["active", "2009-01-01/2012-12-31", "2015-01-01/2031-12-31"]
    assert "overlap" in enter("code,periods\npaket,2011-01-01/\n")[0]
    assert "period" in enter("code,periods\npaket,2011\n")[0]
    assert "closed on a day" in enter("code,status,closure\npaket,closed,cancelled\n")[0]
    assert "not known" in enter("code,status\npaket,bitti\n")[0]
    assert enter("code;status;closure;periods\npaket;closed;cancelled;2015-01-01/2025-12-31\n") == []
    assert periods() == ["closed", "2009-01-01/2012-12-31", "2015-01-01/2025-12-31"]
    assert "open this one again" in enter("code,status\npaket,active\n")[0]
    done = licences_table.enter_parties(
        catalogue, BY, "t.csv", b"licence,institution,consortium\npaket,ornek,birlik\npaket,yok,\nyok,ornek,\n", at=NOW
    )
    assert [each.line for each in done.complaints] == [2, 3, 4]


def test_entitlements_come_in_with_their_states(catalogue: Catalogue) -> None:
    head = "licence,institution,publication_title,online_identifier,date_first_issue_online,state\n"
    text = head + (
        f"paket,,Dergi 9,{issn(9)},2009,\n"
        f"paket,ornek,Dergi 9,{issn(9)},2010,\n"
        f"paket,ornek,Dergi 1,{issn(1)},2019,agreed\n"
        f"yok,,Dergi 9,{issn(9)},2009,\n"
        f"paket,,Dergi 8,1234-5678,2009,\n"
        f"paket,,Dergi 8,{issn(8)},2009,belki\n"
    )
    done = entitlements_table.enter_all(catalogue, BY, "h.csv", text.encode(), at=NOW)
    assert (done.rows, done.new) == (6, 3), "the claim from 2019 without a volume is another than that from volume 11"
    assert [each.line for each in done.complaints] == [5, 6, 7]
    with catalogue.reading() as session:
        found = claims.listed(session, limit=20)
        states = {
            (one.institution.code if one.institution else None, one.row.name): one.row.state for one in found[-3:]
        }
    assert states == {(None, "Dergi 9"): "agreed", ("ornek", "Dergi 9"): "asserted", ("ornek", "Dergi 1"): "agreed"}
    same = f"{head[:-1]},num_first_vol_online,num_first_issue_online\npaket,ornek,Dergi 1,{issn(1)},2019,agreed,11,1\n"
    done = entitlements_table.enter_all(catalogue, BY, "h.csv", same.encode(), at=NOW)
    assert (done.new, done.changed) == (0, 1)
    for bad in (b"", b"code\nx\n", b"licence\n"):
        with pytest.raises(BadList):
            entitlements_table.enter_all(catalogue, BY, "h.csv", bad, at=NOW)

"""Records that lie ready go out as they would be written on the spot, whatever has happened since."""

from __future__ import annotations

import gzip
import random
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from oai_pmh import preparing, sheaves, verbs, wire
from oai_pmh.verbs import Window
from oai_pmh.wire import Packed
from repository.models import Article, Sheaf, SheafForm
from repository.vocabulary import ArticleRecord

LONG_AGO = datetime(2024, 3, 1, 9, 0, 0, tzinfo=UTC)
CC = "https://creativecommons.org/licenses/by/4.0/"
OAI = "{http://www.openarchives.org/OAI/2.0/}"


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheaves of seven: a few dozen articles make many of them."""
    monkeypatch.setattr(preparing, "A_SHEAF", 7)
    monkeypatch.setattr(sheaves, "A_SHEAF", 7)
    monkeypatch.setattr(preparing, "_AT_ONCE", 3)
    monkeypatch.setattr(sheaves, "_FEW", 100)


@pytest.fixture
def window(window: Window) -> Window:
    return replace(window, page_size=20)


def records(harvester: Any, **arguments: str) -> list[bytes]:
    """Every record of a list as its octets stand there."""
    arguments = {"metadataPrefix": "oai_dc", **arguments}
    return [
        found
        for page in harvester.pages("ListRecords", **arguments)
        for found in re.findall(rb"<record>.*?</record>", page.body, re.DOTALL)
    ]


def lying(archive: Any) -> list[tuple[str, int]]:
    """Each sheaf by its format, and how many records it holds."""
    with archive.catalogue.reading() as session:
        rows = session.query(Sheaf).order_by(Sheaf.form, Sheaf.last_datestamp, Sheaf.last_number)
        return [(row.form.partition(":")[0], len(row.numbers) // 8) for row in rows]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The change numbers of the records that were written out, and did not lie ready."""
    noted: list[int] = []
    really = verbs.write

    def write(window: Window, prefix: str) -> Any:
        def noting(session: Any, numbers: Any) -> Callable[[], list[bytes]]:
            noted.extend(numbers)
            return really(window, prefix)(session, numbers)

        return noting

    monkeypatch.setattr(verbs, "write", write)
    return noted


def test_what_lies_ready_is_what_would_be_written(
    archive: Any, window: Window, harvester: Any, written: list[int]
) -> None:
    archive.fill(60)
    before = records(harvester), harvester.headers()
    assert len(written) == 120
    laid = preparing.prepare(window, ["oai_dc"], never)
    assert laid.records == 2 * 56
    assert lying(archive) == [("headers", 7)] * 8 + [("oai_dc", 7)] * 8
    written.clear()
    assert (records(harvester), harvester.headers()) == before
    assert len(written) == 8, "four of each are fewer than a sheaf"
    assert preparing.prepare(window, ["oai_dc"], never) == preparing.Laid()


def test_pages_end_with_sheaves(archive: Any, window: Window, harvester: Any) -> None:
    archive.fill(60)
    preparing.prepare(window, ["oai_dc"], never)
    pages = list(harvester.pages("ListRecords", metadataPrefix="oai_dc"))
    assert [len(page.root.findall(f".//{OAI}header")) for page in pages] == [14, 14, 14, 14, 4]
    assert [page.token.get("cursor") for page in pages] == ["0", "14", "28", "42", "56"]
    assert {page.token.get("completeListSize") for page in pages} == {"60"}


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "2024-03-01T09:02:00Z"},
        {"until": "2024-03-01T09:03:00Z"},
        {"since": "2024-03-01T09:01:00Z", "until": "2024-03-01T09:06:00Z"},
        {"set": "publisher:ornek-yayinevi"},
        {"set": "journal:2000-0003"},
        {"set": "open"},
        {"set": "open", "since": "2024-03-01T09:02:00Z"},
    ],
    ids=str,
)
def test_selections_are_cut_from_sheaves(
    archive: Any,
    window: Window,
    harvester: Any,
    written: list[int],
    article: Callable[[int], ArticleRecord],
    asked: dict[str, str],
) -> None:
    for place in range(56):
        stamp = LONG_AGO + timedelta(minutes=place // 6)
        archive.add(replace(article(place), licence=CC if place % 3 else None), datestamp=stamp)
    before = records(harvester, **asked), harvester.headers(**asked)
    preparing.prepare(window, ["oai_dc"], never)
    written.clear()
    assert (records(harvester, **asked), harvester.headers(**asked)) == before
    assert written == []


def test_a_set_that_is_sparse_is_written_out(
    archive: Any, window: Window, harvester: Any, written: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.fill(56)
    preparing.prepare(window, ["oai_dc"], never)
    monkeypatch.setattr(sheaves, "_FEW", 1)
    written.clear()
    assert len(records(harvester, set="journal:2000-0003")) == len(written) == 9


def test_records_that_have_gone_on_are_passed_over_and_sheaves_bound_anew(
    archive: Any, window: Window, harvester: Any, written: list[int], article: Callable[[int], ArticleRecord]
) -> None:
    archive.fill(56)
    preparing.prepare(window, ["oai_dc"], never)
    for place in (3, 20, 21, 22, 23, 24, 25, 26, 27, 55):
        stamp = LONG_AGO + timedelta(days=1, minutes=place)
        archive.add(replace(article(place), title=f"Düzeltme {place}"), datestamp=stamp, version=2)
    archive.withdraw(archive.ids[30], datestamp=LONG_AGO + timedelta(days=2))
    found = records(harvester)
    assert len(found) == len(set(found)) == 56
    assert sum("Düzeltme".encode() in record for record in found) == 10
    assert sum(b'status="deleted"' in record for record in found) == 1
    laid = preparing.prepare(window, ["oai_dc"], never)
    assert laid.rebound == 2 * 5, "of sheaves that nobody left none is bound anew"
    assert [number for form, number in lying(archive) if form == "oai_dc"] == [6, 7, 6, 6, 7, 7, 6, 7]
    written.clear()
    assert records(harvester) == found
    assert len(written) == 4


def test_what_is_left_of_many_sheaves_is_bound_together(
    archive: Any, window: Window, harvester: Any, article: Callable[[int], ArticleRecord]
) -> None:
    archive.fill(56)
    preparing.prepare(window, ["oai_dc"], never)
    for place in range(56):
        if place % 7 > 1:
            stamp = LONG_AGO + timedelta(days=1, minutes=place)
            archive.add(replace(article(place), title=f"Düzeltme {place}"), datestamp=stamp, version=2)
    found = records(harvester)
    preparing.prepare(window, ["oai_dc"], never)
    assert [number for form, number in lying(archive) if form == "oai_dc"] == [4, 4, 4, 4, *[7] * 5]
    assert records(harvester) == found
    assert len(found) == 56


def test_what_another_program_or_other_settings_wrote_is_taken_away(
    archive: Any, window: Window, harvester_of: Any
) -> None:
    archive.fill(30)
    preparing.prepare(window, ["oai_dc"], never)
    moved = replace(window, base_url="https://yeni.example.org")
    answer = harvester_of(moved).ask("ListRecords", metadataPrefix="oai_dc")
    assert b"https://arsiv.example.org/" not in answer.body
    assert b"https://yeni.example.org/articles/" in answer.body
    preparing.prepare(moved, ["oai_dc"], never)
    with archive.catalogue.reading() as session:
        assert {row.form for row in session.query(SheafForm)} == {moved.form("oai_dc"), moved.form("headers")}
        assert {row.form for row in session.query(Sheaf)} == {moved.form("oai_dc"), moved.form("headers")}


def test_a_format_is_laid_ready_once_somebody_has_asked_for_it(archive: Any, window: Window, harvester: Any) -> None:
    archive.fill(30)
    preparing.prepare(window, ["oai_dc"], never)
    assert {form for form, _ in lying(archive)} == {"headers", "oai_dc"}
    before = records(harvester, metadataPrefix="mods")
    preparing.write_down_wishes(window)
    preparing.prepare(window, ["oai_dc"], never)
    assert {form for form, _ in lying(archive)} == {"headers", "mods", "oai_dc"}
    assert records(harvester, metadataPrefix="mods") == before
    later = replace(window, clock=lambda _: datetime.now(UTC) + timedelta(days=31))
    preparing.prepare(later, ["oai_dc"], never)
    assert {form for form, _ in lying(archive)} == {"headers", "oai_dc"}


def test_several_that_prepare_at_once_lay_each_record_ready_once(archive: Any, window: Window, harvester: Any) -> None:
    archive.fill(60)
    before = records(harvester)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: preparing.prepare(window, ["oai_dc"], never), range(3)))
    preparing.prepare(window, ["oai_dc"], never)
    assert lying(archive) == [("headers", 7)] * 8 + [("oai_dc", 7)] * 8
    assert records(harvester) == before


def test_a_record_of_the_last_seconds_is_not_laid_ready_yet(archive: Any, window: Window) -> None:
    archive.fill(6)
    archive.add(ArticleRecord(title="Yeni", doi="10.5555/yeni", journal_title="Yeni", issn_electronic="2000-0099"))
    assert preparing.prepare(window, ["oai_dc"], never).records == 0


@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_the_list_is_what_would_be_written(
    archive: Any, window: Window, harvester: Any, article: Callable[[int], ArticleRecord], seed: int
) -> None:
    """New, corrected and withdrawn articles in any order, with sheaves bound between them: each list is right."""
    chance = random.Random(seed)
    stamp = LONG_AGO
    versions: dict[int, int] = {}
    bare = replace(window, wishes=set())
    for step in range(50):
        stamp += timedelta(seconds=chance.randrange(3))
        place = chance.randrange(40)
        versions[place] = versions.get(place, 0) + 1
        described = replace(article(place), title=f"{place} v{step}", licence=CC if chance.random() < 0.5 else None)
        name = archive.add(described, datestamp=stamp, version=versions[place])
        if chance.random() < 0.1:
            archive.withdraw(name, datestamp=stamp)
        if step % 10 == 9:
            asked = chance.choice(({}, {"set": "open"}, {"set": "journal:2000-0001"}))
            preparing.prepare(window, ["oai_dc"], never)
            found = records(harvester, **asked)
            with archive.catalogue.writing() as session:
                session.query(Sheaf).delete()
                session.query(SheafForm).delete()
            assert records(harvester, **asked) == found
            preparing.prepare(bare, ["oai_dc"], never)
    with archive.catalogue.reading() as session:
        assert len(records(harvester)) == session.query(Article).count()


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 40), st.booleans()), max_size=8))
def test_parts_are_one_stream_in_every_coding(made: list[tuple[bytes, int, bool]]) -> None:
    parts = [wire.pack(text * times) if packed else text * times for text, times, packed in made]
    whole = b"".join(text * times for text, times, _ in made)
    member = b"".join(wire.gzipped(parts))
    only = zlib.decompressobj(wbits=31)
    assert only.decompress(member) == whole, "clients that read one member have read everything"
    assert only.eof
    assert only.unused_data == b""
    assert gzip.decompress(member) == whole
    assert b"".join(wire.plain(parts)) == whole
    assert wire.size(parts) == len(whole)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(b"".join(wire.zstandard_of(parts))) == whole


def test_a_page_of_sheaves_is_not_compressed_anew(archive: Any, window: Window) -> None:
    archive.fill(21)
    preparing.prepare(window, ["oai_dc"], never)
    with archive.catalogue.reading() as session:
        stored = session.query(Sheaf.deflated).filter(Sheaf.form == window.form("oai_dc")).all()
    page = b"".join(wire.gzipped([b"<x>", *(Packed(row.deflated, 0, 0) for row in stored), b"</x>"]))
    assert all(row.deflated in page for row in stored)

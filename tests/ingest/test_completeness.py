"""What should be here and is not: lists as they are given, the grid, the letter."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pages
import pytest
from lxml import html

from ingest import completeness as lists
from ingest.letters import Claim, letter, missing_csv
from repository.catalogue import completeness, titles
from repository.catalogue.completeness import Cell, Expected, Line
from repository.errors import UsageError

PUBLISHER = "Örnek Yayınevi"
ISSN = "1300-0632"


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def load(archive: pages.Site, file: Path, issn: str | None = None) -> dict[str, int]:
    return lists.load(archive.catalogue, PUBLISHER, file.name, lists.read_list(file, issn))


def grid(archive: pages.Site) -> list[tuple[str | None, str | None, int, int, int]]:
    with archive.catalogue.reading() as rows:
        title = titles.title_by_issn(rows, (ISSN,))
        assert title is not None
        found = completeness.grid(rows, title)
    return [(cell.volume, cell.issue, cell.held, cell.expected, cell.missing) for cell in found]


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_list_of_dois_shows_what_is_held_and_what_is_not(archive: pages.Site, tmp_path: Path) -> None:
    pages.enter(archive, pages.record(1))
    pages.enter(archive, pages.record(2, volume="13", issue=None, doi=None, first_page=None, elocation="e7"))
    rows = "\n".join(f"https://doi.org/10.5555/ORNEK.{number},2021,12,3,{number}" for number in (1, 2, 3))
    file = written(tmp_path, "dois.csv", f"\ufeffDOI,year,volume,issue,page\n{rows}\n")
    assert load(archive, file, ISSN) == {"Örnek Tarım Bilimleri Dergisi": 3}
    assert grid(archive) == [("13", None, 1, 0, 0), ("12", "3", 1, 3, 2)]
    assert load(archive, written(tmp_path, "dois.csv", "doi\n10.5555/ornek.9\n"), ISSN) != {}
    assert grid(archive)[-1] == (None, None, 0, 1, 1), "the same list again replaces what it said"


def test_crossref_json_speaks_of_a_journal_that_is_not_known_yet(archive: pages.Site, tmp_path: Path) -> None:
    item = {
        "DOI": "10.5555/ORNEK.1",
        "ISSN": [ISSN, "2149-2263"],
        "container-title": ["Örnek Dergi"],
        "volume": "12",
        "issue": "3",
        "page": "1-9",
        "title": ["=cmd|' /C calc'!A0"],
        "published-print": {"date-parts": [[2021, 6]]},
    }
    whole = {"status": "ok", "message": {"items": [item, item | {"DOI": "10.5555/ornek.2"}]}}
    assert load(archive, written(tmp_path, "works.json", json.dumps(whole))) == {"Örnek Dergi": 2}
    assert grid(archive) == [("12", "3", 0, 2, 2)]
    pages.enter(archive, pages.record(1))
    assert grid(archive) == [("12", "3", 1, 2, 1)]
    lines = f"{json.dumps(item)}\n{json.dumps(item | {'DOI': '10.5555/ornek.2'})}\n"
    assert len(lists.read_list(written(tmp_path, "works.jsonl", lines))) == 2


def test_kbart_expects_each_whole_volume(archive: pages.Site, tmp_path: Path) -> None:
    pages.enter(archive, pages.record(1))
    head = "publication_title\tprint_identifier\tonline_identifier\tnum_first_vol_online\tnum_last_vol_online\n"
    load(archive, written(tmp_path, "kbart.tsv", f"{head}Örnek\t\t{ISSN}\t11\t13\n"))
    assert grid(archive) == [("13", None, 0, 1, 1), ("12", "3", 1, 0, 0), ("12", None, 0, 1, 0), ("11", None, 0, 1, 1)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("doi,issn\nnot-a-doi,1300-0632\n10.5555/x,1300-0633\n", "line 2: 'not-a-doi' is not a DOI"),
        ("doi\n10.5555/x\n", "line 2: '' is not an ISSN"),
        ("name\nx\n", "line 1: neither a column doi"),
        ("{", "neither JSON nor JSON lines"),
        ('{"message": {"items": [{"DOI": "10.5555/x"}, {"ISSN": []}]}}', "item 1: no ISSN"),
        ("publication_title\tonline_identifier\nX\t1300-0633\n", "line 2: '1300-0633' is not an ISSN"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_a_bad_list_is_answered_line_by_line_and_nothing_is_loaded(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match="list") as error:
        lists.read_list(written(tmp_path, "list.csv", text))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("language", "said"), [("tr", "Cilt 12, Sayı 3, 2021: 2 eksik"), ("en", "Vol. 12, No. 3, 2021: 2")]
)
def test_the_letter_says_what_is_missing(language: str, said: str) -> None:
    cells = [Cell(2021, "12", "3", held=1, expected=3, missing=2), Cell(2020, "11", "1", held=4, expected=4)]
    claim = Claim("Mahfuz", "a@b.tr", PUBLISHER, "Örnek $Dergi", ISSN, date(2026, 11, 24), cells)
    text = letter(claim, language)
    assert said in text
    assert "Örnek $Dergi" in text
    assert "11" not in text.replace("11.2026", "").replace("2026-11", "")


def test_no_cell_of_the_list_runs_in_a_spreadsheet() -> None:
    lines = [Line("l", Expected("10.5555/x", name="=cmd|' /C calc'!A0"), False), Line("l", Expected("10.5555/y"), True)]
    ((head, *_), row) = list(csv.reader(io.StringIO(missing_csv(lines))))
    assert head == "doi"
    assert row[5].startswith("'=cmd")


def test_the_pages_show_the_grid_the_gaps_and_the_letter(archive: pages.Site, tmp_path: Path) -> None:
    pages.enter(archive, pages.record(1))
    load(archive, written(tmp_path, "d.csv", "doi,volume,issue\n10.5555/ornek.1,12,3\n10.5555/ornek.2,12,3\n"), ISSN)
    browser = archive.staff_client()
    listed = html.fromstring(browser.get("/staff/completeness?lang=en").text)
    assert listed.xpath("//tbody//th/a/@href") == [f"/staff/completeness/{ISSN}"]
    page = html.fromstring(browser.get(f"/staff/completeness/{ISSN}?lang=en").text)
    assert "1 of 2 missing" in page.text_content()
    assert page.xpath("//tbody//code/text()") == ["10.5555/ornek.2"]
    letter_text = browser.get(f"/staff/completeness/{ISSN}/letter/tr")
    assert (letter_text.mimetype, "Cilt 12, Sayı 3" in letter_text.text) == ("text/plain", True)
    rows = list(csv.DictReader(io.StringIO(browser.get(f"/staff/completeness/{ISSN}?format=csv").text)))
    assert [row["doi"] for row in rows] == ["10.5555/ornek.2"]
    assert browser.get("/staff/completeness/2149-2263").status_code == 404
    assert browser.get(f"/staff/completeness/{ISSN}/letter/de").status_code == 404

"""What should be here and is not: lists as they are given, the grid, the letter."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pages
import pytest
from collection import SAMPLES
from flask.testing import FlaskClient
from lxml import html
from werkzeug.test import TestResponse

from ingest import completeness as loading
from ingest.letters import Claim, letter, missing_csv
from repository.catalogue import completeness, shortfalls, titles
from repository.catalogue.completeness import Cell, Expected, Line
from repository.errors import UsageError
from repository.vocabulary import utc_now

PUBLISHER = "Örnek Yayınevi"
ISSN = "1300-0632"
TODAY = date(2026, 11, 25)


@pytest.fixture
def archive(database_url: str) -> Iterator[pages.Site]:
    site = pages.site(database_url)
    yield site
    site.catalogue.close()


def load(archive: pages.Site, file: Path, issn: str | None = None) -> dict[str, int]:
    return loading.load(archive.catalogue, PUBLISHER, file.name, loading.read_file(file, issn).lines)


def grid(archive: pages.Site) -> list[tuple[str | None, str | None, int, int, int]]:
    with archive.catalogue.reading() as rows:
        title = titles.title_by_issn(rows, (ISSN,))
        assert title is not None
        found = completeness.grid(rows, title, TODAY)
    return [(cell.volume, cell.issue, cell.held, cell.expected, cell.missing) for cell in found]


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
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
    assert len(loading.read_file(written(tmp_path, "works.jsonl", lines)).lines) == 2


def test_kbart_expects_each_whole_volume(archive: pages.Site, tmp_path: Path) -> None:
    pages.enter(archive, pages.record(1))
    head = "publication_title\tprint_identifier\tonline_identifier\tnum_first_vol_online\tnum_last_vol_online\n"
    load(archive, written(tmp_path, "kbart.tsv", f"{head}Örnek\t\t{ISSN}\t11\t13\n"))
    assert grid(archive) == [("13", None, 0, 1, 1), ("12", "3", 1, 0, 0), ("12", None, 0, 1, 0), ("11", None, 0, 1, 1)]


def test_one_thing_in_two_lists_is_counted_once(archive: pages.Site, tmp_path: Path) -> None:
    pages.enter(archive, pages.record(1))
    dois = "doi,volume,issue\n10.5555/ornek.1,12,3\n10.5555/ORNEK.2,12,3\n"
    load(archive, written(tmp_path, "a.csv", dois), ISSN)
    load(archive, written(tmp_path, "b.csv", f"{dois}10.5555/ornek.3,12,3\n"), ISSN)
    assert grid(archive) == [("12", "3", 1, 3, 2)]


def test_what_is_held_counts_where_it_stands_on_our_shelves(archive: pages.Site, tmp_path: Path) -> None:
    """A list of bare DOIs, or one that numbers issues otherwise, opens no cells of its own for what is held."""
    pages.enter(archive, pages.record(1))
    pages.enter(archive, pages.record(2, volume="13", issue="1-2"))
    load(archive, written(tmp_path, "a.csv", "doi,volume,issue\n10.5555/ornek.1,,\n10.5555/ornek.2,13,1\n"), ISSN)
    assert grid(archive) == [("13", "1-2", 1, 1, 0), ("12", "3", 1, 1, 0)]


def test_article_numbers_pages_and_titles_find_articles_without_doi(archive: pages.Site, tmp_path: Path) -> None:
    number = {"first_page": None, "last_page": None, "issue": None}
    pages.enter(archive, pages.record(1, doi=None, elocation="e1007", **number))
    pages.enter(archive, pages.record(2, doi="10.5555/baska", elocation="e1008", **number))
    pages.enter(archive, pages.record(3, doi=None, volume=None, issue=None))
    lines = "doi,year,volume,page,title\n" + "".join(
        f"10.5555/n.{one}\n"
        for one in (
            "1,2021,12,e1007,",
            "2,2021,12,e1008,",
            "3,2021,12,e1009,",
            "4,2021,,,ISPARTA GÜL BAHÇELERİNDE TOPRAK NEMİ 3",
            "5,2021,,30-39,",
        )
    )
    load(archive, written(tmp_path, "n.csv", lines), ISSN)
    with archive.catalogue.reading() as rows:
        title = titles.title_by_issn(rows, (ISSN,))
        assert title is not None
        told = {line.expected.doi: line.held for line in completeness.lines_of(rows, [title], TODAY)}
    assert told == {
        "10.5555/n.1": True,
        "10.5555/n.2": False,  # the article on this page has another DOI
        "10.5555/n.3": False,
        "10.5555/n.4": True,
        "10.5555/n.5": True,
    }


def test_issues_of_different_years_are_different_where_there_is_no_volume(archive: pages.Site, tmp_path: Path) -> None:
    for number, year in ((1, 2019), (2, 2020)):
        pages.enter(archive, pages.record(number, volume=None, issue="1", published={"ppub": str(year)}))
    load(archive, written(tmp_path, "y.csv", "doi,year,issue\n10.5555/yok,2020,2\n"), ISSN)
    assert grid(archive) == [(None, "2", 0, 1, 1), (None, "1", 1, 0, 0), (None, "1", 1, 0, 0)]


KBART_HEAD = (
    "publication_title\tprint_identifier\tonline_identifier\tdate_first_issue_online\tnum_first_vol_online\t"
    "date_last_issue_online\tnum_last_vol_online\n"
)


@pytest.mark.parametrize(
    ("covered", "missing"),
    [
        ("2019\t\t\t", ["2019", "2020", "2022", "2023", "2024", "2025", "2026"]),
        ("2025-03-01\t1\t\t", ["2025", "2026"]),
        ("2019\t\t2022-12\t", ["2019", "2020", "2022"]),
        ("\t10\t\t", ["10", "11"]),
        ("2025\t10\t\t13(present)", ["10", "11", "13", "2025", "2026"]),
        ("2019\t10\t2022\t12", ["10", "11"]),
        ("\t\t2019\t", []),
    ],
)
def test_kbart_that_goes_on_expects_everything_up_to_now(
    archive: pages.Site, tmp_path: Path, covered: str, missing: list[str]
) -> None:
    pages.enter(archive, pages.record(1))  # volume 12, 2021
    file = written(tmp_path, "k.tsv", f"{KBART_HEAD}Örnek\t\t{ISSN.replace('-', '')}\t{covered}\n")
    if not missing:
        with pytest.raises(UsageError, match="no volumes or years"):
            load(archive, file)
        return
    load(archive, file)
    with archive.catalogue.reading() as rows:
        title = titles.title_by_issn(rows, (ISSN,))
        assert title is not None
        lines = list(completeness.lines_of(rows, [title], TODAY))
        cells = completeness.grid(rows, title, TODAY)
    assert [str(one.expected.volume or one.expected.year) for one in lines if not one.held] == missing
    assert sum(cell.missing for cell in cells) == len(missing)
    assert [(cell.volume, cell.held) for cell in cells if cell.held] == [("12", 1)]


def test_a_new_year_is_expected_once_something_of_it_can_have_come_out(archive: pages.Site, tmp_path: Path) -> None:
    load(archive, written(tmp_path, "k.tsv", f"{KBART_HEAD}Örnek\t\t{ISSN}\t2025\t\t\t\n"))
    for day, years in ((date(2027, 1, 31), 2), (date(2027, 4, 2), 3)):
        with archive.catalogue.reading() as rows:
            title = titles.title_by_issn(rows, (ISSN,))
            assert title is not None
            assert completeness.summaries(rows, [title], day)[title.id].missing == years


def test_a_list_of_many_lines_is_read_in_pages(archive: pages.Site, tmp_path: Path) -> None:
    pages.enter(archive, pages.record(1))
    lines = "".join(f"10.5555/ornek.{number},{number % 7}\n" for number in range(2500))
    load(archive, written(tmp_path, "many.csv", f"doi,volume\n{lines}"), ISSN)
    browser = archive.staff_client()
    address, dois = f"/staff/completeness/{ISSN}/lines?which=missing", []
    while address:
        page = html.fromstring(browser.get(address).text)
        dois += page.xpath("//tbody//code/text()")
        address = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    assert len(dois) == len(set(dois)) == 2499
    rows = csv.DictReader(io.StringIO(browser.get(f"/staff/completeness/{ISSN}/lines?which=missing&format=csv").text))
    assert [row["doi"] for row in rows] == dois


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("doi,issn\nnot-a-doi,1300-0632\n10.5555/x,1300-0633\n", "line 2: 'not-a-doi' is not a DOI"),
        ("doi\n10.5555/x\n", "line 2: No ISSN is given"),
        ("name\nx\n", "line 1: There is neither a column doi"),
        ("doi\n\n\n,,\nx\n", "line 5: 'x' is not a DOI"),
        ("doi\n", "The list is empty"),
        ("doi,issn\n10.5555/" + "x" * 600 + ",1300-0632\n", "is not a DOI"),
        ("doi,issn\n" + "x" * 200_000 + ",1300-0632\n", "line 2: This line cannot be read as CSV"),
        ("doi\nx\n\udcff", "line 3: The file is not UTF-8"),
        (
            f"publication_title\tprint_identifier\tnum_first_vol_online\tnum_last_vol_online\nX\t{ISSN}\t9\t3\n",
            "line 2: There are no volumes or years",
        ),
        ('{"DOI": "10.5555/x", "ISSN": []}\n\n{"DOI": "y"}\n', "line 3: 'y' is not a DOI"),
        ("{", "This is neither JSON nor JSON lines"),
        ('{"message": {"items": [{"DOI": "10.5555/x"}, {"ISSN": []}]}}', "item 1: No ISSN"),
        ("publication_title\tonline_identifier\nX\t1300-0633\n", "line 2: '1300-0633' is not an ISSN"),
        ("publication_title\tonline_identifier\nX\tn/a\n", "line 2: No ISSN is given"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_a_bad_list_is_answered_line_by_line_and_nothing_is_loaded(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match="list") as error:
        loading.read_file(written(tmp_path, "list.csv", text))
    assert said in str(error.value)


def test_lines_that_say_nothing_are_told_and_the_others_loaded(archive: pages.Site, tmp_path: Path) -> None:
    lines = f"Örnek\t\t{ISSN}\t2025\t\t\t\nKitap\tn/a\t\t2020\t\t\t\nEski\t1300-0633\t{ISSN}\t\t\t\t\n"
    found = loading.read_file(written(tmp_path, "k.tsv", KBART_HEAD + lines))
    assert [line.expected for line in found.lines] == [Expected(year=2025, goes_on=True)]
    assert [str(each) for each in found.complaints] == [
        "line 3: No ISSN is given. Add a column issn, or name the ISSN for the whole list.",
        "line 4: There are no volumes or years from a first to a last, nor a first that goes on.",
    ]
    pages.enter(archive, pages.record(1))
    answer = send(archive.staff_client(), "k.tsv", (KBART_HEAD + lines).encode())
    assert answer.status_code == 200
    assert "1 line was loaded." in answer.text
    assert len(html.fromstring(answer.text).xpath("//div[@role='alert']//li")) == 2


def test_a_quotation_mark_in_a_title_takes_no_other_line_with_it(tmp_path: Path) -> None:
    other = "9999-0016"
    lines = [
        f'"Kapanmayan tırnak\t\t{ISSN}\t2020\t\t\t',
        f'"Çağ" dergisi\t\t{other}\t2021\t\t\t',
        f'"Bir ""güzel"" dergi"\t\t{other}\t2022\t\t\t',
    ]
    found = loading.read_file(written(tmp_path, "k.tsv", KBART_HEAD + "\r\n".join(lines) + "\r\n"))
    assert found.complaints == []
    assert [(line.journal, line.expected.year) for line in found.lines] == [
        ('"Kapanmayan tırnak', 2020),
        ('"Çağ" dergisi', 2021),
        ('Bir "güzel" dergi', 2022),
    ]


@pytest.mark.parametrize("after", ["10.5555/b,x\n", '10.5555/b,"x"\n'])
def test_a_csv_in_which_a_cell_runs_on_is_refused_where_it_begins(tmp_path: Path, after: str) -> None:
    text = f'doi,title\n10.5555/a,"iki\nsatır"\n10.5555/c,"açık\n{after}'
    with pytest.raises(UsageError, match="line 4: A quotation mark opens a cell"):
        loading.read_file(written(tmp_path, "list.csv", text), ISSN)


def test_books_of_a_platform_are_nothing_to_complain_of(tmp_path: Path) -> None:
    head = "publication_title\tprint_identifier\tdate_first_issue_online\tpublication_type\n"
    lines = f"Kitap\t978-975-00000-0-0\t\tMonograph\nDergi\t{ISSN}\t2020\tserial\n"
    found = loading.read_file(written(tmp_path, "k.txt", head + lines))
    assert (len(found.lines), found.complaints) == (1, [])


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the collection of samples is not beside this checkout")
@pytest.mark.parametrize(
    ("name", "titles_listed", "complaints"),
    [
        ("chocula-kbart_CLOCKSS.txt", 18, 2),
        ("chocula-kbart_JSTOR.txt", 24, 0),
        ("folio-annualreviews-kbart2.tsv", 65, 0),
    ],
)
def test_real_kbart_is_read(name: str, titles_listed: int, complaints: int) -> None:
    found = loading.read_file(SAMPLES / "kbart" / name)
    assert len({line.issns for line in found.lines}) == titles_listed
    assert len(found.complaints) == complaints


@pytest.mark.parametrize(
    ("language", "said"), [("tr", "Cilt 12, Sayı 3, 2021: 2 eksik"), ("en", "Vol. 12, No. 3, 2021: 2")]
)
def test_the_letter_says_what_is_missing(language: str, said: str) -> None:
    cells = [
        Cell(2021, "12", "3", ("12", "", "3"), expected=3, missing=2, issues=[(1, 1)]),
        Cell(2020, "11", "1", ("11", "", "1"), expected=4, issues=[(2, 4)]),
    ]
    claim = Claim("Mahfuz", "a@b.tr", PUBLISHER, "Örnek $Dergi", ISSN, date(2026, 11, 24), cells)
    text = letter(claim, language)
    assert said in text
    assert "Örnek $Dergi" in text
    assert "11" not in text.replace("11.2026", "").replace("2026-11", "")


def test_no_cell_of_the_list_runs_in_a_spreadsheet() -> None:
    bad = ("=cmd|' /C calc'!A0", "+1", "-1", "@x", "＝1", "\tx", "\r=1")
    place = ("", "", "")
    lines = [Line(1, "-l", None, Expected("10.5555/x", page=one, name=one), False, place) for one in bad]
    lines.append(Line(2, "l", None, Expected("10.5555/held"), True, place))
    head, *rows = list(csv.reader(io.StringIO(missing_csv(lines), newline="")))
    assert head == ["doi", "year", "volume", "issue", "page", "title", "source"]
    assert len(rows) == len(bad)
    assert all(cell.startswith("'") for row in rows for cell in (row[4], row[5], row[6]))


def test_the_pages_show_the_grid_the_gaps_and_the_letter(archive: pages.Site, tmp_path: Path) -> None:
    pages.enter(archive, pages.record(1))
    load(archive, written(tmp_path, "d.csv", "doi,volume,issue\n10.5555/ornek.1,12,3\n10.5555/ornek.2,12,3\n"), ISSN)
    browser = archive.staff_client()
    listed = html.fromstring(browser.get("/staff/completeness?lang=en").text)
    assert listed.xpath("//tbody//th/a/@href") == [f"/staff/completeness/{ISSN}"]
    page = html.fromstring(browser.get(f"/staff/completeness/{ISSN}?lang=en").text)
    (cell,) = page.find_class("issue")
    numbers = {link.text_content().strip(): link.get("href") for link in cell.iter("a")}
    assert list(numbers) == ["1 missing", "2 expected", "1 article"]
    for name, dois in (("1 missing", ["2"]), ("2 expected", ["1", "2"])):
        proof = html.fromstring(browser.get(numbers[name] + "&lang=en").text)
        assert (
            proof.xpath("//tbody//code/text()") == [f"10.5555/ornek.{number}" for number in dois] or name != "1 missing"
        )
        assert len(proof.xpath("//tbody/tr")) == len(dois)
    assert browser.get(numbers["1 article"]).status_code == 200
    assert page.xpath("//tbody//code/text()") == ["10.5555/ornek.2"]
    letter_text = browser.get(f"/staff/completeness/{ISSN}/letter/tr")
    assert (letter_text.mimetype, "Cilt 12, Sayı 3" in letter_text.text) == ("text/plain", True)
    rows = list(
        csv.DictReader(io.StringIO(browser.get(f"/staff/completeness/{ISSN}/lines?which=missing&format=csv").text))
    )
    assert [row["doi"] for row in rows] == ["10.5555/ornek.2"]
    assert browser.get("/staff/completeness/2149-2263").status_code == 404
    assert browser.get(f"/staff/completeness/{ISSN}/letter/de").status_code == 404


def test_the_mail_has_the_letter_and_the_list(archive: pages.Site, tmp_path: Path) -> None:
    load(archive, written(tmp_path, "d.csv", "doi,title\n10.5555/ornek.2,=1+1\n10.5555/ornek.3,Şiir\n"), ISSN)
    answer = archive.staff_client().get(f"/staff/completeness/{ISSN}/letter/tr.eml")
    assert answer.mimetype == "message/rfc822"
    mail = message_from_bytes(answer.data, policy=SMTP)
    assert isinstance(mail, EmailMessage)
    assert "arşivimizde eksik olan içerik" in mail["Subject"]
    body = mail.get_body()
    assert body is not None
    assert "2 tanesi arşivimizde yoktur" in body.get_content()
    (listed,) = mail.iter_attachments()
    assert listed.get_filename() == f"missing-{ISSN}.csv"
    octets = listed.get_payload(decode=True)
    assert isinstance(octets, bytes)
    rows = list(csv.DictReader(io.StringIO(octets.decode("utf-8-sig"))))
    assert octets.startswith(b"\xef\xbb\xbf")
    assert [row["title"] for row in rows] == ["'=1+1", "Şiir"]


def send(browser: FlaskClient, name: str, data: bytes, **fields: str) -> TestResponse:
    """The form of the upload, filled in."""
    token = pages.token_of(browser.get("/staff/completeness/load"))
    given = {"csrf_token": token, "publisher": PUBLISHER, "issn": ISSN} | fields
    return browser.post("/staff/completeness/load?lang=en", data={**given, "file": (io.BytesIO(data), name)})


def test_staff_upload_a_list(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1))
    browser = archive.staff_client()
    form = html.fromstring(browser.get("/staff/completeness/load").text)
    assert form.xpath("//datalist/option/@value") == [PUBLISHER]
    done = send(browser, "C:/listeler/dois.csv", b"doi\n10.5555/ornek.1\n10.5555/ornek.2\n")
    assert (done.status_code, done.location) == (302, f"/staff/completeness/{ISSN}?loaded=2")
    page = browser.get(done.location + "&lang=en").text
    assert "2 lines were loaded." in page
    assert "dois.csv" in page
    assert "listeler" not in page
    assert grid(archive) == [("12", "3", 1, 1, 0), (None, None, 0, 1, 1)]
    address = f"/staff/completeness/{ISSN}"
    assert pages.post(browser, f"{address}/forget", address, source="dois.csv", delivery="").status_code == 302
    assert grid(archive) == [("12", "3", 1, 0, 0)]


def test_what_is_wrong_with_an_uploaded_list_is_told_line_by_line(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1))
    browser = archive.staff_client()
    lines = ["doi", "", "<script>alert(1)</script>", *("yok" for _ in range(60))]
    answer = send(browser, "kötü.csv", "\n".join(lines).encode())
    assert answer.status_code == 400
    said = html.fromstring(answer.text).xpath("//div[@role='alert']//li")
    assert said[0].text_content() == "Line 3: “<script>alert(1)</script>” is not a DOI."
    assert said[-1].text_content() == "… and 11 more lines"
    assert "<script>" not in answer.text
    assert grid(archive) == [("12", "3", 1, 0, 0)]
    for fields, what in (
        ({"publisher": "Yok Yayınları"}, "No publisher of this name"),
        ({"issn": "1300-0633"}, "This is not an ISSN."),
    ):
        assert what in send(browser, "a.csv", b"doi\n10.5555/a\n", **fields).text
    assert "Choose a file." in send(browser, "", b"").text
    assert "not UTF-8 text" in send(browser, "a.csv", "doi\n10.5555/ş".encode("cp1254")).text
    assert send(browser, "a.csv", b"doi\n10.5555/a", publisher="a\x00").status_code == 400


@pytest.mark.parametrize(
    "data",
    [
        b'[{"DOI": "10.5555/\\u0000x\\ud800", "ISSN": "1300-0632", "volume": {}, "title": [["x"]], "issued": 7}]',
        b'[{"DOI": "10.5555/x", "ISSN": ["1300-0632"], "issued": {"date-parts": [[99999999999999]]}, "page": true}]',
        b"doi,year,volume,issue,page,title\n10.5555/x,\xc2\xb2021," + b",".join(b"9 " * 3000 for _ in range(4)) + b"\n",
        b"publication_title,online_identifier,num_first_vol_online,num_last_vol_online\nX,1300-0632,1,999999\n",
        b'[null, 7, "x", [], {"DOI": 10, "ISSN": 7}]',
    ],
)
def test_hostile_lists_are_loaded_or_answered(archive: pages.Site, data: bytes) -> None:
    pages.enter(archive, pages.record(1))
    answer = send(archive.staff_client(), "list", data)
    assert answer.status_code in (302, 400)


def test_only_staff_with_a_fresh_form_upload_and_only_so_much(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1))
    sent = {"publisher": PUBLISHER, "issn": ISSN, "file": (io.BytesIO(b"doi\n10.5555/a\n"), "a.csv")}
    assert archive.client.get("/staff/completeness/load").status_code == 302
    assert archive.client.post("/staff/completeness/load", data=dict(sent)).status_code == 403
    browser = archive.staff_client()
    sent["file"] = (io.BytesIO(b"doi\n10.5555/a\n"), "a.csv")
    assert browser.post("/staff/completeness/load", data=dict(sent)).status_code == 400, "no token"
    assert grid(archive) == [("12", "3", 1, 0, 0)]
    assert send(browser, "big.csv", b"doi\n" + b"\n" * 500_000 + b"10.5555/a\n").status_code == 302
    assert send(browser, "big.csv", b"x" * ((32 << 20) + 1)).status_code == 413
    stranger = archive.client.post("/staff/completeness/load", data={"file": (io.BytesIO(b"x" * (1 << 20)), "a")})
    assert stranger.status_code in (403, 413)


def listed(browser: FlaskClient) -> list[str]:
    page = html.fromstring(browser.get("/staff/completeness?lang=en").text)
    return [" ".join(cell.text_content().split()) for cell in page.xpath("//tbody/tr/td")][1:]


def test_the_list_of_titles_shows_what_was_counted_and_counts_only_short_lists_itself(
    archive: pages.Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.enter(archive, pages.record(1))
    lines = "".join(f"10.5555/ornek.{number}\n" for number in range(1, 6))
    load(archive, written(tmp_path, "d.csv", f"doi\n{lines}"), ISSN)
    browser = archive.staff_client()
    assert listed(browser) == ["1", "5", "4"], "a short list is counted at once"
    monkeypatch.setattr("ingest.web.completeness.AT_ONCE", 4)
    assert listed(browser) == ["1", "not counted yet", "not counted yet"]
    assert loading.count_due(archive.catalogue, utc_now) == 1
    assert loading.count_due(archive.catalogue, utc_now) == 0, "it is not its turn again before something comes"
    assert listed(browser) == ["1", "5", "4"]
    pages.enter(archive, pages.record(2))
    assert listed(browser) == ["2", "5", "4"], "as counted last, until it is counted anew"
    assert loading.count_due(archive.catalogue, utc_now) == 1
    assert listed(browser) == ["2", "5", "3"]
    with archive.catalogue.writing() as rows:
        title = titles.title_by_issn(rows, (ISSN,))
        assert title is not None
        completeness.forget(rows, title, "d.csv", None)
    assert loading.count_due(archive.catalogue, utc_now) == 1
    with archive.catalogue.reading() as rows:
        assert shortfalls.of(rows, [title.id]) == {}


def test_a_title_to_which_something_comes_while_it_is_counted_is_counted_again(
    archive: pages.Site, tmp_path: Path
) -> None:
    pages.enter(archive, pages.record(1))
    load(archive, written(tmp_path, "d.csv", "doi\n10.5555/ornek.1\n10.5555/ornek.2\n"), ISSN)
    now = utc_now()
    with archive.catalogue.writing() as rows:
        claimed = shortfalls.claim(rows, now)
        assert claimed is not None
        assert shortfalls.claim(rows, now) is None, "nobody else counts it meanwhile"
    pages.enter(archive, pages.record(2))
    with archive.catalogue.writing() as rows:
        shortfalls.settle(rows, *claimed, 2, 1, now)
    assert loading.count_due(archive.catalogue, utc_now) == 1
    with archive.catalogue.reading() as rows:
        assert [row.missing for row in shortfalls.of(rows, [claimed[0]]).values()] == [0]


def test_a_weekly_of_a_hundred_and_fifty_years_is_walked_in_pages_that_can_be_read(
    archive: pages.Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.web.completeness.CELLS", 30)
    pages.enter(archive, pages.record(1))
    lines = "".join(
        f"10.5555/h.{volume}.{issue},{1900 + volume},{volume},{issue}\n"
        for volume in range(1, 13)
        for issue in range(1, 53 if volume == 5 else 13)
    )
    load(archive, written(tmp_path, "weekly.csv", f"doi,year,volume,issue\n{lines}"), ISSN)
    browser = archive.staff_client()
    address, met = f"/staff/completeness/{ISSN}?lang=en", []
    while address:
        page = html.fromstring(browser.get(address).text)
        assert page.xpath("//ul[@class='figures']//span[@class='value']/text()") == ["1", "184", "184"]
        met.append([heading.text.strip() for heading in page.xpath("//dl[@class='years']/dt")])
        address = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    assert [volume for part in met for volume in part] == [f"Vol. {volume}" for volume in range(12, 0, -1)]
    assert ["Vol. 5"] in met, "one that is too long for a page stands on one of its own"
    assert max(map(len, met)) == 2

"""Dumps hold the whole and OAI-PMH goes on where they end; a harvest is compared with what the archive counts."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pages
import pytest
from lxml import etree, html

from oai_pmh import preparing
from oai_pmh.verbs import Window
from oai_pmh.web import blueprint
from oai_pmh.whole import days, dumps, web
from oai_pmh.whole.compared import compare
from oai_pmh.whole.dumps import Of
from oai_pmh.whole.harvested import Harvested, Header, read
from repository.errors import UsageError
from repository.vocabulary import ArticleRecord

OAI = "{http://www.openarchives.org/OAI/2.0/}"
PREFIX = "oai:arsiv.example.org:"
LONG_AGO = datetime(2024, 3, 1, 9, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few records: some dozens make several."""
    monkeypatch.setattr(dumps, "A_PART", 25)
    monkeypatch.setattr(dumps, "_A_RUN", 10)
    monkeypatch.setattr(preparing, "A_SHEAF", 7)


@pytest.fixture
def filled(archive: Any) -> Any:
    archive.fill(60)
    archive.withdraw(archive.ids[7], datestamp=LONG_AGO + timedelta(days=2))
    return archive


def headers_of(place: Path) -> list[Header]:
    return [header for file in sorted(place.glob("*.gz")) for header in read(file)]


@pytest.mark.parametrize("laid_ready", [False, True])
def test_a_dump_is_what_a_harvest_brings(
    filled: Any, window: Window, harvester: Any, tmp_path: Path, validate: Callable[[Any], None], laid_ready: bool
) -> None:
    if laid_ready:
        preparing.prepare(window, ["oai_dc"], lambda: False)
    place = dumps.make(window, tmp_path, Of("oai_dc"))
    assert place is not None
    told = dumps.latest(tmp_path, Of("oai_dc"))
    assert told is not None
    files = sorted(place.glob("*.gz"))
    assert [part["records"] for part in told["parts"]] == [25, 25, 10]
    for file, part in zip(files, told["parts"], strict=True):
        octets = file.read_bytes()
        assert (file.name, len(octets), hashlib.sha256(octets).hexdigest()) == (
            part["file"],
            part["bytes"],
            part["sha256"],
        )
        root = etree.fromstring(gzip.decompress(octets))
        validate(root)
    harvested = [
        record
        for page in harvester.pages("ListRecords", metadataPrefix="oai_dc")
        for record in re.findall(rb"<record>.*?</record>", page.body, re.DOTALL)
    ]
    dumped = re.findall(rb"<record>.*?</record>", b"".join(gzip.decompress(f.read_bytes()) for f in files), re.DOTALL)
    assert dumped == harvested
    account = days.account(window, None, None)
    assert account is not None
    assert (told["records"], told["deleted"], told["digest"]) == (60, 1, account.whole.count.hexadecimal)


def test_harvesting_goes_on_where_a_dump_ends(
    filled: Any, window: Window, harvester_of: Any, tmp_path: Path, article: Callable[[int], ArticleRecord]
) -> None:
    horizon = datetime(2024, 4, 1, tzinfo=UTC)
    then = replace(window, clock=lambda _: horizon + timedelta(seconds=5, microseconds=7))
    for number, second in ((100, -1), (101, 0), (102, 1), (103, 4)):
        filled.add(article(number), datestamp=horizon + timedelta(seconds=second))
    place = dumps.make(then, tmp_path, Of("oai_dc"))
    assert place is not None
    told = dumps.latest(tmp_path, Of("oai_dc"))
    assert told is not None
    assert (told["horizon"], told["continue_from"]) == ("2024-04-01T00:00:00Z", "2024-04-01T00:00:01Z")
    filled.add(replace(article(3), title="Düzeltildi"), datestamp=horizon + timedelta(days=1), version=2)
    dumped = [header.identifier for header in headers_of(place)]
    since = harvester_of(window).headers(since=told["continue_from"])
    assert len(dumped) == len(set(dumped)) == 62
    fresh = {name for name, _, _ in since} - set(dumped)
    assert len(since) == 3
    assert len(fresh) == 2, "the third is one that has changed"
    assert len(set(dumped) | fresh) == len(harvester_of(window).headers()) == 64


def test_a_dump_that_was_stopped_goes_on_where_it_was(filled: Any, window: Window, tmp_path: Path) -> None:
    asked: list[bool] = []

    def stopping() -> bool:
        asked.append(True)
        return len(asked) == 3

    assert dumps.make(window, tmp_path, Of("oai_dc"), stopping) is None
    assert dumps.latest(tmp_path, Of("oai_dc")) is None
    making = tmp_path / "oai_dc" / "all" / "making"
    first = {file.name: file.stat().st_mtime_ns for file in making.glob("part-*")}
    assert len(first) == 2
    place = dumps.make(window, tmp_path, Of("oai_dc"))
    assert place is not None
    assert {file.name: file.stat().st_mtime_ns for file in place.glob("part-*")}.items() >= first.items()
    assert len({header.identifier for header in headers_of(place)}) == 60


def test_a_dump_of_a_set_and_none_of_what_there_is_not(filled: Any, window: Window, tmp_path: Path) -> None:
    place = dumps.make(window, tmp_path, Of("mods", "journal:2000-0003"))
    assert place is not None
    assert len(headers_of(place)) == 10
    assert dumps.every(tmp_path) == [Of("mods", "journal:2000-0003")]
    for of in (Of("mods", "journal:9999-9999"), Of("nothing"), Of("mets")):
        with pytest.raises(UsageError):
            dumps.make(window, tmp_path, of)


def test_old_dumps_go_when_new_ones_are_there(filled: Any, window: Window, tmp_path: Path) -> None:
    of = Of("oai_dc")
    for day in range(1, 4):
        at = datetime(2026, 1, day, tzinfo=UTC)
        dumps.make(replace(window, clock=lambda _, at=at: at), tmp_path, of)  # type: ignore[misc]
    assert len(list((tmp_path / "oai_dc" / "all").iterdir())) == dumps.KEPT
    told = dumps.latest(tmp_path, of)
    assert told is not None
    assert told["horizon"] == "2026-01-02T23:59:55Z"
    soon = replace(window, clock=lambda _: datetime(2026, 1, 20, tzinfo=UTC))
    assert not dumps.is_due(soon, tmp_path, of, 30)
    assert dumps.is_due(soon, tmp_path, of, 10)


def test_no_stranger_leaves_the_folder_of_dumps(filled: Any, window: Window, tmp_path: Path) -> None:
    place = dumps.make(window, tmp_path, Of("oai_dc"))
    assert place is not None
    assert dumps.part(tmp_path, Of("oai_dc"), place.name, "part-00001.xml.gz") is not None
    for of, made, file in (
        (Of(".."), place.name, "dump.json"),
        (Of("oai_dc", ".."), place.name, "part-00001.xml.gz"),
        (Of("oai_dc"), "..", "part-00001.xml.gz"),
        (Of("oai_dc"), place.name, "dump.json"),
        (Of("oai_dc"), place.name, "../../../x"),
        (Of("oai_dc/all"), place.name, "part-00001.xml.gz"),
    ):
        assert dumps.part(tmp_path, of, made, file) is None


def archive_days(window: Window, spec: str | None = None) -> dict[str, days.Counted]:
    found: dict[str, days.Counted] = {}
    whole = days.account(window, spec, None)
    assert whole is not None
    for year in whole.years:
        of_year = days.account(window, spec, year.name)
        assert of_year is not None
        assert days.summed(year.name, of_year.days) == year
        found |= {day.name: day for day in of_year.days}
    return found


def test_a_complete_harvest_is_proved_so(filled: Any, window: Window, harvester: Any, tmp_path: Path) -> None:
    for spec in (None, "type:research-article", "journal:2000-0003"):
        asked = {} if spec is None else {"set": spec}
        harvest = Harvested()
        for number, page in enumerate(harvester.pages("ListRecords", metadataPrefix="oai_dc", **asked)):
            file = tmp_path / f"{number}.xml"
            file.write_bytes(page.body)
            harvest.add(read(file))
        found = compare(harvest, archive_days(window, spec), "9999", lambda _: [], 10)
        assert found.equal
        assert found.records == found.archive_records == len(harvester.headers(**asked))
        harvest.close()


def test_what_a_harvest_lacks_is_named(
    filled: Any, window: Window, harvester: Any, article: Callable[[int], ArticleRecord]
) -> None:
    harvest = Harvested()
    everything = [Header(*one) for one in harvester.headers()]
    lost = everything.pop(20)
    harvest.add(everything)
    changed = filled.add(replace(article(30), title="Yeni"), datestamp=LONG_AGO + timedelta(days=5), version=2)

    def listed(day: str) -> list[Header]:
        return [Header(*one) for one in harvester.headers(since=day, until=day)]

    found = compare(harvest, archive_days(window), "9999", listed, 10)
    assert not found.equal
    assert {name for day in found.differing for name in day.missing} == {lost.identifier, PREFIX + changed}
    assert {name for day in found.differing for name in day.surplus} == {PREFIX + changed}
    harvest.close()


def test_of_two_headers_of_a_record_the_newer_counts(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(
        "oai:a:1 2024-01-01T00:00:00Z\noai:a:2\t2024-01-01T00:00:00Z\noai:a:1 2024-01-02T00:00:00Z deleted\n"
    )
    harvest = Harvested()
    assert harvest.add(read(file)) == 3
    assert [(day.name, day.count.number, day.count.deleted) for day in harvest.days("9999")] == [
        ("2024-01-01", 1, 0),
        ("2024-01-02", 1, 1),
    ]
    harvest.close()


@pytest.mark.parametrize(
    ("said", "where"),
    [
        (b"oai:a:1\n", "line 1"),
        (b"oai:a:1 2024-01-01T00:00:00Z\noai:a:2 2024-01-01 x\n", "line 2"),
        (b"oai:a:1 yesterday\n", "line 1"),
        (b"<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><ListRecords>", "a.x"),
        (gzip.compress(b"<a>"), "a.x"),
        (gzip.compress(b"oai:a:1 2024-01-01T00:00:00Z\n" * 99)[:-9], "a.x"),
    ],
    ids=["one word", "a day", "no date", "cut short", "other XML", "cut gzip"],
)
def test_what_is_no_harvest_is_told_by_its_file_and_line(tmp_path: Path, said: bytes, where: str) -> None:
    (tmp_path / "a.x").write_bytes(said)
    with pytest.raises(UsageError, match=where):
        list(read(tmp_path / "a.x"))


def test_headers_are_read_from_either_list(filled: Any, harvester: Any, tmp_path: Path) -> None:
    for verb in ("ListRecords", "ListIdentifiers"):
        page = harvester.ask(verb, metadataPrefix="oai_dc")
        (tmp_path / verb).write_bytes(page.body)
        assert [one.identifier for one in read(tmp_path / verb)] == [
            node.findtext(OAI + "identifier") for node in page.root.iter(OAI + "header")
        ]


BROWSER = {"Accept": "text/html"}


@pytest.fixture
def site(database_url: str, tmp_path: Path, site_window: Window) -> Iterator[pages.Site]:
    """A site with the window and what is whole, and some articles."""
    doors = (blueprint(site_window), web.blueprint(site_window, tmp_path))
    opened = pages.site(database_url, open_blueprints=doors)
    for number in range(1, 31):
        pages.enter(opened, pages.record(number))
    dumps.make(site_window, tmp_path, Of("oai_dc"))
    yield opened
    opened.catalogue.close()


def test_files_are_listed_for_people_and_for_programs_and_loaded_in_ranges(site: pages.Site) -> None:
    for language, said in (("en", "All records as files"), ("tr", "Dosya olarak bütün kayıtlar")):
        page = site.client.get("/oai/dumps", headers=BROWSER | {"Accept-Language": language})
        assert said in page.text
        assert "<script" not in page.text
    told = site.client.get("/oai/dumps.json").json["dumps"][0]
    assert site.client.get("/oai/dumps/oai_dc/all/dump.json").json == told
    for part in told["parts"]:
        address = part["url"].removeprefix(pages.BASE_URL)
        answer = site.client.get(address)
        assert hashlib.sha256(answer.data).hexdigest() == part["sha256"] == answer.get_etag()[0]
        assert answer.mimetype == "application/gzip"
        assert "Content-Encoding" not in answer.headers, "a client that unpacks what it loads would have another digest"
        half = site.client.get(
            address, headers={"Range": f"bytes={part['bytes'] // 2}-", "If-Range": f'"{part["sha256"]}"'}
        )
        assert half.status_code == 206
        assert half.data == answer.data[part["bytes"] // 2 :]
        assert site.client.get(address, headers={"If-None-Match": f'"{part["sha256"]}"'}).status_code == 304
    for unknown in (
        "mods/all/dump.json",
        "oai_dc/open/dump.json",
        "oai_dc/all/2999/part-00001.xml.gz",
        "../all/dump.json",
    ):
        assert site.client.get(f"/oai/dumps/{unknown}").status_code == 404


def test_days_are_shown_and_every_number_opens_its_list(site: pages.Site) -> None:
    told = site.client.get("/oai/days.json").json
    assert told["number"] == sum(year["number"] for year in told["years"]) == 30
    assert told["days"] == []
    year = told["years"][0]["year"]
    of_year = site.client.get(f"/oai/days.json?year={year}").json
    assert sum(day["number"] for day in of_year["days"]) == told["years"][0]["number"]
    for address in ("/oai/days", f"/oai/days?year={year}", f"/oai/days?set=publisher&year={year}"):
        for language in ("en", "tr"):
            page = site.client.get(address, headers=BROWSER | {"Accept-Language": language})
            assert page.status_code == 200
            assert told["digest"] in page.text
    page = html.fromstring(site.client.get(f"/oai/days?year={year}", headers=BROWSER).text)
    for link in page.xpath("//td/a"):
        answer = site.client.get(link.get("href").removeprefix(pages.BASE_URL))
        assert answer.data.count(b"<header") == int(link.text)
    for wrong, status in (("set=nothing", 404), ("year=20265", 400), ("year=²٠26", 400), ("year=", 400)):
        assert site.client.get(f"/oai/days.json?{wrong}").status_code == status

"""Files given out: the exact bytes of any name, ranges, and what happens when a copy is not whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pages
import pytest
from lxml import html
from sqlalchemy import select

from repository.catalogue import copies, watch
from repository.models import Copy
from repository.vocabulary import AuditOutcome, bag_key
from repository.web import streaming
from repository.web.files import disposition, media_type
from repository.web.streaming import BrokenOff


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('files') / 'catalogue.sqlite'}")
    yield site
    site.catalogue.close()


def read(archive: pages.Site, address: str, **more: object) -> bytes:
    """The file as a reader gets it, to the end of the connection."""
    with archive.client.get(address, **more) as answer:  # type: ignore[arg-type]
        return answer.data


def links(page: str) -> list[str]:
    return [str(link) for link in html.fromstring(page).xpath("//main//a/@href")]


def big_file() -> bytes:
    return b"%PDF-1.7\n" + bytes(range(256)) * (streaming.WHOLE // 256 + 4096)


def test_a_file_comes_whole_typed_and_sandboxed(archive: pages.Site) -> None:
    data = {
        "makale.pdf": b"%PDF-1",
        "a.xml": b"<x/>",
        "a.html": b"<script>1</script>",
        "a.svg": b"<svg/>",
        "a.PNG": b"p",
        "empty.txt": b"",
    }
    identifier = pages.enter(archive, pages.record(1), data)
    seen = {}
    for name, content in data.items():
        answer = archive.client.get(f"/articles/{identifier}/files/{name}")
        assert answer.data == content
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["ETag"] == f'"{hashlib.sha512(content).hexdigest()}"'
        seen[name] = (answer.mimetype, answer.headers["Content-Disposition"].split(";")[0])
        if not name.endswith("pdf"):
            assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert seen == {
        "makale.pdf": ("application/pdf", "inline"),
        "a.xml": ("application/xml", "attachment"),
        "a.html": ("application/octet-stream", "attachment"),
        "a.svg": ("application/octet-stream", "attachment"),
        "a.PNG": ("image/png", "inline"),
        "empty.txt": ("text/plain", "inline"),
    }


NAMES = [
    "Çatlak ağları – son hâli.pdf",
    "a/b/c.pdf",
    "satır\nsonu.pdf",
    "tab\t.pdf",
    "%2e%2e/x.pdf",
    "a%0Ab.pdf",
    "soru?.pdf",
    "diyez#.pdf",
    '"tırnak".pdf',
    "ters\\bölü.pdf",
    "a//b.pdf",
    " boşluk .pdf",
    "nokta.",
    "-rf",
    "=cmd",
    "\u202egnp.pdf",
    "日本語.pdf",
    "é.pdf",
    "e\u0301.pdf",
    ";x=1.pdf",
    "..",
    "a/../b.pdf",
    ".json",
    "x" * 255,
    "a:b.pdf",
    "CON",
    "\x7f.pdf",
    "\u2028.pdf",
    "a+b c.pdf",
    "100%.pdf",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_a_publisher_gives_leads_to_its_exact_bytes(archive: pages.Site, name: str) -> None:
    others = {other: b"other " + str(place).encode() for place, other in enumerate(NAMES) if other != name}
    identifier = pages.enter(archive, pages.record(1), others | {name: b"exactly this"})
    page = archive.client.get(f"/articles/{identifier}")
    address = next(link for link in links(page.text) if link.endswith(f"/files/{quote(name, safe=SAFE)}?version=1"))
    answer = archive.client.get(address)
    assert (answer.status_code, answer.data) == (200, b"exactly this")
    assert "\n" not in answer.headers["Content-Disposition"]


SAFE = "!$&'()*+,/:;=@"


@pytest.mark.parametrize("path", ["\n", "a\r\nX-Y: 1.pdf", "\x00", "\ud800", "", "/", "ı.pdf", "''.pdf", "\x85"])
def test_a_content_disposition_can_always_be_written(path: str) -> None:
    header = disposition(path, shown=False)
    assert header.isascii()
    assert header.isprintable()
    assert media_type(path)[0]


TRAVERSALS = [
    f"{prefix}{step * depth}{target}"
    for prefix in ("", "/", "files/", "makale.pdf/", "%00")
    for step in (
        "../",
        "..\\",
        "%2e%2e/",
        "%2e%2e%2f",
        "..%2f",
        "..%5c",
        "%252e%252e%252f",
        "..;/",
        "....//",
        "..%c0%af",
        "..%00/",
    )
    for depth in (1, 4, 9)
    for target in ("etc/passwd", "windows/win.ini", "catalogue.sqlite")
]


def test_no_path_leads_to_anything_but_the_files_of_the_article(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"makale.pdf": b"mine"})
    browser = archive.client
    assert len(TRAVERSALS) > 450
    for path in TRAVERSALS:
        answer = browser.get(f"/articles/{identifier}/files/{path}")
        assert answer.status_code in (400, 404), path
    assert archive.shelf.opened == []


@pytest.mark.parametrize("version", ["0", "2", "-1", "x", "9" * 30, "1.0", "١"])
def test_a_version_that_there_is_not_is_not_found(archive: pages.Site, version: str) -> None:
    identifier = pages.enter(archive, pages.record(1))
    answer = archive.client.get(f"/articles/{identifier}/files/makale.pdf", query_string={"version": version})
    assert answer.status_code == 404


def test_the_newest_version_that_has_the_file_is_given(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"first", "only.txt": b"old"})
    pages.enter(archive, pages.record(1), {"a.pdf": b"second"}, version=2)
    browser = archive.client
    assert browser.get(f"/articles/{identifier}/files/a.pdf").data == b"second"
    assert browser.get(f"/articles/{identifier}/files/a.pdf?version=1").data == b"first"
    assert browser.get(f"/articles/{identifier}/files/only.txt").data == b"old"


@pytest.mark.parametrize("size", [26, streaming.WHOLE + 1000])
def test_ranges_are_exact(archive: pages.Site, size: int) -> None:
    data = (b"abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[:size]
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": data})
    address = f"/articles/{identifier}/files/a.pdf"
    browser = archive.client
    ranges = [
        ("bytes=0-0", (0, 1)),
        ("bytes=3-9", (3, 10)),
        ("bytes=20-", (20, size)),
        ("bytes=-5", (size - 5, size)),
        (f"bytes=0-{size * 2}", (0, size)),
        (f"bytes=-{size * 2}", (0, size)),
        (f"bytes={size - 1}-", (size - 1, size)),
    ]
    for asked, (start, stop) in ranges:
        answer = browser.get(address, headers={"Range": asked})
        assert answer.status_code == 206, asked
        assert answer.data == data[start:stop], asked
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    for asked in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}"):
        answer = browser.get(address, headers={"Range": asked})
        assert answer.status_code == 416, asked
        assert answer.headers["Content-Range"] == f"bytes */{size}"
    for asked in (
        "bytes=0-1,3-4",
        "bytes=5-2",
        "lines=1-2",
        "bytes=a-b",
        "bytes=",
        "x",
        "bytes=--1",
        "bytes=0-1,-1," * 200,
    ):
        answer = browser.get(address, headers={"Range": asked})
        assert (answer.status_code, answer.content_length) == (200, size), asked
        answer.close()


def test_a_range_of_another_version_is_answered_with_the_whole(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"abcdef"})
    address = f"/articles/{identifier}/files/a.pdf"
    tag = archive.client.get(address).headers["ETag"]
    same = archive.client.get(address, headers={"Range": "bytes=1-2", "If-Range": tag})
    other = archive.client.get(address, headers={"Range": "bytes=1-2", "If-Range": '"other"'})
    assert (same.status_code, same.data) == (206, b"bc")
    assert (other.status_code, other.data) == (200, b"abcdef")
    assert archive.client.get(address, headers={"If-None-Match": tag}).status_code == 304


def test_a_head_reads_no_store(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"abcdef"})
    answer = archive.client.head(f"/articles/{identifier}/files/a.pdf")
    assert (answer.status_code, answer.content_length, answer.data) == (200, 6, b"")
    assert archive.shelf.opened == []


def test_a_part_of_a_large_file_is_one_ranged_request(archive: pages.Site) -> None:
    data = big_file()
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": data})
    archive.client.get(f"/articles/{identifier}/files/a.pdf", headers={"Range": "bytes=1000-1999"})
    assert archive.shelf.opened == [("main", bag_key(identifier, 1), 512 + 1000, 1000)]


def due(archive: pages.Site, store: str) -> bool:
    with archive.catalogue.reading() as rows:
        moment = rows.execute(select(Copy.next_due).where(Copy.store == store)).scalar_one()
    return moment <= pages.NOW + timedelta(hours=1)


def test_a_damaged_copy_is_passed_over_and_the_watch_is_told(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"intact bytes"})
    archive.shelf.flip("main", bag_key(identifier, 1), 515)
    assert not due(archive, "main")
    assert read(archive, f"/articles/{identifier}/files/a.pdf") == b"intact bytes"
    assert [store for store, *_ in archive.shelf.opened] == ["main", "second"]
    assert due(archive, "main")
    assert not due(archive, "second")
    assert read(archive, f"/articles/{identifier}/files/a.pdf", headers={"Range": "bytes=0-3"}) == b"inta"
    assert archive.shelf.opened[-1][0] == "second", "a copy found wanting is asked last"


@pytest.mark.parametrize("trouble", ["missing", "silent"])
def test_the_next_store_is_asked_when_one_has_nothing_or_says_nothing(archive: pages.Site, trouble: str) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"intact bytes"})
    if trouble == "silent":
        archive.shelf.silent.add("main")
    else:
        del archive.shelf.objects["main", bag_key(identifier, 1)]
    assert read(archive, f"/articles/{identifier}/files/a.pdf") == b"intact bytes"
    assert due(archive, "main") is (trouble == "missing"), "silence is not damage"


def test_when_all_copies_are_damaged_nothing_is_given_out(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"intact bytes"})
    for store in ("main", "second"):
        archive.shelf.flip(store, bag_key(identifier, 1), 515)
    answer = archive.client.get(f"/articles/{identifier}/files/a.pdf?lang=en")
    assert answer.status_code == 503
    assert "No intact copy" in answer.text
    assert b"intact bytes" not in answer.data
    assert due(archive, "main")
    assert due(archive, "second")


def test_when_no_store_answers_the_reader_is_asked_to_wait(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"intact bytes"})
    archive.shelf.silent |= {"main", "second"}
    answer = archive.client.get(f"/articles/{identifier}/files/a.pdf")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert not due(archive, "main")


def test_a_large_file_is_compared_before_its_last_byte(archive: pages.Site) -> None:
    data = big_file()
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": data})
    address = f"/articles/{identifier}/files/a.pdf"
    assert read(archive, address) == data
    archive.shelf.flip("main", bag_key(identifier, 1), 5_000_000)
    answer = archive.client.get(address, buffered=False)
    assert answer.content_length == len(data)
    got: list[bytes] = []
    with pytest.raises(BrokenOff):
        got.extend(answer.iter_encoded())
    answer.close()
    assert sum(len(block) for block in got) < len(data), "a wrong file must never end cleanly"
    assert due(archive, "main")
    assert read(archive, address) == data, "the next reader is served from the intact copy"


def test_a_store_that_falls_silent_on_the_way_is_followed_by_the_next(archive: pages.Site) -> None:
    data = big_file()
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": data})
    archive.shelf.silent_after["main"] = 3_000_000
    assert read(archive, f"/articles/{identifier}/files/a.pdf") == data
    assert [(store, offset) for store, _, offset, _ in archive.shelf.opened] == [
        ("main", 512),
        ("second", 512 + 3_000_000),
    ]


def test_a_copy_cut_short_is_damage_and_not_the_end_of_the_file(archive: pages.Site) -> None:
    data = big_file()
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": data})
    archive.shelf.objects["main", bag_key(identifier, 1)] = b"\0" * 512 + data[:4_000_000]
    assert read(archive, f"/articles/{identifier}/files/a.pdf") == data
    assert due(archive, "main")


def test_copies_believed_whole_are_asked_first(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1), {"a.pdf": b"x"})
    with archive.catalogue.writing() as rows:
        ref = next(ref for ref in copies.walk(rows, limit=9) if ref.store == "main")
        copies.record(rows, ref, AuditOutcome.DAMAGED, at=pages.NOW, next_due=pages.NOW)
    archive.client.get(f"/articles/{identifier}/files/a.pdf")
    assert [store for store, *_ in archive.shelf.opened] == ["second"]


def test_being_told_twice_moves_no_date_back(archive: pages.Site) -> None:
    pages.enter(archive, pages.record(1))
    with archive.catalogue.writing() as rows:
        watch.read_soon(rows, 1, "main", pages.NOW)
        watch.read_soon(rows, 1, "main", pages.NOW + timedelta(days=1))
        assert rows.get_one(Copy, (1, "main")).next_due == pages.NOW

"""Two thousand names that publishers' tools, or their enemies, may give a file: each refused with its reason, or kept
and given back exactly; and none of them ever names anything on our own disk.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import bagit
import member_names
import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from lxml import etree
from member_names import Files, Name, as_tar, as_zip, as_zip_with_unicode_path, sheets

from config import wiring
from config.settings import load
from ingest import inbox, pipeline, premis, receipts
from ingest.receipts import Receipt
from ingest.unpack import unpack
from repository.catalogue import holdings
from repository.vocabulary import DeliveryState, Level, bag_key, utc_now

NAMES = member_names.names()
LEAVING = [name for name in NAMES if name.leaves and not name.fits_nowhere and not name.octets.endswith(b"/")]
TOO_LONG = [name for name in NAMES if name.fits_nowhere and not name.leaves]
KEPT = [name for name in NAMES if not name.leaves and not name.fits_nowhere and not name.octets.endswith(b"/")]

STRACE = shutil.which("strace")
P = "{http://www.loc.gov/premis/v3}"
DRIVER = Path(__file__).parent.parent / "traced_ingest.py"

FORMS: dict[str, tuple[str, Callable[[Files], bytes]]] = {
    "zip, UTF-8 flag": ("zip", as_zip),
    "zip, no flag": ("zip", lambda files: as_zip(files, flagged=False)),
    "zip, unicode path field": ("zip", as_zip_with_unicode_path),
    "tar, pax": ("tar", lambda files: as_tar(files, tarfile.PAX_FORMAT)),
    "tar, GNU": ("tar", lambda files: as_tar(files, tarfile.GNU_FORMAT)),
    "tar.gz": ("tar.gz", lambda files: as_tar(files, tarfile.PAX_FORMAT, packed=True)),
}


def storable(form: str, names: Sequence[Name]) -> list[Name]:
    """Those that this kind of archive can hold: tars end names at NUL, the field 0x7075 is UTF-8 and never empty."""
    if form.startswith("zip, unicode"):
        return [name for name in names if name.text]
    return [name for name in names if form.startswith("zip") or (b"\0" not in name.octets and name.octets)]


@contextmanager
def opened(home: Path, database: str = "") -> Iterator[wiring.Archive]:
    home.mkdir(parents=True)
    settings = home / "mahfuz.toml"
    stores = folder_store_table("ankara", home) + folder_store_table("izmir", home)
    database = f'[database]\nurl = "{database}"\n' if database else ""
    settings.write_text(f'[archive]\nhome = "{home}/home"\n{database}{stores}', encoding="utf-8")
    with wiring.opened(load(settings, {}).settings) as archive:
        wiring.initialise(archive)
        yield archive


def taken_in(archive: wiring.Archive, file: Path) -> Receipt:
    arrived = inbox.accept(archive.catalogue, archive.home, [file], "Örnek Yayınevi", utc_now)
    return pipeline.ingest(archive.door(), arrived)


def package(folder: Path, form: str, article: Published, names: Sequence[Name]) -> Path:
    """An article with one supplement under each of these names, each with other bytes."""
    ending, build = FORMS[form]
    own = [(b"makale.xml", article.xml()), (b"makale.pdf", article.pdf(folder / "scratch.pdf"))]
    target = folder / f"{article.stem}.{ending}"
    target.write_bytes(build([*own, *((name.octets, contents(name)) for name in names)]))
    return target


def contents(name: Name) -> bytes:
    return b"the file " + name.octets


def premis_names(document: bytes) -> dict[str, tuple[str, bytes | None]]:
    """Path in the bag to the original name and its octets, read as a stranger would by docs/bags.md."""
    found = {}
    for element in etree.fromstring(document).iterfind(f"{P}object"):
        identifiers = {
            each.findtext(f"{P}objectIdentifierType"): each.findtext(f"{P}objectIdentifierValue") or ""
            for each in element.iterfind(f"{P}objectIdentifier")
        }
        name = element.findtext(f"{P}originalName")
        if name is None:
            continue
        octets = identifiers.get(premis.OCTETS)
        path = identifiers.get(premis.PATH)
        if path is None:
            path, name = unquote(identifiers[premis.ENCODED_PATH]), unquote(name)
        found[path] = (name, None if octets is None else bytes.fromhex(octets))
    return found


def test_there_are_two_thousand_names_of_every_kind() -> None:
    assert len(NAMES) >= 2000
    texts = {name.text for name in NAMES if name.text}
    assert {
        "-rf",
        "CON",
        "=cmd|' /C calc'!A0",
        "%2e%2e%2fetc%2fpasswd",
        "\u2028",
        "\u00a0",
        "C:x",
        "../makale",
    } <= texts
    assert min(len(LEAVING), len(KEPT) // 2, sum(name.text is None for name in KEPT)) > 150
    assert sum(max(map(len, name.octets.split(b"/"))) == 255 for name in KEPT) > 3
    assert TOO_LONG


@pytest.mark.parametrize("form", FORMS)
def test_what_can_be_kept_is_kept_whole_and_every_name_comes_back_exactly(
    form: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgresql_url") if form == "zip, no flag" else ""
    with opened(tmp_path / "archive", database) as archive:
        for number, sheet in enumerate(sheets(storable(form, KEPT), 500)):
            article = Published(f"10.5555/name.{number}")
            receipt = taken_in(archive, package(tmp_path, form, article, sheet))
            assert receipt.state is DeliveryState.ACCEPTED, [found for found in receipt.findings if found.path][:3]
            with archive.catalogue.reading() as rows:
                known = holdings.article_json(rows, holdings.find_article(rows, article.doi))  # type: ignore[arg-type]
                signed = receipts.statement(rows, receipt, {}, 2, utc_now()).document["articles"][0]["files"]
            paths = [file["path"] for file in known["versions"][0]["files"]]
            assert [file["path"] for file in signed] == paths
            assert len(paths) == len(set(paths)) == len(sheet) + 2
            key = bag_key(known["id"], 1)
            with tarfile.open(tmp_path / "archive" / "izmir" / key) as bag:
                inside = {member.name.partition("/")[2]: member for member in bag.getmembers()}
                read = {name: bag.extractfile(member).read() for name, member in inside.items()}  # type: ignore[union-attr]
            payload = {name.removeprefix("data/"): data for name, data in read.items() if name.startswith("data/")}
            assert sorted(payload) == sorted(paths)
            told = premis_names(read["metadata/premis.xml"])
            assert sorted(told) == sorted(f"data/{path}" for path in paths)
            assert {path.removeprefix("data/") for path in told} == {name for name, _ in told.values()}
            # By its text where the archive gives one, by its octets in any case.
            octets = {raw if raw is not None else text.encode(): text for text, raw in told.values()}
            for position, name in enumerate(sheet):
                stored = b"ad_%04d" % (position + 2) if form.startswith("zip, unicode") else name.octets
                path = octets[stored]
                assert name.plain in (None, path)
                assert payload[path] == contents(name)


@pytest.mark.parametrize("form", FORMS)
def test_what_would_leave_its_folder_is_refused_each_for_its_own_reason(form: str, tmp_path: Path) -> None:
    names = storable(form, LEAVING)
    with opened(tmp_path / "archive") as archive:
        file = package(tmp_path, form, Published("10.5555/leaves"), names)
        receipt = taken_in(archive, file)
        assert receipt.state is DeliveryState.REFUSED
        assert receipt.articles == ()
        assert not list((tmp_path / "archive" / "izmir").rglob("v*.tar"))
        assert (archive.home / "deliveries" / receipt.delivery_id / "0").read_bytes() == file.read_bytes()
    told = {
        bytes.fromhex(found.params["octets"]) if "octets" in found.params else (found.path or "").encode(): found
        for found in receipt.findings
        if found.code == "PATH_TRAVERSAL" and found.params["detail"]
    }
    stored = [
        b"ad_%04d" % (number + 2) if form.startswith("zip, unicode") else name.octets
        for number, name in enumerate(names)
    ]
    assert set(told) == set(stored)


@pytest.mark.parametrize("form", FORMS)
def test_each_of_them_is_refused_alone_too_and_leaves_nothing(form: str, tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    ending, build = FORMS[form]
    source = tmp_path / f"d.{ending}"
    for name in storable(form, LEAVING):
        source.write_bytes(build([(b"good.tif", b"x"), (name.octets, contents(name))]))
        unpacked = unpack([source], staging)
        assert unpacked.refused, name
        assert {found.code for found in unpacked.findings if found.level is Level.ERROR} == {"PATH_TRAVERSAL"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != source]


def test_a_name_that_no_bag_could_give_back_refuses_its_article_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "archive") as archive:
        for number, sheet in enumerate(sheets(TOO_LONG)):
            receipt = taken_in(archive, package(tmp_path, "tar, pax", Published(f"10.5555/long.{number}"), sheet))
            assert receipt.state in (DeliveryState.QUARANTINED, DeliveryState.REFUSED)
            errors = [found for line in receipt.articles for found in line.findings if found.level is Level.ERROR]
            whole = [found for found in receipt.findings if found.level is Level.ERROR]
            assert {found.code for found in (*errors, *whole)} <= {"NAME_TOO_LONG", "NAME_NOT_PORTABLE"}
            assert {found.path for found in (*errors, *whole)} >= {
                name.plain for name in sheet if len(name.octets) < 4095
            } or whole
        good = Published("10.5555/good")
        file = tmp_path / "both.zip"
        with_long = [(b"a/a.xml", Published("10.5555/a").xml()), (b"a/" + b"n" * 300, b"x")]
        whole_one = [(b"b/b.xml", good.xml()), (b"b/b.pdf", good.pdf(tmp_path / "scratch.pdf"))]
        file.write_bytes(as_zip([*with_long, *whole_one]))
        receipt = taken_in(archive, file)
    assert receipt.state is DeliveryState.PARTIAL
    first, second = receipt.articles
    assert [found.path for found in first.findings if found.code == "NAME_TOO_LONG"] == ["a/" + "n" * 300]
    assert second.version == 1


def test_bagit_reads_a_bag_full_of_curious_names(tmp_path: Path) -> None:
    # bagit itself fails on %, white space at the end and some separators (docs/bags.md); tar fails on none.
    wanted = [
        name
        for name in KEPT
        if name.text
        and not re.search(r"[%\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]", name.text)
        and len(name.octets) < 200
        and name.octets.isascii()
    ]
    (sheet, *_) = sheets(wanted, 300)
    with opened(tmp_path / "archive") as archive:
        receipt = taken_in(archive, package(tmp_path, "zip, UTF-8 flag", Published("10.5555/bagit"), sheet))
        key = bag_key(receipt.articles[0].article_id or "", 1)
    folder = tmp_path / "unpacked"
    folder.mkdir()
    subprocess.run(["tar", "xf", str(tmp_path / "archive" / "ankara" / key), "-C", str(folder)], check=True)
    (bag,) = folder.iterdir()
    assert bagit.Bag(str(bag)).is_valid()
    found = {path.relative_to(bag / "data").as_posix() for path in (bag / "data").rglob("*") if path.is_file()}
    assert found == {"makale.xml", "makale.pdf", *(name.plain for name in sheet)}


def test_the_names_of_the_deliveries_themselves_come_back_exactly(tmp_path: Path) -> None:
    sent = delivery(tmp_path / "sent.zip", [Published("10.5555/d")]).read_bytes()
    plain = [name for name in KEPT if b"/" not in name.octets and len(name.octets) < 250]
    chosen = [*plain[::40], *(name for name in plain if name.text is None)][:90]
    box = tmp_path / "box"
    box.mkdir()
    with opened(tmp_path / "archive") as archive:
        for number, name in enumerate(chosen):
            file = Path(os.fsdecode(os.path.join(os.fsencode(box), name.octets + b".zip")))  # noqa: PTH118
            file.write_bytes(sent)
            arrived = inbox.accept(archive.catalogue, archive.home, [file], f"P{number}", utc_now)
            receipt = pipeline.ingest(archive.door(), arrived)
            assert receipt.state is DeliveryState.ACCEPTED
            raw = [found.params["octets"] for found in receipt.findings if found.code == "NAME_ENCODING"]
            told = bytes.fromhex(raw[0]) if raw else receipt.file_names[0].encode()
            assert told == name.octets + b".zip"
            again = inbox.kept(archive.catalogue, archive.home, receipt.delivery_id)
            assert (again.file_names, again.raw_names) == (arrived.file_names, arrived.raw_names)
            json.dumps(receipt.as_json(), ensure_ascii=False).encode()
            file.unlink()


# Seen from outside: what the process, and the kernel, were asked to make.


def home_of(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))


def sent(folder: Path) -> list[Path]:
    """Deliveries with every name there is, the lawful ones in a third of the forms each, the others in all."""
    folder.mkdir()
    files = []
    for number, form in enumerate(FORMS):
        for part, sheet in enumerate(sheets(storable(form, KEPT[number % 3 :: 3]), 500)):
            files.append(package(folder, form, Published(f"10.5555/t.{number}.{part}"), sheet))
        files.append(package(folder, form, Published(f"10.5555/t.{number}.x"), storable(form, LEAVING)))
    (folder / "scratch.pdf").unlink()
    return files


def ours(home: Path, path: str) -> bool:
    """Whether a path is one that the archive makes for itself, whatever is delivered: letters and digits of its own."""
    inside = os.path.relpath(path, home)
    return bool(
        re.fullmatch(
            r"""(?x)
            \. | (ankara|izmir)(/\.incoming(/[\w.-]+)? | /\.mahfuz-store[\w.]*)?
            | (ankara|izmir)(/[0-9a-f]{2}){0,2}(/[0-9a-f]{32}(/v\d+\.tar)?)?
            | mahfuz\.sqlite(-wal|-shm|-journal)? | (secret|migrate\.lock|schema\.lock)
            | identity(\.[0-9a-f]{16}\.part(\.\d+\.[0-9a-f]{16}\.part)?)?
            | locks(/([0-9a-f]{32}|journals-\d\d)\.lock)?
            | deliveries(/\.incoming(/\w+(/\d+|/about\.json(\.\d+\.[0-9a-f]{16}\.part)?)?)?
              | /[0-9a-f]{32}(/about\.json)?)?
            | receipts(/[0-9a-f]{2}(/[0-9a-f]{32}\.json(\.\d+\.[0-9a-f]{16}\.part)?)?)?
            | staging(/[0-9a-f]{32}(/.*)?)?
            """,
            inside,
        )
    )


def staged_by_number(home: Path, path: str) -> bool:
    """Whether what lies in a staging folder has a name of our own making."""
    inside = os.path.relpath(path, home / "staging").partition("/")[2]
    return bool(
        re.fullmatch(r"|opened-\w+(/\d{8})?|[0-9a-f]{32}-v\d+\.tar|names-\w+(/\d+(\.[A-Za-z0-9]{1,16})?)?", inside)
    )


def run_traced(tmp_path: Path, escape: str, files: Sequence[Path], *around: str) -> tuple[Installation, list[Any]]:
    archive = home_of(tmp_path)
    log = tmp_path / "log.json"
    words = ["--config", str(archive.file), "ingest", *map(str, files), "--publisher", "P", "--json"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    run = subprocess.run(
        [*around, sys.executable, "-B", str(DRIVER), str(log), escape, *words],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(temporary), "MAHFUZ_INGEST__PARALLEL": "1"},
    )
    if not log.is_file() and "PTRACE" in run.stderr.decode():
        pytest.skip("this system does not allow tracing")
    assert run.returncode in (0, 1), run.stderr[-3000:]
    assert log.is_file(), run.stderr[-3000:]
    assert not list(temporary.iterdir())
    return archive, json.loads(log.read_text(encoding="utf-8"))


def strangers(archive: Installation, events: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What was made outside the places that are the archive's own, or in one of them under a foreign name."""
    found = []
    for event, path in events:
        if path in ("/dev/null", "/dev/tty") or path.startswith("/proc/self/"):
            continue
        inside = path.startswith(f"{archive.home}/staging/")
        if not ours(archive.home, path) or (inside and not staged_by_number(archive.home, path)):
            found.append((event, path))
    return found


def test_no_name_ever_names_anything_on_our_own_disk(tmp_path: Path) -> None:
    files = sent(tmp_path / "sent")
    archive, events = run_traced(tmp_path, "0", files)
    made = [path for event, path in events if event == "open" and f"{archive.home}/staging/" in path]
    assert len(made) > len(KEPT) * 1.8, "the trace shows no unpacking"
    assert strangers(archive, events) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "log.json", "sent", "temporary"]


def planted(folder: Path) -> Path:
    folder.mkdir()
    good = Published("10.5555/planted")
    file = folder / "planted.zip"
    files = [(b"p.xml", good.xml()), (b"p.pdf", good.pdf(folder / "scratch")), (b"../../../../escaped.tif", b"x")]
    file.write_bytes(as_zip(files))
    return file


def test_the_trace_sees_a_planted_escape(tmp_path: Path) -> None:
    archive, events = run_traced(tmp_path, "1", [planted(tmp_path / "sent")])
    assert (tmp_path / "escaped.tif").is_file(), "the planted fault did not happen"
    assert ["open", str(tmp_path / "escaped.tif")] in [list(one) for one in strangers(archive, events)]


_CALL = re.compile(r"(?:^|\s)(\w+)\((.*)\)\s+= (-?\d+)")
_MAKING = ("O_CREAT", "O_WRONLY", "O_RDWR")
_CHANGING = {"rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "mknod"}
_CHANGING |= {"mknodat", "truncate", "unlink", "unlinkat", "rmdir", "chmod", "fchmodat", "chown", "fchownat", "creat"}


def kernel_events(trace: str) -> Iterator[tuple[str, str]]:
    """Each path that a successful call made, moved, changed or removed; strace decodes folders' descriptors (-y)."""
    for line in trace.splitlines():
        call = _CALL.search(line)
        if call is None or int(call[3]) < 0:
            continue
        name, arguments = call[1], call[2]
        if name not in _CHANGING and not any(word in arguments for word in _MAKING):
            continue
        for folder, text in re.findall(r'(?:(?:AT_FDCWD|\d+)<((?:[^>\\]|\\.)*)>, )?"((?:[^"\\]|\\.)*)"', arguments):
            path = text.encode().decode("unicode_escape")
            yield name, os.path.normpath(os.path.join(folder, path))  # noqa: PTH118


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("escape", ["0", "1"])
def test_the_kernel_sees_it_too(escape: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    around = [str(STRACE), "-f", "-y", "-s", "6000", "-e", "trace=%file", "-o", str(trace)]
    if escape == "1":
        files = [planted(tmp_path / "sent")]
    else:
        chosen = [name for name in KEPT if name.octets][::6]
        folder = tmp_path / "sent"
        folder.mkdir()
        files = [
            package(folder, form, Published(f"10.5555/k.{number}"), sheets(storable(form, chosen), 400)[0])
            for number, form in enumerate(FORMS)
        ]
        files += [package(folder, form, Published("10.5555/k.x"), storable(form, LEAVING)) for form in FORMS]
    archive, _ = run_traced(tmp_path, escape, files, *around)
    events = list(kernel_events(trace.read_text(errors="replace")))
    own = {str(tmp_path / "log.json")}
    foreign = [
        one for one in strangers(archive, events) if one[1] not in own and str(tmp_path / "temporary") not in one[1]
    ]
    assert sum("/staging/" in path for _, path in events) > (3 if escape == "1" else 500)
    if escape == "1":
        assert (tmp_path / "escaped.tif").is_file(), "the planted fault did not happen"
        assert str(tmp_path / "escaped.tif") in {path for _, path in foreign}
    else:
        assert foreign == []

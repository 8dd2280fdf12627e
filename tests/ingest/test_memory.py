"""Whatever a delivery is made of, the door takes it in or refuses it within 512 MB, its helpers included."""

from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import memory
import pytest
from collection import SAMPLES
from installation import Installation, folder_store_table

from repository.bags.headers import END, member_header

MOST = 512 << 20
ATTACKS = sorted((SAMPLES / "packages/attack").glob("*")) if SAMPLES.is_dir() else []

pytestmark = pytest.mark.skipif(not memory.SUPPORTED, reason="memory is read from /proc")


def zipped(*files: tuple[str, str | bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def article(*, front: str = "", body: str = "", title: str = "T", doctype: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}<article article-type="research-article"><front>'
        "<journal-meta>"
        "<journal-title-group><journal-title>J</journal-title></journal-title-group><issn>9999-0016</issn></journal-meta>"
        '<article-meta><article-id pub-id-type="doi">10.5555/bomb</article-id><title-group>'
        f"<article-title>{title}</article-title></title-group>{front}<pub-date><year>2024</year></pub-date>"
        f"<volume>1</volume><fpage>1</fpage></article-meta></front><body>{body}</body></article>"
    )


def with_pdf(pdf: bytes, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    return zipped(("a.xml", article()), ("a.pdf", pdf), packing=packing)


def pdf_of(*objects: bytes) -> bytes:
    """A PDF of these objects, the first of which is its catalogue (ISO 32000-1, 7.5)."""
    out, offsets = bytearray(b"%PDF-1.5\n"), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table, size = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, table))


def stream(data: bytes, more: bytes = b"", level: int = 9) -> bytes:
    packed = zlib.compress(data, level)
    return b"<<%b/Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (more, len(packed), packed)


CATALOGUE, TREE, PAGE = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 1 1]>>",
)


def cross_references() -> bytes:
    """A cross-reference stream of 40 million entries out of 160 kB (ISO 32000-1, 7.5.8)."""
    entries = stream(bytes(160_000_000), b"/Type/XRef/W[1 2 1]/Size 40000000/Root 1 0 R")
    return b"%PDF-1.5\n1 0 obj\n" + entries + b"\nendobj\nstartxref\n9\n%%EOF\n"


def tar_gz(names: list[str]) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="w", compresslevel=1) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return out.getvalue()


def a_million() -> bytes:
    """Nine times 101,000 empty members."""
    return gzip.compress(b"".join(member_header(str(at), 0) for at in range(101_000)) + END, 1) * 9


def long_names() -> bytes:
    """40 MB of names in a pax tar that hardly packs."""
    noise = random.Random(1)
    return tar_gz([f"{number}{noise.randbytes(250_000).hex()}" for number in range(80)])


def nested() -> bytes:
    inner = zipped(("0.tif", bytes(60 << 20)))
    return zipped(*((f"{number}.zip", inner) for number in range(10)))


def entities(number: int, text: str) -> str:
    return f"<!DOCTYPE article [{''.join(f'<!ENTITY e{at} {chr(34)}{text}{chr(34)}>' for at in range(number))}]>"


NOISE = random.Random(2).randbytes(1 << 20).translate(None, b"\r\n")

LAUGHS = "<!DOCTYPE article [<!ENTITY e0 'ha'>" + "".join(
    f"<!ENTITY e{at} '{f'&e{at - 1};' * 10}'>" for at in range(1, 12)
)

BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "300 MB of zeros": ("ARCHIVE_BOMB", lambda: zipped(("a.tif", bytes(300 << 20)))),
    "zips in a zip": ("ARCHIVE_BOMB", nested),
    "a million members": ("ARCHIVE_TOO_MANY_MEMBERS", a_million),
    "long names": ("ARCHIVE_TOO_MANY_MEMBERS", long_names),
    "a million levels": ("XML_TOO_DEEP", lambda: zipped(("a.xml", article(body="<p>" * 1_000_000)))),
    "many elements": ("XML_TOO_LARGE", lambda: zipped(("a.xml", article(body="<p/>" * 12_000_000)))),
    "as many as allowed": ("PDF_MISSING", lambda: zipped(("a.xml", article(body='<p a=""/>' * 490_000)))),
    "as many authors as allowed": (
        "PDF_MISSING",
        lambda: zipped(
            (
                "a.xml",
                article(
                    front="<contrib-group>" + "<contrib><collab>A</collab></contrib>" * 220_000 + "</contrib-group>"
                ),
            )
        ),
    ),
    "a long title": ("XML_TOO_LARGE", lambda: zipped(("a.xml", article(title="y \U0001f4a9" * 2_900_000)))),
    "60 MB of text": ("PDF_MISSING", lambda: zipped(("a.xml", article(body=f"<p>{'x' * 9_000_000}</p>" * 6)))),
    "laughs": ("XML_ENTITY_EXPANSION", lambda: zipped(("a.xml", article(doctype=LAUGHS + "]>", body="&e11;")))),
    "a text used again and again": (
        "XML_ENTITY_EXPANSION",
        lambda: zipped(("a.xml", article(doctype=entities(1, "x" * 100_000), body="&e0;" * 20_000))),
    ),
    "a million entities": (
        "XML_TOO_LARGE",
        lambda: zipped(("a.xml", article(body="".join(f"&x{at};" for at in range(990_000))))),
    ),
    "blanks in base64": (
        "NO_IDENTITY",
        lambda: zipped(
            (
                "a.xml",
                f'<article xmlns="http://pkp.sfu.ca"><embed encoding="base64">{"QUFB " * 7_000_000}</embed></article>',
            )
        ),
    ),
    "cross references": ("PDF_DAMAGED", lambda: with_pdf(cross_references())),
    "a large metadata stream": (
        "PDF_REPAIRABLE",
        lambda: with_pdf(
            pdf_of(
                b"<</Type/Catalog/Pages 2 0 R/Metadata 4 0 R>>",
                TREE,
                PAGE,
                stream(bytes(900 << 20), b"/Type/Metadata/Subtype/XML", level=1),
            )
        ),
    ),
    "many objects": (
        "PDF_REPAIRABLE",
        lambda: with_pdf(pdf_of(CATALOGUE, TREE, PAGE, *[b"<</A 1>>"] * 400_000)),
    ),
    "a PDF of 100 MB": (
        "PDF_REPAIRABLE",
        lambda: with_pdf(b"%PDF-1.4\n%" + NOISE * 100 + b"\n" + pdf_of(CATALOGUE, TREE, PAGE), zipfile.ZIP_STORED),
    ),
    "a long manifest": (
        "MANIFEST_UNREADABLE",
        lambda: zipped(
            ("a.xml", article()), ("checksums.md5", "".join(f"{at:032x}  f{at}.tif\n" for at in range(900_000)))
        ),
    ),
}


def taken_in(tmp_path: Path, files: list[Path]) -> tuple[int, list[dict[str, Any]]]:
    """The peak of one command that takes these in one after the other, and what it answered."""
    home = tmp_path / "home"
    archive = Installation(
        home, folder_store_table("a", home), folder_store_table("b", home), more="[ingest]\nparallel = 1"
    )
    process = archive.start("ingest", *map(str, files), "--publisher", "P", "--json")
    watched = memory.Watched(process)
    out, error = process.communicate(timeout=600)
    assert process.returncode in (0, 1), error[-2000:]
    assert watched.samples > 20
    return watched.peak(), json.loads(out)["deliveries"]


def test_the_measure_sees_what_a_child_takes() -> None:
    child = "import time; kept = bytearray(b'x') * (300 << 20); time.sleep(0.1)"
    once = f"subprocess.run([sys.executable, '-c', {child!r}]);"
    script = f"import subprocess, sys; {once} {once}"
    process = subprocess.Popen([sys.executable, "-c", script])
    watched = memory.Watched(process)
    process.wait()
    assert 300 << 20 < watched.peak() < 400 << 20
    assert len(watched.processes) == 3


def test_no_bomb_takes_512_megabytes(tmp_path: Path) -> None:
    files = []
    for number, (name, (_, build)) in enumerate(BOMBS.items()):
        file = tmp_path / f"{number:02d}.{'tar.gz' if name in ('a million members', 'long names') else 'zip'}"
        file.write_bytes(build())
        files.append(file)
    peak, receipts = taken_in(tmp_path, files)
    unexpected = {}
    for (name, (code, _)), receipt in zip(BOMBS.items(), receipts, strict=True):
        found = {each["code"] for each in receipt["findings"]}
        found |= {each["code"] for line in receipt["articles"] for each in line["findings"]}
        if code not in found or "PROGRAM_FAULT" in found:
            unexpected[name] = found
    assert unexpected == {}
    assert peak < MOST, f"{peak >> 20} MB"


@pytest.mark.skipif(not ATTACKS, reason="the collection of samples is not beside this checkout")
@pytest.mark.skipif(not ATTACKS, reason="the collection of samples is not beside this checkout")
def test_no_hostile_package_of_the_collection_takes_512_megabytes(tmp_path: Path) -> None:
    peak, receipts = taken_in(tmp_path, ATTACKS)
    assert len(receipts) == len(ATTACKS)
    assert peak < MOST, f"{peak >> 20} MB"

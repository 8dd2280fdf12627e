"""What a file is stands in its bag, in the catalogue, and in a catalogue written again; what is not known is absent."""

from __future__ import annotations

import io
import json
import multiprocessing
import pickle
import random
import subprocess
import sys
import zipfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from collection import SAMPLES
from deliveries import Published, delivery
from installation import Installation, folder_store_table
from lxml import etree

from config.demo.figures import Picture
from ingest import identification
from ingest.identification import Identification, Identified, identify, identify_many
from ingest.premis import NAMESPACE, DescribedFile, premis_xml, with_formats
from repository.bags import Bag, PayloadSource, verify_stream, write_bag
from repository.storage.directory import DirectoryStore
from repository.vocabulary import PayloadFile, bag_key

NAMES = {"p": NAMESPACE}
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n%%EOF"
XML = b'<?xml version="1.0" encoding="UTF-8"?><article/>'


def written(folder: Path, octets: bytes, name: str = "00000001") -> Path:
    file = folder / name
    file.write_bytes(octets)
    return file


@pytest.mark.parametrize(
    ("octets", "name", "puid"),
    [
        (PDF, "makale.pdf", "fmt/18"),
        (PDF, "adı olmayan", "fmt/18"),
        (XML, "makale.xml", "fmt/101"),
        (b"a,b\n1,2\n", "veri.CSV", "x-fmt/18"),
        (b"a,b\n1,2\n", "veri", "x-fmt/111"),
        (b"not a picture at all", "sekil.png", None),
        (bytes(range(256)) * 8, "sekil.png", None),
        (b"", "bos.pdf", None),
        (b"", "", None),
        (bytes(range(256)) * 8, "ne", None),
    ],
)
def test_bytes_decide_and_the_name_only_where_they_do_not(
    tmp_path: Path, octets: bytes, name: str, puid: str | None
) -> None:
    found = identify(written(tmp_path, octets), name)
    assert found.puid == puid
    assert (found.basis is None) == (puid is None)
    if puid is None:
        assert found.warning, "it says why"


def test_an_answer_rests_on_what_it_says(tmp_path: Path) -> None:
    by_bytes = identify(written(tmp_path, PDF), "makale.pdf")
    assert (by_bytes.name, by_bytes.version, by_bytes.warning) == (
        "Acrobat PDF 1.4 - Portable Document Format",
        "1.4",
        None,
    )
    assert "byte match" in (by_bytes.basis or "")
    assert identify(written(tmp_path, PDF), "makale.xml").warning == "extension mismatch"
    assert identify(written(tmp_path, b"a,b\n"), "a.csv").warning == "match on extension only"
    assert identify(written(tmp_path, b""), "bos.pdf").warning


@pytest.mark.parametrize("name", ["../../etc/passwd.pdf", "a\0b.pdf", "kötü\ud800.pdf", "x." + "y" * 5000, "/", ".pdf"])
def test_no_name_of_a_publisher_reaches_the_disk(tmp_path: Path, name: str) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    found = identify(written(tmp_path, PDF), name)
    assert found.puid == "fmt/18"
    assert sorted(path.name for path in tmp_path.iterdir()) == [*before, "00000001"]


def test_each_file_gets_its_own_answer_and_a_file_that_is_gone_spoils_no_other(tmp_path: Path) -> None:
    files = [(written(tmp_path, PDF if number % 2 else XML, str(number)), f"{number}") for number in range(40)]
    files.insert(7, (tmp_path / "gone", "gone.pdf"))
    files.insert(9, (tmp_path, "folder"))
    found = identify_many(files)
    assert [one.puid for one in found.files[:11]] == [
        *("fmt/101", "fmt/18") * 3,
        "fmt/101",
        None,
        "fmt/18",
        None,
        "fmt/101",
    ]
    assert Counter(one.puid for one in found.files) == {"fmt/18": 20, "fmt/101": 20, None: 2}
    assert found.tool is not None
    assert found.tool.startswith("siegfried 1.")
    assert "DROID_SignatureFile" in (found.signatures or "")
    assert "pygfried 2." in (found.signatures or "")
    assert identify_many([]) == Identification((), None, None)


def test_an_answer_can_be_sent_from_process_to_process(tmp_path: Path) -> None:
    file = written(tmp_path, PDF)
    here = identify_many([(file, "a.pdf")])
    assert pickle.loads(pickle.dumps(here)) == here
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(identify_many, [(file, "a.pdf")]).result(timeout=60) == here


def test_a_file_over_which_the_examiner_dies_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [(written(tmp_path, PDF, str(number)), "a.pdf") for number in range(3)]
    asked, real = [], identification._siegfried.ask

    def dying(question: dict[str, Any]) -> dict[str, Any] | None:
        asked.append(len(question["files"]))
        return None if str(files[1][0]) in [path for path, _ in question["files"]] else real(question)

    monkeypatch.setattr(identification._siegfried, "ask", dying)
    found = identify_many(files)
    assert asked == [3, 1, 1, 1]
    assert [one.puid for one in found.files] == ["fmt/18", None, "fmt/18"]
    assert "died" in (found.files[1].warning or "")
    assert found.tool is not None


def _pdf(chance: random.Random, version: str, packet: str, info: dict[str, str]) -> bytes:
    """A PDF of one page with a stream that nothing can shrink, so that it is too long to be shown whole."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page()
        page.Contents = pdf.make_stream(chance.randbytes(300_000))
        if packet:
            noise = "".join(chance.choices("abcdefgh ", k=3000))
            rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
            text = (
                f'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}"><rdf:Description'
                f' xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"><!--{noise}-->{packet}</rdf:Description></rdf:RDF>'
                '</x:xmpmeta><?xpacket end="w"?>'
            )
            pdf.Root.Metadata = pdf.make_stream(text.encode(), Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)
        for key, value in info.items():
            pdf.docinfo[key] = value
        out = io.BytesIO()
        pdf.save(out, compress_streams=False)
        return f"%PDF-{version}".encode() + out.getvalue()[8:]


def test_a_long_file_that_is_shown_in_part_is_what_it_is_when_shown_whole(tmp_path: Path) -> None:
    chance = random.Random(1)
    files = []
    told_of = (("1.4", "1A"), ("1.4", "1B"), ("1.7", "2B"), ("1.7", "2U"), ("1.7", "3A"), ("1.7", ""), ("2.0", ""))
    for number, (version, level) in enumerate(told_of):
        packet = "<pdfaid:part>{}</pdfaid:part><pdfaid:conformance>{}</pdfaid:conformance>"
        said = packet.format(*level) if level else ""
        files.append(written(tmp_path, _pdf(chance, version, said, {}), f"{number}.pdf"))
    exchange = {"/GTS_PDFXVersion": "PDF/X-3:2002", "/GTS_PDFXConformance": "PDF/X-3:2002"}
    files.append(written(tmp_path, _pdf(chance, "1.3", "", exchange), "x.pdf"))
    picture = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x02\x00\x00H\x00H\x00\x00" + bytes(200_000) + b"\xff\xd9"
    files.append(written(tmp_path, picture, "a.jpg"))
    files.append(written(tmp_path, b"GIF89a" + bytes(100_000) + b"\x00;", "a.gif"))
    files.append(written(tmp_path, Picture(tuple(chance.randbytes(500) for _ in range(300))).png(), "a.png"))
    script = (
        "import json, sys; import format_probe as probe; asked = json.load(sys.stdin);"
        "part = probe.answer(asked, None);"
        "shown = [probe._decisive(path) is not None for path, _ in asked]; probe._decisive = lambda _: None;"
        "json.dump([shown, part, probe.answer(asked, None)], sys.stdout)"
    )
    asked = json.dumps([(str(file), file.suffix) for file in files])
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=asked,
        cwd=Path(identification.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    in_part, *told = json.loads(done.stdout)
    assert all(in_part)
    part, whole = ([[match["id"] for match in file["matches"]] for file in one["files"]] for one in told)
    assert part == whole
    assert {"fmt/95", "fmt/354", "fmt/477", "fmt/276", "fmt/44"} <= {each for ids in whole for each in ids}


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the collection of samples is not beside this checkout")
def test_real_pdfs_are_told_by_their_versions_and_real_xml_by_its_declaration() -> None:
    files = sorted(path for path in SAMPLES.rglob("*") if path.suffix in {".pdf", ".xml"} and path.stat().st_size)
    assert len(files) > 100
    for file, found in zip(files, identify_many([(file, file.name) for file in files]).files, strict=True):
        with file.open("rb") as stream:
            head = stream.read(64)
        if head.startswith(b"%PDF-1."):
            assert found.name is not None
            assert "PDF" in found.name, file
            assert found.puid is not None
        elif head.startswith(b"<?xml "):
            assert found.puid in {"fmt/101", "fmt/280", "fmt/102", "fmt/103", "fmt/471"}, file


# The PREMIS of a bag.


def _document(found: Identified, tool: str | None = "siegfried 1") -> bytes:
    file = DescribedFile("data/a.pdf", "a.pdf", 5, "ab" * 64, found)
    told = Identification((found,), tool, "signatures 1" if tool else None)
    return premis_xml("0" * 32, 1, [file], "2026-11-01", "mahfuz test", "Örnek", [], told)


def _files(path: str = "a.pdf") -> list[PayloadFile]:
    return [PayloadFile(path, 0, 5, "ab" * 64)]


def test_premis_names_the_registry_the_basis_and_every_other_match() -> None:
    found = Identified("fmt/18", "PDF", "1.4", "byte match at 0, 8", "extension mismatch", ("fmt/19", "fmt/20"))
    root = etree.fromstring(_document(found))
    (element,) = root.iterfind(".//p:objectCharacteristics/p:format", NAMES)
    assert [(each.tag.rpartition("}")[2], each.text) for each in element.iter() if not len(each)] == [
        ("formatName", "PDF"),
        ("formatVersion", "1.4"),
        ("formatRegistryName", "PRONOM"),
        ("formatRegistryKey", "fmt/18"),
        ("formatRegistryRole", "specification"),
        ("formatNote", "byte match at 0, 8"),
        ("formatNote", "extension mismatch"),
        ("formatNote", "also fmt/19, fmt/20"),
    ]
    (event,) = (e for e in root.iterfind("p:event", NAMES) if e.findtext("p:eventType", "", NAMES).startswith("format"))
    assert event.findtext("p:eventType", "", NAMES) == "format identification"
    assert event.findtext(".//p:eventOutcomeDetailNote", "", NAMES) == "1 of 1 files have a PRONOM identifier"
    assert event.findtext(".//p:linkingAgentIdentifierValue", "", NAMES) == "siegfried 1"
    agents = {
        a.findtext("p:agentName", "", NAMES): a.findtext("p:agentNote", None, NAMES)
        for a in root.iterfind("p:agent", NAMES)
    }
    assert agents == {"mahfuz test": None, "Örnek": None, "siegfried 1": "signatures 1"}
    assert with_formats(_files(), _document(found))[0].format == "fmt/18"


def test_what_is_unknown_is_absent() -> None:
    document = _document(Identified(warning="no match"))
    assert b"formatRegistry" not in document
    assert b"not identified: data/a.pdf" in document
    assert with_formats(_files(), document)[0].format is None
    nobody = _document(Identified(warning="no such library"), tool=None)
    assert b"not performed" in nobody
    assert b"no such library" in nobody


@pytest.mark.parametrize("document", [b"", b"<premis/>", b"no xml", b"<premis xmlns='http://www.loc.gov/premis/v3'>"])
def test_a_bag_without_formats_stays_readable(document: bytes) -> None:
    assert with_formats(_files(), document) == tuple(_files())


def test_a_key_that_is_no_pronom_identifier_is_not_taken() -> None:
    document = _document(Identified("fmt/18", "PDF"))
    for other in (b"<formatRegistryKey>" + b"x" * 500, b"<formatRegistryKey>PDF"):
        assert with_formats(_files(), document.replace(b"<formatRegistryKey>fmt/18", other))[0].format is None
    elsewhere = document.replace(b">PRONOM<", b">LOC FDD<")
    assert with_formats(_files(), elsewhere)[0].format is None


# From the door to the page.


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))


def _formats(archive: Installation, doi: str) -> dict[str, str | None]:
    (version,) = archive.run("article", doi)["versions"]
    return {file["path"].rpartition("/")[2]: file["format"] for file in version["files"]}


def test_formats_stand_in_the_bag_in_the_catalogue_and_in_one_written_again(
    archive: Installation, tmp_path: Path
) -> None:
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/bicim.1")])
    with zipfile.ZipFile(sent, "a") as packed:
        packed.writestr(zipfile.ZipInfo("bicim.1/bicim.1.csv"), b"a,b\n1,2\n")
        packed.writestr(zipfile.ZipInfo("bicim.1/bicim.1.txt"), b"")
    archive.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    first = _formats(archive, "10.5555/bicim.1")
    assert first["bicim.1.xml"] == "fmt/101"
    assert (first["bicim.1.pdf"] or "").startswith("fmt/")
    assert (first["bicim.1.csv"], first["bicim.1.txt"]) == ("x-fmt/18", None)
    (bag,) = (archive.home / "ankara").rglob("v1.tar")
    with bag.open("rb") as stream:
        report = verify_stream(stream)
    assert report.valid
    in_bag = with_formats(report.files, report.tag_files["metadata/premis.xml"])
    assert {file.path.rpartition("/")[2]: file.format for file in in_bag} == first
    (archive.home / "mahfuz.sqlite").unlink()
    archive.run("init")
    archive.run("rebuild")
    assert _formats(archive, "10.5555/bicim.1") == first


def test_a_bag_left_by_a_run_with_other_signatures_is_adopted_with_what_it_says(
    archive: Installation, tmp_path: Path
) -> None:
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/bicim.2")])
    archive.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    (bag,) = (archive.home / "ankara").rglob("v1.tar")
    left, key = _sealed_otherwise(bag, tmp_path)
    other = tmp_path / "other"
    again = Installation(other, folder_store_table("ankara", other), folder_store_table("izmir", other))
    again.run("init")
    DirectoryStore("ankara", other / "ankara").put(key, left.path, left.seal)
    again.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    found = _formats(again, "10.5555/bicim.2")
    assert found["bicim.2.xml"] == "fmt/9999"
    assert (other / "izmir" / key).read_bytes() == left.path.read_bytes() != bag.read_bytes()


def _sealed_otherwise(bag: Path, folder: Path) -> tuple[Bag, str]:
    """The same payload with another PREMIS, and its key."""
    with bag.open("rb") as stream:
        report = verify_stream(stream)
    payload = []
    for number, file in enumerate(report.files):
        source = folder / f"payload {number}"
        source.write_bytes(bag.read_bytes()[file.offset : file.offset + file.bytes])
        payload.append(PayloadSource(file.path, source, file.bytes, file.sha512))
    premis = report.tag_files["metadata/premis.xml"]
    info = [pair for pair in report.bag_info if pair[0] != "Payload-Oxum"]
    article = dict(info)["External-Identifier"]
    left = write_bag(
        folder / "left.tar",
        article_id=article,
        version=1,
        bag_info=info,
        tag_files={**report.tag_files, "metadata/premis.xml": premis.replace(b">fmt/101<", b">fmt/9999<")},
        payload=payload,
    )
    return left, bag_key(article, 1)

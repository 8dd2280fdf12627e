"""A delivery opened: every file once, under its publisher's name, with its digest, held against the lists that came."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.inbox import sets_of
from ingest.unpack import Aside, Delivered, Limits, Unpacked, unpack

ROOT = Path(__file__).parents[2]

Files = Mapping[str, bytes]

ARTICLE = {"a.xml": b"<article><front/></article>", "a.pdf": b"%PDF-1.4 a"}


def zip_of(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def zip_without_flag(files: Mapping[bytes, bytes]) -> bytes:
    """Names as raw bytes and no UTF-8 flag, as DOS programs and old WinZip write them."""
    stand_ins = {f"{number:0{len(name)}d}": (name, data) for number, (name, data) in enumerate(files.items())}
    archive = zip_of({stand_in: data for stand_in, (_, data) in stand_ins.items()})
    for stand_in, (name, _) in stand_ins.items():
        assert archive.count(stand_in.encode()) == 2
        archive = archive.replace(stand_in.encode(), name)
    return archive


def tar_of(files: Files, **options: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Opening:
    """Deliver files by name and open them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.staging = folder / "staging"
        self.staging.mkdir()

    def __call__(self, files: Files, limits: Limits | None = None) -> Unpacked:
        paths = []
        for name, data in files.items():
            path = self._folder / name
            path.write_bytes(data)
            paths.append(path)
        return unpack(paths, self.staging, limits)


@pytest.fixture
def opening(tmp_path: Path) -> Opening:
    return Opening(tmp_path)


def contents(unpacked: Unpacked) -> dict[str, bytes]:
    return {member.name: member.source.read_bytes() for member in unpacked.members}


def codes(unpacked: Unpacked) -> list[str]:
    return [found.code for found in unpacked.findings]


def about(unpacked: Unpacked, code: str) -> list[str | None]:
    return [found.path for found in unpacked.findings if found.code == code]


# What comes out.


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("d.zip", zip_of(ARTICLE)),
        ("d.zip", zip_of(ARTICLE, zipfile.ZIP_STORED)),
        ("d.tar", tar_of(ARTICLE)),
        ("d.tar.gz", gzip.compress(tar_of(ARTICLE))),
        ("d.tgz", gzip.compress(tar_of(ARTICLE))),
    ],
)
def test_every_file_comes_out_with_its_size_and_digest(opening: Opening, name: str, data: bytes) -> None:
    unpacked = opening({name: data})
    assert contents(unpacked) == ARTICLE
    assert unpacked.findings == ()
    assert unpacked.opened == (name,)
    for member in unpacked.members:
        assert member.archive == name
        assert member.raw_name is None
        assert member.bytes == len(ARTICLE[member.name])
        assert member.sha512 == hashlib.sha512(ARTICLE[member.name]).hexdigest()
        assert member.source.is_relative_to(opening.staging)
        assert member.source.name.isdigit()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("d.tar", zip_of(ARTICLE)),
        ("d.zip", gzip.compress(tar_of(ARTICLE))),
        ("d", tar_of(ARTICLE)),
        ("d.pdf", zip_of(ARTICLE)),
    ],
)
def test_an_archive_is_known_by_its_bytes_and_not_by_its_name(opening: Opening, name: str, data: bytes) -> None:
    assert contents(opening({name: data})) == ARTICLE


def test_files_delivered_as_they_are_stay_where_they_are(opening: Opening) -> None:
    unpacked = opening(ARTICLE)
    assert contents(unpacked) == ARTICLE
    assert all(member.archive == "" for member in unpacked.members)
    assert not any(member.source.is_relative_to(opening.staging) for member in unpacked.members)


def test_a_delivery_kept_under_other_names_has_the_publishers_names(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(zip_of(ARTICLE))
    (tmp_path / "1").write_bytes(f"{md5(zip_of(ARTICLE))}  d.zip\n".encode())
    files = [Delivered("d.zip", tmp_path / "0"), Delivered("d.zip.md5", tmp_path / "1")]
    unpacked = unpack(files, tmp_path)
    assert sorted(contents(unpacked)) == ["a.pdf", "a.xml", "d.zip.md5"]
    assert unpacked.opened == ("d.zip",)
    assert codes(unpacked) == ["SIDECAR"]


def test_a_set_of_archives_is_one_delivery(opening: Opening) -> None:
    unpacked = opening(
        {"A.tar": tar_of({"ds/dataset.xml": b"<dataset/>"}), "B.tar": tar_of({"ds/1/main.xml": b"<a/>"})}
    )
    assert {member.name: member.archive for member in unpacked.members} == {
        "ds/dataset.xml": "A.tar",
        "ds/1/main.xml": "B.tar",
    }


def test_the_same_file_in_two_archives_of_a_set_is_kept_once_and_counted(opening: Opening) -> None:
    unpacked = opening({"A.tar": tar_of({"issue.xml": b"<i/>", "a": b"a"}), "B.tar": tar_of({"issue.xml": b"<i/>"})})
    assert sorted(contents(unpacked)) == ["a", "issue.xml"]
    assert [(each.name, each.archive, each.why) for each in unpacked.set_aside] == [
        ("issue.xml", "B.tar", Aside.REPEATED)
    ]


def test_two_archives_of_a_set_that_contradict_each_other_are_held(opening: Opening) -> None:
    unpacked = opening({"A.tar": tar_of({"issue.xml": b"<i/>"}), "B.tar": tar_of({"issue.xml": b"<j/>"})})
    assert codes(unpacked) == ["DUPLICATE_MEMBER"]
    assert unpacked.members == ()


def test_junk_of_operating_systems_is_set_aside_and_counted(opening: Opening) -> None:
    junk = {"__MACOSX/a/._a.pdf": b"1", "a/._a.pdf": b"2", "a/.DS_Store": b"3", "Thumbs.db": b"4", "desktop.ini": b"5"}
    unpacked = opening({"d.zip": zip_of({**junk, "a/a.xml": b"<article/>"})})
    assert contents(unpacked) == {"a/a.xml": b"<article/>"}
    assert {each.name for each in unpacked.set_aside} == set(junk)
    assert codes(unpacked) == ["JUNK_IGNORED"] * 5


def test_a_damaged_junk_file_still_means_a_damaged_archive(opening: Opening) -> None:
    data = zip_of({"a.xml": b"<article/>", ".DS_Store": b"junkjunkjunk"}, zipfile.ZIP_STORED)
    assert data.count(b"junkjunkjunk") == 1
    assert codes(opening({"d.zip": data.replace(b"junkjunkjunk", b"junkJUNKjunk")})) == [
        "JUNK_IGNORED",
        "ARCHIVE_CORRUPT",
    ]


def test_a_link_in_the_place_of_a_delivered_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "d.xml").symlink_to(tmp_path / "secret")
    assert codes(unpack([tmp_path / "d.xml"], tmp_path)) == ["LINK_OR_DEVICE"]


# Names.


def test_names_in_dos_turkish_are_read_and_their_bytes_kept(opening: Opening) -> None:
    raw = "Cilt 12/Sayı 3/İğne ve Ölçü.xml".encode("cp857")
    unpacked = opening({"d.zip": zip_without_flag({raw: b"<article/>"})})
    (member,) = unpacked.members
    assert member.name == "Cilt 12/Sayı 3/İğne ve Ölçü.xml"
    assert member.raw_name == raw
    assert codes(unpacked) == ["NAME_ENCODING"]


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("cp857", "Şükrü Çağlayan.pdf"),
        ("cp1254", "Şükrü Çağlayan.pdf"),
        ("cp857", "résumé.pdf"),
        ("cp437", "½ ░▒▓.pdf"),
        ("utf-8", "Şükrü.pdf"),
    ],
)
def test_the_code_page_of_names_without_flag_is_found(opening: Opening, page: str, name: str) -> None:
    unpacked = opening({"d.zip": zip_without_flag({name.encode(page): b"x"})})
    (member,) = unpacked.members
    assert member.name == name
    assert member.raw_name == (None if page == "utf-8" else name.encode(page))


def test_all_names_of_one_archive_are_read_in_one_code_page(opening: Opening) -> None:
    # Alone, the first one's bytes are Turkish letters in cp857 too.
    names = ["Sayı/é.pdf", "Sayı/½.pdf"]
    unpacked = opening({"d.zip": zip_without_flag({name.encode("cp857"): b"x" for name in names})})
    assert len({member.name.partition("/")[0] for member in unpacked.members}) == 1


def test_the_unicode_name_of_info_zip_counts_if_it_is_about_this_name(opening: Opening) -> None:
    def with_field(crc: int) -> bytes:
        info = zipfile.ZipInfo("isim.pdf")
        info.extra = struct.pack("<HHBL", 0x7075, 5 + len("İsim.pdf".encode()), 1, crc) + "İsim.pdf".encode()
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(info, b"x")
        return out.getvalue()

    assert list(contents(opening({"d.zip": with_field(zlib.crc32(b"isim.pdf"))}))) == ["İsim.pdf"]
    assert list(contents(opening({"d.zip": with_field(1)}))) == ["isim.pdf"]


def test_names_in_a_tar_that_are_not_utf_8_are_read(opening: Opening) -> None:
    data = tar_of({"Ağrı.pdf": b"x"}, format=tarfile.GNU_FORMAT, encoding="iso8859-9")
    unpacked = opening({"d.tar": data})
    (member,) = unpacked.members
    assert (member.name, member.raw_name) == ("Ağrı.pdf", "Ağrı.pdf".encode("iso8859-9"))
    assert codes(unpacked) == ["NAME_ENCODING"]


def test_a_leading_dot_is_no_part_of_a_name(opening: Opening) -> None:
    unpacked = opening({"d.tar": tar_of({"./a/b.xml": b"x", "c//d.xml": b"y"})})
    assert {member.name: member.raw_name for member in unpacked.members} == {
        "a/b.xml": b"./a/b.xml",
        "c/d.xml": b"c//d.xml",
    }


def test_names_that_some_systems_cannot_tell_apart_are_kept_and_told(opening: Opening) -> None:
    files = {"É.xml": b"1", unicodedata.normalize("NFD", "É.xml"): b"2", "fig.tif": b"3", "Fig.TIF": b"4"}
    unpacked = opening({"d.zip": zip_of(files)})
    assert contents(unpacked) == files
    assert codes(unpacked).count("NAME_COLLISION") == 2


def test_names_that_some_systems_cannot_store_are_kept_and_told(opening: Opening) -> None:
    files = {"trailing.": b"1", "a\u2028b": b"2", "CON.xml": b"3", "a?b": b"5"}
    unpacked = opening({"d.zip": zip_of(files)})
    assert contents(unpacked) == files
    assert sorted(map(str, about(unpacked, "NAME_NOT_PORTABLE"))) == sorted(files)


def acceptable(name: str) -> bool:
    parts = name.split("/")
    junk = {".DS_Store", "Thumbs.db", "desktop.ini", ".localized", "__MACOSX"}
    return (
        all(part not in {"", ".", ".."} and part not in junk and not part.startswith("._") for part in parts)
        and name[1:2] != ":"
        and not any(name.endswith(ending) for ending in (".zip", ".tar", ".gz", ".tgz"))
    )


letters = st.characters(exclude_characters="/\\\x00", exclude_categories=["Cs"])
awkward = st.sampled_from(
    ["\u2028", "\x85", "\xa0", "\x0b", "%0A", "\n", " ", ".", "-", "=", "\u202e", "I", "ı", "İ", "e\u0301"]
)
parts = st.lists(letters | awkward, min_size=1, max_size=12).map("".join)
names = st.lists(parts, min_size=1, max_size=3).map("/".join).filter(acceptable)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(names, min_size=1, max_size=8, unique=True))
def test_any_name_comes_back_exactly_and_no_two_are_merged(generated: list[str]) -> None:
    folders = {"/".join(name.split("/")[:count]) for name in generated for count in range(1, name.count("/") + 1)}
    files = {name: str(number).encode() for number, name in enumerate(generated) if name not in folders}
    with tempfile.TemporaryDirectory() as folder:
        for name, data in {
            "d.zip": zip_of(files),
            "d.tar": tar_of(files, format=tarfile.PAX_FORMAT),
            "g.tar": tar_of(files, format=tarfile.GNU_FORMAT),
        }.items():
            source = Path(folder, name)
            source.write_bytes(data)
            unpacked = unpack([source], Path(folder))
            assert contents(unpacked) == files


# Archives in archives.


def test_a_zip_of_zips_is_opened_one_level_deep(opening: Opening) -> None:
    inner = zip_of({"x/a.xml": b"<article/>", "x/a.pdf": b"%PDF"})
    unpacked = opening({"d.zip": zip_of({"1.zip": inner, "2.tar": tar_of(ARTICLE), "manifest.xml": b"<manifest/>"})})
    assert sorted(contents(unpacked)) == [
        "1.zip!/x/a.pdf",
        "1.zip!/x/a.xml",
        "2.tar!/a.pdf",
        "2.tar!/a.xml",
        "manifest.xml",
    ]
    assert unpacked.opened == ("d.zip", "d.zip!/1.zip", "d.zip!/2.tar")
    assert {member.archive for member in unpacked.members} == {"d.zip", "d.zip!/1.zip", "d.zip!/2.tar"}
    assert about(unpacked, "NESTED_ARCHIVE") == ["1.zip", "2.tar"]


def test_inner_archives_are_held_against_the_list_beside_them(opening: Opening) -> None:
    inner = zip_of(ARTICLE)
    files = {"1.zip": inner, "list.md5": f"{md5(inner)}  1.zip\n".encode()}
    assert codes(opening({"d.zip": zip_of(files)})) == ["NESTED_ARCHIVE"]
    files["2.zip"] = zip_of({"b.xml": b"<article/>"})
    assert about(opening({"d.zip": zip_of(files)}), "UNLISTED_FILE") == ["2.zip"]
    files["list.md5"] = f"{md5(b'other')}  1.zip\n".encode()
    assert about(opening({"d.zip": zip_of(files)}), "CHECKSUM_MISMATCH") == ["1.zip"]


def test_an_archive_beside_an_article_is_its_supplement_and_stays_closed(opening: Opening) -> None:
    files = {**ARTICLE, "a-data.zip": zip_of({"t.csv": b"1"}), "assets/deep.tar": tar_of({"t": b"1"})}
    unpacked = opening({"d.zip": zip_of(files)})
    assert contents(unpacked) == files
    assert [(found.code, found.level, found.path) for found in unpacked.findings] == [
        ("NESTED_ARCHIVE", "info", "a-data.zip"),
        ("NESTED_ARCHIVE", "info", "assets/deep.tar"),
    ]


@pytest.mark.parametrize("name", ["issue-7.xml", "manifest.xml"])
def test_an_article_is_known_by_its_xml_whatever_its_name(opening: Opening, name: str) -> None:
    files = {name: ARTICLE["a.xml"], "data.zip": zip_of({"t.csv": b"1"})}
    assert contents(opening({"d.zip": zip_of(files)})) == files


def test_archives_three_deep_are_kept_closed_and_told(opening: Opening) -> None:
    unpacked = opening({"d.zip": zip_of({"1.zip": zip_of({"2.zip": zip_of(ARTICLE)})})})
    assert contents(unpacked) == {"1.zip!/2.zip": zip_of(ARTICLE)}
    assert codes(unpacked) == ["NESTED_ARCHIVE", "NESTED_TOO_DEEP"]


def test_a_document_that_is_a_zip_inside_is_a_document(opening: Opening) -> None:
    files = {"paper.docx": zip_of({"word/document.xml": b"<w/>"}), "table.csv.gz": gzip.compress(b"1,2")}
    assert contents(opening({"d.zip": zip_of(files)})) == files


def test_archives_in_archives_can_be_left_closed(opening: Opening) -> None:
    files = {"1.zip": zip_of(ARTICLE)}
    assert contents(opening({"d.zip": zip_of(files)}, Limits(nesting=0))) == files


# Limits.


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(members=2), "ARCHIVE_TOO_MANY_MEMBERS"),
        (Limits(member_bytes=999), "ARCHIVE_TOO_LARGE"),
        (Limits(total_bytes=2999), "ARCHIVE_TOO_LARGE"),
        (Limits(bomb_bytes=900, bomb_ratio=20), "ARCHIVE_BOMB"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_each_limit_holds(opening: Opening, limits: Limits, code: str, kind: str) -> None:
    files = {"1": bytes(1000), "2": bytes(1000), "3": bytes(1000)}
    data = zip_of(files) if kind == "zip" else gzip.compress(tar_of(files))
    enough = Limits(members=3, member_bytes=1000, total_bytes=3000, bomb_bytes=100_000, bomb_ratio=20)
    assert contents(opening({f"d.{kind}": data}, enough)) == files
    assert code in codes(opening({f"d.{kind}": data}, limits))


def test_limits_are_counted_over_all_the_archives_of_a_delivery(opening: Opening) -> None:
    files = {f"{number}.tar": tar_of({f"{number}": bytes(1000)}) for number in range(3)}
    assert codes(opening(files, Limits(total_bytes=2500))) == ["ARCHIVE_TOO_LARGE"]
    assert codes(opening(files, Limits(members=2))) == ["ARCHIVE_TOO_MANY_MEMBERS"]


def test_a_full_disk_is_our_trouble_and_not_a_finding(tmp_path: Path) -> None:
    (tmp_path / "d.zip").write_bytes(zip_of({"big": bytes(300_000)}))
    script = (
        "import resource, sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        "from ingest.unpack import unpack\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n    unpack([Path(sys.argv[2])], Path(sys.argv[3]))\n"
        "except OSError as error:\n    print('raised', error.errno)\n"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", script, str(ROOT), str(tmp_path / "d.zip"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("raised"), run.stderr


def test_a_staging_folder_that_is_not_there_is_our_trouble(tmp_path: Path) -> None:
    (tmp_path / "d.zip").write_bytes(zip_of(ARTICLE))
    with pytest.raises(OSError, match="missing"):
        unpack([tmp_path / "d.zip"], tmp_path / "missing")


# Lists of digests.


def listed(text: str, name: str, files: Files | None = None) -> dict[str, bytes]:
    return {"d.zip": zip_of({**(ARTICLE if files is None else files), name: text.encode()})}


XML, PDF = ARTICLE["a.xml"], ARTICLE["a.pdf"]
GOOD_LISTS = {
    "md5sum": ("manifest.md5", f"{md5(XML)}  a.xml\n{md5(PDF)}  a.pdf\n"),
    "md5sum, binary": ("MD5SUMS", f"{md5(XML)} *a.xml\n{md5(PDF)} *a.pdf\n"),
    "capitals": ("checksums.md5", f"{md5(XML).upper()}  a.xml\n{md5(PDF).upper()}  a.pdf\n"),
    "sha256sum": ("checksums.sha256", f"{sha256(XML)}  ./a.xml\n{sha256(PDF)}  ./a.pdf\n"),
    "by length": ("checksums.txt", f"{sha256(XML)}  a.xml\n{sha256(PDF)}  a.pdf\n"),
    "windows lines": ("checksum.txt", f"{md5(XML)}  a.xml\r\n{md5(PDF)}  a.pdf\r\n"),
    "comments": ("sha256sums.txt", f"# made today\n{sha256(XML)}  a.xml\n\n{sha256(PDF)}  a.pdf\n"),
    "BSD": ("CHECKSUMS", f"MD5 (a.xml) = {md5(XML)}\nSHA256 (a.pdf) = {sha256(PDF)}\n"),
    "tabs": ("md5.txt", f"{md5(XML)}\ta.xml\n{md5(PDF)}\ta.pdf\n"),
    "BagIt's name": ("manifest-sha256.txt", f"{sha256(XML)} a.xml\n{sha256(PDF)} a.pdf\n"),
    "itself half written": ("list.md5", f"{md5(XML)}  a.xml\n{md5(PDF)}  a.pdf\n{md5(b'')}  list.md5\n"),
    "other capitals": ("list.md5", f"{md5(XML)}  A.XML\n{md5(PDF)}  a.PDF\n"),
    "algorithm in the name": ("checksums-sha256.txt", f"{sha256(XML)}  a.xml\n{sha256(PDF)}  a.pdf\n"),
    "algorithm with a hyphen": ("sha-256.txt", f"{sha256(XML)}  a.xml\n{sha256(PDF)}  a.pdf\n"),
    "a name that says nothing": ("içindekiler.txt", f"{md5(XML)}  a.xml\n{md5(PDF)}  a.pdf\n"),
    "no ending": ("MANIFEST", f"{md5(XML)}  a.xml\n{md5(PDF)}  a.pdf\n"),
    "name first": ("md5sums.txt", f"a.xml  {md5(XML)}\na.pdf  {md5(PDF)}\n"),
    "name, colon": ("liste.txt", f"a.xml: {md5(XML)}\na.pdf: {md5(PDF)}\n"),
    "a table": ("checksums.csv", f"filename,size,md5\na.xml,{len(XML)},{md5(XML)}\na.pdf,{len(PDF)},{md5(PDF)}\n"),
    "a Turkish table": ("liste.csv", f'Dosya adı;MD5\n"a.xml";{md5(XML)}\n"a.pdf";{md5(PDF)}\n'),
    "size between": ("md5.txt", f"{md5(XML)} {len(XML)} a.xml\n{md5(PDF)} {len(PDF)} a.pdf\n"),
    "openssl 3": ("sha256.txt", f"SHA2-256(a.xml)= {sha256(XML)}\nSHA2-256(a.pdf)= {sha256(PDF)}\n"),
    "Get-FileHash": (
        "sha256.txt",
        f"\nAlgorithm Hash Path\n--------- ---- ----\nSHA256    {sha256(XML).upper()}   C:\\teslim\\a.xml\n"  # noqa: ISC004
        f"SHA256    {sha256(PDF).upper()}   C:\\teslim\\a.pdf\n",
    ),
    "Get-FileHash, Export-Csv": (
        "hashes.csv",
        f'"Algorithm","Hash","Path"\n"MD5","{md5(XML)}","C:\\teslim\\a.xml"\n"MD5","{md5(PDF)}","C:\\teslim\\a.pdf"\n',
    ),
    "FCIV": (
        "md5.txt",
        f"//\n// File Checksum Verifier\n//\n{md5(XML)} c:\\teslim\\a.xml\n{md5(PDF)} c:\\teslim\\a.pdf\n",
    ),
    "with a byte order mark": ("list.md5", f"\ufeff{md5(XML)}  a.xml\n{md5(PDF)}  a.pdf\n"),
}


@pytest.mark.parametrize("case", GOOD_LISTS)
def test_a_list_that_is_right_is_read_and_says_nothing(opening: Opening, case: str) -> None:
    name, text = GOOD_LISTS[case]
    unpacked = opening(listed(text, name))
    assert unpacked.findings == ()
    assert unpacked.lists == {name}


@pytest.mark.parametrize("case", GOOD_LISTS)
def test_a_list_that_is_wrong_by_one_digit_refuses_the_delivery(opening: Opening, case: str) -> None:
    name, text = GOOD_LISTS[case]
    # A digit of the PDF's digest, which stands before or after its name.
    digest = next(each for each in (md5(PDF), md5(PDF).upper(), sha256(PDF), sha256(PDF).upper()) if each in text)
    wrong = text.replace(digest, digest[:-1] + ("0" if digest[-1] != "0" else "1"))
    unpacked = opening(listed(wrong, name))
    assert about(unpacked, "CHECKSUM_MISMATCH") == ["a.pdf"]
    assert unpacked.members == ()


def test_a_listed_file_that_did_not_come_refuses_the_delivery(opening: Opening) -> None:
    unpacked = opening(listed(f"{md5(XML)}  a.xml\n{md5(PDF)}  b.pdf\n", "manifest.md5"))
    assert about(unpacked, "MANIFEST_FILE_MISSING") == ["b.pdf"]
    assert unpacked.refused


def test_a_file_that_is_not_listed_is_told(opening: Opening) -> None:
    unpacked = opening(listed(f"{md5(XML)}  a.xml\n", "manifest.md5"))
    assert about(unpacked, "UNLISTED_FILE") == ["a.pdf"]
    assert not unpacked.refused


def test_a_list_speaks_only_for_its_own_folder(opening: Opening) -> None:
    files = {"1/a.xml": XML, "1/list.md5": f"{md5(XML)}  a.xml\n".encode(), "2/b.xml": XML}
    assert opening({"d.zip": zip_of(files)}).findings == ()


def test_a_list_of_one_file_named_after_it_speaks_only_for_that_file(opening: Opening) -> None:
    files = {**ARTICLE, "a.pdf.md5": md5(PDF).encode(), "extra.txt": b"x"}
    assert opening({"d.zip": zip_of(files)}).findings == ()
    files["a.pdf.md5"] = md5(XML).encode()
    assert about(opening({"d.zip": zip_of(files)}), "CHECKSUM_MISMATCH") == ["a.pdf"]


@pytest.mark.parametrize(
    "listing",
    ["{0}  sub/a.xml\n", "{0}  ./sub/a.xml\n", "{0}  sub\\a.xml\n", "{0}  a.xml\n", "{0}  top/sub/a.xml\n"],
)
def test_paths_are_found_from_the_list_from_the_root_or_by_their_end(opening: Opening, listing: str) -> None:
    files = {"top/sub/a.xml": XML, "top/list.md5": listing.format(md5(XML)).encode()}
    assert opening({"d.zip": zip_of(files)}).findings == ()


def test_names_in_a_list_may_be_turkish_in_another_encoding(opening: Opening) -> None:
    files = {"İğne.pdf": PDF, "list.md5": f"{md5(PDF)}  İğne.pdf\n".encode("cp1254")}
    assert opening({"d.zip": zip_of(files)}).findings == ()
    files["list.md5"] = f"{md5(PDF)}  İğne.pdf\r\n".encode("utf-16")
    assert opening({"d.zip": zip_of(files)}).findings == ()


@pytest.mark.parametrize(
    "text", ["Please check everything.", "checksums: see below\nd41d8cd9", "", f"{md5(XML)}\n{md5(PDF)}\n"]
)
def test_a_text_that_is_only_named_like_a_list_stays_a_text(opening: Opening, text: str) -> None:
    unpacked = opening(listed(text, "checksums.txt"))
    assert unpacked.findings == ()
    assert unpacked.lists == frozenset()


@pytest.mark.parametrize(
    "text", ["no digests here\n", "", f"{md5(XML)}  a.xml\nnot a line\n", f"{sha256(XML)}  a.xml\n"]
)
def test_a_list_that_cannot_be_read_is_held(opening: Opening, text: str) -> None:
    unpacked = opening(listed(text, "manifest.md5"))
    assert about(unpacked, "MANIFEST_UNREADABLE") == ["manifest.md5"]
    assert unpacked.refused


def test_a_list_of_which_one_line_is_none_is_held_and_the_line_is_told(opening: Opening) -> None:
    unpacked = opening(listed(f"{md5(XML)}  a.xml\n{md5(PDF)}  a.pdf\nToplam: 2 dosya\n", "md5sums.txt"))
    assert [(found.code, found.line) for found in unpacked.findings] == [("MANIFEST_UNREADABLE", 3)]


@pytest.mark.parametrize(
    "text",
    [
        f"The data are in a.pdf, whose MD5 is {md5(b'other')}.\nThey are free to use.\nAsk us.\n",
        f"{md5(b'1')}  reads_1.fastq\n{md5(b'2')}  reads_2.fastq\n{md5(b'3')}  a.pdf\n",
    ],
)
def test_a_text_that_speaks_of_digests_is_no_list_of_the_delivery(opening: Opening, text: str) -> None:
    unpacked = opening(listed(text, "README.txt"))
    assert unpacked.findings == ()
    assert unpacked.lists == frozenset()


def test_the_digests_of_a_data_set_elsewhere_are_no_list_of_this_delivery(opening: Opening) -> None:
    unpacked = opening(listed(f"{md5(b'1')}  reads_1.fastq\n{md5(b'2')}  reads_2.fastq\n", "md5sums.txt"))
    assert unpacked.findings == ()
    assert unpacked.lists == frozenset()


def test_listed_junk_that_was_set_aside_is_not_missing(opening: Opening) -> None:
    text = f"{md5(XML)}  a.xml\n{md5(PDF)}  a.pdf\n{md5(b'x')}  .DS_Store\n{md5(b'y')}  __MACOSX/._a.pdf\n"
    assert codes(opening(listed(text, "manifest.md5", {**ARTICLE, ".DS_Store": b"x"}))) == ["JUNK_IGNORED"]


def test_a_path_in_a_list_is_only_ever_compared_with_names(opening: Opening) -> None:
    secret = Path(opening.staging, "secret")
    secret.write_bytes(b"secret")
    unpacked = opening(listed(f"{md5(b'secret')}  ../../staging/secret\n{md5(b'secret')}  {secret}\n", "manifest.md5"))
    assert codes(unpacked) == ["MANIFEST_FILE_MISSING"] * 2 + ["UNLISTED_FILE"] * 2


# A list of the archive itself, beside it.

SIDECARS = {
    "md5sum": ("d.zip.md5", "{md5}  d.zip\n"),
    "bare": ("d.zip.md5", "{md5}\n"),
    "bare, without zip": ("d.md5", "{md5}"),
    "with the sender's path": ("d.zip.md5", "{md5} */home/out/2024/d.zip\n"),
    "sha256": ("d.zip.sha256", "{sha256}  d.zip\n"),
    "a list of all": ("checksums.md5", "{md5}  d.zip\n"),
    "bare, in a file of no name": ("md5.txt", "{md5}\n"),
    "sha256sum with an ending": ("d.zip.sha256sum.txt", "{sha256}  d.zip\n"),
    "any name": ("d_özet.txt", "{md5}  d.zip\n"),
}


@pytest.mark.parametrize("case", SIDECARS)
def test_a_digest_beside_the_archive_is_compared_with_it(opening: Opening, case: str) -> None:
    name, text = SIDECARS[case]
    data = zip_of(ARTICLE)
    good = text.format(md5=md5(data), sha256=sha256(data)).encode()
    assert codes(opening({"d.zip": data, name: good})) == ["SIDECAR"]
    bad = text.format(md5=md5(b"other"), sha256=sha256(b"other")).encode()
    unpacked = opening({"d.zip": data, name: bad})
    assert about(unpacked, "CHECKSUM_MISMATCH") == ["d.zip"]
    assert unpacked.members == ()


@pytest.mark.parametrize(
    "name", ["d.zip.md5", "d.md5", "d_md5.txt", "d.zip.sha384", "d.zip.sha256sum", "d.tar.gz.SHA1", "d.zip.sha-512.txt"]
)
def test_a_digest_and_its_archive_are_one_delivery(name: str) -> None:
    assert len(sets_of([Path("in/d.zip"), Path("in", name)])) == 1


GO = '<GO><filegroup><archive-file name="d.zip"/><metadata-file name="a.xml"/><file name="{}"/></filegroup></GO>'


def test_what_a_go_xml_names_and_did_not_come_is_missing(opening: Opening) -> None:
    data = zip_of({f"files/{name}": content for name, content in ARTICLE.items()})
    assert not opening({"d.zip": data, "d.go.xml": GO.format("a.pdf").encode()}).refused
    unpacked = opening({"d.zip": data, "d.go.xml": GO.format("fig1.tif").encode()})
    assert about(unpacked, "MANIFEST_FILE_MISSING") == ["fig1.tif"]
    assert unpacked.refused


def test_a_digest_alone_waits_for_its_archive(opening: Opening) -> None:
    assert codes(opening({"d.zip.md5": f"{md5(b'x')}  d.zip\n".encode()})) == ["SET_INCOMPLETE"]


def test_a_digest_of_another_archive_refuses(opening: Opening) -> None:
    unpacked = opening({"d.zip": zip_of(ARTICLE), "e.zip.md5": f"{md5(b'x')}  e.zip\n".encode()})
    assert about(unpacked, "MANIFEST_FILE_MISSING") == ["e.zip"]


def atom(algorithm: str, digest: str) -> bytes:
    return (
        '<entry xmlns="http://www.w3.org/2005/Atom" xmlns:pkp="http://pkp.sfu.ca/SWORD"><title>Dergi</title>'
        f'<pkp:content checksumType="{algorithm}" checksumValue="{digest}">https://example.org/d</pkp:content></entry>'
    ).encode()


def test_the_digest_in_the_atom_entry_of_a_deposit_is_compared(opening: Opening) -> None:
    data = zip_of(ARTICLE)
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    assert not opening({"d.zip": data, "d.xml": atom("SHA-1", digest)}).refused
    assert not opening({"d.zip": data, "d.xml": atom("MD5", md5(data))}).refused
    assert about(opening({"d.zip": data, "d.xml": atom("SHA-1", "0" * 40)}), "CHECKSUM_MISMATCH") == ["d.zip"]


# Bags.


def bag(payload: Files, **tampering: bytes | None) -> bytes:
    lines = "".join(f"{sha256(data)}  data/{name.replace('%', '%25')}\n" for name, data in payload.items())
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "manifest-sha256.txt": lines.encode(),
    }
    tags["tagmanifest-sha256.txt"] = "".join(f"{sha256(data)}  {name}\n" for name, data in tags.items()).encode()
    files = {**tags, **{f"data/{name}": data for name, data in payload.items()}}
    for name, data in tampering.items():
        key = name.replace("__", "/").replace("_txt", ".txt").replace("_xml", ".xml").replace("_", "-")
        files[key] = data  # type: ignore[assignment]
    return zip_of({f"B/{name}": data for name, data in files.items() if data is not None})


def test_a_bag_is_held_against_its_manifests(opening: Opening) -> None:
    payload = {"a.xml": XML, "100%25 sure%.pdf": PDF}
    unpacked = opening({"d.zip": bag(payload)})
    assert unpacked.findings == ()
    assert unpacked.lists == {"B/manifest-sha256.txt", "B/tagmanifest-sha256.txt"}


@pytest.mark.parametrize(
    ("tampering", "code"),
    [
        ({"data__a_xml": b"altered"}, "CHECKSUM_MISMATCH"),
        ({"data__a_xml": None}, "MANIFEST_FILE_MISSING"),
        ({"data__b_xml": b"new"}, "UNLISTED_FILE"),
        ({"manifest-sha256_txt": b""}, "CHECKSUM_MISMATCH"),
        ({"manifest-sha256_txt": b"nonsense"}, "MANIFEST_UNREADABLE"),
        ({"manifest-crc32_txt": b"00000000  data/a.xml\n"}, "MANIFEST_UNREADABLE"),
        ({"bagit_txt": b"BagIt-Version: 9\n"}, "CHECKSUM_MISMATCH"),
        (
            {"fetch_txt": b"http://169.254.169.254/ - data/c.xml\n", "manifest-md5_txt": b"0" * 32 + b"  data/c.xml\n"},
            "MANIFEST_FILE_MISSING",
        ),
    ],
)
def test_a_bag_that_was_tampered_with_is_told(opening: Opening, tampering: dict[str, bytes | None], code: str) -> None:
    assert code in codes(opening({"d.zip": bag({"a.xml": XML}, **tampering)}))

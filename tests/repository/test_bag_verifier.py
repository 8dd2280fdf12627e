"""What the verifier says of bags with one fault, of tars that lie, and of streams that stop."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import tarfile
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ARTICLE, PAYLOAD, BagFault, as_folder, as_tar, build_bag, flipped, foreign_bag, untarred

from repository.bags import CODES, BagReport, verify_folder, verify_path, verify_stream
from repository.bags.algorithms import ALGORITHMS
from repository.bags.codes import MOST_OF_A_CODE, Findings, finding
from repository.errors import StoreUnavailable
from repository.storage import BUFFER
from repository.vocabulary import Finding, Level

OWN = (ARTICLE, 1)
DOCS = Path(__file__).parents[2] / "docs" / "bags.md"


def judged(tar: bytes, own: tuple[str, int] | None = None) -> BagReport:
    return verify_stream(io.BytesIO(tar), own=own)


def errors(report: BagReport) -> set[str]:
    return {found.code for found in report.findings if found.level is Level.ERROR}


def codes(report: BagReport) -> set[str]:
    return {found.code for found in report.findings}


def one(report: BagReport, code: str) -> Finding:
    return next(found for found in report.findings if found.code == code)


# --- our own bags -----------------------------------------------------------------------------------------------------

EXPECTED = {
    BagFault.FLIPPED_PAYLOAD_BIT: {"BAG_DIGEST_MISMATCH", "BAG_OWN_MANIFEST"},
    BagFault.FLIPPED_TAG_FILE_BIT: {"BAG_DIGEST_MISMATCH", "BAG_OWN_MANIFEST"},
    BagFault.FLIPPED_MANIFEST_BIT: {"BAG_DIGEST_MISMATCH", "BAG_OWN_MANIFEST"},
    BagFault.FLIPPED_HEADER_BIT: {"BAG_TAR_HEADER"},
    BagFault.FLIPPED_PADDING_BIT: {"BAG_OWN_HEADER"},
    BagFault.DROPPED_PAYLOAD: {"BAG_FILE_MISSING", "BAG_OXUM_MISMATCH", "BAG_OWN_MANIFEST"},
    BagFault.DROPPED_TAG_FILE: {"BAG_FILE_MISSING", "BAG_OWN_MANIFEST"},
    BagFault.DROPPED_TAGMANIFEST: {"BAG_OWN_ORDER", "BAG_OWN_MANIFEST"},
    BagFault.ADDED_PAYLOAD: {"BAG_FILE_UNLISTED", "BAG_OXUM_MISMATCH", "BAG_OWN_MANIFEST"},
    BagFault.ADDED_TAG_FILE: {"BAG_OWN_MANIFEST"},
    BagFault.RENAMED_PAYLOAD: {"BAG_FILE_MISSING", "BAG_FILE_UNLISTED", "BAG_OWN_MANIFEST"},
    BagFault.RENAMED_BAG: {"BAG_OWN_NAME", "BAG_OWN_ORDER"},
    BagFault.SWAPPED_MEMBERS: {"BAG_OWN_ORDER"},
    BagFault.SWAPPED_CONTENTS: {"BAG_DIGEST_MISMATCH", "BAG_OWN_MANIFEST"},
    BagFault.TRUNCATED_IN_FILE: {"BAG_TAR_TRUNCATED"},
    BagFault.TRUNCATED_BEFORE_END: {"BAG_TAR_END"},
    BagFault.EMPTIED: {"BAG_TAR_TRUNCATED"},
    BagFault.TRAILING_BYTES: {"BAG_TAR_TRAILING_DATA"},
}


def test_a_whole_bag_of_ours_has_nothing_to_say(tmp_path: Path) -> None:
    bag = build_bag(tmp_path)
    report = judged(bag.path.read_bytes(), OWN)
    assert report.findings == ()
    assert report.valid
    assert (report.seal, report.bytes, report.files) == (bag.seal, bag.bytes, bag.files)
    assert (report.name, report.version, report.external_identifier) == (f"{ARTICLE}-v1", "1.0", ARTICLE)
    assert report.payload_digest == bag.payload_digest
    assert dict(report.tag_files)["metadata/article.json"].startswith(b"{")


@pytest.mark.parametrize("fault", BagFault)
def test_each_fault_is_found_and_named(tmp_path: Path, fault: BagFault) -> None:
    report = judged(build_bag(tmp_path, fault=fault).path.read_bytes(), OWN)
    assert not report.valid
    assert errors(report) == EXPECTED[fault]


HARMLESS_ELSEWHERE = {
    BagFault.FLIPPED_PADDING_BIT,
    BagFault.DROPPED_TAGMANIFEST,
    BagFault.ADDED_TAG_FILE,
    BagFault.RENAMED_BAG,
    BagFault.SWAPPED_MEMBERS,
    BagFault.TRUNCATED_BEFORE_END,
    BagFault.TRAILING_BYTES,
}


@pytest.mark.parametrize("fault", BagFault)
def test_for_a_bag_of_others_what_rfc_8493_allows_is_valid(tmp_path: Path, fault: BagFault) -> None:
    report = judged(build_bag(tmp_path, fault=fault).path.read_bytes())
    assert report.valid == (fault in HARMLESS_ELSEWHERE)


@pytest.mark.parametrize("fault", BagFault)
def test_the_seal_is_that_of_the_whole_stream_whatever_is_wrong(tmp_path: Path, fault: BagFault) -> None:
    bag = build_bag(tmp_path, fault=fault)
    whole = bag.path.read_bytes()
    report = judged(whole)
    assert (report.seal, report.bytes) == (hashlib.sha256(whole).hexdigest(), len(whole))
    assert report.seal != bag.seal


def test_the_right_bag_under_the_wrong_key_is_found(tmp_path: Path) -> None:
    whole = build_bag(tmp_path).path.read_bytes()
    assert "BAG_OWN_NAME" in errors(judged(whole, (ARTICLE, 2)))
    assert {"BAG_OWN_NAME", "BAG_OWN_IDENTIFIER"} <= errors(judged(whole, ("f" * 32, 1)))


def test_a_valid_bag_of_others_is_not_one_of_ours() -> None:
    report = judged(as_tar(foreign_bag(algorithms=("sha512",)), f"{ARTICLE}-v1"), OWN)
    assert {"BAG_OWN_HEADER", "BAG_OWN_IDENTIFIER", "BAG_OWN_ORDER"} <= errors(report)


# --- streams ----------------------------------------------------------------------------------------------------------


class Trickle:
    """A stream that gives at most ``most`` bytes at a time, and is asked for no more than the buffer."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data = io.BytesIO(data)
        self._most = most

    def read(self, size: int, /) -> bytes:
        assert 0 < size <= BUFFER
        return self._data.read(min(size, self._most))


@pytest.mark.parametrize("most", [1, 7, 511, 512, 513, 4096])
def test_short_reads_change_nothing(tmp_path: Path, most: int) -> None:
    whole = build_bag(tmp_path).path.read_bytes()
    assert verify_stream(Trickle(whole, most), own=OWN) == judged(whole, OWN)


class Silent:
    """A store that stops answering after ``after`` bytes."""

    def __init__(self, data: bytes, after: int) -> None:
        self._data = io.BytesIO(data[:after])

    def read(self, size: int, /) -> bytes:
        block = self._data.read(min(size, 700))
        if not block:
            raise StoreUnavailable("second", "connection reset")
        return block


def test_a_store_that_falls_silent_is_doubt_and_not_damage(tmp_path: Path) -> None:
    whole = build_bag(tmp_path).path.read_bytes()
    for after in range(0, len(whole) + 1, 256):
        with pytest.raises(StoreUnavailable, match="connection reset"):
            verify_stream(Silent(whole, after), own=OWN)


def test_a_file_far_larger_than_the_buffer_is_never_held() -> None:
    """64 MiB of payload go through while the process's own memory grows by less than a few buffers."""
    data = bytes(64 << 20)
    tar = as_tar(foreign_bag({"big.bin": data}, algorithms=("sha512",)))
    del data
    tracemalloc.start()
    report = verify_stream(io.BytesIO(tar))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.valid
    assert peak < 8 << 20


def test_many_files_cost_linear_time_and_little_memory() -> None:
    """20,000 names; the manifest of 500,000 lines in docs/bags.md was measured with the same code."""
    payload = {f"{number % 100}/{number}": b"" for number in range(20_000)}
    report = judged(as_tar(foreign_bag(payload), folders=False))
    assert report.valid
    assert len(report.files) == 20_000


def test_missing_files_beyond_count_are_counted_and_not_listed() -> None:
    files = foreign_bag({f"{number}": b"x" for number in range(5 * MOST_OF_A_CODE)})
    kept = {path: data for path, data in files.items() if not path.startswith("data/") or path == "data/0"}
    report = judged(as_tar(kept))
    assert sum(found.code == "BAG_FILE_MISSING" for found in report.findings) == MOST_OF_A_CODE
    cut = one(report, "BAG_FINDINGS_CUT")
    assert cut.params == {"finding": "BAG_FILE_MISSING", "count": str(4 * MOST_OF_A_CODE - 1)}


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 3), ("MOST_NAME_BYTES", 20), ("MOST_TEXT", 60)])
def test_a_bag_beyond_the_limits_is_refused_and_not_guessed_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, value: int
) -> None:
    files = foreign_bag({"a": b"1", "b": b"2"})
    folder = as_folder(files, tmp_path / "bag")
    monkeypatch.setattr(f"repository.bags.contents.{limit}", value)
    for report in (judged(as_tar(files)), verify_folder(folder)):
        assert "BAG_LIMIT" in errors(report)
        assert not report.valid


def test_payload_that_is_asked_for_is_handed_on_whole_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    octets = build_bag(tmp_path).path.read_bytes()
    asked: list[tuple[str, int]] = []

    def wanted(path: str, size: int) -> bool:
        asked.append((path, size))
        return path.endswith(".xml")

    report = verify_stream(io.BytesIO(octets), OWN, wanted=wanted)
    assert dict(report.held) == {"article.xml": PAYLOAD["article.xml"]}
    assert sorted(asked) == sorted((name, len(data)) for name, data in PAYLOAD.items())
    assert (report.valid, judged(octets, OWN).held) == (True, {})
    monkeypatch.setattr("repository.bags.contents.MOST_METADATA", 0)
    assert verify_stream(io.BytesIO(octets), OWN, wanted=wanted).held == {}
    assert verify_stream(io.BytesIO(octets[: len(octets) // 2]), OWN, wanted=lambda path, size: True).valid is False


def test_metadata_beyond_the_limit_is_verified_and_not_handed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("repository.bags.contents.MOST_METADATA", 25)
    report = judged(build_bag(tmp_path).path.read_bytes(), OWN)
    assert report.valid
    assert set(report.tag_files) == {"metadata/article.json"}


def test_warnings_never_push_out_an_error_of_the_same_code() -> None:
    findings = Findings()
    for _ in range(MOST_OF_A_CODE + 1):
        findings.add("BAG_FILE_LISTED_TWICE", level=Level.WARNING)
    findings.add("BAG_FILE_LISTED_TWICE")
    assert findings.all()[0].level is Level.ERROR


# --- the tar ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["plain", "ş" * 20, "d" * 90 + "/" + "e" * 90, "x" * 240], ids=len)
def test_every_dialect_of_tar_is_read(format: int, name: str) -> None:  # noqa: A002
    try:
        tar = as_tar(foreign_bag({name: b"x", "b": b"y"}), format=format)
    except ValueError:
        pytest.skip("ustar cannot say this name")
    report = judged(tar)
    assert report.valid, report.findings
    assert {file.path for file in report.files} == {name, "b"}
    assert all(tar[file.offset : file.offset + file.bytes] in (b"x", b"y") for file in report.files)


@pytest.mark.parametrize("prefix", ["./", ".//", "././"])
def test_a_leading_dot_is_no_folder(prefix: str) -> None:
    report = judged(as_tar(foreign_bag(), prefix + "bag", folders=False))
    assert report.valid
    assert report.name == "bag"


@pytest.mark.parametrize("order", ["payload first", "manifest last", "bagit.txt last", "tag manifest first"])
def test_the_order_of_the_members_does_not_matter(order: str) -> None:
    files = foreign_bag(algorithms=("sha256", "md5", "blake2b"))
    rank = {
        "payload first": lambda path: not path.startswith("data/"),
        "manifest last": lambda path: path.startswith("manifest"),
        "bagit.txt last": lambda path: path == "bagit.txt",
        "tag manifest first": lambda path: not path.startswith("tagmanifest"),
    }[order]
    turned = {path: files[path] for path in sorted(files, key=rank)}
    assert judged(as_tar(turned)).valid
    damaged = {**turned, "data/hello.txt": b"hallo\n"}
    report = judged(as_tar(damaged))
    mismatches = [found for found in report.findings if found.code == "BAG_DIGEST_MISMATCH"]
    assert {found.params["algorithm"] for found in mismatches} == {"sha256", "md5", "blake2b"}


@pytest.mark.parametrize("algorithm", sorted(set(ALGORITHMS) - {"blake2b"}))
def test_every_algorithm_of_hashlib_is_verified(algorithm: str) -> None:
    files = foreign_bag(algorithms=(algorithm,))
    assert judged(as_tar(files)).valid
    assert not judged(as_tar({**files, "data/hello.txt": b"hallo\n"})).valid


def test_an_algorithm_that_nobody_announced_is_not_taken_on_trust() -> None:
    early = foreign_bag(version="0.97", algorithms=("sha256",))
    late = foreign_bag(version="0.97", algorithms=("sha1",))
    both = {
        "bagit.txt": early["bagit.txt"],
        "tagmanifest-sha256.txt": early["tagmanifest-sha256.txt"],
        "manifest-sha256.txt": early["manifest-sha256.txt"],
        "data/hello.txt": early["data/hello.txt"],
        "manifest-sha1.txt": late["manifest-sha1.txt"],
    }
    assert "BAG_MANIFEST_TOO_LATE" in errors(judged(as_tar(both)))


def test_an_unknown_algorithm_proves_nothing() -> None:
    files = foreign_bag(replace={"manifest-sm3.txt": b"00  data/hello.txt\n"})
    assert errors(judged(as_tar(files))) == {"BAG_ALGORITHM_UNKNOWN"}


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.linkname = link
    return entry


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"V", b"D", b"Z"]
)
def test_what_is_neither_file_nor_folder_is_refused(kind: bytes) -> None:
    tar = as_tar(foreign_bag(), extra=[special("bag/data/odd", kind, "/etc/passwd")])
    report = judged(tar)
    assert errors(report) == {"BAG_FILE_KIND"}
    assert one(report, "BAG_FILE_KIND").path == "bag/data/odd"


def test_a_sparse_file_is_refused() -> None:
    entry = tarfile.TarInfo("bag/data/holes")
    entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
    assert "BAG_TAR_SPARSE" in errors(judged(as_tar(foreign_bag(), extra=[entry])))
    old = tarfile.TarInfo("bag/data/holes")
    old.type = tarfile.GNUTYPE_SPARSE
    assert "BAG_TAR_SPARSE" in errors(judged(as_tar(foreign_bag(), extra=[old], format=tarfile.GNU_FORMAT)))


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "bag/../../etc/passwd", "../bag/x", "bag/data/..", "bag//data/x", "bag/./x"]
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    report = judged(as_tar(foreign_bag(), extra=[special(name, tarfile.REGTYPE)]))
    assert "BAG_NAME_UNSAFE" in errors(report)
    assert all(file.path == "hello.txt" for file in report.files)


def test_one_name_twice_is_refused() -> None:
    report = judged(as_tar(foreign_bag(), extra=[special("bag/data/hello.txt", tarfile.REGTYPE)]))
    assert errors(report) == {"BAG_TAR_MEMBER_TWICE"}


def test_a_name_for_a_file_and_a_folder_is_refused() -> None:
    report = judged(as_tar(foreign_bag({"a": b"1", "a/b": b"2"}), folders=False))
    assert "BAG_NAME_CONFLICT" in errors(report)


def test_two_folders_at_the_top_are_not_one_bag() -> None:
    report = judged(as_tar(foreign_bag(), extra=[special("other/x", tarfile.REGTYPE)]))
    assert errors(report) == {"BAG_TAR_LAYOUT"}
    assert report.name == "bag"


def test_a_bag_serialised_from_within_is_judged_and_refused() -> None:
    report = judged(as_tar(foreign_bag(), "", folders=False))
    assert errors(report) == {"BAG_TAR_LAYOUT"}
    assert [file.path for file in report.files] == ["hello.txt"]


@pytest.mark.parametrize("path", ["mine.tar", "bag.tar"])
def test_the_folder_should_be_called_as_the_file(tmp_path: Path, path: str) -> None:
    (tmp_path / path).write_bytes(as_tar(foreign_bag()))
    report = verify_path(tmp_path / path)
    assert report.valid
    assert ("BAG_TAR_NAME" in codes(report)) == (path != "bag.tar")


def test_padding_to_a_record_is_allowed_to_others_and_data_is_not() -> None:
    tar = as_tar(foreign_bag())
    assert len(tar) % tarfile.RECORDSIZE == 0
    assert judged(tar + bytes(100_000)).valid
    assert errors(judged(tar + bytes(1000) + b"x")) == {"BAG_TAR_TRAILING_DATA"}


def test_a_tar_without_its_end_is_a_warning_for_others() -> None:
    """As DART wrote them for years: every file is there, only the two blocks of zeros are not."""
    whole = as_tar(foreign_bag(), folders=False)
    tar = whole.rstrip(b"\0")
    tar += bytes(-len(tar) % 512)
    assert len(tar) < len(whole)
    for blocks in (0, 1):
        report = judged(tar + bytes(512 * blocks))
        assert report.valid
        assert one(report, "BAG_TAR_END").params == {"count": str(blocks)}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (gzip.compress(as_tar(foreign_bag())), "gzip"),
        (b"PK\x03\x04" + bytes(1000), "zip"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\0" + bytes(10), "xz"),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "zstd"),
    ],
)
def test_a_compressed_bag_is_told_by_its_format(data: bytes, name: str) -> None:
    report = judged(data)
    assert errors(report) == {"BAG_TAR_COMPRESSED"}
    assert one(report, "BAG_TAR_COMPRESSED").params == {"format": name}


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 512, bytes(511), bytes(513), os.urandom(4096)], ids=len)
def test_what_is_no_tar_is_answered(data: bytes) -> None:
    assert not judged(data).valid


def test_endless_extensions_are_cut_off() -> None:
    block = tarfile.TarInfo("x")
    block.type = tarfile.XHDTYPE
    block.size = 512
    record = b"512 comment=" + b"c" * 499 + b"\n"
    assert len(record) == 512
    endless = (block.tobuf(tarfile.USTAR_FORMAT) + record) * 3000
    report = judged(endless)
    assert one(report, "BAG_TAR_HEADER").params["reason"].startswith("its extensions have more than")


def test_a_size_beyond_all_tars_is_only_a_truncation() -> None:
    entry = special("bag/data/x", tarfile.REGTYPE)
    entry.size = 1 << 60
    buffer = entry.tobuf(tarfile.GNU_FORMAT)
    assert errors(judged(buffer + bytes(2048))) >= {"BAG_TAR_TRUNCATED"}


@pytest.mark.parametrize(
    "record", [b"3 a", b"99 path=x\n", b"path=x\n", b"0 path=x\n", b"-5 path=x\n", b"8 path=x\n", b"11 size=-1\n"]
)
def test_a_malformed_pax_record_is_named(record: bytes) -> None:
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, len(record)
    tar = head.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0") + as_tar(foreign_bag())
    assert errors(judged(tar)) == {"BAG_TAR_HEADER"}


# --- names ------------------------------------------------------------------------------------------------------------


def manifest_for(name: str, payload: str) -> dict[str, bytes]:
    plain = foreign_bag({payload: b"hello\n"})["manifest-sha256.txt"]
    return {"manifest-sha256.txt": plain.split(b"  ")[0] + b"  data/" + name.encode() + b"\n"}


@pytest.mark.parametrize(
    ("version", "written", "real", "code"),
    [
        ("1.0", "a%0Ab", "a\nb", None),
        ("1.0", "a%0ab", "a\nb", None),
        ("1.0", "a%0D%0Ab", "a\r\nb", None),
        ("1.0", "a%250Ab", "a%0Ab", None),
        ("1.0", "a%0Ab", "a%0Ab", "BAG_MANIFEST_PERCENT"),
        ("1.0", "a%41b", "a%41b", "BAG_MANIFEST_PERCENT"),
        ("1.0", "100%", "100%", "BAG_MANIFEST_PERCENT"),
        ("0.97", "a%0Ab", "a\nb", None),
        ("0.97", "a%0Ab", "a%0Ab", None),
        ("0.97", "a%25b", "a%b", None),
        ("1.0", "cafe\u0301", "caf\u00e9", "BAG_MANIFEST_NORMALISATION"),
        ("1.0", "caf\u00e9", "cafe\u0301", "BAG_MANIFEST_NORMALISATION"),
        ("1.0", "trailing ", "trailing ", None),
        ("1.0", "a\u2028b\u0085c\x0bd", "a\u2028b\u0085c\x0bd", None),
        ("1.0", "./x", "x", None),
    ],
)
def test_a_name_is_found_as_the_standard_or_an_older_writer_spells_it(
    version: str, written: str, real: str, code: str | None
) -> None:
    files = foreign_bag({real: b"hello\n"}, version=version, replace=manifest_for(written, real))
    report = judged(as_tar(files))
    if written.startswith("./"):
        assert errors(report) == {"BAG_FILE_MISSING", "BAG_FILE_UNLISTED"}, "only a leading ./ is passed over"
        return
    assert report.valid, report.findings
    assert codes(report) == ({code} if code else set())


def test_a_decoded_name_wins_over_a_literal_one() -> None:
    files = foreign_bag({"a\nb": b"hello\n", "a%0Ab": b"other\n"}, replace=manifest_for("a%0Ab", "x"))
    report = judged(as_tar(files))
    assert errors(report) == {"BAG_FILE_UNLISTED"}
    assert one(report, "BAG_FILE_UNLISTED").path == "data/a%0Ab"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("Read.me", "read.ME", "BAG_NAMES_COLLIDE_CASE"),
        ("STRASSE", "straße", "BAG_NAMES_COLLIDE_CASE"),
        ("caf\u00e9", "cafe\u0301", "BAG_NAMES_COLLIDE_NFC"),
    ],
)
def test_names_that_would_become_one_elsewhere_are_a_warning(first: str, second: str, code: str) -> None:
    report = judged(as_tar(foreign_bag({first: b"1", second: b"2"})))
    assert report.valid
    assert codes(report) == {code}


def test_dotted_and_dotless_i_are_two_letters() -> None:
    assert codes(judged(as_tar(foreign_bag({"Irmak": b"1", "ırmak": b"2"})))) == set()


def test_a_hostile_name_is_shown_without_harm() -> None:
    name = "\x1b[2Jevil\u202egnp.exe"
    files = foreign_bag({name: b"1"}, replace={"manifest-sha256.txt": b""})
    found = one(judged(as_tar(files)), "BAG_FILE_UNLISTED")
    assert found.path == "data/\\x1b[2Jevil\\u202egnp.exe"
    assert found.message.isprintable()


def test_a_name_that_is_not_utf8_is_named_and_can_be_printed() -> None:
    entry = tarfile.TarInfo("bag/data/caf\udce9")
    report = judged(as_tar(foreign_bag(), extra=[entry], format=tarfile.GNU_FORMAT))
    assert {"BAG_NAME_ENCODING", "BAG_FILE_UNLISTED"} <= codes(report)
    for found in report.findings:
        str(found.as_json()).encode("utf-8")


# --- what the standard says of manifests and tags ---------------------------------------------------------------------

HELLO = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("garbage", "BAG_MANIFEST_SYNTAX"),
        ("# comment", "BAG_MANIFEST_SYNTAX"),
        ("", "BAG_MANIFEST_SYNTAX"),
        (HELLO, "BAG_MANIFEST_SYNTAX"),
        (f"{HELLO}  data/../../bag-evil/secret", "BAG_PATH_OUTSIDE"),
        (f"{HELLO}  ../bag-evil/secret", "BAG_PATH_OUTSIDE"),
        (f"{HELLO}  /etc/passwd", "BAG_PATH_OUTSIDE"),
        (f"{HELLO}  ~root/x", "BAG_PATH_NOT_PAYLOAD"),
        (f"{HELLO}  C:\\x", "BAG_PATH_NOT_PAYLOAD"),
        (f"{HELLO}  bagit.txt", "BAG_PATH_NOT_PAYLOAD"),
        (f"{HELLO}  data/missing", "BAG_FILE_MISSING"),
        (f"{HELLO}  data/", "BAG_FILE_MISSING"),
        (f"{HELLO}  data/hello.txt", "BAG_FILE_LISTED_TWICE"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(line: str, code: str) -> None:
    good = f"{HELLO}  data/hello.txt\n"
    report = judged(as_tar(foreign_bag(replace={"manifest-sha256.txt": (good + line + "\n").encode()})))
    assert errors(report) == {code}
    assert one(report, code).line == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"{HELLO} data/hello.txt", None),
        (f"{HELLO}\t \tdata/hello.txt", None),
        (f"{HELLO.upper()}  data/hello.txt", None),
        (f"{HELLO} *data/hello.txt", "BAG_MANIFEST_MD5SUM"),
        (f"{HELLO}  ./data/hello.txt", "BAG_MANIFEST_DOT_SLASH"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_what_the_standard_allows_or_tolerates(line: str, code: str | None, ending: str) -> None:
    report = judged(as_tar(foreign_bag(replace={"manifest-sha256.txt": (line + ending).encode()})))
    assert report.valid, report.findings
    assert codes(report) == ({code} if code else set())


def test_md5sum_writes_a_backslash_before_the_digest_of_an_escaped_name() -> None:
    line = f"\\{HELLO}  data/a\\\\b\\nc\n".encode()
    report = judged(as_tar(foreign_bag({"a\\b\nc": b"hello\n"}, replace={"manifest-sha256.txt": line})))
    assert report.valid
    assert codes(report) == {"BAG_MANIFEST_MD5SUM"}


@pytest.mark.parametrize("digest", ["abc", "ab", HELLO + "00", HELLO[:-2]])
def test_a_digest_of_the_wrong_length_is_named(digest: str) -> None:
    report = judged(as_tar(foreign_bag(replace={"manifest-sha256.txt": f"{digest}  data/hello.txt\n".encode()})))
    assert errors(report) == {"BAG_DIGEST_SYNTAX"}


@pytest.mark.parametrize(("version", "valid"), [("0.97", True), ("1.0", False)])
def test_since_one_point_zero_every_manifest_lists_every_file(version: str, valid: bool) -> None:
    """The suite's notAllManifestsListAllFiles has only one manifest and so does not test what its name says."""
    payload = {"a": b"1", "b": b"2"}
    shorter = foreign_bag({"a": b"1"}, algorithms=("md5",))["manifest-md5.txt"]
    files = foreign_bag(payload, version=version, algorithms=("sha256", "md5"), replace={"manifest-md5.txt": shorter})
    report = judged(as_tar(files))
    assert report.valid is valid
    assert ("BAG_FILE_UNLISTED_IN_ONE" if valid else "BAG_FILE_UNLISTED") in codes(report)


@pytest.mark.parametrize(
    ("declaration", "code"),
    [
        (b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", None),
        (b"BagIt-Version: 1.0\rTag-File-Character-Encoding: UTF-8\r", None),
        (b"BagIt-Version: 1.0\r\nTag-File-Character-Encoding: UTF-8", None),
        (b"BagIt-version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "BAG_DECLARATION_LAX"),
        (b"BagIt-Version: 1.0 \nTag-File-Character-Encoding: UTF-8\n", "BAG_DECLARATION"),
        (b"BagIt-Version: 1.0\n\nTag-File-Character-Encoding: UTF-8\n", "BAG_DECLARATION"),
        (b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\nThird: line\n", "BAG_DECLARATION"),
        (b"Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 1.0\n", "BAG_DECLARATION"),
        (b"\xef\xbb\xbfBagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "BAG_DECLARATION"),
        (b"BagIt-Version: 1.0\n", "BAG_DECLARATION"),
        (b"", "BAG_DECLARATION"),
        (b"x" * 5000, "BAG_DECLARATION"),
        (b"BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n", "BAG_VERSION"),
        (b"BagIt-Version: 1.0\nTag-File-Character-Encoding: rot13\n", "BAG_ENCODING"),
        (b"BagIt-Version: 1.0\nTag-File-Character-Encoding: zip\n", "BAG_ENCODING"),
        (b"BagIt-Version: 1.0\nTag-File-Character-Encoding: iso8859-99\n", "BAG_ENCODING"),
        (b"BagIt-Version : 0.97 \r\nTag-File-Character-Encoding:UTF-8\r\n\r\n", "BAG_DECLARATION_LAX"),
    ],
)
def test_the_declaration(declaration: bytes, code: str | None) -> None:
    report = judged(as_tar(foreign_bag(replace={"bagit.txt": declaration})))
    assert codes(report) == ({code} if code else set())
    assert report.valid == (code in (None, "BAG_DECLARATION_LAX"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("A: b\n", None),
        ("A: b\n  folded\n\tagain\n", None),
        ("A:\tb\n", None),
        ("no colon\n", "BAG_INFO_SYNTAX"),
        ("  continues nothing\n", "BAG_INFO_SYNTAX"),
        ("A:b\n", "BAG_INFO_SYNTAX"),
        ("A : b\n", "BAG_INFO_SYNTAX"),
        (": b\n", "BAG_INFO_SYNTAX"),
        ("Payload-Oxum: 6.1\n", None),
        ("payload-oxum: 6.2\n", "BAG_OXUM_MISMATCH"),
        ("Payload-Oxum: six.one\n", "BAG_OXUM_SYNTAX"),
        ("Payload-Oxum: 6.1\nPayload-Oxum: 6.1\n", "BAG_OXUM_SYNTAX"),
    ],
)
def test_bag_metadata(text: str, code: str | None) -> None:
    assert errors(judged(as_tar(foreign_bag(bag_info=text)))) == ({code} if code else set())


def test_bag_metadata_keeps_order_repetition_and_folds() -> None:
    report = judged(as_tar(foreign_bag(bag_info="B: 2\nA: one\n   two\nB: 3\n")))
    assert report.bag_info == (("B", "2"), ("A", "one two"), ("B", "3"))


@pytest.mark.parametrize(
    "encoding", ["UTF-8", "ISO-8859-9", "UTF-16", "UTF-16LE", "UTF-32", "windows-1254", "Shift_JIS"]
)
def test_tag_files_are_read_in_their_declared_encoding(encoding: str) -> None:
    text = "Contact-Name: İğne\n" if encoding != "Shift_JIS" else "Contact-Name: 東京\n"
    report = judged(as_tar(foreign_bag(encoding=encoding, bag_info=text)))
    assert report.valid, report.findings
    assert report.bag_info[0][1] in ("İğne", "東京")


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16"])
def test_text_in_another_encoding_than_declared_is_named(encoding: str) -> None:
    report = judged(as_tar(foreign_bag(encoding=encoding, replace={"bag-info.txt": b"A: \xff\xfe\xff\n"})))
    assert errors(report) == {"BAG_TAG_ENCODING"}


def test_a_byte_order_mark_in_utf8_is_named() -> None:
    report = judged(as_tar(foreign_bag(replace={"bag-info.txt": b"\xef\xbb\xbfA: b\n"})))
    assert errors(report) == {"BAG_TAG_BOM"}
    assert report.bag_info == (("A", "b"),)


def tag_manifest(files: dict[str, bytes], change: Callable[[bytes], bytes]) -> dict[str, bytes]:
    return {**files, "tagmanifest-sha256.txt": change(files["tagmanifest-sha256.txt"])}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: b"", "BAG_TAGMANIFEST_INCOMPLETE"),
        (lambda text: text + HELLO.encode() + b"  data/hello.txt\n", "BAG_TAGMANIFEST_LISTS"),
        (lambda text: text + HELLO.encode() + b"  tagmanifest-md5.txt\n", "BAG_TAGMANIFEST_LISTS"),
        (lambda text: text + HELLO.encode() + b"  ~/.bashrc\n", "BAG_FILE_MISSING"),
        (lambda text: text.replace(b"1", b"2"), "BAG_DIGEST_MISMATCH"),
    ],
)
def test_tag_manifests(change: Callable[[bytes], bytes], code: str) -> None:
    assert code in errors(judged(as_tar(tag_manifest(foreign_bag(), change))))


# --- fetch.txt --------------------------------------------------------------------------------------------------------


def with_fetch(fetch: str, drop: bool, version: str = "1.0") -> dict[str, bytes]:
    files = foreign_bag({"hello.txt": b"hello\n", "b": b"2"}, version=version, replace={"fetch.txt": fetch.encode()})
    return {path: data for path, data in files.items() if not (drop and path == "data/b")}


def test_nothing_is_ever_fetched() -> None:
    """The address is that of a listener of our own, which would tell."""
    called = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)

        def listen() -> None:
            try:
                listener.accept()
                called.set()
            except TimeoutError:
                pass

        thread = threading.Thread(target=listen)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/b"
        report = judged(as_tar(with_fetch(f"{address} 1 data/b\n", drop=True)))
        thread.join()
    assert not called.is_set()
    assert errors(report) == {"BAG_FILE_NOT_FETCHED"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("http://x/b - data/b", None),
        ("http://x/b 1 data/b", None),
        ("This file is not allowed", "BAG_FETCH_SYNTAX"),
        ("/relative 1 data/b", "BAG_FETCH_SYNTAX"),
        ("http://x/b one data/b", "BAG_FETCH_SYNTAX"),
        ("http://x/b 1", "BAG_FETCH_SYNTAX"),
        ("http://x/b 1 /etc/passwd", "BAG_PATH_OUTSIDE"),
        ("http://x/b 1 data/../../x", "BAG_PATH_OUTSIDE"),
        ("http://x/b 1 bagit.txt", "BAG_PATH_NOT_PAYLOAD"),
        ("http://x/b 1 data/unlisted", "BAG_FETCH_UNLISTED"),
    ],
)
def test_the_fetch_file_is_judged(line: str, code: str | None) -> None:
    report = judged(as_tar(with_fetch(line + "\n", drop=False)))
    assert errors(report) == ({code} if code else set())
    assert "BAG_FETCH" in codes(report)


def test_a_wrong_length_in_the_fetch_file_is_a_warning() -> None:
    assert "BAG_FETCH_LENGTH" in codes(judged(as_tar(with_fetch("http://x/b 99 data/b\n", drop=False))))


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_folder_and_a_tar_get_the_same_judgement(tmp_path: Path) -> None:
    bag = build_bag(tmp_path)
    folder = untarred(bag.path.read_bytes(), tmp_path / "out")
    from_folder, from_tar = verify_folder(folder), judged(bag.path.read_bytes())
    assert from_folder.findings == from_tar.findings == ()
    assert (from_folder.seal, from_folder.name) == ("", from_tar.name)
    assert from_folder.payload_digest == from_tar.payload_digest
    assert from_folder.tag_files == from_tar.tag_files
    assert {file.path for file in from_folder.files} == set(PAYLOAD)


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "bag-evil" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(b"hello\n")
    folder = as_folder(foreign_bag(), tmp_path / "bag")
    (folder / "data" / "hello.txt").unlink()
    (folder / "data" / "hello.txt").symlink_to(secret)
    (folder / "data" / "more").symlink_to(tmp_path / "bag-evil", target_is_directory=True)
    (folder / "data" / "loop").symlink_to(folder / "data", target_is_directory=True)
    report = verify_folder(folder)
    assert errors(report) == {"BAG_FILE_KIND"}
    assert {found.path for found in report.findings} == {"data/hello.txt", "data/more", "data/loop"}


def test_a_pipe_in_a_folder_is_never_opened(tmp_path: Path) -> None:
    folder = as_folder(foreign_bag(), tmp_path / "bag")
    (folder / "data" / "hello.txt").unlink()
    os.mkfifo(folder / "data" / "hello.txt")
    report = verify_folder(folder)
    assert one(report, "BAG_FILE_KIND").params == {"kind": "a named pipe"}


def test_a_socket_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = as_folder(foreign_bag(), tmp_path / "bag")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "data" / "s"))
        assert one(verify_folder(folder), "BAG_FILE_KIND").params == {"kind": "a socket"}


def test_a_file_name_of_raw_bytes_in_a_folder_is_named(tmp_path: Path) -> None:
    folder = as_folder(foreign_bag(), tmp_path / "bag")
    os.close(os.open(os.fsencode(folder) + b"/data/caf\xe9", os.O_CREAT | os.O_WRONLY))
    report = verify_folder(folder)
    assert one(report, "BAG_FILE_UNLISTED").path == "data/caf\\xe9"


def test_an_empty_folder_is_answered(tmp_path: Path) -> None:
    report = verify_folder(tmp_path)
    assert errors(report) == {"BAG_DECLARATION_MISSING", "BAG_PAYLOAD_MISSING", "BAG_MANIFEST_MISSING"}


def test_a_folder_that_is_not_there_is_doubt(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify_folder(tmp_path / "nothing")


def test_a_file_that_may_not_be_read_is_doubt(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    folder = as_folder(foreign_bag(), tmp_path / "bag")
    (folder / "data" / "hello.txt").chmod(0)
    with pytest.raises(PermissionError):
        verify_folder(folder)


def test_a_hundred_folders_deep_is_read(tmp_path: Path) -> None:
    files = foreign_bag({"/".join("d" * 1 for _ in range(100)) + "/x": b"1"})
    assert verify_folder(as_folder(files, tmp_path / "bag")).valid
    assert judged(as_tar(files)).valid


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_code_is_explained_in_the_documentation_and_no_other() -> None:
    table = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `BAG_")]
    wanted = [f"| `{row.code}` | {row.level} | {row.clause} | {row.message} |" for row in CODES.values()]
    assert table == wanted


def test_every_code_has_a_message_a_remedy_and_a_clause() -> None:
    for row in CODES.values():
        assert row.code.startswith("BAG_")
        assert row.message.endswith(".")
        assert row.remedy.endswith(".")
        assert row.clause


def test_a_finding_goes_through_json() -> None:
    found = finding("BAG_DIGEST_MISMATCH", "data/ş\x00", 3, algorithm="sha512", found="a", said="b")
    assert Finding.from_json(found.as_json()) == found
    assert "RFC 8493 3" in found.message


def test_a_flipped_bit_is_found_by_anyone(tmp_path: Path) -> None:
    whole = build_bag(tmp_path).path.read_bytes()
    assert not judged(flipped(whole, whole.index(b"kissadan"))).valid

"""What write_bag writes: the same bytes always, a bag that anyone can read, and no name that could not be unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from builders import ARTICLE, BAG_INFO, METADATA, PAYLOAD, build_bag, members_of, staged, untarred

from repository.bags import (
    StagingChanged,
    payload_digest,
    read_offsets,
    seal_of,
    unsafe_path,
    verify_stream,
    write_bag,
)
from repository.bags.headers import END, MOST_OCTAL, member_header


def written(tmp_path: Path, **changes: object) -> object:
    given: dict[str, object] = {
        "article_id": ARTICLE,
        "version": 1,
        "bag_info": BAG_INFO,
        "tag_files": METADATA,
        "payload": staged(tmp_path / "staging", PAYLOAD),
    }
    return write_bag(tmp_path / "bag.tar", **{**given, **changes})  # type: ignore[arg-type]


def test_the_members_stand_in_the_order_of_the_contract(tmp_path: Path) -> None:
    bag = build_bag(tmp_path)
    names = [name for name, _ in members_of(bag.path.read_bytes())]
    assert names == [
        f"{ARTICLE}-v1/{path}"
        for path in (
            "bagit.txt",
            "bag-info.txt",
            "manifest-sha512.txt",
            "tagmanifest-sha512.txt",
            "metadata/article.json",
            "metadata/premis.xml",
            "data/article.pdf",
            "data/article.xml",
            "data/şekil/1.tif",
        )
    ]


def test_the_tag_files_say_what_the_standard_wants(tmp_path: Path) -> None:
    files = {name.partition("/")[2]: data for name, data in members_of(build_bag(tmp_path).path.read_bytes())}
    assert files["bagit.txt"] == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    octets = sum(map(len, PAYLOAD.values()))
    assert files["bag-info.txt"].decode() == (
        f"External-Identifier: {ARTICLE}\nSource-Organization: Örnek Yayınevi\n"
        f"Internal-Sender-Identifier: 10.5555/örnek.1\nBagging-Date: 2026-11-23\nPayload-Oxum: {octets}.3\n"
    )
    for line in files["manifest-sha512.txt"].decode().splitlines():
        digest, path = line.split("  ")
        assert hashlib.sha512(files[path]).hexdigest() == digest
    listed = {line.split("  ")[1] for line in files["tagmanifest-sha512.txt"].decode().splitlines()}
    assert listed == {path for path in files if not path.startswith("data/")} - {"tagmanifest-sha512.txt"}


def test_the_bag_is_described_as_it_lies_on_the_disk(tmp_path: Path) -> None:
    bag = build_bag(tmp_path)
    whole = bag.path.read_bytes()
    assert (bag.seal, bag.bytes) == (hashlib.sha256(whole).hexdigest(), len(whole))
    assert bag.bagging_date == "2026-11-23"
    assert {file.path: whole[file.offset : file.offset + file.bytes] for file in bag.files} == PAYLOAD
    assert all(file.sha512 == hashlib.sha512(PAYLOAD[file.path]).hexdigest() for file in bag.files)
    with bag.path.open("rb") as stream:
        assert seal_of(stream) == (bag.seal, bag.bytes)


def test_offsets_can_be_read_again_from_the_tar(tmp_path: Path) -> None:
    bag = build_bag(tmp_path)
    with bag.path.open("rb") as stream:
        places = read_offsets(stream)
    top = f"{ARTICLE}-v1/data/"
    assert {top + file.path: (file.offset, file.bytes) for file in bag.files}.items() <= places.items()


def test_headers_carry_nothing_of_the_machine(tmp_path: Path) -> None:
    with tarfile.open(build_bag(tmp_path).path) as tar:
        for member in tar:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)
            assert (member.mode, member.type) == (0o644, tarfile.REGTYPE)


def test_the_tar_ends_with_two_blocks_of_zeros_and_nothing_more(tmp_path: Path) -> None:
    whole = build_bag(tmp_path).path.read_bytes()
    assert whole.endswith(END)
    assert len(whole) % 512 == 0
    assert any(whole[-len(END) - 512 : -len(END)])


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first = build_bag(tmp_path / "a" if (tmp_path / "a").mkdir() is None else tmp_path)
    (tmp_path / "b").mkdir()
    second = build_bag(
        tmp_path / "b", payload=dict(reversed(PAYLOAD.items())), metadata=dict(reversed(METADATA.items()))
    )
    assert first.seal == second.seal
    assert first.path.read_bytes() == second.path.read_bytes()


def test_the_seal_of_this_very_bag_never_changes(tmp_path: Path) -> None:
    """Kept bags would no longer be recognised: a change of this value is a change of what lies in every store."""
    assert build_bag(tmp_path).seal == "4a4ce0fc152c4a14acdcaa1805e82c507fa02fd06611f40685b58d5dcfd836e0"


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
        {"TZ": "America/Caracas", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "2", "PYTHONUTF8": "0"},
    ],
)
def test_time_zone_locale_and_process_change_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    here = tmp_path / "here"
    there = tmp_path / "there"
    here.mkdir()
    there.mkdir()
    code = "import sys, pathlib, builders; print(builders.build_bag(pathlib.Path(sys.argv[1])).seal)"
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code, str(there)],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{root}:{root / 'tests'}", "PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == build_bag(here).seal


def test_pax_headers_stand_only_where_ustar_cannot_say_it(tmp_path: Path) -> None:
    long = "a" * (100 - len(f"{ARTICLE}-v1/data/"))
    bag = build_bag(tmp_path, payload={"plain.txt": b"1", long: b"2", long + "b": b"3", "ş": b"4"})
    with tarfile.open(bag.path) as tar:
        extended = {member.name.partition("/data/")[2] for member in tar if member.pax_headers}
    assert extended == {long + "b", "ş"}


def test_a_size_of_eight_gibibytes_is_said_in_a_pax_header() -> None:
    for size in (MOST_OCTAL, MOST_OCTAL + 1, 3 * MOST_OCTAL):
        header = member_header("bag/data/ş", size)
        with tarfile.open(fileobj=io.BytesIO(header + bytes(1024)), mode="r:") as tar:
            member = tar.next()
        assert member is not None
        assert (member.name, member.size) == ("bag/data/ş", size)


def test_every_length_of_name_is_read_back_by_tarfile() -> None:
    """The length of a pax record counts its own digits; every step from two to three and four digits is tried."""
    for length in (*range(1, 260), *range(980, 1010), 4000):
        for letter in "aş":
            name = "/".join([letter * 50] * (length // 50) + [letter * (length % 50 or 1)])
            with tarfile.open(fileobj=io.BytesIO(member_header(name, 0) + bytes(1024)), mode="r:") as tar:
                assert tar.getnames() == [name]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("../x", "segment"),
        ("a/../../x", "segment"),
        ("a//b", "segment"),
        ("a/./b", "segment"),
        ("a/", "segment"),
        ("a\0b", "NUL"),
        ("a\udce9", "Unicode"),
        ("x" * 256, "255"),
        ("ş" * 128, "255"),
        ("/".join(["x" * 200] * 21), "4000"),
    ],
)
def test_a_path_that_could_not_be_unpacked_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    assert reason in (unsafe_path(path) or "")
    with pytest.raises(ValueError, match="may not stand in a bag" if path else "segment"):
        written(tmp_path, payload=[replace(staged(tmp_path / "staging", {"x": b"x"})[0], path=path)])
    assert not (tmp_path / "bag.tar").exists()


@pytest.mark.parametrize(
    "path", ["-rf", "=cmd", "a\\b", "..a", "a..", "~", "x" * 255, "ş" * 127, "a\nb", "%0A", " ", ". ."]
)
def test_an_odd_but_harmless_path_is_allowed(path: str) -> None:
    assert unsafe_path(path) is None


def test_a_name_cannot_be_both_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="both a file and a folder"):
        written(tmp_path, payload=staged(tmp_path / "s", {"a/b": b"1", "a": b"2"}))


def test_two_files_cannot_have_one_name(tmp_path: Path) -> None:
    one, two = staged(tmp_path / "s", {"a": b"1", "b": b"2"})
    with pytest.raises(ValueError, match="same name"):
        written(tmp_path, payload=[one, replace(two, path="a")])


def test_a_bag_without_payload_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without payload"):
        written(tmp_path, payload=[])


def test_tag_files_stand_under_metadata(tmp_path: Path) -> None:
    for path in ("bagit.txt", "data/x", "notes.txt", "metadata", "metadata/../x"):
        with pytest.raises(ValueError, match=r"metadata|may not stand"):
            written(tmp_path, tag_files={path: b"x"})


@pytest.mark.parametrize(
    "pair",
    [
        ("Payload-Oxum", "1.1"),
        ("payload-oxum", "1.1"),
        ("External-Identifier", "another"),
        ("Contact: Name", "x"),
        (" Contact-Name", "x"),
        ("Contact-Name", ""),
        ("Contact-Name", " x"),
        ("Contact-Name", "two\nlines"),
        ("Contact-Name", "two\u2028lines"),
        ("Contact-Name", "bell\a"),
    ],
)
def test_bag_metadata_that_would_not_come_back_is_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"bag-info|Oxum|External-Identifier"):
        written(tmp_path, bag_info=[pair])


@pytest.mark.parametrize("value", ["می\u200cخواهم", "a\u00a0b", "İıŞş 😀", "10.1000/<x>%20#y"])
def test_bag_metadata_of_any_script_comes_back(tmp_path: Path, value: str) -> None:
    bag = build_bag(tmp_path, bag_info=[("Source-Organization", value)])
    with bag.path.open("rb") as stream:
        report = verify_stream(stream, own=(ARTICLE, 1))
    assert report.valid, report.findings
    assert dict(report.bag_info)["Source-Organization"] == value


@pytest.mark.parametrize(("article", "version"), [("", 0), ("../x", 1), ("a/b", 1), ("a\0", 1), (ARTICLE, -1)])
def test_a_bag_has_a_name_that_is_one_folder(tmp_path: Path, article: str, version: int) -> None:
    with pytest.raises(ValueError, match="not the name of a bag"):
        written(tmp_path, article_id=article, version=version)


def test_the_identifier_may_be_given_where_the_caller_wants_it(tmp_path: Path) -> None:
    bag = build_bag(tmp_path, bag_info=[("Source-Organization", "x"), ("External-Identifier", ARTICLE)])
    with bag.path.open("rb") as stream:
        report = verify_stream(stream, own=(ARTICLE, 1))
    assert report.valid
    assert [label for label, _ in report.bag_info] == ["Source-Organization", "External-Identifier", "Payload-Oxum"]


@pytest.mark.parametrize("lie", ["shorter", "longer", "other"])
def test_a_staged_file_that_changed_is_noticed_and_leaves_nothing(tmp_path: Path, lie: str) -> None:
    sources = staged(tmp_path / "s", PAYLOAD)
    whole = sources[1].source.read_bytes()
    changed = {"shorter": whole[:-1], "longer": whole + b"x", "other": b"X" + whole[1:]}[lie]
    assert changed != whole
    sources[1].source.write_bytes(changed)
    with pytest.raises(StagingChanged) as caught:
        written(tmp_path, payload=sources)
    assert caught.value.exit_status == 3
    assert str(sources[1].source) in str(caught.value)
    assert not (tmp_path / "bag.tar").exists()


def test_a_staged_file_that_vanished_leaves_nothing(tmp_path: Path) -> None:
    sources = staged(tmp_path / "s", PAYLOAD)
    sources[2].source.unlink()
    with pytest.raises(FileNotFoundError):
        written(tmp_path, payload=sources)
    assert not (tmp_path / "bag.tar").exists()


def test_a_file_larger_than_the_buffer_is_written_whole(tmp_path: Path) -> None:
    data = os.urandom(3_500_001)
    bag = build_bag(tmp_path, payload={"big.bin": data, "empty.bin": b""})
    assert [found for name, found in members_of(bag.path.read_bytes()) if name.endswith("big.bin")] == [data]
    with bag.path.open("rb") as stream:
        assert verify_stream(stream, own=(ARTICLE, 1)).valid


def test_the_payload_digest_knows_bytes_and_not_names(tmp_path: Path) -> None:
    def digest(payload: dict[str, bytes]) -> str:
        return payload_digest(staged(tmp_path / "s", payload))

    assert digest({"a": b"1", "b": b"2"}) == digest({"folder/b": b"1", "folder/a": b"2"})
    assert digest({"a": b"1", "b": b"2"}) != digest({"a": b"1", "b": b"3"})
    assert digest({"a": b"1"}) != digest({"a": b"1", "b": b"1"}), "a multiset, not a set"
    assert build_bag(tmp_path).payload_digest == digest(PAYLOAD)


def test_tar_and_sha512sum_are_enough(tmp_path: Path) -> None:
    """docs/bags.md promises these commands; names with % are the exception that it names."""
    if not (shutil.which("tar") and shutil.which("sha512sum")):
        pytest.skip("needs tar and sha512sum")
    bag = build_bag(tmp_path, payload={**PAYLOAD, "a\\b c": b"x", "-rf": b"y", "ü\u2028": b"z", "d" * 200: b"w"})
    subprocess.run(["tar", "xf", bag.path.name], cwd=tmp_path, check=True)
    folder = tmp_path / f"{ARTICLE}-v1"
    for manifest in ("tagmanifest-sha512.txt", "manifest-sha512.txt"):
        subprocess.run(["sha512sum", "--check", "--strict", "--quiet", manifest], cwd=folder, check=True)
    (folder / "data" / "article.xml").write_bytes(b"<artikle/>\n")
    check = ["sha512sum", "--check", "--strict", "--quiet", "manifest-sha512.txt"]
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 1


def test_untarring_gives_the_payload_back(tmp_path: Path) -> None:
    bag = build_bag(tmp_path)
    folder = untarred(bag.path.read_bytes(), tmp_path / "out")
    assert {path: (folder / "data" / path).read_bytes() for path in PAYLOAD} == PAYLOAD

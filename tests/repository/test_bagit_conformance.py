"""The verifier agrees with the Library of Congress's suite, and judges public serialised bags by RFC 8493 alone."""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
from pathlib import Path

import pytest

from repository.bags import BagReport, verify_folder, verify_path, verify_stream
from repository.vocabulary import Level

SHARED = Path(__file__).parents[3] / "shared" / "conformance"
SUITE = SHARED / "bagit"
SERIALISED = SHARED / "serialised"

CASES = sorted(path for path in SUITE.glob("v*/*/*") if path.is_dir())
TARS = sorted(SERIALISED.glob("*.tar"))
VALID_CATEGORIES = {"valid", "warning"}

DIFFERENT = {
    "v0.97/warning/duplicate-file-with-different-case": (
        "BAG_FILE_MISSING",
        "RFC 8493 3: every file listed must be present. data/HELLO.txt is not, on a file system that tells case apart.",
    ),
    "v0.97/warning/special-system-files": (
        "BAG_FILE_MISSING",
        "RFC 8493 3: every file listed must be present. data/.DS_Store is listed and is not in the suite's copy.",
    ),
}
"""Every case in which we say something else than the name of its folder, with the clause that justifies it."""

SUPPLIED = {
    "v0.97/warning/duplicate-file-with-different-case": (
        "data/HELLO.txt",
        "data/hello.txt",
        "BAG_NAMES_COLLIDE_CASE",
        # Its Payload-Oxum counts one file, as a file system that folds case does: RFC 8493 2.2.2.
        {"BAG_OXUM_MISMATCH"},
    ),
    "v0.97/warning/special-system-files": ("data/.DS_Store", "data/Thumbs.db", "BAG_SYSTEM_FILE", set()),
}
"""The file that each of them lacks, one with the same bytes, the warning due once it is there, and the errors left."""

pytestmark = pytest.mark.skipif(not CASES, reason="the conformance suites are not beside this checkout")


def name_of(case: Path) -> str:
    return case.relative_to(SUITE).as_posix()


def errors(report: BagReport) -> set[str]:
    return {found.code for found in report.findings if found.level is Level.ERROR}


def warnings(report: BagReport) -> set[str]:
    return {found.code for found in report.findings if found.level is Level.WARNING}


def test_the_whole_suite_is_here() -> None:
    assert len(CASES) == 60
    assert len(TARS) == 40


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_suite_and_we_agree(case: Path) -> None:
    """linux-only and windows-only are expected invalid here too: no file is looked up by a path from a manifest."""
    report = verify_folder(case)
    category = case.parent.name
    if name_of(case) in DIFFERENT:
        assert DIFFERENT[name_of(case)][0] in errors(report)
        return
    assert report.valid == (category in VALID_CATEGORIES), report.findings
    if category == "warning":
        assert warnings(report)


@pytest.mark.parametrize("name", SUPPLIED)
def test_where_the_suite_lacks_a_file_we_agree_once_it_is_there(name: str, tmp_path: Path) -> None:
    missing, alike, code, left = SUPPLIED[name]
    folder = tmp_path / "bag"
    shutil.copytree(SUITE / name, folder, copy_function=shutil.copyfile)
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    assert not (folder / missing).exists()
    shutil.copyfile(folder / alike, folder / missing)
    report = verify_folder(folder)
    assert errors(report) == left
    assert code in warnings(report)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_case_serialised_is_judged_as_its_folder(case: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(case, "bag")
    buffer.seek(0)
    from_tar, from_folder = verify_stream(buffer), verify_folder(case)
    assert sorted(map(str, from_tar.findings)) == sorted(map(str, from_folder.findings))


VERDICTS: dict[str, set[str]] = {
    # Valid by RFC 8493. What is wrong with them, if anything, only a profile or a repository's own rules forbid.
    "Wasabi-TX-Test": set(),
    "btr-bad-profile-identifier": set(),
    "btr_bad_missing_required_tags": set(),
    "btr_good_sha256": set(),
    "btr_good_sha512": set(),
    "example.edu.multipart.b01.of02": set(),
    "example.edu.multipart.b02.of02": set(),
    "example.edu.sample_bad_access": set(),
    "example.edu.sample_glacier_oh": set(),
    "example.edu.sample_glacier_or": set(),
    "example.edu.sample_glacier_va": set(),
    "example.edu.sample_good": set(),
    "example.edu.sample_illegal_control": set(),
    "example.edu.sample_no_aptrust_info": set(),
    "example.edu.sample_no_bag_info": set(),
    "example.edu.sample_no_title": set(),
    "example.edu.sample_wrong_folder_name": set(),
    "example.edu.tagsample_good": set(),
    "test.edu.btr-glacier-deep-oh": set(),
    "test.edu.btr-wasabi-or": set(),
    "test.edu.btr_bad_missing_required_tags": set(),
    "test.edu.btr_good_sha256": set(),
    "test.edu.btr_good_sha512": set(),
    "test.edu.sample_illegal_control": set(),
    "virginia.edu.uva-lib_2278801": set(),
    # Invalid, each for what its name says.
    "btr_bad_checksums": {"BAG_DIGEST_MISMATCH"},
    "btr_bad_extraneous_file": {"BAG_FILE_UNLISTED", "BAG_OXUM_MISMATCH"},
    "btr_bad_missing_payload_file": {"BAG_FILE_MISSING", "BAG_OXUM_MISMATCH"},
    "test.edu.btr_bad_checksums": {"BAG_DIGEST_MISMATCH"},
    "test.edu.btr_bad_extraneous_file": {"BAG_FILE_UNLISTED", "BAG_OXUM_MISMATCH"},
    "test.edu.btr_bad_missing_payload_file": {"BAG_FILE_MISSING", "BAG_OXUM_MISMATCH"},
    # Its digests are not hexadecimal at all ("44d8...BlahBlahBlah"), so its lines list nothing.
    "example.edu.sample_bad_checksums": {"BAG_MANIFEST_SYNTAX", "BAG_FILE_UNLISTED"},
    "example.edu.sample_bad_oxum": {"BAG_OXUM_MISMATCH"},
    "example.edu.sample_missing_data_file": {"BAG_FILE_MISSING"},
    "example.edu.sample_no_bagit": {"BAG_DECLARATION_MISSING"},
    "example.edu.sample_no_data_dir": {"BAG_PAYLOAD_MISSING", "BAG_FILE_MISSING"},
    "example.edu.sample_no_md5_manifest": {"BAG_MANIFEST_MISSING"},
    "example.edu.tagsample_bad": {"BAG_MANIFEST_SYNTAX", "BAG_FILE_MISSING", "BAG_DIGEST_MISMATCH"},
    # Its fetch.txt holds the words "This file is not allowed", which are no line of a fetch file.
    "example.edu.fetchtxt": {"BAG_FETCH_SYNTAX"},
    # Two screenshots with U+202F in their names: a tar, and no bag.
    "example.edu.nnbs_character": {
        "BAG_TAR_LAYOUT",
        "BAG_DECLARATION_MISSING",
        "BAG_PAYLOAD_MISSING",
        "BAG_MANIFEST_MISSING",
    },
}

SERIALISATION = {
    "example.edu.sample_wrong_folder_name": "BAG_TAR_NAME",
    **dict.fromkeys(
        (stem for stem in VERDICTS if stem.startswith("test.edu.btr_")),
        "BAG_TAR_NAME",  # the folder is called btr_..., without the institution
    ),
    **dict.fromkeys(
        ("btr-bad-profile-identifier", "test.edu.btr-glacier-deep-oh", "test.edu.btr-wasabi-or"),
        "BAG_TAR_END",  # DART left out the two blocks of zeros
    ),
}
"""Faults of the serialisation alone, which RFC 8493 does not speak of: warnings."""


@pytest.mark.parametrize("path", TARS, ids=lambda path: path.stem)
def test_serialised_bags_of_others(path: Path) -> None:
    report = verify_path(path)
    assert errors(report) == VERDICTS[path.stem]
    assert report.valid == (not VERDICTS[path.stem])
    found = warnings(report) & {"BAG_TAR_NAME", "BAG_TAR_END", "BAG_TAR_PADDING"}
    assert found == ({SERIALISATION[path.stem]} if path.stem in SERIALISATION else set())

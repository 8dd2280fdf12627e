"""Every delivery of the sample collection, each into an archive of its own, ends as its row says and for its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from collection import SAMPLES
from installation import folder_store_table

from config import wiring
from config.settings import load
from ingest import inbox, pipeline
from ingest.receipts import Receipt
from repository.catalogue import titles
from repository.catalogue.titles import AgreedTitle
from repository.vocabulary import utc_now

PACKAGES = SAMPLES / "packages"
STATES = {
    "accept": {"accepted"},
    "accept_with_warning": {"accepted", "partial"},
    "quarantine": {"quarantined", "refused", "partial"},
    "reject": {"refused", "quarantined"},
}
# The collection's reason codes are its own; these are called otherwise here, or are told in another way.
CALLED = {"APPLEDOUBLE": "JUNK_IGNORED"}
NOT_TOLD = {
    # The bytes are not in the declared encoding: told as that.
    "bad/xml-says-utf8-but-is-latin5.zip": {"XML_NOT_WELL_FORMED": "XML_ENCODING"},
}


def rows() -> dict[str, dict[str, Any]]:
    listed = PACKAGES / "expected.json"
    if not listed.exists():
        return {}
    return {row["package"]: row for row in json.loads(listed.read_text(encoding="utf-8"))}


ROWS = rows()


def name(file: Path) -> str:
    return file.relative_to(PACKAGES).as_posix()


SETS = [
    members
    for members in inbox.sets_of([PACKAGES / package for package in ROWS])
    if not name(members[0]).startswith("redelivery/")
]


def agreed() -> list[AgreedTitle]:
    lines = (PACKAGES / "titles.tsv").read_text(encoding="utf-8").splitlines()
    head = lines[0].split("\t")
    found = [dict(zip(head, line.split("\t"), strict=False)) for line in lines[1:]]
    return [
        AgreedTitle(row["publication_title"], row["print_identifier"] or None, row["online_identifier"] or None)
        for row in found
    ]


def taken_in(home: Path, *sets: tuple[Path, ...]) -> list[Receipt]:
    """The receipts of these sets, one after the other, in a new archive with the collection's agreed titles."""
    home.mkdir()
    settings = home / "mahfuz.toml"
    stores = folder_store_table("ankara", home) + folder_store_table("izmir", home)
    settings.write_text(f'[archive]\nhome = "{home}/home"\n{stores}', encoding="utf-8")
    with wiring.opened(load(settings, {}).settings) as archive:
        wiring.initialise(archive)
        with archive.catalogue.writing() as session:
            titles.agree(session, titles.publisher_named(session, "P"), agreed(), utc_now())
        door = archive.door()
        return [
            pipeline.ingest(door, inbox.accept(archive.catalogue, archive.home, members, "P", utc_now))
            for members in sets
        ]


def codes(receipt: Receipt) -> set[str]:
    return {found.code for found in receipt.findings} | {
        found.code for line in receipt.articles for found in line.findings
    }


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_every_row_is_in_a_set() -> None:
    redelivered = [package for package in ROWS if package.startswith("redelivery/")]
    assert len(redelivered) == 4
    assert sum(map(len, SETS)) + len(redelivered) == len(ROWS)


@pytest.mark.parametrize("members", SETS, ids=[name(members[0]) for members in SETS])
def test_a_delivery_ends_as_its_row_says(tmp_path: Path, members: tuple[Path, ...]) -> None:
    (receipt,) = taken_in(tmp_path / "archive", members)
    expected = max((ROWS[name(member)] for member in members), key=lambda row: row["articles"])
    assert receipt.shown_state in STATES[expected["outcome"]]
    if expected["articles"]:
        assert len(receipt.articles) == expected["articles"]
    ours = NOT_TOLD.get(name(members[0]), {})
    told = {ours.get(code, CALLED.get(code, code)) for code in filter(None, expected["reason"].split(";"))}
    assert told <= codes(receipt)
    if expected["outcome"] == "accept":
        read = {item["doi"] for row in map(ROWS.get, map(name, members)) if row for item in row.get("xml_read", ())}
        assert read <= {line.doi for line in receipt.articles} | {""}


@pytest.mark.skipif(not ROWS, reason="the collection of samples is not beside this checkout")
def test_redeliveries_are_versions_of_one_article(tmp_path: Path) -> None:
    sets = [(PACKAGES / package,) for package in sorted(ROWS) if package.startswith("redelivery/")]
    receipts = taken_in(tmp_path / "archive", *sets)
    lines = [line for receipt in receipts for line in receipt.articles]
    assert len({line.article_id for line in lines}) == 1
    assert [line.version for line in lines] == [1, 1, 2, 3]
    assert "DUPLICATE_NO_CHANGE" in codes(receipts[1])
    assert "NEW_VERSION" in codes(receipts[2])
    assert {"NEW_VERSION", "PDF_MISSING"} <= codes(receipts[3])

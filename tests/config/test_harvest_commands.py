"""`mahfuz dump` makes files that a harvester may begin with, and `mahfuz harvest-check` proves a harvest complete."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

from deliveries import Published, delivery
from installation import Installation, folder_store_table
from served import served


def fetched(url: str, file: Path) -> Path:
    """What lies at this address, in a file."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        file.write_bytes(answer.read())
    return file


def test_a_dump_and_what_comes_after_it_are_the_whole_archive(tmp_path: Path) -> None:
    home = tmp_path / "home"
    stores = (folder_store_table("ankara", home), folder_store_table("izmir", home))
    archive = Installation(home, *stores, more='repository_identifier = "arsiv.example.org"')
    first = delivery(tmp_path / "first.zip", [Published(f"10.5555/harman.{number}") for number in range(3)])
    archive.run("ingest", str(first), "--publisher", "Örnek Yayınevi")
    time.sleep(6)  # a dump holds what has been told for some seconds
    told = archive.run("dump", "make")
    assert (told["records"], told["deleted"], told["metadata_prefix"], told["set"]) == (3, 0, "oai_dc", None)
    assert archive.run("dump", "list")["dumps"] == [told]
    assert archive.tell("dump", "make", "--format", "mets")[0] == 2
    second = delivery(tmp_path / "second.zip", [Published("10.5555/harman.9")])
    archive.run("ingest", str(second), "--publisher", "Örnek Yayınevi")
    parts = [str(file) for file in sorted((home / "dumps" / "oai_dc" / "all" / told["folder"]).glob("*.gz"))]
    with served(tmp_path / "web", f"sqlite:///{home / 'mahfuz.sqlite'}") as server:
        lacking = archive.run("harvest-check", server.oai, *parts, status=1)
        (day,) = lacking["differing"]
        assert (lacking["equal"], lacking["records"], lacking["archive_records"]) == (False, 3, 4)
        assert len(day["missing"]) == 1
        rest = f"{server.oai}?verb=ListRecords&metadataPrefix=oai_dc&from={told['continue_from']}"
        since = fetched(rest, tmp_path / "since.xml")
        assert day["missing"][0].encode() in since.read_bytes()
        whole = archive.run("harvest-check", server.oai, *parts, str(since))
        assert (whole["equal"], whole["records"], whole["differing"]) == (True, 4, [])
        assert archive.tell("harvest-check", server.oai, *parts, "--set", "nothing")[0] == 2
    assert archive.tell("harvest-check", server.oai, *parts)[0] in (2, 3), "nobody answers any more"

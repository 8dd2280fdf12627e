"""Ledgers, rehearsals and the rebuild by the command line, and what the dashboard says of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    """Three articles in two folders."""
    home = tmp_path / "archive"
    made = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    sent = delivery(tmp_path / "1.zip", [Published(f"10.5555/yangin.{number}") for number in range(3)])
    made.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    made.run("staff", "add", "ayse")
    return made


def test_the_database_is_gone_and_comes_back_with_its_events(archive: Installation) -> None:
    archive.run("audit", "--all")
    made = archive.run("ledger")
    assert (len(made["made"]), made["put"]) == (1, {"ankara": 1, "izmir": 1})
    archive.run("events", "seal")
    before = archive.run("events", "list")["events"]
    status = archive.run("status")
    (archive.home / "mahfuz.sqlite").unlink()
    done = archive.run("rebuild")
    assert (done["aips"], done["ledgers"], done["events"], done["problems"]) == (3, 1, len(before), [])
    after = archive.run("events", "list")["events"]
    assert after[-len(before) :] == before
    proof = archive.run("events", "verify")
    assert (proof["whole"], proof["heads"]) == (True, {"ankara": 1, "izmir": 1}), "the old head agrees"
    assert {**archive.run("status"), "oldest_verification": None} == {**status, "oldest_verification": None}
    assert archive.tell("staff", "reset", "ayse")[0] == 0
    assert archive.run("inventory")["stores"][0]["complete"]


def test_a_rehearsal_is_made_said_and_kept(archive: Installation) -> None:
    done = archive.run("rebuild", "--rehearse", "--from", "izmir")
    assert (done["whole"], done["articles"], done["difference_count"]) == (True, 3, 0)
    status, said, _ = archive.tell("rebuild", "--rehearse", "--sample", "2")
    assert (status, "a sample of the articles: 0 differences" in said) == (0, True)
    status, _, said = archive.tell("rebuild", "--sample", "2")
    assert (status, "--rehearse" in said) == (2, True)
    (archive.home / "izmir").rename(archive.home / "away")
    assert archive.run("rebuild", "--rehearse", status=3)["doubt"]
    assert archive.run("rebuild", "--rehearse", "--from", "ankara", status=3)["doubt"]

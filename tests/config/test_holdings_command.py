"""`mahfuz holdings` writes the lists of what is held."""

from __future__ import annotations

from pathlib import Path

from deliveries import Published, delivery
from installation import Installation, folder_store_table

from repository.access import kbart, keepers


def test_lists_of_what_is_held_are_written(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "liste.txt"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    sent = delivery(tmp_path / "first.zip", [Published("10.5555/harman.1")])
    archive.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    told = archive.run("holdings", "kbart", "--out", str(out))
    assert told["bytes"] == out.stat().st_size
    assert told["name"].startswith("Mahfuz_Global_AllTitles_")
    head, row, rest = out.read_text("utf-8").split("\n")
    assert (tuple(head.split("\t")), len(row.split("\t")), rest) == (kbart.COLUMNS, 25, "")
    whole = out.read_bytes()
    assert archive.run("holdings", "kbart", "--publisher", "Örnek Yayınevi", "--out", str(out))["bytes"] == len(whole)
    assert out.read_bytes() == whole
    assert archive.tell("holdings", "kbart", "--publisher", "Nobody", "--out", str(out))[0] == 2
    assert archive.tell("holdings", "kbart", "--institution", "nobody", "--out", str(out))[0] == 2
    archive.run("holdings", "keepers", "--out", str(out))
    comment, columns, journal, _ = out.read_text("utf-8").split("\n")
    assert comment.startswith("#Keepers MAHFUZ serials ")
    assert tuple(columns.split(",")) == keepers.COLUMNS
    assert journal.endswith(",,"), "nothing is in progress"
    archive.run("holdings", "marc", "--out", str(out))
    assert out.read_text("utf-8").endswith("</collection>\n")


def test_a_report_of_usage_is_written(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "tr_j1.tsv"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    told = archive.run("usage", "report", "tr_j1", "--from", "2025-01", "--to", "2025-03", "--out", str(out))
    assert (told["report"], told["institution"]) == ("TR_J1", "The World")
    assert [one["Code"] for one in told["exceptions"]] == [3030]
    assert out.read_bytes().decode("utf-8-sig").startswith("Report_Name\tJournal Requests (Controlled)\r\n")
    archive.run("usage", "report", "PR", "--from", "2025-01", "--format", "json", "--out", str(out))
    assert out.read_text("utf-8").startswith('{\n "Report_Header"')
    assert archive.tell("usage", "report", "TR", "--from", "2025", "--out", str(out))[0] == 2
    assert archive.tell("usage", "report", "TR", "--from", "2025-01", "--institution", "no", "--out", str(out))[0] == 2

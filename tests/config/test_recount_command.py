"""`mahfuz recount` tells what is wrong, and changes a tally only where a person says who and why."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from deliveries import Published, delivery
from installation import Installation, folder_store_table


def test_a_tally_is_corrected_by_a_person_and_an_event_tells_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    sent = delivery(tmp_path / "issue.zip", [Published(f"10.5555/sayac.{number}") for number in range(2)])
    archive.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    assert archive.run("recount")["wrong"] == []
    with closing(sqlite3.connect(home / "mahfuz.sqlite")) as rows, rows:
        rows.execute("UPDATE tally SET number = number + 5 WHERE what = 'copies' AND place = 'izmir'")
    (wrong,) = archive.run("recount", status=1)["wrong"]
    assert (wrong["place"], wrong["tallied"], wrong["counted"]) == ("izmir", 7, 2)
    assert archive.tell("recount", "--correct")[0] == 2, "by whom, and why?"
    assert archive.run("status")["copies"]["izmir"] == {"intact": 7}
    told = archive.run("recount", "--correct", "--by", "Ayşe", "--reason", "SQL by hand")
    assert (len(told["wrong"]), told["corrected"]) == (1, 1)
    assert archive.run("status")["copies"]["izmir"] == {"intact": 2}
    assert archive.run("recount")["wrong"] == []
    assert archive.run("events", "verify")["whole"]
    (event,) = [one for one in archive.run("events", "list")["events"] if one["type"] == "policy assignment"]
    assert (event["detail"]["by"], event["detail"]["reason"]) == ("Ayşe", "SQL by hand")


def test_doctor_keeps_what_it_found_out_about_the_stores(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    archive.run("init")
    archive.tell("doctor", "--json")
    with closing(sqlite3.connect(home / "mahfuz.sqlite")) as rows:
        found = dict(rows.execute("SELECT name, verdict FROM store_trial WHERE store = 'izmir'"))
    assert found["exclusive_link"] == found["fsync"] == "yes"

"""`mahfuz completeness`: a list loaded, what is missing shown, and the claim written, as a librarian does it."""

from __future__ import annotations

import csv
import io
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from deliveries import Published, delivery
from installation import Installation, folder_store_table

PUBLISHER = "Örnek Yayınevi"
ISSN = "9999-0016"


def test_a_list_is_loaded_and_what_is_missing_claimed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    sent = delivery(tmp_path / "sayi.zip", [Published("10.5555/s.1")])
    archive.run("ingest", str(sent), "--publisher", PUBLISHER)
    listed = tmp_path / "liste.csv"
    listed.write_text("doi;volume;issue;title\n10.5555/s.1;12;3;\n10.5555/s.2;12;3;+1\nyok;;;\n", encoding="utf-8")
    done = archive.run("completeness", "load", str(listed), "--publisher", PUBLISHER, "--issn", ISSN, status=1)
    assert done == {
        "source": "liste.csv",
        "titles": {"Örnek Arşiv Bilimi Dergisi": 2},
        "complaints": ["line 4: 'yok' is not a DOI."],
    }
    shown = archive.run("completeness", "show", ISSN, status=1)
    assert (shown["held"], shown["expected"], [one["doi"] for one in shown["missing"]]) == (1, 2, ["10.5555/s.2"])
    assert shown["issues"] == [{"year": 2024, "volume": "12", "issue": "3", "held": 1, "expected": 2, "missing": 1}]
    out = tmp_path / "claim"
    names = archive.run("completeness", "claim", ISSN, "--language", "en", "--out", str(out))["files"]
    text, table, mail = (Path(name).read_bytes() for name in names)
    assert "Vol. 12, No. 3, 2024: 1 missing" in text.decode()
    (row,) = csv.DictReader(io.StringIO(table.decode("utf-8-sig")))
    assert (row["doi"], row["title"]) == ("10.5555/s.2", "'+1")
    letter = message_from_bytes(mail, policy=SMTP)
    assert isinstance(letter, EmailMessage)
    (attached,) = letter.iter_attachments()
    assert attached.get_payload(decode=True) == table
    archive.run("ingest", str(delivery(tmp_path / "kalan.zip", [Published("10.5555/s.2")])), "--publisher", PUBLISHER)
    assert archive.run("completeness", "show", ISSN)["missing"] == []
    status, _, said = archive.tell("completeness", "load", str(sent), "--publisher", PUBLISHER)
    assert (status, "nothing was loaded" in said) == (2, True)

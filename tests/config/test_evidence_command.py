"""Certificates and the pack as operators make them with the command, and as outsiders hold them against the chain."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table

from repository.vocabulary import utc_now

VERIFIER = Path(__file__).parent.parent.parent / "docs/verify_events.py"
TODAY = utc_now().date().isoformat()

MORE = """
[database]
url = "sqlite:///{home}/mahfuz.sqlite"
[access]
metrics_token = "gizli-belirtec"
[mail]
server = "smtp.example.org"
security = "none"
from = "arsiv@example.org"
recipients = ["ayse.yilmaz@example.org"]
[[mail.publishers]]
name = "Örnek Yayınevi"
recipients = ["teslim@yayinevi.example.org"]
[alerts]
heartbeat_url = "https://monitor.example.org/ping/gizli-adres"
[[alerts.webhooks]]
name = "ops"
url = "https://ops.example.org/kanca/gizli-kanca"
secret = "gizli-anahtar-gizli-anahtar-gizli"
"""


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    stores = (folder_store_table("ankara", home), folder_store_table("izmir", home))
    placed = [table + f'place = "{table.split(chr(34))[1]}"\n' for table in stores]
    made = Installation(home, *placed, more=MORE.format(home=home))
    sent = delivery(tmp_path / "issue.zip", [Published(f"10.5555/kanit.{number}") for number in range(2)])
    made.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    made.run("audit", "--all")
    return made


def test_a_certificate_is_issued_verified_and_held_against_the_chain(archive: Installation, tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    made = archive.run("certificate", "--from", TODAY, "--to", TODAY, "--out", str(file))
    assert json.loads(file.read_text()) == made
    assert [one["readings"]["intact"] for one in made["certificate"]["stores"]] == [2, 2]
    assert archive.run("certificate", "verify", str(file))["genuine"] is True
    assert archive.run("events", "verify")["whole"] is True
    told = archive.run("events", "list")["events"][0]
    assert (told["type"], told["detail"]["certificate"][:7]) == ("digital signature generation", "fixity-")

    status, said = outsider(archive, tmp_path, file)
    assert status == 0, said
    assert "1 heads agree" in said
    other = json.loads(json.dumps(made))
    other["certificate"]["testimony"]["hash"] = "0" * 64
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(other))
    assert archive.run("certificate", "verify", str(forged), status=1)["genuine"] is False
    status, said = outsider(archive, tmp_path, forged)
    assert status == 1
    assert "the signature does not fit" in said


def test_a_certificate_of_another_chain_does_not_agree(archive: Installation, tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    archive.run("certificate", "--from", TODAY, "--to", TODAY, "--out", str(file))
    exported = tmp_path / "events.jsonl"
    archive.run("events", "export", "--out", str(exported))
    lines = exported.read_text().splitlines(keepends=True)
    exported.write_text("".join(lines[:1]))
    status, said = verified(archive, tmp_path, exported, file)
    assert status == 1
    assert "the chain has not" in said


def outsider(archive: Installation, folder: Path, certificate: Path) -> tuple[int, str]:
    exported = folder / "events.jsonl"
    archive.run("events", "export", "--out", str(exported))
    return verified(archive, folder, exported, certificate)


def verified(archive: Installation, folder: Path, exported: Path, certificate: Path) -> tuple[int, str]:
    keys = folder / "keys.json"
    pems = {file.stem: file.read_text() for file in (archive.home / "signing/public").iterdir()}
    keys.write_text(json.dumps({"keys": pems}))
    words = [str(exported), "--keys", str(keys), "--certificate", str(certificate)]
    command = [sys.executable, "-I", str(VERIFIER), *words]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return told.returncode, told.stdout + told.stderr


def test_a_period_is_asked_for_and_a_wrong_one_refused(archive: Installation) -> None:
    for words, said in (
        ((), "--from 2026-01-01"),
        (("--from", "2026-02-01", "--to", "2026-01-01"), "has no day"),
        (("--from", TODAY, "--to", TODAY, "--store", "van"), "ankara, izmir"),
        (("--from", TODAY, "--to", TODAY, "--out", "/nirgends/c.json"), "no folder"),
    ):
        status, _, told = archive.tell("certificate", *words)
        assert status == 2, words
        assert said in told
    assert archive.tell("evidence")[0] == 2


def test_the_pack_looks_first_and_holds_no_secret_and_no_address_of_a_person(
    archive: Installation, tmp_path: Path
) -> None:
    target = tmp_path / "pack.zip"
    made = archive.run("evidence", "--out", str(target))
    assert made["bytes"] == target.stat().st_size
    assert [one["framework"] for one in made["frameworks"]] == ["ndsa", "coretrustseal", "iso16363"]
    found = {one["requirement"]: one["standing"] for one in made["frameworks"][0]["requirements"]}
    assert found["ndsa.storage-1-stable"] == "met", "the stores were tried"
    assert found["ndsa.storage-1-copies"] == "met"
    assert found["ndsa.storage-4-diversity"] == "not met", "one user of this machine could destroy both"
    assert found["ndsa.integrity-1-virus"] == "not met"
    assert found["ndsa.metadata-1-backup"] == "not met", "no rehearsal is known"
    with zipfile.ZipFile(target) as opened:
        text = "\n".join(opened.read(name).decode() for name in opened.namelist() if not name.startswith("docs/"))
        assert json.loads(opened.read("testimony/verified.json"))["whole"] is True
        stores = json.loads(opened.read("stores.json"))
        assert [(one["store"], one["place"], one["tried"]["fit"]) for one in stores] == [
            ("ankara", "ankara", True),
            ("izmir", "izmir", True),
        ]
        names = {one["name"] for one in json.loads(opened.read("software.json"))}
        manifest = tmp_path / "manifest.json"
        manifest.write_bytes(opened.read("manifest.json"))
    assert {"mahfuz", "Flask", "SQLAlchemy", "Python", "sqlite"} <= names
    assert "gizli" not in text
    assert "ayse.yilmaz" not in text
    assert "teslim@" not in text
    assert "PRIVATE KEY" not in text
    assert archive.run("certificate", "verify", str(manifest))["genuine"] is True
    again = archive.run("evidence", "--out", str(target), "--no-look")
    assert {one["requirement"]: one["standing"] for one in again["frameworks"][0]["requirements"]} == found
    assert not list(tmp_path.glob(".pack.zip*")), "no half-written file is left"

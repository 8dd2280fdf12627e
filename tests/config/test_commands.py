"""The commands answer as the contract says: one document, one exit status, and no traceback for a user's mistake."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table

from repository.bags import seal_of

PUBLISHER = "Örnek Yayınevi"


@pytest.fixture
def archive(tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))


@pytest.fixture
def filled(archive: Installation, tmp_path: Path) -> Installation:
    sent = delivery(tmp_path / "issue.zip", [Published(f"10.5555/komut.{number}") for number in range(5)])
    archive.run("ingest", str(sent), "--publisher", PUBLISHER)
    return archive


def flip_a_byte(file: Path, chance: random.Random) -> bytes:
    before = file.read_bytes()
    octets = bytearray(before)
    octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
    file.chmod(0o644)
    file.write_bytes(octets)
    assert file.read_bytes() != before
    return before


def tars(archive: Installation, store: str) -> list[Path]:
    return sorted((archive.home / store).rglob("v*.tar"))


def test_a_flipped_byte_is_found_mended_and_told(filled: Installation) -> None:
    chance = random.Random(7)
    for _ in range(3):
        file = chance.choice(tars(filled, chance.choice(["ankara", "izmir"])))
        before = flip_a_byte(file, chance)
        report = filled.run("audit", "--all", status=1)
        assert {
            name: report[name] for name in ("expected", "intact", "damaged", "missing", "unreadable", "mended")
        } == {
            "expected": 10,
            "intact": 9,
            "damaged": 1,
            "missing": 0,
            "unreadable": 0,
            "mended": 1,
        }
        assert file.read_bytes() == before
    assert len(list((filled.home / "quarantine").rglob("*.tar"))) == 3
    assert filled.run("audit", "--all")["intact"] == 10


def test_a_silent_store_is_doubt_and_nothing_is_repaired(filled: Installation) -> None:
    before = filled.run("status")
    verified = {line["store"]: line["verified_at"] for line in copies(filled, "10.5555/komut.1")}
    (filled.home / "izmir").rename(filled.home / "unmounted")
    report = filled.run("audit", "--all", status=3)
    assert (report["expected"], report["intact"], report["unreadable"], report["mended"]) == (10, 5, 5, 0)
    assert (report["damaged"], report["missing"]) == (0, 0)
    assert filled.run("status")["copies"]["izmir"] == {"unreadable": 5}
    after = {line["store"]: line["verified_at"] for line in copies(filled, "10.5555/komut.1")}
    assert after["izmir"] == verified["izmir"], "nothing counts as verified that was not read"
    assert not (filled.home / "izmir").exists(), "no empty store was made in the place of a full one"
    (filled.home / "unmounted").rename(filled.home / "izmir")
    assert filled.run("audit", "--all")["intact"] == 10
    assert filled.run("status")["copies"] == before["copies"]


def copies(archive: Installation, doi: str) -> list[dict[str, Any]]:
    (version,) = archive.run("article", doi)["versions"]
    found: list[dict[str, Any]] = version["copies"]
    return found


def test_an_article_is_told_in_lines_for_people(filled: Installation) -> None:
    status, out, _ = filled.tell("article", "10.5555/komut.1")
    assert status == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "authors Işık, Çağrı" in lines
    assert any(line.startswith("delivered by ") for line in lines)
    assert not any(mark in out for mark in "{}[]")


def test_a_bag_comes_out_byte_for_byte_as_it_is_stored(filled: Installation, tmp_path: Path) -> None:
    told = filled.run("bag", "10.5555/KOMUT.3", "--out", str(tmp_path / "bag.tar"))
    with (tmp_path / "bag.tar").open("rb") as stream:
        assert seal_of(stream)[0] == told["seal"]
    verdict = filled.run("verify", str(tmp_path / "bag.tar"), "--with-bagit")
    assert verdict["valid"] is True
    flip_a_byte(tmp_path / "bag.tar", random.Random(1))
    verdict = filled.run("verify", str(tmp_path / "bag.tar"), status=1)
    assert verdict["valid"] is False
    assert verdict["findings"][0]["code"].startswith("BAG_")


def test_a_damaged_copy_is_never_handed_out(filled: Installation, tmp_path: Path) -> None:
    for file in tars(filled, "ankara"):
        flip_a_byte(file, random.Random(2))
    assert filled.run("bag", "10.5555/komut.2", "--out", str(tmp_path / "bag.tar"))["store"] == "izmir"
    for file in tars(filled, "izmir"):
        flip_a_byte(file, random.Random(3))
    status, _, error = filled.tell("bag", "10.5555/komut.2", "--out", str(tmp_path / "other.tar"))
    assert status == 3
    assert "no intact copy" in error
    assert not (tmp_path / "other.tar").exists()


def test_a_deleted_database_is_rebuilt_as_it_was(filled: Installation) -> None:
    before = {n: filled.run("article", f"10.5555/komut.{n}") for n in range(5)}
    status = filled.run("status")
    (filled.home / "mahfuz.sqlite").unlink()
    assert filled.run("status")["articles"] == 0, "the catalogue really is gone"
    done = filled.run("rebuild")
    assert (done["aips"], done["copies"], done["problems"]) == (5, 10, [])
    for number, article in before.items():
        again = filled.run("article", f"10.5555/komut.{number}")
        for version in (*article["versions"], *again["versions"]):
            for copy in version["copies"]:
                assert copy.pop("verified_at")
        assert again == article
    after = filled.run("status")
    assert {**after, "oldest_verification": None} == {**status, "oldest_verification": None}


def test_the_inbox_is_taken_in_and_emptied(archive: Installation, tmp_path: Path) -> None:
    archive.file.write_text(
        archive.file.read_text(encoding="utf-8") + "[ingest]\nquiet_seconds = 0\n", encoding="utf-8"
    )
    folder = archive.home / "inbox" / PUBLISHER
    folder.mkdir(parents=True)
    sent = delivery(folder / "a.zip", [Published("10.5555/kutu.1")])
    outside = tmp_path / "secret.zip"
    delivery(outside, [Published("10.5555/kutu.2")])
    (folder / "link.zip").symlink_to(outside)
    told = archive.run("receive")
    assert [one["state"] for one in told["deliveries"]] == ["accepted"]
    assert told["deliveries"][0]["publisher"] == PUBLISHER
    assert not sent.exists()
    assert (folder / "link.zip").is_symlink(), "a link is nobody's delivery"


def test_a_refusal_says_code_file_line_and_remedy(archive: Installation, tmp_path: Path) -> None:
    sent = delivery(tmp_path / "bad.zip", [Published("10.5555/ret.1", issn="9999-0017"), Published("10.5555/ret.2")])
    told = archive.run("ingest", str(sent), "--publisher", PUBLISHER, status=1)
    (one,) = told["deliveries"]
    assert one["state"] == "partial"
    refused = next(article for article in one["articles"] if article["outcome"] == "refused")
    finding = next(found for found in refused["findings"] if found["level"] == "error")
    assert (finding["code"], finding["path"]) == ("ISSN_INVALID", "ret.1/ret.1.xml")
    assert isinstance(finding["line"], int)
    assert "9999-0017" in finding["message"]
    assert finding["remedy"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("ingest", "nowhere.zip", "--publisher", "X"), 2, "nowhere.zip"),
        (("ingest", "--publisher", "X"), 2, "FILES"),
        (("audit", "--store", "bursa"), 2, "ankara, izmir"),
        (("audit", "--article", "10.5555/none"), 2, "10.5555/none"),
        (("article", "10.5555/none"), 1, "10.5555/none"),
        (("bag", "10.5555/none", "--out", "x.tar"), 1, "10.5555/none"),
        (("rebuild", "--from", "bursa"), 2, "ankara, izmir"),
        (("nonsense",), 2, "nonsense"),
        (("titles", "agree", "{file}", "--publisher", "X"), 2, "publication_title"),
        (("ingest", "{file}", "--publisher", "two\nlines\x07"), 2, "name of a publisher"),
    ],
)
def test_a_mistake_is_answered_in_plain_words(
    archive: Installation, words: tuple[str, ...], status: int, said: str
) -> None:
    found, out, error = archive.tell(*(word.format(file=archive.file) for word in words))
    assert found == status
    assert said in error
    assert "Traceback" not in out + error


def test_a_wrong_setting_stops_every_command_with_its_key(archive: Installation) -> None:
    archive.file.write_text("[policy]\nfixty_days = 3\n", encoding="utf-8")
    status, _, error = archive.tell("status")
    assert status == 2
    assert "policy.fixty_days" in error
    assert "Traceback" not in error


def test_a_database_that_does_not_answer_is_doubt(archive: Installation) -> None:
    text = archive.file.read_text(encoding="utf-8")
    url = "postgresql+psycopg://nobody:hush@127.0.0.1:9/none?connect_timeout=2"
    archive.file.write_text(text + f'[database]\nurl = "{url}"\n', encoding="utf-8")
    status, _, error = archive.tell("status")
    assert status == 3
    assert "did not answer" in error
    assert "hush" not in error

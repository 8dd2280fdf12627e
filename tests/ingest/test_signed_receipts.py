"""Receipts that prove themselves: signed, unguessable, and never more than what is true."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pages
import pytest
from deliveries import Published, delivery
from installation import Installation, folder_store_table

from ingest import attestation
from repository import canonical, signing
from repository.catalogue import deliveries
from repository.catalogue.deliveries import ArticleLine
from repository.vocabulary import ArticleOutcome, DeliveryState

PUBLISHER = "Örnek Yayınevi"


@pytest.fixture
def signed(tmp_path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    signer = signing.Signer(tmp_path)
    document = {"title": "Işık ve “ısı”", "bytes": 12, "articles": [{"seal": "ab", "doi": None}]}
    return signer.signed("receipt", document), signer.public_keys()


def test_a_receipt_verifies_and_any_change_is_seen(signed: tuple[dict[str, Any], dict[str, str]]) -> None:
    envelope, keys = signed
    assert signing.verify(envelope, keys, "receipt") is None
    assert signing.verify(json.loads(json.dumps(envelope, indent=4)), keys, "receipt") is None, "blanks are no change"
    for change in (
        lambda one: one["receipt"].update(bytes=13),
        lambda one: one["receipt"]["articles"][0].update(seal="ac"),
        lambda one: one["receipt"].update(more=True),
        lambda one: one["receipt"].pop("title"),
        lambda one: one["receipt"].update(bytes=12.0),
        lambda one: one["signature"].update(value=one["signature"]["value"][::-1]),
        lambda one: one["signature"].update(key="0" * 16),
        lambda one: one["signature"].update(algorithm="none"),
        lambda one: one.update(remark="nobody signed this"),
        lambda one: one["signature"].update(remark="nor this"),
        lambda one: one.pop("signature"),
    ):
        changed = copy.deepcopy(envelope)
        change(changed)
        assert signing.verify(changed, keys, "receipt") is not None
    assert signing.verify([], keys, "receipt") is not None


def test_no_changed_byte_of_a_receipt_goes_unseen(signed: tuple[dict[str, Any], dict[str, str]]) -> None:
    envelope, keys = signed
    octets = json.dumps(envelope, ensure_ascii=False).encode()
    for place in range(len(octets)):
        for other in {octets[place] ^ 1, octets[place] ^ 32, ord("0"), ord("A")} - {octets[place]}:
            changed = octets[:place] + bytes([other]) + octets[place + 1 :]
            try:
                found = canonical.read(changed.decode())
            except ValueError:
                continue
            assert signing.verify(found, keys, "receipt") is not None, changed


def test_a_receipt_that_says_two_things_under_one_name_is_none(signed: tuple[dict[str, Any], dict[str, str]]) -> None:
    text = json.dumps(signed[0])
    with pytest.raises(ValueError, match="twice"):
        canonical.read(text.replace('"bytes": 12', '"bytes": 13, "bytes": 12'))


def test_a_changed_key_leaves_old_receipts_genuine(tmp_path: Path) -> None:
    signer = signing.Signer(tmp_path)
    old = signer.signed("receipt", {"a": 1})
    assert (tmp_path / "signing/key.pem").stat().st_mode & 0o077 == 0
    (tmp_path / "signing/key.pem").unlink()
    new = signer.signed("receipt", {"a": 1})
    keys = signer.public_keys()
    assert len(keys) == 2
    assert signing.verify(old, keys, "receipt") is None
    assert signing.verify(new, keys, "receipt") is None
    assert old["signature"]["key"] != new["signature"]["key"]


def test_an_address_is_the_deliverys_and_cannot_be_guessed() -> None:
    word = attestation.token(b"secret", "a" * 32)
    assert attestation.delivery_of(b"secret", word) == "a" * 32
    assert attestation.delivery_of(b"other", word) is None
    assert attestation.delivery_of(b"secret", "b" * 32 + word[32:]) is None
    assert attestation.delivery_of(b"secret", word[:-1] + "x") is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_openssl_alone_verifies_a_receipt(signed: tuple[dict[str, Any], dict[str, str]], tmp_path: Path) -> None:
    envelope, keys = signed
    receipt, key, signature = tmp_path / "canonical", tmp_path / "key.pem", tmp_path / "signature"
    text = json.dumps(envelope["receipt"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    receipt.write_bytes(text.encode())
    key.write_text(keys[envelope["signature"]["key"]], encoding="ascii")
    decoded = subprocess.run(
        ["openssl", "base64", "-d", "-A"],
        input=envelope["signature"]["value"].encode(),
        capture_output=True,
        check=True,
    )
    signature.write_bytes(decoded.stdout)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        key,
        "-rawin",
        "-in",
        receipt,
        "-sigfile",
        signature,
    ]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    receipt.write_bytes(text.replace("12", "13").encode())
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_the_command_states_signs_and_verifies(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    sent = delivery(tmp_path / "sayi.zip", [Published("10.5555/s.1"), Published("10.5555/s.2")])
    (taken,) = archive.run("ingest", str(sent), "--publisher", PUBLISHER)["deliveries"]
    file = tmp_path / "receipt.json"
    envelope = archive.run("receipt", "show", taken["delivery_id"], "--out", str(file))
    stated = envelope["receipt"]
    assert stated["may_delete_local_copy"] is True
    for line in stated["articles"]:
        held = archive.run("article", line["id"])
        assert line["seal"] == held["versions"][0]["seal"]
        assert {one["store"] for one in line["copies"]} == {"ankara", "izmir"}
        assert all(one["state"] == "intact" and one["read_back"] for one in line["copies"])
    assert archive.run("receipt", "verify", str(file))["genuine"] is True
    (key,) = (home / "signing/public").glob("*.pem")
    elsewhere = Installation(tmp_path / "elsewhere")
    assert elsewhere.run("receipt", "verify", str(file), "--key", str(key))["genuine"] is True
    file.write_text(file.read_text().replace('"version": 1', '"version": 2', 1))
    assert "does not fit" in archive.run("receipt", "verify", str(file), status=1)["reason"]


@pytest.fixture
def site(database_url: str) -> Iterator[pages.Site]:
    made = pages.site(database_url)
    yield made
    made.catalogue.close()


def told(site: pages.Site, state: DeliveryState = DeliveryState.ACCEPTED, **held: Any) -> str:
    """A finished delivery of one article; the address of its receipt."""
    identifier = pages.enter(site, pages.record(1), **held)
    with site.catalogue.writing() as rows:
        made = deliveries.accept(rows, PUBLISHER, ["sayı.zip"], "e" * 64, 7, pages.NOW)
        deliveries.begin(rows, made.id)
        line = ArticleLine(1, "m.xml", identifier, "10.5555/x", "<b>Başlık</b>", 1, ArticleOutcome.ACCEPTED, ())
        deliveries.finish(rows, made.id, state, [], [line], pages.NOW)
        return "/receipts/" + attestation.token(b"k" * 32, made.id)


def test_the_publisher_sees_the_receipt_without_an_account(site: pages.Site) -> None:
    address = told(site)
    page = site.client.get(address + "?lang=en")
    assert page.status_code == 200
    assert "You may delete your local copy" in page.text
    assert "&lt;b&gt;Başlık&lt;/b&gt;" in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in page.headers["X-Robots-Tag"]
    envelope = site.client.get(address + ".json").json
    keys = site.client.get("/.well-known/mahfuz-keys.json").json["keys"]
    assert signing.verify(envelope, keys, "receipt") is None
    assert site.client.get(address[:-1] + "g").status_code == 404
    assert site.client.get(address[:-33]).status_code == 404
    staff = site.staff_client().get(f"/deliveries/{envelope['receipt']['delivery_id']}").text
    assert address in staff


@pytest.mark.parametrize("copies", [{"main": pages.NOW}, {"main": pages.NOW, "second": None}])
def test_nothing_is_called_safe_that_was_not_read_back_everywhere(site: pages.Site, copies: dict[str, Any]) -> None:
    address = told(site, verified=copies)
    assert "Keep your local copy" in site.client.get(address + "?lang=en").text
    assert site.client.get(address + ".json").json["receipt"]["may_delete_local_copy"] is False


def test_a_partly_accepted_delivery_is_not_called_safe(site: pages.Site) -> None:
    address = told(site, DeliveryState.PARTIAL)
    assert site.client.get(address + ".json").json["receipt"]["may_delete_local_copy"] is False

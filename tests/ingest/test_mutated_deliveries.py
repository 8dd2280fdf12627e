"""Deliveries that were damaged by chance: none throws the door off its hinges, each ends with a code, all bytes stay.

``MAHFUZ_TEST_MUTATIONS=3000`` tries so many instead of the few of a usual run; ``MAHFUZ_TEST_SEED`` tries others.
"""

from __future__ import annotations

import copy
import io
import os
import random
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collection import SAMPLES, index_rows
from deliveries import Published
from installation import folder_store_table
from lxml import etree

from config import wiring
from config.settings import load
from ingest import inbox, pipeline
from ingest.findings import CODES
from repository import bags
from repository.catalogue import tallies
from repository.vocabulary import ArticleOutcome, DeliveryState, Level, bag_key, utc_now

NUMBER = int(os.environ.get("MAHFUZ_TEST_MUTATIONS", "120"))
SEED = int(os.environ.get("MAHFUZ_TEST_SEED", "20261125"))
LARGEST = 2 << 20
FINAL = (DeliveryState.ACCEPTED, DeliveryState.PARTIAL, DeliveryState.QUARANTINED, DeliveryState.REFUSED)

Mutation = Callable[[random.Random, bytes], bytes]


def flipped(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 20))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def beheaded(chance: random.Random, data: bytes) -> bytes:
    return data[chance.randrange(len(data)) :]


def lost(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 200) :]


def repeated(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    end = start + chance.randint(1, 2000)
    return data[:end] + data[start:end] * chance.randint(1, 3) + data[end:]


def swapped(chance: random.Random, data: bytes) -> bytes:
    one, other = sorted(chance.randrange(len(data)) for _ in range(2))
    length = chance.randint(1, 64)
    if one + length > other:
        return flipped(chance, data)
    return b"".join(
        (
            data[:one],
            data[other : other + length],
            data[one + length : other],
            data[one : one + length],
            data[other + length :],
        )
    )


def overwritten(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    noise = chance.choice(
        (bytes(16), b"\xff" * 16, chance.randbytes(16), b"<!DOCTYPE x [", b"&#x0;&lt;", b"]]>", b"99999999")
    )
    return data[:start] + noise + data[start + len(noise) :]


def words_exchanged(chance: random.Random, data: bytes) -> bytes:
    """Something that stands in the file elsewhere, in the place of something else: tags, names, numbers."""
    at = sorted(chance.randrange(len(data)) for _ in range(4))
    return data[: at[0]] + data[at[2] : at[3]][:400] + data[at[1] :]


MUTATIONS: tuple[Mutation, ...] = (
    flipped,
    flipped,
    cut,
    beheaded,
    lost,
    repeated,
    swapped,
    overwritten,
    words_exchanged,
)


STRANGE = (
    "", " ", "0", "-1", "99999999999999999999", "0000", "9999-99-99", "2024-02-30", "x" * 3000, "\u202e",
    "10.5555/" + "x" * 2000, "10.1/", "1234-5678", "0000-0000", "../../etc/passwd", "C:\\x.pdf", "%00", "&amp;lt;b&gt;",
    "\U0001f4a9", "e\u0301" * 50, "http://127.0.0.1/x", "{0}", "%s", "é\u2028é", "III", "Ⅷ", "١٢", "1e400", "NaN", "İ",
)  # fmt: skip


def reshaped(chance: random.Random, data: bytes) -> bytes:
    """XML that is still well formed and says something else: elements lost, doubled, moved, emptied, renamed."""
    try:
        root = etree.fromstring(data, etree.XMLParser(recover=True, load_dtd=False, resolve_entities=False))
    except etree.XMLSyntaxError:
        return flipped(chance, data)
    if root is None:
        return flipped(chance, data)
    for _ in range(chance.choice((1, 2, 5, 20))):
        nodes = [node for node in root.iter(etree.Element) if node is not root]
        if not nodes:
            break
        node, other = chance.choice(nodes), chance.choice(nodes)
        parent = node.getparent()
        match chance.randrange(8):
            case 0 if parent is not None:
                parent.remove(node)
            case 1 if parent is not None:
                parent.append(copy.deepcopy(node))
            case 2 if node not in list(other.iterancestors()) and node is not other:
                other.append(node)
            case 3:
                node.clear()
            case 4:
                node.text = chance.choice(STRANGE)
            case 5 if node.attrib:
                node.set(chance.choice(list(node.attrib)), chance.choice(STRANGE))
            case 6:
                node.tag = other.tag
            case _:
                node.attrib.clear()
    return bytes(etree.tostring(root.getroottree(), encoding=chance.choice(("UTF-8", "UTF-16", "ASCII"))))


def rezipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()


def own(folder: Path) -> dict[str, bytes]:
    """Small deliveries of our own, so that something is tried where there is no collection."""
    made = {}
    for number in range(4):
        article = Published(f"10.5555/m.{number}", title="Ölçü &amp; <b>değişim</b>")
        files = {f"{article.stem}.xml": article.xml(), f"{article.stem}.pdf": article.pdf(folder / "scratch.pdf")}
        made[f"own-{number}.zip"] = rezipped(files)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz" if number % 2 else "w") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        made[f"own-{number}.tar{'.gz' if number % 2 else ''}"] = out.getvalue()
    return made


def collected(folder: Path) -> dict[str, bytes]:
    """The collection's deliveries that are not large, and each of its XML files with a PDF."""
    made = {}
    for file in sorted((SAMPLES / "packages").rglob("*")):
        if file.suffix in (".zip", ".tar", ".gz") and file.stat().st_size <= LARGEST:
            made[f"{file.parent.name}-{file.name}"] = file.read_bytes()
    pdf = Published("10.5555/pdf").pdf(folder / "scratch.pdf")
    for row in index_rows(""):
        file = SAMPLES / row["file"]
        if file.suffix in (".xml", ".nxml") and file.stat().st_size <= LARGEST:
            made[f"xml-{file.stem}.zip"] = rezipped({f"a/{file.name}": file.read_bytes(), f"a/{file.stem}.pdf": pdf})
    return made


def mutated(chance: random.Random, name: str, data: bytes) -> bytes:
    """The delivery damaged as such, or one file of it before it is packed again."""
    if name.endswith(".zip") and chance.random() < 0.7:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = {info.filename: archive.read(info) for info in archive.infolist() if info.file_size <= LARGEST}
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError):
            files = {}
        full = [each for each, content in files.items() if content]
        if full:
            wanted = [each for each in full if each.lower().endswith((".xml", ".pdf", ".txt", ".meta"))] or full
            chosen = chance.choice(wanted)
            if chosen.lower().endswith((".xml", ".meta")) and chance.random() < 0.6:
                files[chosen] = reshaped(chance, files[chosen])
                return rezipped(files)
            for _ in range(chance.choice((1, 1, 2, 5))):
                files[chosen] = chance.choice(MUTATIONS)(chance, files[chosen] or b"x")
            return rezipped(files)
    return chance.choice(MUTATIONS)(chance, data)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[wiring.Archive]:
    home = tmp_path / "archive"
    home.mkdir()
    settings = home / "mahfuz.toml"
    stores = folder_store_table("ankara", home) + folder_store_table("izmir", home)
    settings.write_text(f'[archive]\nhome = "{home}/home"\n{stores}', encoding="utf-8")
    with wiring.opened(load(settings, {}).settings) as made:
        wiring.initialise(made)
        yield made


def test_a_damaged_delivery_ends_with_a_code_and_keeps_its_bytes(archive: wiring.Archive, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    seeds = sorted((own(tmp_path) | collected(tmp_path)).items())
    door, states, versions = archive.door(), Counter[str](), 0
    codes: Counter[str] = Counter()
    for number in range(NUMBER):
        name, data = chance.choice(seeds)
        damaged = mutated(chance, name, data) or b"\0"
        file = tmp_path / name
        file.write_bytes(damaged)
        arrived = inbox.accept(archive.catalogue, archive.home, [file], f"Yayınevi {number}", utc_now)
        receipt = pipeline.ingest(door, arrived)
        file.unlink()
        found = [*receipt.findings, *(each for line in receipt.articles for each in line.findings)]
        told = {each.code for each in found}
        assert "PROGRAM_FAULT" not in told, (number, name, found)
        assert told <= CODES.keys()
        assert receipt.state in FINAL
        if receipt.state is not DeliveryState.ACCEPTED:
            assert any(each.level is Level.ERROR for each in found) or not receipt.articles, (number, name, receipt)
            assert found, (number, name)
        assert arrived.files[0].read_bytes() == damaged
        kept = [line for line in receipt.articles if line.outcome is ArticleOutcome.ACCEPTED]
        for line in kept[:2]:
            assert line.article_id is not None
            assert line.version is not None
            key = bag_key(line.article_id, line.version)
            report = bags.verify_path(tmp_path / "archive" / "izmir" / key)
            assert report.valid, (number, name, report.findings)
        states[receipt.state] += 1
        codes.update(told)
        versions += len(kept)
    with archive.catalogue.reading() as rows:
        assert sum(count.number for count in tallies.of(rows, "aips").values()) == versions
        counted = {state: count.number for (_, state), count in tallies.of(rows, "deliveries").items() if count.number}
    assert counted == {str(state): number for state, number in states.items()}
    assert not list((archive.home / "staging").iterdir())
    print(dict(states), codes.most_common())
    if NUMBER >= 100:
        assert len(codes) > 10, "the damage was not of many kinds"
        assert min(states[DeliveryState.ACCEPTED], states[DeliveryState.REFUSED]) > 3

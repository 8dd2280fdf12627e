"""Two installations on one machine: the second mirrors the first, byte for byte, whatever happens on the way."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from full_size import sized
from installation import Installation, folder_store_table, s3_store_table
from servers import S3Server
from warm import Begun
from wire import Wire, free_port

from repository.vocabulary import bag_key

KEY = "the-key-of-the-second-archive"
PUBLISHER = "Örnek Yayınevi"
ARTICLES = 6


class First:
    """An archive that gives its bags to the second, served by the real command."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        peer = f'[[peers]]\nname = "ikinci"\nkey = "{KEY}"\n[[peers]]\nname = "baska"\nkey = "{KEY[::-1]}"\n'
        peer += 'publishers = ["Nobody"]\n'
        more = f'base_url = "http://127.0.0.1:{self.port}"\nrepository_identifier = "bir.example.org"\n'
        stores = (folder_store_table("a", home), folder_store_table("b", home))
        self.archive = Installation(home, *stores, peer, more=more)
        self.archive.run("init")
        self._server: Begun | None = None

    def serve(self) -> None:
        self._server = self.archive.serve(self.port)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the first archive is not served")

    def close(self) -> None:
        if self._server is not None:
            os.kill(self._server.pid, signal.SIGTERM)
            self._server.wait(60)
            self._server = None

    def ingest(self, folder: Path, *articles: Published) -> list[str]:
        """The ids of these articles, taken in and shown."""
        name = f"{len(list(folder.glob('*.zip')))}.zip"
        sent = delivery(folder / name, articles)
        answer = self.archive.run("ingest", str(sent), "--publisher", PUBLISHER)
        return [line["id"] for line in answer["deliveries"][0]["articles"]]

    def decide(self, what: str, article: str, reason: str) -> None:
        before = self._changes()
        self.archive.run(what, article, "--reason", reason, "--by", "Ayşe Yılmaz", "--language", "tr")
        while self._changes() == before:  # the moment under which it is announced lies a few seconds ahead
            time.sleep(0.2)

    def _changes(self) -> int:
        address = f"http://127.0.0.1:{self.port}/resourcesync/changelist/0.xml"
        asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {KEY}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.read().count(b"<url>")


@pytest.fixture
def first(tmp_path: Path) -> Iterator[First]:
    made = First(tmp_path / "first")
    made.serve()
    yield made
    made.close()


@pytest.fixture
def wire(first: First) -> Iterator[Wire]:
    line = Wire(first.port)
    yield line
    line.close()


@pytest.fixture
def mirror(tmp_path: Path, s3_server: S3Server, make_bucket: Callable[[], str]) -> Callable[..., Installation]:
    """A second archive, one of its stores on S3, that follows the first through a line."""

    def make(line: Wire, key: str = KEY) -> Installation:
        home = tmp_path / "second"
        feed = (
            f'[[feeds]]\nname = "birinci"\npublisher = "Birinci Arşiv"\nkind = "resourcesync"\nurl = "{line.url}"\n'
            f'key = "{key}"\n'
        )
        more = 'repository_identifier = "iki.example.org"\n'
        stores = (folder_store_table("folder", home), s3_store_table("s3", s3_server, make_bucket()))
        made = Installation(home, *stores, feed, more=more)
        made.run("init")
        return made

    return make


def bags(archive: Installation, store: str) -> dict[str, bytes]:
    """Every bag in a folder, by its key."""
    root = archive.home / store
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("v*.tar"))}


def seals(archive: Installation, articles: list[str]) -> dict[str, list[tuple[int, str]]]:
    found = {}
    for article in articles:
        told = archive.run("article", article)
        found[article] = [(one["version"], one["seal"]) for one in told["versions"]]
    return found


def receive(archive: Installation, status: int = 0) -> dict[str, Any]:
    """What one pass over the first archive did."""
    (told,) = archive.run("receive", status=status)["mirrored"]
    assert told["feed"] == "birinci"
    found: dict[str, Any] = told
    return found


def problem(archive: Installation) -> str:
    status, out, _ = archive.tell("feed", "list", "--json")
    (feed,) = json.loads(out)["feeds"]
    assert (status == 1) == bool(feed["error"])
    return feed["error"] or ""


def issue(*, upto: int = ARTICLES, first: int = 0) -> list[Published]:
    return [Published(f"10.5555/ayna.{number}", title=f"Ayna {number}") for number in range(first, upto)]


def test_a_mirror_keeps_every_bag_with_its_seal_and_follows_every_change(
    tmp_path: Path, first: First, wire: Wire, mirror: Callable[..., Installation]
) -> None:
    articles = first.ingest(tmp_path, *issue())
    second = mirror(wire)
    told = receive(second)
    assert (told["bags"], told["already"], told["conflicts"], told["refused"]) == (ARTICLES, 0, [], [])
    assert bags(second, "folder") == bags(first.archive, "a")
    assert seals(second, articles) == seals(first.archive, articles)
    audit = second.run("audit", "--all")
    assert (audit["expected"], audit["intact"]) == (2 * ARTICLES, 2 * ARTICLES)
    status = second.run("status")
    assert (status["articles"], status["deliveries"], status["never_verified"]) == (ARTICLES, {}, 0)
    assert wire.connections == 1, "one line is used for everything"

    asked = len(wire.bags())
    assert receive(second) == told | {"bags": 0, "bytes": 0}, "the same twice changes nothing"
    assert len(wire.bags()) == asked

    # A new version, a new article, and one withdrawn.
    first.ingest(tmp_path, Published("10.5555/ayna.1", title="Ayna 1, düzeltilmiş"), *issue(first=6, upto=7))
    first.decide("withdraw", articles[2], "Yazarın isteği: yanlış veri.")
    told = receive(second)
    assert (told["bags"], told["withdrawn"], told["restored"]) == (2, 1, 0)
    assert len(wire.bags()) == asked + 2, "nothing that was here is fetched again"
    assert bags(second, "folder") == bags(first.archive, "a"), "what is withdrawn is kept"
    assert [version for version, _ in seals(second, [articles[1]])[articles[1]]] == [1, 2]
    gone = second.run("article", articles[2])
    assert gone["state"] == "withdrawn"
    (notice,) = gone["notices"]
    assert (notice["kind"], notice["reason"], notice["language"]) == (
        "withdrawal",
        "Yazarın isteği: yanlış veri.",
        "tr",
    )
    assert receive(second)["withdrawn"] == 0

    first.decide("restore", articles[2], "Veri düzeltildi.")
    told = receive(second)
    assert (told["bags"], told["restored"]) == (0, 1)
    assert len(wire.bags()) == asked + 2, "its bytes were here"
    shown = second.run("article", articles[2])
    assert (shown["state"], shown["notices"][-1]["reason"]) == ("active", "Veri düzeltildi.")

    # The testimony says where each came from, and the mirror's own catalogue can be written again.
    events = second.run("events", "list")["events"]
    came = [one for one in events if one.get("type") == "capture"]
    assert len(came) == ARTICLES + 2
    assert came[0]["detail"]["from"].startswith(f"{wire.url}/resourcesync/bags/")
    second.run("events", "verify")
    (second.home / "mahfuz.sqlite").unlink()
    rebuilt = second.run("rebuild")
    assert (rebuilt["aips"], rebuilt["problems"]) == (ARTICLES + 2, [])
    assert receive(second)["bags"] == 0


def test_a_mirror_that_is_killed_again_and_again_goes_on(
    tmp_path: Path, first: First, wire: Wire, mirror: Callable[..., Installation]
) -> None:
    articles = first.ingest(tmp_path, *issue(upto=12))
    second = mirror(wire)
    deaths = 0
    for further in sized((1, 4), (0, 1, 3, 4, 7)):
        process = second.start("receive")
        while process.poll() is None and len(list((second.home / "folder").rglob("v*.tar"))) < further:
            time.sleep(0.01)
        time.sleep(0.02 if further else 1.5)
        process.kill()
        process.communicate()
        deaths += process.returncode == -signal.SIGKILL
    assert deaths >= sized(1, 3)
    assert receive(second)["conflicts"] == []
    assert bags(second, "folder") == bags(first.archive, "a")
    assert seals(second, articles) == seals(first.archive, articles)
    assert second.run("audit", "--all")["intact"] == 24
    assert not any((second.home / "feeds" / "birinci" / "parts").iterdir())


def test_a_byte_that_is_flipped_on_the_way_is_refused_and_asked_for_again(
    tmp_path: Path, first: First, wire: Wire, mirror: Callable[..., Installation]
) -> None:
    articles = first.ingest(tmp_path, *issue(upto=3))
    once, always, cut = (f"/resourcesync/bags/{article}/v1.tar" for article in articles)
    wire.flip |= {once: 1, always: 99}
    wire.cut[cut] = 5000
    second = mirror(wire)
    assert receive(second)["bags"] == 2
    assert wire.bags().count(once) == 2
    assert [asked for path, asked, _ in wire.asked if path == cut] == [None, "bytes=5000-"], "gone on where it broke"
    assert bags(second, "folder").keys() == {bag_key(articles[0], 1), bag_key(articles[2], 1)}
    assert "not with its seal" in problem(second)
    wire.flip.clear()
    assert receive(second)["bags"] == 1
    assert problem(second) == ""
    assert bags(second, "folder") == bags(first.archive, "a")


@pytest.mark.parametrize("key", sized((KEY[::-1],), (KEY[::-1], "a-key-that-nobody-gave-to-anyone")))
def test_who_has_no_right_gets_nothing(
    tmp_path: Path, first: First, wire: Wire, mirror: Callable[..., Installation], key: str
) -> None:
    first.ingest(tmp_path, *issue(upto=2))
    second = mirror(wire, key)
    assert receive(second)["bags"] == 0
    assert wire.bags() == []
    assert ("refuses us (401)" in problem(second)) == (key != KEY[::-1])
    assert bags(second, "folder") == {}


def test_other_bytes_that_lie_here_are_never_overwritten_and_hold_up_no_other(
    tmp_path: Path, first: First, wire: Wire, mirror: Callable[..., Installation]
) -> None:
    articles = first.ingest(tmp_path, *issue(upto=3))
    second = mirror(wire)
    ours = delivery(tmp_path / "ours.zip", [Published("10.5555/ayna.1", title="Bizde böyle")])
    second.run("ingest", str(ours), "--publisher", PUBLISHER)
    lying = second.home / "folder" / bag_key(articles[2], 1)
    lying.parent.mkdir(parents=True)
    lying.write_bytes(b"something else")
    before = (second.home / "folder" / bag_key(articles[1], 1)).read_bytes()
    told = receive(second, status=4)
    assert told["bags"] == 1
    assert {one["name"].partition("/")[0] for one in told["conflicts"]} == {articles[1], articles[2]}
    assert (second.home / "folder" / bag_key(articles[1], 1)).read_bytes() == before
    assert lying.read_bytes() == b"something else"
    assert "a person decides" in problem(second)
    lying.unlink()
    assert receive(second, status=4)["bags"] == 1, "what was decided is gone on with, the other still waits"


def test_a_damaged_copy_at_the_first_is_passed_over_there(
    tmp_path: Path, first: First, wire: Wire, mirror: Callable[..., Installation]
) -> None:
    (article,) = first.ingest(tmp_path, *issue(upto=1))
    file = first.archive.home / "a" / bag_key(article, 1)
    whole = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    second = mirror(wire)
    assert receive(second)["bags"] == 1
    (kept,) = bags(second, "folder").values()
    assert hashlib.sha256(kept).digest() == hashlib.sha256(whole).digest()


def test_a_first_whose_catalogue_burned_is_followed_on_and_nothing_is_fetched_twice(
    tmp_path: Path, first: First, wire: Wire, mirror: Callable[..., Installation]
) -> None:
    articles = first.ingest(tmp_path, *issue(upto=3))
    second = mirror(wire)
    assert receive(second)["bags"] == 3
    first.decide("withdraw", articles[1], "Yazarın isteği.")
    first.close()
    (first.archive.home / "mahfuz.sqlite").unlink()
    assert first.archive.run("rebuild")["aips"] == 3
    first.serve()
    first.ingest(tmp_path, *issue(first=3, upto=4))
    asked = len(wire.bags())
    told = receive(second)
    assert told["bags"] == 1
    assert len(wire.bags()) == asked + 1
    told = receive(second)
    assert second.run("article", articles[1])["state"] == "withdrawn"
    assert bags(second, "folder") == bags(first.archive, "a")
    assert receive(second) == {**told, "withdrawn": 0}

"""What a store lists is compared with the catalogue, both ways; what differs is told and made due, never judged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from watched import FaultyStore, Killed, Miniature, add_bag, miniature

from fixity import inventory
from fixity.inventory import InventoryReport, take_inventory
from repository.bags import Bag
from repository.catalogue import inventories
from repository.errors import StoreUnavailable
from repository.models import Inventory
from repository.promise import Promises
from repository.storage import Store, StoredObject
from repository.storage.s3 import S3Store
from repository.vocabulary import HEADS, CopyState, DifferenceKind, bag_key, head_key

OLD = 10 * 86400


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url, bags=12)
    for store in made.stores:
        for bag in made.bags:
            age(made, made.path(store, bag))
    yield made
    made.catalogue.close()


def age(small: Miniature, path: Path) -> None:
    """The file was written long ago."""
    then = small.clock().timestamp() - OLD
    os.utime(path, (then, then))


def take(small: Miniature, store: str = "main", **changed: object) -> InventoryReport:
    report = take_inventory(replace(small.watch, **changed), store)  # type: ignore[arg-type]
    assert report is not None
    return report


def differences(small: Miniature, store: str = "main") -> list[tuple[str, str]]:
    with small.catalogue.reading() as session:
        return [(row.kind, row.key) for row in inventories.listed(session, store=store, limit=100_000)]


def key(bag: Bag) -> str:
    return bag_key(bag.article_id, bag.version)


def test_a_store_that_has_all_and_nothing_else_differs_in_nothing(small: Miniature) -> None:
    report = take(small)
    assert report.complete
    assert (report.copies, report.objects, report.arriving) == (12, 12, 0)
    assert report.bytes == sum(bag.bytes for bag in small.bags)
    assert not any(report.found.values())
    assert report.exit_status == 0
    assert not differences(small)


def test_signed_heads_are_no_strangers_and_what_only_lies_beside_them_is(small: Miniature) -> None:
    heads = small.stores["main"].root / HEADS
    heads.mkdir(parents=True)
    (heads / Path(head_key(small.clock(), 41_200, "ab" * 32)).name).write_text("{}")
    assert take(small).exit_status == 0
    (heads / "notes.json").write_text("{}")
    take(small)
    assert differences(small) == [(DifferenceKind.STRANGER, HEADS + "notes.json")]


def test_every_kind_of_difference_is_told_by_its_key(small: Miniature) -> None:
    gone, short, other, unknown = small.bags[0], small.bags[3], small.bags[5], small.bags[7]
    small.path("main", gone).unlink()
    small.write("main", short, small.bytes_of("main", short)[:-512])
    small.write("main", other, small.bytes_of("main", small.bags[6]) + bytes(1024))
    stranger = small.stores["main"].root / "aa" / "notes.txt"
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("whose?")
    without_row = small.path("main", unknown).with_name("v2.tar")
    shutil.copy(small.path("main", unknown), without_row)
    misplaced = small.stores["main"].root / bag_key("f" * 32, 1)
    misplaced.parent.mkdir(parents=True)
    shutil.copy(small.path("main", unknown), misplaced)
    half = small.stores["main"].root / ".incoming" / "0123"
    half.write_bytes(b"half")
    for path in (without_row, misplaced, half):
        age(small, path)

    report = take(small)
    assert report.complete
    assert report.exit_status == 1
    assert sorted(differences(small)) == sorted(
        [
            (DifferenceKind.ABSENT, key(gone)),
            (DifferenceKind.OTHER_SIZE, key(short)),
            (DifferenceKind.MISPLACED, key(other)),
            (DifferenceKind.STRANGER, "aa/notes.txt"),
            (DifferenceKind.MISPLACED, bag_key(unknown.article_id, 2)),
            (DifferenceKind.MISPLACED, bag_key("f" * 32, 1)),
            (DifferenceKind.UNFINISHED, "0123"),
        ]
    )
    with small.catalogue.reading() as session:
        holds = {row.key: row.holds for row in inventories.listed(session, kind="misplaced", limit=9)}
    assert holds[key(other)] == f"{small.bags[6].article_id}-v1"


def test_an_older_version_that_the_catalogue_does_not_know_is_bytes_without_a_row(small: Miniature) -> None:
    from builders import build_bag

    bag = small.bags[0]
    made = build_bag(small.home.parent / "more", article_id=bag.article_id, version=2)
    target = small.stores["main"].root / bag_key(bag.article_id, 2)
    shutil.copy(made.path, target)
    young = take(small)
    assert (young.arriving, young.exit_status) == (1, 0), "what is a day old at most may still be registered"
    age(small, target)
    assert take(small).found == {"unknown": 1}
    assert differences(small) == [("unknown", bag_key(bag.article_id, 2))]


def test_what_differs_is_made_due_and_the_audit_says_what_it_is(small: Miniature) -> None:
    gone, whole = small.bags[1], small.bags[2]
    small.audit()
    small.path("main", gone).unlink()
    assert take(small).found == {"absent": 1}
    assert small.copy("main", gone).state == CopyState.INTACT, "a listing is no knowledge of bytes"
    assert small.copy("main", gone).next_due == small.clock()
    assert small.copy("main", whole).next_due > small.clock() + timedelta(days=9)
    small.clock.forward(minutes=1)
    report = small.audit(due=True)
    assert (report.expected, report.missing, report.mended) == (1, 1, 1)
    assert take(small).exit_status == 0
    assert not differences(small), "what a complete inventory does not see any more is gone"


def test_a_killed_inventory_goes_on_where_it_was(small: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "BATCH", 2)
    small.path("main", small.bags[0]).unlink()
    seen: list[str] = []

    class Dying(FaultyStore):
        def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
            for item in super().keys(prefix, after):
                seen.append(item.key)
                if len(seen) == 7:
                    raise Killed
                yield item

    dying = Dying("main", small.stores["main"].root)
    with pytest.raises(Killed):
        take(small, stores={"main": dying})
    assert len(seen) == 7, "it was killed in the middle"
    assert take_inventory(small.watch, "main") is None, "it may be alive: nobody takes its place before its lease ends"
    small.clock.forward(hours=2)
    report = take(small, stores={"main": dying})
    assert (report.complete, report.copies, report.objects) == (True, 12, 11)
    assert report.found == {"absent": 1}
    assert 7 < len(seen) < 7 + 11, "what had been compared was not listed again"
    with small.catalogue.reading() as session:
        assert len(session.execute(select(Inventory)).scalars().all()) == 1


def test_a_store_that_falls_silent_is_doubt_and_nothing_follows(small: Miniature) -> None:
    small.path("main", small.bags[-1]).unlink()
    take(small)
    before = differences(small)

    class Silent(FaultyStore):
        def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
            yield from list(super().keys(prefix, after))[:3]
            self.happened["silent"] += 1
            raise StoreUnavailable(self.name, "connection reset")

    silent = Silent("main", small.stores["main"].root)
    report = take(small, stores={"main": silent})
    assert silent.happened["silent"]
    assert not report.complete
    assert report.exit_status == 3
    assert "connection reset" in (report.held_up or "")
    assert differences(small) == before
    assert take(small).complete, "the next one goes on and ends"


def test_an_emptied_store_makes_nothing_due(small: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "EMPTIED", 8)
    small.audit()
    for bag in small.bags:
        small.path("main", bag).unlink()
    report = take(small)
    assert not report.complete
    assert "emptied or exchanged" in (report.held_up or "")
    assert all(small.copy("main", bag).next_due > small.clock() for bag in small.bags)
    assert not differences(small)


def test_a_listing_out_of_order_is_no_comparison(small: Miniature) -> None:
    class Shuffled(FaultyStore):
        def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
            return reversed(list(super().keys(prefix, after)))

    report = take(small, stores={"main": Shuffled("main", small.stores["main"].root)})
    assert not report.complete
    assert "not in order" in (report.held_up or "")
    assert not differences(small)


def test_bags_that_arrive_meanwhile_are_no_difference(small: Miniature) -> None:
    """Bytes before rows: whatever the moment at which the two lists pass it, a new bag is in both or in none."""

    class Busy(FaultyStore):
        def keys(self, prefix: str = "", after: str = "") -> Iterator[StoredObject]:
            listed = list(super().keys(prefix, after))
            for number in range(12, 40):
                bag = add_bag(small, small.home / "built", number, due=small.clock(), verified=small.clock())
                age(small, small.path("main", bag))
                self.happened["arrived"] += 1
            yield from listed

    busy = Busy("main", small.stores["main"].root)
    report = take(small, stores={"main": busy})
    assert busy.happened["arrived"] == 28
    assert report.complete
    assert not any(report.found.values())


def test_versions_are_compared_in_the_order_of_their_keys(tmp_path: Path, database_url: str) -> None:
    made = miniature(tmp_path, database_url, bags=1)
    from builders import build_bag

    from repository.catalogue import registration, titles
    from repository.vocabulary import ArticleRecord

    first = made.bags[0]
    record = ArticleRecord(title="Makale 0", doi="10.5555/nobet.0", issn_print="9999-0016")
    for version in range(2, 13):
        payload = {"makale.xml": f"<article>{version}</article>".encode()}
        bag = build_bag(tmp_path / "versions", article_id=first.article_id, version=version, payload=payload)
        for store in made.stores.values():
            store.put(key(bag), bag.path, bag.seal)
        sealed = registration.Sealed(
            article_id=bag.article_id, version=version, seal=bag.seal, bytes=bag.bytes,
            payload_digest=bag.payload_digest, bagging_date="2026-09-01", files=bag.files,
            verified=dict.fromkeys(made.stores, made.clock()),
        )  # fmt: skip
        with made.catalogue.writing() as session:
            publisher = titles.publisher_named(session, "Örnek Yayınevi")
            registration.register(
                session, publisher, record, sealed, at=made.clock(), agent="t", delivery_id=None, promises=Promises()
            )
    report = take(made)
    assert (report.copies, report.objects, report.exit_status) == (12, 12, 0)
    made.catalogue.close()


def test_the_pages_of_rows_meet_without_gap_or_overlap(small: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 5, 12, 13):
        monkeypatch.setattr(inventories, "_PAGE", size)
        keys = [row.key for row in inventories.expected(small.catalogue, "main", "")]
        assert keys == sorted(key(bag) for bag in small.bags)
        assert [row.key for row in inventories.expected(small.catalogue, "main", keys[4])] == keys[5:]


def test_real_stores_are_compared_and_their_unfinished_uploads_told(
    stores: list[Store], tmp_path: Path, database_url: str
) -> None:
    made = miniature(tmp_path, database_url, bags=3, stores=[store.name for store in stores])
    for bag in made.bags:
        for store in stores:
            store.put(key(bag), bag.path, bag.seal)
    uploading = [store for store in stores if isinstance(store, S3Store)]
    for store in uploading:
        store._bucket.ask("create_multipart_upload", Key=store.prefix + key(made.bags[0]))
    made.clock.forward(days=4000)
    for store in stores:
        report = take(made, store.name, stores={store.name: store})
        assert report.complete
        assert (report.copies, report.objects) == (3, 3)
        assert report.found == ({"unfinished": 1} if store in uploading else {})
    assert uploading
    made.catalogue.close()


def test_it_is_due_once_a_day_and_at_once_where_it_was_held_up(small: Miniature) -> None:
    def due() -> bool:
        with small.catalogue.reading() as session:
            return inventories.is_due(session, "main", small.clock(), days=1)

    assert due()
    take(small)
    assert not due()
    small.clock.forward(hours=23)
    assert not due()
    small.clock.forward(hours=2)
    assert due()
    silent = FaultyStore("main", small.stores["main"].root / "nowhere")
    assert not take(small, stores={"main": silent}).complete
    assert due(), "it is gone on with at once"


def test_one_begun_by_a_clock_that_was_ahead_holds_nothing_up(small: Miniature) -> None:
    small.clock.forward(days=365)
    with small.catalogue.writing() as session:
        killed = inventories.begin(
            session, "main", small.clock(), lease_for=timedelta(hours=1), stale=timedelta(days=2)
        )
    assert killed is not None
    take(small, "second")
    small.clock.forward(days=-365)
    for store in small.stores:
        with small.catalogue.reading() as session:
            assert inventories.is_due(session, store, small.clock(), days=1)
        assert take(small, store).complete
        with small.catalogue.reading() as session:
            assert not inventories.is_due(session, store, small.clock(), days=1)

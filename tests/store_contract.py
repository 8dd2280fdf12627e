"""What every store owes, whichever file system or server stands behind it: inherit and give a ``store``."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from repository.errors import MahfuzError, ObjectMissing, RefusedByStore, StoreUnavailable, WouldOverwrite
from repository.storage import BUFFER, Disposable, Mendable, Put, Store
from repository.vocabulary import bag_key


class MendableStore(Store, Mendable, Disposable, Protocol):
    """Both of our stores."""


MakeFile = Callable[[bytes], Path]

NO_KEYS = (
    *("", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", ".hidden", "a/.hidden", "a b", "ağ", "a\nb", "a\\b"),
    *("a" * 1025, "a" * 256, "a%2Fb", "a\x00b", "a\n"),
)
RANGES: tuple[tuple[int, int | None], ...] = (
    *((0, None), (0, 1), (0, 100), (0, 101), (1, None), (1, 98), (99, 1), (99, None), (99, 50)),
    *((100, None), (100, 1), (500, None), (500, 7), (0, 0), (50, 0), (100, 0), (10, 20)),
)


def sha256(content: bytes) -> str:
    """The digest that a put announces."""
    return hashlib.sha256(content).hexdigest()


def whole(store: Store, key: str) -> bytes:
    """All bytes of one object, read as an auditor reads them."""
    with store.open(key) as stream:
        return b"".join(iter(lambda: stream.read(BUFFER), b""))


def names(store: Store, prefix: str = "", after: str = "") -> list[str]:
    """The keys of a listing, in the order in which they came."""
    listing = store.keys(prefix, after)
    return [entry.key for entry in listing]


def some_key(number: int, version: int = 1) -> str:
    """The key of a bag that does not exist."""
    return bag_key(hashlib.sha256(b"%d" % number).hexdigest()[:32], version)


class StoreContract:
    """The suite. A subclass gives the fixture ``store``: prepared, empty, its own."""

    @pytest.fixture
    def key(self) -> str:
        """A key that nothing has."""
        return some_key(0)

    @pytest.fixture
    def file(self, tmp_path: Path) -> Iterator[MakeFile]:
        """``file(content)`` is a new file with this content."""
        made: list[Path] = []

        def make(content: bytes) -> Path:
            path = tmp_path / f"source-{len(made)}"
            path.write_bytes(content)
            made.append(path)
            return path

        yield make
        assert all(path.exists() for path in made), "a store must not take its source away"

    # --- put --------------------------------------------------------------------------------------------------

    def test_what_was_put_comes_back(self, store: MendableStore, key: str, file: MakeFile) -> None:
        content = bytes(range(256)) * 5000
        assert store.put(key, file(content), sha256(content)) is Put.WRITTEN
        assert whole(store, key) == content

    def test_an_empty_object_is_an_object(self, store: MendableStore, key: str, file: MakeFile) -> None:
        assert store.put(key, file(b""), sha256(b"")) is Put.WRITTEN
        found = store.head(key)
        assert found is not None
        assert found.bytes == 0
        assert whole(store, key) == b""
        with store.open(key, 0, 10) as stream:
            assert stream.read(10) == b""

    def test_the_same_bytes_again_are_no_change(self, store: MendableStore, key: str, file: MakeFile) -> None:
        store.put(key, file(b"kept"), sha256(b"kept"))
        before = store.head(key)
        assert store.put(key, file(b"kept"), sha256(b"kept")) is Put.ALREADY
        assert store.head(key) == before

    @pytest.mark.parametrize("other", [b"OTHER bytes", b"", b"kept bytes and more"])
    def test_other_bytes_never_take_a_taken_key(
        self, store: MendableStore, key: str, file: MakeFile, other: bytes
    ) -> None:
        store.put(key, file(b"kept bytes"), sha256(b"kept bytes"))
        with pytest.raises(WouldOverwrite) as refusal:
            store.put(key, file(other), sha256(other))
        assert refusal.value.exit_status == 4
        assert refusal.value.store == store.name
        assert refusal.value.key == key
        assert whole(store, key) == b"kept bytes"

    def test_a_source_that_is_not_what_was_announced_leaves_nothing(
        self, store: MendableStore, key: str, file: MakeFile
    ) -> None:
        with pytest.raises(RefusedByStore):
            store.put(key, file(b"what came"), sha256(b"what was announced"))
        assert store.head(key) is None
        assert list(store.keys()) == []

    def test_of_many_writers_one_wins_and_the_others_hear_it(
        self, store: MendableStore, key: str, file: MakeFile
    ) -> None:
        contents = [b"writer %d " % number * 5000 for number in range(12)]
        sources = [file(content) for content in contents]
        start = threading.Barrier(len(contents))

        def write(number: int) -> Put | MahfuzError:
            start.wait(10)
            try:
                return store.put(key, sources[number], sha256(contents[number]))
            except MahfuzError as error:
                return error

        with ThreadPoolExecutor(len(contents)) as writers:
            outcomes = list(writers.map(write, range(len(contents))))
        winners = [number for number, outcome in enumerate(outcomes) if outcome is Put.WRITTEN]
        assert len(winners) == 1
        assert all(isinstance(outcome, WouldOverwrite) for outcome in outcomes if outcome is not Put.WRITTEN)
        assert whole(store, key) == contents[winners[0]]

    def test_of_many_writers_of_the_same_bytes_none_fails(self, store: MendableStore, key: str, file: MakeFile) -> None:
        content = b"the same " * 5000
        sources = [file(content) for _ in range(8)]
        with ThreadPoolExecutor(len(sources)) as writers:
            outcomes = list(writers.map(lambda source: store.put(key, source, sha256(content)), sources))
        assert Put.WRITTEN in outcomes
        assert whole(store, key) == content

    @pytest.mark.parametrize(
        "key",
        NO_KEYS,
    )
    def test_a_key_that_not_every_store_can_keep_is_a_bug(self, store: MendableStore, file: MakeFile, key: str) -> None:
        with pytest.raises(ValueError, match="no key"):
            store.put(key, file(b"x"), sha256(b"x"))
        with pytest.raises(ValueError, match="no key"):
            store.head(key)
        with pytest.raises(ValueError, match="no key"), store.open(key):
            pass

    def test_a_missing_source_is_the_callers_mistake_and_no_doubt(
        self, store: MendableStore, key: str, tmp_path: Path
    ) -> None:
        with pytest.raises(FileNotFoundError):
            store.put(key, tmp_path / "nowhere", sha256(b""))

    # --- open and head ----------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("offset", "length"),
        RANGES,
    )
    def test_a_range_is_what_a_slice_would_be(
        self, store: MendableStore, key: str, file: MakeFile, offset: int, length: int | None
    ) -> None:
        content = bytes(range(100))
        store.put(key, file(content), sha256(content))
        with store.open(key, offset, length) as stream:
            came = b"".join(iter(lambda: stream.read(7), b""))
            assert stream.read(7) == b""
        assert came == content[offset : None if length is None else offset + length]

    def test_a_negative_range_is_a_bug(self, store: MendableStore, key: str) -> None:
        for offset, length in ((-1, None), (0, -1)):
            with pytest.raises(ValueError, match="negative"), store.open(key, offset, length):
                pass

    def test_a_read_is_as_long_as_asked_for_until_the_end(self, store: MendableStore, key: str, file: MakeFile) -> None:
        content = bytes(range(250)) * 12_000
        store.put(key, file(content), sha256(content))
        with store.open(key) as stream:
            lengths = [len(chunk) for chunk in iter(lambda: stream.read(BUFFER), b"")]
        assert lengths == [BUFFER, BUFFER, len(content) - 2 * BUFFER]

    def test_a_stream_may_be_left_in_the_middle(self, store: MendableStore, key: str, file: MakeFile) -> None:
        content = bytes(3_000_000)
        store.put(key, file(content), sha256(content))
        for _ in range(40):
            with store.open(key) as stream:
                assert stream.read(10) == bytes(10)
        assert whole(store, key) == content

    def test_nothing_is_missing_and_said_so(self, store: MendableStore, key: str) -> None:
        assert store.head(key) is None
        with pytest.raises(ObjectMissing) as missing, store.open(key):
            pass
        assert missing.value.key == key
        for offset, length in ((0, 0), (5, None), (5, 5)):
            with pytest.raises(ObjectMissing), store.open(key, offset, length):
                pass

    def test_a_part_of_a_key_is_no_object(self, store: MendableStore, file: MakeFile) -> None:
        store.put("ab/cd/v1.tar", file(b"x"), sha256(b"x"))
        assert store.head("ab/cd") is None
        with pytest.raises(ObjectMissing), store.open("ab"):
            pass

    def test_head_tells_size_and_time(self, store: MendableStore, key: str, file: MakeFile) -> None:
        store.put(key, file(b"12345"), sha256(b"12345"))
        found = store.head(key)
        assert found is not None
        assert (found.key, found.bytes) == (key, 5)
        assert found.modified is not None
        assert found.modified.tzinfo is not None

    # --- keys -------------------------------------------------------------------------------------------------

    def test_every_key_is_listed_once_and_in_order(self, store: MendableStore, file: MakeFile) -> None:
        keys = [some_key(number, version) for number in range(15) for version in (1, 2, 10)]
        source = file(b"x")
        for key in keys:
            store.put(key, source, sha256(b"x"))
        listed = list(store.keys())
        assert [entry.key for entry in listed] == sorted(keys)
        assert {entry.bytes for entry in listed} == {1}

    def test_a_prefix_is_plain_text(self, store: MendableStore, file: MakeFile) -> None:
        for key in ("aa/bb/v1.tar", "aa/bb/v10.tar", "aa/bb/v2.tar", "ab/v1.tar"):
            store.put(key, file(b"x"), sha256(b"x"))

        def listed(prefix: str) -> list[str]:
            return names(store, prefix)

        assert listed("aa/bb/v1") == ["aa/bb/v1.tar", "aa/bb/v10.tar"]
        assert listed("aa/bb/v1.") == ["aa/bb/v1.tar"]
        assert listed("a") == ["aa/bb/v1.tar", "aa/bb/v10.tar", "aa/bb/v2.tar", "ab/v1.tar"]
        assert listed("aa/") == ["aa/bb/v1.tar", "aa/bb/v10.tar", "aa/bb/v2.tar"]
        assert listed("aa/bb/v1.tar") == ["aa/bb/v1.tar"]
        assert listed("b") == []
        assert listed("aa/bb/v1.tar/") == []

    def test_a_listing_goes_on_after_any_key(self, store: MendableStore, file: MakeFile) -> None:
        keys = sorted([some_key(number) for number in range(8)] + ["00/a", "00/b", "zz"])
        for key in keys:
            store.put(key, file(b"x"), sha256(b"x"))
        places = [*keys, "", "0", "00/", "00/aa", "zzz", keys[3][:-1], keys[3] + "0", keys[3][:2], keys[3][:5]]
        for after in places:
            assert names(store, after=after) == [key for key in keys if key > after], after
        assert names(store, "00/", "00/a") == ["00/b"]

    def test_an_empty_store_lists_nothing(self, store: MendableStore) -> None:
        assert list(store.keys()) == []

    # --- prepare ----------------------------------------------------------------------------------------------

    def test_preparing_again_changes_nothing(self, store: MendableStore, key: str, file: MakeFile) -> None:
        store.put(key, file(b"kept"), sha256(b"kept"))
        store.prepare()
        assert whole(store, key) == b"kept"
        assert names(store) == [key]

    # --- replace ----------------------------------------------------------------------------------------------

    def test_damage_is_replaced(self, store: MendableStore, key: str, file: MakeFile) -> None:
        store.put(key, file(b"damaged"), sha256(b"damaged"))
        store.replace(key, file(b"intact"), sha256(b"intact"), sha256(b"damaged"))
        assert whole(store, key) == b"intact"
        assert names(store) == [key]

    def test_what_was_lost_is_put_back(self, store: MendableStore, key: str, file: MakeFile) -> None:
        store.replace(key, file(b"intact"), sha256(b"intact"), None)
        assert whole(store, key) == b"intact"

    @pytest.mark.parametrize("damaged", [sha256(b"something else"), None])
    def test_what_is_not_the_known_damage_is_not_replaced(
        self, store: MendableStore, key: str, file: MakeFile, damaged: str | None
    ) -> None:
        store.put(key, file(b"changed meanwhile"), sha256(b"changed meanwhile"))
        with pytest.raises(WouldOverwrite):
            store.replace(key, file(b"intact"), sha256(b"intact"), damaged)
        assert whole(store, key) == b"changed meanwhile"

    def test_damage_that_has_gone_meanwhile_is_not_replaced(
        self, store: MendableStore, key: str, file: MakeFile
    ) -> None:
        with pytest.raises(WouldOverwrite):
            store.replace(key, file(b"intact"), sha256(b"intact"), sha256(b"damaged"))
        assert store.head(key) is None

    @pytest.mark.parametrize("damaged", [sha256(b"damaged"), None])
    def test_a_replacement_whose_answer_was_lost_may_be_tried_again(
        self, store: MendableStore, key: str, file: MakeFile, damaged: str | None
    ) -> None:
        store.put(key, file(b"intact"), sha256(b"intact"))
        store.replace(key, file(b"intact"), sha256(b"intact"), damaged)
        assert whole(store, key) == b"intact"

    def test_a_replacement_that_is_not_what_was_announced_changes_nothing(
        self, store: MendableStore, key: str, file: MakeFile
    ) -> None:
        store.put(key, file(b"damaged"), sha256(b"damaged"))
        with pytest.raises(RefusedByStore):
            store.replace(key, file(b"rotten"), sha256(b"intact"), sha256(b"damaged"))
        assert whole(store, key) == b"damaged"

    # --- dispose ----------------------------------------------------------------------------------------------

    def test_what_is_given_up_is_gone_and_nothing_else_is(self, store: MendableStore, key: str, file: MakeFile) -> None:
        other = some_key(1)
        for each in (key, other, key.replace("v1.tar", "v1.tar.more"), key.replace("v1.tar", "v10.tar")):
            store.put(each, file(b"given up"), sha256(b"given up"))
        store.dispose(key, sha256(b"given up"))
        assert store.head(key) is None
        with pytest.raises(ObjectMissing), store.open(key):
            pass
        assert key not in names(store)
        assert len(names(store)) == 3
        assert whole(store, other) == b"given up"

    def test_other_bytes_are_never_given_up(self, store: MendableStore, key: str, file: MakeFile) -> None:
        store.put(key, file(b"other bytes"), sha256(b"other bytes"))
        with pytest.raises(WouldOverwrite):
            store.dispose(key, sha256(b"given up"))
        assert whole(store, key) == b"other bytes"

    def test_what_is_not_there_cannot_be_given_up(self, store: MendableStore, key: str) -> None:
        with pytest.raises(ObjectMissing):
            store.dispose(key, sha256(b"given up"))

    def test_the_key_may_be_taken_again(self, store: MendableStore, key: str, file: MakeFile) -> None:
        store.put(key, file(b"given up"), sha256(b"given up"))
        store.dispose(key, sha256(b"given up"))
        assert store.put(key, file(b"anew"), sha256(b"anew")) is Put.WRITTEN
        assert whole(store, key) == b"anew"

    def test_a_store_keeps_its_name(self, store: MendableStore) -> None:
        assert store.name
        assert isinstance(store, Store)
        assert isinstance(store, Mendable)
        assert isinstance(store, Disposable)


class UnguardedContract(StoreContract):
    """The suite for a way in which the server keeps two writers of one instant not apart: what stays is whole."""

    def test_of_many_writers_one_wins_and_the_others_hear_it(
        self, store: MendableStore, key: str, file: MakeFile
    ) -> None:
        """Not so here: SeaweedFS looks and then completes, and Ceph RGW 16 does not look at all."""
        contents = [b"writer %d " % number * 5000 for number in range(12)]
        sources = [file(content) for content in contents]

        def write(number: int) -> Put | None:
            try:
                return store.put(key, sources[number], sha256(contents[number]))
            except (WouldOverwrite, StoreUnavailable):
                return None

        with ThreadPoolExecutor(len(contents)) as writers:
            outcomes = list(writers.map(write, range(len(contents))))
        assert Put.WRITTEN in outcomes
        assert whole(store, key) in [content for number, content in enumerate(contents) if outcomes[number]]

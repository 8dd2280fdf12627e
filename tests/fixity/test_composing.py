"""Where every copy is damaged the bag is put together from them, and only what bears the seal is believed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from watched import Miniature, miniature

from fixity import composing
from fixity.composing import composed
from repository.bags import Bag


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Miniature]:
    made = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=1)
    yield made
    made.catalogue.close()


def put_together(folder: Path, whole: bytes, *copies: bytes) -> bool:
    paths = []
    for number, copy in enumerate(copies):
        assert copy != whole, "the fault did not happen"
        paths.append(folder / f"copy{number}")
        paths[-1].write_bytes(copy)
    target = folder / "whole"
    found = composed(paths, hashlib.sha256(whole).hexdigest(), len(whole), target)
    assert not found or target.read_bytes() == whole
    return found


def flipped(data: bytes, *places: int) -> bytes:
    changed = bytearray(data)
    for place in places:
        changed[place] ^= 0x40
    return bytes(changed)


def zeroed(data: bytes, start: int, length: int) -> bytes:
    return data[:start] + bytes(length) + data[start + length :]


WHOLE = random.Random(1).randbytes(300_000)


@pytest.mark.parametrize(
    "copies",
    [
        (flipped(WHOLE, 10), flipped(WHOLE, 200_000)),
        (flipped(WHOLE, 10, 20, 5000), flipped(WHOLE, 11, 5001, 299_999)),
        (flipped(WHOLE, 1000), flipped(WHOLE, 1001)),
        (zeroed(WHOLE, 4096, 65_536), flipped(WHOLE, 0)),
        (WHOLE[:100_000], flipped(WHOLE, 50_000)),
        (WHOLE[:-1], flipped(WHOLE, 0)),
        (b"", flipped(WHOLE, 3), flipped(WHOLE, 9)),
        (WHOLE + b"more", flipped(WHOLE, 5)),
        (flipped(WHOLE, 7, 600), flipped(WHOLE, 7, 90_000), flipped(WHOLE, 8, 250_000)),
        (zeroed(WHOLE, 0, 100_000), zeroed(WHOLE, 100_000, 100_000), zeroed(WHOLE, 200_000, 100_000)),
    ],
)
def test_what_survives_somewhere_is_enough(tmp_path: Path, copies: tuple[bytes, ...]) -> None:
    assert put_together(tmp_path, WHOLE, *copies)


@pytest.mark.parametrize(
    "copies",
    [
        (flipped(WHOLE, 10),),
        (flipped(WHOLE, 10), flipped(WHOLE, 10)),
        (flipped(WHOLE, 10), flipped(WHOLE, 10, 500)),
        (WHOLE[:100], WHOLE[:200]),
        (b"", b""),
        (bytes(300_000), random.Random(2).randbytes(300_000)),
    ],
)
def test_what_survives_nowhere_is_not_made_up(tmp_path: Path, copies: tuple[bytes, ...]) -> None:
    assert not put_together(tmp_path, WHOLE, *copies)


def test_it_gives_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "MOST_HASHED", 10 * len(WHOLE))
    places = range(0, 300_000, 30_000)
    assert not put_together(tmp_path, WHOLE, flipped(WHOLE, *places[::2], 1), flipped(WHOLE, *places[1::2], 1))


def test_two_damaged_copies_are_both_whole_again(small: Miniature) -> None:
    bag = small.bags[0]
    whole = small.bytes_of("main", bag)
    small.write("main", bag, flipped(whole, 700))
    small.write("second", bag, flipped(whole, 2000))
    report = small.audit()
    assert (report.damaged, report.mended) == (2, 2)
    assert small.whole("main", bag)
    assert small.whole("second", bag)
    assert len(small.quarantined()) == 2, "the damaged bytes of both were kept first"
    recovery = next(detail for kind, _, detail in small.events(bag) if kind == "recovery")
    assert recovery["source"] == "main + second"
    assert not list((small.home / "quarantine").glob(".fetched-*"))


def test_random_double_and_triple_faults(tmp_path: Path) -> None:
    """No good copy is ever overwritten, what can be put together is, and the rest is declared."""
    chance = random.Random(4)
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=40, stores=("main", "second", "third"))
    struck: dict[Bag, list[str]] = {}
    before = {bag: small.bytes_of("main", bag) for bag in small.bags}
    for bag in small.bags:
        struck[bag] = chance.sample(["main", "second", "third"], chance.choice([2, 3]))
        for store in struck[bag]:
            data = before[bag]
            match chance.choice(["flip", "cut", "zero"]):
                case "flip":
                    data = flipped(data, *(chance.randrange(len(data)) for _ in range(chance.choice([1, 2]))))
                case "cut":
                    data = data[: chance.randrange(len(data))]
                case _:
                    data = zeroed(flipped(data, 40), start := chance.randrange(len(data) - 600), 600)
                    assert start >= 0
            small.write(store, bag, data)
    report = small.audit()
    assert report.damaged == sum(map(len, struck.values()))
    for bag, stores in struck.items():
        for store in small.stores:
            if store not in stores:
                assert small.bytes_of(store, bag) == before[bag], "a good copy was overwritten"
            state = small.copy(store, bag).state
            assert (small.bytes_of(store, bag) == before[bag]) == (state == "intact"), "said to be what it is not"
        if len(stores) == 2:
            assert all(small.whole(store, bag) for store in small.stores)
    assert report.mended == sum(small.whole(s, bag) for bag, stores in struck.items() for s in stores)
    small.catalogue.close()

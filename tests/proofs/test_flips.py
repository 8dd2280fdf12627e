"""One byte wrong anywhere is found and mended; two and three copies wrong at once never cost a good one."""

from __future__ import annotations

import random
import tarfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from full_size import sized
from sqlalchemy import update
from watched import Miniature, miniature

from fixity.audit import audit
from repository.bags import Bag
from repository.catalogue import copies
from repository.models import Aip
from repository.vocabulary import AuditOutcome

STORES = ("main", "second", "third")
SINGLE, DOUBLE, TRIPLE = sized((60, 30, 12), (1000, 300, 100))
CLEAN = sized(600, 100_000)

REGIONS = {"payload": 40, "manifests": 30, "tag files": 20, "tar structure": 10}
"""Where the wrong byte lies, and how many in a hundred of them."""


@pytest.fixture
def dice() -> random.Random:
    return random.Random(2026)


def region_of(data: bytes) -> dict[str, list[range]]:
    """Which bytes of a bag are what; every byte is one of them."""
    found: dict[str, list[range]] = {name: [] for name in REGIONS}
    end = 0
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        for member in tar:
            found["tar structure"].append(range(end, member.offset_data))
            name = member.name.partition("/")[2]
            kind = "payload" if name.startswith("data/") else "manifests" if "manifest-" in name else "tag files"
            end = member.offset_data + member.size
            found[kind].append(range(member.offset_data, end))
    found["tar structure"].append(range(end, len(data)))
    assert sum(len(span) for spans in found.values() for span in spans) == len(data)
    return found


def somewhere(data: bytes, region: str, dice: random.Random) -> int:
    """Any byte of this region, each as likely as any other."""
    spans = region_of(data)[region]
    return dice.choice(dice.choices(spans, [len(span) for span in spans])[0])


def with_one_byte_wrong(data: bytes, place: int, dice: random.Random) -> bytes:
    """``data`` with another byte there."""
    wrong = bytearray(data)
    wrong[place] ^= dice.randrange(1, 256)
    return bytes(wrong)


def whole_in(small: Miniature, bag: Bag) -> list[str]:
    return [store for store in STORES if small.whole(store, bag)]


def nothing_lies(small: Miniature) -> None:
    """Each copy is called intact exactly where it is."""
    for bag in small.bags:
        for store in STORES:
            assert (small.copy(store, bag).state == "intact") == small.whole(store, bag), (bag.article_id, store)


def test_every_wrong_byte_is_found_in_one_pass_and_mended_and_nothing_else_is(
    tmp_path: Path, dice: random.Random
) -> None:
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=SINGLE, stores=STORES)
    whole = {bag.article_id: small.bytes_of("main", bag) for bag in small.bags}
    struck = {bag.article_id: dice.choice(STORES) for bag in small.bags}
    regions = dice.choices(list(REGIONS), list(REGIONS.values()), k=SINGLE)
    for bag, region in zip(small.bags, regions, strict=True):
        data = whole[bag.article_id]
        small.write(struck[bag.article_id], bag, with_one_byte_wrong(data, somewhere(data, region, dice), dice))
    assert set(regions) == set(REGIONS)
    report = small.audit()
    assert (report.damaged, report.mended, report.intact) == (SINGLE, SINGLE, 2 * SINGLE)
    assert (report.missing, report.unreadable, report.decisions) == (0, 0, 0)
    found = {(trouble.ref.article_id, trouble.ref.store) for trouble in report.troubles}
    assert len(small.quarantined()) == SINGLE
    assert found <= set(struck.items()), "what was called damaged is what was struck"
    for store in STORES:
        assert all(small.bytes_of(store, bag) == whole[bag.article_id] for bag in small.bags)
    checks = 0
    while checks < CLEAN:
        report = small.audit()
        assert report.intact == report.expected == SINGLE * len(STORES), "a false alarm"
        checks += report.expected
    print(f"{SINGLE} wrong bytes {Counter(regions)} found and mended; {checks} clean checks without a false alarm")


def test_two_wrong_copies_cost_no_good_one_and_what_witnesses_dispute_is_for_a_person(
    tmp_path: Path, dice: random.Random
) -> None:
    """A third of the bags wrong in two places, a third alike in both, a third with another seal in the catalogue."""
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=DOUBLE, stores=STORES)
    whole = {bag.article_id: small.bytes_of("main", bag) for bag in small.bags}
    good: dict[str, str] = {}
    disputed = []
    for number, bag in enumerate(small.bags):
        data = whole[bag.article_id]
        one, other, good[bag.article_id] = dice.sample(STORES, 3)
        wrong = with_one_byte_wrong(data, dice.randrange(len(data)), dice)
        small.write(one, bag, wrong)
        alike = number % 3 == 1
        small.write(other, bag, wrong if alike else with_one_byte_wrong(data, dice.randrange(len(data)), dice))
        if number % 3 == 2:
            disputed.append(bag)
            with small.catalogue.writing() as session:
                altered = "".join(dice.choices("0123456789abcdef", k=64))
                session.execute(update(Aip).where(Aip.article_id == bag.article_id).values(seal=altered))
    lying = {(bag.article_id, store): small.bytes_of(store, bag) for bag in disputed for store in STORES}
    report = small.audit()
    assert report.mended == 2 * (DOUBLE - len(disputed))
    assert report.decisions == 3 * len(disputed)
    for bag in small.bags:
        assert small.bytes_of(good[bag.article_id], bag) == whole[bag.article_id], "a good copy was overwritten"
        if bag not in disputed:
            assert whole_in(small, bag) == list(STORES)
    assert {place: small.path(place[1], bag).read_bytes() for bag in disputed for place in places(bag)} == lying
    assert not any(small.copy(store, bag).state == "intact" for bag in disputed for store in STORES)
    print(f"{DOUBLE} bags wrong in two copies: {DOUBLE - len(disputed)} mended, {len(disputed)} for a person to decide")


def test_three_wrong_copies_are_put_together_or_declared_and_left_as_they_are(
    tmp_path: Path, dice: random.Random
) -> None:
    """Half of the bags wrong in three places, half wrong at one place in all copies."""
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=TRIPLE, stores=STORES)
    whole = {bag.article_id: small.bytes_of("main", bag) for bag in small.bags}
    lost = []
    for number, bag in enumerate(small.bags):
        data, lots = whole[bag.article_id], dice.sample(range(len(whole[bag.article_id])), 3)
        if number % 2:
            lost.append(bag)
            lots = [lots[0]] * 3
        for store, place in zip(STORES, lots, strict=True):
            small.write(store, bag, with_one_byte_wrong(data, place, dice))
    lying = {(bag.article_id, store): small.bytes_of(store, bag) for bag in lost for store in STORES}
    report = small.audit()
    assert (report.damaged, report.intact) == (3 * TRIPLE, 0)
    assert report.mended == 3 * (TRIPLE - len(lost))
    nothing_lies(small)
    assert {place: small.path(place[1], bag).read_bytes() for bag in lost for place in places(bag)} == lying
    again = small.audit()
    assert (again.damaged, again.mended, again.intact) == (3 * len(lost), 0, 3 * (TRIPLE - len(lost)))
    print(
        f"{TRIPLE} bags wrong in three copies: {TRIPLE - len(lost)} put together, {len(lost)} declared lost as they are"
    )


def places(bag: Bag) -> list[tuple[str, str]]:
    return [(bag.article_id, store) for store in STORES]


def test_every_single_bit_of_a_bag_and_every_length_of_it_is_found(tmp_path: Path, dice: random.Random) -> None:
    small = miniature(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", bags=1, stores=("main",))
    (bag,) = small.bags
    store, data = small.stores["main"], small.bytes_of("main", bag)
    with small.catalogue.reading() as session:
        (ref,) = copies.refs_of(session, small.copy("main", bag).aip_id)
    every = range(8 * len(data))
    bits = sized(sorted(dice.sample(every, 400)), every)
    lengths = sized(sorted(dice.sample(range(len(data)), 100)), range(len(data)))
    path = small.path("main", bag)
    for bit in bits:
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        path.write_bytes(wrong)
        assert audit(store, ref, deep=True).outcome is AuditOutcome.DAMAGED, bit
    for length in lengths:
        path.write_bytes(data[:length])
        assert audit(store, ref, deep=True).outcome is AuditOutcome.DAMAGED, length
    path.unlink()
    assert audit(store, ref).outcome is AuditOutcome.MISSING
    path.write_bytes(data)
    assert audit(store, ref).outcome is AuditOutcome.INTACT
    print(f"{len(bits)} bits and {len(lengths)} lengths of a bag of {len(data)} bytes: all found")

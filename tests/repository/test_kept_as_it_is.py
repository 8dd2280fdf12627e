"""A bag that is to be kept as it is takes no other's place and lets no other take its own, whichever store has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import BAG_INFO, build_bag

from repository.errors import WouldOverwrite
from repository.preservation import preserve
from repository.storage import Put
from repository.storage.directory import DirectoryStore
from repository.vocabulary import bag_key, utc_now


@pytest.fixture
def two(tmp_path: Path) -> list[DirectoryStore]:
    made = [DirectoryStore(name, tmp_path / name) for name in ("one", "two")]
    for store in made:
        store.prepare()
    return made


@pytest.mark.parametrize("where", [0, 1])
def test_a_bag_of_the_same_payload_is_adopted_by_ingest_and_by_no_mirror(
    tmp_path: Path, two: list[DirectoryStore], where: int
) -> None:
    info = [(name, "2020-01-01" if name == "Bagging-Date" else value) for name, value in BAG_INFO]
    lying, bag = build_bag(tmp_path / "lying", bag_info=info), build_bag(tmp_path / "new")
    key = bag_key(bag.article_id, bag.version)
    assert two[where].put(key, lying.path, lying.seal) is Put.WRITTEN
    with pytest.raises(WouldOverwrite, match=lying.seal):
        preserve(bag, two, utc_now, adopting=False)
    assert two[1 - where].head(key) is None, "nothing is put anywhere"
    kept = preserve(bag, two, utc_now)
    assert (kept.adopted, kept.seal) == (True, lying.seal)


def test_the_same_bag_that_lies_in_one_store_is_put_into_the_other(tmp_path: Path, two: list[DirectoryStore]) -> None:
    bag = build_bag(tmp_path / "new")
    two[1].put(bag_key(bag.article_id, bag.version), bag.path, bag.seal)
    kept = preserve(bag, two, utc_now, adopting=False)
    assert (kept.adopted, kept.seal, sorted(kept.verified)) == (False, bag.seal, ["one", "two"])

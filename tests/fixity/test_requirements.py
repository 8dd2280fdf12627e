"""The requirements are data: complete, in both languages, with their edition, and what they name exists."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from fixity.evidence.measures import MEASURES
from fixity.evidence.requirements import FRAMEWORKS, LANGUAGES, framework, keys

ROOT = Path(__file__).parents[2]
IN_THE_PACK = {
    "alerts.csv", "certificates", "coretrustseal.json", "disposals.csv", "exposure.json", "iso16363.json", "looks.json",
    "ndsa.json", "notices.csv", "rehearsal.json", "settings.json", "software.json", "stores.json", "testimony",
    "testimony/heads", "testimony/verified.json",
}  # fmt: skip


def test_every_framework_of_the_folder_is_read_and_no_other() -> None:
    lying = {file.stem for file in (ROOT / "fixity" / "evidence" / "frameworks").glob("*.toml")}
    assert lying == set(FRAMEWORKS)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    found = framework(name)
    assert found.edition
    assert found.licence
    assert "https://" in found.source
    for words in (found.title, found.note, *found.areas.values(), *found.levels):
        assert set(words) == set(LANGUAGES)
        assert all(text.strip() for text in words.values())


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_requirement_can_be_judged(name: str) -> None:
    found = framework(name)
    assert len({one.key for one in found.requirements}) == len(found.requirements)
    for one in found.requirements:
        assert set(one.words) == set(LANGUAGES), one.key
        assert all(text.strip() for text in one.words.values()), one.key
        assert one.area in found.areas, one.key
        assert one.measures or one.statement, one.key
        if found.levels:
            assert one.level in range(1, len(found.levels) + 1), one.key
        else:
            assert (one.level, bool(one.number)) == (None, True), one.key
        for asked in one.measures:
            assert asked.measure in MEASURES, (one.key, asked.measure)
            inspect.signature(MEASURES[asked.measure]).bind(None, **asked.values)
        for file in one.files:
            assert file in IN_THE_PACK or (file.startswith("docs/") and (ROOT / file).is_file()), (one.key, file)


def test_the_levels_are_five_areas_by_four_and_none_is_empty() -> None:
    ndsa = framework("ndsa")
    assert (len(ndsa.areas), len(ndsa.levels)) == (5, 4)
    assert all(ndsa.of(area, level) for area in ndsa.areas for level in (1, 2, 3, 4))


def test_all_sixteen_of_coretrustseal_are_there_and_a_key_names_one_requirement() -> None:
    assert [one.number for one in framework("coretrustseal").requirements] == [f"R{n:02}" for n in range(1, 17)]
    assert len(keys()) == sum(len(framework(name).requirements) for name in FRAMEWORKS)


def test_every_measure_is_asked_by_some_requirement() -> None:
    asked = {one.measure for name in FRAMEWORKS for each in framework(name).requirements for one in each.measures}
    assert asked == set(MEASURES)

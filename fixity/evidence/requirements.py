"""Requirements of others as data: each with its edition, where it comes from, and the measures that answer it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

FRAMEWORKS = ("ndsa", "coretrustseal", "iso16363")
"""The files beside this one in ``frameworks``, in the order of the pages."""

LANGUAGES = ("tr", "en")

Words = Mapping[str, str]
"""A text by language."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A measure that has to be met, with what it is asked."""

    measure: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that is required. Without a measure, or with ``statement``, a person has to answer for it."""

    key: str
    """For ever: statements name it. It begins with the framework's."""
    area: str
    level: int | None
    number: str
    """The clause, as the source numbers it; empty where it does not."""
    words: Words
    measures: tuple[Asked, ...]
    statement: bool
    files: tuple[str, ...]
    """What in the pack belongs to it."""


@dataclass(frozen=True, slots=True)
class Framework:
    """A set of requirements in one edition."""

    name: str
    title: Words
    edition: str
    source: str
    licence: str
    note: Words
    areas: Mapping[str, Words]
    levels: tuple[Words, ...]
    """Empty where the source has none."""
    requirements: tuple[Requirement, ...]

    def of(self, area: str, level: int | None = None) -> tuple[Requirement, ...]:
        """The requirements of an area, or of one level of it."""
        return tuple(one for one in self.requirements if one.area == area and level in (None, one.level))


@cache
def framework(name: str) -> Framework:
    """The framework of this name, one of :data:`FRAMEWORKS`."""
    text = (files("fixity.evidence") / "frameworks" / f"{name}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return Framework(
        name=name,
        title=data["title"],
        edition=data["edition"],
        source=data["source"],
        licence=data["licence"],
        note=data["note"],
        areas=data["areas"],
        levels=tuple(data.get("levels", ())),
        requirements=tuple(_requirement(name, one) for one in data["requirement"]),
    )


def keys() -> set[str]:
    """The key of every requirement of every framework."""
    return {one.key for name in FRAMEWORKS for one in framework(name).requirements}


def _requirement(name: str, data: Mapping[str, Any]) -> Requirement:
    return Requirement(
        key=f"{name}.{data['key']}",
        area=data["area"],
        level=data.get("level"),
        number=data.get("number", ""),
        words={code: data[code] for code in LANGUAGES},
        measures=tuple(_asked(one) for one in data.get("measures", ())),
        statement=bool(data.get("statement", not data.get("measures"))),
        files=tuple(data.get("files", ())),
    )


def _asked(data: str | Mapping[str, Any]) -> Asked:
    if isinstance(data, str):
        return Asked(data)
    return Asked(data["measure"], {key: value for key, value in data.items() if key != "measure"})

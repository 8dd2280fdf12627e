"""Requirements held against figures and statements: which are met, what is missing, and how far each area has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from fixity.evidence.facts import Facts
from fixity.evidence.measures import MEASURES, Outcome
from fixity.evidence.requirements import Framework, Requirement
from fixity.evidence.statements import Answer, Statement
from repository.vocabulary import as_utc_text


class Standing(StrEnum):
    """How a requirement stands. The first three let a level be reached, the others do not."""

    MET = "met"
    """Shown by figures."""
    STATED = "stated"
    """A person answers for it, beside what figures show."""
    NOT_APPLICABLE = "not applicable"
    """So a person says, and why."""
    STATEMENT_NEEDED = "statement needed"
    """No figure can show it, and nobody has answered for it, or what they said has run out."""
    NOT_MET = "not met"


GOOD = (Standing.MET, Standing.STATED, Standing.NOT_APPLICABLE)
_WORST_FIRST = (
    Standing.NOT_MET,
    Standing.STATEMENT_NEEDED,
    Standing.STATED,
    Standing.NOT_APPLICABLE,
    Standing.MET,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """One requirement with what was seen of it."""

    requirement: Requirement
    standing: Standing
    outcomes: tuple[Outcome, ...]
    statement: Statement | None
    """What a person said, also where it has run out."""

    def as_json(self) -> dict[str, Any]:
        """As the matrix lists it."""
        asked, said = self.requirement, self.statement
        return {
            "requirement": asked.key,
            "area": asked.area,
            "level": asked.level,
            "number": asked.number or None,
            "words": dict(asked.words),
            "standing": str(self.standing),
            "measures": [
                {
                    "measure": one.measure,
                    "asked": dict(one.values),
                    "met": outcome.met,
                    "seen": plain(outcome.told, outcome.values),
                    "remedy": "" if outcome.met else plain(outcome.remedy, outcome.values),
                    "proof": outcome.proof or None,
                }
                for one, outcome in zip(asked.measures, self.outcomes, strict=True)
            ],
            "statement": said.as_json() if said else None,
            "files": list(asked.files),
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """One level of one area."""

    standing: Standing
    met: int
    of: int
    """How many requirements there are, and for how many nothing is missing."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A framework as the archive stands in it."""

    framework: Framework
    judged: tuple[Judged, ...]

    def of(self, area: str, level: int | None = None) -> tuple[Judged, ...]:
        """What was seen of an area, or of one level of it."""
        wanted = (area, level)
        return tuple(
            one
            for one in self.judged
            if one.requirement.area == wanted[0] and wanted[1] in (None, one.requirement.level)
        )

    def cell(self, area: str, level: int | None = None) -> Cell:
        """The worst of its requirements, and how many lack nothing."""
        some = self.of(area, level)
        met = sum(one.standing in GOOD for one in some)
        return Cell(_worst(one.standing for one in some), met, len(some))

    def reached(self, area: str) -> int:
        """The highest level of an area up to which nothing is missing; 0 where level 1 lacks something."""
        level = 0
        while level < len(self.framework.levels) and self.cell(area, level + 1).standing in GOOD:
            level += 1
        return level

    def as_json(self) -> dict[str, Any]:
        """The matrix as it lies in the pack: the words in both languages, what was seen in English."""
        framework = self.framework
        return {
            "framework": framework.name,
            "title": dict(framework.title),
            "edition": framework.edition,
            "source": framework.source,
            "licence": framework.licence,
            "reached": {area: self.reached(area) for area in framework.areas} if framework.levels else None,
            "requirements": [one.as_json() for one in self.judged],
        }

    def number(self, standing: Standing) -> int:
        """How many requirements stand so."""
        return sum(one.standing is standing for one in self.judged)


def plain(sentence: str, values: Mapping[str, Any]) -> str:
    """A sentence of a measure in English, as a document for programs has it."""
    shown = {
        name: as_utc_text(value) if isinstance(value, datetime) else "–" if value is None else value
        for name, value in values.items()
    }
    return sentence.format_map(shown)


def held_against(framework: Framework, facts: Facts, statements: Mapping[str, Statement]) -> Matrix:
    """Every requirement of ``framework``, judged. Each measure is taken once for the same question."""
    taken: dict[tuple[str, str], Outcome] = {}
    judged = []
    for requirement in framework.requirements:
        outcomes = []
        for asked in requirement.measures:
            key = (asked.measure, repr(sorted(asked.values.items())))
            if key not in taken:
                taken[key] = MEASURES[asked.measure](facts, **asked.values)
            outcomes.append(taken[key])
        said = statements.get(requirement.key)
        standing = _standing(requirement, outcomes, said, facts.at.date())
        judged.append(Judged(requirement, standing, tuple(outcomes), said))
    return Matrix(framework, tuple(judged))


def _standing(requirement: Requirement, outcomes: Iterable[Outcome], said: Statement | None, today: date) -> Standing:
    """What figures show weighs more than what is said: only what they do not know may be stated."""
    stands = said is not None and said.stands(today)
    if said is not None and stands and said.answer is Answer.NOT_APPLICABLE:
        return Standing.NOT_APPLICABLE
    if any(not outcome.met for outcome in outcomes) or (said is not None and stands and said.answer is Answer.NO):
        return Standing.NOT_MET
    if requirement.statement:
        return Standing.STATED if stands else Standing.STATEMENT_NEEDED
    return Standing.MET


def _worst(standings: Iterable[Standing]) -> Standing:
    some = set(standings)
    return next((one for one in _WORST_FIRST if one in some), Standing.MET)

"""One line of what the doctor says: what was looked at, how it stands, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from repository.vocabulary import as_utc_text

Value = str | int | float
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


class Verdict(StrEnum):
    """How one thing stands: BAD has to be mended, DOUBT could not be found out, NOTE is worth knowing."""

    GOOD = "good"
    NOTE = "note"
    DOUBT = "doubt"
    BAD = "bad"

    @property
    def weight(self) -> int:
        """The larger, the sooner somebody has to look."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Said:
    """A marked sentence and what fills its ``{places}``.

    How a value is written is told by the end of its name: ``_bytes`` is a size, ``_at`` a moment and ``_day`` a day
    (ISO 8601, UTC), so that the sentence can be kept and said again in any language.
    """

    sentence: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def told(self, translated: Callable[[str], str], written: Callable[[str, Value], str]) -> str:
        """The sentence in the language of ``translated``, with every value as ``written(name, value)`` writes it."""
        said = translated(self.sentence)
        try:
            return said.format_map({name: written(name, value) for name, value in self.values.items()})
        except (KeyError, IndexError, ValueError):  # kept by another version, which knew other values
            return said

    def __str__(self) -> str:
        return self.told(str, plain)

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {"sentence": self.sentence, "values": dict(self.values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`as_json`."""
        return cls(str(data["sentence"]), dict(data["values"]))


@dataclass(frozen=True, slots=True)
class Line:
    """One finding. Its ``code`` has an entry (config.doctor.entries) that says what it means and what to do."""

    code: str
    verdict: Verdict
    said: Said
    subject: str = ""
    """Which one of several: a store, a part, a feed."""
    remedy: Said | None = None
    """What to do in this very case, where that is other than the entry says; an empty sentence: nothing."""
    host: str = ""
    """The machine that it is about, as far as it is about one."""
    asked_at: datetime | None = None


def say(code: str, verdict: Verdict, sentence: str, subject: str = "", /, **values: Value) -> Line:
    """A line with a marked sentence."""
    return Line(code, verdict, Said(sentence, values), subject)


def good(code: str, sentence: str, subject: str = "", /, **values: Value) -> Line:
    """It is as it should be."""
    return say(code, Verdict.GOOD, sentence, subject, **values)


def note(code: str, sentence: str, subject: str = "", /, **values: Value) -> Line:
    """Worth knowing; nothing is ill."""
    return say(code, Verdict.NOTE, sentence, subject, **values)


def doubt(code: str, sentence: str, subject: str = "", /, **values: Value) -> Line:
    """It could not be found out, or may be over by itself."""
    return say(code, Verdict.DOUBT, sentence, subject, **values)


def bad(code: str, sentence: str, subject: str = "", /, **values: Value) -> Line:
    """Somebody has to mend it."""
    return say(code, Verdict.BAD, sentence, subject, **values)


def moment(at: datetime) -> str:
    """A moment as a value of a sentence."""
    return as_utc_text(at)


def plain(name: str, value: Value) -> str:
    """A value in English, for a terminal: sizes in powers of a thousand, moments in UTC."""
    if name.endswith("_bytes") and isinstance(value, int | float):
        return size(value)
    if name.endswith("_at"):
        return str(value).replace("T", " ")[:16] + " UTC"
    if name.endswith("_day"):
        return str(value)[:10]
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else value


def size(octets: float) -> str:
    """``12.5 GB``."""
    unit = 0
    while octets >= 1000 and unit < len(_UNITS) - 1:
        octets, unit = octets / 1000, unit + 1
    return f"{octets:.0f} {_UNITS[unit]}" if unit == 0 or octets >= 100 else f"{octets:.1f} {_UNITS[unit]}"

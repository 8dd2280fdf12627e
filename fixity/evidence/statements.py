"""What people answer for, each with a name and a date, in a file of the operator's: what no figure can show."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from fixity.evidence.requirements import LANGUAGES, keys
from repository.errors import UsageError

FILE = "statements.toml"
"""In ``home/evidence``."""

EXAMPLE = (
    '[[statement]]\nrequirement = "ndsa.storage-3-media"\nanswer = "yes"\nname = "Ayşe Yılmaz"\ndate = 2026-11-27\n'
    'tr = "İzmir’deki kopya manyetik bantta, Ankara’daki disktedir."\n'
    'en = "The copy in İzmir lies on tape, the one in Ankara on disk."'
)

_KNOWN = {"requirement", "answer", "name", "role", "date", "until", "document", *LANGUAGES}


class Answer(StrEnum):
    """What the person says."""

    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Statement:
    """One person's word for one requirement."""

    requirement: str
    answer: Answer
    name: str
    role: str
    day: date
    until: date | None
    """After this day it has to be said anew."""
    document: str
    """Where what it speaks of can be read; empty where it does not say."""
    words: Mapping[str, str]

    def said(self, language: str) -> str:
        """The text in this language, or in the one in which there is one."""
        return self.words.get(language) or next(iter(self.words.values()))

    def as_json(self) -> dict[str, Any]:
        """As a table in the pack has it."""
        return {
            "answer": str(self.answer),
            "name": self.name,
            "role": self.role or None,
            "date": self.day.isoformat(),
            "until": self.until.isoformat() if self.until else None,
            "document": self.document or None,
            "words": dict(self.words),
        }

    def stands(self, at: date) -> bool:
        """Whether it is still to be believed on this day."""
        return self.until is None or at <= self.until


def read(folder: Path) -> dict[str, Statement]:
    """The statements by the key of their requirement; none where there is no file. Raises UsageError."""
    file = folder / FILE
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not TOML: {error}") from error
    if set(data) - {"statement"} or not isinstance(data.get("statement", []), list):
        raise UsageError(f"{file} holds [[statement]] tables only, for example:\n{EXAMPLE}")
    found: dict[str, Statement] = {}
    for number, table in enumerate(data.get("statement", []), 1):
        try:
            one = _statement(table)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{file}, statement {number}: {error}; for example:\n{EXAMPLE}") from error
        if one.requirement in found:
            raise UsageError(f"{file}, statement {number}: {one.requirement} is answered twice")
        found[one.requirement] = one
    return found


def _statement(table: Mapping[str, Any]) -> Statement:
    if unknown := set(table) - _KNOWN:
        raise ValueError(f"nobody knows {', '.join(sorted(unknown))}")
    for needed in ("requirement", "answer", "name", "date"):
        if not table.get(needed):
            raise ValueError(f"{needed} is missing")
    if table["requirement"] not in keys():
        raise ValueError(f"no requirement has the key {table['requirement']!r} (`mahfuz evidence --list` shows them)")
    words = {code: str(table[code]).strip() for code in LANGUAGES if str(table.get(code, "")).strip()}
    if not words:
        raise ValueError("a text is missing: tr, en, or both")
    for key in ("date", "until"):
        if key in table and type(table[key]) is not date:
            raise ValueError(f"{key} is a day without quotation marks, like 2026-11-27")
    return Statement(
        requirement=table["requirement"],
        answer=Answer(table["answer"]),
        name=str(table["name"]),
        role=str(table.get("role", "")),
        day=table["date"],
        until=table.get("until"),
        document=str(table.get("document", "")),
        words=words,
    )

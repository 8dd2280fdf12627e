"""A notice: what was decided about an article after its bags were sealed, as one small sealed object beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from repository.vocabulary import as_utc_text


class NoticeKind(StrEnum):
    """What was decided. A disposal is in force until a cancellation follows it."""

    WITHDRAWAL = "withdrawal"
    RESTORATION = "restoration"
    DISPOSAL = "disposal"
    CANCELLATION = "cancellation"


LARGEST = 256 << 20
"""Octets of a notice: that of a disposal names every file of the bags."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One decision about one article; its notices are numbered from 1 and each names the seal of the one before.

    So the bags' state is in the stores with them: a catalogue written again from any one store knows it.
    ``reason`` stands in ``language``; ``datestamp`` is the one under which harvesters were told. ``about`` is empty
    but for a disposal, where it holds all that the catalogue knows of the versions that are given up.
    """

    article_id: str
    number: int
    kind: NoticeKind
    at: datetime
    by: str
    reason: str
    datestamp: datetime
    language: str | None = None
    before: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Where it lies in every store."""
        return notice_key(self.article_id, self.number)

    @property
    def octets(self) -> bytes:
        """The object: JSON in UTF-8 that holds the notice and the SHA-256 of its canonical form."""
        told = self._told()
        sealed = {"notice": told, "sha256": hashlib.sha256(_canonical(told)).hexdigest()}
        return json.dumps(sealed, ensure_ascii=False, indent=1).encode() + b"\n"

    @property
    def seal(self) -> str:
        """The SHA-256 of the object."""
        return hashlib.sha256(self.octets).hexdigest()

    def _told(self) -> dict[str, Any]:
        return {
            "article": self.article_id,
            "number": self.number,
            "kind": str(self.kind),
            "at": as_utc_text(self.at),
            "by": self.by,
            "reason": self.reason,
            "language": self.language,
            "datestamp": as_utc_text(self.datestamp),
            "before": self.before,
            "about": dict(self.about),
        }

    @classmethod
    def read(cls, octets: bytes) -> Notice:
        """The inverse of :attr:`octets`. Raises ValueError for anything that is not byte for byte a notice of ours."""
        try:
            told = json.loads(octets)["notice"]
            found = cls(
                article_id=told["article"],
                number=told["number"],
                kind=NoticeKind(told["kind"]),
                at=datetime.fromisoformat(told["at"]),
                by=told["by"],
                reason=told["reason"],
                datestamp=datetime.fromisoformat(told["datestamp"]),
                language=told["language"],
                before=told["before"],
                about=told["about"],
            )
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"no notice of ours: {error!r}") from error
        if found.octets != octets:
            raise ValueError("the notice does not bear its own seal")
        return found


def notice_key(article: str, number: int) -> str:
    """``{id[0:2]}/{id[2:4]}/{id}/notice-{n}.json``: beside the article's bags."""
    return f"{article[0:2]}/{article[2:4]}/{article}/notice-{number}.json"


def parse_notice_key(key: str) -> tuple[str, int] | None:
    """The article id and number of a key made by :func:`notice_key`; None for any other key."""
    parts = key.split("/")
    if len(parts) != 4 or not parts[3].startswith("notice-") or not parts[3].endswith(".json"):
        return None
    number = parts[3].removeprefix("notice-").removesuffix(".json")
    if not number.isascii() or not number.isdigit() or key != notice_key(parts[2], int(number)):
        return None
    return parts[2], int(number)


def _canonical(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

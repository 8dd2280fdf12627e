"""What a bag says of itself that was put together from damaged copies of another: from which, and what is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PATH = "metadata/salvage.json"
"""Where it lies in the bag."""

LABEL_FROM, LABEL_LOST = "Salvaged-From", "Salvage-Lost-Files"
"""How bag-info.txt says it, for people."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One payload file of the damaged bag; ``store``: from which copy it was taken, None where no copy has it."""

    path: str
    bytes: int | None
    sha512: str
    store: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As it lies in the bag."""
        return {"path": self.path, "bytes": self.bytes, "sha512": self.sha512, "store": self.store}


@dataclass(frozen=True, slots=True)
class Salvage:
    """One salvage: a new version of what survives of an older one."""

    version: int
    """The version whose copies were damaged."""
    seal: str
    at: str
    """When it was decided (UTC, ``2026-11-23T09:05:00Z``)."""
    by: str
    reason: str
    described_by: str
    """``bag``: the description is that of the damaged bag, byte for byte; ``catalogue``: it was lost there."""
    pieces: tuple[Piece, ...]

    @property
    def lost(self) -> tuple[Piece, ...]:
        """The files that no copy has any more."""
        return tuple(piece for piece in self.pieces if piece.store is None)

    def as_json(self) -> dict[str, Any]:
        """As it lies in the bag and in the catalogue."""
        return {
            "from_version": self.version,
            "from_seal": self.seal,
            "at": self.at,
            "by": self.by,
            "reason": self.reason,
            "described_by": self.described_by,
            "files": [piece.as_json() for piece in self.pieces],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Salvage:
        """The inverse of :meth:`as_json`. Raises ValueError for anything else."""
        try:
            pieces = tuple(
                Piece(str(one["path"]), one["bytes"], str(one["sha512"]), one["store"]) for one in data["files"]
            )
            return cls(
                version=int(data["from_version"]),
                seal=str(data["from_seal"]),
                at=str(data["at"]),
                by=str(data["by"]),
                reason=str(data["reason"]),
                described_by=str(data["described_by"]),
                pieces=pieces,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"it does not say what a salvage says: {error!r}") from error


def in_bag(tag_files: Mapping[str, bytes]) -> Salvage | None:
    """What a bag with these files under ``metadata/`` says of its salvage; None for one that was not salvaged."""
    raw = tag_files.get(PATH)
    if raw is None:
        return None
    try:
        return Salvage.from_json(json.loads(raw))
    except ValueError:
        return None

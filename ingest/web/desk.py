"""What the pages of the door are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repository.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Desk:
    """A catalogue, and who we are to those who are told something."""

    catalogue: Catalogue
    home: Path
    agent: str
    time_zone: str
    archive: str
    """The archive's name, as letters give it."""
    email: str

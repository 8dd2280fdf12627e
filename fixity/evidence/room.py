"""What making evidence is given by the switchboard: the catalogue, who signs, what is promised, and whom to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from repository.catalogue import Catalogue
from repository.promise import Promises
from repository.signing import Signer
from repository.storage.capabilities import Capabilities


@dataclass(frozen=True, slots=True)
class Place:
    """One store as the settings describe it."""

    name: str
    kind: str
    """``s3`` or ``file``."""
    place: str
    """Where it stands; empty where the settings do not say."""
    threat: str
    """Which disaster it would share; empty where the settings do not say."""


def _none() -> list[dict[str, Any]]:
    return []


@dataclass(frozen=True, slots=True)
class Evidence:
    """Values, and questions that only another room can answer."""

    catalogue: Catalogue
    home: Path
    """The archive's own folder: certificates, statements and the last looks lie in its folder ``evidence``."""
    named: Mapping[str, str]
    """Who the archive is, as its signed documents say it."""
    agent: str
    places: tuple[Place, ...]
    promises: Promises
    policy: Mapping[str, Any]
    """The policy in force, as a certificate states it."""
    inventory: timedelta
    """Within how long each store is compared with the catalogue again."""
    probe: Callable[[], Iterable[Capabilities]] | None = None
    """Try every store; None where this process has none."""
    exposed: Callable[[Mapping[str, Capabilities]], Iterable[Mapping[str, Any]]] = lambda _tried: ()
    """What stands between one hand and all copies: ``what``, ``safe``, ``detail``, ``remedy``."""
    prove: Callable[[], Mapping[str, Any]] | None = None
    """Walk the whole chain of events and hold it against the signed heads, as ``mahfuz events verify``."""
    scanner: Callable[[], str | None] = lambda: None
    """The virus scanner with its version, None where there is none. Raises Doubt."""
    settings: Callable[[], list[dict[str, Any]]] = _none
    """Every setting with where it came from, secrets masked and people left out."""
    software: Callable[[], list[dict[str, Any]]] = _none
    """The program and everything that it rests on, each with its version."""
    documents: Path | None = None
    """The folder of the product's own documents; None where they were not installed."""

    @property
    def folder(self) -> Path:
        """Where evidence is kept."""
        return self.home / "evidence"

    @property
    def signer(self) -> Signer:
        """The archive's key."""
        return Signer(self.home)

    def place(self, store: str) -> Place:
        """The store of this name."""
        return next(place for place in self.places if place.name == store)

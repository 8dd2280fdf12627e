"""What is promised of a copy: within how many days it is read to its end, by its store and by what it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

DAYS = 90.0


@dataclass(frozen=True, slots=True)
class Content:
    """What a copy holds, as far as a promise asks: whose it is, and every ISSN that leads to its journal."""

    publisher: str = ""
    issns: frozenset[str] = frozenset()


UNKNOWN = Content()


@dataclass(frozen=True, slots=True)
class Promise:
    """Within how many days each copy is read to its end, and the manifests inside each bag are checked."""

    days: float = DAYS
    days_of: Mapping[str, float] = field(default_factory=dict)
    """Per store, where it differs."""
    deep_days: float | None = None
    """None: the manifests are checked only when somebody asks for it."""

    def of(self, store: str) -> float:
        """The days promised for a copy in ``store``."""
        return self.days_of.get(store, self.days)


@dataclass(frozen=True, slots=True)
class ContentClass:
    """The content of some publishers and journals, of which something else is promised than of the rest."""

    name: str
    promise: Promise
    publishers: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    """ISSNs."""

    def __contains__(self, content: Content) -> bool:
        return content.publisher in self.publishers or not self.titles.isdisjoint(content.issns)


@dataclass(frozen=True, slots=True)
class Promises:
    """All that is promised: of each class, the first that fits, and of what is in none."""

    otherwise: Promise = field(default_factory=Promise)
    classes: tuple[ContentClass, ...] = ()

    def of(self, content: Content = UNKNOWN) -> Promise:
        """What is promised of ``content``."""
        return next((one.promise for one in self.classes if content in one), self.otherwise)

    @property
    def digest(self) -> str:
        """The same for the same promises, in whatever order their names were given: SHA-256, hexadecimal."""

        def told(promise: Promise) -> list[object]:
            return [float(promise.days), sorted((store, float(days)) for store, days in promise.days_of.items())]

        every = [told(self.otherwise)]
        every += [[*told(one.promise), sorted(one.publishers), sorted(one.titles)] for one in self.classes]
        return hashlib.sha256(json.dumps(every).encode()).hexdigest()

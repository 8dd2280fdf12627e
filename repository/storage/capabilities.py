"""What a store really does, found out by trying it, because servers answer 200 to what they ignore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from repository.errors import MahfuzError, StoreUnavailable


class Verdict(StrEnum):
    """YES and NO were seen; UNKNOWN could not be tried."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, seen: bool) -> Verdict:
        """YES or NO, by what was seen."""
        return cls.YES if seen else cls.NO


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that a store does or does not do: ``name`` is stable, ``detail`` says what was seen."""

    name: str
    verdict: Verdict
    detail: str
    needed: bool = False

    @property
    def alarming(self) -> bool:
        """True when an archive cannot rest on this store without it."""
        return self.needed and self.verdict is not Verdict.YES


@dataclass(frozen=True, slots=True)
class Capabilities:
    """All that was tried on one store, in the order of the trials."""

    store: str
    tried: tuple[Capability, ...]

    @property
    def fit(self) -> bool:
        """True when nothing that an archive needs is wanting or unknown."""
        return not any(capability.alarming for capability in self.tried)

    def verdict(self, name: str) -> Verdict:
        """The verdict on one capability; UNKNOWN when it was never tried."""
        return next((each.verdict for each in self.tried if each.name == name), Verdict.UNKNOWN)


@runtime_checkable
class Probed(Protocol):
    """A store that can try itself: writes under names of its own and takes them away again."""

    @property
    def name(self) -> str:
        """The store's name."""
        ...

    def trials(self) -> Iterator[Capability]:
        """Each capability once, tried at the moment it is asked for. Raises StoreUnavailable."""
        ...


def probe(store: object) -> Capabilities:
    """Try everything on ``store``; never raises for what the store says or does not say.

    A store that falls silent in the middle keeps the verdicts found so far, and ends with
    the capability ``answers`` and the verdict UNKNOWN. A store that cannot try itself has that one only.
    """
    name = str(getattr(store, "name", "?"))
    tried: list[Capability] = []
    if not isinstance(store, Probed):
        return Capabilities(name, (Capability("answers", Verdict.UNKNOWN, "this kind of store cannot be tried"),))
    try:
        tried.extend(store.trials())
    except StoreUnavailable as silence:
        tried.append(Capability("answers", Verdict.UNKNOWN, silence.reason, needed=True))
    except MahfuzError as refusal:
        tried.append(Capability("answers", Verdict.NO, str(refusal), needed=True))
    else:
        if not tried:
            return Capabilities(name, (Capability("answers", Verdict.UNKNOWN, "there was nothing to try"),))
        tried.insert(0, Capability("answers", Verdict.YES, "every trial was answered", needed=True))
    return Capabilities(name, tuple(tried))

"""What stops us from answering, named by who must act: the machine waits, a person decides, or the call was wrong.

A thing that is wrong with a publisher's delivery is never an exception: it is a
:class:`repository.vocabulary.Finding`.
"""

from __future__ import annotations

from datetime import datetime


class MahfuzError(Exception):
    """Anything that Mahfuz says on purpose; ``exit_status`` is the contract's (docs: Exit status)."""

    exit_status = 1


class Doubt(MahfuzError):
    """We could not find out. Nothing is verified, nothing is repaired, the same step is tried again later."""

    exit_status = 3


class StoreUnavailable(Doubt):
    """A store did not answer, answered with an error of its own, or stopped in the middle."""

    def __init__(self, store: str, reason: str) -> None:
        super().__init__(f"store {store!r} did not answer: {reason}")
        self.store = store
        self.reason = reason

    def __reduce__(self) -> tuple[type[StoreUnavailable], tuple[str, str]]:
        return type(self), (self.store, self.reason)  # it is told from one process to another


class DatabaseUnavailable(Doubt):
    """The catalogue did not answer."""


class ObjectMissing(MahfuzError):
    """The store answered, and it has nothing under this key. Damage, not doubt."""

    def __init__(self, store: str, key: str) -> None:
        super().__init__(f"store {store!r} has no object {key!r}")
        self.store = store
        self.key = key

    def __reduce__(self) -> tuple[type[ObjectMissing], tuple[str, str]]:
        return type(self), (self.store, self.key)


class WouldOverwrite(MahfuzError):
    """Other bytes are already kept under this key. A person decides; nothing was changed."""

    exit_status = 4

    def __init__(self, store: str, key: str, detail: str) -> None:
        super().__init__(f"store {store!r} already keeps other bytes under {key!r}: {detail}")
        self.store = store
        self.key = key
        self.detail = detail

    def __reduce__(self) -> tuple[type[WouldOverwrite], tuple[str, str, str]]:
        return type(self), (self.store, self.key, self.detail)


class RefusedByStore(Doubt):
    """The store answered that what reached it is not what we sent (a digest differed in transit).

    Nothing is kept there, and nobody is to blame for what was sent: the same step is tried again later.
    """

    def __init__(self, store: str, key: str, detail: str) -> None:
        super().__init__(f"store {store!r} refused {key!r}: {detail}")
        self.store = store
        self.key = key
        self.detail = detail

    def __reduce__(self) -> tuple[type[RefusedByStore], tuple[str, str, str]]:
        return type(self), (self.store, self.key, self.detail)


class HeldByStore(MahfuzError):
    """The store keeps this object under a lock, ``until`` a moment or (None) until a person lifts it."""

    exit_status = 4

    def __init__(self, store: str, key: str, until: datetime | None) -> None:
        when = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "by a legal hold, until somebody lifts it"
        super().__init__(f"store {store!r} holds {key!r} under its object lock {when}")
        self.store = store
        self.key = key
        self.until = until

    def __reduce__(self) -> tuple[type[HeldByStore], tuple[str, str, datetime | None]]:
        return type(self), (self.store, self.key, self.until)


class UsageError(MahfuzError):
    """The command or a setting is wrong: names the word, the reason and an example."""

    exit_status = 2


class NotNow(UsageError):
    """A decision that cannot be taken as things stand; a page says ``sentence`` with ``params`` in its own language."""

    def __init__(self, sentence: str, **params: object) -> None:
        super().__init__(sentence % params if params else sentence)
        self.sentence = sentence
        self.params = params


class BadValue(NotNow):
    """A value that cannot be entered as it was given: a page says so beside the form, a list by the row's number."""

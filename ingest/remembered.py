"""What the notices beside an article's bags say, for a catalogue that is written again from the stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ingest import notices
from repository.catalogue import disposal_turns
from repository.catalogue import notices as rows
from repository.errors import Doubt
from repository.notice import Notice, NoticeKind, notice_key
from repository.storage import Store


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions about one article, in their order."""

    notices: tuple[Notice, ...]
    present: Mapping[int, set[str]]
    """Version to the stores in which its bag lies."""

    @property
    def given_up(self) -> dict[int, tuple[Notice, Mapping[str, Any]]]:
        """Version to the disposal that is in force, and what its notice knows of the bag."""
        found: dict[int, tuple[Notice, Mapping[str, Any]]] = {}
        for notice in self.notices:
            if notice.kind is NoticeKind.DISPOSAL:
                found |= {bag["version"]: (notice, bag) for bag in notice.about["bags"]}
            elif notice.kind is NoticeKind.CANCELLATION:
                found = {
                    version: (other, bag)
                    for version, (other, bag) in found.items()
                    if other.number != notice.about["disposal"]
                }
        return found

    def given_up_in(self, version: int) -> set[str]:
        """The stores in which this version was given up: those of its disposal that do not have it."""
        notice, _ = self.given_up.get(version, (None, None))
        return set(notice.about["stores"]) - self.present.get(version, set()) if notice else set()


class NoticeUnread(Exception):
    """A notice is there and no store gives it: whether the article may be shown is not known. ``doubt``: or not yet."""

    def __init__(self, key: str, told: str, *, doubt: bool) -> None:
        super().__init__(told)
        self.key, self.told, self.doubt = key, told, doubt


def read(
    article: str,
    numbers: Mapping[int, set[str]],
    present: Mapping[int, set[str]],
    stores: Sequence[Store],
    problems: list[dict[str, str]],
) -> Decided:
    """The notices of ``article``; ``numbers``: which there are, and in which stores. Raises NoticeUnread.

    Into ``problems`` goes every store that lacks one or has another than the first store, and every gap.
    """
    found: list[Notice] = []
    for number in range(1, max(numbers, default=0) + 1):
        key = notice_key(article, number)
        given, silent = _given(key, [store for store in stores if store.name in numbers.get(number, ())])
        if not given:
            if number in numbers:
                told = "; ".join(silent) or "no store has a notice of ours under it"
                raise NoticeUnread(key, told, doubt=bool(silent))
            problems.append(
                {"store": "every store", "key": key, "problem": "there is a later notice, and not this one"}
            )
            continue
        first = next(iter(given.values()))
        for store in stores:
            if store.name not in numbers[number]:
                problems.append({"store": store.name, "key": key, "problem": "the notice is not in this store"})
            elif store.name in given and given[store.name].seal != first.seal:
                problems.append({"store": store.name, "key": key, "problem": "another notice than in the other stores"})
            elif store.name not in given and not silent:
                problems.append({"store": store.name, "key": key, "problem": "not a notice of ours"})
        if found and first.before != found[-1].seal:
            problems.append({"store": "every store", "key": key, "problem": "it names another notice before it"})
        found.append(first)
    return Decided(tuple(found), present)


def enter(session: Session, article: str, decided: Decided, *, at: datetime, agent: str) -> None:
    """The decisions take effect, in the transaction that enters a version: no withdrawn article is ever shown between.

    Those that are entered already change nothing.
    """
    if not decided.notices:
        return
    rows.enter_again(session, article, decided.notices, agent=agent)
    for notice in decided.notices:
        if notice.kind is NoticeKind.DISPOSAL:
            disposal_turns.enter_again(session, article, notice.number, notice.about, decided.present, at)
        elif notice.kind is NoticeKind.CANCELLATION:
            number = notice.about["disposal"]
            disposal_turns.cancel_again(session, article, number, by=notice.by, reason=notice.reason, at=notice.at)


def _given(key: str, stores: Sequence[Store]) -> tuple[dict[str, Notice], list[str]]:
    given: dict[str, Notice] = {}
    silent: list[str] = []
    for store in stores:
        try:
            notice = notices.read(store, key)
        except Doubt as doubt:
            silent.append(str(doubt))
            continue
        if notice is not None:
            given[store.name] = notice
    return given, silent

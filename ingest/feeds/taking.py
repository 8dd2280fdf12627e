"""Bags that a feed offers, taken in one by one: what cannot be had or kept is told, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog

from ingest.feeds.feed import Feed
from ingest.feeds.offered import FeedFailed, NotAsListed, NotAsPromised, NotKept, Offered, Source, part_name
from repository.catalogue import Catalogue, feeds
from repository.errors import MahfuzError, WouldOverwrite
from repository.models import FeedItem

AT_ONCE = 32
"""Bags entered in one transaction: a commit costs as much for one as for many."""
_FAULT = "a fault of the program, written to its log"
log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]


class Taking(Protocol):
    """Who keeps what is no delivery. Every method raises Doubt, and nothing is kept then."""

    def needs(self, feed: Feed, source: Source, offered: Offered) -> bool:
        """Whether the bytes must be fetched; what can be done without them is done. Raises as :meth:`keep`."""
        ...

    def keep(self, feed: Feed, source: Source, offered: Offered, file: Path) -> None:
        """The file lies in the stores, or nothing of it. Raises NotKept, NotAsPromised, WouldOverwrite."""
        ...

    def enter(self, feed: Feed, names: Sequence[str]) -> None:
        """What was kept under these names stands in the catalogue, all of it or nothing."""
        ...

    def problem(self, feed: Feed, offered: Offered, error: NotKept | WouldOverwrite) -> str:
        """It was not kept and will not be as things stand; what is told of it."""
        ...


def take(feed: Feed, source: Source, catalogue: Catalogue, home: Path, clock: Clock, taking: Taking) -> Iterator[str]:
    """Take in everything that was seen and not yet taken; the troubles that were met. Raises FeedFailed, Doubt.

    Those of one article come in the order of their versions: where one of them cannot be had, those after it wait.
    """
    work = _Work(feed, source, catalogue, home, clock, taking)
    held_up = ""
    try:
        for rows in feeds.sets(catalogue, feed.name, feeds.SEEN):
            for row in rows:
                article = row.name.partition("/")[0]
                if article == held_up:
                    continue
                if (trouble := work.taken(row, article)) is not None:
                    held_up = article
                    yield trouble
    finally:
        work.settle()


class _Work:
    """One pass: what lies in the stores and is not entered yet, and how each thing that is offered ends."""

    def __init__(
        self, feed: Feed, source: Source, catalogue: Catalogue, home: Path, clock: Clock, taking: Taking
    ) -> None:
        self._feed, self._source, self._catalogue = feed, source, catalogue
        self._parts, self._clock, self._taking = feed.folder(home) / "parts", clock, taking
        self._kept: dict[str, tuple[str, Path]] = {}
        """By article: the name under which it was offered, and its file, which goes when it is entered."""

    def taken(self, row: FeedItem, article: str) -> str | None:
        """One thing that is offered, taken in or told of."""
        offered = Offered(row.name, row.bytes, row.modified, row.version)
        part = self._parts / part_name(offered)
        if article in self._kept or len(self._kept) >= AT_ONCE:
            self.settle()
        try:
            if not self._taking.needs(self._feed, self._source, offered):
                self._brought([row.name])
                return None
            self._source.fetch(offered, part)
            self._taking.keep(self._feed, self._source, offered, part)
        except NotAsListed:
            with self._catalogue.writing() as session:
                feeds.forget(session, self._feed.name, [row.name])
            return None
        except (NotKept, WouldOverwrite) as error:
            part.unlink(missing_ok=True)
            problem = self._taking.problem(self._feed, offered, error)
            # What a person is to decide may be another thing tomorrow; a bag that is none stays what it is.
            self._told(row.name, problem, for_good=isinstance(error, NotKept))
            return f"{row.name}: {problem}"
        except NotAsPromised as error:
            self._told(row.name, str(error))
            return f"{row.name}: {error}"
        except FeedFailed as error:
            self._told(row.name, error.reason)
            raise
        except (MahfuzError, OSError):
            raise
        except Exception:
            log.exception("the program fell over what a feed brought", feed=self._feed.name, name=row.name)
            self._told(row.name, _FAULT, for_good=True)
            return f"{row.name}: {_FAULT}"
        self._kept[article] = (row.name, part)
        return None

    def settle(self) -> None:
        """What lies in the stores is entered, and its files go. Killed before, it is found whole and not fetched again.

        Over what the program falls, that alone is left out, and told.
        """
        kept = dict(self._kept.values())
        self._kept.clear()
        if not kept:
            return
        if not self._entered(list(kept)):
            for name in kept:
                if not self._entered([name]):
                    self._told(name, _FAULT, for_good=True)
        for part in kept.values():
            part.unlink(missing_ok=True)

    def _entered(self, names: Sequence[str]) -> bool:
        try:
            self._taking.enter(self._feed, names)
        except (MahfuzError, OSError):
            raise
        except Exception:
            log.exception("the program fell over what a feed brought", feed=self._feed.name, names=names)
            return False
        self._brought(names)
        return True

    def _brought(self, names: Sequence[str]) -> None:
        with self._catalogue.writing() as session:
            feeds.brought(session, self._feed.name, names, None)
            feeds.arrived(session, self._feed.name, self._clock())

    def _told(self, name: str, problem: str, *, for_good: bool = False) -> None:
        tell = feeds.failed if for_good else feeds.troubled
        with self._catalogue.writing() as session:
            tell(session, self._feed.name, [name], problem)

"""Bags that a feed offers, taken in one by one: what cannot be had or kept is told, and the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ingest.feeds.feed import Feed
from ingest.feeds.offered import FeedFailed, NotAsListed, NotAsPromised, NotKept, Offered, Source, part_name
from repository.catalogue import Catalogue, feeds
from repository.errors import WouldOverwrite
from repository.models import FeedItem

Clock = Callable[[], datetime]


class Taking(Protocol):
    """Who keeps what is no delivery. Every method raises Doubt, and nothing is kept then."""

    def needs(self, feed: Feed, source: Source, offered: Offered) -> bool:
        """Whether the bytes must be fetched; what can be done without them is done. Raises as :meth:`keep`."""
        ...

    def keep(self, feed: Feed, source: Source, offered: Offered, file: Path) -> None:
        """The file is kept, or nothing of it. Raises NotKept, NotAsPromised, WouldOverwrite."""
        ...

    def problem(self, feed: Feed, offered: Offered, error: NotKept | WouldOverwrite) -> str:
        """It was not kept and will not be as things stand; what is told of it."""
        ...


def take(feed: Feed, source: Source, catalogue: Catalogue, home: Path, clock: Clock, taking: Taking) -> Iterator[str]:
    """Take in everything that was seen and not yet taken; the troubles that were met. Raises FeedFailed, Doubt.

    Those of one article come in the order of their versions: where one of them cannot be had, those after it wait.
    """
    held_up = ""
    for rows in feeds.sets(catalogue, feed.name, feeds.SEEN):
        for row in rows:
            article = row.name.partition("/")[0]
            if article == held_up:
                continue
            if (trouble := _taken(feed, source, catalogue, home, clock, taking, row)) is not None:
                held_up = article
                yield trouble


def _taken(
    feed: Feed, source: Source, catalogue: Catalogue, home: Path, clock: Clock, taking: Taking, row: FeedItem
) -> str | None:
    offered = Offered(row.name, row.bytes, row.modified, row.version)
    part = feed.folder(home) / "parts" / part_name(offered)
    try:
        if taking.needs(feed, source, offered):
            source.fetch(offered, part)
            taking.keep(feed, source, offered, part)
    except NotAsListed:
        with catalogue.writing() as session:
            feeds.forget(session, feed.name, [row.name])
        return None
    except (NotKept, WouldOverwrite) as error:
        part.unlink(missing_ok=True)
        problem = taking.problem(feed, offered, error)
        with catalogue.writing() as session:
            # What a person is to decide may be another thing tomorrow; a bag that is none stays what it is.
            (feeds.troubled if isinstance(error, WouldOverwrite) else feeds.failed)(
                session, feed.name, [row.name], problem
            )
        return f"{row.name}: {problem}"
    except NotAsPromised as error:
        with catalogue.writing() as session:
            feeds.troubled(session, feed.name, [row.name], str(error))
        return f"{row.name}: {error}"
    except FeedFailed as error:
        with catalogue.writing() as session:
            feeds.troubled(session, feed.name, [row.name], error.reason)
        raise
    with catalogue.writing() as session:
        feeds.brought(session, feed.name, [row.name], None)
        feeds.arrived(session, feed.name, clock())
    part.unlink(missing_ok=True)
    return None

"""One look at one feed: remember what it lists, bring what is complete, keep it, and say how it ended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import structlog

from ingest import inbox
from ingest.feeds.feed import Feed, completion_problem
from ingest.feeds.offered import (
    FeedFailed,
    NotAsListed,
    NotAsPromised,
    Offered,
    Source,
    hidden,
    name_problem,
    part_name,
)
from ingest.feeds.taking import Taking, take
from ingest.inbox import Arrived
from repository.catalogue import Catalogue, feeds
from repository.catalogue.alone import alone
from repository.catalogue.feeds import Listed
from repository.catalogue.parts import parts
from repository.errors import MahfuzError, StoreUnavailable, UsageError
from repository.models import FeedItem

_AT_ONCE = 500
_TOLD = 3

log = structlog.get_logger(__name__)


def due(feed: Feed, catalogue: Catalogue, now: datetime) -> bool:
    """Whether it is time to look; a feed that was never looked at is due.

    Reckoned from the last look by the schedule of today: one that was made shorter counts at once, and a last look in
    the future, of a machine whose clock was wrong, counts for none.
    """
    with catalogue.reading() as session:
        known = feeds.state_of(session, feed.name)
    last = known.last_looked_at if known is not None else None
    return last is None or last > now or feed.next_after(last) <= now


def bring(
    feed: Feed, catalogue: Catalogue, home: Path, clock: Callable[[], datetime], taking: Taking | None = None
) -> Iterator[Arrived]:
    """Every complete delivery of the feed, kept; take it in before asking for the next.

    Where bags come and no deliveries, ``taking`` keeps them, and none is given back.

    A source that fails, or settings of it that cannot be used, are told in the catalogue and end this look only.
    Nothing is brought while another process looks at the same feed. Raises DatabaseUnavailable, and OSError when
    our own disk fails.
    """
    folder = feed.folder(home)
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    with alone(catalogue, home, f"feed-{folder.name}", wait=False) as held:
        if held is None:
            return
        _swept(folder / "parts", clock() - timedelta(days=feed.max_wait_days))
        with catalogue.writing() as session:
            feeds.begin(session, feed.name, clock())
        troubles: list[str] = []
        try:
            with feed.open() as source:
                troubles += _remembered(feed, source, catalogue, clock())
                source.remembered()
                if taking is not None and feed.mirrors:
                    troubles += take(feed, source, catalogue, home, clock, taking)
                else:
                    yield from _complete(feed, source, catalogue, home, clock, troubles)
        except FeedFailed as error:
            troubles.insert(0, error.reason)
        except StoreUnavailable as error:
            if error.store != feed.name:
                raise
            troubles.insert(0, error.reason)
        except UsageError as error:
            troubles.insert(0, str(error))
        except (MahfuzError, OSError):
            raise
        except Exception as error:
            log.exception("the program fell over a feed", feed=feed.name)
            troubles.insert(0, f"a fault of the program ({type(error).__name__}), written to its log")
        problem = "; ".join(troubles[:_TOLD]) or None
        if len(troubles) > _TOLD:
            problem = f"{problem}; and {len(troubles) - _TOLD} more"
        if problem:
            log.warning("feed", feed=feed.name, problem=problem)
        now = clock()
        with catalogue.writing() as session:
            feeds.looked(session, feed.name, now, feed.next_after(now), problem)


def _swept(parts: Path, before: datetime) -> None:
    """What was fetched in part and nobody has gone on with goes: it was replaced, withdrawn or given up."""
    for part in parts.iterdir():
        if part.stat().st_mtime < before.timestamp():
            part.unlink()


def _remembered(feed: Feed, source: Source, catalogue: Catalogue, now: datetime) -> list[str]:
    """Enter the listing, a part at a time; what was refused of it, the first few in words."""
    refused: list[str] = []
    with catalogue.reading() as session:
        gone = feeds.not_brought(session, feed.name) if source.whole else set()
    listing = iter(source.listing())
    while part := list(islice(listing, _AT_ONCE)):
        listed: dict[str, Listed] = {}
        for offered in part:
            if (problem := name_problem(offered.name)) is not None:
                refused.append(f"the name {offered.name[:120]!a} {problem}; it was not touched")
                del refused[_TOLD + 1 :]
            elif feed.wants(offered.name) and not hidden(offered.name):
                above, _, last = offered.name.rpartition("/")
                key = f"{above}/{inbox.set_of(last)}"
                listed[offered.name] = Listed(
                    offered.name, key, offered.version, offered.bytes, offered.modified, offered.withdrawn
                )
        if listed:
            with catalogue.writing() as session:
                feeds.remember(session, feed.name, list(listed.values()), now)
            gone -= listed.keys()
    # What the publisher took away before it was complete is waited for no longer.
    for some in parts(sorted(gone)):
        with catalogue.writing() as session:
            feeds.forget(session, feed.name, some)
    return refused


def _complete(
    feed: Feed, source: Source, catalogue: Catalogue, home: Path, clock: Callable[[], datetime], troubles: list[str]
) -> Iterator[Arrived]:
    if feed.after != "keep":  # what a killed look had kept and not yet taken away
        for rows in feeds.sets(catalogue, feed.name, feeds.FETCHED):
            troubles += _cleared(feed, source, catalogue, _offered(rows))
    for rows in feeds.sets(catalogue, feed.name, feeds.SEEN):
        now = clock()
        lacking = completion_problem([row.name for row in rows], feed.sidecar)
        if lacking is None and not all(_quiet(feed, source, row, now) for row in rows):
            lacking = "an end of its changes"
        first = min(row.first_seen for row in rows)
        if lacking is not None:
            if now - first > timedelta(days=feed.max_wait_days):
                troubles.append(f"{rows[0].name} has waited since {first:%Y-%m-%d} for {lacking}")
            continue
        names = [row.name for row in rows]
        if any(row.bytes is not None and row.bytes > feed.max_bytes for row in rows):
            with catalogue.writing() as session:
                feeds.failed(session, feed.name, names, f"larger than the {feed.max_bytes} bytes that are allowed")
            troubles.append(f"{rows[0].name} is larger than allowed (ingest.max_delivery_bytes)")
            continue
        wanted = _offered(rows)
        arriving = feed.folder(home) / "arriving"
        shutil.rmtree(arriving, ignore_errors=True)
        arriving.mkdir(parents=True)
        try:
            files = _fetched(feed, source, wanted, home, arriving)
        except NotAsListed:
            # It waits for quiet again; the next listing says what it is now.
            with catalogue.writing() as session:
                feeds.forget(session, feed.name, names)
            continue
        except NotAsPromised as error:
            final = now - first > timedelta(days=feed.max_wait_days)
            with catalogue.writing() as session:
                (feeds.failed if final else feeds.troubled)(session, feed.name, names, str(error))
            troubles.append(f"{rows[0].name}: {error}")
            continue
        except FeedFailed as error:
            with catalogue.writing() as session:
                feeds.troubled(session, feed.name, names, error.reason)
            raise
        arrived = inbox.accept(catalogue, home, files, feed.publisher, clock, feed.profile)
        with catalogue.writing() as session:
            feeds.brought(session, feed.name, names, arrived.delivery_id)
            feeds.arrived(session, feed.name, clock())
        if feed.after != "keep":
            troubles += _cleared(feed, source, catalogue, wanted)
        shutil.rmtree(arriving, ignore_errors=True)
        yield arrived


def _quiet(feed: Feed, source: Source, row: FeedItem, now: datetime) -> bool:
    """Whether this version is old enough: by its own time where that is this machine's, else by our first look."""
    since = row.first_seen
    if source.own_clock and row.modified is not None:
        since = min(since, row.modified)
    return (now - since).total_seconds() >= feed.quiet_seconds


def _fetched(feed: Feed, source: Source, wanted: Sequence[Offered], home: Path, arriving: Path) -> list[Path]:
    """The files of one delivery, all whole, under their own last names.

    Each lies among the parts until all are there: a look that is cut off at the last fetches the others not again.
    """
    fetched = []
    for offered in wanted:
        part = feed.folder(home) / "parts" / part_name(offered)
        source.fetch(offered, part)
        if offered.bytes is not None and part.stat().st_size != offered.bytes:
            part.unlink()
            raise NotAsListed("the length differs from the listing")
        fetched.append((part, arriving / offered.name.rpartition("/")[2]))
    for part, target in fetched:
        part.rename(target)
    return [target for _, target in fetched]


def _offered(rows: Sequence[FeedItem]) -> list[Offered]:
    return [Offered(row.name, row.bytes, row.modified, row.version) for row in rows]


def _cleared(feed: Feed, source: Source, catalogue: Catalogue, wanted: Sequence[Offered]) -> list[str]:
    """Take away or set aside at the source what is kept here, and nothing else; why it could not be, which ends no
    look: it is tried again at the next."""
    try:
        for offered in wanted:
            if feed.after == "delete":
                source.remove(offered)
            else:
                source.set_aside(offered)
    except (FeedFailed, StoreUnavailable) as error:
        return [f"{wanted[0].name} is kept and could not be taken away there: {error.reason}"]
    with catalogue.writing() as session:
        feeds.forget(session, feed.name, [offered.name for offered in wanted])
    return []

"""Bags of another archive kept as they are: the same version, bytes and seal; what it withdrew is withdrawn here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy.orm import Session

from ingest import deaccession, registering
from ingest.deaccession import Deaccession, Word
from ingest.feeds.feed import Feed
from ingest.feeds.offered import NotAsPromised, NotKept, Offered, Source
from ingest.feeds.resourcesync import WITHDRAWAL, ResourceSyncSource, bag_of
from ingest.fronts import front_among, may_describe
from repository.bags import Bag, verify_stream
from repository.catalogue import changes, holdings, notices, registration, testimony, titles
from repository.catalogue.registration import Entering
from repository.errors import NotNow, WouldOverwrite
from repository.notice import NoticeKind
from repository.preservation import preserve
from repository.promise import Promises
from repository.vocabulary import ArticleState, EventType, bag_key

log = structlog.get_logger(__name__)

_LONGEST_NAME = 120
_NO_REASON = "Withdrawn by the archive that is mirrored, which gives no reason."
_SHOWN_AGAIN = "Shown again by the archive that is mirrored."


@dataclass
class Mirrored:
    """What one pass over one archive did."""

    bags: int = 0
    bytes: int = 0
    already: int = 0
    """Bags that were here with the same seal."""
    withdrawn: int = 0
    restored: int = 0
    conflicts: list[dict[str, str]] = field(default_factory=list)
    """Other bytes are kept here: a person decides."""
    refused: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The figures as `mahfuz receive` prints them."""
        return {**vars(self)}


@dataclass(frozen=True, slots=True)
class _Kept:
    """A bag that lies in every store: whose it is, what it holds, and where it came from."""

    publisher: str
    entering: Entering
    came: dict[str, Any]


@dataclass
class Mirror:
    """What keeping another archive's bags is given, and what came of it by feed."""

    work: Deaccession
    promises: Promises
    pool: Executor | None = None
    done: dict[str, Mirrored] = field(default_factory=dict)
    waiting: dict[str, _Kept] = field(default_factory=dict)
    """What lies in every store and is not registered yet, by the name under which it was offered."""

    def of(self, feed: Feed) -> Mirrored:
        """The figures of this feed."""
        return self.done.setdefault(feed.name, Mirrored())

    def needs(self, feed: Feed, source: Source, offered: Offered) -> bool:
        """Whether the bytes must be fetched; what can be done without them is done.

        Raises WouldOverwrite where this version is held with another seal, NotAsPromised, Doubt.
        """
        if (named := bag_of(offered.name)) is None:
            if offered.name.endswith(f"/{WITHDRAWAL}"):
                self._withdraw(feed, source, offered.name.partition("/")[0])
            return False
        article, version = named
        with self.work.catalogue.reading() as session:
            held = holdings.aip_version(session, article, version)
        if held is None:
            return True
        if held.seal != offered.version:
            raise WouldOverwrite("the catalogue", bag_key(article, version), f"registered here is {held.seal}")
        self.of(feed).already += 1
        self._restore(feed, source, article)
        return False

    def keep(self, feed: Feed, source: Source, offered: Offered, file: Path) -> None:
        """The bag in ``file`` lies in every store and was read back from each, or nothing is said of it; it waits.

        Raises NotKept for what is no bag of ours, WouldOverwrite where a store has other bytes under its key, Doubt.
        """
        named = bag_of(offered.name)
        assert named is not None
        article, version = named
        with file.open("rb", buffering=0) as stream:
            report = verify_stream(stream, own=named, wanted=may_describe)
        if not report.valid or report.seal != offered.version:
            raise NotKept(", ".join(sorted({found.code for found in report.findings})) or f"its seal is {report.seal}")
        try:
            publisher, record = registering.publisher_in(report), registering.record_in(report)
            sealed = registering.sealed_in(report, article, version, {})
            front = front_among(report.held, record)
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise NotKept(f"its metadata cannot be read: {error!r}") from error
        day = dict(report.bag_info).get("Bagging-Date", "")
        bag = Bag(article, version, file, report.seal, report.bytes, report.files, report.payload_digest, day)
        replication = preserve(bag, self.work.stores, self.work.clock, self.pool, adopting=False)
        came = {
            "from": _archive(source).address(offered),
            "feed": feed.name,
            "seal": report.seal,
            "bytes": report.bytes,
        }
        kept = Entering(record, replace(sealed, verified=replication.verified), front)
        self.waiting[offered.name] = _Kept(publisher, kept, came)

    def enter(self, feed: Feed, names: Sequence[str]) -> None:
        """What waits under these names is registered in one transaction, as a rebuild registers it.

        Only one version of an article is among them. Raises DatabaseUnavailable: it is registered the next time.
        """
        waiting = [self.waiting[name] for name in names]
        now = self.work.clock()
        told: dict[str, datetime] = {}
        with self.work.catalogue.writing() as session:
            for publisher, some in groupby(sorted(waiting, key=_publisher), key=_publisher):
                entering = []
                for one in some:
                    entering.append(one.entering)
                    self._witness(session, one, now)
                articles = registration.register_all(
                    session,
                    titles.publisher_named(session, publisher),
                    entering,
                    at=now,
                    agent=self.work.agent,
                    delivery_id=None,
                    promises=self.promises,
                )
                told |= {article.id: article.datestamp for article in articles}
        for announced in sorted(set(told.values())):
            changes.in_time(self.work.catalogue, announced)
        done = self.of(feed)
        for name, one in zip(names, waiting, strict=True):
            sealed = one.entering.sealed
            del self.waiting[name]
            done.bags, done.bytes = done.bags + 1, done.bytes + sealed.bytes
            log.info("mirrored", feed=feed.name, article=sealed.article_id, version=sealed.version, seal=sealed.seal)

    def _witness(self, session: Session, one: _Kept, at: datetime) -> None:
        testimony.witness(
            session,
            EventType.CAPTURE,
            at=at,
            outcome="success",
            agent=self.work.agent,
            detail=one.came,
            article_id=one.entering.sealed.article_id,
            version=one.entering.sealed.version,
        )

    def problem(self, feed: Feed, offered: Offered, error: NotKept | WouldOverwrite) -> str:
        """Told among the figures too: a conflict, or what was refused."""
        done = self.of(feed)
        conflict = isinstance(error, WouldOverwrite)
        problem = f"a person decides: {error}" if conflict else f"no bag that can be kept: {error}"
        (done.conflicts if conflict else done.refused).append({"name": offered.name, "problem": problem})
        return problem

    def _withdraw(self, feed: Feed, source: Source, article: str) -> None:
        """An article that the other archive shows no more, and that is shown here, is withdrawn here."""
        if self._state(article) is not ArticleState.ACTIVE:
            return
        told = _archive(source).tells(article)
        if told.get("state") != ArticleState.WITHDRAWN:
            return
        word = _word(feed, told.get("withdrawn") or {}, _NO_REASON)
        _decided(lambda: deaccession.withdraw(self.work, article, word))
        self.of(feed).withdrawn += 1

    def _restore(self, feed: Feed, source: Source, article: str) -> None:
        """What was withdrawn here because it was withdrawn there is shown again with it; our own decisions stand."""
        if self._state(article) is not ArticleState.WITHDRAWN:
            return
        with self.work.catalogue.reading() as session:
            last = next(reversed(notices.of(session, article)), None)
        if last is None or last.kind != NoticeKind.WITHDRAWAL or last.by != _by(feed):
            return
        told = _archive(source).tells(article)
        if told.get("state") != ArticleState.ACTIVE:
            return
        there = [one for one in told.get("notices") or [] if one.get("kind") == NoticeKind.RESTORATION]
        word = _word(feed, there[-1] if there else {}, _SHOWN_AGAIN)
        _decided(lambda: deaccession.restore(self.work, article, word))
        self.of(feed).restored += 1

    def _state(self, article: str) -> ArticleState | None:
        with self.work.catalogue.reading() as session:
            found = holdings.find_article(session, article)
            return ArticleState(found.state) if found is not None else None


def _publisher(one: _Kept) -> str:
    return one.publisher


def _archive(source: Source) -> ResourceSyncSource:
    assert isinstance(source, ResourceSyncSource)
    return source


def _decided(decide: Callable[[], object]) -> None:
    """What cannot be decided as things stand here (a disposal is under way) is tried again at the next look."""
    try:
        decide()
    except NotNow as error:
        raise NotAsPromised(str(error)) from error


def _by(feed: Feed) -> str:
    """Who decides here: the other archive, by its name and its host."""
    host = urlsplit(feed.place).hostname or feed.place
    return f"{' '.join(feed.publisher.split())[: _LONGEST_NAME - len(host) - 3]} ({host})"[:_LONGEST_NAME]


def _word(feed: Feed, told: Mapping[str, Any], otherwise: str) -> Word:
    """Their reason, as far as it is a text that a page of ours can show."""
    reason, language = told.get("reason"), told.get("language")
    text = reason.strip() if isinstance(reason, str) else ""
    text = "".join(c for c in text if c.isprintable() or c in "\n\r\t")[: deaccession.LONGEST_REASON]
    return Word(_by(feed), text or otherwise, language if language in deaccession.LANGUAGES else None)

"""The feeds, wired from the settings: the inbox is one feed of the kind folder for every publisher's folder in it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from config.feed_settings import FeedSettings
from config.settings import Settings
from ingest.deposits import Collection
from ingest.feeds import Feed, Source
from ingest.feeds.content import Rule
from ingest.feeds.folder import FolderSource
from repository.errors import UsageError

if TYPE_CHECKING:
    from ingest.feeds.oai import OaiSource

INBOX = "inbox/"
"""Begins the name of every feed that is a folder of the inbox; no feed of the settings may have a slash."""


def configured(settings: Settings) -> list[Feed]:
    """The feeds of the settings file, in its order."""
    return [feed_of(one, settings) for one in settings.feeds]


def inboxes(settings: Settings) -> list[Feed]:
    """A feed for each folder ``home/inbox/<publisher>``: looked at whenever asked, emptied of what is kept."""
    root = settings.archive.home / "inbox"
    root.mkdir(exist_ok=True)
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [_inbox(folder, settings) for folder in folders if _is_text(folder.name)]


def feed_of(one: FeedSettings, settings: Settings) -> Feed:
    """One feed of the settings; nothing is connected yet."""
    return Feed(
        name=one.name,
        publisher=one.publisher,
        kind=one.kind,
        place=one.url,
        open=lambda: _source(one, settings),
        next_after=one.next_after(settings.archive.time_zone),
        quiet_seconds=one.quiet_seconds if one.kind not in {"oai", "pln", "resourcesync"} else 0,
        profile=one.profile,
        cadence_days=one.cadence_days,
        pattern=one.pattern,
        ignore=tuple(one.ignore),
        after=one.after,
        sidecar=one.sidecar,
        max_wait_days=one.max_wait_days,
        max_bytes=settings.ingest.max_delivery_bytes,
    )


def collections(settings: Settings) -> list[Collection]:
    """The feeds of the kind pln, as those who deposit see them."""
    return [
        Collection(
            feed=feed_of(one, settings),
            folder=_entries(one, settings),
            journals=frozenset(one.journals),
            terms=tuple(one.terms),
            terms_updated=one.terms_updated,
            user=one.user,
            password=one.secret,
        )
        for one in settings.feeds
        if one.kind == "pln" and one.terms_updated is not None
    ]


def _entries(one: FeedSettings, settings: Settings) -> Path:
    return settings.archive.home / "feeds" / one.name / "deposits"


def _inbox(folder: Path, settings: Settings) -> Feed:
    name = f"{INBOX}{folder.name}"
    return Feed(
        name=name,
        publisher=folder.name,
        kind="folder",
        place=folder.as_uri(),
        open=lambda: FolderSource(name, folder, deep=False),
        next_after=lambda at: at,
        quiet_seconds=settings.ingest.quiet_seconds,
        after="delete",
        max_bytes=settings.ingest.max_delivery_bytes,
    )


def _source(one: FeedSettings, settings: Settings) -> AbstractContextManager[Source]:
    place = urlsplit(one.url)
    path = unquote(place.path)
    if one.kind == "folder":
        return FolderSource(one.name, Path(path))
    # Here and not above: nobody without such a feed waits for its library.
    if one.kind == "s3":
        from ingest.feeds.s3 import S3Source
        from repository.storage.s3 import ForeignBucket

        bucket = ForeignBucket(
            one.name,
            place.netloc,
            path,
            endpoint_url=one.endpoint_url,
            region=one.region,
            access_key=one.access_key or "",
            secret_key=one.secret() or "",
        )
        return nullcontext(S3Source(bucket))
    if one.kind == "oai":
        return _repository(one, settings)
    if one.kind == "pln":
        from ingest.feeds.pln import PlnSource

        most = settings.ingest.max_delivery_bytes
        return PlnSource(one.name, one.url, _entries(one, settings), max_bytes=most, ca_file=one.ca_file)
    if one.kind == "resourcesync":
        from ingest.feeds.resourcesync import ResourceSyncSource

        mark = settings.archive.home / "feeds" / one.name / "followed.json"
        return ResourceSyncSource(one.name, one.url, mark, key=one.secret(), ca_file=one.ca_file)
    if one.kind == "sftp":
        from ingest.feeds.sftp import Account, SftpSource, believed

        host, port = place.hostname or "", place.port or 22
        keys = one.host_keys()
        try:
            believed(keys, host, port)
        except ValueError as error:
            raise UsageError(f"feeds.{one.name}.known_hosts: {error}") from error
        folder = path.removeprefix("/~/") if path.startswith("/~/") else path
        account = Account(host, port, folder, one.user or "", keys, one.secret(), one.key_file)
        return SftpSource(one.name, account)
    from ingest.feeds.https import HttpsSource

    most = settings.ingest.max_delivery_bytes
    return HttpsSource(one.name, one.url, user=one.user, password=one.secret(), ca_file=one.ca_file, max_bytes=most)


def _repository(one: FeedSettings, settings: Settings) -> OaiSource:
    from ingest.feeds.asking import Asking
    from ingest.feeds.oai import Harvest, OaiSource

    harvest = Harvest(
        one.url,
        one.metadata_prefix,
        one.set_spec,
        overlap=timedelta(hours=one.overlap_hours),
        rules=tuple(Rule.read(text) for text in one.content_links),
        max_bytes=settings.ingest.max_delivery_bytes,
    )
    asking = Asking(one.name, one.url, one.content_hosts, user=one.user, password=one.secret(), ca_file=one.ca_file)
    return OaiSource(one.name, harvest, asking, settings.archive.home / "feeds" / one.name / "harvest.json")


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

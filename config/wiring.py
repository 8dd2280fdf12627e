"""Every room's parts are put together here, once, from the settings; the rooms are handed values."""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from config import feeding, languages
from config.kept_files import text_in
from config.settings import Settings, StoreSettings
from ingest.feeds import Feed
from repository.catalogue import Catalogue, copies, schema
from repository.catalogue import filling as stocking
from repository.errors import StoreUnavailable, UsageError
from repository.mail import MailServer
from repository.promise import Promises
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.storage.durable import write_once
from repository.storage.retrying import RetryingStore
from repository.texts import marked
from repository.vocabulary import utc_now

# Whatever one command needs and another does not is imported where it is used: `mahfuz status` does not wait for
# the libraries of ingest, and nobody without a bucket for boto3.
if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from config.app import Rooms
    from fixity.evidence.room import Evidence
    from fixity.filling import Filling
    from fixity.forecast import Policy
    from fixity.lookout import Lookout
    from fixity.notary import Notary
    from fixity.telling import Telling
    from fixity.watch import Watch
    from ingest.burning import Rehearsing
    from ingest.deaccession import Deaccession
    from ingest.digests import Post
    from ingest.door import Door
    from ingest.ledger import Bookkeeping
    from ingest.mirroring import Mirror
    from ingest.rebuild import Rebuilding
    from ingest.survivors import Salvaging
    from oai_pmh.verbs import Window
    from repository.access.lists import Publishing
    from repository.catalogue.hints import Hint
    from repository.storage.s3 import ObjectLock, S3Store
    from repository.time_stamps import Authority
    from repository.web.streaming import OpenRange

_SECRET = re.compile(rb"[0-9a-f]{64}\s*")

GONE = (
    "the store {0!r} keeps copies and is not in the settings any more: its copies are in doubt. Write its [[stores]] "
    "table in again under this name, or have it retired on /staff/storage (docs/stores.md)"
)
RETIRED = (
    "the store {0!r} was retired on {1} and is left alone: take its [[stores]] table out of the settings, and start "
    "all parts again; what is to be a store again needs another name (docs/stores.md)"
)

log = logging.getLogger(__name__)

AGENT = f"mahfuz {version('mahfuz')}"
STORE_ATTEMPTS = 3
STORE_DEADLINE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive, wired: its settings, its catalogue, and its stores in the order of the settings."""

    settings: Settings
    catalogue: Catalogue
    stores: tuple[Store, ...]
    places: Mapping[str, str]
    """Store name to where it stands, for the pages."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each setting came from; empty: that was not told."""

    @property
    def home(self) -> Path:
        """The archive's own folder."""
        return self.settings.archive.home

    @property
    def dumps(self) -> Path:
        """Where the archive's records lie as files for harvesters."""
        return self.home / "dumps"

    @property
    def by_name(self) -> dict[str, Store]:
        """The stores by their names, in copy order."""
        return {store.name: store for store in self.stores}

    def store(self, name: str) -> Store:
        """The store of this name. Raises UsageError that lists the names there are."""
        if name not in self.by_name:
            raise UsageError(f"no store is named {name!r}; there are: {', '.join(self.by_name)}")
        return self.by_name[name]

    def promises(self) -> Promises:
        """What is promised of every copy."""
        return self.settings.policy.promises

    def policies(self) -> dict[str, Policy]:
        """What is promised for each store, and what the watch may take of it."""
        from fixity.forecast import Policy

        given, promises = self.settings.policy, self.promises()
        return {
            store.name: Policy(
                promises.otherwise.of(store.name),
                given.audit_megabytes_per_second_of.get(store.name, given.audit_megabytes_per_second),
                given.audit_requests_per_second_of.get(store.name, given.audit_requests_per_second),
                promises.classes,
            )
            for store in self.stores
        }

    def deaccession(self) -> Deaccession:
        """What withdrawing and disposing is given."""
        from ingest.deaccession import Deaccession

        policy = self.settings.policy
        return Deaccession(
            catalogue=self.catalogue,
            stores=self.stores,
            agent=AGENT,
            clock=utc_now,
            wait_days=policy.disposal_wait_days,
            delay_days=policy.disposal_store_delay_days,
        )

    def salvaging(self) -> Salvaging:
        """What a salvage is given."""
        from ingest.survivors import Salvaging

        return Salvaging(
            catalogue=self.catalogue,
            stores=self.stores,
            home=self.home,
            agent=AGENT,
            clock=utc_now,
            promises=self.promises(),
        )

    def mirror(self) -> Mirror:
        """What keeping the bags of other archives is given."""
        from ingest.mirroring import Mirror

        return Mirror(self.deaccession(), self.promises())

    def door(self) -> Door:
        """What ingest is given."""
        from ingest.door import Door
        from ingest.profiles import Profiles
        from ingest.unpack import Limits
        from ingest.virus import Clamd

        limits = self.settings.ingest
        return Door(
            catalogue=self.catalogue,
            stores=self.stores,
            home=self.home,
            agent=AGENT,
            clock=utc_now,
            promises=self.promises(),
            limits=Limits(
                members=limits.max_members,
                member_bytes=limits.max_member_bytes,
                total_bytes=limits.max_delivery_bytes,
            ),
            parallel=limits.parallel,
            processes=min(limits.parallel, os.cpu_count() or 1),
            profiles=Profiles(tuple(one.value() for one in self.settings.profiles)),
            virus_scanner=Clamd(limits.clamd) if limits.clamd else None,
        )

    def feeds(self) -> list[Feed]:
        """The feeds of the settings, and one for each publisher's folder in the inbox."""
        return [*feeding.configured(self.settings), *feeding.inboxes(self.settings)]

    def watch(self, stopping: Callable[[], bool] = lambda: False) -> Watch:
        """What the night watch is given; ``stopping`` ends what it does early."""
        from fixity.budget import Budget
        from fixity.watch import Watch

        policies = self.policies()
        budgets = {
            name: Budget(1e6 * one.megabytes_per_second, one.requests_per_second, stopping=stopping)
            for name, one in policies.items()
        }
        return Watch(
            catalogue=self.catalogue,
            stores=self.by_name,
            promises=self.promises(),
            quarantine=self.home / "quarantine",
            canaries=self.home / "canaries",
            unreadable_days=self.settings.policy.unreadable_days,
            agent=AGENT,
            clock=utc_now,
            stopping=stopping,
            budgets=budgets,
        )

    def filling(self, stopping: Callable[[], bool] = lambda: False) -> Filling:
        """What filling a store that was added is given; ``stopping`` ends it early."""
        from fixity.budget import Budget
        from fixity.filling import Filling

        given = self.settings.policy
        rates = {
            name: given.fill_megabytes_per_second_of.get(name, given.fill_megabytes_per_second) for name in self.by_name
        }
        budgets = {name: Budget(1e6 * rate, stopping=stopping) for name, rate in rates.items()}
        return Filling(self.watch(stopping), budgets)

    def notary(self) -> Notary:
        """What signing and proving the testimony are given."""
        from fixity.notary import Notary
        from repository.signing import Signer

        return Notary(
            catalogue=self.catalogue,
            stores=self.by_name,
            signer=Signer(self.home),
            archive=self.settings.archive.repository_identifier,
            scratch=self.home,
            clock=utc_now,
            authority=self.time_stamp_authority(),
        )

    def time_stamp_authority(self) -> Authority | None:
        """Who stamps signed heads with the time; None where the settings name nobody.

        Raises UsageError for certificates that cannot be read.
        """
        given = self.settings.testimony
        if given.time_stamp_ca_file is None:
            return None
        from cryptography import x509

        from repository.time_stamps import Authority

        key = "testimony.time_stamp_ca_file"
        try:
            found = x509.load_pem_x509_certificates(text_in(given.time_stamp_ca_file, key).encode())
        except ValueError as error:
            raise UsageError(f"{key}: {given.time_stamp_ca_file} holds no certificates in PEM") from error
        roots = [one for one in found if one.subject == one.issuer]
        if not roots:
            raise UsageError(f"{key}: {given.time_stamp_ca_file} holds no root certificate (one that signed itself)")
        between = [one for one in found if one.subject != one.issuer]
        return Authority(given.time_stamp_url, roots, between, given.time_stamp_seconds)

    def evidence(self) -> Evidence:
        """What making evidence is given."""
        from config.evidence import evidence

        return evidence(self, AGENT)

    def bookkeeping(self) -> Bookkeeping:
        """What laying down ledgers is given."""
        from ingest.ledger import Bookkeeping

        return Bookkeeping(
            catalogue=self.catalogue,
            stores=self.stores,
            home=self.home,
            archive=self.settings.archive.repository_identifier,
            clock=utc_now,
            days=self.promises().otherwise.of,
        )

    def open_range(self) -> OpenRange:
        """The way to the bytes of a file inside a bag."""
        stores = self.by_name
        return lambda store, key, offset, length: stores[store].open(key, offset, length)

    def publishing(self) -> Publishing:
        """What making lists of what is held is given."""
        from repository.access.lists import Publishing

        who = self.settings.archive
        return Publishing(
            catalogue=self.catalogue,
            folder=self.home / "lists",
            base_url=who.base_url.rstrip("/"),
            archive=who.name,
            identifier=who.repository_identifier,
            stores=tuple(self.places),
            time_zone=who.time_zone,
        )

    def mail_server(self) -> MailServer | None:
        """The server that takes our letters, None where there is none. Raises UsageError for an unreadable secret."""
        mail = self.settings.mail
        if not mail.server:
            return None
        return MailServer(mail.server, mail.port_used, mail.security, mail.user, mail.secret(), mail.ca_file)

    def post(self) -> Post | None:
        """What digests are sent with, None where there is no mail server or no publisher is written to."""
        from ingest.digests import Addressee, Post

        server, mail, who = self.mail_server(), self.settings.mail, self.settings.archive
        if server is None or not mail.publishers:
            return None
        return Post(
            catalogue=self.catalogue,
            server=server,
            sender=mail.sender,
            copies_to=tuple(mail.recipients),
            addressees={
                " ".join(one.name.split()): Addressee(tuple(one.recipients), one.language) for one in mail.publishers
            },
            at=mail.at,
            zone=ZoneInfo(who.time_zone),
            archive=who.name,
            email=who.admin_email,
            base_url=who.base_url,
            identifier=who.repository_identifier,
            secret=secret_key(self.home),
            texts={code: texts.gettext for code, texts in languages.load(("tr", "en")).items()},
            clock=utc_now,
        )

    def telling(self) -> Telling:
        """What alerts are told with. Raises UsageError for an unreadable secret."""
        from fixity.telling import Telling
        from repository.webhook import Webhook

        alerts, who = self.settings.alerts, self.settings.archive
        return Telling(
            catalogue=self.catalogue,
            clock=utc_now,
            archive=who.name,
            email=who.admin_email,
            base_url=who.base_url,
            identifier=who.repository_identifier,
            zone=ZoneInfo(who.time_zone),
            texts=languages.load(who.languages),
            server=self.mail_server(),
            sender=self.settings.mail.sender,
            recipients=tuple(alerts.recipients),
            escalate_to=tuple(alerts.escalate_to),
            webhooks=tuple(Webhook(one.name, one.url, one.key()) for one in alerts.webhooks),
            gather=timedelta(minutes=alerts.digest_minutes),
            escalate=timedelta(hours=alerts.escalate_hours),
        )

    def lookout(self, part: str) -> Lookout:
        """What the ``part`` that runs in this process (``clock``, ``worker``, ``web``) looks out with."""
        import fixity.causes
        import ingest.causes
        from fixity.lookout import Lookout
        from repository.catalogue.heartbeats import Who

        alerts = self.settings.alerts
        return Lookout(
            telling=self.telling(),
            who=Who(part, socket.gethostname(), os.getpid(), utc_now(), AGENT),
            questions=[
                *fixity.causes.questions(
                    self.promises().otherwise.of,
                    timedelta(hours=alerts.round_hours),
                    self.policies(),
                    stamped=bool(self.settings.testimony.time_stamp_url),
                    rehearsal_days=self.settings.policy.rehearsal_days,
                ),
                *ingest.causes.questions(self.feeds, timedelta(days=alerts.quarantine_days)),
            ],
            silent_seconds=alerts.silent_seconds,
            parts=alerts.parts,
            sign_url=alerts.heartbeat_url.get_secret_value(),
            sign_every=60 * alerts.heartbeat_minutes,
        )

    def rehearsing(self, only: str | None, sample: int | None) -> Rehearsing:
        """What a rehearsal of a rebuild is given."""
        from ingest.burning import Rehearsing

        return Rehearsing(self.bookkeeping(), self.rebuilding(only), only, sample)

    def rebuilding(self, only: str | None) -> Rebuilding:
        """What a rebuild is given: it reads every store in full, or ``only`` one and lists the others."""
        from ingest.rebuild import Rebuilding

        read = (self.store(only),) if only else self.stores
        return Rebuilding(
            catalogue=self.catalogue,
            stores=read,
            other_stores=tuple(store for store in self.stores if store not in read),
            home=self.home,
            agent=AGENT,
            clock=utc_now,
            promises=self.promises(),
        )


@contextmanager
def opened(
    settings: Settings, origins: Mapping[str, str] | None = None, *, with_stores: bool = True
) -> Iterator[Archive]:
    """The archive, with its embedded S3 server running where the settings name no stores of their own.

    ``with_stores=False`` for a command that asks the catalogue only. Raises UsageError, Doubt.
    """
    home = settings.archive.home
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise UsageError(f"archive.home: {home} cannot be made: {error.strerror}") from error
    with ExitStack() as stack:
        catalogue = Catalogue(settings.database_url)
        if catalogue.is_shared:
            catalogue.tell(_hinting)
        stack.callback(catalogue.close)
        stores: list[Store] = []
        if with_stores:
            stores = _stores(settings, stack)
        yield Archive(settings, catalogue, tuple(stores), _places(settings), origins or {})


def initialise(archive: Archive) -> Archive:
    """Bring the catalogue's schema up to date, make the places of stores that keep nothing yet, tidy the others.

    A store in which the catalogue knows of copies is never made anew: an empty disk in the place
    of a full one is doubt, and stays it. The archive is returned without the stores that were given up; one that is
    in the catalogue and no longer in the settings is told.
    """
    schema.migrate(archive.catalogue)
    if archive.catalogue.is_shared:
        from config import tasks

        tasks.prepare(archive.catalogue)
    with archive.catalogue.reading() as session:
        filled, retired = copies.stores_with_copies(session), stocking.retired(session)
    archive = _without(archive, retired)
    for name in sorted(filled - set(archive.places)):
        log.warning("%s", GONE.format(name))
    for store in archive.stores:
        if store.name not in filled:
            store.prepare()
            continue
        with suppress(StoreUnavailable):  # whoever needs it will hear
            store.tidy()
    return archive


def _without(archive: Archive, retired: Mapping[str, datetime]) -> Archive:
    """The archive without these stores, which its settings may still name."""
    for name in sorted(retired.keys() & archive.places.keys()):
        log.warning("%s", RETIRED.format(name, f"{retired[name]:%Y-%m-%d}"))
    return replace(
        archive,
        stores=tuple(store for store in archive.stores if store.name not in retired),
        places={name: place for name, place in archive.places.items() if name not in retired},
    )


def rooms(archive: Archive, seen_from: Window | None = None) -> Rooms:
    """What the web application is given; the window among it."""
    import oai_pmh.whole.web as whole
    from config import window
    from config.app import Rooms
    from config.doctor.questions import Patient
    from config.doctor.web import SystemRoom
    from oai_pmh.manners import Figures
    from oai_pmh.web import blueprint

    settings = archive.settings
    turns, figures = window.turns(settings), Figures()
    seen_from = seen_from or window.of(archive)
    return Rooms(
        archive=settings.archive.name,
        base_url=settings.archive.base_url,
        repository_identifier=settings.archive.repository_identifier,
        admin_email=settings.archive.admin_email,
        languages=settings.archive.languages,
        time_zone=settings.archive.time_zone,
        secret_key=secret_key(archive.home),
        catalogue=archive.catalogue,
        open_range=archive.open_range(),
        places=archive.places,
        policies=archive.policies(),
        home=archive.home,
        agent=AGENT,
        copies=settings.policy.copies,
        collections=feeding.collections(settings),
        feeds=feeding.configured(settings),
        deaccession=archive.deaccession(),
        salvaging=archive.salvaging(),
        evidence=archive.evidence(),
        threats={store.name: store.threat for store in settings.stores},
        trusted_proxies=settings.access.trusted_proxies,
        metrics_token=settings.access.token(),
        sign_on=settings.access.rules(),
        front=settings.access.saml.front() if settings.access.saml else None,
        openid=tuple(one.provider() for one in settings.access.openid),
        sign_on_lasts=timedelta(hours=settings.access.sign_on_hours),
        peers=tuple(one.peer() for one in settings.peers),
        open_blueprints=(
            blueprint(seen_from, turns, figures),
            whole.blueprint(seen_from, archive.dumps, turns, figures),
        ),
        harvested=figures,
        system=SystemRoom(Patient(archive, "web")),
    )


def secret_key(home: Path) -> bytes:
    """The archive's own signing secret, made on first use, readable by its user only.

    Raises UsageError where the file holds something else: with an empty one anybody could sign.
    """
    file = home / "secret"
    if not file.exists():
        write_once(file, secrets.token_hex(32).encode())
    found = file.read_bytes()
    if not _SECRET.fullmatch(found):
        raise UsageError(
            f"{file} does not hold the archive's secret, 64 hexadecimal digits: bring it back from a backup or another"
            " host of this archive, or remove it: then a new one is made, and everybody signs in again"
        )
    return found


def _hinting(session: Session, hint: Hint) -> None:
    from config import tasks

    tasks.hinting(session, hint)


def _places(settings: Settings) -> dict[str, str]:
    if not settings.stores:
        return {"main": marked("embedded S3 on this machine"), "second": marked("folder on this machine")}
    return {store.name: store.place for store in settings.stores}


def _stores(settings: Settings, stack: ExitStack) -> list[Store]:
    home = settings.archive.home
    if settings.stores:
        return [_patient(_store(settings, one)) for one in settings.stores]
    from config.embedded import embedded_s3
    from repository.storage.s3 import S3Store

    server = stack.enter_context(embedded_s3(home))
    main = S3Store(
        "main",
        bucket=server.bucket,
        prefix="",
        endpoint_url=server.endpoint_url,
        region="us-east-1",
        access_key=server.access_key,
        secret_key=server.secret_key,
        lock=_lock(settings, "main"),
    )
    return [_patient(main), _patient(DirectoryStore("second", home / "stores" / "second"))]


def _store(settings: Settings, one: StoreSettings) -> S3Store | DirectoryStore:
    if one.url.startswith("file:///"):
        return DirectoryStore(one.name, Path(one.url.removeprefix("file://")))
    from repository.storage.s3 import S3Store

    place = urlsplit(one.url)
    return S3Store(
        one.name,
        bucket=place.netloc,
        prefix=place.path.strip("/"),
        endpoint_url=one.endpoint_url,
        region=one.region,
        access_key=one.access_key or "",
        secret_key=one.secret(),
        lock=_lock(settings, one.name),
    )


def _lock(settings: Settings, store: str) -> ObjectLock | None:
    from repository.storage.s3 import LockMode, ObjectLock

    policy = settings.policy
    days = policy.object_lock_days_of.get(store, policy.object_lock_days)
    return ObjectLock(LockMode(policy.object_lock_mode), days) if days else None


def _patient(store: S3Store | DirectoryStore) -> Store:
    return RetryingStore(store, attempts=STORE_ATTEMPTS, deadline_seconds=STORE_DEADLINE_SECONDS)

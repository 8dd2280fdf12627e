"""Two hosts, one PostgreSQL, two S3 servers, and every few seconds something is killed: nothing is lost, doubled or
falsely intact."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published, delivery
from full_size import FULL, sized
from installation import Installation, s3_store_table
from servers import PostgreSQLServer, S3Server
from sqlalchemy import func, select, text

from config import embedded
from config.embedded import embedded_s3
from repository.catalogue import Catalogue
from repository.errors import DatabaseUnavailable
from repository.models import Aip, Article, Copy, Delivery, DeliveryArticle, Event
from repository.vocabulary import ArticleOutcome, DeliveryState, EventType

pytestmark = [
    pytest.mark.xdist_group("killed hosts"),
    pytest.mark.skipif(not FULL, reason="`make prove` kills two hosts; the suite leaves them whole"),
]

ARTICLES = sized(24, 5_000)
IN_A_DELIVERY = sized(4, 20)
STORM_SECONDS = sized(16.0, 600.0)
EVERY_SECONDS = sized(3.0, 5.0)
AWAY_SECONDS = sized(1.0, 4.0)
"""How long an S3 server that was killed is gone."""
FLIPPED = sized(3, 50)
PATIENCE_SECONDS = sized(240.0, 3600.0)
STORES = ("ankara", "izmir")
PUBLISHER = "yayinevi"


@dataclass
class Host:
    """A machine as far as one can be played: a home, a worker and a clock, begun anew when they fall."""

    installation: Installation
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def keep(self) -> None:
        """What systemd does: a part that fell is begun anew."""
        for part in ("worker", "clock"):
            process = self.running.get(part)
            if process is None or process.poll() is not None:
                assert process is None or process.returncode in (-signal.SIGKILL, 0, 3), (
                    f"{part} ended with {process.returncode}"
                )
                self.running[part] = self._begun(part)

    def _begun(self, part: str) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAHFUZ_")}
        log = (self.installation.home / f"{part}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "config.cli", "--config", str(self.installation.file), part],
                stdout=log,
                stderr=log,
                env=environment,
                cwd=Path(__file__).parents[2],
            )

    def kill(self, part: str) -> None:
        self.running[part].kill()
        self.running[part].wait()

    def end(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class Nation:
    """All of it, and what was struck how often."""

    hosts: list[Host]
    servers: list[tuple[Path, S3Server]]
    catalogue: Catalogue
    dice: random.Random
    struck: Counter[str] = field(default_factory=Counter)
    gone: dict[int, float] = field(default_factory=dict)

    def strike(self) -> None:
        """One of: a worker, a clock, half of the database's connections, an S3 server."""
        what = self.dice.choice(["worker", "worker", "clock", "connections", "s3"])
        if what in ("worker", "clock"):
            self.dice.choice(self.hosts).kill(what)
        elif what == "connections":
            with suppress(DatabaseUnavailable), self.catalogue.writing() as rows:
                cut = rows.execute(
                    text(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
                    )
                ).scalar_one()
                self.struck["connections cut"] += cut
        elif not self.gone:  # never both at once: nothing could be done then
            number = self.dice.randrange(len(self.servers))
            pid = json.loads((self.servers[number][0] / "embedded" / "server.json").read_text())["pid"]
            os.kill(pid, signal.SIGKILL)
            self.gone[number] = time.monotonic()
        self.struck[what] += 1

    def keep(self) -> None:
        """Everything that fell is begun anew; an S3 server after a while."""
        for number, since in list(self.gone.items()):
            if time.monotonic() - since > AWAY_SECONDS:
                embedded.revive(self.servers[number][0])
                del self.gone[number]
        for host in self.hosts:
            host.keep()

    def asked(self, statement: Any) -> Any:
        """One figure of the catalogue, though connections are cut."""
        while True:
            try:
                with self.catalogue.reading() as rows:
                    return rows.execute(statement).scalar()
            except DatabaseUnavailable:
                time.sleep(0.2)

    def until(self, true: Any, what: str, *, storm: float | None = None) -> None:
        """Wait until it is so, with something struck every so many seconds."""
        deadline, struck = time.monotonic() + PATIENCE_SECONDS, time.monotonic()
        while not true():
            assert time.monotonic() < deadline, f"never: {what}"
            if storm is not None and time.monotonic() - struck > storm:
                self.strike()
                struck = time.monotonic()
            self.keep()
            time.sleep(0.2)


@contextmanager
def nation(folder: Path, server: PostgreSQLServer) -> Iterator[Nation]:
    with ExitStack() as stack:
        url = stack.enter_context(server.fresh_database())
        servers = []
        for name in STORES:
            place = folder / name
            place.mkdir()
            running = stack.enter_context(embedded_s3(place))
            s3 = S3Server(running.endpoint_url, running.access_key, running.secret_key)
            s3.make_bucket(name)
            servers.append((place, s3))
        hosts = []
        for name in ("birinci", "ikinci"):
            stores = [s3_store_table(store, s3, store) for store, (_, s3) in zip(STORES, servers, strict=True)]
            more = f'[database]\nurl = "{url}"\n[ingest]\nquiet_seconds = 0\ntick_seconds = 1\n'
            more += "[policy]\nfixity_tick_seconds = 2\nrehearsal_days = 0\n"
            hosts.append(Host(Installation(folder / name, *stores, more=more)))
        hosts[0].installation.run("init")
        for secret in ("secret", "signing"):
            source = hosts[0].installation.home / secret
            if source.exists():
                subprocess.run(["cp", "-a", str(source), str(hosts[1].installation.home)], check=True)
        catalogue = Catalogue(url)
        stack.callback(catalogue.close)
        found = Nation(hosts, servers, catalogue, random.Random(2026))
        try:
            yield found
        finally:
            for host in hosts:
                host.end()
            for number in found.gone:
                embedded.revive(servers[number][0])


def delivered(nation: Nation) -> None:
    """Every delivery lies whole in the inbox of one of the two homes."""
    for number in range(ARTICLES // IN_A_DELIVERY):
        home = nation.hosts[number % 2].installation.home
        folder = home / "inbox" / PUBLISHER
        folder.mkdir(parents=True, exist_ok=True)
        articles = [Published(f"10.5555/k.{number}.{at}") for at in range(IN_A_DELIVERY)]
        whole = delivery(home / f"{number}.zip", articles)
        whole.rename(folder / whole.name)


def flipped(nation: Nation, key: str, store: int) -> None:
    """One bit of this object is another one, put there behind the archive's back."""
    _, server = nation.servers[store]
    client = server.client()
    data = bytearray(client.get_object(Bucket=STORES[store], Key=key)["Body"].read())
    data[nation.dice.randrange(len(data))] ^= 1 << nation.dice.randrange(8)
    client.put_object(Bucket=STORES[store], Key=key, Body=bytes(data))


def test_what_two_hosts_take_in_and_read_while_everything_is_killed_is_all_there_and_true(
    tmp_path: Path, postgresql_server: PostgreSQLServer
) -> None:
    with nation(tmp_path, postgresql_server) as all_of_it:
        delivered(all_of_it)
        began = time.monotonic()
        kept = select(func.count()).select_from(Article)
        all_of_it.until(
            lambda: time.monotonic() - began > STORM_SECONDS / 2 or all_of_it.asked(kept) == ARTICLES,
            "half of the storm",
            storm=EVERY_SECONDS,
        )
        # Everything falls due at once, while the rest is still taken in; some of it is damaged before.
        with_copies = select(Aip.article_id, Aip.seal).order_by(Aip.article_id).limit(FLIPPED)
        all_of_it.until(lambda: all_of_it.asked(kept) >= FLIPPED, "enough to damage")
        for number in list(all_of_it.gone):
            all_of_it.gone[number] = 0.0
        all_of_it.keep()
        with all_of_it.catalogue.reading() as rows:
            victims = list(rows.execute(with_copies))
        for number, victim in enumerate(victims):
            flipped(all_of_it, _key(victim.article_id), number % 2)
        damaged_at = all_of_it.asked(select(func.now()))
        with all_of_it.catalogue.engine.begin() as bare:
            late = "next_due = '1990-01-01', promised_until = '1990-01-01', lease = NULL, lease_until = NULL"
            bare.execute(text(f"UPDATE copy SET {late}"))
        all_of_it.until(
            lambda: time.monotonic() - began > STORM_SECONDS, "the other half of the storm", storm=EVERY_SECONDS
        )
        waiting = select(func.count()).select_from(Delivery).where(Delivery.state != DeliveryState.ACCEPTED)
        inboxes = [host.installation.home / "inbox" / PUBLISHER for host in all_of_it.hosts]
        all_of_it.until(
            lambda: not any(list(folder.iterdir()) for folder in inboxes) and all_of_it.asked(waiting) == 0,
            "every delivery is taken in",
        )
        # What a killed round had claimed is free when its lease has ended; what it had begun to mend is tried again
        # then. That hour is let pass at once.
        for late in (
            "lease_until = lease_until - interval '1 hour' WHERE lease_until IS NOT NULL",
            "next_due = next_due - interval '1 hour' WHERE state <> 'intact'",
        ):
            with all_of_it.catalogue.engine.begin() as bare:
                bare.execute(text(f"UPDATE copy SET {late}"))
        ill = select(func.count()).select_from(Copy).where((Copy.state != "intact") | (Copy.next_due < func.now()))
        all_of_it.until(lambda: all_of_it.asked(ill) == 0, "every copy is read, and whole")
        print(f"\nstruck in {time.monotonic() - began:.0f} s: {dict(all_of_it.struck)}")
        assert all_of_it.struck, "nothing was struck"
        for what in ("worker", "clock", "connections", "s3"):
            assert all_of_it.struck[what] >= (1 if FULL else 0), f"{what} was never struck"
        _all_there_once(all_of_it)
        _told_truly(all_of_it, victims, damaged_at)


def _key(article: str) -> str:
    return f"{article[:2]}/{article[2:4]}/{article}/v1.tar"


def _all_there_once(nation: Nation) -> None:
    """5,000 articles, each of one version, its two copies byte for byte what their seal says; each in one receipt."""
    with nation.catalogue.reading() as rows:
        aips = list(rows.execute(select(Aip.article_id, Aip.version, Aip.seal)))
        articles = rows.execute(select(func.count()).select_from(Article)).scalar_one()
        lines = Counter(rows.execute(select(DeliveryArticle.article_id)).scalars())
        outcomes = set(rows.execute(select(DeliveryArticle.outcome)).scalars())
        ingested = Counter(rows.execute(select(Event.article_id).where(Event.type == EventType.INGESTION)).scalars())
    assert articles == ARTICLES
    assert len(aips) == ARTICLES
    assert {version for _, version, _ in aips} == {1}
    assert outcomes == {ArticleOutcome.ACCEPTED}
    assert len(lines) == ARTICLES
    assert set(lines.values()) == {1}
    assert set(ingested.values()) == {1}
    for number, (_, server) in enumerate(nation.servers):
        client = server.client()
        keys = set()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=STORES[number]):
            keys |= {one["Key"] for one in page.get("Contents", ()) if one["Key"].endswith("/v1.tar")}
        assert keys == {_key(article) for article, _, _ in aips}
        for article, _, seal in aips:
            data = client.get_object(Bucket=STORES[number], Key=_key(article))["Body"].read()
            assert hashlib.sha256(data).hexdigest() == seal, f"{article} in {STORES[number]} is told intact"


def _told_truly(nation: Nation, victims: list[Any], damaged_at: Any) -> None:
    """Each damaged copy was found damaged: nobody read it as whole before it was mended."""
    with nation.catalogue.reading() as rows:
        for number, victim in enumerate(victims):
            events = rows.execute(
                select(Event.type, Event.outcome)
                .where(Event.article_id == victim.article_id, Event.store == STORES[number % 2], Event.at >= damaged_at)
                .order_by(Event.id)
            ).all()
            checks = [event.outcome for event in events if event.type == EventType.FIXITY_CHECK]
            # Doubt of a store that was away may come first, and says nothing.
            assert [outcome for outcome in checks if outcome != "unknown"][:1] == ["failure"], (victim, events)
            # Who replaced it may have been killed before it could say so: then the next one read it whole.
            assert any(event.type == EventType.RECOVERY for event in events) or "success" in checks, (victim, events)

"""Harvests that run while eight write: no change is missed, and no list brings a record twice."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from full_size import sized

from oai_pmh import preparing
from repository.catalogue import changes, tallies
from repository.models import Article
from repository.vocabulary import ArticleRecord, ArticleState, as_utc_text

PREFIX = "oai:arsiv.example.org:"
WRITERS = 8
CHANGES = sized(64, 500)


@dataclass
class Client:
    """One that harvests again and again; what it knows of each record is what came last."""

    choose: Callable[[Any, list[str]], str | None]
    since: str
    known: dict[str, tuple[str, bool]] = field(default_factory=dict)
    lists: int = 0
    grew: int = 0
    twice: list[str] = field(default_factory=list)

    def harvest(self, harvester: Any) -> None:
        first, stamps, headers = None, [], []
        for page in harvester.pages("ListIdentifiers", metadataPrefix="oai_dc", since=self.since):
            first = first or page
            for node in page.root.iter("{http://www.openarchives.org/OAI/2.0/}header"):
                name, stamp = node[0].text, node[1].text
                headers.append(name)
                stamps.append(stamp)
                before = self.known.get(name)
                self.known[name] = max(before or ("", False), (stamp, node.get("status") == "deleted"))
                self.grew += self.known[name] != before
        self.lists += 1
        self.twice += [name for name, times in Counter(headers).items() if times > 1]
        self.since = self.choose(first, stamps) or self.since


def test_eight_writers_and_two_clients(
    archive: Any, window: Any, harvester_of: Any, article: Callable[[int], ArticleRecord]
) -> None:
    """One client goes on from the responseDate of its first page, the other from the newest datestamp it saw."""
    harvester = harvester_of(replace(window, page_size=7))
    archive.fill(60)
    preparing.prepare(window, ["oai_dc"], lambda: False)
    begin = "2024-01-01T00:00:00Z"
    by_answer = Client(lambda first, _: first.moment, begin)
    by_newest = Client(lambda _, stamps: max(stamps, default=None), begin)
    over = threading.Event()
    made = Counter[str]()

    def write(writer: int) -> None:
        chance = random.Random(writer)
        versions: dict[int, int] = {}
        for turn in range(CHANGES // WRITERS):
            # Each has articles of its own: what two do to one is the door's affair.
            number = writer + WRITERS * (
                turn if chance.random() < 0.5 or not versions else chance.choice([*versions]) // WRITERS
            )
            gone = number in versions and chance.random() < 0.3
            with archive.catalogue.writing() as session:
                if gone:
                    stamp = _moved(session, archive.ids_of[number])
                else:
                    versions[number] = versions.get(number, 0) + 1
                    described = replace(article(1000 + number), title=f"{number} v{versions[number]}")
                    name = archive.enter(session, described, "Örnek Yayınevi", None, versions[number])
                    archive.ids_of[number] = name
                    stamp = session.get_one(Article, name).datestamp
                over.wait(chance.random() * 0.06)  # between the stamp and the commit
            made["gone" if gone else "new" if versions[number] == 1 else "corrected"] += 1
            changes.in_time(archive.catalogue, stamp)
            over.wait(chance.random() * 0.2)

    archive.ids_of = {}
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        running = [pool.submit(write, writer) for writer in range(WRITERS)]

        def lay() -> None:
            while not over.is_set():
                preparing.prepare(window, ["oai_dc"], over.is_set)
                over.wait(0.5)

        laying = pool.submit(lay)
        while not all(one.done() for one in running):
            by_answer.harvest(harvester)
            by_newest.harvest(harvester)
        over.set()
        for one in (*running, laying):
            one.result()
    last = datetime.now(UTC) + timedelta(seconds=4)
    while datetime.now(UTC) < last:
        over.wait(0)
    by_answer.harvest(harvester)
    by_newest.harvest(harvester)

    with archive.catalogue.reading() as session:
        there = {
            PREFIX + one.id: (as_utc_text(one.datestamp), one.state == ArticleState.WITHDRAWN)
            for one in session.query(Article)
        }
    assert min(made.values()) >= sized(3, 20), made
    assert len(made) == 3
    assert by_answer.lists > 4, "they harvested while others wrote"
    assert by_answer.grew > len(there), "records came again when they had changed"
    for client in (by_answer, by_newest):
        assert client.twice == []
        assert {name: said for name, said in there.items() if client.known.get(name) != said} == {}
        assert client.known.keys() == there.keys()


def _moved(session: Any, name: str) -> datetime:
    """The article withdrawn, or shown again."""
    one = session.get_one(Article, name, with_for_update=True)
    before = ArticleState(one.state)
    after = ArticleState.ACTIVE if before is ArticleState.WITHDRAWN else ArticleState.WITHDRAWN
    one.state = after
    tallies.add(session, "articles", before, -1)
    tallies.add(session, "articles", after, 1)
    return changes.announce(session, one)

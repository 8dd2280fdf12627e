"""What no article's bag holds lies in ledgers, in every store, and comes back from any one of them."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import bagit
import pytest
import records
from deliveries import Published, delivery
from sqlalchemy import select
from whole_archive import burn, door_over, dump, rebuilding

from fixity.inventory import take_inventory
from fixity.notary import Notary
from fixity.proof import prove
from fixity.watch import Watch
from ingest import inbox, ledger_tables, pipeline
from ingest.door import Door
from ingest.ledger import Bookkeeping, lay_down
from ingest.rebuild import rebuild
from repository.access import claims, documents, licences, staff
from repository.catalogue import Catalogue, chain, decisions, ledgers, schema, titles
from repository.catalogue.titles import AgreedTitle
from repository.models import (
    Agreement,
    Article,
    Decision,
    Delivery,
    Event,
    LedgerCopy,
    Publisher,
    Staff,
    Trigger,
    TriggerScope,
    UsageDay,
)
from repository.promise import Promises
from repository.rights import ClaimState, Side
from repository.signing import Signer
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.vocabulary import LEDGERS, EventType, Verdict, utc_now

PUBLISHER = "Örnek Yayınevi"


@pytest.fixture
def stores(tmp_path: Path) -> list[Store]:
    """Two folders: what lies in them can be looked at and put aside by hand."""
    made: list[Store] = [DirectoryStore("main", tmp_path / "main"), DirectoryStore("second", tmp_path / "second")]
    for store in made:
        store.prepare()
    return made


@pytest.fixture
def door(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[Door]:
    """An archive with two articles, two members of staff, an agreed title, and a decision."""
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    door = door_over(catalogue, stores, tmp_path / "home")
    send(door, tmp_path, "1.zip", [Published(f"10.5555/defter.{number}") for number in range(2)])
    records.fill(catalogue, utc_now())
    with catalogue.writing() as session:
        staff.create(session, "ayse", "staff")
        staff.create(session, "can", "staff")
        session.execute(select(Staff).where(Staff.login == "can")).scalar_one().active = False
        other = titles.publisher_named(session, "Başka Yayınevi")
        titles.agree(session, other, [AgreedTitle("Anlaşılan Dergi", "1234-5679", None)], utc_now())
        trigger = Trigger(
            code="ceased-1", kind="publisher_ceased", audience="entitled", reason="Yayınevi kapandı.",
            effective=utc_now(), preview={"articles": 2}, proposed_by="ayse", proposed_at=utc_now(),
        )  # fmt: skip
        session.add(trigger)
        session.flush()
        session.add(TriggerScope(trigger_id=trigger.id, publisher_id=other.id))
        yesterday = utc_now().date() - timedelta(days=1)
        read = {"year": 2015, "access_type": "Controlled", "metric": "Total_Item_Requests", "number": 3}
        session.add(UsageDay(institution_id=0, day=yesterday, title_id=0, **read))
        delivered = session.execute(select(Delivery.id)).scalars().one()
        decisions.decide(session, delivered, Verdict.RELEASE, by="ayse", at=utc_now(), reason="Bakıldı.", codes=["X"])
    yield door
    catalogue.close()


def send(door: Door, folder: Path, name: str, articles: list[Published]) -> None:
    """One delivery taken in."""
    sent = delivery(folder / name, articles)
    pipeline.ingest(door, inbox.accept(door.catalogue, door.home, [sent], PUBLISHER, utc_now))


def books(door: Door, **more: object) -> Bookkeeping:
    """What laying down ledgers is given."""
    work = Bookkeeping(door.catalogue, door.stores, door.home, "mahfuz.example.org", utc_now)
    return replace(work, **more)


def keys(store: Store) -> list[str]:
    """What lies in a store where ledgers lie."""
    return [item.key for item in store.keys(LEDGERS)]


def told(door: Door) -> dict[str, list[object]]:
    """Everything that the declared tables would tell."""
    return {kept.name: list(kept.tell(door.catalogue, None)) for kept in ledger_tables.TABLES}


def links(door: Door) -> list[chain.Link]:
    """The chain of events."""
    chain.link_all(door.catalogue)
    with door.catalogue.reading() as session:
        end = chain.end_of(session)
    return list(chain.walk(door.catalogue, until=end.position))


def test_a_ledger_lies_in_every_store_as_a_bag_and_holds_no_secret(
    door: Door, stores: Sequence[DirectoryStore], tmp_path: Path
) -> None:
    done = lay_down(books(door), daily=True)
    assert (len(done.made), done.put, done.exit_status) == (1, {"main": 1, "second": 1}, 0)
    (key,) = keys(stores[0])
    assert keys(stores[1]) == [key]
    assert (stores[0].root / key).read_bytes() == (stores[1].root / key).read_bytes()
    with tarfile.open(stores[0].root / key) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    (bag,) = (tmp_path / "out").iterdir()
    assert bagit.Bag(str(bag)).is_valid()
    lines = [json.loads(line) for line in (bag / "data/staff.jsonl").read_text("utf-8").splitlines()]
    assert [(one["login"], one["active"]) for one in lines] == [("ayse", True), ("can", False)]
    with door.catalogue.reading() as session:
        secret = session.execute(select(Staff.password_hash).where(Staff.login == "ayse")).scalar_one()
    assert secret.encode() not in (stores[0].root / key).read_bytes()
    assert b"argon2" not in (stores[0].root / key).read_bytes()
    assert list((door.home / "ledger").iterdir()) == []
    assert lay_down(books(door), daily=True).made == [], "once a day"


def test_the_next_ledger_tells_what_is_new_and_no_more(door: Door, stores: Sequence[DirectoryStore]) -> None:
    now = utc_now()
    for days in range(3):
        moment = now + timedelta(days=days)
        lay_down(books(door, clock=lambda moment=moment: moment), daily=True)
    every = {f"{kept.name}.jsonl" for kept in ledger_tables.TABLES}
    recent = {f"{kept.name}.jsonl" for kept in ledger_tables.TABLES if kept.grows}
    assert [files_of(stores[0].root / key) - {"events.jsonl"} for key in keys(stores[0])] == [every, recent, set()]
    with door.catalogue.writing() as session:
        staff.create(session, "deniz", "staff")
    lay_down(books(door, clock=lambda: now + timedelta(days=3)), daily=True)
    assert files_of(stores[0].root / keys(stores[0])[3]) == {"events.jsonl", "staff.jsonl"}


def files_of(tar: Path) -> set[str]:
    """The payload of a ledger, by name."""
    with tarfile.open(tar) as opened:
        return {name.partition("/data/")[2] for name in opened.getnames() if "/data/" in name}


def test_everything_comes_back_from_one_store_alone(
    door: Door, stores: Sequence[DirectoryStore], tmp_path: Path
) -> None:
    before, tables, events = dump(door.catalogue), told(door), links(door)
    lay_down(books(door), daily=True)
    burn(door.catalogue)
    shutil.rmtree(door.home)
    door.home.mkdir()
    shutil.rmtree(stores[0].root)
    only = replace(rebuilding(door, 1), other_stores=[])
    done = rebuild(only)
    assert (done.aips, done.ledgers, done.events, done.problems) == (2, 1, len(events), [])
    after = dump(door.catalogue)
    assert after["deliveries"] == before["deliveries"]
    assert told(door) == tables
    again = links(door)
    assert again[: len(events)] == events, "the same events, numbers and hashes"
    assert [link.event["type"] for link in again[len(events) :]] == [
        "metadata modification",
        "validation",
        "validation",
    ]
    assert again[len(events)].event["detail"]["begins"] == "from ledgers"
    with door.catalogue.reading() as session:
        assert session.execute(select(Staff.password_hash).where(Staff.login == "ayse")).scalar_one() == ""
        assert {row.slug for row in session.execute(select(Publisher)).scalars()} == {
            "ornek-yayinevi",
            "baska-yayinevi",
        }
    assert (rebuild(only).ledgers, len(links(door))) == (0, len(again)), "known, and said once"


def test_a_new_event_has_a_number_behind_those_that_came_back(door: Door, tmp_path: Path) -> None:
    lay_down(books(door), daily=True)
    burn(door.catalogue)
    rebuild(rebuilding(door))
    send(door, tmp_path, "2.zip", [Published("10.5555/defter.sonra")])
    found = links(door)
    assert [link.event["id"] for link in found] == sorted({link.event["id"] for link in found})
    notary = Notary(door.catalogue, {s.name: s for s in door.stores}, Signer(door.home), "m", door.home, utc_now)
    proof = prove(notary, notary.stores)
    assert (proof.problem_count, proof.events) == (0, len(found))


def test_events_that_came_after_a_backup_are_taken_up(door: Door, tmp_path: Path) -> None:
    lay_down(books(door), daily=False)
    yesterday = links(door)
    send(door, tmp_path, "2.zip", [Published("10.5555/defter.bugun")])
    lay_down(books(door), daily=False)
    today = links(door)
    with door.catalogue.writing() as session:
        # As a backup has it: the events of today are not there, and the last ledger is not known.
        last = ledgers.latest(session)
        assert last is not None
        for row in session.execute(select(LedgerCopy).where(LedgerCopy.name == last.name)).scalars().all():
            session.delete(row)
        session.flush()
        session.delete(last)
        for event in session.execute(select(Event).where(Event.position > len(yesterday))).scalars().all():
            session.delete(event)
        end = session.get_one(chain.ChainEnd, 1)
        end.position, end.hash = yesterday[-1].position, yesterday[-1].hash
    done = rebuild(rebuilding(door))
    assert done.events == len(today) - len(yesterday)
    assert links(door)[: len(today)] == today
    assert links(door)[len(today)].event["type"] == EventType.REBUILD


def test_the_older_of_two_chains_does_not_keep_the_newer_one_out(door: Door, tmp_path: Path) -> None:
    lay_down(books(door), daily=False)
    burn(door.catalogue)
    for store in door.stores:
        (aside := tmp_path / store.name / "aside").mkdir()
        for file in sorted((tmp_path / store.name / "ledger").iterdir()):
            file.rename(aside / file.name)
    rebuild(rebuilding(door))
    later = utc_now() + timedelta(days=1)
    lay_down(books(door, clock=lambda: later), daily=False)
    newer = links(door)
    for store in door.stores:
        for file in sorted((tmp_path / store.name / "aside").iterdir()):
            file.rename(tmp_path / store.name / "ledger" / file.name)
    burn(door.catalogue)
    done = rebuild(rebuilding(door))
    assert (done.ledgers, done.problems) == (2, [])
    assert links(door)[: len(newer)] == newer


def test_a_killed_taking_up_goes_on(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, events = told(door), links(door)
    lay_down(books(door), daily=False)
    burn(door.catalogue)

    class Killed(BaseException):
        pass

    def killed(*_given: object) -> None:
        raise Killed

    tables = list(ledger_tables.TABLES)
    for number in range(len(tables)):
        broken = [*tables[:number], replace(tables[number], enter=killed), *tables[number + 1 :]]
        if tables[number].name == "disposals":
            continue
        with pytest.raises(Killed):
            rebuild(replace(rebuilding(door), tables=broken))
    assert rebuild(rebuilding(door)).problems == []
    assert told(door) == before
    assert links(door)[: len(events)] == events
    kinds = [link.event["type"] for link in links(door)[len(events) :]]
    assert kinds.count("metadata modification") == 1


def test_a_store_that_was_away_gets_what_it_lacks(door: Door, stores: Sequence[DirectoryStore], tmp_path: Path) -> None:
    stores[0].root.rename(tmp_path / "away")
    done = lay_down(books(door), daily=True)
    assert (len(done.made), done.put, list(done.waiting), done.exit_status) == (1, {"second": 1}, ["main"], 3)
    assert len(list((door.home / "ledger").glob("*.tar"))) == 1
    (tmp_path / "away").rename(stores[0].root)
    (door.home / "ledger" / next(iter(stores[1].keys(LEDGERS))).key.removeprefix(LEDGERS)).unlink()
    assert lay_down(books(door), daily=True).put == {"main": 1}, "from the other store"
    assert keys(stores[0]) == keys(stores[1])


def test_no_listing_takes_a_ledger_for_a_holding(door: Door, tmp_path: Path) -> None:
    lay_down(books(door), daily=True)
    watch = Watch(
        door.catalogue, {s.name: s for s in door.stores}, Promises(), tmp_path / "quarantine", "mahfuz test", utc_now
    )
    for store in door.stores:
        report = take_inventory(watch, store.name)
        assert report is not None
        assert (report.copies, report.exit_status, sum(report.found.values())) == (2, 0, 0)
    assert rebuild(rebuilding(door)).problems == []


def test_a_large_past_is_told_in_several_ledgers(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.ledger.SLICE", 1)
    events = links(door)
    done = lay_down(books(door), daily=True)
    assert len(done.made) == len(events) > 1
    burn(door.catalogue)
    assert rebuild(rebuilding(door)).events == len(events)
    assert links(door)[: len(events)] == events


def test_an_agreement_and_a_decision_come_back(door: Door) -> None:
    lay_down(books(door), daily=True)
    burn(door.catalogue)
    rebuild(rebuilding(door))
    with door.catalogue.reading() as session:
        assert session.execute(select(Agreement)).scalars().one().until is None
        assert session.execute(select(Decision.reason)).scalars().one() == "Bakıldı."
        assert len(session.execute(select(Article.id)).all()) == 2


def test_what_was_said_last_of_an_entitlement_is_what_comes_back(door: Door) -> None:
    lay_down(books(door), daily=False)
    later = utc_now() + timedelta(hours=3)
    with door.catalogue.writing() as session:
        (claimed,) = claims.listed(session, states=["disputed"], limit=2)
        claims.act(session, "ayse", claimed.row.id, ClaimState.AGREED, Side.ARCHIVE, "Dekont görüldü.", at=later)
        listed = claims.listed(session, licence=claimed.licence, limit=1)[0]
        claims.end(session, "ayse", listed.row.id, date(2015, 6, 30), "Pakete dahil değil.", at=later)
    lay_down(books(door, clock=lambda: later), daily=False)
    before = told(door)
    assert [one["last_date"] for one in before["entitlements"] if one["issn"] == records.issn(1)].count(
        "2015-06-30"
    ) == 1
    burn(door.catalogue)
    assert rebuild(rebuilding(door)).problems == []
    assert told(door) == before
    with door.catalogue.reading() as session:
        assert claims.listed(session, states=["disputed"], limit=2) == []
        assert documents.of(session, licences.named(session, "paket"))[0].name == "sözleşme.pdf"

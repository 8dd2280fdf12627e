"""Whoever edits, removes, inserts, reorders or cuts off an event is found out, by us and by an outsider."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import memory
import pytest
from full_size import sized
from notarial import COLUMNS, VERIFIER, codes, notary_over, outsider, prove_all, tell, three_days
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session
from watched import START, Clock, FaultyStore

from fixity.notary import Notary, seal
from fixity.proof import prove
from ingest import begun_anew
from repository import heads
from repository.catalogue import chain, schema
from repository.errors import StoreUnavailable
from repository.models import ChainEnd, Event, Table
from repository.signing import Signer
from repository.vocabulary import HEADS, is_head_key, parse_bag_key


@pytest.fixture
def notary(tmp_path: Path, database_url: str) -> Iterator[Notary]:
    made = notary_over(database_url, tmp_path)
    three_days(made)
    yield made
    made.catalogue.close()


def test_a_whole_testimony_is_called_whole_and_agrees_with_every_head(notary: Notary, tmp_path: Path) -> None:
    proof = prove_all(notary)
    assert (proof.exit_status, proof.problems, proof.events, proof.late, proof.declared) == (0, [], 60, [], [])
    assert proof.heads == {"main": 3, "second": 3, "third": 3}
    assert proof.newest is not None
    assert (proof.newest.position, proof.newest.hash) == (60, proof.hash)
    status, told = outsider(notary, tmp_path)
    assert (status, told.splitlines()[-1]) == (0, f"60 events ending in {proof.hash}: whole; 9 heads agree")
    lines = VERIFIER.read_text().splitlines()
    imported = {line.split()[1].split(".")[0] for line in lines if line.startswith(("from", "import"))}
    assert len(lines) < 200
    assert not imported & {"repository", "ingest", "fixity", "oai_pmh", "config"}


# --- what somebody may do who can write to the catalogue ------------------------------------------------------------


def edit(session: Session) -> None:
    session.execute(update(Event).where(Event.position == 7).values(outcome="failure"))


def edit_detail(session: Session) -> None:
    session.execute(update(Event).where(Event.position == 31).values(detail={"number": 10, "note": "ısı ölçümü."}))


def edit_moment(session: Session) -> None:
    session.execute(update(Event).where(Event.position == 31).values(at=START + timedelta(days=1, microseconds=11)))


def remove(session: Session) -> None:
    session.execute(delete(Event).where(Event.position == 33))


def remove_and_close_up(session: Session) -> None:
    session.execute(delete(Event).where(Event.position == 33))
    for place in range(34, 61):
        session.execute(update(Event).where(Event.position == place).values(position=place - 1))
    last = session.execute(select(Event.hash).where(Event.position == 59)).scalar_one()
    session.execute(update(ChainEnd).values(position=59, hash=last))


def insert_between(session: Session) -> None:
    for place in range(60, 32, -1):
        session.execute(update(Event).where(Event.position == place).values(position=place + 1))
    stood = session.execute(select(Event).where(Event.position == 32)).scalar_one()
    told = {name: getattr(stood, name) for name in COLUMNS if name != "id"}
    session.execute(insert(Event).values(**told, position=33, hash=b"x" * 32))
    last = session.execute(select(Event.hash).where(Event.position == 61)).scalar_one()
    session.execute(update(ChainEnd).values(position=61, hash=last))


def swap(session: Session) -> None:
    for place, other in ((10, 999), (11, 10), (999, 11)):
        session.execute(update(Event).where(Event.position == place).values(position=other))


def swap_with_hashes(session: Session) -> None:
    swap(session)
    found = {
        row.position: row.hash for row in session.execute(select(Event).where(Event.position.in_((10, 11)))).scalars()
    }
    for place, other in ((10, 11), (11, 10)):
        session.execute(update(Event).where(Event.position == place).values(hash=found[other]))


def cut(session: Session) -> None:
    session.execute(delete(Event).where(Event.position > 50))


def cut_and_hide(session: Session) -> None:
    cut(session)
    last = session.execute(select(Event.hash).where(Event.position == 50)).scalar_one()
    session.execute(update(ChainEnd).values(position=50, hash=last))


def reckon_anew(session: Session) -> None:
    """Every hash fits again, from the first event to the end."""
    before = chain.START
    place = 0
    for place, row in enumerate(session.execute(select(Event).order_by(Event.position)).scalars().all(), 1):
        row.position = place
        session.flush()
        before = row.hash = chain.hash_of(before, chain.as_told(row, place))
    session.execute(update(ChainEnd).values(position=place, hash=before))


def edit_and_reckon_anew(session: Session) -> None:
    edit(session)
    session.expire_all()
    reckon_anew(session)


def remove_and_reckon_anew(session: Session) -> None:
    remove(session)
    reckon_anew(session)


def remove_all_and_begin_again(session: Session) -> None:
    session.execute(delete(Event).where(Event.position > 2))
    reckon_anew(session)


TAMPERS: dict[Callable[[Session], None], set[str]] = {
    edit: {"EVENT_CHANGED"},
    edit_detail: {"EVENT_CHANGED"},
    edit_moment: {"EVENT_CHANGED"},
    remove: {"EVENT_REMOVED"},
    remove_and_close_up: {"EVENT_CHANGED", "HEAD_DISAGREES"},
    insert_between: {"EVENT_CHANGED", "HEAD_DISAGREES"},
    swap: {"EVENT_CHANGED"},
    swap_with_hashes: {"EVENT_CHANGED"},
    cut: {"EVENT_REMOVED", "HEAD_DISAGREES"},
    cut_and_hide: {"HEAD_DISAGREES"},
    edit_and_reckon_anew: {"HEAD_DISAGREES"},
    remove_and_reckon_anew: {"HEAD_DISAGREES"},
    remove_all_and_begin_again: {"HEAD_DISAGREES"},
}


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda each: each.__name__)
def test_every_kind_of_tampering_is_found_by_us_and_by_an_outsider(
    notary: Notary, tmp_path: Path, tamper: Callable[[Session], None]
) -> None:
    with notary.catalogue.writing() as session:
        tamper(session)
    proof = prove_all(notary)
    assert (codes(proof), proof.exit_status) == (TAMPERS[tamper], 1)
    status, told = outsider(notary, tmp_path)
    assert status == 1, told
    assert "NOT whole" in told
    # Each store alone is enough.
    assert prove(notary, {"third": notary.stores["third"]}).exit_status == 1
    assert outsider(notary, tmp_path, ["second"])[0] == 1
    # And it stays found, whatever is told, linked and signed afterwards.
    tell(notary.catalogue, notary.clock, 5)  # type: ignore[arg-type]
    seal(notary, daily=True)
    assert prove_all(notary).exit_status == 1


def test_an_event_put_in_beside_the_chain_is_found(notary: Notary) -> None:
    tell(notary.catalogue, notary.clock, 1)  # type: ignore[arg-type]
    notary.clock.forward(minutes=9)  # type: ignore[attr-defined]
    assert prove_all(notary).exit_status == 0, "it has not been linked yet, as any event for a minute"
    notary.clock.forward(minutes=2)  # type: ignore[attr-defined]
    assert codes(prove_all(notary)) == {"EVENT_UNLINKED"}


def test_an_event_of_the_past_that_was_put_in_and_linked_today_is_told(notary: Notary, tmp_path: Path) -> None:
    clock = Clock()  # the first day's
    tell(notary.catalogue, clock, 1)
    chain.link_all(notary.catalogue)
    proof = prove_all(notary)
    assert (proof.exit_status, proof.late) == (0, [61])
    assert "position 61: told after the head of" in outsider(notary, tmp_path)[1]


def test_random_tampers_are_all_found(tmp_path: Path) -> None:
    """Any column of any event, any two exchanged, any taken away, hashes too."""
    notary = notary_over(f"sqlite:///{tmp_path / 'c.sqlite'}", tmp_path)
    three_days(notary)
    chosen = random.Random(50)
    with notary.catalogue.reading() as session:
        whole = [dict(row._mapping) for row in session.execute(select(Event.__table__).order_by(Event.id))]
    for _ in range(150):
        rows_now = [dict(row) for row in whole]
        kind = chosen.choice(["edit", "hash", "remove", "swap", "position"])
        one, other = chosen.sample(range(60), 2)
        if kind == "edit":
            column = chosen.choice([name for name in COLUMNS if name != "id"])
            value = rows_now[one][column]
            changed = {"at": value + timedelta(microseconds=1)} if column == "at" else {column: {"number": -1}}
            if column not in ("at", "detail"):
                changed = {column: 9 if column == "version" else "other"}
            rows_now[one].update(changed)
        elif kind == "hash":
            octets = bytearray(rows_now[one]["hash"])
            octets[chosen.randrange(32)] ^= 1 << chosen.randrange(8)
            rows_now[one]["hash"] = bytes(octets)
        elif kind == "remove":
            del rows_now[one]
        elif kind == "swap":
            a, b = rows_now[one], rows_now[other]
            for name in chosen.choice([("position",), ("position", "hash"), ("id",), ("detail", "at")]):
                a[name], b[name] = b[name], a[name]
        else:
            rows_now[one]["position"] = chosen.choice([None, 61, 1000])
        with notary.catalogue.writing() as session:
            session.execute(delete(Event))
            session.execute(insert(Event), rows_now)
        assert prove(notary, {}).exit_status == 1, (kind, one, other)
    notary.catalogue.close()


def test_a_row_that_was_spoilt_is_a_finding_and_no_crash(notary: Notary) -> None:
    with notary.catalogue.writing() as session:
        spoilt = "UPDATE event SET detail = :detail WHERE position = 12"
        session.execute(text(spoilt), {"detail": "[1]"})
        if session.get_bind().dialect.name == "sqlite":
            session.execute(text("UPDATE event SET detail = '{' WHERE position = 13"))
            session.execute(text("UPDATE event SET at = 'yesterday' WHERE position = 20"))  # where a head speaks of it
        session.execute(text("UPDATE event SET type = 'metadata modification' WHERE position = 12"))
    proof = prove_all(notary)
    assert codes(proof) == {"EVENT_CHANGED"}


# --- heads ----------------------------------------------------------------------------------------------------------


def head_files(notary: Notary, store: str) -> list[Path]:
    return sorted((notary.stores[store].root / HEADS).iterdir())  # type: ignore[attr-defined]


def test_a_day_has_one_head_and_more_only_when_asked_for(notary: Notary) -> None:
    assert len(head_files(notary, "main")) == 3
    assert seal(notary, daily=True).new, "a day without events has a head too: nothing happened that day"
    assert not seal(notary, daily=True).new
    assert not seal(notary, daily=False).new, "nothing was told since"
    tell(notary.catalogue, notary.clock, 2)  # type: ignore[arg-type]
    assert not seal(notary, daily=True).new
    asked = seal(notary, daily=False)
    assert (asked.new, asked.put) == (True, {"main": 1, "second": 1, "third": 1})
    assert asked.head is not None
    assert asked.head.position == 62
    assert prove_all(notary).heads == {"main": 5, "second": 5, "third": 5}
    for file in head_files(notary, "main"):
        key = HEADS + file.name
        assert is_head_key(key)
        assert parse_bag_key(key) is None


def test_an_archive_in_which_nothing_happened_has_no_head(tmp_path: Path, database_url: str) -> None:
    notary = notary_over(database_url, tmp_path)
    done = seal(notary, daily=True)
    assert (done.head, done.put, done.exit_status) == (None, {}, 0)
    assert prove_all(notary).exit_status == 0
    notary.catalogue.close()


def test_a_store_that_does_not_answer_gets_its_heads_later(notary: Notary, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = notary.stores["second"]

    def no_answer(*_words: Any, **_more: Any) -> Any:
        raise StoreUnavailable("second", "connection refused")

    with monkeypatch.context() as patched:
        for verb in ("put", "open", "keys", "head"):
            patched.setattr(silent, verb, no_answer)
        for _ in range(2):
            tell(notary.catalogue, notary.clock, 3)  # type: ignore[arg-type]
            done = seal(notary, daily=True)
            assert (done.put, set(done.waiting), done.exit_status) == ({"main": 1, "third": 1}, {"second"}, 3)
            notary.clock.forward(days=1)  # type: ignore[attr-defined]
        proof = prove_all(notary)
        assert (proof.exit_status, set(proof.silent), proof.heads) == (3, {"second"}, {"main": 5, "third": 5})
        assert prove(notary, {"main": notary.stores["main"]}).exit_status == 0
        with notary.catalogue.writing() as session:
            edit(session)
        assert prove_all(notary).exit_status == 1, "damage is named before doubt"
        with notary.catalogue.writing() as session:
            session.execute(update(Event).where(Event.position == 7).values(outcome="success"))
    assert seal(notary, daily=True).put == {"main": 1, "second": 3, "third": 1}
    assert prove_all(notary).heads == dict.fromkeys(("main", "second", "third"), 6)


def test_a_store_that_came_later_gets_the_heads_of_the_past(notary: Notary, tmp_path: Path) -> None:
    fourth = FaultyStore("fourth", tmp_path / "fourth")
    fourth.prepare()
    more = replace(notary, stores={**notary.stores, "fourth": fourth})
    assert seal(more, daily=False).put["fourth"] == 4
    assert prove_all(more).heads["fourth"] == 4


def test_a_head_that_was_taken_away_changed_or_put_in_by_another_is_found(notary: Notary, tmp_path: Path) -> None:
    gone, changed, _ = head_files(notary, "main")
    gone.unlink()
    stood = changed.read_text()
    changed.write_text(stood.replace('"events": 40', '"events": 41'))
    other = Signer(tmp_path / "other")
    forged = heads.Head("mahfuz.example.org", 60, "ab" * 32, notary.clock())
    (gone.parent / Path(forged.key).name).write_text(heads.signed(forged, other))
    (gone.parent / "notes.txt").write_text("?")
    proof = prove_all(notary)
    assert sorted((problem.code, problem.store) for problem in proof.problems) == [
        ("HEAD_GONE", "main"),
        ("HEAD_NOT_OURS", "main"),
        ("HEAD_NOT_OURS", "main"),
        ("HEAD_NOT_OURS", "main"),
    ]
    assert proof.heads == {"main": 1, "second": 3, "third": 3}
    status, told = outsider(notary, tmp_path)
    assert status == 1
    assert "signature does not fit" in told
    assert "signed by none of the given keys" in told
    changed.write_text(stood)
    changed.rename(changed.with_name(changed.name.replace("2026-11-24", "2026-11-29")))
    assert "HEAD_NOT_OURS" in codes(prove(notary, {"main": notary.stores["main"]}))


def test_other_bytes_under_a_heads_key_are_for_a_person_to_decide(notary: Notary) -> None:
    tell(notary.catalogue, notary.clock, 1)  # type: ignore[arg-type]
    chain.link_all(notary.catalogue)
    with notary.catalogue.reading() as session:
        end = chain.end_of(session)
    key = heads.Head(notary.archive, end.position, end.hash.hex(), notary.clock()).key
    taken = notary.stores["main"].root / key  # type: ignore[attr-defined]
    taken.write_text("{}")
    done = seal(notary, daily=True)
    assert (done.exit_status, set(done.waiting), done.put) == (4, {"main"}, {"second": 1, "third": 1})
    assert taken.read_text() == "{}"
    assert codes(prove_all(notary)) == {"HEAD_NOT_OURS"}


# --- a catalogue written again --------------------------------------------------------------------------------------


def anew(notary: Notary) -> bool:
    return begun_anew.declare(
        notary.catalogue, list(notary.stores.values()), notary.scratch, "mahfuz test", notary.clock
    )


def burn(notary: Notary) -> None:
    with notary.catalogue.writing() as session:
        for table in reversed(Table.metadata.sorted_tables):
            session.execute(table.delete())
    schema.migrate(notary.catalogue)


def test_a_burned_chain_begins_anew_and_says_so_first(notary: Notary, tmp_path: Path) -> None:
    burn(notary)
    assert codes(prove_all(notary)) == {"HEAD_DISAGREES"}
    assert anew(notary)
    assert not anew(notary), "it is said once"
    tell(notary.catalogue, notary.clock, 80)  # type: ignore[arg-type]
    assert seal(notary, daily=True).new
    proof = prove_all(notary)
    assert (proof.exit_status, proof.problems, proof.heads) == (0, [], {"main": 1, "second": 1, "third": 1})
    (declared,) = proof.declared
    assert (declared["position"], declared["head_position"]) == (1, 60)
    assert HEADS + head_files(notary, "main")[2].name == declared["head"]
    status, told = outsider(notary, tmp_path)
    assert (status, "position 1: the catalogue was written again" in told) == (0, True)
    # What is told from now on is as well kept as before.
    notary.clock.forward(days=1)  # type: ignore[attr-defined]
    with notary.catalogue.writing() as session:
        edit_and_reckon_anew(session)
    assert codes(prove_all(notary)) == {"HEAD_DISAGREES"}
    assert outsider(notary, tmp_path)[0] == 1
    assert anew(notary), "a rebuild says what it finds, and it can be read"


def test_yesterdays_catalogue_goes_on_and_says_what_is_lost(notary: Notary, tmp_path: Path) -> None:
    with notary.catalogue.writing() as session:  # as a backup from the end of the second day
        session.execute(delete(Event).where(Event.position > 40))
        last = session.execute(select(Event.hash).where(Event.position == 40)).scalar_one()
        session.execute(update(ChainEnd).values(position=40, hash=last))
    assert codes(prove_all(notary)) == {"HEAD_DISAGREES"}
    assert anew(notary)
    tell(notary.catalogue, notary.clock, 40)  # type: ignore[arg-type]
    seal(notary, daily=True)
    proof = prove_all(notary)
    assert (proof.exit_status, proof.heads["main"]) == (0, 3), "the heads of the first two days and of today"
    assert [one["position"] for one in proof.declared] == [41]
    assert outsider(notary, tmp_path)[0] == 0
    with notary.catalogue.writing() as session:
        edit_and_reckon_anew(session)
    assert codes(prove_all(notary)) == {"HEAD_DISAGREES"}, "what was there before the loss is no part of it"
    assert outsider(notary, tmp_path)[0] == 1


def test_a_catalogue_that_agrees_has_nothing_to_say_of_itself(notary: Notary) -> None:
    assert not anew(notary)


LINK_AND_PROVE = """
import sys
from pathlib import Path
from fixity.notary import Notary, seal
from fixity.proof import prove
from repository.catalogue import Catalogue
from repository.signing import Signer
from repository.storage.directory import DirectoryStore
from repository.vocabulary import utc_now

def most() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

folder = Path(sys.argv[1])
stores = {name: DirectoryStore(name, folder / name) for name in ("main", "second", "third")}
home = folder / "home"
notary = Notary(Catalogue(sys.argv[2]), stores, Signer(home), "mahfuz.example.org", home, utc_now)
linked = seal(notary, daily=True).linked
linking = most()
proof = prove(notary, stores)
print(linked, proof.events, proof.exit_status, linking, most())
"""


MANY = sized(40_000, 100_000)


@pytest.mark.skipif(not memory.SUPPORTED, reason="memory is read from /proc")
def test_many_events_take_no_more_memory_than_a_few_thousand(tmp_path: Path) -> None:
    most = {}
    for number in (4_000, MANY):
        folder = tmp_path / str(number)
        folder.mkdir()
        url = f"sqlite:///{folder / 'c.sqlite'}"
        notary = notary_over(url, folder)
        for _ in range(number // 2_000):
            tell(notary.catalogue, notary.clock, 2_000)  # type: ignore[arg-type]
        notary.catalogue.close()
        script = [sys.executable, "-c", LINK_AND_PROVE, str(folder), url]
        told = subprocess.run(script, capture_output=True, check=True, cwd=VERIFIER.parent.parent)
        linked, proved, status, *most[number] = map(int, told.stdout.split())
        assert (linked, proved, status) == (number, number, 0)
    for few, many in zip(most[4_000], most[MANY], strict=True):
        assert many < few + 8_192, "kB more"

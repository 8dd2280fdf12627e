"""A ledger is watched as every other bag: read again in time, told from doubt, mended from another store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from watched import Miniature, miniature

from fixity import causes, ledgers
from ingest.ledger import Bookkeeping, lay_down
from repository.catalogue import chain, heartbeats, rehearsals
from repository.catalogue import ledgers as rows
from repository.catalogue.heartbeats import Who
from repository.models import Event, LedgerCopy, Rehearsal
from repository.vocabulary import LEDGERS


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url, bags=2)
    lay_down(books(made), daily=True)
    yield made
    made.catalogue.close()


def books(small: Miniature) -> Bookkeeping:
    """What laying down ledgers is given."""
    return Bookkeeping(small.catalogue, list(small.stores.values()), small.home, "mahfuz.example.org", small.clock)


def path_in(small: Miniature, store: str) -> Path:
    """The one ledger in a store."""
    (found,) = (small.stores[store].root / LEDGERS).iterdir()
    return found


def states(small: Miniature) -> dict[str, str]:
    """What is known of it in each store."""
    with small.catalogue.reading() as session:
        return {row.store: row.state for row in session.execute(select(LedgerCopy)).scalars()}


def found(small: Miniature, kind: str) -> list[tuple[str, int, str]]:
    """The causes of this kind: subject, number, variant."""
    with small.catalogue.reading() as session:
        asked = next(
            one
            for one in causes.questions(lambda _: 90, timedelta(days=1), {}, rehearsal_days=30)
            if one.kinds == (kind,)
        )
        some = list(asked.ask(session, small.clock()))
    return [(one.subject, one.objects, one.detail["variant"]) for one in some]  # type: ignore[union-attr]


def test_it_is_read_again_within_the_promise_and_not_before(small: Miniature) -> None:
    small.clock.forward(days=89)
    assert not ledgers.read_due(small.watch)
    small.clock.forward(days=2)
    assert ledgers.read_due(small.watch) == {"intact": 2}
    assert not ledgers.read_due(small.watch)


@pytest.mark.parametrize("store", ["main", "second"])
@pytest.mark.parametrize("fault", ["flipped", "cut", "gone"])
def test_a_damaged_one_is_mended_from_the_other_store(small: Miniature, store: str, fault: str) -> None:
    path = path_in(small, store)
    whole = path.read_bytes()
    path.chmod(0o644)
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] if fault == "cut" else whole[:700] + bytes([whole[700] ^ 1]) + whole[701:])
    small.clock.forward(days=91)
    outcome = "missing" if fault == "gone" else "damaged"
    assert ledgers.read_due(small.watch) == {"intact": 1, outcome: 1, "mended": 1}
    assert path.read_bytes() == whole
    assert set(states(small).values()) == {"intact"}
    assert found(small, "ledger-missing") == [("", 0, "late")], "nobody made one for 91 days in this test"
    chain.link_all(small.catalogue)
    with small.catalogue.reading() as session:
        event = session.execute(select(Event).where(Event.type == "recovery")).scalar_one()
    assert (event.outcome, event.store, event.detail["found"]) == ("success", store, outcome)
    assert len(list((small.home / "quarantine").rglob("*.tar"))) == (fault != "gone")


def test_what_cannot_be_mended_is_an_alert_and_is_tried_again(small: Miniature) -> None:
    for store in small.stores:
        path_in(small, store).write_bytes(b"nothing of ours")
    small.clock.forward(days=91)
    assert ledgers.read_due(small.watch)["damaged"] == 2
    assert found(small, "ledger-missing")[:2] == [("main", 1, ""), ("second", 1, "")]
    assert not ledgers.read_due(small.watch)
    small.clock.forward(hours=2)
    assert ledgers.read_due(small.watch)["damaged"] == 2


def test_silence_is_doubt(small: Miniature) -> None:
    small.stores["second"].silent = True
    small.clock.forward(days=91)
    assert ledgers.read_due(small.watch) == {"intact": 1, "unreadable": 1}
    assert found(small, "ledger-missing") == [("", 0, "late")]
    small.stores["second"].silent = False
    small.clock.forward(hours=2)
    assert ledgers.read_due(small.watch) == {"intact": 1}


def test_two_days_without_one_are_an_alert(small: Miniature) -> None:
    small.clock.forward(hours=47)
    assert found(small, "ledger-missing") == []
    small.clock.forward(hours=2)
    assert found(small, "ledger-missing") == [("", 0, "late")]
    lay_down(books(small), daily=True)
    assert found(small, "ledger-missing") == []
    with small.catalogue.reading() as session:
        assert rows.latest(session) is not None


def test_a_clock_that_never_made_one_is_an_alert_too(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url, bags=1)
    with small.catalogue.writing() as session:
        heartbeats.beat(session, Who("clock", "makine-1", 7, small.clock(), "mahfuz test"), small.clock())
    assert (found(small, "ledger-missing"), found(small, "rehearsal-failed")) == ([], [])
    small.clock.forward(days=46)
    assert found(small, "ledger-missing") == [("", 0, "late")]
    assert found(small, "rehearsal-failed") == [("overdue", 0, "overdue")]
    small.catalogue.close()


def test_a_rehearsal_that_failed_or_is_overdue_is_an_alert(small: Miniature) -> None:
    assert found(small, "rehearsal-failed") == [], "a young archive"
    with small.catalogue.writing() as session:
        first = rehearsals.begin(session, small.clock(), whole=True, store=None, first="")
    small.clock.forward(days=44)
    assert found(small, "rehearsal-failed") == []
    small.clock.forward(days=2)
    assert found(small, "rehearsal-failed") == [("overdue", 0, "overdue")], "begun, and never ended"
    with small.catalogue.writing() as session:
        row = session.get_one(Rehearsal, first)
        row.started_at = row.finished_at = small.clock()
        row.differences = 3
    assert found(small, "rehearsal-failed") == [("", 3, "")]
    with small.catalogue.writing() as session:
        session.get_one(Rehearsal, first).differences = 0
    assert found(small, "rehearsal-failed") == []

"""The clock verifies the testimony by itself, what is new daily and the whole bit by bit; what is wrong is an alert."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from notarial import notary_over, tell, three_days
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from fixity import causes, proving
from fixity.notary import Notary, seal
from fixity.proof import Proof
from ingest import begun_anew
from repository.catalogue import chain, proofs
from repository.catalogue.proofs import Standing
from repository.causes import Cause
from repository.models import ChainEnd, ChainProof, Event
from repository.vocabulary import HEADS


@pytest.fixture
def notary(tmp_path: Path) -> Iterator[Notary]:
    """60 events with heads at 20, 40 and 60; the clock has looked at all of them."""
    made = notary_over(f"sqlite:///{tmp_path / 'c.sqlite'}", tmp_path)
    three_days(made)
    until_all_is_seen(made)
    yield made
    made.catalogue.close()


def forward(notary: Notary, **by: float) -> None:
    notary.clock.forward(**by)  # type: ignore[attr-defined]


def until_all_is_seen(notary: Notary) -> Standing:
    """The next pass over everything is carried to its end."""
    forward(notary, days=1)
    known = proving.look(notary)
    for _ in range(30):
        if not known.under_way:
            break
        forward(notary, minutes=10)
        known = proving.look(notary)
    assert not known.under_way
    return known


def codes(known: Standing) -> list[str]:
    return sorted(one["code"] for one in known.problems)


def alerts(notary: Notary) -> list[tuple[str, str, int]]:
    with notary.catalogue.reading() as session:
        found = [*causes.testimony_broken(session, notary.clock())]
        late = causes.testimony_late(session, notary.clock(), tuple(notary.stores), stamped=False)
        found += [one for one in late if isinstance(one, Cause)]
    return [(one.kind, one.subject, one.objects) for one in found]


def change(notary: Notary, act: Callable[[Session], Any]) -> None:
    with notary.catalogue.writing() as session:
        act(session)


def edited(position: int, outcome: str = "unknown") -> Callable[[Session], Any]:
    return lambda session: session.execute(update(Event).where(Event.position == position).values(outcome=outcome))


def test_a_whole_testimony_is_verified_to_its_end_and_is_no_alert(tmp_path: Path, database_url: str) -> None:
    made = notary_over(database_url, tmp_path)
    three_days(made)
    first = proving.look(made)
    assert (first.position, first.walked, first.problems) == (60, 60, ())
    known = proving.look(made)
    assert (known.proved_at, known.ended_at, known.silent) == (first.proved_at, first.ended_at, {})
    tell(made.catalogue, made.clock, 5)  # type: ignore[arg-type]
    chain.link_all(made.catalogue)
    assert proving.look(made).position == 60, "it was verified a moment ago"
    forward(made, days=1)
    known = proving.look(made)
    assert (known.position, known.problems) == (65, ())
    seal(made, daily=True)
    assert alerts(made) == []
    made.catalogue.close()


def test_an_edited_event_is_found_within_the_pass_and_stands_until_it_is_mended(notary: Notary) -> None:
    change(notary, edited(7))
    forward(notary, days=1)
    known = proving.look(notary)
    assert codes(known) == ["EVENT_CHANGED"]
    since = known.problems_since
    assert ("chain-broken", "", 1) in alerts(notary)
    known = until_all_is_seen(notary)
    assert (codes(known), known.problems_since) == (["EVENT_CHANGED"], since), "each time once"
    assert known.walked == 60, "what is behind it is looked at all the same"
    change(notary, edited(7, "success"))  # as it was told
    known = proving.look(notary)
    assert (codes(known), known.problems_since) == ([], None)
    assert [one for one in alerts(notary) if one[0] == "chain-broken"] == []


def reckoned_anew(session: Session) -> None:
    edited(3)(session)
    session.expire_all()
    before, place = chain.START, 0
    for place, row in enumerate(session.execute(select(Event).order_by(Event.position)).scalars().all(), 1):
        before = row.hash = chain.hash_of(before, chain.as_told(row, place))
    session.execute(update(ChainEnd).values(position=place, hash=before))


def removed(session: Session) -> None:
    session.execute(delete(Event).where(Event.position == 33))


def cut(session: Session) -> None:
    session.execute(delete(Event).where(Event.position > 50))
    last = session.execute(select(Event.hash).where(Event.position == 50)).scalar_one()
    session.execute(update(ChainEnd).values(position=50, hash=last))


def cut_off_bluntly(session: Session) -> None:
    session.execute(delete(Event).where(Event.position > 50))


def beyond(session: Session) -> None:
    session.execute(update(Event).where(Event.position == 60).values(position=70))


@pytest.mark.parametrize(
    "tamper", [reckoned_anew, removed, cut, cut_off_bluntly, beyond], ids=lambda each: each.__name__
)
def test_every_tamper_is_an_alert_within_a_day_and_stays_one(notary: Notary, tamper: Callable[[Session], None]) -> None:
    change(notary, tamper)
    forward(notary, days=1)
    tell(notary.catalogue, notary.clock, 5)  # type: ignore[arg-type]
    seal(notary, daily=True)
    assert proving.look(notary).problems
    assert any(kind == "chain-broken" for kind, *_ in alerts(notary))
    until_all_is_seen(notary)
    assert any(kind == "chain-broken" for kind, *_ in alerts(notary)), "nobody has mended it"


def test_what_was_told_since_the_last_head_is_held_to_what_the_clock_saw(notary: Notary) -> None:
    """No head speaks of it yet: the hash that the clock remembers does."""
    tell(notary.catalogue, notary.clock, 10)  # type: ignore[arg-type]
    chain.link_all(notary.catalogue)
    forward(notary, days=1)
    assert proving.look(notary).position == 70
    with notary.catalogue.writing() as session:
        session.execute(update(Event).where(Event.position == 65).values(outcome="unknown"))
        session.expire_all()
        before = chain.hash_at(session, 64) or b""
        for row in session.execute(select(Event).where(Event.position > 64).order_by(Event.position)).scalars().all():
            before = row.hash = chain.hash_of(before, chain.as_told(row, row.position))
        session.execute(update(ChainEnd).values(position=70, hash=before))
    forward(notary, days=1)
    assert "CHAIN_DISAGREES" in codes(proving.look(notary))
    forward(notary, minutes=10)
    assert "CHAIN_DISAGREES" in codes(proving.look(notary))


def files(notary: Notary, store: str) -> list[Path]:
    return sorted((notary.stores[store].root / HEADS).iterdir())  # type: ignore[attr-defined]


def test_a_head_that_is_gone_or_none_of_ours_is_an_alert_of_its_store(notary: Notary) -> None:
    _, _, newest = files(notary, "second")
    stood = newest.read_bytes()
    newest.unlink()
    forward(notary, days=1)
    seal(notary, daily=True)
    known = proving.look(notary)
    assert (codes(known), alerts(notary)) == (["HEAD_GONE"], [("heads-lost", "second", 1)])
    newest.write_bytes(stood[:-5])
    assert codes(proving.look(notary)) == ["HEAD_NOT_OURS"]
    newest.write_bytes(stood)
    assert codes(proving.look(notary)) == []
    assert alerts(notary) == []


def test_old_heads_are_compared_month_by_month(notary: Notary) -> None:
    for _ in range(4):  # a head a month
        forward(notary, days=31)
        tell(notary.catalogue, notary.clock, 3)  # type: ignore[arg-type]
        seal(notary, daily=True)
    until_all_is_seen(notary)
    for file in files(notary, "third")[:3]:
        file.unlink()
    forward(notary, days=1)
    looks = 0
    opened = len(notary.stores["main"].opened)  # type: ignore[attr-defined]
    while not proving.look(notary).problems:
        looks += 1
        assert looks < 200
        forward(notary, minutes=10)
    assert codes(proving.look(notary)) == ["HEAD_GONE"] * 3
    assert len(notary.stores["main"].opened) - opened < 30, "not every head of every month at every look"  # type: ignore[attr-defined]


def test_a_silent_store_is_doubt_and_the_pass_waits_for_it(notary: Notary) -> None:
    forward(notary, days=1)
    seal(notary, daily=True)
    silent = notary.stores["second"]
    silent.keys = lambda *_: _refuse()  # type: ignore[method-assign,assignment]
    known = proving.look(notary)
    assert (codes(known), list(known.silent or {}), alerts(notary)) == ([], ["second"], [])
    ended = known.ended_at
    for _ in range(5):
        forward(notary, minutes=10)
        known = proving.look(notary)
    assert (known.under_way, known.ended_at) == (True, ended)
    assert known.walked == 60, "the chain itself is walked to its end"
    del silent.keys  # type: ignore[attr-defined]
    for _ in range(5):
        forward(notary, minutes=10)
        known = proving.look(notary)
    assert not known.under_way


def _refuse() -> Any:
    from repository.errors import StoreUnavailable

    raise StoreUnavailable("second", "connection refused")


def test_a_look_costs_the_same_however_long_the_chain_is(notary: Notary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "SLICE", 70)
    monkeypatch.setattr(proving, "NEW", 140)
    tell(notary.catalogue, notary.clock, 940)  # type: ignore[arg-type]
    chain.link_all(notary.catalogue)
    change(notary, lambda session: session.execute(delete(ChainProof)))
    read: list[int] = []
    walk = chain.walk

    def counted(*words: Any, **more: Any) -> Iterator[chain.Link]:
        for link in walk(*words, **more):
            read[-1] += 1
            yield link

    monkeypatch.setattr(chain, "walk", counted)
    known = Standing()
    while known.ended_at is None:
        read.append(0)
        known = proving.look(notary)
        forward(notary, minutes=10)
    assert known.proved_at is not None
    assert (known.position, known.walked) == (1000, 1000)
    assert max(read) <= 210
    assert len(read) == -(-1000 // 70)
    change(notary, edited(500))
    forward(notary, days=1)
    looks = 1
    while not proving.look(notary).problems:
        forward(notary, minutes=10)
        looks += 1
    assert looks == -(-500 // 70)


def test_events_linked_during_a_look_are_not_behind_the_end(notary: Notary, monkeypatch: pytest.MonkeyPatch) -> None:
    linked = []

    def others_link_now() -> Proof:
        """Called when the end of the chain was looked up, and nothing else yet."""
        tell(notary.catalogue, notary.clock, 3)  # type: ignore[arg-type]
        linked.append(chain.link_all(notary.catalogue))
        return Proof()

    monkeypatch.setattr(proving, "Proof", others_link_now)
    forward(notary, days=1)
    assert proving.look(notary).problems == ()
    assert linked == [3], "it did not happen"


def test_two_that_look_at_once_lose_nothing(notary: Notary) -> None:
    with notary.catalogue.reading() as session:
        before = proofs.standing(session)
    forward(notary, days=1)
    known = proving.look(notary)
    with notary.catalogue.writing() as session:
        assert not proofs.note(session, before, Standing(), notary.clock())
    with notary.catalogue.reading() as session:
        assert proofs.standing(session).position == known.position == 60


def test_a_clock_that_is_set_back_verifies_anew_and_goes_on(notary: Notary) -> None:
    forward(notary, days=-400)
    known = proving.look(notary)
    assert (known.problems, known.proved_at) == ((), notary.clock())


def test_what_a_rebuild_declares_lost_is_no_broken_chain(notary: Notary) -> None:
    with notary.catalogue.writing() as session:
        for table in (ChainProof, Event):
            session.execute(delete(table))
        session.execute(update(ChainEnd).values(position=0, hash=chain.START))
    stores = list(notary.stores.values())
    assert begun_anew.declare(notary.catalogue, stores, notary.scratch, "mahfuz test", notary.clock)
    forward(notary, days=1)
    assert proving.look(notary).problems == ()


def test_what_is_not_done_for_days_is_told(notary: Notary) -> None:
    forward(notary, days=4)
    assert alerts(notary) == [("testimony-late", "", 0)], "no head, whatever was verified"
    lagging = replace(notary, stores={name: notary.stores[name] for name in ("main", "third")})
    seal(lagging, daily=True)
    assert alerts(notary) == [("testimony-late", "", 0)], "a head, and nothing verified"
    proving.look(lagging)
    assert alerts(notary) == []
    for _ in range(4):
        forward(notary, days=1)
        seal(lagging, daily=True)
        proving.look(lagging)
    assert alerts(notary) == [("testimony-late", "second", 5)]

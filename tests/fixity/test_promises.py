"""What is promised may differ from one class of content to another, and a changed promise is kept from then on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import delete, select, update
from watched import START, Miniature, add_bag, miniature

from fixity import rounds
from fixity.forecast import Policy, forecasts
from fixity.share import share_left
from fixity.watch import Scope, Watch
from repository.catalogue import contents, copies, tallies, timetable, watch
from repository.catalogue.watch import Wanted
from repository.models import Copy, PolicyInForce, TitleIssn
from repository.promise import Content, ContentClass, Promise, Promises

HERITAGE = ContentClass("heritage", Promise(30), publishers=frozenset({"Örnek Yayınevi"}))
BY_OLD_ISSN = ContentClass("old", Promise(10, {"second": 20}), titles=frozenset({"9999-0024"}))


def promised(small: Miniature, promises: Promises) -> Watch:
    return Watch(
        catalogue=small.catalogue,
        stores=small.stores,
        promises=promises,
        quarantine=small.home / "quarantine",
        agent="mahfuz test",
        clock=small.clock,
    )


def test_the_first_class_that_fits_is_the_class() -> None:
    promises = Promises(Promise(90, {"izmir": 60}), (BY_OLD_ISSN, HERITAGE))
    both = Content("Örnek Yayınevi", frozenset({"9999-0016", "9999-0024"}))
    assert promises.of(both) is BY_OLD_ISSN.promise
    assert promises.of(Content("Örnek Yayınevi")).of("izmir") == 30
    assert promises.of(Content("Başka", frozenset({"9999-0016"}))).of("izmir") == 60
    assert promises.of().of("ankara") == 90


def test_the_digest_of_promises_tells_another_promise_and_not_another_order() -> None:
    one = Promises(Promise(90, {"a": 1, "b": 2}), (ContentClass("x", Promise(3), titles=frozenset({"1", "2"})),))
    same = Promises(Promise(90.0, {"b": 2, "a": 1}), (ContentClass("y", Promise(3), titles=frozenset({"2", "1"})),))
    assert one.digest == same.digest
    others = [
        Promises(Promise(89, {"a": 1, "b": 2}), one.classes),
        Promises(Promise(90, {"a": 1}), one.classes),
        Promises(one.otherwise),
        Promises(one.otherwise, (ContentClass("x", Promise(4), titles=frozenset({"1", "2"})),)),
        Promises(one.otherwise, (ContentClass("x", Promise(3), publishers=frozenset({"1", "2"})),)),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 6


def test_a_shorter_promise_is_kept_from_the_day_on_which_it_is_made(tmp_path: Path, database_url: str) -> None:
    later = START + timedelta(days=30)
    small = miniature(tmp_path, database_url, bags=4, due=later, verified=START - timedelta(days=40))
    assert rounds.run_round(promised(small, Promises(Promise(90))), Scope(due=True)).expected == 0
    report = rounds.run_round(promised(small, Promises(Promise(30))), Scope(due=True))
    assert (report.expected, report.intact) == (8, 8), "verified 40 days ago, and 30 are promised now"
    for bag in small.bags:
        row = small.copy("main", bag)
        assert row.promised_until == START + timedelta(days=30)
        assert START + timedelta(days=24) <= row.next_due <= row.promised_until
    small.catalogue.close()


def test_a_longer_promise_moves_its_end_and_takes_no_reading_away(tmp_path: Path, database_url: str) -> None:
    soon = START + timedelta(days=1)
    small = miniature(tmp_path, database_url, due=soon, verified=START - timedelta(days=80))
    rounds.run_round(promised(small, Promises(Promise(365))), Scope(due=True))
    row = small.copy("main", small.bags[0])
    assert row.next_due == soon
    assert row.promised_until == START + timedelta(days=365 - 80)
    small.catalogue.close()


def test_copies_are_dated_anew_a_few_at_a_time_and_whoever_was_killed_is_taken_up(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timetable, "BAGS", 2)
    small = miniature(tmp_path, database_url, bags=5, verified=START - timedelta(days=40))
    with small.catalogue.writing() as session:
        session.execute(update(Copy).values(next_due=START + timedelta(days=30)))

    def ends() -> list[int]:
        with small.catalogue.reading() as session:
            rows = session.execute(select(Copy).where(Copy.store == "main").order_by(Copy.aip_id)).scalars()
            return [(row.promised_until - START).days if row.promised_until else -1 for row in rows]

    def step(days: float) -> bool:
        with small.catalogue.writing() as session:
            return timetable.apply(session, Promises(Promise(days)), START)

    assert ends() == [50] * 5
    assert step(60)
    assert ends() == [20, 20, 50, 50, 50]
    assert step(60)
    assert step(30)
    assert ends() == [-10, -10, 20, 20, 50], "another promise begins at the beginning"
    assert [step(30), step(30), step(30)] == [True, True, False]
    assert ends() == [-10] * 5
    assert not step(30)
    with small.catalogue.reading() as session:
        told = timetable.in_force(session)
        assert told is not None
        assert (told.digest, told.finished_at) == (Promises(Promise(30)).digest, START)
    small.catalogue.close()


def test_a_class_has_a_promise_of_its_own_in_registration_in_rounds_and_in_the_lists(
    tmp_path: Path, database_url: str
) -> None:
    small = miniature(tmp_path, database_url, bags=3)
    promises = Promises(Promise(90), (BY_OLD_ISSN,))
    watching = promised(small, promises)
    with small.catalogue.reading() as session:
        assert [ref.content.issns for ref in copies.walk(session, limit=1)] == [frozenset({"9999-0016"})]
        assert contents.articles_in(session, promises) == {"old": 0}
    rounds.run_round(watching, Scope(due=False))
    assert rounds.run_round(watching, Scope(due=True)).expected == 0
    assert small.copy("main", small.bags[0]).promised_until == START + timedelta(days=90)
    with small.catalogue.writing() as session:
        title = session.execute(select(TitleIssn.title_id)).scalar_one()
        session.add(TitleIssn(issn="9999-0024", title_id=title))  # an ISSN that the journal had once
    small.clock.forward(days=15)
    report = rounds.run_round(watching, Scope(due=True))
    assert report.expected == 0, "the settings are what they were: the class is found at the next reading"
    with small.catalogue.reading() as session:
        assert contents.articles_in(session, promises) == {"old": 3}
        means = contents.mean_days(session, promises, ["main", "second"])
        assert means == {"main": 10, "second": 20}
        told = forecasts(session, {"main": Policy(90, classes=promises.classes)}, small.clock())
        assert (told[0].policy.days, told[0].days) == (90, 10)
    rounds.run_round(watching, Scope(due=False))
    ends = {store: small.copy(store, small.bags[0]).promised_until for store in small.stores}
    assert ends == {"main": small.clock() + timedelta(days=10), "second": small.clock() + timedelta(days=20)}
    bag = add_bag(small, tmp_path / "later", 77, due=small.clock(), verified=small.clock())
    small.bags.append(bag)
    small.catalogue.close()


def test_a_day_has_the_share_that_all_classes_together_ask_for(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixity.share.SMALLEST_SHARE", 1)
    small = miniature(tmp_path, database_url, bags=6, verified=START)
    with small.catalogue.writing() as session:
        # As if there were a thousand: four in ten of the publisher's.
        tallies.add(session, "copies", "intact", 994, 994, place="main")
        tallies.add(session, "articles", "active", 4)
        assert share_left(session, Promises(Promise(100)), START) == 10 + 1
        mixed = Promises(Promise(100), (HERITAGE,))
        needed = 1000 * (0.6 / 30 + 0.4 / 100)
        assert share_left(session, mixed, START) == pytest.approx(needed + 1, abs=1)
    small.catalogue.close()


def test_lists_of_kept_and_of_broken_promises_walk_every_store_once(tmp_path: Path, database_url: str) -> None:
    small = miniature(tmp_path, database_url, bags=5, stores=("c", "a", "b"), verified=START)
    with small.catalogue.writing() as session:
        # Three moments only, so that many copies share one.
        for number, copy in enumerate(session.execute(select(Copy).order_by(Copy.aip_id, Copy.store)).scalars()):
            copy.promised_until = START + timedelta(days=number % 3 - 1)

    def walked(wanted: Wanted, at_once: int) -> list[tuple[str, int, str]]:
        met: list[tuple[str, int, str]] = []
        after = None
        with small.catalogue.reading() as session:
            while lines := watch.listed(session, wanted, START, after=after, limit=at_once):
                met += [watch.cursor(line, wanted) for line in lines]
                after = met[-1]
        return met

    for question, number in (("overdue", 5), ("within", 10)):
        for at_once in (1, 2, 4, 20):
            met = walked(Wanted(question=question), at_once)
            assert len(met) == number
            assert met == sorted(set(met))
        assert len(walked(Wanted(store="a", question=question), 2)) + 0 == sum(
            place == "a" for _, _, place in walked(Wanted(question=question), 20)
        )
    small.catalogue.close()


def test_two_that_date_the_copies_for_the_first_time_fall_not_over_each_other(
    tmp_path: Path, database_url: str
) -> None:
    small = miniature(tmp_path, database_url)
    with small.catalogue.writing() as session:
        session.execute(delete(PolicyInForce))
    with ThreadPoolExecutor(8) as pool:
        together = Barrier(8)

        def begin(_number: int) -> bool:
            together.wait(30)
            with small.catalogue.writing() as session:
                return timetable.apply(session, Promises(Promise(90)), START)

        assert len(list(pool.map(begin, range(8)))) == 8
    with small.catalogue.reading() as session:
        assert timetable.is_applied(session, Promises(Promise(90)))
    small.catalogue.close()

"""The clock's own look at the testimony: what is new every day, and the whole of it bit by bit.

Nothing costs more because the archive is old: a look walks over at most so many events and compares the heads of
one month, remembers how far it came, and the next look goes on there. What was found to be wrong is looked at again
each time, so that it stands until it is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from fixity.notary import Notary
from fixity.proof import DETAILS, Problem, Proof, Walk, beside_the_chain, heads_in, lost_with, month_of, unlike
from repository.catalogue import chain, proofs
from repository.catalogue import heads as rows
from repository.catalogue.proofs import Standing
from repository.errors import Doubt
from repository.heads import Head
from repository.vocabulary import HEADS

SLICE = 7_000
"""Events walked over in one look: less than a second, and a million a day where the clock looks every ten minutes."""

NEW = 10 * SLICE
"""Of what is new since the day before: more than is told in ten minutes of the largest load."""

DAILY = timedelta(days=1)
"""What is new is verified so often, and a pass over everything begins no sooner after the one before."""

DISAGREES = "CHAIN_DISAGREES"
"""The chain has another hash at a place than when it was verified there."""

_OF_NOW = ("EVENT_BEYOND_END", "EVENT_UNLINKED")
"""What is counted anew at each look."""

log = structlog.get_logger(__name__)


def look(notary: Notary, stopping: Callable[[], bool] = lambda: False) -> Standing:
    """One look; what is known after it. Raises DatabaseUnavailable."""
    now = notary.clock()
    with notary.catalogue.reading() as session:
        before, end = proofs.standing(session), chain.end_of(session)
    proof = Proof()
    with notary.catalogue.reading() as session:
        beside_the_chain(session, end, now, proof)
    _again(notary, before.problems, end, proof)
    after = _new(notary, before, end, proof, now)
    if not stopping():
        after = _whole(notary, after, end, proof, now)
    problems = _each_once(proof.problems)
    after = replace(
        after,
        problems=problems,
        problems_since=(before.problems_since or now) if problems else None,
        silent=dict(proof.silent),
    )
    with notary.catalogue.writing() as session:
        if not proofs.note(session, before, after, now):
            return proofs.standing(session)
    if problems != before.problems and problems:
        log.error("the testimony is not whole", problems=len(problems), first=problems[0]["message"])
    return after


def problem_of(told: Mapping[str, Any]) -> Problem:
    """A problem as it was noted."""
    return Problem(**told)


def _new(notary: Notary, known: Standing, end: chain.End, proof: Proof, now: datetime) -> Standing:
    """What was told since the last time, and the heads of this month and of that of the last time, in every store."""
    if known.proved_at is not None and timedelta(0) <= now - known.proved_at < DAILY:
        return known
    reached = _walked(notary, _from_here(notary, known, end), end, proof, NEW)
    known = replace(known, position=reached.position, hash=reached.hash)
    if reached.position < end.position:
        return known  # there is more than one look takes: the next one goes on
    oldest = min(known.proved_at or now, now) - DAILY
    for month in _months(f"{oldest:%Y-%m}", f"{now:%Y-%m}"):
        _compare(notary, notary.stores, month, proof)
    return replace(known, proved_at=now)


def _whole(notary: Notary, known: Standing, end: chain.End, proof: Proof, now: datetime) -> Standing:
    """The next events and the next month of the pass over everything; a new pass where it is time for one."""
    if not known.under_way:
        if known.began_at is not None and timedelta(0) <= now - known.began_at < DAILY:
            return known
        known = proofs.begun(known, now, _first_month(notary))
    reached = _walked(notary, known.whole, end, proof, SLICE)
    known = replace(known, walked=reached.position, walked_hash=reached.hash)
    month = known.month
    # A store that is silent is waited for: doubt never counts as verified.
    if month is not None and not _compare(notary, notary.stores, month, proof):
        following = _following(month)
        known = replace(known, month=following if following <= f"{now:%Y-%m}" else None)
    if reached.position >= end.position and known.month is None:
        known = replace(known, ended_at=now)
    return known


def _from_here(notary: Notary, known: Standing, end: chain.End) -> chain.End:
    """Where what is new begins: at the very first look near the end, for the past is for the pass over everything."""
    begin = end.position - NEW
    if known.position or begin <= 0:
        return known.daily
    with notary.catalogue.reading() as session:
        kept = chain.hash_at(session, begin)
    return known.daily if kept is None else chain.End(begin, kept)


def _walked(notary: Notary, start: chain.End, end: chain.End, proof: Proof, most: int) -> chain.End:
    """Walk over the next events behind ``start``; how far that went. What does not fit is noted, and passed."""
    start = _as_it_was(notary, start, end, proof)
    until = min(end.position, start.position + most)
    walk = Walk(proof, (), start)
    for link in chain.walk(notary.catalogue, after=start.position, until=until):
        walk.step(link)
    if until == end.position:
        walk.end(end)
        return end
    if walk.reached.position < until:  # the last ones of the slice are not there
        expected, before = walk.reached.position + 1, walk.reached.hash.hex()
        told = f"nothing stands at position {expected} to {until}"
        proof.found(Problem("EVENT_REMOVED", told, expected, before=before))
        with notary.catalogue.reading() as session:
            return chain.End(until, chain.hash_at(session, until) or walk.reached.hash)
    return walk.reached


def _as_it_was(notary: Notary, start: chain.End, end: chain.End, proof: Proof) -> chain.End:
    """Where the walk begins: there stands what stood there when it was verified, or that it does not is noted."""
    if not start.position:
        return start
    with notary.catalogue.reading() as session:
        kept = chain.hash_at(session, start.position)
    if kept == start.hash:
        return start
    told = "the chain has another hash here than when it was verified: it was reckoned anew, or cut"
    proof.found(Problem(DISAGREES, told, start.position, before=start.hash.hex()))
    return end if kept is None else chain.End(start.position, kept)


def _compare(notary: Notary, stores: Iterable[str], month: str, proof: Proof) -> bool:
    """Hold the heads of one month against the chain; whether some store did not answer."""
    silent = False
    for name in stores:
        if name not in notary.stores:
            continue
        signed = heads_in(notary, notary.stores[name], proof, month)
        silent = silent or name in proof.silent
        if signed:
            _hold_against(notary, signed, proof)
    return silent


def _hold_against(notary: Notary, signed: Sequence[tuple[str, Head]], proof: Proof) -> None:
    with notary.catalogue.reading() as session:
        declared = [
            {"position": event.position, **(event.detail.get("lost") or {})}
            for event in rows.declarations(session)
            if event.position is not None
        ]
        for store, head in signed:
            kept = chain.hash_at(session, head.position)
            if kept is not None and kept.hex() == head.hash:
                proof.heads[store] = proof.heads.get(store, 0) + 1
            elif not any(lost_with(head, one) for one in declared):
                told = "the chain does not have there what was signed" if kept else "the chain does not go so far"
                proof.found(unlike(head.key, told, head, store))


def _again(notary: Notary, standing: Iterable[Mapping[str, Any]], end: chain.End, proof: Proof) -> None:
    """Look again at what was wrong before: what was mended is not found any more, what a silent store hides stays."""
    places: dict[tuple[str, str], list[Problem]] = {}
    for problem in map(problem_of, standing):
        if problem.store is not None:
            places.setdefault((problem.store, problem.month), []).append(problem)
        elif problem.position is not None and problem.code == DISAGREES:
            _as_it_was(notary, chain.End(problem.position, bytes.fromhex(problem.before)), end, proof)
        elif problem.position is not None and problem.code not in _OF_NOW:
            start = chain.End(problem.position - 1, bytes.fromhex(problem.before))
            _step(notary, start, end, proof, problem)
    for (store, month), problems in places.items():
        if _compare(notary, [store], month, proof):
            for problem in problems:
                proof.found(problem)


def _step(notary: Notary, start: chain.End, end: chain.End, proof: Proof, before: Problem) -> None:
    """The one event behind ``start``."""
    walk = Walk(proof, (), start)
    for link in chain.walk(notary.catalogue, after=start.position, until=start.position + 1):
        walk.step(link)
        return
    with notary.catalogue.reading() as session:
        if start.position < end.position or chain.hash_at(session, end.position) != end.hash:
            proof.found(before)


def _first_month(notary: Notary) -> str | None:
    """The month of the oldest head that lies in a store that answers, or that the catalogue knows."""
    found = []
    with notary.catalogue.reading() as session:
        for name in notary.stores:
            found += [month_of(key) for key in [rows.first_kept_in(session, name)] if key]
    for store in notary.stores.values():
        try:
            first = next(iter(store.keys(HEADS)), None)
        except Doubt:
            continue
        found += [month_of(first.key)] if first else []
    readable = [month for month in found if _following(month)]
    return min(readable, default=None)


def _months(first: str, last: str) -> list[str]:
    found = [first]
    while found[-1] < last:
        found.append(_following(found[-1]))
    return found


def _following(month: str) -> str:
    """The month after ``2026-12``; empty for what is none."""
    year, _, number = month.partition("-")
    if len(month) != 7 or not (year.isdigit() and number.isdigit() and 1 <= int(number) <= 12):
        return ""
    return f"{int(year) + int(number) // 12:04}-{int(number) % 12 + 1:02}"


def _each_once(problems: Sequence[Problem]) -> tuple[Mapping[str, Any], ...]:
    found = {(one.code, one.position, one.store, one.message): one for one in problems}
    return tuple({**one.as_json(), "before": one.before, "month": one.month} for one in list(found.values())[:DETAILS])

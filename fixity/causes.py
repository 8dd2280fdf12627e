"""What the night watch finds to be the matter: each cause from the catalogue's present state, by index and tally.

Nothing here remembers what was found before, so that an event that was missed loses no alert, and a cause that is
over is simply not found any more. Whoever adds a cause writes its function here, enters it in :func:`questions` and in
repository.causes.KINDS, and writes its chapter in docs/recovery.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from fixity.forecast import Policy, forecasts
from fixity.notary import STAMPED_WITHIN
from fixity.proof import DETAILS
from repository.catalogue import (
    alert_letters,
    canaries,
    chain,
    copies,
    digests,
    heads,
    heartbeats,
    inventories,
    ledgers,
    proofs,
    recount,
    rehearsals,
    rounds,
    tallies,
    troubles,
)
from repository.catalogue.alert_letters import MAIL, WEBHOOK
from repository.catalogue.watch import COUNT_NO_FURTHER
from repository.causes import AlertLevel, Cause, Found, InDoubt, Question
from repository.models import Canary
from repository.vocabulary import AuditOutcome, CopyState, DifferenceKind, DigestState

GRACE = timedelta(days=1)
"""A copy is called late when its promise is over for so long: nobody is called for what a round is just reading."""
A_DAY = 1.5
"""A forecast is no finer than that."""
ONE_OBJECT = timedelta(hours=3)
"""A copy that cannot be read in a store that gives others has been tried again by then."""
NOT_FOR = timedelta(days=3)
"""What is done with the testimony every day is called late when it was not done for so long."""
UNSTAMPED_FOR = timedelta(days=7)
"""A time-stamp authority may be silent for so long before anybody is called: nothing waits for it."""
_OF_HEADS = ("HEAD_GONE", "HEAD_NOT_OURS", "TIME_STAMP_WRONG")
_A_PERSONS = (DifferenceKind.MISPLACED, DifferenceKind.UNKNOWN, DifferenceKind.STRANGER)
OVERDUE_AFTER = 1.5
"""A rehearsal is overdue after so many times its days: it may take some, and wait for a store."""
LEDGER_LATE = timedelta(days=2)
DUE_NO_FURTHER = 50_000
"""Where the count of the copies that wait for a silent store ends."""
LOOKED_AT = 200
"""Of so many copies of a store that are not whole it is looked up why; what is beyond them is counted only."""


def questions(
    days: Callable[[str], float],
    round_after: timedelta,
    policies: Mapping[str, Policy] | None = None,
    *,
    stamped: bool = False,
    rehearsal_days: float = 0,
) -> list[Question]:
    """All that is asked of the copies and rounds, and of what is to be told.

    ``days``: the promise for a store. ``round_after``: so long may no round end while copies are due. ``policies``:
    what the watch may take of each store, for the forecast. ``stamped``: signed heads are to be stamped with the time.
    ``rehearsal_days``: after so many days a rebuild is rehearsed; 0: never.
    """
    stores = tuple(policies or {})
    return [
        Question(("store-silent",), silent_stores),
        Question(("store-emptied", "copies-damaged", "decision-waiting"), not_whole),
        Question(("copies-late",), lambda session, at: late(session, at, days)),
        Question(("no-round",), lambda session, at: no_round(session, at, round_after)),
        Question(("mail-silent", "letters-refused", "webhook-silent"), untold),
        Question(("canary-missed",), canaries_missed),
        Question(("inventory-differs",), differences),
        Question(("promise-missed",), lambda session, at: promises_missed(session, at, policies or {})),
        Question(("chain-broken", "heads-lost"), testimony_broken),
        Question(("testimony-late",), lambda session, at: testimony_late(session, at, stores, stamped=stamped)),
        Question(("rehearsal-failed",), lambda session, at: rehearsal_failed(session, at, rehearsal_days)),
        Question(("ledger-missing",), ledgers_missing),
        Question(("tallies-differ",), tallies_wrong),
    ]


def silent_stores(session: Session, at: datetime) -> Found:
    """Stores in which copies could not be read; a store that gave others since then answers, and a few may be tried
    again before anybody is called."""
    blind = set(_missed(session))
    for store, number in sorted(_in_state(session, (copies.UNREADABLE,)).items()):
        if store in blind:  # nothing is believed of it, whether it answers or not: that is the cause
            yield InDoubt("store-silent", store)
            continue
        since, last = troubles.silence(session, store)
        if since is None or last is None:
            continue
        if not troubles.answered_since(session, store, last):
            # The rounds leave it alone: what falls due meanwhile waits too.
            due = troubles.due_unasked(session, store, at, up_to=DUE_NO_FURTHER)
            more = due == DUE_NO_FURTHER
            yield Cause("store-silent", store, number + due, more, since=since, detail={"variant": ""})
        elif at - since >= ONE_OBJECT:
            answers = {"variant": "answers"}
            yield Cause("store-silent", store, number, since=since, detail=answers, level=AlertLevel.WARNING)
        else:
            yield InDoubt("store-silent", store)


def not_whole(session: Session, at: datetime) -> Found:
    """Copies that are damaged or missing, by what stands in the way; those being mended are passed over."""
    decisions = 0
    more = False
    states: Counter[str] = Counter()
    for store, number in sorted(_in_state(session, (CopyState.DAMAGED, CopyState.MISSING)).items()):
        found = troubles.not_whole(session, store, at, limit=LOOKED_AT)
        waiting = [one for one in found if one.decision and not one.emptied]
        if any(one.emptied for one in found):
            # What is missing in a store that was emptied is one cause, and no damage of its own.
            yield Cause("store-emptied", store, number)
            yield InDoubt("copies-damaged", store)
        else:
            rest = number - len(waiting) - sum(one.in_hand for one in found)
            if rest > 0:
                kinds = Counter(one.state for one in found if not one.decision and not one.in_hand)
                state = max(kinds, key=lambda name: kinds[name], default=CopyState.DAMAGED)
                yield Cause("copies-damaged", store, rest, detail={"state": str(state)})
            elif any(one.in_hand for one in found):
                yield InDoubt("copies-damaged", store)
        decisions += len(waiting)
        states.update(one.state for one in waiting)
        more = more or (bool(waiting) and number > len(found))
    if decisions:
        state = max(states, key=lambda name: states[name])
        yield Cause("decision-waiting", "", decisions, more, detail={"state": state})


def late(session: Session, at: datetime, days: Callable[[str], float]) -> Found:
    """Stores with copies that have outlived their promise; in a store that is silent that is a consequence.

    One that gives others than those that could not be read is not silent, and its late copies are counted.
    """
    silent = _in_state(session, (copies.UNREADABLE,))
    for store in sorted(copies.stores_with_copies(session)):
        if silent.get(store):
            _, last = troubles.silence(session, store)
            if last is not None and not troubles.answered_since(session, store, last):
                yield InDoubt("copies-late", store)
                continue
        number = copies.late(session, store, at=at - GRACE, up_to=COUNT_NO_FURTHER)
        if number:
            told, more = min(number, COUNT_NO_FURTHER), number >= COUNT_NO_FURTHER
            yield Cause("copies-late", store, told, more, detail={"days": f"{days(store):g}"})


def no_round(session: Session, at: datetime, after: timedelta) -> Iterator[Cause]:
    """No round of what is due has been carried to its end for ``after``, and copies have been due all that time.

    An audit of one article, and a round of what waits to be mended, say nothing of the rounds that keep the promise.
    """
    first_due = troubles.first_due(session)
    if first_due is None or first_due > at - after:
        return
    ended = rounds.last_ended(session)
    if ended is None:
        yield Cause("no-round", since=first_due, detail={"variant": "never"})
    elif ended <= at - after:
        yield Cause("no-round", since=ended, detail={"variant": ""})


def untold(session: Session, at: datetime) -> Iterator[Cause]:  # noqa: ARG001 (as every question is asked)
    """Letters that the mail server has not taken, and messages that a webhook has not: by the channel that fails."""
    of_publishers, of_alerts = digests.waiting(session), alert_letters.waiting(session)
    for state, kind in ((DigestState.WAITING, "mail-silent"), (DigestState.REFUSED, "letters-refused")):
        found = [one for one in (of_publishers.get(state), of_alerts.get((MAIL, state))) if one]
        if found:
            _, since, problem = min(found, key=lambda one: one[1])
            yield Cause(kind, "", sum(one[0] for one in found), since=since, detail={"cause": problem or ""})
    for (channel, _state), (number, since, problem) in sorted(of_alerts.items()):
        if channel.startswith(WEBHOOK):
            name = channel.removeprefix(WEBHOOK)
            yield Cause("webhook-silent", name, number, since=since, detail={"cause": problem or ""})


def canaries_missed(session: Session, at: datetime) -> Iterator[Cause]:  # noqa: ARG001 (as every question is asked)
    """Stores in which the watch took a bag that is known to be bad for something else when it looked last."""
    for store, some in sorted(_missed(session).items()):
        seen = min(canary.read_at for canary in some)
        yield Cause("canary-missed", store, len(some), since=seen, detail={"canaries": ", ".join(c.name for c in some)})


def promises_missed(session: Session, at: datetime, policies: Mapping[str, Policy]) -> Iterator[Cause]:
    """Stores in which the promise will be missed by a day or more at the measured rate; nothing is late yet."""
    for one in forecasts(session, policies, at):
        if one.missed_by_days >= A_DAY:
            detail = {"days": f"{one.policy.days:g}", "late": f"{one.missed_by_days:.0f}"}
            yield Cause("promise-missed", one.store, one.copies, detail=detail)


def rehearsal_failed(session: Session, at: datetime, days: float) -> Iterator[Cause]:
    """The last rehearsal that came to its end found differences, or it is long ago, and not a young archive."""
    last = rehearsals.last_ended(session)
    if last is not None and last.differences:
        yield Cause("rehearsal-failed", "", last.differences, since=last.finished_at, detail={"variant": ""})
    since = last.started_at if last is not None else rehearsals.first_begun(session) or _clock_since(session)
    if days > 0 and since is not None and since <= at - OVERDUE_AFTER * timedelta(days=days):
        yield Cause("rehearsal-failed", "overdue", since=since, detail={"variant": "overdue", "days": f"{days:g}"})


def ledgers_missing(session: Session, at: datetime) -> Iterator[Cause]:
    """Stores in which a ledger is known not to be whole; and that no ledger was made for days."""
    for store, number in sorted(ledgers.not_whole(session).items()):
        yield Cause("ledger-missing", store, number, detail={"variant": ""})
    last = ledgers.latest(session)
    since = last.at if last is not None else _clock_since(session)
    if since is not None and since <= at - LEDGER_LATE:
        yield Cause("ledger-missing", "", since=since, detail={"variant": "late"})


def _clock_since(session: Session) -> datetime | None:
    """Since when the clock runs that should have done it; None where none has given a sign of life."""
    return min((row.started_at for row in heartbeats.beats(session).get("clock", ())), default=None)


def differences(session: Session, at: datetime) -> Iterator[Cause]:  # noqa: ARG001 (as every question is asked)
    """Stores whose last complete inventory saw what is no audit's to judge, and nobody's to take away unasked."""
    stores = sorted(copies.stores_with_copies(session))
    for store, (_, complete) in inventories.last_of(session, stores).items():
        number = sum(complete.found.get(kind, 0) for kind in _A_PERSONS) if complete else 0
        if complete and number:
            yield Cause("inventory-differs", store, number)


def testimony_broken(session: Session, at: datetime) -> Iterator[Cause]:  # noqa: ARG001 (as every question is asked)
    """What the clock found to be otherwise than told: of the chain itself, and of the heads in each store."""
    known = proofs.standing(session)
    of_chain = [one["code"] for one in known.problems if one["code"] not in _OF_HEADS]
    if of_chain:
        more, codes = len(known.problems) >= DETAILS, ", ".join(sorted(set(of_chain)))
        yield Cause("chain-broken", "", len(of_chain), more, since=known.problems_since, detail={"codes": codes})
    for store in sorted({one["store"] for one in known.problems if one["code"] in _OF_HEADS}):
        found = [one["code"] for one in known.problems if one["store"] == store and one["code"] in _OF_HEADS]
        codes = ", ".join(sorted(set(found)))
        yield Cause("heads-lost", store, len(found), since=known.problems_since, detail={"codes": codes})


def testimony_late(session: Session, at: datetime, stores: Sequence[str], *, stamped: bool) -> Iterator[Cause]:
    """What is to be done every day with the testimony, and was not for some days."""
    last, known = heads.latest(session), proofs.standing(session)
    if last is None:
        first = chain.first_told(session)
        if first is not None and first < at - NOT_FOR:
            yield Cause("testimony-late", since=first, detail={"variant": "unsigned"})
        return
    if last.at < at - NOT_FOR:
        yield Cause("testimony-late", since=last.at, detail={"variant": "unsigned"})
    elif known.proved_at is None or known.proved_at < at - NOT_FOR:
        since = known.proved_at or heads.first(session)
        if since is not None and since < at - NOT_FOR:
            yield Cause("testimony-late", since=since, detail={"variant": ""})
    for store in stores:
        lacking = heads.lacking(session, store)
        if lacking and lacking[0].at < at - NOT_FOR:
            yield Cause("testimony-late", store, len(lacking), since=lacking[0].at, detail={"variant": "unput"})
    if stamped:
        number, oldest = heads.unstamped_since(session, since=at - STAMPED_WITHIN)
        if oldest is not None and oldest < at - UNSTAMPED_FOR:
            yield Cause("testimony-late", "time stamps", number, since=oldest, detail={"variant": "unstamped"})


def tallies_wrong(session: Session, at: datetime) -> Iterator[Cause]:  # noqa: ARG001 (as every question is asked)
    """Tallies that the last count of their rows did not bear out, as one cause: what wrote past them is one too."""
    found = recount.miscounts(session, limit=COUNT_NO_FURTHER + 1)
    if found:
        what = ", ".join(sorted({one.what for one in found}))
        number, more = min(len(found), COUNT_NO_FURTHER), len(found) > COUNT_NO_FURTHER
        since = min(one.first_seen for one in found)
        yield Cause("tallies-differ", "", number, more, since=since, detail={"what": what})


def _missed(session: Session) -> dict[str, list[Canary]]:
    """By store, the canaries that were seen for something else at the last look; a silent store misses none."""
    found: dict[str, list[Canary]] = {}
    for canary in canaries.latest(session):
        if canary.outcome not in (canary.expected, AuditOutcome.UNREADABLE):
            found.setdefault(canary.store, []).append(canary)
    return found


def _in_state(session: Session, states: tuple[str, ...]) -> Mapping[str, int]:
    """Store to how many of its copies are in one of these states."""
    found: Counter[str] = Counter()
    for (store, state), count in tallies.of(session, "copies").items():
        if state in states:
            found[store] += count.number
    return found

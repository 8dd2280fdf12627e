"""Copies: which is due to be read, who reads it now, and what the reading told. Damage and doubt stay apart."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, insert, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from repository.catalogue import contents, tallies
from repository.catalogue.parts import parts
from repository.models import Aip, Article, Copy, Moment, StoreEntry
from repository.promise import UNKNOWN, Content, Promise
from repository.vocabulary import GIVEN_UP, AuditOutcome, CopyState, bag_key

UNREADABLE = "unreadable"

ADDED = "added"
"""The tally of the copies entered in each store, whose states are days (UTC)."""

_INSERT = insert(Copy)

NEVER_DUE = datetime(9999, 1, 1, tzinfo=UTC)
"""When a copy that was given up is to be read again."""

ASKED_FOR = datetime(1970, 1, 1, tzinfo=UTC)
"""When a copy is due that a person asked to be read: before all others, and beyond the day's share."""

LOST = (CopyState.DAMAGED, CopyState.MISSING)
"""What waits to be mended."""

_BEGINNING = (datetime(1, 1, 1, tzinfo=UTC), 0)
_KINDS_OF_LATE = 2

_KEPT = Copy.state.not_in(GIVEN_UP)

LONGEST_CLAIM = timedelta(days=1)
"""No claim is made for longer. One that ends later was made by a clock that has been set back, and binds nobody."""

_SMALLEST_STEP = timedelta(seconds=1)
"""A copy just read is never due at the moment of its reading, so that a round ends whatever the policy says."""


@dataclass(frozen=True, slots=True)
class CopyRef:
    """All that an auditor needs to know of one copy: where it lies and what it must be."""

    aip_id: int
    store: str
    article_id: str
    version: int
    seal: str
    bytes: int
    lease: str | None = None
    place: str | None = None
    """The key of one that is no holding: a canary."""
    unreadable_since: datetime | None = None
    """Since when every reading has ended in doubt; None where the last one told what the bytes are."""
    content: Content = UNKNOWN
    """What it is a copy of, as a promise asks."""
    publisher: int | None = None
    """Whose article it is; None for one that is no holding."""
    is_lost: bool = False
    """Whether it is known as damaged or missing: what is wrong may be inside its seal, where a deep reading looks."""

    @property
    def key(self) -> str:
        """The key under which it lies in its store."""
        return self.place or bag_key(self.article_id, self.version)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reading of one copy told, when, and when the copy is to be read again."""

    ref: CopyRef
    outcome: AuditOutcome
    at: datetime
    next_due: datetime
    promised_until: datetime | None = None
    """When what is promised of a copy that was just read whole runs out."""
    held_until: datetime | None = None
    """The claim is kept until then, because the copy is about to be mended; None gives it back."""
    round: int | None = None
    """The number of the round that read it."""
    unread: bool = False
    """Damaged because it could not be read for so long: since when it cannot be is remembered until it is whole."""


def next_due(article_id: str, version: int, store: str, at: datetime, days: float) -> datetime:
    """When a copy verified at ``at`` is to be read again: 80 to 100 % of the cycle later, never beyond the promise.

    Where in that span follows from the copy's name alone, so copies that were verified
    together drift apart and the same catalogue always gives the same timetable.
    """
    return _spread(0.8, 1.0, article_id, version, store, at, days)


def first_due(article_id: str, version: int, store: str, at: datetime, days: float) -> datetime:
    """When a copy that was stored and read back at ``at`` is first read again: 10 to 100 % of the cycle later.

    The wide span turns a bulk load into an even share a day; without it 30 million bags
    loaded in ten days would come back as a wave nine times the steady rate.
    """
    return _spread(0.1, 1.0, article_id, version, store, at, days)


def _spread(low: float, high: float, article_id: str, version: int, store: str, at: datetime, days: float) -> datetime:
    digest = hashlib.sha256(f"{article_id}-v{version}@{store}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return at + max(_SMALLEST_STEP, timedelta(days=days * (low + (high - low) * place)))


def shown_state(copy: Copy) -> str:
    """The state as counted and shown: ``unreadable`` while the store is silent about a copy believed whole."""
    return _shown(copy.state, copy.unreadable_since)


def _shown(state: str, unreadable_since: datetime | None) -> str:
    doubted = unreadable_since is not None and state in (CopyState.INTACT, CopyState.UNVERIFIED)
    return UNREADABLE if doubted else state


def enter(
    session: Session, entries: Iterable[tuple[Aip, Mapping[str, datetime | None], Promise]], at: datetime
) -> list[tallies.Step]:
    """The copies of each AIP, by store: intact where it was read back to the end, unverified where it was only found.

    Each entry is the AIP, when each store's copy was read, and what is promised of it; what was only found is due
    ``at`` once. What the copies add to the tallies is returned, to be taken together with the caller's own.
    """
    rows, steps = [], []
    for aip, verified, promise in entries:
        for store, verified_at in verified.items():
            state = CopyState.INTACT if verified_at else CopyState.UNVERIFIED
            row = {"aip_id": aip.id, "store": store, "state": state, "verified_at": verified_at}
            if verified_at:
                days = promise.of(store)
                due = first_due(aip.article_id, aip.version, store, verified_at, days)
                rows.append({**row, "next_due": due, "promised_until": verified_at + timedelta(days=days)})
            else:
                rows.append({**row, "next_due": at, "promised_until": None})
            part = tallies.part_of_bag(aip.id)
            steps.append(tallies.Step("copies", state, 1, aip.bytes, store, part))
            steps.append(tallies.Step(ADDED, aip.registered_at.date().isoformat(), 1, aip.bytes, store))
            if verified_at is None:
                steps.append(tallies.Step("never verified", "", 1, aip.bytes, store, part))
    if rows:
        session.connection().execute(_INSERT, rows)
    return steps


def of(session: Session, aip_id: int) -> Sequence[Copy]:
    """The copies of an AIP, by the name of their store."""
    return session.execute(select(Copy).where(Copy.aip_id == aip_id).order_by(Copy.store)).scalars().all()


def refs_of(session: Session, aip_id: int) -> list[CopyRef]:
    """The copies of an AIP as an auditor takes them: without those that were given up."""
    return _refs(session, Copy.aip_id == aip_id, _KEPT, limit=1000)


def refs_of_all(session: Session, aip_ids: Sequence[int]) -> dict[int, list[CopyRef]]:
    """As :func:`refs_of`, for each of these AIPs that has copies."""
    found: dict[int, list[CopyRef]] = {}
    for some in parts(aip_ids):
        for ref in _refs(session, Copy.aip_id.in_(some), _KEPT, limit=1000 * len(some)):
            found.setdefault(ref.aip_id, []).append(ref)
    return found


def give_up(
    session: Session,
    refs: Iterable[tuple[int, int]],
    store: str,
    at: datetime,
    state: CopyState = CopyState.DISPOSED,
) -> bool:
    """The copies in ``store`` of these ``(AIP, bytes)`` are given up: no round claims, misses or mends them any more.

    False, and nothing is changed, while somebody reads or mends one of them: what they do might come after. Whoever
    read one before finds the claim gone, and writes nothing down. Copies given up already stay so.
    """
    octets = dict(refs)
    rows = _locked_in(session, list(octets), store)
    if any(copy.lease_until is not None and at < copy.lease_until <= at + LONGEST_CLAIM for copy in rows):
        return False
    steps = []
    for copy in (copy for copy in rows if copy.state not in GIVEN_UP):
        part = tallies.part_of_bag(copy.aip_id)
        steps.append(tallies.Step("copies", shown_state(copy), -1, -octets[copy.aip_id], store, part))
        steps.append(tallies.Step("copies", state, 1, octets[copy.aip_id], store, part))
        if copy.verified_at is None:
            steps.append(tallies.Step("never verified", "", -1, -octets[copy.aip_id], store, part))
        copy.state, copy.next_due = state, NEVER_DUE
        copy.verified_at = copy.promised_until = copy.unreadable_since = copy.lease = copy.lease_until = None
    session.flush()
    tallies.step(session, steps)
    return True


def take_back(session: Session, refs: Iterable[tuple[int, int]], store: str, state: CopyState, at: datetime) -> None:
    """Copies in ``store`` that were given up are the archive's again, in ``state``, and due to be read at once."""
    octets = dict(refs)
    steps = []
    for copy in _locked_in(session, list(octets), store):
        if copy.state == CopyState.DISPOSED:
            copy.state, copy.next_due = state, at
            part = tallies.part_of_bag(copy.aip_id)
            steps.append(tallies.Step("copies", CopyState.DISPOSED, -1, -octets[copy.aip_id], store, part))
            steps.append(tallies.Step("copies", state, 1, octets[copy.aip_id], store, part))
            steps.append(tallies.Step("never verified", "", 1, octets[copy.aip_id], store, part))
    session.flush()
    tallies.step(session, steps)


def missed(session: Session, refs: Iterable[tuple[int, int]], store: str, at: datetime) -> None:
    """These copies are known not to be in ``store``: missing, and due at once. Who reads one now writes nothing."""
    refs = list(refs)
    for copy in _locked_in(session, [aip_id for aip_id, _ in refs], store):
        copy.lease = copy.lease_until = None
    session.flush()
    give_up(session, refs, store, at)
    take_back(session, refs, store, CopyState.MISSING, at)


def kept(session: Session) -> dict[tuple[str, str], tallies.Count]:
    """``{(store, shown state): Count}`` of the copies that the archive promises: without those that were given up."""
    found = tallies.of(session, "copies")
    return {place: count for place, count in found.items() if place[1] not in GIVEN_UP}


def _locked_in(session: Session, aip_ids: Sequence[int], store: str) -> Sequence[Copy]:
    where = (Copy.store == store, Copy.aip_id.in_(aip_ids))
    fresh = select(Copy).where(*where).order_by(Copy.aip_id).with_for_update().execution_options(populate_existing=True)
    return session.execute(fresh).scalars().all()


def claim_due(
    session: Session,
    *,
    at: datetime,
    lease_for: timedelta,
    limit: int,
    stores: Iterable[str] | None = None,
    due_by: datetime | None = None,
    lost: bool = False,
) -> list[CopyRef]:
    """Take up to ``limit`` copies whose day has come by ``due_by``, the longest overdue first.

    ``at`` is now; without ``due_by`` it is both; ``lost``: of those only that are damaged or missing. The copies are
    the caller's for ``lease_for``. A claim that is not answered by
    :func:`record_all` lapses: nobody has to clean up after a crash.
    """
    free = or_(Copy.lease_until.is_(None), Copy.lease_until <= at, Copy.lease_until > at + LONGEST_CLAIM)
    where = [Copy.next_due <= (due_by or at), free]
    if stores is not None:
        where.append(Copy.store.in_(list(stores)))
    if lost:
        where.append(Copy.state.in_(LOST))
    rows = session.execute(
        select(Copy.aip_id, Copy.store)
        .where(*where)
        .order_by(Copy.next_due, Copy.aip_id, Copy.store)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    picked = [(row.aip_id, row.store) for row in rows]
    refs = {(ref.aip_id, ref.store): ref for ref in _refs(session, _among(picked), limit=limit)}
    return take_over(session, [refs[place] for place in picked], until=at + lease_for)


def take_over(session: Session, refs: Sequence[CopyRef], *, until: datetime) -> list[CopyRef]:
    """These copies are claimed by the caller until then, whoever held them before; in the order given.

    What an earlier holder still reads counts for that holder's report, but is not written
    down any more (:func:`record_all`): the last who claimed is the one who answers.
    """
    lease = secrets.token_hex(16)
    _set(session, _locked(session, refs), lease=lease, lease_until=until)
    return [replace(ref, lease=lease) for ref in refs]


def renew(session: Session, refs: Sequence[CopyRef], *, until: datetime) -> None:
    """Those of these copies that the caller still holds are held until then."""
    mine = and_(_locked(session, refs), Copy.lease.in_({ref.lease for ref in refs}))
    _set(session, mine, lease_until=until)


def give_back(session: Session, refs: Sequence[CopyRef]) -> None:
    """These copies were claimed and not read: whoever asks next may have them at once."""
    mine = and_(_locked(session, refs), Copy.lease.in_({ref.lease for ref in refs}))
    _set(session, mine, lease=None, lease_until=None)


def walk(
    session: Session,
    *,
    after: tuple[int, str] = (0, ""),
    limit: int,
    article_id: str | None = None,
    store: str | None = None,
) -> list[CopyRef]:
    """The next ``limit`` copies after ``after`` in the order of (AIP, store): every copy kept once, paged by key."""
    # As a pair: said with OR, every page begins at the first copy of all.
    beyond = tuple_(Copy.aip_id, Copy.store) > tuple_(literal(after[0], Copy.aip_id.type), literal(after[1]))
    where: list[ColumnElement[bool]] = [beyond, _KEPT]
    if store is not None:
        # Not by an index of stores: SQLite would read and sort all copies of the store for every page.
        where.append(Copy.store.concat("") == store)
    if article_id is not None:
        return _refs(session, *where, Aip.article_id == article_id, limit=limit)
    # The copies first, and their bags after: PostgreSQL would begin at the first bag of all to join them.
    next_ones = select(Copy.aip_id, Copy.store).where(*where).order_by(Copy.aip_id, Copy.store).limit(limit)
    places = [(row[0], row[1]) for row in session.execute(next_ones)]
    return _refs(session, _among(places), limit=limit) if places else []


def record(session: Session, ref: CopyRef, outcome: AuditOutcome, *, at: datetime, next_due: datetime) -> bool:
    """Write down that a copy is not whole; False when somebody else has claimed it since (nothing is written)."""
    return bool(record_all(session, [Verdict(ref, outcome, at, next_due)]))


def record_all(session: Session, verdicts: Sequence[Verdict]) -> dict[CopyRef, str]:
    """Write down what readings told; returned are those that were written, each with its shown state before.

    A copy that somebody else has claimed since is passed over: who claimed last answers. So is one given up since.
    INTACT is the only outcome that sets ``verified_at`` and ``verified_in``. UNREADABLE leaves what was known
    of the bytes and notes since when the store has been silent. Rows are locked in one
    order, so two callers never wait for each other; a caller keeps to one store at a time.
    """
    by_place = {(verdict.ref.aip_id, verdict.ref.store): verdict for verdict in verdicts}
    # Columns and not objects: what the session would keep in mind of each costs more than its row.
    rows = session.execute(
        select(Copy.aip_id, Copy.store, *(getattr(Copy, name) for name in _TOLD))
        .where(_among(list(by_place)))
        .order_by(Copy.aip_id, Copy.store)
        .with_for_update()
    ).all()
    written: dict[CopyRef, str] = {}
    steps: list[tallies.Step] = []
    changed: list[dict[str, Any]] = []
    for row in rows:
        verdict = by_place[row.aip_id, row.store]
        ref = verdict.ref
        if (ref.lease is not None and row.lease != ref.lease) or row.state in GIVEN_UP:
            continue
        now = _noted(dict(zip(_TOLD, row[2:], strict=True)), verdict)
        before, after = _shown(row.state, row.unreadable_since), _shown(now["state"], now["unreadable_since"])
        changes = [("copies", before, -1), ("copies", after, 1)] if before != after else []
        if row.verified_at is None and now["verified_at"] is not None:
            changes.append(("never verified", "", -1))
        part = tallies.part_of_bag(row.aip_id)
        steps += [tallies.Step(what, state, sign, sign * ref.bytes, row.store, part) for what, state, sign in changes]
        changed.append({"aip_id": row.aip_id, "store": row.store, **now})
        written[ref] = before
    if changed:
        session.execute(update(Copy), changed)
    tallies.step(session, steps)
    return written


_TOLD = (
    "state", "verified_at", "verified_in", "promised_until", "unreadable_since", "next_due", "lease", "lease_until",
)  # fmt: skip
"""What a verdict can change of a copy."""


def _noted(copy: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """The columns :data:`_TOLD` of a copy, after ``verdict``."""
    if verdict.outcome is AuditOutcome.UNREADABLE:
        copy["unreadable_since"] = copy["unreadable_since"] or verdict.at
    else:
        copy["unreadable_since"] = copy["unreadable_since"] if verdict.unread else None
        copy["state"] = CopyState(verdict.outcome.value)
        if verdict.outcome is AuditOutcome.INTACT:
            copy["verified_at"], copy["verified_in"] = verdict.at, verdict.round
            copy["promised_until"] = verdict.promised_until or verdict.next_due
    copy["next_due"] = verdict.next_due
    copy["lease"] = None if verdict.held_until is None else copy["lease"]
    copy["lease_until"] = verdict.held_until
    return copy


def stores_with_copies(session: Session) -> set[str]:
    """The names of the stores in which the catalogue knows of a copy; not those that are given up."""
    retired = select(StoreEntry.store).where(StoreEntry.retired_at.is_not(None))
    return {place for place, _state in kept(session)} - set(session.execute(retired).scalars())


def oldest_verification(session: Session, store: str | None = None) -> datetime | None:
    """The moment of the verification that lies longest ago, in ``store`` or in any, among copies verified at all."""
    found = []
    for place in [store] if store else stores_with_copies(session):
        first = select(func.min(Copy.verified_at)).where(Copy.store == place, Copy.verified_at.is_not(None))
        found.append(session.execute(first).scalar())
    return min(filter(None, found), default=None)


def due(session: Session, at: datetime, *, up_to: int, lost: bool = False) -> int:
    """For how many copies the day of their next reading has come by ``at``, counted no further than ``up_to``.

    Due is not overdue: that day comes before the promise runs out (:func:`late`). ``lost``: only damaged and missing.
    """
    waiting = select(Copy.aip_id).where(Copy.next_due < at).limit(up_to)
    if lost:
        waiting = waiting.where(Copy.state.in_(LOST))
    return session.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()


def asked_for(session: Session, *, up_to: int) -> int:
    """How many copies a person asked to be read and nobody has read yet, counted no further than ``up_to``."""
    waiting = select(Copy.aip_id).where(Copy.next_due <= ASKED_FOR).limit(up_to)
    return session.execute(select(func.count()).select_from(waiting.subquery())).scalar_one()


def late(session: Session, store: str, *, at: datetime, up_to: int) -> int:
    """How many copies in ``store`` had outlived their promise by ``at``, each kind counted no further than ``up_to``.

    Those of which the promise has run out, and those never verified whose day had come.
    """
    counted = (some.limit(up_to).subquery() for some in _late(store, at))
    return sum(session.execute(select(func.count()).select_from(some)).scalar_one() for some in counted)


Late = tuple[int, datetime, int]
"""A place in the walk over the late copies of a store: of which kind it is, its moment, and the bag."""


def late_by_publisher(
    session: Session, store: str, *, at: datetime, after: Late | None, limit: int
) -> tuple[Counter[int], Late | None]:
    """Of the next ``limit`` copies that :func:`late` counts, how many are whose; and where to go on, if anywhere.

    Costs a look-up for each of them: whoever asks of many asks some at a time, and holds up nobody.
    """
    kind = after[0] if after else 0
    here, moment = _late(store, at)[kind], (Copy.promised_until, Copy.next_due)[kind]
    some = here.add_columns(moment).order_by(Copy.aip_id)
    if after is not None and after[1:] != _BEGINNING:
        some = some.where(
            tuple_(moment, Copy.aip_id) > tuple_(literal(after[1], Moment()), literal(after[2], Copy.aip_id.type))
        )
    rows = session.execute(some.limit(limit)).all()
    ids = [row[0] for row in rows]
    found: Counter[int] = Counter()
    for few in parts(ids):
        whose = select(Article.publisher_id).join(Aip, Aip.article_id == Article.id).where(Aip.id.in_(few))
        found.update(session.execute(whose).scalars())
    if len(rows) == limit:
        return found, (kind, rows[-1][1], rows[-1][0])
    return found, (kind + 1, *_BEGINNING) if kind < _KINDS_OF_LATE - 1 else None


def _late(store: str, at: datetime) -> tuple[Select[int], Select[int]]:
    here = select(Copy.aip_id).where(Copy.store == store)
    # One that was asked for by hand is due before all others: that says nothing of how long it has waited.
    asked_for = Copy.next_due > ASKED_FOR
    # In order, so that they are walks along an index: PostgreSQL would else read all other stores' rows to find some.
    return (
        here.where(Copy.promised_until < at).order_by(Copy.promised_until),
        here.where(Copy.promised_until.is_(None), Copy.next_due <= at, asked_for).order_by(Copy.next_due),
    )


def _among(places: Iterable[tuple[int, str]]) -> ColumnElement[bool]:
    # The numbers alone lead SQLite to the rows: by pairs it finds them in a SELECT, and in an UPDATE reads the table.
    by_store: dict[str, set[int]] = {}
    for aip_id, store in places:
        by_store.setdefault(store, set()).add(aip_id)
    among = [and_(Copy.store == store, Copy.aip_id.in_(some)) for store, some in by_store.items()]
    return among[0] if len(among) == 1 else and_(Copy.aip_id.in_(set().union(*by_store.values())), or_(false(), *among))


def _locked(session: Session, refs: Sequence[CopyRef]) -> ColumnElement[bool]:
    """The condition that finds the rows of ``refs``, after locking them in the one order in which all lock them."""
    where = _among([(ref.aip_id, ref.store) for ref in refs])
    session.execute(select(Copy.aip_id).where(where).order_by(Copy.aip_id, Copy.store).with_for_update())
    return where


def _set(session: Session, where: ColumnElement[bool], **values: Any) -> None:
    session.execute(update(Copy).where(where).values(**values).execution_options(synchronize_session=False))


def _refs(session: Session, *where: ColumnElement[bool], limit: int) -> list[CopyRef]:
    # Without their leases: a claim belongs to the one who made it, not to everyone who looks.
    rows = session.execute(
        select(Copy.aip_id, Copy.store, Aip.article_id, Aip.version, Aip.seal, Aip.bytes)
        .add_columns(Copy.unreadable_since, Copy.state, Article.title_id, Article.publisher_id)
        .join(Aip, Aip.id == Copy.aip_id)
        .join(Article, Article.id == Aip.article_id)
        .where(*where)
        .order_by(Copy.aip_id, Copy.store)
        .limit(limit)
    ).all()
    held = contents.contents(session, [(row.title_id, row.publisher_id) for row in rows])
    return [
        CopyRef(
            row.aip_id,
            row.store,
            row.article_id,
            row.version,
            row.seal,
            row.bytes,
            unreadable_since=row.unreadable_since,
            content=held[row.title_id, row.publisher_id],
            publisher=row.publisher_id,
            is_lost=row.state in LOST,
        )
        for row in rows
    ]

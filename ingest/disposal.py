"""Copies given up for good, in one store after another: the only place where anything of ours is deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.orm import Session

from ingest.deaccession import Deaccession, Word, placed
from repository.catalogue import disposal_turns, disposals, holdings
from repository.catalogue.disposal_turns import Due
from repository.catalogue.disposals import Bag
from repository.errors import Doubt, HeldByStore, MahfuzError, ObjectMissing, UsageError, WouldOverwrite
from repository.models import Article, Disposal, Publisher
from repository.notice import NoticeKind
from repository.storage import Disposable, Store
from repository.vocabulary import as_utc_text, bag_key

log = structlog.get_logger(__name__)

AGAIN = timedelta(hours=1)
"""When a store that did not answer at its turn is asked again."""

ASK_AGAIN_OF_A_HOLD = timedelta(days=1)
"""When it is tried again where a legal hold stands against it, which has no end of its own."""

AT_ONCE = 100
"""Disposals that one pass takes up."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one thing that was due: ``store`` None for a cancellation; ``trouble`` empty where it was done."""

    disposal: int
    article_id: str
    store: str | None
    trouble: str = ""
    decision: bool = False
    """Whether a person has to decide before anything goes on."""


class _PutOff(Exception):
    """Not everything of a turn could be deleted: these bags are left, and this is why."""

    def __init__(self, left: Sequence[Bag], why: MahfuzError) -> None:
        super().__init__(str(why))
        self.left, self.why = left, why


def ask(work: Deaccession, article_id: str, version: int | None, word: Word) -> Disposal:
    """One member of staff wants a withdrawn article, or one version of it, given up. Raises UsageError."""
    word = word.checked()
    with work.catalogue.writing() as session:
        return disposals.ask(
            session,
            article_id,
            version,
            by=word.by,
            reason=word.reason,
            at=work.clock(),
            stores=[store.name for store in work.stores],
            wait_days=work.wait_days,
            delay_days=work.delay_days,
            agent=work.agent,
        )


def approve(work: Deaccession, identifier: int, by: str) -> Disposal:
    """A second member of staff agrees. Raises UsageError."""
    with work.catalogue.writing() as session:
        return disposals.approve(session, identifier, by=by, at=work.clock(), agent=work.agent)


def go_on(work: Deaccession, identifier: int, by: str) -> Disposal:
    """A disposal that was held is tried again. Raises UsageError."""
    with work.catalogue.writing() as session:
        return disposals.go_on(session, identifier, by=by, at=work.clock(), agent=work.agent)


def cancel(work: Deaccession, identifier: int, word: Word) -> Disposal:
    """Nothing more is given up, from this moment on and whatever the stores say; they are told as soon as they answer.

    Raises UsageError.
    """
    word = word.checked()
    with work.catalogue.writing() as session:
        return disposals.cancel(session, identifier, by=word.by, reason=word.reason, at=work.clock(), agent=work.agent)


def carry_out(work: Deaccession, stopping: Callable[[], bool] = lambda: False) -> list[Told]:
    """Everything that is due by now: each disposal has at most one store's turn, and a store that is silent waits.

    A turn that was killed in the middle is taken up again and ends as if it had not been. Raises DatabaseUnavailable.
    """
    now = work.clock()
    with work.catalogue.reading() as session:
        waiting = disposal_turns.due(session, now, limit=AT_ONCE)
    told = []
    for what in waiting:
        if stopping():
            break
        told.append(_one(work, what))
        log.info("disposal", disposal=what.id, article=what.article_id, store=what.store, trouble=told[-1].trouble)
    return told


def _one(work: Deaccession, what: Due) -> Told:
    try:
        if what.store is None:
            _tell_the_end(work, what)
            trouble = ""
        else:
            trouble = _turn(work, what, work.stores[_position(work, what.store)])
    except (WouldOverwrite, UsageError) as error:
        _put_off(work, what, (), str(error), None)
        return Told(what.id, what.article_id, what.store, str(error), decision=True)
    except _PutOff as put_off:
        again = _until(work, put_off.why)
        _put_off(work, what, put_off.left, str(put_off.why), again)
        return Told(what.id, what.article_id, what.store, str(put_off.why), decision=again is None)
    except Doubt as doubt:
        trouble = str(doubt)
    if trouble:
        with work.catalogue.writing() as session:
            disposal_turns.later(session, what, trouble, work.clock() + AGAIN)
    return Told(what.id, what.article_id, what.store, trouble)


def _turn(work: Deaccession, what: Due, store: Store) -> str:
    """The turn of one store; what stood in its way, where it could not begin or end. Raises what the stores say."""
    if not isinstance(store, Disposable):
        raise UsageError(f"nothing can be given up in the store {store.name!r}")
    for bag in what.bags:
        store.head(bag_key(what.article_id, bag.version))  # asked while nothing has been said of its copies
    _tell_the_beginning(work, what)
    with work.catalogue.writing() as session:
        if not disposal_turns.begin(session, what, work.clock()):
            return "a copy is being read at the moment"
    gone: list[dict[str, Any]] = []
    for place, bag in enumerate(what.bags):
        # Somebody may stop it at any moment: then nothing more is given up, and what is gone already is missed.
        with work.catalogue.reading() as session:
            stands = disposal_turns.stands(session, what)
        if not stands:
            with work.catalogue.writing() as session:
                disposal_turns.deleted(session, what, what.bags[:place], gone, work.clock(), work.agent)
            return "it was stopped"
        try:
            gone.append(_given_up(store, bag_key(what.article_id, bag.version), bag.seal))
        except (WouldOverwrite, HeldByStore) as no:
            with work.catalogue.writing() as session:
                disposal_turns.deleted(session, what, what.bags[:place], gone, work.clock(), work.agent)
            raise _PutOff(what.bags[place:], no) from no
    with work.catalogue.writing() as session:
        disposal_turns.deleted(session, what, what.bags, gone, work.clock(), work.agent)
        disposal_turns.done(session, what, work.clock())
    return ""


def _given_up(store: Store, key: str, seal: str) -> dict[str, Any]:
    """The object is gone, and its store says so; what was found. Raises as the store does."""
    assert isinstance(store, Disposable)
    detail = {"key": key, "sha256": seal}
    try:
        store.dispose(key, seal)
    except ObjectMissing:
        detail["detail"] = "it was not there any more"
    if (left := store.head(key)) is not None:
        raise WouldOverwrite(store.name, key, f"it was deleted, and the store still has {left.bytes} bytes under it")
    return detail


def _until(work: Deaccession, no: MahfuzError) -> datetime | None:
    """When it is to be tried again; None where a person has to decide."""
    if not isinstance(no, HeldByStore):
        return None
    return max(no.until or work.clock() + ASK_AGAIN_OF_A_HOLD, work.clock() + AGAIN)


def _put_off(work: Deaccession, what: Due, left: Sequence[Bag], trouble: str, again: datetime | None) -> None:
    with work.catalogue.writing() as session:
        disposal_turns.put_off(session, what, left, trouble, work.clock(), again, work.agent)


def _position(work: Deaccession, name: str) -> int:
    names = [store.name for store in work.stores]
    if name not in names:
        raise UsageError(f"no store is named {name!r} in the settings any more; there are: {', '.join(names)}")
    return names.index(name)


def _tell_the_beginning(work: Deaccession, what: Due) -> None:
    """Every store has a notice of the disposal, with all that the catalogue knows of the bags, before one byte goes."""
    with work.catalogue.reading() as session:
        row = session.get_one(Disposal, what.id)
        if row.noticed is not None:
            return
        about = _about(session, row)
    word = Word(row.approved_by or "", row.reason)
    notice = placed(work, what.article_id, NoticeKind.DISPOSAL, word, about)
    with work.catalogue.writing() as session:
        disposal_turns.noticed(session, what.id, notice.number)


def _tell_the_end(work: Deaccession, what: Due) -> None:
    with work.catalogue.reading() as session:
        row = session.get_one(Disposal, what.id)
    word = Word(row.cancelled_by or "", row.cancel_reason or "")
    placed(work, what.article_id, NoticeKind.CANCELLATION, word, {"disposal": row.noticed})
    with work.catalogue.writing() as session:
        disposal_turns.settled(session, what.id)


def _about(session: Session, row: Disposal) -> dict[str, Any]:
    """What a catalogue written again needs to know of the bags that will not be there, and of who decided."""
    article = session.get_one(Article, row.article_id)
    wanted = {bag["version"] for bag in row.bags}
    deliveries = {one.version: one.delivery_id for one in holdings.versions_of(session, row.article_id)}
    return {
        "version": row.version,
        "asked_by": row.asked_by,
        "asked_at": as_utc_text(row.asked_at),
        "approved_by": row.approved_by,
        "approved_at": as_utc_text(row.approved_at or row.asked_at),
        "not_before": as_utc_text(row.not_before or row.asked_at),
        "reason": row.reason,
        "wait_days": row.wait_days,
        "delay_days": row.delay_days,
        "stores": [turn.store for turn in disposals.turns_of(session, row.id)],
        "publisher": session.get_one(Publisher, article.publisher_id).name,
        "record": article.record,
        "bags": [
            {
                "version": aip.version,
                "seal": aip.seal,
                "bytes": aip.bytes,
                "payload_digest": aip.payload_digest,
                "bagging_date": aip.bagging_date,
                "delivery": deliveries.get(aip.version),
                "files": [
                    [file.path, file.offset, file.bytes, file.sha512.hex(), file.format]
                    for file in holdings.files_of(session, aip.id)
                ],
            }
            for aip in holdings.aips_of(session, row.article_id)
            if aip.version in wanted
        ],
    }

"""What staff may do with a delivery that waits for a person: try it again, release its articles, or reject it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from ingest import receipts
from ingest.findings import RELEASABLE, finding
from repository.catalogue import Catalogue, decisions, deliveries, testimony
from repository.errors import UsageError
from repository.models import Delivery
from repository.vocabulary import DeliveryState, EventType, Finding, Level, Verdict

MOST_DEATHS = 3
"""A delivery in whose attempts the worker fell so many times is set aside, so that the others go on."""

_WAIT_FOR_A_PERSON = {
    Verdict.RETRY: (DeliveryState.QUARANTINED, DeliveryState.PARTIAL, DeliveryState.REFUSED),
    Verdict.RELEASE: (DeliveryState.QUARANTINED, DeliveryState.PARTIAL),
    Verdict.REJECT: (DeliveryState.QUARANTINED,),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides, and what their decisions are written down with."""

    name: str
    catalogue: Catalogue
    home: Path
    agent: str
    clock: Callable[[], datetime]


def open_to(state: str) -> list[Verdict]:
    """What may be decided about a delivery in this state."""
    return [verdict for verdict, states in _WAIT_FOR_A_PERSON.items() if state in states]


def decide(person: Person, identifier: str, verdict: Verdict, reason: str) -> None:
    """:func:`retry`, :func:`release` of all that may be released, or :func:`reject`. Raises UsageError."""
    if verdict is Verdict.RETRY:
        retry(person, identifier)
    elif verdict is Verdict.RELEASE:
        release(person, identifier, reason)
    else:
        reject(person, identifier, reason)


def retry(person: Person, identifier: str) -> None:
    """Work on the delivery again from its bytes, at the next pass. Raises UsageError when it waits for nobody."""
    with person.catalogue.writing() as session:
        _open(session, identifier, Verdict.RETRY)
        _written_down(session, person, identifier, Verdict.RETRY, "", ())
        deliveries.requeue(session, identifier)


def release(person: Person, identifier: str, reason: str, codes: Iterable[str] = ()) -> tuple[str, ...]:
    """Take in, at the next pass, the articles that ``codes`` keep out; those codes, by default all that may be.

    Raises UsageError when no reason is given, when a code may not be released (RELEASABLE), or when
    none of the delivery's errors may.
    """
    reason = _reason(reason)
    if never := sorted(set(codes) - RELEASABLE):
        raise UsageError(
            f"{', '.join(never)}: only the publisher can mend this; releasable: {', '.join(sorted(RELEASABLE))}"
        )
    with person.catalogue.writing() as session:
        delivery = _open(session, identifier, Verdict.RELEASE)
        against = _errors(session, delivery)
        wanted = tuple(sorted(against & (set(codes) or RELEASABLE)))
        if not wanted:
            raise UsageError(
                f"{identifier}: nothing that may be released keeps its articles out; its errors: "
                + (", ".join(sorted(against)) or "none")
            )
        _written_down(session, person, identifier, Verdict.RELEASE, reason, wanted)
        deliveries.requeue(session, identifier)
    return wanted


def reject(person: Person, identifier: str, reason: str) -> None:
    """Refuse the delivery: the publisher has to send it again, and its receipt says why. Its bytes stay."""
    reason = _reason(reason)
    at = person.clock().replace(microsecond=0)
    with person.catalogue.reading() as session:
        delivery = _open(session, identifier, Verdict.REJECT)
        found = [*map(Finding.from_json, delivery.findings), finding("REJECTED", detail=reason)]
        lines = list(deliveries.lines_of(session, identifier))
        receipt = replace(
            receipts.of_delivery(session, identifier),
            finished_at=at,
            state=DeliveryState.REFUSED,
            findings=tuple(found),
        )
    receipts.write(person.home, receipt)
    with person.catalogue.writing() as session:
        _open(session, identifier, Verdict.REJECT)
        _written_down(session, person, identifier, Verdict.REJECT, reason, ())
        deliveries.finish(session, identifier, DeliveryState.REFUSED, found, lines, at)


def waived(found: Sequence[Finding], released: Mapping[str, str], path: str, line: int | None = None) -> list[Finding]:
    """``found`` with the errors made warnings in spite of which staff released the article, and a note that says so."""
    codes = sorted({each.code for each in found if each.level is Level.ERROR and each.code in released})
    if not codes:
        return list(found)
    lowered = [
        replace(each, level=Level.WARNING) if each.level is Level.ERROR and each.code in released else each
        for each in found
    ]
    reasons = "; ".join(dict.fromkeys(released[code] for code in codes))
    return [*lowered, finding("RELEASED", path, line, codes=", ".join(codes), detail=reasons)]


def _open(session: Session, identifier: str, verdict: Verdict) -> Delivery:
    delivery = deliveries.known(session, identifier)
    if delivery.state not in _WAIT_FOR_A_PERSON[verdict]:
        raise UsageError(f"{identifier}: a delivery that is {delivery.state} cannot be decided on ({verdict})")
    return delivery


def _errors(session: Session, delivery: Delivery) -> set[str]:
    of_articles = (found for line in deliveries.lines_of(session, delivery.id) for found in line.findings)
    return {found.code for found in of_articles if found.level is Level.ERROR}


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason:
        raise UsageError("a reason is needed: it stands on the publisher's receipt and in the archive for ever")
    if len(reason) > 1000 or not reason.isprintable():
        raise UsageError("the reason must be one line of at most 1000 characters")
    return reason


def _written_down(
    session: Session, person: Person, identifier: str, verdict: Verdict, reason: str, codes: Sequence[str]
) -> None:
    at = person.clock()
    decisions.decide(session, identifier, verdict, by=person.name, at=at, reason=reason, codes=codes)
    testimony.witness(
        session,
        EventType.QUARANTINE,
        at=at,
        outcome="success",
        agent=person.agent,
        detail={"verdict": str(verdict), "by": person.name, "reason": reason, "codes": list(codes)},
        delivery_id=identifier,
    )

"""The whole story of ingest, in order: a kept delivery in, preserved articles and a receipt out.

Every step may be killed and done again: what is derived from the bytes comes out the same, a
bag that was put and not registered is found and adopted, and a delivery is finished last of all.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from ingest import completeness, inbox, pauses, receipts
from ingest.door import Door
from ingest.findings import finding
from ingest.inbox import Arrived
from ingest.judging import Checked, judged
from ingest.keeping import UnderWay, keep
from ingest.looking import end_state, look_through
from ingest.quarantine import MOST_DEATHS
from ingest.receipts import Receipt
from ingest.sips import Grouping, Sip
from ingest.works import alone_with
from repository.catalogue import deliveries
from repository.catalogue.alone import alone
from repository.catalogue.deliveries import ArticleLine
from repository.errors import Doubt, MahfuzError
from repository.vocabulary import ArticleOutcome, DeliveryState, Finding, Stage

log = structlog.get_logger(__name__)


def ingest(door: Door, arrived: Arrived) -> Receipt:
    """Take in one delivery whose bytes are kept; its receipt, which lies in ``home/receipts`` afterwards.

    The same delivery again: finished and accepted before, nothing is changed; interrupted or
    refused before, it is tried again from its bytes. One bad article never stops the others.
    Raises StoreUnavailable or DatabaseUnavailable, OSError when our own disk fails: the delivery stays
    RECEIVED, says what holds it up, and is taken up again.
    """
    about = bound_contextvars(delivery_id=arrived.delivery_id)
    with about, alone(door.catalogue, door.home, arrived.delivery_id):  # a second one waits, and then finds it done
        return _ingest(door, arrived)


def _ingest(door: Door, arrived: Arrived) -> Receipt:
    known = _finished_before(door, arrived)
    if known is not None:
        return known
    staging = door.home / "staging" / arrived.delivery_id
    try:
        pauses.told(door.catalogue, door.home)
        with door.catalogue.writing() as session:
            deliveries.begin(session, arrived.delivery_id)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        return _finish(door, arrived, *_taken_in(door, arrived, staging))
    except (Doubt, OSError) as error:
        shutil.rmtree(staging, ignore_errors=True)  # on a full disk it makes the room that the note needs
        pauses.pause(door.catalogue, door.home, arrived.delivery_id, pauses.reason_of(error))
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _give_memory_back()


def waiting(door: Door) -> list[str]:
    """The deliveries that were interrupted and whose bytes lie here, the oldest first."""
    with door.catalogue.reading() as session:
        found = deliveries.unfinished(session, inbox.home_of(door.home))
    return [identifier for identifier, _ in found if inbox.is_here(door.home, identifier)]


def take_up(door: Door, identifier: str) -> Receipt | None:
    """Go on with a delivery of this home; None where it was finished meanwhile, or somebody else is at it.

    One in whose attempts the program fell again and again without keeping an article is set aside; None too where it
    stumbles now. Raises what ingest raises.
    """
    about = bound_contextvars(delivery_id=identifier)
    with about, alone(door.catalogue, door.home, identifier, wait=False) as held:
        if held is None:
            return None
        with door.catalogue.reading() as session:
            delivery = deliveries.known(session, identifier)
        if delivery.state != DeliveryState.RECEIVED or not inbox.is_here(door.home, identifier):
            return None
        arrived = inbox.kept(door.catalogue, door.home, identifier)
        if delivery.begun >= MOST_DEATHS:
            shutil.rmtree(door.home / "staging" / identifier, ignore_errors=True)  # what the last one left
            return _finish(door, arrived, [finding("SET_ASIDE", times=delivery.begun)], None)
        try:
            return _ingest(door, arrived)
        except UnderWay:
            return None  # the other one comes first; this one says that it waits
        except (MahfuzError, OSError):
            raise
        except Exception:
            log.exception("the program fell over a delivery")
            return None


def resume(door: Door) -> Iterator[Receipt]:
    """Take up every delivery that was interrupted, the oldest first.

    One for which our disk has no room is left for the next pass, and stops no other.
    Raises what ingest raises: a Doubt at once, since it would meet the others too, an OSError at the end.
    """
    pauses.told(door.catalogue, door.home)
    trouble: OSError | None = None
    for identifier in waiting(door):
        try:
            receipt = take_up(door, identifier)
        except MahfuzError:
            raise
        except OSError as error:
            trouble = trouble or error
        else:
            if receipt is not None:
                yield receipt
    if trouble is not None:
        raise trouble


def _taken_in(door: Door, arrived: Arrived, staging: Path) -> tuple[list[Finding], list[ArticleLine] | None]:
    """What was found of the delivery, and a line for each article; no lines when nothing of it can be used at all."""
    try:
        looked = look_through(door, arrived, staging)
    except (MahfuzError, OSError):
        raise
    except Exception as error:  # noqa: BLE001
        return _fallen(error), None
    if looked.grouping is None:
        return looked.found, None
    records = [sip.record for sip in looked.grouping.sips if sip.record is not None]
    for shared in (True, False):
        with alone_with(door.catalogue, door.home, records, shared=shared) as is_alone:
            try:
                checked = _checked(door, looked.arrived, looked.grouping.sips)
            except (MahfuzError, OSError):
                raise
            except Exception as error:  # noqa: BLE001
                return _fallen(error), None
            if is_alone or not any(one.is_found_again for one in checked):
                lines = keep(door, looked.arrived, checked, staging)
                break
    _note_contents(door, arrived, looked.grouping)
    return looked.found, lines


def _fallen(error: Exception) -> list[Finding]:
    log.error("the program fell over a delivery", exc_info=error)
    return [finding("PROGRAM_FAULT", detail=type(error).__name__)]


def _note_contents(door: Door, arrived: Arrived, grouping: Grouping) -> None:
    """What the delivery's own tables of contents say should exist. No fault in one keeps an article out."""
    if not grouping.contents:
        return
    try:
        with door.catalogue.writing() as session:
            completeness.take_note(session, arrived.delivery_id, grouping.contents, grouping.sips)
    except (MahfuzError, OSError):
        raise
    except Exception:
        log.exception("the program fell over a table of contents")


def _checked(door: Door, arrived: Arrived, sips: Sequence[Sip]) -> list[Checked]:
    """Every article with all its findings at once."""
    with door.catalogue.writing() as session:
        deliveries.reached(session, arrived.delivery_id, Stage.CHECKING, 0, len(sips))
    return judged(door.catalogue, arrived, sips)


def _finish(door: Door, arrived: Arrived, found: Sequence[Finding], lines: Sequence[ArticleLine] | None) -> Receipt:
    """The receipt, kept as a file first and then told to the catalogue.

    Where nothing of the delivery can be used any more (``lines`` is None) it still names what an earlier attempt kept.
    """
    state = end_state(found, None if lines is None else [line.outcome for line in lines])
    with door.catalogue.reading() as session:
        delivery = deliveries.known(session, arrived.delivery_id)
        lines = deliveries.kept_of(session, arrived.delivery_id) if lines is None else lines
    receipt = Receipt(
        delivery_id=arrived.delivery_id,
        publisher=arrived.publisher,
        file_names=arrived.file_names,
        sha256=delivery.sha256,
        bytes=delivery.bytes,
        accepted_on=arrived.accepted_on,
        finished_at=door.clock().replace(microsecond=0),
        state=state,
        findings=tuple(found),
        articles=tuple(lines),
    )
    receipts.write(door.home, receipt)
    assert receipt.finished_at is not None
    with door.catalogue.writing() as session:
        deliveries.finish(session, arrived.delivery_id, state, found, lines, receipt.finished_at)
    log.info(
        "delivery finished",
        delivery_id=arrived.delivery_id,
        state=state,
        articles=len(lines),
        refused=sum(line.outcome is ArticleOutcome.REFUSED for line in lines),
    )
    return receipt


def _finished_before(door: Door, arrived: Arrived) -> Receipt | None:
    with door.catalogue.reading() as session:
        delivery = deliveries.known(session, arrived.delivery_id)
        if delivery.state != DeliveryState.ACCEPTED:
            return None
        return Receipt(
            delivery_id=delivery.id,
            publisher=arrived.publisher,
            file_names=tuple(delivery.file_names),
            sha256=delivery.sha256,
            bytes=delivery.bytes,
            accepted_on=delivery.accepted_on,
            finished_at=delivery.finished_at,
            state=DeliveryState.ACCEPTED,
            findings=(*map(Finding.from_json, delivery.findings), finding("DUPLICATE_NO_CHANGE")),
            articles=tuple(deliveries.lines_of(session, delivery.id)),
            repeated=True,
        )


def _give_memory_back() -> None:
    """What a large XML had taken goes to the system, where the C library would keep it for the next one (glibc)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)

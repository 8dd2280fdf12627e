"""Why a delivery stands still, noted on our own disk while the catalogue cannot be told.

An attempt that began and says nothing counts as one that killed its worker. Without these notes a database that is
locked three times in the wrong moment would set a sound delivery aside.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from repository.catalogue import Catalogue, deliveries, intake
from repository.catalogue.intake import Waiting
from repository.errors import DatabaseUnavailable
from repository.storage.durable import write_text
from repository.vocabulary import DeliveryState


def reason_of(error: Exception) -> str:
    """What a person is told of it: of a disk, which file could not be written and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a disk of this machine'}: {error.strerror}"
    return str(error)


def pause(catalogue: Catalogue, home: Path, delivery_id: str, cause: str) -> None:
    """The delivery waits, through no fault of its own, and says for what: in the catalogue, or else in a note."""
    try:
        with catalogue.writing() as session:
            deliveries.pause(session, delivery_id, cause)
    except DatabaseUnavailable:
        with suppress(OSError):
            _folder(home).mkdir(exist_ok=True)
            write_text(_folder(home) / f"{delivery_id}.txt", cause)


def noted(home: Path) -> dict[str, str]:
    """Delivery to cause, for those of which the catalogue could not be told."""
    found = {}
    for file in sorted(_folder(home).glob("*.txt")):
        with suppress(OSError):
            found[file.stem] = file.read_text(encoding="utf-8")
    return found


def told(catalogue: Catalogue, home: Path) -> None:
    """Tell the catalogue now of every delivery that was noted. Raises DatabaseUnavailable: then the notes stay."""
    for identifier, cause in noted(home).items():
        with catalogue.writing() as session:
            found = deliveries.find(session, identifier)
            if found is not None and found.state == DeliveryState.RECEIVED:
                deliveries.pause(session, identifier, cause)
        (_folder(home) / f"{identifier}.txt").unlink(missing_ok=True)


def paused(session: Session, home: Path, *, limit: int) -> list[Waiting]:
    """The first deliveries that stand still, each with the cause, wherever it was noted."""
    return with_notes(intake.paused(session, limit=limit), home) or [
        line for line in with_notes(intake.queue(session, limit=limit), home) if line.held_up
    ]


def with_notes(lines: Iterable[Waiting], home: Path) -> list[Waiting]:
    """These lines of the queue, with the causes of which the catalogue could not be told."""
    notes = noted(home)
    return [replace(line, held_up=notes.get(line.id, line.held_up)) for line in lines]


def _folder(home: Path) -> Path:
    return home / "paused"

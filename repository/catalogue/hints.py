"""Hints: what a transaction leaves to be done is told, with its commit, to whoever can do it at once.

The rows say what is due; a hint only spares the waiting for the next look. It may be lost, and it may come twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

HINTING = "mahfuz hinting"
"""Under this name a session knows whom it tells (:class:`repository.catalogue.Catalogue`)."""


class Work(StrEnum):
    """What is to be done of one thing."""

    DELIVERY = "delivery"
    """To take this delivery in."""
    COPIES = "copies"
    """To read the copies of this article, and mend what is damaged."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What is to be done with the thing of this id; ``home``: only there, where its bytes lie."""

    work: Work
    identifier: str
    home: str | None = None


Hinting = Callable[[Session, Hint], None]
"""Tells of it with the commit of this session, or not at all. Raises Unheard."""


class Unheard(Exception):
    """Nobody could be told: what is due stands in the rows, and is found at the next look."""


def leave(session: Session, hint: Hint) -> None:
    """Tell of it, if there is somebody to tell; that it cannot be told changes nothing else in the transaction."""
    hinting: Hinting | None = session.info.get(HINTING)
    if hinting is None:
        return
    try:
        with session.begin_nested():
            hinting(session, hint)
    except Unheard as error:
        log.warning("nobody could be told of %s %s: %s", hint.work, hint.identifier, error)

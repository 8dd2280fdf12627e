"""Nothing waits longer than is promised now because the promise was longer once, or a clock was ahead."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from fixity.watch import Watch
from repository.catalogue import copies, timetable

log = logging.getLogger(__name__)

AT_ONCE = 1_000
"""Copies set right in one short transaction."""

SECONDS = 20.0
"""So long at a time are dates set right before the round reads: the next one goes on with the rest."""


def set_right(watch: Watch, at: datetime) -> None:
    """Every copy is due within its promise from now, or as many as can be dated in a while.

    A copy's day is reckoned when it is read. A promise of ninety days that is made one of thirty would begin with the
    next cycle only; a clock that stood a year ahead, and was set right, would leave what was read meanwhile unread for
    a year.
    """
    until = time.monotonic() + SECONDS

    def may_go_on() -> bool:
        return time.monotonic() < until and not watch.stopping()

    with watch.catalogue.reading() as session:
        going = not timetable.is_applied(session, watch.promises)
    while going and may_go_on():
        with watch.catalogue.writing() as session:
            going = timetable.apply(session, watch.promises, at)
    with watch.catalogue.reading() as session:
        stores = [
            store
            for store in sorted(copies.stores_with_copies(session))
            if timetable.waits_too_long(session, store, watch.promises, at)
        ]
    for store in stores:
        count, some = 0, AT_ONCE
        while some == AT_ONCE and may_go_on():
            with watch.catalogue.writing() as session:
                some = timetable.bring_forward(session, store, watch.promises, at, limit=AT_ONCE)
            count += some
        if count:
            log.warning("%d copies in %s were to be read later than is promised: set right", count, store)

"""The first page of the archive's staff: what waits for a person, and where everything else is found."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from repository.catalogue import alerts, browse, disposals, tallies, watch
from repository.vocabulary import DeliveryState, utc_now
from repository.web.room import ReadingRoom

WAITING = (DeliveryState.RECEIVED, DeliveryState.PARTIAL, DeliveryState.QUARANTINED, DeliveryState.REFUSED)

WAITING_DISPOSALS = 100


def overview(room: ReadingRoom) -> ResponseReturnValue:
    """Copies that need attention, deliveries by state, and the last that came."""
    with room.catalogue.reading() as rows:
        watched = watch.figures(rows, utc_now())
        deliveries = {state: count for (_, state), count in tallies.of(rows, "deliveries").items()}
        open_alerts = alerts.number_open(rows)
        waiting = disposals.underway(rows, limit=WAITING_DISPOSALS)
        latest = browse.deliveries_listed(rows, limit=8)
    return render_template(
        "reading/overview.html",
        watched=watched,
        open_alerts=open_alerts,
        attention=watch.ATTENTION,
        deliveries=deliveries,
        latest=latest,
        disposals=waiting,
        states=list(DeliveryState),
    )

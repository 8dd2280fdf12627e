"""The staff's pages of trigger events, and of what would be kept if a publisher stopped serving."""

from __future__ import annotations

from flask import Blueprint

from repository.access.web.guard import Route, Who, lay
from repository.web.declaring import simulating, triggering
from repository.web.room import ReadingRoom

_ONE = "/staff/access/triggers/<code>"


def blueprint(room: ReadingRoom) -> Blueprint:
    """These pages, all of them for staff alone."""
    return lay(
        Blueprint("declaring", __name__),
        room,
        (
            Route("/staff/access/triggers", triggering.listed, Who.STAFF),
            Route("/staff/access/triggers/new", triggering.new, Who.STAFF, ("GET", "POST")),
            Route(_ONE, triggering.one, Who.STAFF),
            Route(_ONE + "/decide", triggering.decide, Who.STAFF, ("POST",)),
            Route("/staff/access/simulator", simulating.simulated, Who.STAFF),
        ),
    )

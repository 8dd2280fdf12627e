"""Whether what is promised can be kept, and what would become of another promise: asked before it is made."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from fixity.forecast import MEASURED_DAYS, forecasts
from fixity.web.room import Dashboard
from repository.catalogue import contents
from repository.promise import Promises
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.tables import csv_answer

ASKED = ("days", "megabytes_per_second", "requests_per_second")
"""What the form may ask of a policy, by the names of its fields."""

_LARGEST = 1e9

COLUMNS = (
    "store", "fixity_days", "megabytes_per_second", "requests_per_second", "copies", "bytes", "measured_copies",
    "pass_days", "bound_by", "ends_at", "kept", "missed_by_days", "shortest_days", "megabytes_per_second_needed",
    "requests_per_second_needed",
)  # fmt: skip


def forecast(room: Dashboard) -> ResponseReturnValue:
    """Of each store what becomes of its present policy, or of the one that the address asks about."""
    asked: dict[str, Any] = {name: value for name in ASKED if (value := _number(name)) is not None}
    only = request.args.get("store") or None
    if only is not None and only not in room.policies:
        raise BadRequest
    policies = {store: replace(policy, **asked) for store, policy in room.policies.items() if only in (None, store)}
    if any(policy.days < 1 for policy in policies.values()):
        raise BadRequest
    with room.catalogue.reading() as rows:
        told = forecasts(rows, policies, utc_now())
        classes = next((policy.classes for policy in room.policies.values()), ())
        held = contents.articles_in(rows, Promises(classes=classes)) if classes else {}
    if request.args.get("format") == "csv":
        lines = [one.as_json() for one in told]
        return csv_answer("forecast", COLUMNS, ([line[name] for name in COLUMNS] for line in lines))
    return render_template(
        "fixity/forecast.html",
        as_csv=paging.here(format="csv"),
        forecasts=told,
        asked=asked,
        only=only,
        stores=sorted(room.policies),
        measured_days=MEASURED_DAYS,
        classes=classes,
        held=held,
        room=room,
    )


def _number(name: str) -> float | None:
    """The number that the address gives under ``name``; None where it gives none."""
    text = request.args.get(name, "").strip().replace(",", ".")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise BadRequest from None
    if not (math.isfinite(value) and 0 <= value <= _LARGEST):
        raise BadRequest
    return value

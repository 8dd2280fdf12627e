"""The COUNTER API (Code of Practice 5.1, section 8): status, members, reports, and every exception in its place."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from repository.access import counter_reports, requestors
from repository.access.counter import RELEASE, REPORTS, THE_WORLD_ID, Refused
from repository.access.counter_questions import understood
from repository.access.counter_reports import THE_WORLD, Platform, Whose
from repository.access.throttle import Throttle
from repository.access.web.guard import Route, lay
from repository.catalogue import Catalogue
from repository.errors import DatabaseUnavailable
from repository.models import Institution, Requestor
from repository.turkish import machine_lower
from repository.vocabulary import utc_now

REQUESTS = 120
"""Requests of one key in a minute, and wrong keys of one address; whoever asks for more has to wait."""
AT_ONCE = 4
"""Reports that are made at once by one process."""


def _turns() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(AT_ONCE)


def _throttle() -> Throttle:
    return Throttle(REQUESTS, timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Usage:
    """What telling of usage is given."""

    catalogue: Catalogue
    platform: Platform
    time_zone: str = "Europe/Istanbul"
    clock: Callable[[], datetime] = utc_now
    turns: threading.BoundedSemaphore = field(default_factory=_turns)
    throttle: Throttle = field(default_factory=_throttle)

    @property
    def now(self) -> datetime:
        """The present moment in the archive's time zone."""
        return self.clock().astimezone(ZoneInfo(self.time_zone))


def status(usage: Usage) -> ResponseReturnValue:
    """Whether the service is there, for everyone."""

    def make() -> Any:
        with usage.catalogue.reading() as rows:
            counter_reports.first_month(rows)
        said = f"{usage.platform.name}: COUNTER {RELEASE}"
        return [{"Description": said, "Service_Active": True, "Registry_Record": ""}]

    return _answered(make)


def members(usage: Usage) -> ResponseReturnValue:
    """The institution of the key."""

    def make() -> Any:
        with usage.catalogue.reading() as rows:
            requestor, of = _asking(usage, rows)
            told: dict[str, Any] = {"Institution_Name": of.name, "Customer_ID": request.args["customer_id"]}
            told |= {"Institution_ID": dict(of.identifiers), "Requestor_ID": requestor.name}
        return [told]

    return _answered(make)


def reports(usage: Usage) -> ResponseReturnValue:
    """Which reports there are, and for which months."""

    def make() -> Any:
        with usage.catalogue.reading() as rows:
            _asking(usage, rows)
            first = counter_reports.first_month(rows)
        last = (usage.now.date().replace(day=1) - timedelta(days=1)).replace(day=1)
        begin = min(first, last) if first is not None else last
        return [
            {
                "Report_Name": report.name,
                "Report_ID": report.id,
                "Release": RELEASE,
                "Report_Description": report.description,
                "Path": f"/r51/reports/{_path(report.id)}",
                "First_Month_Available": f"{begin:%Y-%m}",
                "Last_Month_Available": f"{last:%Y-%m}",
            }
            for report in REPORTS.values()
        ]

    return _answered(make)


def report(usage: Usage, name: str) -> ResponseReturnValue:
    """One report in JSON."""
    found = next((one for one in REPORTS.values() if _path(one.id) == name), None)
    if found is None:
        return _json({"message": "there is no such report"}, 404)

    def make() -> Any:
        given = {key: value for key, value in request.args.items() if value}
        if not usage.turns.acquire(blocking=False):
            raise Refused(1010)
        try:
            with usage.catalogue.reading() as rows:
                missing = [one for one in ("begin_date", "end_date") if one not in given]
                _, of = _asking(usage, rows, missing)
                first, now = counter_reports.first_month(rows), usage.now
                asked = understood(found, given, usage.platform.name, first, now.date())
                lines = counter_reports.lines(rows, asked, of, usage.platform)
            return counter_reports.document(asked, of, usage.platform, lines, now)
        finally:
            usage.turns.release()

    return _answered(make)


def _asking(usage: Usage, rows: Session, missing: list[str] | None = None) -> tuple[Requestor, Whose]:
    """Who asks, and for whose usage. Raises Refused, with the lowest of the codes that fit."""
    lacking = [name for name in ("customer_id", "api_key") if not request.args.get(name)] + (missing or [])
    if lacking:
        raise Refused(1030, f"missing: {', '.join(lacking)}")
    address, now = request.remote_addr or "", usage.clock()
    requestor = None if usage.throttle.waits(address, now) else requestors.of_key(rows, request.args["api_key"])
    who = address if requestor is None else f"requestor {requestor.id}"
    if usage.throttle.waits(who, now):
        raise Refused(1020, f"no more than {REQUESTS} requests in a minute")
    usage.throttle.failed(who, now)
    if requestor is None:
        raise Refused(2020)
    if request.args.get("requestor_id") not in (None, "", requestor.name):
        raise Refused(2000)
    customer = request.args["customer_id"]
    if customer == THE_WORLD_ID:
        return requestor, THE_WORLD
    institution = rows.get_one(Institution, requestor.institution_id)
    if customer not in (institution.counter_id, institution.code):
        raise Refused(2010)
    return requestor, counter_reports.whose(institution)


def _answered(make: Callable[[], Any]) -> Response:
    try:
        return _json(make(), 200)
    except Refused as refused:
        answer = _json(refused.exception.as_json(), refused.exception.status)
        if refused.exception.status in (429, 503):
            answer.headers["Retry-After"] = "60"
        return answer
    except DatabaseUnavailable:
        answer = _json(Refused(1000).exception.as_json(), 503)
        answer.headers["Retry-After"] = "60"
        return answer


def _json(value: Any, status_code: int) -> Response:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    answer = Response(text, status_code, mimetype="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _path(identifier: str) -> str:
    return machine_lower(identifier)


def blueprint(usage: Usage) -> Blueprint:
    """The addresses under ``/r51``."""
    return lay(
        Blueprint("counter", __name__),
        usage,
        (
            Route("/r51/status", status),
            Route("/r51/members", members),
            Route("/r51/reports", reports),
            Route("/r51/reports/<name>", report),
        ),
    )

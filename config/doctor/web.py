"""The page of the system, for staff: the doctor's lines with when each was asked, and where every setting came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from config.doctor import examination
from config.doctor.entries import CHAPTERS, DOCUMENT, ENTRIES, Chapter
from config.doctor.lines import Line, Said, Value, Verdict, plain
from config.doctor.questions import Patient
from config.wiring import AGENT
from repository.access.web.guard import Route, Who, lay
from repository.texts import marked
from repository.web import language, paging
from repository.web.tables import csv_answer

COLUMNS = ("verdict", "code", "what", "host", "found", "what_to_do", "asked_at")


_PARTS = {"clock": marked("clock"), "worker": marked("worker"), "web": marked("web server")}
SUBJECTS = {
    ("queue", "deliveries"): marked("deliveries"),
    ("queue", "overdue"): marked("overdue copies"),
    ("queue", "mending"): marked("copies to be mended"),
    ("queue", "announcements"): marked("announcements to harvesters"),
    **{("part", name): word for name, word in _PARTS.items()},
    **{(code, name): word for code in ("open-files", "locale") for name, word in _PARTS.items()},
}
"""Subjects that are words and not names, as people say them."""


@dataclass(frozen=True, slots=True)
class SystemRoom:
    """What the page is given."""

    patient: Patient


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines that stand in one table: of a chapter, and of one machine where it is about machines."""

    host: str
    lines: Sequence[Line]

    @property
    def counted(self) -> dict[Verdict, int]:
        """How many lines there are of each verdict."""
        return examination.counted(self.lines)

    @property
    def is_quiet(self) -> bool:
        """Nothing has to be looked at."""
        return not self.counted[Verdict.BAD] and not self.counted[Verdict.DOUBT]


def blueprint(room: SystemRoom) -> Blueprint:
    """The pages, ready to be mounted."""
    pages = Blueprint("system", __name__, template_folder="templates")
    routes = (
        Route("/staff/system", system, who=Who.STAFF),
        Route("/staff/system/entries", entries, who=Who.STAFF),
    )
    return lay(pages, room, routes)


def system(room: SystemRoom) -> ResponseReturnValue:
    """How the installation stands, as a page or as CSV."""
    patient = room.patient
    lines = examination.shown(patient)
    if request.args.get("format") == "csv":
        return csv_answer("system", COLUMNS, [_row(line) for line in lines])
    return render_template(
        "doctor/system.html",
        chapters=[(chapter, parts) for chapter in CHAPTERS if (parts := list(_parts(chapter, lines)))],
        attention=sorted(
            (line for line in lines if line.verdict in (Verdict.BAD, Verdict.DOUBT)),
            key=lambda line: -line.verdict.weight,
        ),
        counted=examination.counted(lines),
        entry=ENTRIES,
        named=_named,
        said=_said,
        remedy=_remedy,
        settings=list(_settings(patient)),
        version=AGENT,
        host=patient.host,
        now=patient.clock(),
        as_csv=paging.here(format="csv"),
    )


def entries(_room: SystemRoom) -> ResponseReturnValue:
    """What each line means, and what to do."""
    return render_template("doctor/entries.html", chapters=CHAPTERS, document=DOCUMENT, code_of=_code)


def _parts(chapter: Chapter, lines: Sequence[Line]) -> Iterator[_Part]:
    of_it = sorted((line for line in lines if line.code in chapter.entries), key=lambda line: line.host)
    for host, some in groupby(of_it, key=lambda line: line.host):
        yield _Part(host, list(some))


def _settings(patient: Patient) -> Iterator[tuple[str, object, str]]:
    """Every setting with its value, secrets masked, and where it came from."""
    origins = patient.archive.origins
    for key, value in patient.archive.settings.shown():
        yield key, value, origins.get(key) or origins.get(key.split(".")[0], "default")


def _named(line: Line, subject: str | None = None) -> str:
    """What the line is about, in the reader's language; ``subject``: said otherwise."""
    if subject is None:
        first, comma, host = line.subject.partition(", ")
        subject = language.gettext(SUBJECTS.get((line.code, first), first)) + comma + host
    return language.gettext(ENTRIES[line.code].what, subject=subject)


def _said(said: Said) -> str:
    """A sentence of a line in the reader's language, as it stands in a page."""
    return said.told(lambda sentence: _code(language.gettext(sentence)), _written)


def _code(sentence: str) -> Markup:
    """What stands between backticks as code; nothing else in it is taken for a tag."""
    parts = escape(sentence).split("`")
    return Markup("").join(
        Markup("<code>") + part + Markup("</code>") if place % 2 else part for place, part in enumerate(parts)
    )


def _remedy(line: Line) -> str:
    """What to do, in the reader's language; empty where there is nothing to do."""
    if line.verdict is Verdict.GOOD:
        return ""
    return _said(line.remedy or Said(ENTRIES[line.code].remedy))


def _written(name: str, value: Value) -> str:
    if name.endswith("_bytes") and isinstance(value, int | float):
        return language.size(int(value))
    if name.endswith("_at"):
        try:
            return language.moment(datetime.fromisoformat(str(value)))
        except ValueError:
            return str(value)
    if name.endswith("_day"):
        return language.isoday(str(value)[:10])
    if isinstance(value, int):
        return language.number(value)
    return language.tenths(value) if isinstance(value, float) else str(value)


def _row(line: Line) -> tuple[object, ...]:
    told = line.said.told(language.gettext, plain)
    remedy = (line.remedy or Said(ENTRIES[line.code].remedy)).told(language.gettext, plain)
    return (
        line.verdict, line.code, _named(line), line.host, told,
        "" if line.verdict is Verdict.GOOD else remedy, line.asked_at,
    )  # fmt: skip

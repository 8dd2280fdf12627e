"""Entitlements as a table, title lists and claims alike; and the title list of one licence as KBART."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session, aliased

from repository.access import changes, claims, institutions, licences, words
from repository.access.exchange.tables import NO_ROWS, Cells, Imported, read
from repository.access.runs import COVERAGE, KBART, Run, run_of, settle, standing
from repository.access.terms import RECORD
from repository.catalogue import Catalogue
from repository.catalogue.parts import parts
from repository.catalogue.walks import every
from repository.errors import NotNow
from repository.kbart_lines import BadList, Complaint, Reading, text_of
from repository.models import Entitlement, Licence, Title
from repository.rights import ClaimState, Side

COLUMNS = ("licence", "institution", *KBART[:9], "embargo_info", "state", "source", "row")
_BATCH = 5_000


def told(catalogue: Catalogue, licence: str | None = None) -> Iterator[tuple[object, ...]]:
    """Every entitlement, or those of one licence, in the order in which they were entered. Raises NotNow."""

    def page(session: Session, after: int | None, limit: int) -> list[claims.Line]:
        of = licences.named(session, licence) if licence is not None else None
        return claims.listed(session, licence=of, after=after or 0, limit=limit)

    for line in every(catalogue, page, lambda line: line.row.id):
        one = line.as_json()
        yield tuple(one[name] for name in COLUMNS)


def enter_all(catalogue: Catalogue, by: str, name: str, data: bytes, *, at: datetime) -> Imported:
    """Each row is an entitlement: entered in its state, or made longer, or brought to its state by the archive.

    Without a state a line of a title list is agreed, and what an institution claims is asserted. None is taken away.
    Raises BadList, DatabaseUnavailable.
    """
    reading, done = Reading(name), Imported()
    for some in parts(read(reading, data, "licence"), _BATCH):
        done.rows += len(some)
        with catalogue.writing() as session:
            changes.take(session)
            ordered = sorted(some, key=lambda row: _whose(row[1]))
            for (licence, institution), group in groupby(ordered, key=lambda row: _whose(row[1])):
                _enter(session, by, reading, done, licence, institution, list(group), at)
    if not done.rows:
        raise BadList(name, [Complaint(NO_ROWS)])
    done.complaints = sorted(reading.wrong, key=lambda one: one.line or 0)
    return done


def kbart(catalogue: Catalogue, code: str) -> Iterator[str]:
    """The title list of a licence as KBART Phase II, sorted by title, some lines at a time; without what was rejected.

    Raises NotNow where there is no such licence.
    """
    with catalogue.reading() as session:
        licence = licences.named(session, code)
    yield "\t".join(KBART) + "\n"
    page = every(
        catalogue,
        lambda session, after, limit: _page(session, licence, after, limit),
        lambda row: (row[1].sort_key, row[0].id),
    )
    for entitlement, title, before in page:
        yield "\t".join(_plain(value) for value in _kbart(entitlement, title, before)) + "\n"


def _page(
    session: Session, licence: Licence, after: tuple[str, int] | None, limit: int
) -> Sequence[tuple[Entitlement, Title, str | None]]:
    former = aliased(Title)
    walk = (
        select(Entitlement, Title, former.set_issn)
        .join(Title, Title.id == Entitlement.title_id)
        .outerjoin(former, former.id == Title.preceding_id)
        .where(Entitlement.licence_id == licence.id, Entitlement.institution_id.is_(None))
        .where(Entitlement.state != ClaimState.REJECTED.value)
        .order_by(Title.sort_key, Entitlement.id)
        .limit(limit)
    )
    if after is not None:
        walk = walk.where(tuple_(Title.sort_key, Entitlement.id) > after)
    return [(row[0], row[1], row[2]) for row in session.execute(walk)]


def _kbart(row: Entitlement, title: Title, before: str | None) -> Iterable[object]:
    run = (row.first_date, row.first_volume, row.first_issue, row.last_date, row.last_volume, row.last_issue)
    values: dict[str, object] = {
        "publication_title": row.name,
        "print_identifier": title.issn_print,
        "online_identifier": title.issn_electronic,
        **dict(zip(COVERAGE, run, strict=True)),
        "title_id": title.set_issn,
        "embargo_info": row.embargo,
        "coverage_depth": "fulltext",
        "publication_type": "serial",
        "preceding_publication_title_id": before,
        "access_type": "P",
    }
    return (values.get(name) for name in KBART)


def _plain(value: object) -> str:
    return " ".join(str(value).split()) if value is not None else ""


def _whose(cells: Cells) -> tuple[str, str]:
    return cells.get("licence", "").strip(), cells.get("institution", "").strip()


def _enter(
    session: Session,
    by: str,
    reading: Reading,
    done: Imported,
    code: str,
    whose: str,
    rows: Sequence[tuple[int, Cells]],
    at: datetime,
) -> None:
    try:
        licence = licences.named(session, code)
        institution = institutions.named(session, whose) if whose else None
    except NotNow as no:
        for line, _ in rows:
            reading.doubt(no.sentence, no.params, line)
        return
    runs: list[Run] = []
    states: dict[int, ClaimState | None] = {}
    for line, cells in rows:
        run = run_of(cells, line, reading)
        try:
            state = words.word(ClaimState, cells["state"]) if cells.get("state", "").strip() else None
        except NotNow as no:
            reading.doubt(no.sentence, no.params, line)
            continue
        if run is not None:
            states[line] = state
            runs.append(replace(run, listed=_listed(cells)))
    usual = ClaimState.ASSERTED if institution else ClaimState.AGREED
    number = institution.id if institution else None
    before = standing(session, licence.id, number)
    settled = settle(session, by, licence, number, runs, reading, at=at, state=lambda run: states[run.line] or usual)
    moved = 0
    for run, place in zip(runs, settled.places, strict=True):
        there, state = before.get(run.key(place)), states[run.line]
        if there is None or state is None or there.state == state:
            continue
        try:
            claims.act(session, by, there.id, state, Side.ARCHIVE, reading.name or "import", at=at)
            moved += 1
        except NotNow as no:
            reading.doubt(no.sentence, no.params, run.line)
    done.new += settled.new
    done.changed += settled.extended + moved
    done.unchanged += max(settled.unchanged - moved, 0) + len(settled.shorter)
    if settled.new or settled.extended:
        told_ = {"list": reading.name, "institution": whose or None, "new": settled.new, "extended": settled.extended}
        changes.noted(session, by, RECORD, licence.code, "entitlements imported", after=told_, at=at)


def _listed(cells: Cells) -> tuple[str | None, int | None] | None:
    if "source" not in cells:
        return None
    row = cells.get("row", "").strip()
    return text_of(cells["source"], 500), int(row) if row.isascii() and row.isdigit() and len(row) < 10 else None

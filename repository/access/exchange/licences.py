"""Licences as a table, one a row with its periods; and their parties as another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from repository.access import changes, consortia, institutions, licences, terms, words
from repository.access.exchange.tables import Cells, Imported, Importing, joined, load, outcome, several, truth
from repository.access.licences import FIELDS, Described
from repository.catalogue import Catalogue
from repository.catalogue.walks import every
from repository.errors import BadValue, NotNow
from repository.models import Consortium, Institution, Licence
from repository.rights import Closure, LicenceStatus
from repository.texts import marked

COLUMNS = ("code", *FIELDS, "periods")
PARTY_COLUMNS = ("licence", "institution", "consortium", "since", "until")
_TRUTHS = ("archival_copy", "supply")

BAD_PERIOD = marked("%(given)s is no period: write 2009-01-01/2018-12-31, or 2019-01-01/ for one that goes on.")
ONE_PARTY = marked("A party is an institution or a consortium: one of the two columns.")


def told(catalogue: Catalogue) -> Iterator[tuple[object, ...]]:
    """Every licence, by its code."""
    for one in _walk(catalogue):
        yield tuple(_cell(name, one[name]) for name in COLUMNS)


def parties_told(catalogue: Catalogue) -> Iterator[tuple[object, ...]]:
    """Every party, by licence."""
    for one in _walk(catalogue):
        for party in one["parties"]:
            codes = (party["code"], None) if party["kind"] == "institution" else (None, party["code"])
            yield (one["code"], *codes, party["since"], party["until"])


def enter_all(catalogue: Catalogue, by: str, name: str, data: bytes, *, at: datetime) -> Imported:
    """Each row is a licence: entered, or made as the row says. No period is taken away; one may end otherwise."""
    return load(catalogue, by, name, data, "code", _enter, at=at)


def enter_parties(catalogue: Catalogue, by: str, name: str, data: bytes, *, at: datetime) -> Imported:
    """Each row is a party: entered, or ending as the row says. None is taken away."""
    return load(catalogue, by, name, data, "licence", _enter_party, at=at)


def _walk(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    return every(
        catalogue,
        lambda session, after, limit: [
            licences.as_json(session, row) for row, _ in licences.listed(session, after=after or "", limit=limit)
        ],
        lambda row: row["code"],
    )


def _enter(work: Importing, cells: Cells) -> str:
    session, code = work.session, words.code(cells.get("code", ""), licences.LONGEST_CODE)
    row, before = licences.find(session, code), changes.number(session)
    said = licences.described(session, row) if row is not None else Described("", "")
    given: dict[str, Any] = {name: cells[name] for name in FIELDS if name in cells and name not in _TRUTHS}
    if row is None:  # what is not said is as a new licence has it
        given = {name: text for name, text in given.items() if text.strip()}
    given |= {name: words.truth(cells[name]) for name in _TRUTHS if name in cells}
    wanted, periods = replace(said, **given), [_period(text) for text in several(cells.get("periods", ""))]
    new = row is None
    if row is None:
        row = licences.enter(session, work.by, code, wanted, at=work.at)
    known = {period.since for period in terms.periods_of(session, row)}
    for since, until in periods:
        if since in known:
            terms.end_period(session, work.by, row, since, until, f"{work.by}: import", at=work.at)
        else:
            terms.add_period(session, work.by, row, since, until, at=work.at)
    if not new:
        _change(work, row, said, wanted, periods)
    return outcome(new=new, changed=changes.number(session) != before)


def _change(
    work: Importing, row: Licence, said: Described, wanted: Described, periods: list[tuple[date, date | None]]
) -> None:
    """A row that closes a licence closes it with the end of its last period."""
    clean = wanted.checked()
    if clean.status == LicenceStatus.CLOSED != said.status:
        last = max(periods, default=None)
        if last is None or last[1] is None:
            raise NotNow(licences.CLOSE_INSTEAD)
        licences.change(work.session, work.by, row, replace(clean, status=said.status, closure=None), at=work.at)
        licences.close(work.session, work.by, row, last[1], Closure(clean.closure or ""), at=work.at)
    else:
        licences.change(work.session, work.by, row, wanted, at=work.at)


def _enter_party(work: Importing, cells: Cells) -> str:
    session = work.session
    row, before = licences.named(session, cells.get("licence", "")), changes.number(session)
    codes = [cells.get(name, "").strip() for name in ("institution", "consortium")]
    if bool(codes[0]) == bool(codes[1]):
        raise BadValue(ONE_PARTY)
    party: Institution | Consortium = (
        institutions.named(session, codes[0]) if codes[0] else consortia.named(session, codes[1])
    )
    since, until = words.day(cells.get("since")), words.day(cells.get("until"))
    new = not terms.has_party(session, row, party, since)
    if new:
        terms.add_party(session, work.by, row, party, since, until, at=work.at)
    else:
        terms.amend_party(session, work.by, row, party, since, until, at=work.at)
    return outcome(new=new, changed=changes.number(session) != before)


def _period(text: str) -> tuple[date, date | None]:
    first, slash, last = text.partition("/")
    since = words.day(first) if slash else None
    if since is None:
        raise BadValue(BAD_PERIOD, given=text[:40])
    return since, words.day(last)


def _cell(name: str, value: Any) -> object:
    if name == "periods":
        return joined([f"{one['since']}/{one['until'] or ''}" for one in value])
    return truth(value) if name in _TRUTHS else value

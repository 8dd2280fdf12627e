"""Consortia as a table: one membership a row; a consortium without members has one row without an institution."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from repository.access import changes, consortia, institutions, words
from repository.access.exchange.tables import Cells, Imported, Importing, load, outcome
from repository.catalogue import Catalogue
from repository.catalogue.walks import every

COLUMNS = ("consortium", "name", "institution", "since", "until")


def told(catalogue: Catalogue) -> Iterator[tuple[object, ...]]:
    """Every membership, by consortium."""
    walk = every(
        catalogue,
        lambda session, after, limit: [
            consortia.as_json(session, row) for row in consortia.listed(session, after=after or "", limit=limit)
        ],
        lambda row: row["code"],
    )
    for one in walk:
        for member in one["members"] or ({"institution": None, "since": None, "until": None},):
            yield (one["code"], one["name"], member["institution"], member["since"], member["until"])


def enter_all(catalogue: Catalogue, by: str, name: str, data: bytes, *, at: datetime) -> Imported:
    """Each row is a membership: entered, or ending as the row says. No membership is taken away."""
    return load(catalogue, by, name, data, "consortium", _enter, at=at)


def _enter(work: Importing, cells: Cells) -> str:
    session, code = work.session, words.code(cells.get("consortium", ""), consortia.LONGEST_CODE)
    row, before = consortia.find(session, code), changes.number(session)
    new = row is None
    if row is None:
        row = consortia.enter(session, work.by, code, cells.get("name", ""), at=work.at)
    elif cells.get("name", "").strip():
        consortia.rename(session, work.by, row, cells["name"], at=work.at)
    if member := cells.get("institution", "").strip():
        institution = institutions.named(session, member)
        since, until = words.day(cells.get("since")), words.day(cells.get("until"))
        if since is not None and consortia.is_member_since(session, row, institution, since):
            consortia.amend(session, work.by, row, institution, since, until, at=work.at)
        else:
            consortia.join(session, work.by, row, institution, since, until, at=work.at)
            new = True
    return outcome(new=new, changed=changes.number(session) != before)

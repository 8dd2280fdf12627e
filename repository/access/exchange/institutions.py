"""Institutions as a table: one a row, with their ranges and logins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from repository.access import changes, institutions, words
from repository.access.exchange.tables import Cells, Imported, Importing, joined, load, outcome, several, truth
from repository.access.institutions import ENTITY, FIELDS, SCOPE, Described
from repository.catalogue import Catalogue
from repository.catalogue.walks import every

COLUMNS = ("code", *FIELDS, "networks", "entities", "scopes")
_LISTS = ("networks", "entities", "scopes")


def told(catalogue: Catalogue) -> Iterator[tuple[object, ...]]:
    """Every institution, by the alphabet."""
    walk = every(
        catalogue,
        lambda session, after, limit: [
            (row.sort_key, row.id, institutions.as_json(session, row))
            for row in institutions.listed(session, after=after, limit=limit)
        ],
        lambda row: (row[0], row[1]),
    )
    for _, _, one in walk:
        yield tuple(_cell(name, one[name]) for name in COLUMNS)


def enter_all(catalogue: Catalogue, by: str, name: str, data: bytes, *, at: datetime) -> Imported:
    """Each row is an institution: entered, or made as the row says. Columns that are not there change nothing."""
    return load(catalogue, by, name, data, "code", _enter, at=at)


def _enter(work: Importing, cells: Cells) -> str:
    session, code = work.session, words.code(cells.get("code", ""), institutions.LONGEST_CODE)
    row, before = institutions.find(session, code), changes.number(session)
    said = institutions.described(row) if row is not None else Described("")
    given: dict[str, Any] = {name: cells[name] for name in FIELDS if name in cells and name != "active"}
    if "active" in cells:
        given["active"] = words.truth(cells["active"]) is not False
    new = row is None
    if row is None:
        row = institutions.enter(session, work.by, code, replace(said, **given), at=work.at)
    else:
        institutions.change(session, work.by, row, replace(said, **given), at=work.at)
    lists = {name: several(cells[name]) for name in _LISTS if name in cells}
    if "networks" in lists:
        work.remarks.extend(institutions.settle_networks(session, work.by, row, lists["networks"], at=work.at))
    for name, kind in (("entities", ENTITY), ("scopes", SCOPE)):
        if name in lists:
            institutions.settle_logins(session, work.by, row, kind, lists[name], at=work.at)
    return outcome(new=new, changed=changes.number(session) != before)


def _cell(name: str, value: Any) -> object:
    return joined(value) if name in _LISTS else truth(value) if name == "active" else value

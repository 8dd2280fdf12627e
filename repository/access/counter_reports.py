"""COUNTER reports made from the sums by day: as JSON for machines, row by row for the tables that people load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, extract, func, or_, select
from sqlalchemy.orm import Session

from repository.access.counter import NAMESPACE, RELEASE, THE_WORLD_ID, Asked, Exceptional
from repository.access.held import identifier_of
from repository.access.usage import THE_PLATFORM, Metric
from repository.catalogue.parts import parts
from repository.models import Institution, Publisher, Title, TitleIssn, UsageDay
from repository.vocabulary import as_utc_text

Counts = dict[str, dict[str, int]]
"""Metric to month (``2026-01``) to number."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Who reports."""

    name: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose usage is reported."""

    institution_id: int | None
    """None: the world's."""
    name: str
    identifiers: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Line:
    """The use of one thing: of a journal, or of the platform; with one value of each attribute that is shown."""

    title: Mapping[str, Any] | None
    attributes: Mapping[str, str]
    counts: Counts


_MONTH = (extract("year", UsageDay.day), extract("month", UsageDay.day))
_NUMBER = func.sum(UsageDay.number)

THE_WORLD = Whose(None, "The World", {"Proprietary": [f"{NAMESPACE}:{THE_WORLD_ID}"]})


def whose(institution: Institution) -> Whose:
    """An institution as reports name it."""
    known = {"ISNI": institution.isni, "ROR": institution.ror, "Proprietary": f"{NAMESPACE}:{institution.code}"}
    return Whose(institution.id, institution.name, {name: [value] for name, value in known.items() if value})


def first_month(session: Session) -> date | None:
    """The first month of which there is any usage; None: there is none at all."""
    day = session.execute(select(func.min(UsageDay.day))).scalar()
    return day.replace(day=1) if day is not None else None


def lines(session: Session, asked: Asked, of: Whose, platform: Platform) -> list[Line]:
    """What is reported, the platform's own or journal by journal in the order of the Turkish alphabet."""
    if "Regular" not in asked.methods:
        return []
    found: dict[tuple[int, tuple[tuple[str, str], ...]], Counts] = {}
    for title_id, year, access_type, metric, in_year, month, number in session.execute(_sums(session, asked, of)):
        attributes = _attributes(asked, title_id, year, access_type)
        if attributes is None:
            continue
        counts = found.setdefault((title_id if asked.report.by_title else 0, attributes), {})
        months = counts.setdefault(metric, {})
        at = f"{int(in_year):04d}-{int(month):02d}" if asked.monthly else f"{asked.begin:%Y-%m}"
        months[at] = months.get(at, 0) + int(number)
    if not asked.report.by_title:
        return [Line(None, dict(shown), counts) for (_, shown), counts in sorted(found.items())]
    titles = _titles(session, {title_id for title_id, _ in found}, platform)
    order = {identifier: place for place, identifier in enumerate(titles)}
    made = sorted(found.items(), key=lambda item: (order.get(item[0][0], -1), item[0][1]))
    return [Line(titles[title_id], dict(shown), counts) for (title_id, shown), counts in made if title_id in titles]


def document(asked: Asked, of: Whose, platform: Platform, made: list[Line], now: datetime) -> dict[str, Any]:
    """The report in JSON."""
    filters = {"Begin_Date": asked.begin.isoformat(), "End_Date": asked.end.isoformat(), **asked.filters}
    header: dict[str, Any] = {
        "Report_Name": asked.report.name,
        "Report_ID": asked.report.id,
        "Release": RELEASE,
        "Institution_Name": of.name,
        "Institution_ID": dict(of.identifiers),
        "Report_Filters": filters,
        **({"Report_Attributes": dict(asked.attributes)} if asked.attributes else {}),
        "Created": as_utc_text(now),
        "Created_By": platform.name,
        "Registry_Record": "",
    }
    told = exceptions(asked, made)
    if told:
        header["Exceptions"] = [one.as_json() for one in told]
    return {"Report_Header": header, "Report_Items": _items(platform, made)}


def exceptions(asked: Asked, made: list[Line]) -> list[Exceptional]:
    """Why the report is not what might be expected; never empty for one that is."""
    not_whole = any(one.code in (3031, 3032) for one in asked.exceptions)
    nothing = [] if made or not_whole else [Exceptional(3030)]
    return sorted((*asked.exceptions, *nothing), key=lambda one: one.code)


def _items(platform: Platform, made: list[Line]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    last: Mapping[str, Any] | None = None
    for line in made:
        performance = {**line.attributes, "Performance": {name: line.counts[name] for name in sorted(line.counts)}}
        if found and line.title is last:
            found[-1]["Attribute_Performance"].append(performance)
            continue
        described = {"Platform": platform.name} if line.title is None else dict(line.title)
        found.append(described | {"Attribute_Performance": [performance]})
        last = line.title
    return found


def _attributes(asked: Asked, title_id: int, year: int, access_type: str) -> tuple[tuple[str, str], ...] | None:
    """The attributes that are shown with their values; None for what the filter of Data_Type leaves out."""
    kind = "Platform" if title_id == THE_PLATFORM else "Journal"
    if kind not in asked.data_types:
        return None
    values = {"YOP": f"{year:04d}", "Access_Type": access_type, "Access_Method": "Regular"}
    # Standard Views of journals are of journals: they do not say so again.
    typed = (("Data_Type", kind),) if not asked.report.by_title or asked.report.fixed is None else ()
    return (*typed, *((name, values[name]) for name in asked.shown))


def _sums(session: Session, asked: Asked, of: Whose) -> Any:
    what = (UsageDay.title_id, UsageDay.year, UsageDay.access_type, UsageDay.metric, *_MONTH)
    return _filtered(session, select(*what, _NUMBER).group_by(*what), asked, of)


def _filtered(session: Session, asking: Any, asked: Asked, of: Whose) -> Any:
    """What is asked of :class:`UsageDay`, of that alone which the report is about."""
    asking = asking.where(UsageDay.day >= asked.begin, UsageDay.day <= asked.end, UsageDay.metric.in_(asked.metrics))
    if of.institution_id is not None:
        asking = asking.where(UsageDay.institution_id == of.institution_id)
    if asked.report.by_title or str(Metric.SEARCHES) not in asked.metrics:
        asking = asking.where(UsageDay.title_id != THE_PLATFORM)
    if asked.access_types:
        asking = asking.where(UsageDay.access_type.in_(asked.access_types))
    if asked.years:
        asking = asking.where(or_(*(and_(UsageDay.year >= a, UsageDay.year <= b) for a, b in asked.years)))
    if asked.issn is not None:
        title = session.execute(select(TitleIssn.title_id).where(TitleIssn.issn == asked.issn)).scalar()
        asking = asking.where(UsageDay.title_id == (title if title is not None else -1))
    return asking


def sums(session: Session, asked: Asked, of: Whose) -> Counts:
    """Of everything that a report is about, by metric and month: a page needs no line of it."""
    what = (UsageDay.metric, *_MONTH)
    found: Counts = {}
    for metric, year, month, number in session.execute(
        _filtered(session, select(*what, _NUMBER).group_by(*what), asked, of)
    ):
        found.setdefault(metric, {})[f"{int(year):04d}-{int(month):02d}"] = int(number)
    return found


def years(session: Session, asked: Asked, of: Whose, metric: str) -> list[tuple[str, int]]:
    """So much of this metric fell on articles of each year (YOP), the newest first."""
    asking = select(UsageDay.year, _NUMBER).where(UsageDay.metric == metric).group_by(UsageDay.year)
    found = session.execute(_filtered(session, asking, asked, of))
    return [(f"{year:04d}", int(number)) for year, number in sorted(found, reverse=True)]


def most(
    session: Session, asked: Asked, of: Whose, metric: str, limit: int, platform: Platform
) -> list[tuple[Mapping[str, Any], int]]:
    """The journals with the most of this metric, the first first, ``limit`` of them at most."""
    asking = (
        select(UsageDay.title_id, _NUMBER)
        .join(Title, Title.id == UsageDay.title_id)
        .where(UsageDay.metric == metric)
        .group_by(UsageDay.title_id, Title.sort_key)
        .order_by(_NUMBER.desc(), Title.sort_key, UsageDay.title_id)
        .limit(limit)
    )
    found = [(row[0], int(row[1])) for row in session.execute(_filtered(session, asking, asked, of)) if row[1]]
    titles = _titles(session, {title_id for title_id, _ in found}, platform)
    return [(titles[title_id], number) for title_id, number in found]


def _titles(session: Session, wanted: set[int], platform: Platform) -> dict[int, dict[str, Any]]:
    """The journals as reports describe them, in the order of their sort keys."""
    rows: list[Any] = []
    for some in parts(sorted(wanted)):
        rows += session.execute(
            select(
                Title.id,
                Title.sort_key,
                Title.name,
                Title.issn_print,
                Title.issn_electronic,
                Publisher.name,
                Publisher.slug,
            )
            .add_columns(identifier_of())
            .join(Publisher, Publisher.id == Title.publisher_id)
            .where(Title.id.in_(some))
        ).all()
    return {
        row[0]: {
            "Title": row[2],
            "Publisher": row[5],
            "Publisher_ID": {"Proprietary": [f"{NAMESPACE}:{row[6]}"]},
            "Platform": platform.name,
            "Item_ID": dict(_identifiers(row[3], row[4], row[7], platform)),
        }
        for row in sorted(rows, key=lambda row: (row[1], row[0]))
    }


def _identifiers(printed: str | None, online: str | None, own: str, platform: Platform) -> Iterator[tuple[str, str]]:
    if own:
        yield "Proprietary", f"{NAMESPACE}:{own}"
    if printed:
        yield "Print_ISSN", printed
    if online:
        yield "Online_ISSN", online
    address = online or printed or own
    if address:
        yield "URI", f"{platform.base_url}/titles/{address}"

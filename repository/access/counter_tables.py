"""COUNTER reports as tables (section 3.2): thirteen rows of header, an empty one, columns, a row for each metric."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from repository.access.counter import RELEASE, Asked
from repository.access.counter_reports import Line, Platform, Whose, exceptions
from repository.vocabulary import as_utc_text

BOM = "\ufeff"
"""Spreadsheets know by it that the text is UTF-8 (section 5.2)."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def tsv(asked: Asked, of: Whose, platform: Platform, made: list[Line], now: datetime) -> Iterator[str]:
    """The report with tabs, line by line."""
    yield BOM
    for row in rows(asked, of, platform, made, now):
        yield "\t".join(" ".join(cell.split()) for cell in row) + "\r\n"


def rows(asked: Asked, of: Whose, platform: Platform, made: list[Line], now: datetime) -> Iterator[list[str]]:
    """The rows of the report."""
    yield from _header(asked, of, platform, made, now)
    yield []
    yield from body(asked, platform, made)


def body(asked: Asked, platform: Platform, made: list[Line]) -> Iterator[list[str]]:
    """The columns and what stands below them."""
    months = _months(asked.begin, asked.end) if asked.monthly else []
    typed = ["Data_Type"] if not asked.report.by_title or asked.report.fixed is None else []
    shown = [*typed, *asked.shown]
    whole = asked.report.by_title and asked.report.fixed is None
    described = (
        ["Title", "Publisher", "Publisher_ID", "Platform", "DOI", "Proprietary_ID"]
        + (["ISBN"] if whole else [])
        + ["Print_ISSN", "Online_ISSN", "URI"]
        if asked.report.by_title
        else ["Platform"]
    )
    names = [f"{_MONTHS[int(month[5:]) - 1]}-{month[:4]}" for month in months]
    yield [*described, *shown, "Metric_Type", "Reporting_Period_Total", *names]
    for line in made:
        about = _described(line, described, platform)
        for metric in asked.report.metrics:
            counts = line.counts.get(metric)
            if counts:
                by_month = [str(counts.get(month, 0)) for month in months]
                values = [line.attributes[name] for name in shown]
                yield [*about, *values, metric, str(sum(counts.values())), *by_month]


def _described(line: Line, columns: list[str], platform: Platform) -> list[str]:
    if line.title is None:
        return [platform.name]
    of = line.title["Item_ID"]
    said = {
        **{name: line.title[name] for name in ("Title", "Publisher", "Platform")},
        "Publisher_ID": line.title["Publisher_ID"]["Proprietary"][0],
        "Proprietary_ID": of.get("Proprietary", ""),
        **{name: of.get(name, "") for name in ("Print_ISSN", "Online_ISSN", "URI")},
    }
    return [said.get(name, "") for name in columns]


def _header(asked: Asked, of: Whose, platform: Platform, made: list[Line], now: datetime) -> Iterator[list[str]]:
    filters = {name: value for name, value in asked.filters.items() if name != "Metric_Type"}
    attributes = {name: value for name, value in asked.attributes.items() if name != "Granularity"}
    if not asked.monthly:
        attributes["Exclude_Monthly_Details"] = "True"
    identifiers = (
        one if name == "Proprietary" else f"{name}:{one}" for name, some in of.identifiers.items() for one in some
    )
    yield ["Report_Name", asked.report.name]
    yield ["Report_ID", asked.report.id]
    yield ["Release", RELEASE]
    yield ["Institution_Name", of.name]
    yield ["Institution_ID", "; ".join(identifiers)]
    yield ["Metric_Types", "; ".join(asked.metrics)]
    yield ["Report_Filters", _named(filters)]
    yield ["Report_Attributes", _named(attributes)]
    yield ["Exceptions", "; ".join(str(one) for one in exceptions(asked, made))]
    yield ["Reporting_Period", f"Begin_Date={asked.begin.isoformat()}; End_Date={asked.end.isoformat()}"]
    yield ["Created", as_utc_text(now)]
    yield ["Created_By", platform.name]
    yield ["Registry_Record", ""]


def _named(values: dict[str, object]) -> str:
    return "; ".join(
        f"{name}={'|'.join(value) if isinstance(value, list) else value}" for name, value in sorted(values.items())
    )


def _months(begin: date, end: date) -> list[str]:
    first, last = begin.year * 12 + begin.month - 1, end.year * 12 + end.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]

"""A request for a COUNTER report understood: what is asked for, and which exceptions it deserves (Appendix D)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from repository.access.counter import METHODS, NAMESPACE, TYPES, Asked, Exceptional, Refused, Report

WHO = ("customer_id", "requestor_id", "api_key")
_ALWAYS = frozenset((*WHO, "begin_date", "end_date", "platform"))
_BOTH = frozenset(("metric_type", "data_type", "access_method", "attributes_to_show", "granularity"))
_TITLES = frozenset(("access_type", "yop", "item_id"))
_EXTENSIONS = ("attributed", "country_code", "subdivision_code")
"""Filters of common extensions, which are not supported (section 8.1: as a value that is not)."""
_COMPONENTS = "include_component_details"

_DATE = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])(?:-([0-9]{2}))?")
_YEARS = re.compile(r"([0-9]{4})(?:-([0-9]{4}))?")
_ISSN = re.compile(rf"(?:{NAMESPACE}:|(?:Print|Online)_ISSN:)?([0-9]{{4}}-?[0-9]{{3}}[0-9Xx])")


def understood(report: Report, given: Mapping[str, str], platform: str, first_month: date | None, today: date) -> Asked:
    """What is asked for. ``first_month`` is the first of which there is any usage, ``today`` the archive's day.

    Raises Refused where no report can be made; what can be passed over is passed over, and an exception says so.
    """
    found = _Question(report, given)
    begin, end, ready = _period(given, first_month, today)
    found.exceptions += ready
    unknown = sorted(name for name in given if name not in found.known)
    if unknown:
        found.exceptions.append(Exceptional(3050, ", ".join(unknown)))
    if _COMPONENTS in given and given[_COMPONENTS] in ("True", "true"):
        found.exceptions.append(Exceptional(3063))
    metrics = found.chosen("metric_type", "Metric_Type", report.metrics)
    data_types = found.chosen("data_type", "Data_Type", report.data_types)
    methods = found.chosen("access_method", "Access_Method", METHODS)
    access_types = found.chosen("access_type", "Access_Type", TYPES)
    years = found.years()
    issn = found.item()
    if given.get("platform"):
        if given["platform"] == platform:
            found.filters["Platform"] = platform
        else:
            found.invalid(f"platform={given['platform']}")
    shown, monthly = found.attributes_shown()
    found.settle()
    fixed = report.fixed or {}
    for name, values in (*fixed.items(), *([("Metric_Type", report.metrics)] if report.fixed is not None else [])):
        found.filters[name] = list(values)
    return Asked(
        report,
        begin,
        end,
        metrics or report.metrics,
        data_types or fixed.get("Data_Type", report.data_types),
        access_types or fixed.get("Access_Type", ()),
        methods or fixed.get("Access_Method", METHODS),
        years,
        issn,
        shown,
        monthly,
        found.filters,
        found.attributes,
        tuple(sorted(found.exceptions, key=lambda one: one.code)),
    )


class _Question:
    """The parameters of one request, and what has been found out about them."""

    def __init__(self, report: Report, given: Mapping[str, str]) -> None:
        self.report, self.given = report, given
        self.filters: dict[str, object] = {}
        self.attributes: dict[str, object] = {}
        self.exceptions: list[Exceptional] = []
        self._invalid: list[str] = []
        self._invalid_attributes: list[str] = []
        own = _BOTH | (_TITLES if report.by_title else frozenset()) | frozenset(_EXTENSIONS)
        self.known = _ALWAYS | {_COMPONENTS} | (own if report.fixed is None else frozenset())

    def invalid(self, value: str) -> None:
        """A filter is not applied, for its value is none."""
        self._invalid.append(value)

    def settle(self) -> None:
        """What was invalid is one exception of each kind."""
        self._invalid += [f"{name}={self.given[name]}" for name in _EXTENSIONS if self._has(name)]
        if self._invalid:
            self.exceptions.append(Exceptional(3060, ", ".join(self._invalid)))
        if self._invalid_attributes:
            self.exceptions.append(Exceptional(3062, ", ".join(self._invalid_attributes)))

    def chosen(self, name: str, told: str, possible: Sequence[str]) -> tuple[str, ...]:
        """The values of a filter that are some; empty: it is not applied."""
        if not self._has(name):
            return ()
        values = self._values(name)
        kept = tuple(value for value in dict.fromkeys(values) if value in possible)
        self._invalid += [f"{name}={value}" for value in values if value not in possible]
        if kept:
            self.filters[told] = list(kept)
        return kept

    def years(self) -> tuple[tuple[int, int], ...]:
        """The years of publication that are asked for."""
        found = []
        kept = []
        for value in self._values("yop") if self._has("yop") else ():
            match = _YEARS.fullmatch(value)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
            if first > last:
                self.invalid(f"yop={value}")
                continue
            found.append((first, last))
            kept.append(value)
        if kept:
            self.filters["YOP"] = list(dict.fromkeys(kept))
        return tuple(found)

    def item(self) -> str | None:
        """The ISSN of the one journal that is asked for."""
        if not self._has("item_id"):
            return None
        values = self._values("item_id")
        found = [match[1] for value in values if (match := _ISSN.fullmatch(value))]
        if len(values) > 1:
            # One journal can be asked for; several identifiers, of one kind or of two, are of no one scope.
            self.exceptions.append(Exceptional(3061, f"item_id={self.given['item_id']}"))
            return None
        if not found:
            self.invalid(f"item_id={self.given['item_id']}")
            return None
        self.filters["Item_ID"] = values[0]
        return f"{found[0][:4]}-{found[0][-4:]}".replace("x", "X")

    def attributes_shown(self) -> tuple[tuple[str, ...], bool]:
        """Which attributes have columns of their own, and whether months are told apart."""
        if self.report.fixed is not None:
            return self.report.attributes, True
        monthly = True
        values = self._values("attributes_to_show") if self._has("attributes_to_show") else []
        shown = tuple(value for value in self.report.attributes if value in values)
        wrong = [f"attributes_to_show={value}" for value in values if value not in self.report.attributes]
        if shown:
            self.attributes["Attributes_To_Show"] = list(shown)
        if self._has("granularity"):
            if self.given["granularity"] in ("Month", "Total"):
                monthly = self.given["granularity"] == "Month"
                self.attributes["Granularity"] = self.given["granularity"]
            else:
                wrong.append(f"granularity={self.given['granularity']}")
        self._invalid_attributes = wrong
        return shown, monthly

    def _has(self, name: str) -> bool:
        return name in self.known and bool(self.given.get(name))

    def _values(self, name: str) -> list[str]:
        return [value for value in self.given[name].split("|") if value]


def _period(given: Mapping[str, str], first_month: date | None, today: date) -> tuple[date, date, list[Exceptional]]:
    missing = [name for name in ("begin_date", "end_date") if not given.get(name)]
    if missing:
        raise Refused(1030, f"missing: {', '.join(missing)}")
    begin = _day(given["begin_date"], "begin_date", _first)
    end = _day(given["end_date"], "end_date", _last)
    now = today.replace(day=1)
    if begin > end:
        raise Refused(3020, "end_date lies before begin_date")
    if begin >= now:
        raise Refused(3020, f"begin_date: the last month with complete usage is {_month(_before(now))}")
    told = []
    if end >= now:
        told.append(Exceptional(3031, f"usage is available up to {_month(_before(now))}, not for {_months(now, end)}"))
        end = _before(now)
    if first_month is not None and begin < first_month:
        told.append(Exceptional(3032, f"usage is available from {_month(first_month)} on"))
    return begin, end, told


def _day(text: str, name: str, needed: Callable[[int, int], int]) -> date:
    """The day that is meant. A month has to be asked for as a whole: there are no reports of parts of one."""
    found = _DATE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise Refused(3020, f"{name} is no yyyy-mm and no yyyy-mm-dd")
    year, month = int(found[1]), int(found[2])
    day = needed(year, month)
    if found[3] is not None and int(found[3]) != day:
        raise Refused(3020, f"{name}: reports are of whole months, and the day of this one would be {day:02}")
    return date(year, month, day)


def _first(_year: int, _month: int) -> int:
    return 1


def _last(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _before(first: date) -> date:
    """The last day of the month before."""
    return date.fromordinal(first.toordinal() - 1)


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _months(first: date, last: date) -> str:
    return _month(first) if _month(first) == _month(last) else f"{_month(first)} to {_month(last)}"

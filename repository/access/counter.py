"""COUNTER's reports and exceptions (Code of Practice 5.1, sections 4.1 and 4.3, Appendix D), as far as an archive of
journals gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from repository.access.usage import AccessType, Metric

RELEASE = "5.1"
NAMESPACE = "mahfuz"
"""Of the identifiers that the archive gives itself."""
THE_WORLD_ID = "0000000000000000"
LIMIT_EXCEEDED = "Limit_Exceeded"
"""Never counted: nobody has to wait for a place here."""
UNIQUE_TITLES = ("Unique_Title_Investigations", "Unique_Title_Requests")
"""Of books, and never counted."""

EXCEPTIONS: Mapping[int, tuple[str, int]] = {
    1000: ("Service Not Available", 503),
    1010: ("Service Busy", 503),
    1011: ("Report Queued for Processing", 202),
    1020: ("Client has made too many requests", 429),
    1030: ("Insufficient Information to Process Request", 400),
    2000: ("Requestor Not Authorized to Access Service", 401),
    2010: ("Requestor is Not Authorized to Access Usage for Institution", 403),
    2011: ("Global Reports Not Supported", 403),
    2020: ("APIKey Invalid", 401),
    3020: ("Invalid Date Arguments", 400),
    3030: ("No Usage Available for Requested Dates", 200),
    3031: ("Usage Not Ready for Requested Dates", 200),
    3032: ("Usage No Longer Available for Requested Dates", 200),
    3040: ("Partial Data Returned", 200),
    3050: ("Parameter Not Recognized in this Context", 200),
    3060: ("Invalid ReportFilter Value", 200),
    3061: ("Incongruous ReportFilter Value", 200),
    3062: ("Invalid ReportAttribute Value", 200),
    3063: ("Components Not Supported", 200),
}
"""Code to message, letter by letter, and HTTP status (Table D.1)."""


@dataclass(frozen=True, slots=True)
class Exceptional:
    """One exception, with what clarifies it."""

    code: int
    data: str | None = None

    @property
    def message(self) -> str:
        """The text of the table."""
        return EXCEPTIONS[self.code][0]

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return EXCEPTIONS[self.code][1]

    def as_json(self) -> dict[str, object]:
        """As the API gives it."""
        return {"Code": self.code, "Message": self.message} | ({"Data": self.data} if self.data else {})

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" ({self.data})" if self.data else "")


class Refused(Exception):
    """No report is made, for this one reason."""

    def __init__(self, code: int, data: str | None = None) -> None:
        self.exception = Exceptional(code, data)
        super().__init__(str(self.exception))


_REQUESTS = (str(Metric.TOTAL_REQUESTS), str(Metric.UNIQUE_REQUESTS))
_USE = (
    str(Metric.TOTAL_INVESTIGATIONS),
    str(Metric.TOTAL_REQUESTS),
    str(Metric.UNIQUE_INVESTIGATIONS),
    str(Metric.UNIQUE_REQUESTS),
)
_DENIED = (LIMIT_EXCEEDED, str(Metric.NO_LICENSE))

METHODS = ("Regular", "TDM")
TYPES = tuple(str(one) for one in AccessType)
_TITLE_DATA = (
    "Book", "Conference", "Journal", "Newspaper_or_Newsletter", "Other", "Patent", "Reference_Work", "Report",
    "Standard", "Thesis_or_Dissertation", "Unspecified",
)  # fmt: skip
_PLATFORM_DATA = (
    "Article", "Audiovisual", "Book", "Book_Segment", "Conference", "Conference_Item", "Database_Full_Item", "Dataset",
    "Image", "Interactive_Resource", "Journal", "Multimedia", "News_Item", "Newspaper_or_Newsletter", "Other", "Patent",
    "Platform", "Reference_Item", "Reference_Work", "Report", "Software", "Sound", "Standard",
    "Thesis_or_Dissertation", "Unspecified",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """One report or Standard View."""

    id: str
    name: str
    description: str
    metrics: tuple[str, ...]
    """Which may be asked for; of a Standard View, those that it has."""
    data_types: tuple[str, ...]
    by_title: bool = True
    attributes: tuple[str, ...] = ()
    """What may be shown in columns of its own; of a Standard View, what is."""
    fixed: Mapping[str, tuple[str, ...]] | None = None
    """The filters of a Standard View, which nobody changes; None for a report that is made as it is asked for."""


def _view(identifier: str, name: str, description: str, metrics: tuple[str, ...], **more: object) -> Report:
    fixed: dict[str, tuple[str, ...]] = {"Access_Method": ("Regular",)}
    if more.get("controlled"):
        fixed["Access_Type"] = (str(AccessType.CONTROLLED),)
    fixed["Data_Type"] = ("Journal",)
    shown = more.get("shown")
    attributes = (str(shown),) if shown else ()
    return Report(identifier, name, description, metrics, _TITLE_DATA, attributes=attributes, fixed=fixed)


REPORTS: Mapping[str, Report] = {
    report.id: report
    for report in (
        Report(
            "PR",
            "Platform Report",
            "A customizable report of the use of the whole platform",
            (str(Metric.SEARCHES), *_USE, *UNIQUE_TITLES),
            _PLATFORM_DATA,
            by_title=False,
            attributes=("Access_Method",),
        ),
        Report(
            "PR_P1",
            "Platform Usage",
            "The use of the whole platform by Metric_Type",
            (str(Metric.SEARCHES), *_REQUESTS, UNIQUE_TITLES[1]),
            _PLATFORM_DATA,
            by_title=False,
            fixed={"Access_Method": ("Regular",)},
        ),
        Report(
            "TR",
            "Title Report",
            "A customizable report of the use of each journal",
            (*_USE, *UNIQUE_TITLES, *_DENIED),
            _TITLE_DATA,
            attributes=("YOP", "Access_Type", "Access_Method"),
        ),
        _view("TR_J1", "Journal Requests (Controlled)", "Requests of what is not free", _REQUESTS, controlled=True),
        _view("TR_J2", "Journal Access Denied", "Requests that were refused for want of a licence", _DENIED),
        _view(
            "TR_J3", "Journal Usage by Access Type", "The use of each journal by Access_Type", _USE, shown="Access_Type"
        ),
        _view(
            "TR_J4",
            "Journal Requests by YOP (Controlled)",
            "Requests of what is not free, by year of publication",
            _REQUESTS,
            controlled=True,
            shown="YOP",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A report as it is to be made: months from the first day of one to the last of another, and what is left out."""

    report: Report
    begin: date
    end: date
    metrics: tuple[str, ...]
    data_types: tuple[str, ...]
    access_types: tuple[str, ...]
    methods: tuple[str, ...]
    years: tuple[tuple[int, int], ...] = ()
    """Years of publication, from and to; empty: all."""
    issn: str | None = None
    """Of one journal alone."""
    shown: tuple[str, ...] = ()
    monthly: bool = True
    filters: Mapping[str, object] = field(default_factory=dict)
    """Those that are applied, as the header names them, besides the dates."""
    attributes: Mapping[str, object] = field(default_factory=dict)
    exceptions: tuple[Exceptional, ...] = ()

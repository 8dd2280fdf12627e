"""COUNTER R5.1: reports are valid by the API's own schema, say what was counted, each exception in its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pages
import pytest
from sqlalchemy import delete, event, select

from repository.access.counter import EXCEPTIONS, REPORTS
from repository.access.web import counter as api
from repository.errors import DatabaseUnavailable
from repository.models import Institution, Publisher, Requestor, Title, TitleIssn, UsageDay

SCHEMA = Path(__file__).parents[2] / "../shared/schemas/COUNTER_API.json"
KEY, OTHER = "anahtar", "baska-anahtar"
WHO = {"customer_id": "C-1", "api_key": KEY}
TODAY = datetime.now(ZoneInfo("Europe/Istanbul")).date()
LAST = TODAY.replace(day=1) - timedelta(days=1)
"""The last day of the last month that is over."""
BEFORE = LAST.replace(day=1) - timedelta(days=1)
TWO = {"begin_date": f"{BEFORE:%Y-%m}", "end_date": f"{LAST:%Y-%m}"}


def used(day: date, title: int, number: int, metric: str, **changes: Any) -> UsageDay:
    values: dict[str, Any] = {"institution_id": 1, "year": 2015, "access_type": "Controlled"} | changes
    return UsageDay(day=day, title_id=title, metric=metric, number=number, **values)


def read(day: date, title: int, number: int, **changes: Any) -> list[UsageDay]:
    """So many different articles, each read once."""
    names = ("Total_Item_Requests", "Unique_Item_Requests", "Total_Item_Investigations", "Unique_Item_Investigations")
    return [used(day, title, number, name, **changes) for name in names]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('counter') / 'catalogue.sqlite'}")
    with site.catalogue.writing() as rows:
        rows.add(Publisher(id=1, name="Örnek Yayınevi", slug="ornek-yayinevi", titles_agreed=False))
        now = datetime.now(UTC)
        for number, code in ((1, "ornek"), (2, "baska")):
            rows.add(
                Institution(
                    id=number, code=code, name=f"{code} üniversitesi", sort_key=code, folded=code, active=True,
                    counter_id="C-1" if number == 1 else None, ror="00hx57361" if number == 1 else None, created_at=now,
                )
            )  # fmt: skip
        rows.flush()
        for number, name, issn in ((5, "Toprak", "1300-0632"), (6, "Çevre", "1300-0705"), (7, "Açık", "1300-0721")):
            rows.add(
                Title(
                    id=number, publisher_id=1, name=name, sort_key=issn, folded=name, issn_electronic=issn,
                    set_issn=issn, articles=1,
                )
            )  # fmt: skip
            rows.flush()
            rows.add(TitleIssn(issn=issn, title_id=number))
        for number, key in ((1, KEY), (2, OTHER)):
            digest = hashlib.sha256(key.encode()).hexdigest()
            rows.add(
                Requestor(
                    institution_id=number, name=f"istemci-{number}", key_sha256=digest, created_at=now, created_by="x"
                )
            )
        rows.add_all(
            [
                *read(LAST, 5, 3), *read(LAST.replace(day=1), 5, 2, year=2009), *read(BEFORE, 5, 4),
                *read(LAST, 7, 5, access_type="Open"), *read(LAST, 7, 1, access_type="Free_To_Read", year=1),
                used(LAST, 6, 2, "No_License"), used(LAST, 6, 2, "Total_Item_Investigations"),
                used(LAST, 6, 1, "Unique_Item_Investigations"),
                used(LAST, 0, 9, "Searches_Platform", year=1, access_type=""),
                *read(LAST, 5, 11, institution_id=0), *read(LAST, 5, 13, institution_id=2), *read(TODAY, 5, 17),
            ]
        )  # fmt: skip
    yield site
    site.catalogue.close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repository.access.throttle.Throttle.waits", lambda *_: False)


def ask(site: pages.Site, path: str, **given: str) -> tuple[int, Any]:
    answer = site.client.get(f"/r51/{path}", query_string=given)
    assert answer.content_type == "application/json"
    assert not answer.get_data().startswith(b"\xef\xbb\xbf")
    return answer.status_code, json.loads(answer.get_data())


def report(site: pages.Site, name: str, **given: str) -> dict[str, Any]:
    status, told = ask(site, f"reports/{name}", **(WHO | TWO | given))
    assert status == 200, told
    return dict(told)


def codes(told: dict[str, Any]) -> list[int]:
    return [one["Code"] for one in told["Report_Header"].get("Exceptions", [])]


def performances(told: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """By journal, or by platform."""
    return {item.get("Title", item["Platform"]): item["Attribute_Performance"] for item in told["Report_Items"]}


def judge(told: Any, schema: str) -> None:
    """Holds an answer to the schema of the API."""
    jsonschema = pytest.importorskip("jsonschema")
    if not SCHEMA.exists():
        pytest.skip("the schema of the COUNTER API does not lie beside this checkout")
    api_file = json.loads(SCHEMA.read_text("utf-8"))
    checker = jsonschema.Draft202012Validator({**api_file, "$ref": f"#/components/schemas/{schema}"})
    found = [f"{list(error.absolute_path)}: {error.message}" for error in checker.iter_errors(told)]
    assert not found, found


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_valid_and_tells_its_header(site: pages.Site, name: str) -> None:
    told = report(site, name.lower())
    header = told["Report_Header"]
    assert header["Report_ID"] == name
    assert header["Institution_Name"] == "ornek üniversitesi"
    assert header["Institution_ID"] == {"ROR": ["00hx57361"], "Proprietary": ["mahfuz:ornek"]}
    assert header["Report_Filters"]["Begin_Date"] == BEFORE.replace(day=1).isoformat()
    assert header["Report_Filters"]["End_Date"] == LAST.isoformat()
    assert "Exceptions" not in header
    assert told["Report_Items"]
    judge(told, name)
    judge(report(site, name.lower(), customer_id="0000000000000000"), name)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_of_nothing_says_so_and_is_valid(site: pages.Site, name: str) -> None:
    told = report(site, name.lower(), customer_id="baska", api_key=OTHER, end_date=TWO["begin_date"])
    assert (told["Report_Items"], codes(told)) == ([], [3030])
    judge(told, name)


def test_requests_of_what_is_licensed(site: pages.Site) -> None:
    last, before = f"{LAST:%Y-%m}", f"{BEFORE:%Y-%m}"
    told = report(site, "tr_j1")
    assert performances(told) == {
        "Toprak": [
            {"Performance": {"Total_Item_Requests": {last: 5, before: 4}, "Unique_Item_Requests": {last: 5, before: 4}}}
        ]
    }
    assert told["Report_Items"][0]["Item_ID"] == {
        "Proprietary": "mahfuz:1300-0632", "Online_ISSN": "1300-0632", "URI": "http://localhost/titles/1300-0632",
    }  # fmt: skip
    years = {
        one["YOP"]: one["Performance"]["Total_Item_Requests"] for one in performances(report(site, "tr_j4"))["Toprak"]
    }
    assert years == {"2009": {last: 2}, "2015": {last: 3, before: 4}}


def test_refusals_and_access_types(site: pages.Site) -> None:
    last = f"{LAST:%Y-%m}"
    assert performances(report(site, "tr_j2")) == {"Çevre": [{"Performance": {"No_License": {last: 2}}}]}
    kinds = {(name, one["Access_Type"]) for name, some in performances(report(site, "tr_j3")).items() for one in some}
    assert kinds == {("Toprak", "Controlled"), ("Çevre", "Controlled"), ("Açık", "Open"), ("Açık", "Free_To_Read")}


def test_the_platform_and_the_world(site: pages.Site) -> None:
    last = f"{LAST:%Y-%m}"
    one = {"begin_date": last, "end_date": last}
    ((name, told),) = performances(report(site, "pr_p1", **one)).items()
    assert name == "Mahfuz"
    assert told == [
        {
            "Data_Type": "Journal",
            "Performance": {"Total_Item_Requests": {last: 11}, "Unique_Item_Requests": {last: 11}},
        },
        {"Data_Type": "Platform", "Performance": {"Searches_Platform": {last: 9}}},
    ]
    world = report(site, "tr_j1", customer_id="0000000000000000", **one)
    assert world["Report_Header"]["Institution_Name"] == "The World"
    assert performances(world)["Toprak"][0]["Performance"]["Total_Item_Requests"] == {last: 5 + 11 + 13}


def test_filters_and_attributes_of_the_title_report(site: pages.Site) -> None:
    last = f"{LAST:%Y-%m}"
    told = report(
        site, "tr", attributes_to_show="YOP|Access_Type|Access_Method", yop="2009|2015-2016", access_type="Controlled",
        metric_type="Total_Item_Requests|Unique_Item_Requests", data_type="Journal|Book",
        item_id="Online_ISSN:13000632",
    )  # fmt: skip
    judge(told, "TR")
    assert not codes(told)
    header = told["Report_Header"]
    assert header["Report_Attributes"] == {"Attributes_To_Show": ["YOP", "Access_Type", "Access_Method"]}
    assert header["Report_Filters"] == {
        "Begin_Date": f"{BEFORE:%Y-%m}-01", "End_Date": LAST.isoformat(), "YOP": ["2009", "2015-2016"],
        "Access_Type": ["Controlled"], "Metric_Type": ["Total_Item_Requests", "Unique_Item_Requests"],
        "Data_Type": ["Journal", "Book"], "Item_ID": "Online_ISSN:13000632",
    }  # fmt: skip
    (some,) = performances(told).values()
    assert [(one["YOP"], one["Access_Type"], one["Access_Method"], one["Data_Type"]) for one in some] == [
        ("2009", "Controlled", "Regular", "Journal"), ("2015", "Controlled", "Regular", "Journal"),
    ]  # fmt: skip
    assert performances(report(site, "tr", access_method="TDM")) == {}
    assert performances(report(site, "tr", data_type="Book")) == {}
    total = report(site, "tr", granularity="Total", metric_type="Total_Item_Requests|Unique_Item_Requests")
    judge(total, "TR")
    assert performances(total)["Toprak"][0]["Performance"]["Total_Item_Requests"] == {f"{BEFORE:%Y-%m}": 9}
    assert performances(report(site, "pr", data_type="Platform", begin_date=last))["Mahfuz"] == [
        {"Data_Type": "Platform", "Performance": {"Searches_Platform": {last: 9}}}
    ]


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"api_key": ""}, 400, 1030),
        ({"customer_id": ""}, 400, 1030),
        ({"begin_date": ""}, 400, 1030),
        ({"end_date": "", "api_key": "wrong"}, 400, 1030),
        ({"requestor_id": "nobody"}, 401, 2000),
        ({"customer_id": "baska"}, 403, 2010),
        ({"customer_id": "unknown"}, 403, 2010),
        ({"api_key": "wrong"}, 401, 2020),
        ({"api_key": "x" * 5000}, 401, 2020),
        ({"begin_date": "2026-13"}, 400, 3020),
        ({"begin_date": "0000-01"}, 400, 3020),
        ({"begin_date": "yesterday"}, 400, 3020),
        ({"begin_date": "2025-01-15"}, 400, 3020),
        ({"end_date": f"{BEFORE:%Y-%m}-27"}, 400, 3020),
        ({"end_date": "2001-01"}, 400, 3020),
        ({"begin_date": f"{TODAY:%Y-%m}", "end_date": f"{TODAY:%Y-%m}"}, 400, 3020),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_one_exception_with_its_status(
    site: pages.Site, given: dict[str, str], status: int, code: int
) -> None:
    asked = {key: value for key, value in (WHO | TWO | given).items() if value}
    found, told = ask(site, "reports/tr_j1", **asked)
    assert (found, told["Code"], told["Message"]) == (status, code, EXCEPTIONS[code][0])
    judge(told, f"Exception_{code}")


@pytest.mark.parametrize(
    ("name", "given", "code", "data"),
    [
        ("tr_j1", {"end_date": f"{TODAY:%Y-%m}"}, 3031, f"{TODAY:%Y-%m}"),
        ("tr_j1", {"begin_date": "2020-01"}, 3032, f"{BEFORE:%Y-%m}"),
        ("tr_j1", {"metric_type": "Total_Item_Requests"}, 3050, "metric_type"),
        ("pr", {"yop": "2015"}, 3050, "yop"),
        ("tr", {"include_parent_details": "True"}, 3050, "include_parent_details"),
        ("tr", {"metric_type": "Nonsense|Total_Item_Requests|Unique_Item_Requests"}, 3060, "metric_type=Nonsense"),
        ("tr", {"access_type": "OA_Gold"}, 3060, "access_type=OA_Gold"),
        ("tr", {"yop": "2015-2010"}, 3060, "yop=2015-2010"),
        ("tr", {"platform": "Another"}, 3060, "platform=Another"),
        ("tr", {"country_code": "TR"}, 3060, "country_code=TR"),
        ("tr", {"item_id": "10.5555/a"}, 3060, "item_id=10.5555/a"),
        ("tr", {"item_id": "1300-0632|10.5555/a"}, 3061, "item_id"),
        ("tr", {"attributes_to_show": "YOP|Author"}, 3062, "attributes_to_show=Author"),
        ("tr", {"granularity": "Day"}, 3062, "granularity=Day"),
        ("tr", {"include_component_details": "True"}, 3063, None),
    ],
)  # fmt: skip
def test_what_can_be_passed_over_is_told_in_the_header(
    site: pages.Site, name: str, given: dict[str, str], code: int, data: str | None
) -> None:
    told = report(site, name, **given)
    (exception,) = told["Report_Header"]["Exceptions"]
    assert (exception["Code"], exception["Message"]) == (code, EXCEPTIONS[code][0])
    assert data is None or data in exception["Data"]
    assert told["Report_Items"], "what there is, is given"
    judge(told, name.upper())


def test_a_month_that_is_not_over_is_left_out(site: pages.Site) -> None:
    told = report(site, "tr_j1", end_date=f"{TODAY:%Y-%m}")
    assert told["Report_Header"]["Report_Filters"]["End_Date"] == LAST.isoformat()
    assert f"{TODAY:%Y-%m}" not in json.dumps(told["Report_Items"])
    early = report(site, "tr_j1", begin_date="2020-01", end_date="2020-12")
    assert (codes(early), early["Report_Items"]) == ([3032], [])


def test_status_members_and_the_list_of_reports(site: pages.Site) -> None:
    status, told = ask(site, "status")
    assert (status, told[0]["Service_Active"]) == (200, True)
    judge(told[0], "Status")
    status, told = ask(site, "members", **WHO, unknown="x")
    assert (status, told[0]["Customer_ID"], told[0]["Requestor_ID"]) == (200, "C-1", "istemci-1")
    judge(told[0], "Member")
    status, told = ask(site, "reports", **WHO)
    assert [one["Report_ID"] for one in told] == list(REPORTS)
    assert {one["First_Month_Available"] for one in told} == {f"{BEFORE:%Y-%m}"}
    assert {one["Last_Month_Available"] for one in told} == {f"{LAST:%Y-%m}"}
    for one in told:
        judge(one, "Report")
        assert site.client.get(one["Path"], query_string=WHO | TWO).status_code == 200
    assert ask(site, "reports")[0] == ask(site, "members")[0] == 400
    assert ask(site, "members", customer_id="C-1", api_key="wrong")[0] == 401
    assert ask(site, "reports/ir", **WHO, **TWO)[0] == 404


def test_too_many_too_busy_and_silent(site: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repository.access.throttle.Throttle.waits", lambda *_: True)
    status, told = ask(site, "reports/tr_j1", **WHO, **TWO)
    assert (status, told["Code"]) == (429, 1020)
    judge(told, "Exception_1020")
    monkeypatch.setattr("repository.access.throttle.Throttle.waits", lambda *_: False)
    monkeypatch.setattr("threading.BoundedSemaphore.acquire", lambda *_, **__: False)
    status, told = ask(site, "reports/tr_j1", **WHO, **TWO)
    assert (status, told["Code"]) == (503, 1010)
    judge(told, "Exception_1010")

    def silent(_session: object) -> None:
        raise DatabaseUnavailable("silent")

    monkeypatch.setattr(api.counter_reports, "first_month", silent)
    status, told = ask(site, "status")
    assert (status, told["Code"], "silent" in str(told)) == (503, 1000, False)
    judge(told, "Exception_1000")


def test_tables_have_thirteen_rows_of_header_and_the_columns_of_their_report(site: pages.Site) -> None:
    browser = site.staff_client("counter-tables")
    ask_for = {"institution": "ornek", "from": TWO["begin_date"], "to": TWO["end_date"]}
    answer = browser.get("/staff/usage/tr_j4.tsv", query_string=ask_for)
    assert answer.content_type == "text/tab-separated-values; charset=utf-8"
    text = answer.get_data().decode("utf-8-sig")
    assert answer.get_data().startswith(b"\xef\xbb\xbf")
    rows = [line.split("\t") for line in text.split("\r\n")]
    assert [row[0] for row in rows[:13]] == [
        "Report_Name", "Report_ID", "Release", "Institution_Name", "Institution_ID", "Metric_Types", "Report_Filters",
        "Report_Attributes", "Exceptions", "Reporting_Period", "Created", "Created_By", "Registry_Record",
    ]  # fmt: skip
    header = {row[0]: row[1] for row in rows[:13]}
    assert header["Institution_ID"] == "ROR:00hx57361; mahfuz:ornek"
    assert header["Metric_Types"] == "Total_Item_Requests; Unique_Item_Requests"
    assert header["Report_Filters"] == "Access_Method=Regular; Access_Type=Controlled; Data_Type=Journal"
    assert header["Reporting_Period"] == f"Begin_Date={BEFORE:%Y-%m}-01; End_Date={LAST}"
    assert rows[13] == [""]
    months = [f"{day.strftime('%b')}-{day.year}" for day in (BEFORE, LAST)]
    assert rows[14] == [
        "Title", "Publisher", "Publisher_ID", "Platform", "DOI", "Proprietary_ID", "Print_ISSN", "Online_ISSN", "URI",
        "YOP", "Metric_Type", "Reporting_Period_Total", *months,
    ]  # fmt: skip
    assert rows[15][9:] == ["2009", "Total_Item_Requests", "2", "0", "2"]
    assert {len(row) for row in rows[14:-1]} == {14}
    whole = browser.get(
        "/staff/usage/tr.tsv", query_string=ask_for | {"attributes_to_show": "YOP", "granularity": "Total"}
    )
    rows = [line.split("\t") for line in whole.get_data().decode("utf-8-sig").split("\r\n")]
    assert rows[7][1] == "Attributes_To_Show=YOP; Exclude_Monthly_Details=True"
    assert rows[14][6:] == [
        "ISBN", "Print_ISSN", "Online_ISSN", "URI", "Data_Type", "YOP", "Metric_Type", "Reporting_Period_Total",
    ]  # fmt: skip
    platform = browser.get("/staff/usage/pr_p1.tsv", query_string=ask_for).get_data().decode("utf-8-sig")
    assert "Platform\tData_Type\tMetric_Type\tReporting_Period_Total" in platform
    told = json.loads(browser.get("/staff/usage/pr.json", query_string=ask_for).get_data())
    judge(told, "PR")
    assert browser.get("/staff/usage/ir.tsv", query_string=ask_for).status_code == 404
    assert browser.get("/staff/usage/tr.tsv", query_string=ask_for | {"from": "x"}).status_code == 400
    assert browser.get("/staff/usage/tr.tsv", query_string={"institution": "nobody"}).status_code == 404


def test_the_page_shows_the_last_month_that_is_over(site: pages.Site) -> None:
    browser = site.staff_client("counter-page")
    page = browser.get("/staff/usage?lang=en&institution=ornek").text
    assert f'name="from" type="month" value="{LAST:%Y-%m}"' in page
    assert "Full texts read" in page
    assert "Çevre" in page
    assert "customer_id=C-1" in page
    two = browser.get(f"/staff/usage?lang=en&institution=ornek&from={BEFORE:%Y-%m}&to={LAST:%Y-%m}").text
    assert f'<th scope="col" class="number">{BEFORE:%Y-%m}</th>' in two
    assert "Choose whole months" in browser.get("/staff/usage?lang=en&from=2026-99").text
    assert "Nothing was counted" in browser.get("/staff/usage?lang=en&institution=baska&from=2020-01&to=2020-02").text


def test_a_page_asks_for_no_more_journals_than_it_shows(site: pages.Site) -> None:
    browser, engine = site.staff_client("counter-sums"), site.catalogue.engine
    said: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "usage_day" in statement:
            said.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        assert "Çevre" in browser.get("/staff/usage?lang=en").text
    finally:
        event.remove(engine, "before_cursor_execute", hear)
    by_journal = [one for one in said if "GROUP BY usage_day.title_id" in one]
    assert by_journal
    assert all("LIMIT" in one for one in by_journal)


def test_usage_that_was_never_counted_is_not_ready_nor_gone(site: pages.Site) -> None:
    with site.catalogue.writing() as rows:
        kept = [
            {column.key: getattr(row, column.key) for column in UsageDay.__table__.columns}
            for row in rows.execute(select(UsageDay)).scalars()
        ]
        rows.execute(delete(UsageDay))
    try:
        told = report(site, "tr_j1")
        assert (codes(told), told["Report_Items"]) == ([3030], [])
        assert ask(site, "reports", **WHO)[1][0]["First_Month_Available"] == f"{LAST:%Y-%m}"
    finally:
        with site.catalogue.writing() as rows:
            rows.add_all(UsageDay(**values) for values in kept)

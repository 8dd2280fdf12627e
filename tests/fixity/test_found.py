"""Each count of what was not whole opens a list of just so many lines: of a round, a day, a store, a publisher."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pages
import pytest
from lxml import html
from plans import plans
from sqlalchemy import text
from watched import Miniature, miniature

from repository.catalogue import answered, rounds
from repository.catalogue.answered import Asked


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    """Two rounds, a day apart, in which copies were found damaged, missing and unreadable, and some were mended."""
    made = miniature(tmp_path, database_url, bags=6)
    first, second, third, fourth, *_ = made.bags
    for bag in (first, second):
        made.write("main", bag, b"x")
    made.path("main", third).unlink()
    made.path("second", fourth).unlink()
    made.path("second", fourth).mkdir()
    made.stores["second"].head = lambda key: made.stores["main"].__class__.head(made.stores["main"], key)  # type: ignore[method-assign]
    made.audit()
    made.clock.forward(days=1)
    made.write("main", first, b"y")
    made.audit()
    yield made
    made.catalogue.close()


def test_each_count_of_a_round_opens_a_list_of_just_so_many(small: Miniature, database_url: str) -> None:
    with small.catalogue.reading() as session:
        told = {
            row.id: {name: getattr(row, name) for name in answered.ANSWERS} for row in rounds.latest(session, limit=9)
        }
    assert Counter(sum(map(Counter, told.values()), Counter())) == {
        "damaged": 3, "missing": 1, "unreadable": 2, "mended": 4,
    }  # fmt: skip
    browser = pages.site(database_url).staff_client()
    page = html.fromstring(browser.get("/staff/rounds?lang=en").text)
    checked = 0
    for link in page.xpath("//td/a[contains(@href, '/staff/fixity/found')]"):
        lines = html.fromstring(browser.get(str(link.get("href"))).text).xpath("//tbody/tr/th/a/@href")
        assert len(lines) == int(link.text_content()), link.get("href")
        assert all(browser.get(str(address)).status_code == 200 for address in lines)
        checked += 1
    assert checked == 4 * len(told)


def test_days_stores_and_publishers_are_told_apart_and_the_csv_is_the_whole_list(
    small: Miniature, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixity.web.answered.A_PAGE", 2)
    browser = pages.site(database_url).staff_client()
    day = small.clock.now.date().isoformat()

    def lines(query: str) -> list[dict[str, str]]:
        answer = browser.get(f"/staff/fixity/found?format=csv{query}")
        return list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))

    assert len(lines("")) == 10
    assert [one["found"] for one in lines(f"&from={day}")] == ["mended", "damaged", "unreadable"]
    assert len(lines(f"&to={day}")) == 10
    assert {one["store"] for one in lines("&store=second")} == {"second"}
    assert len(lines("&store=second&found=unreadable")) == 2
    assert len(lines("&publisher=ornek-yayinevi&found=damaged")) == 3
    met, address = [], "/staff/fixity/found"
    while address:
        page = html.fromstring(browser.get(address).text)
        met += page.xpath("//tbody/tr")
        address = next((str(link) for link in page.xpath("//a[@rel='next']/@href")), "")
    assert len(met) == 10


@pytest.mark.parametrize(
    ("query", "status"),
    [("found=intact", 400), ("round=0x1", 400), ("round=77", 404), ("publisher=kimse", 404), ("from=yesterday", 400),
     ("to=9999-12-31", 400), ("after=W10", 400), ("store=%00", 400), ("round=99999999999999999999", 400)],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(small: Miniature, database_url: str, query: str, status: int) -> None:
    assert pages.site(database_url).staff_client().get(f"/staff/fixity/found?{query}").status_code == status


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_is_found_by_its_index_whatever_else_there_is_testimony_of(small: Miniature) -> None:
    with small.catalogue.reading() as session:
        (number,) = [row.id for row in rounds.latest(session, limit=1)]
    with plans(small.catalogue.engine) as found, small.catalogue.reading() as session:
        for answer in (None, *answered.ANSWERS):
            answered.listed(session, Asked(answer, "main", 1, number, small.clock.now), before=None, limit=5)
        assert len(found) == 3 + 4
        for steps in found:
            assert "ix_event_watched (type=? AND outcome=? AND at>?)" in steps[0], steps
            assert not [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")]
        assert session.execute(text("SELECT count(*) FROM event")).scalar_one() > 10

"""Start pages for LOCKSS: the sentence letter by letter, and of a year what is open and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pages
import pytest
from lxml import html
from plans import plans

from repository.web import lockss

SENTENCE = "LOCKSS system has permission to collect, preserve, and serve this open access Archival Unit"


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('lockss') / 'catalogue.sqlite'}")
    yield site
    site.catalogue.close()


def links(archive: pages.Site, address: str) -> list[str]:
    answer = archive.client.get(address)
    assert answer.status_code == 200, address
    return [str(link) for link in html.fromstring(answer.text).xpath("//main//a/@href")]


def test_a_crawler_comes_from_the_start_to_every_open_file_and_to_no_other(archive: pages.Site) -> None:
    opened = pages.enter(archive, pages.record(1), {"ilk.pdf": b"%PDF-1 first"})
    pages.enter(archive, pages.record(1), {"Çatlak ağları.pdf": b"%PDF-1 second", "a.xml": b"<x/>"}, version=2)
    closed = pages.enter(archive, pages.record(2, licence=None))
    other = pages.enter(archive, pages.record(3, published={"ppub": "2020-01"}))
    assert "/lockss/1300-0632" in links(archive, "/lockss/")
    years = [link for link in links(archive, "/lockss/1300-0632") if link.startswith("/lockss/1300-0632/")]
    assert years == ["/lockss/1300-0632/2021", "/lockss/1300-0632/2020"]
    page = archive.client.get(years[0]).text
    assert html.fromstring(page).xpath("string(//p[@lang='en'])") == lockss.PERMISSION == SENTENCE
    found = links(archive, years[0])
    assert f"/articles/{opened}" in found
    files = [link for link in found if "/files/" in link]
    assert files == [
        f"/articles/{opened}/files/%C3%87atlak%20a%C4%9Flar%C4%B1.pdf?version=2",
        f"/articles/{opened}/files/a.xml?version=2",
    ]
    assert [archive.client.get(link).data for link in files] == [b"%PDF-1 second", b"<x/>"]
    assert 'rel="license" href="https://creativecommons.org/licenses/by/4.0/"' in page
    assert closed not in page
    assert other not in page
    assert f"/articles/{other}" in links(archive, years[1])


def test_a_long_year_goes_on_after_a_key(archive: pages.Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockss, "A_PAGE", 2)
    entered = {pages.enter(archive, pages.record(number)) for number in range(1, 6)}
    seen: list[str] = []
    address, pages_read = "/lockss/1300-0632/2021", 0
    while address:
        assert SENTENCE in archive.client.get(address).text
        found = links(archive, address)
        seen += [link.rpartition("/")[2] for link in found if link.startswith("/articles/") and "/files/" not in link]
        pages_read += 1
        address = next((link for link in found if "after=" in link), "")
    assert (pages_read, len(seen), set(seen)) == (3, 5, entered)


def test_pages_of_a_year_go_through_its_issues_in_order_large_and_small(
    archive: pages.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockss, "A_PAGE", 3)
    issues = ["1"] * 2 + ["2"] + ["3"] * 7 + ["4", "5", "6", "7"] + ["8"] * 4
    entered = [
        pages.enter(archive, pages.record(number, issue=issue, first_page=str(100 + number)))
        for number, issue in enumerate(issues, 1)
    ]
    seen: list[str] = []
    address = "/lockss/1300-0632/2021"
    with plans(archive.catalogue.engine, "JOIN article") as found_plans:
        while address:
            found = links(archive, address)
            some = [
                link.rpartition("/")[2] for link in found if link.startswith("/articles/") and "/files/" not in link
            ]
            assert len(some) <= 3
            seen += some
            address = next((link for link in found if "after=" in link), "")
    assert seen == entered
    large = [plan for plan in found_plans if any("(issue_id=? AND (shelf,id)>(?,?))" in step for step in plan)]
    assert large  # inside a large issue a page begins where the one before it ended
    assert not any("TEMP B-TREE" in step for plan in large for step in plan)


@pytest.mark.parametrize("address", ["/lockss/1300-0632/1999", "/lockss/9999-9994", "/lockss/1300-0632/2021?after=x"])
def test_what_is_not_there_is_not_found(archive: pages.Site, address: str) -> None:
    pages.enter(archive, pages.record(1))
    assert archive.client.get(address).status_code in (400, 404)


def test_what_is_withdrawn_is_not_linked_and_no_year_is_a_year(archive: pages.Site) -> None:
    identifier = pages.enter(archive, pages.record(1, published={}))
    assert links(archive, "/lockss/1300-0632")[-1] == "/lockss/1300-0632/0"
    assert f"/articles/{identifier}" in links(archive, "/lockss/1300-0632/0")

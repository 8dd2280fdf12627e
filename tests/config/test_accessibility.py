"""Every page keeps WCAG 2.2 AA as far as a machine can tell: axe in a real Chromium, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pages
import pytest
from browser import NARROW, WIDE, answering, chromium
from flask.testing import FlaskClient
from full_size import sized
from playwright.sync_api import Browser

from repository.access.web.sessions import StaffSessions
from repository.catalogue import filling
from repository.vocabulary import utc_now

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.xdist_group("chromium")

Judged = tuple[list[str], int]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NOT_THERE = ("/lockss/1300-0632/1", "/openurl")
"""Pages that say no: one for all, and the one that readers meet."""
ASKED_FOR = {"issn": "1300-0632", "number": 1, "version": 1, "store": "main", "language": "tr", "name": "ndsa"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('axe') / 'catalogue.sqlite'}", base_url="http://127.0.0.1")
    yield site
    site.catalogue.close()


def shown(archive: pages.Site) -> list[str]:
    """The address of every page that can be asked for with what is in the archive."""
    identifier = pages.enter(archive, pages.record(1))
    pages.enter(archive, pages.record(2, licence=None))
    with archive.catalogue.writing() as session:
        filling.know(session, utc_now())  # else no store could be given up
    adapter, found = archive.app.url_map.bind("127.0.0.1"), []
    for rule in archive.app.url_map.iter_rules():
        values: dict[str, Any] = {**ASKED_FOR, "identifier": identifier}
        if "GET" in (rule.methods or ()) and rule.arguments <= values.keys():
            found.append(adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments}))
    return sorted(found)


def judged(program: Browser, home: str, browser: FlaskClient, addresses: Sequence[str], size: Any) -> Judged:
    """What axe has against these pages as this browser sees them, and how many there were."""
    sessions = browser.application.session_interface
    assert isinstance(sessions, StaffSessions)
    cookie = browser.get_cookie(sessions.cookie)
    assert cookie is not None
    context = program.new_context(viewport=size, locale="tr-TR")
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": home}])
    page, wrong, seen = context.new_page(), [], 0
    for address in addresses:
        answer = browser.get(address)
        if answer.mimetype != "text/html" or (answer.status_code != 200 and address not in NOT_THERE):
            continue
        page.goto(home + address)
        seen += 1
        told = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
        if told.violations_count:
            wrong.append(f"{address} at {size['width']}: {told.generate_report()}")
    context.close()
    return wrong, seen


def test_no_page_shuts_anybody_out(archive: pages.Site) -> None:
    addresses, browser = shown(archive), archive.staff_client()
    with chromium() as program, answering(archive.app) as home:
        wide = judged(program, home, browser, addresses, WIDE)
        narrow = judged(program, home, browser, addresses[:: sized(4, 1)], NARROW)
    wrong = [*wide[0], *narrow[0]]
    assert not wrong, "\n".join(wrong)[:20_000]
    assert wide[1] + narrow[1] > 40


def test_no_page_of_a_library_or_a_publisher_shuts_anybody_out(archive: pages.Site) -> None:
    """With what they show when there is something to show: rights in every state, a claim, a network, a key."""
    ours = pages.institution(archive, "ornek", name="Örnek Üniversitesi", networks=("193.140.1.0/24",))
    held = pages.enter(archive, pages.record(7, issn_electronic="1300-0640", journal_title="Kıyı", licence=None))
    late = {"main": pages.NOW, "second": None}
    other = pages.enter(
        archive, pages.record(8, issn_electronic="1300-0659", journal_title="Yayla", licence=None), verified=late
    )
    pages.right(archive, "kiyi", held, ours, paid=(("2019-01-01", "2021-12-31"),))
    pages.right(archive, "yayla", other, ours, paid=(("2021-01-01", "2021-12-31"),))
    library = archive.staff_client("kutup", "librarian", institution="ornek")
    publisher = archive.staff_client("yayin", "publisher", publisher="Örnek Yayınevi")
    claim = {"licence": "kiyi", "issn": "1300-0659", "date_first_issue_online": "2015", "reason": "Fatura ektedir."}
    made = pages.post(library, "/library/claims/new", **claim)
    assert made.status_code == 303
    pages.post(library, "/library/keys", "/library/files", act="make", name="Alma")
    number = made.location.rpartition("/")[2]
    of_library = ["", "compare", "claims", "claims/new", f"claims/{number}", "access", "usage", "files"]
    of_publisher = ["", "deliveries", "claims", f"claims/{number}"]
    wrong, seen = [], 0
    with chromium() as program, answering(archive.app) as home:
        for size in (WIDE, NARROW):
            for browser, whose, those in (
                (library, "library", of_library), (publisher, "publisher", of_publisher),
            ):  # fmt: skip
                found = judged(program, home, browser, [f"/{whose}/{one}" for one in those], size)
                wrong += found[0]
                seen += found[1]
    assert not wrong, "\n".join(wrong)[:20_000]
    assert seen == 2 * (len(of_library) + len(of_publisher))

"""Every page keeps WCAG 2.2 AA as far as a machine can tell: axe in a real Chromium, wide and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pages
import pytest
from browser import NARROW, WIDE, answering, chromium
from full_size import sized

from repository.access.web.sessions import StaffSessions

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.xdist_group("chromium")

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
    adapter, found = archive.app.url_map.bind("127.0.0.1"), []
    for rule in archive.app.url_map.iter_rules():
        values: dict[str, Any] = {**ASKED_FOR, "identifier": identifier}
        if "GET" in (rule.methods or ()) and rule.arguments <= values.keys():
            found.append(adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments}))
    return sorted(found)


def test_no_page_shuts_anybody_out(archive: pages.Site) -> None:
    addresses, wrong, seen = shown(archive), [], 0
    browser = archive.staff_client()
    sessions = archive.app.session_interface
    assert isinstance(sessions, StaffSessions)
    cookie = browser.get_cookie(sessions.cookie)
    assert cookie is not None
    with chromium() as program, answering(archive.app) as home:
        for size, every in ((WIDE, 1), (NARROW, sized(4, 1))):
            context = program.new_context(viewport=size, locale="tr-TR")
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": home}])
            page = context.new_page()
            for address in addresses[::every]:
                answer = browser.get(address)
                if answer.mimetype != "text/html" or (answer.status_code != 200 and address not in NOT_THERE):
                    continue
                page.goto(home + address)
                seen += 1
                told = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
                if told.violations_count:
                    wrong.append(f"{address} at {size['width']}: {told.generate_report()}")
            context.close()
    assert not wrong, "\n".join(wrong)[:20_000]
    assert seen > 40

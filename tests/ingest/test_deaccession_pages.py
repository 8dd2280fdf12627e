"""On the pages an article is withdrawn by one signed-in person, and disposed of by two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pages
import pytest
from deliveries import Published
from faults import SilentStore
from flask.testing import FlaskClient
from test_withdrawal import deliver
from whole_archive import WholeArchive

from ingest.deaccession import Deaccession
from repository.catalogue import disposals
from repository.storage import Store
from repository.vocabulary import utc_now


@pytest.fixture
def archive(tmp_path: Path, stores: Sequence[Store]) -> Iterator[WholeArchive]:
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    made = WholeArchive.made(url, stores, tmp_path)
    made.site.catalogue.close()
    made.site = pages.site(
        url, deaccession=Deaccession(made.door.catalogue, stores, "mahfuz test", utc_now), home=tmp_path / "home"
    )
    deliver(made, tmp_path, "1.zip", [Published("10.5555/sayfa.1", title="Sayfada geri çekilen")])
    yield made
    made.site.catalogue.close()
    made.door.catalogue.close()


def at(archive: WholeArchive) -> str:
    return f"/staff/articles/{archive.told('10.5555/sayfa.1')['id']}"


def post(browser: FlaskClient, page: str, form: str, **fields: str):  # type: ignore[no-untyped-def]
    return pages.post(browser, f"{page}/{form}", form_at=f"{page}?lang=en", **fields)


def test_two_people_on_the_page(archive: WholeArchive) -> None:
    ayse, can = archive.site.staff_client("ayse"), archive.site.staff_client("can")
    page, reader = at(archive), page_of_readers(archive)
    assert page in ayse.get(reader).text
    assert page not in archive.site.client.get(reader).text
    assert archive.site.client.post(f"{page}/withdraw", data={"reason": "x"}).status_code in (400, 403)
    assert ayse.post(f"{page}/withdraw", data={"reason": "x"}).status_code == 400, "a form from elsewhere"
    empty = post(ayse, page, "withdraw", reason=" ", language="tr")
    assert (empty.status_code, "A reason is needed" in empty.text) == (422, True)
    assert post(ayse, page, "withdraw", reason="Kişisel <b>veri</b>.", language="tr").status_code == 303
    tombstone = archive.site.client.get(reader)
    assert (tombstone.status_code, "Kişisel &lt;b&gt;veri" in tombstone.text) == (410, True)
    assert post(ayse, page, "dispose", reason="Mahkeme.", language="tr", version="").status_code == 303
    with archive.door.catalogue.reading() as session:
        (row,) = disposals.underway(session, limit=9)
    own = post(ayse, page, f"disposals/{row.id}", act="approve")
    assert (own.status_code, "somebody else has to approve it" in own.text) == (422, True)
    assert (
        "onaylaması gerekir"
        in pages.post(ayse, f"{page}/disposals/{row.id}", form_at=f"{page}?lang=tr", act="approve").text
    )
    assert "Approve the disposal" not in ayse.get(f"{page}?lang=en").text
    assert "Approve the disposal" in can.get(f"{page}?lang=en").text
    assert post(can, page, f"disposals/{row.id}", act="approve").status_code == 303
    assert "1 disposal is under way" in can.get("/staff/?lang=en").text
    assert "can" in ayse.get("/staff/disposals?lang=en").text
    stuck = post(can, page, "restore", reason="x", language="en")
    assert (stuck.status_code, "cancel it first" in stuck.text) == (422, True)
    assert post(ayse, page, f"disposals/{row.id}", act="cancel", reason="Vazgeçildi.").status_code == 303
    assert post(can, page, "restore", reason="Düzeltildi.", language="tr").status_code == 303
    assert archive.site.client.get(reader).status_code == 200
    assert post(can, page, f"disposals/{row.id + 1}", act="approve").status_code == 404
    assert post(can, page, f"disposals/{row.id}", act="burn").status_code == 400


def page_of_readers(archive: WholeArchive) -> str:
    return at(archive).removeprefix("/staff")


def test_a_silent_store_is_told_on_the_page(archive: WholeArchive, tmp_path: Path, stores: Sequence[Store]) -> None:
    work = Deaccession(archive.door.catalogue, [stores[0], SilentStore(stores[1])], "mahfuz test", utc_now)
    site = pages.site(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", deaccession=work)
    browser, page = site.staff_client("ayse"), at(archive)
    told = post(browser, page, "withdraw", reason="Kişisel veri.", language="tr")
    assert told.status_code == 503
    assert "A store does not answer" in told.text
    assert "Kişisel veri." in told.text, "what was typed is still there"
    assert browser.get(page_of_readers(archive)).status_code == 200
    site.catalogue.close()

"""An archive in use that grows from SQLite to PostgreSQL: afterwards everything is as it was, and goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import records
from deliveries import Published
from installation import Installation, folder_store_table
from lxml import etree
from servers import PostgreSQLServer
from sqlalchemy import func, select
from whole_archive import OAI, WholeArchive, dump

from fixity.ledgers import read_due
from fixity.notary import Notary, seal
from fixity.proof import prove
from fixity.rounds import run_round
from fixity.watch import Scope, Watch
from ingest import deaccession
from ingest.deaccession import Deaccession, Word
from ingest.ledger import Bookkeeping, lay_down
from repository.catalogue import Catalogue, heartbeats, moving, recount
from repository.models import Article
from repository.promise import Promises
from repository.signing import Signer
from repository.storage import Store
from repository.vocabulary import utc_now

ARTICLES = 7
PAGES = (
    "/?lang=tr",
    "/titles?lang=en",
    "/search?q=ISPARTA&lang=tr",
    "/search?q=ısparta&lang=en",
    "/kbart/AllTitles.txt",
    "/staff/?lang=en",
    "/staff/ingest?lang=en",
    "/staff/deliveries?lang=tr",
    "/staff/copies?lang=en",
    "/staff/completeness?lang=en",
    "/staff/access/institutions?lang=tr",
    "/staff/access/licences?lang=en",
    "/staff/access/triggers?lang=tr",
)


@pytest.fixture
def archive(tmp_path: Path, stores: Sequence[Store]) -> Iterator[WholeArchive]:
    made = WholeArchive.made(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", stores, tmp_path)
    for number in range(ARTICLES):
        article = Published(f"10.5555/tasinma.{number}", title=f"Isparta'da ışık {number}: Ö&ğ <ı>")
        made.deliver(_files(tmp_path, article))
    made.deliver(_files(tmp_path, Published("10.5555/tasinma.0", title="Düzeltilmiş: Isparta'da ışık")))
    records.fill(made.door.catalogue, utc_now())
    word = Word("Ayşe Yılmaz", "Yayıncının isteği.", "tr")
    deaccession.withdraw(Deaccession(made.door.catalogue, stores, "mahfuz test", utc_now), "10.5555/tasinma.3", word)
    yield made
    made.door.catalogue.close()


def _files(folder: Path, article: Published) -> dict[str, bytes]:
    return {f"{article.stem}.xml": article.xml(), f"{article.stem}.pdf": article.pdf(folder / "one.pdf")}


def notary(archive: WholeArchive) -> Notary:
    door = archive.door
    by_name = {store.name: store for store in door.stores}
    return Notary(door.catalogue, by_name, Signer(door.home), "mahfuz.example.org", door.home, utc_now)


def watch(archive: WholeArchive) -> Watch:
    door = archive.door
    by_name = {store.name: store for store in door.stores}
    return Watch(door.catalogue, by_name, Promises(), door.home / "quarantine", "mahfuz test", utc_now)


def harvested(archive: WholeArchive, form: str) -> list[tuple[str, str]]:
    """Identifier and the record as text, of all, in the order of the feed."""
    found: list[tuple[str, str]] = []
    query = {"verb": "ListRecords", "metadataPrefix": form}
    while True:
        root = etree.fromstring(archive.site.client.get("/oai", query_string=query).data)
        found += [
            (one.findtext(f".//{OAI}identifier") or "", etree.tostring(one, encoding="unicode"))
            for one in root.iter(f"{OAI}record")
        ]
        token = root.findtext(f".//{OAI}resumptionToken")
        if not token:
            return found
        query = {"verb": "ListRecords", "resumptionToken": token}


def shown_to_harvesters(catalogue: Catalogue) -> None:
    """Wait until the last change is: its datestamp lies a second or two ahead."""
    with catalogue.reading() as rows:
        last = rows.execute(select(func.max(Article.datestamp))).scalar_one()
    while utc_now() <= last:
        time.sleep(0.1)


def seen(archive: WholeArchive, staff: Any) -> dict[str, tuple[int, str]]:
    pages = {}
    for address in PAGES:
        browser = staff if address.startswith("/staff") else archive.site.client
        answer = browser.get(address)
        pages[address] = (answer.status_code, _without_moments(answer.text))
    return pages


def _without_moments(page: str) -> str:
    """What a page says apart from when it was made."""
    return "\n".join(line for line in page.splitlines() if "csrf" not in line and "as of" not in line)


def test_an_archive_moves_to_postgresql_and_goes_on(
    archive: WholeArchive, postgresql_server: PostgreSQLServer, tmp_path: Path
) -> None:
    old = archive.door.catalogue
    run_round(watch(archive), Scope(due=False, deep=True))
    seal(notary(archive), daily=True)
    keeping = Bookkeeping(old, archive.door.stores, archive.door.home, "mahfuz.example.org", utc_now, lambda _: 90)
    lay_down(keeping, daily=True)
    shown_to_harvesters(old)
    before = dump(old)
    staff = archive.site.staff_client()
    pages, feed = seen(archive, staff), {form: harvested(archive, form) for form in ("oai_dc", "marcxml", "jats")}
    assert [address for address, (status, _) in pages.items() if status != 200] == []
    assert len(feed["oai_dc"]) == ARTICLES
    with postgresql_server.fresh_database() as url:
        there = Catalogue(url)
        assert all(one.equal for one in moving.move(old, there))
        grown = WholeArchive.made(url, archive.door.stores, tmp_path)
        assert dump(there) == before
        # The same browser is signed in still: sessions were carried over with all the rest.
        staff.application = grown.site.app
        assert seen(grown, staff) == pages
        assert {form: harvested(grown, form) for form in feed} == feed
        proof = prove(notary(grown), {store.name: store for store in grown.door.stores})
        assert (proof.exit_status, proof.problems) == (0, [])
        assert not recount.run(there, utc_now, anew=True).differences
        round_ = run_round(watch(grown), Scope(due=False, deep=True))
        assert (round_.expected, round_.intact) == (2 * (ARTICLES + 1), 2 * (ARTICLES + 1))
        assert not [outcome for outcome in read_due(watch(grown)) if outcome != "intact"]
        # And it goes on: a new article, a correction, the same again, a withdrawal taken back, a ledger, a rebuild.
        grown._deliveries = 100
        fresh = grown.deliver(_files(tmp_path, Published("10.5555/tasinma.99", title="PostgreSQL'de ilk")))
        again = grown.deliver(_files(tmp_path, Published("10.5555/tasinma.1", title="Yine düzeltilmiş")))
        assert [line.outcome for line in (*fresh.articles, *again.articles)] == ["accepted", "accepted"]
        assert again.articles[0].version == 2
        work = Deaccession(there, grown.door.stores, "mahfuz test", utc_now)
        deaccession.restore(work, "10.5555/tasinma.3", Word("Ayşe Yılmaz", "Anlaşıldı.", "tr"))
        seal(notary(grown), daily=False)
        lay_down(replace(keeping, catalogue=there), daily=False)
        proof = prove(notary(grown), {store.name: store for store in grown.door.stores})
        assert (proof.exit_status, proof.problems) == (0, [])
        for catalogue in (grown.site.catalogue, grown.door.catalogue, there):
            catalogue.close()


def test_the_command_says_what_to_change_and_refuses_while_parts_run(
    tmp_path: Path, postgresql_server: PostgreSQLServer
) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("a", home), folder_store_table("b", home))
    archive.run("init")
    with postgresql_server.fresh_database() as url:
        clock = archive.start("clock")
        try:
            assert clock.stderr is not None
            while b"the clock is ticking" not in clock.stderr.readline():
                pass
            status, _, said = archive.tell("migrate-database", "--to", url)
            assert (status, "the clock is running" in said) == (2, True)
        finally:
            clock.terminate()
            clock.communicate(timeout=60)
        told = archive.run("migrate-database", "--to", url)
        assert (told["verified"], told["settings"]) == (True, {"database.url": Catalogue(url).shown_url})
        assert {one["table"]: one["equal"] for one in told["tables"]}["event"]
        archive.file.write_text(archive.file.read_text() + f'[database]\nurl = "{url}"\n')
        assert archive.run("status")["articles"] == 0
        status, _, said = archive.tell("migrate-database", "--to", url)
        assert (status, "names PostgreSQL already" in said) == (2, True)


def test_a_part_on_another_machine_is_waited_for(tmp_path: Path, postgresql_url: str) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("a", home), folder_store_table("b", home))
    archive.run("init")
    catalogue = Catalogue(f"sqlite:///{home / 'mahfuz.sqlite'}")
    with catalogue.writing() as session:
        heartbeats.beat(session, heartbeats.Who("worker", "elsewhere", 12, utc_now(), "1"), utc_now())
    catalogue.close()
    status, _, said = archive.tell("migrate-database", "--to", postgresql_url)
    assert (status, "still running: worker on elsewhere (process 12)" in said) == (2, True)

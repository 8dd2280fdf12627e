"""Of an article whose every copy is damaged: what survives in any of them is a new version, and says so for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pages
import pytest
from deliveries import Published, delivery
from faults import SilentStore
from lxml import etree
from sqlalchemy import select, update
from whole_archive import OAI, WholeArchive, burn, rebuilding

from fixity.report import RoundReport
from fixity.rounds import run_round
from fixity.watch import Scope, Watch
from ingest import deaccession, disposal, inbox, pipeline
from ingest import salvage as salvaging
from ingest.deaccession import Deaccession, Word
from ingest.rebuild import rebuild
from ingest.survivors import Disputed, Plan, Salvaging, plan
from repository.bags import verify_stream
from repository.catalogue import copies, fronts, holdings
from repository.errors import NotNow, StoreUnavailable
from repository.models import Aip, Article, Copy, Event, File
from repository.promise import Promise, Promises
from repository.salvage import PATH
from repository.storage import Store
from repository.vocabulary import CopyState, bag_key, utc_now

DOI = "10.5555/kurtarma.0"
BY, WHY = "Ayşe Yılmaz", "İki kopya da aynı yerde bozulmuş."


@pytest.fixture
def archive(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[WholeArchive]:
    made = WholeArchive.made(database_url, stores, tmp_path)
    deliver(made, tmp_path, "1.zip", DOI)
    yield made
    made.door.catalogue.close()


@pytest.fixture
def plain(tmp_path: Path, stores: Sequence[Store]) -> Iterator[WholeArchive]:
    """On SQLite alone: for what no database has a part in."""
    made = WholeArchive.made(f"sqlite:///{tmp_path / 'plain.sqlite'}", stores, tmp_path)
    deliver(made, tmp_path, "1.zip", DOI)
    yield made
    made.door.catalogue.close()


def deliver(archive: WholeArchive, folder: Path, name: str, doi: str, title: str = "Kurtarılan") -> None:
    door = archive.door
    sent = delivery(folder / name, [Published(doi, title=title)])
    pipeline.ingest(door, inbox.accept(door.catalogue, door.home, [sent], "Örnek Yayınevi", utc_now))


def work_of(archive: WholeArchive, stores: Sequence[Store] | None = None) -> Salvaging:
    door = archive.door
    return Salvaging(door.catalogue, stores or door.stores, door.home, "mahfuz test", utc_now, door.promises)


def front_matter(archive: WholeArchive) -> Any:
    with archive.door.catalogue.reading() as session:
        return fronts.of(session, [known(archive)])


def watch_of(archive: WholeArchive) -> Watch:
    door = archive.door
    return Watch(
        catalogue=door.catalogue,
        stores={store.name: store for store in door.stores},
        promises=Promises(Promise(90)),
        quarantine=door.home / "quarantine",
        agent="mahfuz test",
        clock=utc_now,
    )


def audit(archive: WholeArchive) -> RoundReport:
    return run_round(watch_of(archive), Scope(due=False))


def bytes_in(store: Store, key: str) -> bytes:
    with store.open(key) as stream:
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


def damage(archive: WholeArchive, store: Store, act: Callable[[bytes], bytes], version: int = 1) -> None:
    """Other bytes lie there from now on, at rest; asserts that they do."""
    key = bag_key(known(archive), version)
    before = bytes_in(store, key)
    after = act(before)
    assert after != before, "the fault did not happen"
    file = archive.folder / "damaged"
    file.write_bytes(after)
    store.replace(key, file, hashlib.sha256(after).hexdigest(), hashlib.sha256(before).hexdigest())  # type: ignore[attr-defined]
    assert bytes_in(store, key) == after, "the fault did not happen"


def known(archive: WholeArchive) -> str:
    return str(archive.told(DOI)["id"])


def file_named(archive: WholeArchive, ending: str) -> File:
    with archive.door.catalogue.reading() as session:
        aip = holdings.aip_version(session, known(archive), 1)
        assert aip is not None
        (found,) = [file for file in holdings.files_of(session, aip.id) if file.path.endswith(ending)]
        session.expunge(found)
        return found


def flipped(*places: int) -> Callable[[bytes], bytes]:
    def act(data: bytes) -> bytes:
        changed = bytearray(data)
        for place in places:
            changed[place] ^= 0x40
        return bytes(changed)

    return act


def lose_the_pdf(archive: WholeArchive, *more: int) -> None:
    """The same byte of the PDF in both copies, and of each copy something else that the other still has."""
    pdf, xml = file_named(archive, ".pdf"), file_named(archive, ".xml")
    first, second = archive.door.stores
    damage(archive, first, flipped(pdf.offset + 5, xml.offset + 5, *more))
    damage(archive, second, flipped(pdf.offset + 5, *more))
    report = audit(archive)
    assert (report.damaged, report.mended) == (2, 0), "it was damaged beyond mending"


def survivors(plan: Plan) -> dict[str, str | None]:
    return {one.path.rpartition(".")[2]: one.store for one in plan.files}


def test_what_survives_is_a_new_version_that_says_what_is_lost(archive: WholeArchive) -> None:
    first, second = archive.door.stores
    lose_the_pdf(archive)
    identifier, key = known(archive), bag_key(known(archive), 1)
    before = {store.name: bytes_in(store, key) for store in (first, second)}
    number = archive.change_number(identifier)

    seen = plan(work_of(archive), DOI)
    assert survivors(seen) == {"xml": second.name, "pdf": None}
    assert (seen.described_by, dict(seen.copies)) == ("bag", {first.name: "damaged", second.name: "damaged"})
    assert len(archive.told(DOI)["versions"]) == 1, "to look changes nothing"

    assert salvaging.carry_out(work_of(archive), DOI, None, BY, WHY) == 2
    told = archive.told(DOI)
    old, new = told["versions"]
    pdf, xml = file_named(archive, ".pdf"), file_named(archive, ".xml")
    assert [file["sha512"] for file in new["files"]] == [xml.sha512.hex()]
    assert new["salvaged"]["from_version"] == 1
    assert [(one["path"], one["sha512"]) for one in new["salvaged"]["lost"]] == [(pdf.path, pdf.sha512.hex())]
    assert (old["salvaged"], new["delivered_by"]) == (None, "Örnek Yayınevi")
    assert {copy["state"] for copy in new["copies"]} == {"intact"}
    assert {copy["state"] for copy in old["copies"]} == {"damaged"}, "its alarm stands"
    assert archive.change_number(identifier) > number, "harvesters are told"

    for store in (first, second):
        assert bytes_in(store, key) == before[store.name], "the damaged copies stay as they are"
        with store.open(bag_key(identifier, 2)) as stream:
            report = verify_stream(stream, own=(identifier, 2))
        assert report.valid
        info = dict(report.bag_info)
        assert (info["Salvaged-From"], info["Salvage-Lost-Files"]) == (f"{identifier}-v1", "1")
        mark = json.loads(report.tag_files[PATH])
        assert (mark["by"], mark["reason"], mark["described_by"]) == (BY, WHY, "bag")
        premis = report.tag_files["metadata/premis.xml"].decode()
        assert "has source" in premis
        assert f"data/{pdf.path} (SHA-512 {pdf.sha512.hex()})" in premis
        assert b"capture" in report.tag_files["metadata/salvaged/premis.xml"]
    with archive.door.catalogue.reading() as session:
        rows = session.execute(select(Event).where(Event.article_id == identifier, Event.version == 2)).scalars()
        found = {row.type: row.detail for row in rows}
    assert found["recovery"]["by"] == BY
    assert [one["path"] for one in found["recovery"]["lost"]] == [pdf.path]
    assert found["ingestion"]["salvaged from"] == 1
    assert audit(archive).damaged == 2, "the watch goes on telling of the old ones"


def test_the_mark_survives_a_rebuild_and_is_shown_in_both_languages(archive: WholeArchive) -> None:
    lose_the_pdf(archive)
    pdf, identifier = file_named(archive, ".pdf"), known(archive)
    front = front_matter(archive)
    assert front
    salvaging.carry_out(work_of(archive), DOI, 1, BY, WHY)
    assert front_matter(archive) == front, "the XML survives, and what it says"
    mark = archive.told(DOI)["versions"][1]["salvaged"]
    browser = archive.site.client
    for language, word in (("tr", "kurtarıldı"), ("en", "salvaged")):
        page = browser.get(f"/articles/{identifier}?lang={language}").text
        assert word in page
        assert pdf.sha512.hex() in page
        assert BY not in page
    told = archive.site.staff_client().get(f"/staff/copies/{identifier}/1/main?lang=en").text
    assert "salvaged as version 2" in told
    burn(archive.door.catalogue)
    done = rebuild(rebuilding(archive.door))
    assert done.aips == 1
    assert {one["key"] for one in done.problems} == {bag_key(identifier, 1)}
    (only,) = archive.told(DOI)["versions"]
    assert (only["version"], only["salvaged"]) == (2, mark)
    assert front_matter(archive) == front


def test_where_every_file_survives_somewhere_nothing_is_lost(plain: WholeArchive) -> None:
    """What is damaged alike in both copies is no file: a name in a header, and a tag file."""
    pdf, xml = file_named(plain, ".pdf"), file_named(plain, ".xml")
    first, second = plain.door.stores
    damage(plain, first, flipped(pdf.offset + 5, pdf.offset - 510))
    damage(plain, second, flipped(xml.offset + 5, pdf.offset - 510))
    assert audit(plain).damaged == 2
    seen = plan(work_of(plain), DOI)
    assert survivors(seen) == {"pdf": second.name, "xml": first.name}
    salvaging.carry_out(work_of(plain), DOI, None, BY, WHY)
    old, new = plain.told(DOI)["versions"]
    assert sorted(f["sha512"] for f in new["files"]) == sorted(f["sha512"] for f in old["files"])
    assert new["salvaged"]["lost"] == []


def test_a_copy_that_is_cut_or_shifted_still_gives_what_is_in_it(plain: WholeArchive) -> None:
    pdf, xml = file_named(plain, ".pdf"), file_named(plain, ".xml")
    assert pdf.offset < xml.offset
    first, second = plain.door.stores
    damage(plain, first, lambda data: data[: xml.offset])
    damage(plain, second, lambda data: data[: pdf.offset] + b"\0" * 100 + data[pdf.offset :])
    assert audit(plain).mended == 0
    assert survivors(plan(work_of(plain), DOI)) == {"pdf": first.name, "xml": None}
    damage(plain, second, lambda data: bytes(1024) + data)
    assert survivors(plan(work_of(plain), DOI)) == {"pdf": first.name, "xml": None}


def test_a_description_that_is_lost_comes_from_the_catalogue_and_is_said_to(plain: WholeArchive) -> None:
    key = bag_key(known(plain), 1)
    whole = bytes_in(plain.door.stores[0], key)
    place = whole.index(b'"title"')
    title = plain.told(DOI)["title"]
    lose_the_pdf(plain, place + 3)
    seen = plan(work_of(plain), DOI)
    assert seen.described_by == "catalogue"
    assert salvaging.carry_out(work_of(plain), DOI, None, BY, WHY) == 2
    assert plain.told(DOI)["title"] == title
    report = verify_stream(_stream(plain, 2), own=(known(plain), 2))
    assert json.loads(report.tag_files["metadata/article.json"])["title"] == title
    assert json.loads(report.tag_files[PATH])["described_by"] == "catalogue"


def _stream(archive: WholeArchive, version: int) -> object:
    import io

    return io.BytesIO(bytes_in(archive.door.stores[0], bag_key(known(archive), version)))


def test_a_list_of_files_that_was_altered_is_known_and_a_manifest_proves_the_right_one(plain: WholeArchive) -> None:
    lose_the_pdf(plain)
    with plain.door.catalogue.writing() as session:
        session.execute(update(File).values(sha512=hashlib.sha512(b"other").digest()))
    seen = plan(work_of(plain), DOI)
    assert survivors(seen) == {"xml": plain.door.stores[1].name, "pdf": None}
    with plain.door.catalogue.writing() as session:
        session.execute(update(Aip).values(payload_digest="ab" * 32))
    with pytest.raises(Disputed, match="altered"):
        plan(work_of(plain), DOI)


def test_a_seal_that_was_altered_is_for_a_person_and_no_salvage(plain: WholeArchive) -> None:
    with plain.door.catalogue.writing() as session:
        session.execute(update(Aip).values(seal="ab" * 32))
    assert audit(plain).damaged == 2
    with pytest.raises(Disputed, match="valid bag with another seal") as told:
        plan(work_of(plain), DOI)
    assert told.value.exit_status == 4


def test_nothing_is_salvaged_while_a_copy_may_be_whole(plain: WholeArchive) -> None:
    first, second = plain.door.stores
    with pytest.raises(NotNow, match="audited first"):
        plan(work_of(plain), DOI)
    pdf = file_named(plain, ".pdf")
    damage(plain, first, flipped(pdf.offset + 5))
    with plain.door.catalogue.writing() as session:  # both are believed damaged, and one is not
        session.execute(update(Copy).values(state=CopyState.DAMAGED))
    with pytest.raises(NotNow, match="is whole"):
        plan(work_of(plain), DOI)
    silent = SilentStore(second)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        salvaging.carry_out(work_of(plain, [first, silent]), DOI, None, BY, WHY)
    assert silent.struck, "the fault did not happen"
    assert len(plain.told(DOI)["versions"]) == 1


def test_nothing_survives_and_nothing_is_made(plain: WholeArchive) -> None:
    lose_the_pdf(plain)
    xml = file_named(plain, ".xml")
    damage(plain, plain.door.stores[1], flipped(xml.offset + 5))
    with pytest.raises(NotNow, match="Nothing of it survives"):
        salvaging.carry_out(work_of(plain), DOI, None, BY, WHY)
    assert len(plain.told(DOI)["versions"]) == 1


def test_an_older_version_never_takes_the_place_of_a_newer_one(plain: WholeArchive, tmp_path: Path) -> None:
    deliver(plain, tmp_path, "2.zip", DOI, title="Düzeltilmiş")
    lose_the_pdf(plain)
    with pytest.raises(NotNow, match="Version 2 is newer"):
        plan(work_of(plain), DOI, 1)
    with pytest.raises(NotNow, match="audited first"):
        plan(work_of(plain), DOI)
    with pytest.raises(NotNow, match="no version 9"):
        plan(work_of(plain), DOI, 9)


def test_a_withdrawn_article_is_salvaged_and_stays_hidden(plain: WholeArchive) -> None:
    lose_the_pdf(plain)
    work = Deaccession(plain.door.catalogue, plain.door.stores, "mahfuz test", utc_now)
    deaccession.withdraw(work, DOI, Word(BY, "Yayıncının isteği."))
    plain.site.staff_client("can")
    asked = disposal.ask(work, known(plain), None, Word("can", "Yayıncının isteği."))
    with pytest.raises(NotNow, match="disposal of this article is under way"):
        plan(work_of(plain), DOI)
    disposal.cancel(work, asked.id, Word("can", "Yanlışlıkla."))
    assert salvaging.carry_out(work_of(plain), DOI, None, BY, WHY) == 2
    assert plain.site.client.get(f"/articles/{known(plain)}").status_code == 410
    with plain.door.catalogue.reading() as session:
        assert session.get_one(Article, known(plain)).state == "withdrawn"


def test_a_run_that_was_killed_before_it_registered_is_taken_up(
    plain: WholeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_the_pdf(plain)

    class Killed(BaseException):
        pass

    def killed(*_words: object, **_more: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(salvaging.registration, "register", killed)
        with pytest.raises(Killed):
            salvaging.carry_out(work_of(plain), DOI, None, "Can", "İlk deneme.")
    assert len(plain.told(DOI)["versions"]) == 1
    later = replace(work_of(plain), agent="mahfuz later")
    assert salvaging.carry_out(later, DOI, None, BY, WHY) == 2
    with plain.door.catalogue.reading() as session:
        aip = holdings.aip_version(session, known(plain), 2)
        assert aip is not None
        assert (aip.salvage or {})["by"] == "Can", "what lies in the bag is what the catalogue says"
        assert {copy.state for copy in copies.of(session, aip.id)} == {"intact"}
    assert not list((plain.door.home / "staging").glob("salvage-*"))


def test_a_salvage_needs_a_name_and_a_reason(plain: WholeArchive) -> None:
    for by, reason in (("", WHY), (BY, "  "), (BY, "x" * 5000), ("a\u202eb", WHY)):
        with pytest.raises(NotNow):
            salvaging.carry_out(work_of(plain), DOI, None, by, reason)


def test_harvesters_are_given_the_new_version(plain: WholeArchive) -> None:
    lose_the_pdf(plain)
    salvaging.carry_out(work_of(plain), DOI, None, BY, WHY)
    query = {
        "verb": "GetRecord",
        "metadataPrefix": "oai_dc",
        "identifier": f"oai:mahfuz.example.org:{known(plain)}",
    }
    header = etree.fromstring(plain.site.client.get("/oai", query_string=query).data).find(f".//{OAI}header")
    assert header is not None
    assert header.get("status") is None


def test_staff_see_what_survives_and_decide_on_a_page(plain: WholeArchive, tmp_path: Path) -> None:
    site = pages.site(
        f"sqlite:///{tmp_path / 'plain.sqlite'}", salvaging=work_of(plain), places={"main": "", "second": ""}
    )
    identifier = known(plain)
    address, copy = f"/staff/articles/{identifier}/versions/1/salvage", f"/staff/copies/{identifier}/1/main?lang=en"
    browser = site.staff_client()
    assert site.client.get(address).status_code in (302, 303, 401, 403), "for staff alone"
    assert browser.get(address).status_code == 422
    assert address not in browser.get(copy).text
    lose_the_pdf(plain)
    pdf, xml = file_named(plain, ".pdf"), file_named(plain, ".xml")
    assert address in browser.get(copy).text
    page = browser.get(f"{address}?lang=en")
    assert page.status_code == 200
    assert "1 file is lost" in page.text
    assert pdf.path in page.text
    assert xml.path in page.text
    assert pages.post(browser, address, reason=" ").status_code == 422
    assert pages.post(browser, address, reason=WHY).status_code == 303
    assert "salvaged as version 2" in browser.get(copy).text
    again = browser.get(f"{address}?lang=tr")
    assert again.status_code == 422
    assert "Sürüm 2 daha yeni" in again.text
    with plain.door.catalogue.reading() as session:
        aip = holdings.aip_version(session, identifier, 2)
        assert aip is not None
        assert (aip.salvage or {})["by"] == "ayse"
    article = browser.get(f"/articles/{identifier}?lang=en").text
    assert f"/files/{pdf.path}" not in article.split("Version 1")[0], "nobody is led to what is lost"
    site.catalogue.close()


class _HalfRead:
    """A store that gives no object to its end, as a disk with a bad sector does, and parts of it all the same."""

    def __init__(self, store: Store) -> None:
        self._store, self.name, self.struck = store, store.name, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def open(self, key: str, offset: int = 0, length: int | None = None) -> object:
        if length is None and key == self.struck_key:
            self.struck += 1
            raise StoreUnavailable(self.name, "input/output error")
        return self._store.open(key, offset, length)

    struck_key = ""


def test_an_object_that_has_been_unreadable_for_days_gives_the_files_that_can_be_read(plain: WholeArchive) -> None:
    lose_the_pdf(plain)
    first, second = plain.door.stores
    half = _HalfRead(second)
    half.struck_key = bag_key(known(plain), 1)
    with pytest.raises(StoreUnavailable):
        plan(work_of(plain, [first, half]), DOI)  # type: ignore[list-item]
    with plain.door.catalogue.writing() as session:  # as the watch writes it down after policy.unreadable_days
        session.execute(update(Copy).where(Copy.store == second.name).values(unreadable_since=utc_now()))
    seen = plan(work_of(plain, [first, half]), DOI)  # type: ignore[list-item]
    assert half.struck == 2, "the fault did not happen"
    assert survivors(seen) == {"xml": second.name, "pdf": None}
    assert dict(seen.copies)[second.name] == "unreadable"

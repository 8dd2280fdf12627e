"""One article from the publisher's zip to the harvester and the reader, through the real parts on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from deliveries import Published, delivery

from ingest import inbox, pipeline
from ingest.door import Door
from ingest.receipts import Receipt
from ingest.unpack import Limits
from repository.bags import seal_of, verify_stream
from repository.catalogue import Catalogue, copies, holdings, schema, tallies
from repository.errors import StoreUnavailable, WouldOverwrite
from repository.promise import Promise, Promises
from repository.storage import Store
from repository.vocabulary import ArticleOutcome, DeliveryState, article_id, bag_key, utc_now

PUBLISHER = "Örnek Yayınevi"


@pytest.fixture
def door(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[Door]:
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    yield Door(
        catalogue=catalogue,
        stores=stores,
        home=tmp_path / "home",
        agent="mahfuz test",
        clock=utc_now,
        promises=Promises(Promise(days=0)),
        limits=Limits(),
    )
    catalogue.close()


def taken_in(door: Door, *files: Path) -> Receipt:
    return pipeline.ingest(door, inbox.accept(door.catalogue, door.home, files, PUBLISHER, utc_now))


def test_an_article_is_kept_in_every_store_and_can_be_asked_for(door: Door, tmp_path: Path) -> None:
    article = Published("10.5555/hayat.1", title="Bir makalenin hayatı")
    receipt = taken_in(door, delivery(tmp_path / "a.zip", [article]))
    assert receipt.state is DeliveryState.ACCEPTED
    (line,) = receipt.articles
    assert (line.outcome, line.version, line.article_id) == (ArticleOutcome.ACCEPTED, 1, article_id(article.record()))
    with door.catalogue.reading() as session:
        found = holdings.find_article(session, "https://doi.org/10.5555/HAYAT.1")
        assert found is not None
        told = holdings.article_json(session, found)
    assert told["title"] == "Bir makalenin hayatı"
    (version,) = told["versions"]
    assert {copy["state"] for copy in version["copies"]} == {"intact"}
    assert {copy["store"] for copy in version["copies"]} == {store.name for store in door.stores}
    for store in door.stores:
        with store.open(bag_key(found.id, 1)) as stream:
            report = verify_stream(stream, own=(found.id, 1))
        assert report.valid, report.findings
        assert report.seal == version["seal"]
        assert {file.path: (file.bytes, file.sha512) for file in report.files} == {
            file["path"]: (file["bytes"], file["sha512"]) for file in version["files"]
        }


def test_a_file_is_served_by_one_range_of_the_bag(door: Door, tmp_path: Path) -> None:
    article = Published("10.5555/aralik.1")
    (line,) = taken_in(door, delivery(tmp_path / "a.zip", [article])).articles
    assert line.article_id is not None
    with door.catalogue.reading() as session:
        (aip,) = holdings.aips_of(session, line.article_id)
        files = holdings.files_of(session, aip.id)
    pdf = next(file for file in files if file.path.endswith(".pdf"))
    for store in door.stores:
        with store.open(bag_key(line.article_id, 1), pdf.offset, pdf.bytes) as stream:
            assert stream.read(5) == b"%PDF-"


def test_the_same_bytes_again_change_nothing(door: Door, tmp_path: Path) -> None:
    article = Published("10.5555/ayni.1")
    first = taken_in(door, delivery(tmp_path / "a.zip", [article]))
    again = taken_in(door, delivery(tmp_path / "b.zip", [article]))
    assert again.shown_state == "unchanged"
    assert again.delivery_id == first.delivery_id
    # In another archive, in another folder of it, the article's own bytes are still the same.
    elsewhere = taken_in(door, delivery(tmp_path / "c.zip", [article], folder="2024/özel sayı/"))
    assert [line.outcome for line in elsewhere.articles] == [ArticleOutcome.UNCHANGED]
    with door.catalogue.reading() as session:
        assert len(holdings.aips_of(session, article_id(article.record()))) == 1


def test_other_bytes_are_a_new_version_and_the_first_stays(door: Door, tmp_path: Path) -> None:
    article = Published("10.5555/surum.1")
    taken_in(door, delivery(tmp_path / "a.zip", [article]))
    (line,) = taken_in(door, delivery(tmp_path / "b.zip", [replace(article, title="Düzeltilmiş başlık")])).articles
    assert (line.outcome, line.version) == (ArticleOutcome.ACCEPTED, 2)
    assert "NEW_VERSION" in {found.code for found in line.findings}
    with door.catalogue.reading() as session:
        found = holdings.find_article(session, article.doi)
        assert found is not None
        assert found.record["title"] == "Düzeltilmiş başlık"
        assert [aip.version for aip in holdings.aips_of(session, found.id)] == [1, 2]


def test_an_update_of_the_metadata_alone_is_a_version_without_pdf(door: Door, tmp_path: Path) -> None:
    article = Published("10.5555/ustveri.1")
    taken_in(door, delivery(tmp_path / "a.zip", [article]))
    update = replace(article, title="Yalnız üst veri", without_pdf=True)
    (line,) = taken_in(door, delivery(tmp_path / "b.zip", [update])).articles
    assert (line.outcome, line.version) == (ArticleOutcome.ACCEPTED, 2)
    assert ("PDF_MISSING", "warning") in {(found.code, found.level) for found in line.findings}


def test_one_bad_article_never_stops_the_others(door: Door, tmp_path: Path) -> None:
    articles = [
        Published("10.5555/iyi.1"),
        Published("10.5555/kotu.1", without_pdf=True),
        Published("10.5555/iyi.2"),
        Published("10.5555/kotu.2", broken_xml=True),
        Published("10.5555/kotu.3", issn="9999-0017"),
    ]
    receipt = taken_in(door, delivery(tmp_path / "a.zip", articles))
    assert receipt.state is DeliveryState.PARTIAL
    codes = {line.name: {found.code for found in line.findings} for line in receipt.articles if line.version is None}
    assert sum(line.version == 1 for line in receipt.articles) == 2
    assert any("PDF_MISSING" in found for found in codes.values())
    assert any("XML_NOT_WELL_FORMED" in found for found in codes.values())
    assert any("ISSN_INVALID" in found for found in codes.values())


def test_a_refused_delivery_can_be_mended_and_sent_again(door: Door, tmp_path: Path) -> None:
    bad = Published("10.5555/yeniden.1", without_pdf=True)
    assert taken_in(door, delivery(tmp_path / "a.zip", [bad])).state is DeliveryState.QUARANTINED
    assert (
        taken_in(door, delivery(tmp_path / "b.zip", [replace(bad, without_pdf=False)])).state is DeliveryState.ACCEPTED
    )


def test_the_kept_delivery_and_its_receipt_lie_in_the_home(door: Door, tmp_path: Path) -> None:
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/makbuz.1")])
    receipt = taken_in(door, sent)
    assert (door.home / "deliveries" / receipt.delivery_id / "0").read_bytes() == sent.read_bytes()
    kept = door.home / "receipts" / receipt.delivery_id[:2] / f"{receipt.delivery_id}.json"
    assert Receipt.from_json(json.loads(kept.read_text(encoding="utf-8"))) == receipt
    assert not any((door.home / "staging").iterdir())


def test_nothing_is_registered_before_every_store_has_answered(door: Door, tmp_path: Path) -> None:
    class Silent:
        """A store that takes the bag and then says nothing more."""

        name = "silent"
        asked = 0

        def put(self, key: str, source: Path, sha256: str) -> None:
            self.asked += 1
            raise StoreUnavailable("silent", "it is switched off")

        def head(self, key: str) -> None:
            return None

    silent = Silent()
    halted = replace(door, stores=[*door.stores, silent])
    sent = delivery(tmp_path / "a.zip", [Published("10.5555/bekler.1")])
    with pytest.raises(StoreUnavailable):
        taken_in(halted, sent)
    assert silent.asked == 1
    with door.catalogue.reading() as session:
        assert holdings.find_article(session, "10.5555/bekler.1") is None
        assert tallies.of(session, "copies") == {}
    # The delivery waits, and goes on by itself once the store answers.
    done = list(pipeline.resume(door))
    assert [receipt.state for receipt in done] == [DeliveryState.ACCEPTED]
    with door.catalogue.reading() as session:
        assert {place for place, _ in tallies.of(session, "copies")} == copies.stores_with_copies(session)


def test_an_unregistered_bag_of_the_same_payload_is_adopted_as_it_is(door: Door, tmp_path: Path) -> None:
    article = Published("10.5555/evlat.1")
    identity = article_id(article.record())
    stale = replace(door, agent="mahfuz of yesterday", catalogue=Catalogue(f"sqlite:///{tmp_path / 'lost.sqlite'}"))
    schema.migrate(stale.catalogue)
    sent = delivery(tmp_path / "a.zip", [article])
    taken_in(stale, sent)
    stale.catalogue.close()
    with door.stores[1].open(bag_key(identity, 1)) as stream:
        before, _ = seal_of(stream)
    (line,) = taken_in(door, sent).articles
    assert line.outcome is ArticleOutcome.ACCEPTED
    with door.catalogue.reading() as session:
        (aip,) = holdings.aips_of(session, identity)
    assert aip.seal == before, "the bag that lay there was kept, though ours would have named another agent"


def test_anything_else_under_the_key_stops_for_a_person(door: Door, tmp_path: Path) -> None:
    article = Published("10.5555/yabanci.1")
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"somebody else's bytes")
    with foreign.open("rb") as stream:
        seal, _ = seal_of(stream)
    key = bag_key(article_id(article.record()), 1)
    door.stores[1].put(key, foreign, seal)
    receipt = taken_in(door, delivery(tmp_path / "a.zip", [article, Published("10.5555/yabanci.2")]))
    outcomes = {line.doi: (line.outcome, {found.code for found in line.findings}) for line in receipt.articles}
    assert outcomes["10.5555/yabanci.1"][0] is ArticleOutcome.REFUSED
    assert "STORE_HOLDS_OTHER" in outcomes["10.5555/yabanci.1"][1]
    assert outcomes["10.5555/yabanci.2"][0] is ArticleOutcome.ACCEPTED
    with pytest.raises(WouldOverwrite):
        door.stores[1].put(key, delivery(tmp_path / "b.zip", [article]), "0" * 64)
    with door.stores[1].open(key) as stream:
        assert seal_of(stream)[0] == seal
    assert door.stores[0].head(key) is None, "no half of it was left in the other store"

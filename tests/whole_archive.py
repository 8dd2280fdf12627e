"""An archive in use: deliveries in at one side, pages, OAI-PMH and a rebuild from the bags at the other."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pages
from lxml import etree, html
from sqlalchemy import select

from ingest import inbox, pipeline
from ingest.door import Door
from ingest.rebuild import Rebuilding, rebuild
from ingest.receipts import Receipt
from ingest.unpack import Limits
from oai_pmh.tokens import TokenKeys
from oai_pmh.web import Window, blueprint
from repository.catalogue import Catalogue, fronts, holdings, schema, tallies
from repository.models import Article, Delivery, Table
from repository.promise import Promise, Promises
from repository.storage import Store
from repository.vocabulary import as_utc_text, utc_now

PUBLISHER = "Örnek Yayınevi"
OAI = "{http://www.openarchives.org/OAI/2.0/}"
DC = "{http://purl.org/dc/elements/1.1/}"
_IDENTIFIER = "mahfuz.example.org"


def packed(target: Path, files: Mapping[str, bytes]) -> Path:
    """A zip of these files; the same bytes each time."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return target


def door_over(catalogue: Catalogue, stores: Sequence[Store], home: Path) -> Door:
    """The door of an archive with this catalogue, these stores and this folder."""
    return Door(
        catalogue=catalogue,
        stores=stores,
        home=home,
        agent="mahfuz test",
        clock=utc_now,
        promises=Promises(Promise(days=0)),
        limits=Limits(),
    )


def rebuilding(door: Door, only: int | None = None) -> Rebuilding:
    """A rebuild of the door's archive from every store, or from one ``only``."""
    read = list(door.stores) if only is None else [door.stores[only]]
    return Rebuilding(
        catalogue=door.catalogue,
        stores=read,
        other_stores=[store for store in door.stores if store not in read],
        home=door.home,
        agent="mahfuz test",
        clock=utc_now,
        promises=Promises(Promise(days=0)),
    )


def dump(catalogue: Catalogue) -> dict[str, Any]:
    """Everything that must come back; only the moment of a copy's last reading is its own."""
    with catalogue.reading() as session:
        articles = {}
        for article in session.execute(select(Article).order_by(Article.id)).scalars():
            told = holdings.article_json(session, article)
            for version in told["versions"]:
                for copy in version["copies"]:
                    assert copy.pop("verified_at") or copy["state"] == "disposed"
            articles[article.id] = told
        fronts_kept = fronts.of(session, list(articles))
        deliveries = {
            delivery.id: (delivery.state, delivery.file_names, as_utc_text(delivery.accepted_on), delivery.findings)
            for delivery in session.execute(select(Delivery)).scalars()
        }
        counts = {
            what: tallies.of(session, what) for what in ("copies", "articles", "aips", "deliveries", "never verified")
        }
    return {"articles": articles, "fronts": fronts_kept, "deliveries": deliveries, "counts": counts}


def burn(catalogue: Catalogue) -> None:
    """Empty every table."""
    with catalogue.writing() as session:
        for table in reversed(Table.metadata.sorted_tables):
            session.execute(table.delete())
    schema.migrate(catalogue)
    with catalogue.reading() as session:
        assert session.execute(select(Article.id)).first() is None, "the catalogue really is empty"


@dataclass
class WholeArchive:
    """The archive of one test."""

    site: pages.Site
    door: Door
    folder: Path
    _deliveries: int = 0

    @classmethod
    def made(cls, url: str, stores: Sequence[Store], folder: Path) -> WholeArchive:
        """An empty one."""
        by_name = {store.name: store for store in stores}
        catalogue = Catalogue(url)
        window = Window(
            catalogue=catalogue,
            repository_name="Mahfuz",
            base_url=pages.BASE_URL,
            repository_identifier=_IDENTIFIER,
            admin_emails=("arsiv@example.org",),
            token_keys=TokenKeys((b"a secret of the tests, long enough",)),
        )
        site = pages.site(
            url,
            open_range=lambda store, key, offset, length: by_name[store].open(key, offset, length),
            open_blueprints=(blueprint(window),),
            home=folder / "home",
        )
        site.catalogue.close()
        site.catalogue = catalogue
        return cls(site, door_over(catalogue, stores, folder / "home"), folder)

    def deliver(self, files: Mapping[str, bytes], publisher: str = PUBLISHER) -> Receipt:
        """Take in one delivery of these files."""
        self._deliveries += 1
        sent = packed(self.folder / f"{self._deliveries}.zip", files)
        return pipeline.ingest(self.door, inbox.accept(self.door.catalogue, self.door.home, [sent], publisher, utc_now))

    def told(self, id_or_doi: str) -> dict[str, Any]:
        """What ``mahfuz article`` says."""
        with self.door.catalogue.reading() as session:
            found = holdings.find_article(session, id_or_doi)
            assert found is not None
            return holdings.article_json(session, found)

    def page(self, identifier: str) -> Any:
        """The article's page in English."""
        answer = self.site.client.get(f"/articles/{identifier}?lang=en")
        assert answer.status_code == 200
        return html.fromstring(answer.text)

    def oai(self, identifier: str) -> tuple[str, list[str]]:
        """Datestamp and ``dc:relation`` of an article's OAI record."""
        query = {
            "verb": "GetRecord",
            "metadataPrefix": "oai_dc",
            "identifier": f"oai:{_IDENTIFIER}:{identifier}",
        }
        root = etree.fromstring(self.site.client.get("/oai", query_string=query).data)
        return root.findtext(f".//{OAI}datestamp"), [node.text for node in root.iter(f"{DC}relation")]

    def change_number(self, identifier: str) -> int:
        """The number under which harvesters were last told of an article."""
        with self.door.catalogue.reading() as session:
            return session.get_one(Article, identifier).change_number

    def articles(self) -> int:
        """How many articles there are."""
        with self.door.catalogue.reading() as session:
            return sum(count.number for count in tallies.of(session, "articles").values())

    def comes_back(self) -> None:
        """Burn the catalogue and write it again from the bags: everything is as it was."""
        before = dump(self.door.catalogue)
        answers = {identifier: self.oai(identifier) for identifier in before["articles"]}
        burn(self.door.catalogue)
        done = rebuild(rebuilding(self.door))
        assert (done.exit_status, done.problems) == (0, [])
        assert dump(self.door.catalogue) == before
        assert {identifier: self.oai(identifier) for identifier in before["articles"]} == answers

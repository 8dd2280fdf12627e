"""From a delivery to a harvester: what the publisher sent, in every format, before and after the catalogue burned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from deliveries import Published
from lxml import etree
from whole_archive import OAI, WholeArchive, burn, rebuilding

from ingest.rebuild import rebuild
from repository.storage import Store
from repository.vocabulary import article_id

ARTICLE = Published("10.5555/bicim.1", "Işığın biçimleri & renkleri")
ARTICLE_ID = article_id(ARTICLE.record())
FORMATS = ("oai_dc", "oai_openaire", "jats", "mods", "marcxml", "mets")


@pytest.fixture
def archive(tmp_path: Path, stores: Sequence[Store]) -> Any:
    archive = WholeArchive.made(f"sqlite:///{tmp_path / 'catalogue.sqlite'}", stores, tmp_path)
    yield archive
    archive.door.catalogue.close()


def harvested(archive: WholeArchive, prefix: str) -> etree._Element:
    identifier = f"oai:mahfuz.example.org:{ARTICLE_ID}"
    query = {"verb": "GetRecord", "metadataPrefix": prefix, "identifier": identifier}
    answer = archive.site.client.get("/oai", query_string=query)
    (metadata,) = etree.fromstring(answer.data).iter(f"{OAI}metadata")
    return metadata[0]


def test_what_came_is_harvested_in_every_format_and_again_from_the_bags(archive: WholeArchive, tmp_path: Path) -> None:
    archive.deliver({"makale.xml": ARTICLE.xml(), "makale.pdf": ARTICLE.pdf(tmp_path / "one.pdf")})
    before = {prefix: etree.tostring(harvested(archive, prefix), method="c14n") for prefix in FORMATS}
    for prefix in FORMATS:
        assert "Işığın biçimleri &amp; renkleri" in before[prefix].decode(), prefix
    jats, mets = harvested(archive, "jats"), harvested(archive, "mets")
    assert jats.findtext(".//{*}journal-id") == "OABD", "only the publisher's own front matter has it"
    told = archive.told(ARTICLE.doi)["versions"][0]
    assert mets.xpath("//@CHECKSUM") == [file["sha512"] for file in told["files"]]
    assert [one.text for one in mets.iter("{*}contentLocationValue")] == [copy["store"] for copy in told["copies"]]
    assert [one.text for one in mets.iter("{*}eventDateTime")] == [copy["verified_at"] for copy in told["copies"]]

    burn(archive.door.catalogue)
    assert rebuild(rebuilding(archive.door)).exit_status == 0
    after = {prefix: etree.tostring(harvested(archive, prefix), method="c14n") for prefix in FORMATS}
    assert {prefix for prefix in FORMATS if after[prefix] != before[prefix]} <= {"mets"}, "the copies were read again"

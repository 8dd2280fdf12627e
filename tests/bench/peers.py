"""What a harvest is compared with, behind the same server: static files of the same octets, pyoai, oai_repo.

The two libraries read the rows of the same catalogue; neither keeps anything ready, so each is given what is easiest
for it: a page is one query in the order of harvesting, and the description of an article is decoded once.
"""

from __future__ import annotations

import json
import os
import sqlite3
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

Start = Callable[[str, list[tuple[str, str]]], Any]
_PAGE = 500
_IDENTIFIER = "oai:bench.example.org:"
_NAMES = {"title": "title", "publisher": "publisher", "language": "language", "licence": "rights"}


def _given(environ: dict[str, Any], start: Start, body: bytes, more: Iterable[tuple[str, str]] = ()) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(body))), *more])
    return [body]


def static(environ: dict[str, Any], start: Start) -> list[bytes]:
    """A file from the folder BENCH_PAGES."""
    name = environ["PATH_INFO"].rpartition("/")[2]
    gzipped = [("Content-Encoding", "gzip")] if name.endswith(".gz") else []
    return _given(environ, start, (Path(os.environ["BENCH_PAGES"]) / name).read_bytes(), gzipped)


def _rows(cursor: int, limit: int) -> Iterator[tuple[str, datetime, dict[str, list[str]]]]:
    """Identifier, datestamp and Dublin Core of so many records, by offset, as both libraries ask for them."""
    with sqlite3.connect(os.environ["BENCH_CATALOGUE"]) as rows:
        found = rows.execute(
            "SELECT id, datestamp, record FROM article ORDER BY datestamp, change_number LIMIT ? OFFSET ?",
            (limit, cursor),
        ).fetchall()
    for name, stamp, record in found:
        said = json.loads(record)
        about = {field: [said[key]] for key, field in _NAMES.items() if said.get(key)}
        about["title"] += list(said["translated_titles"].values())
        about["creator"] = [f"{one['family']}, {one['given']}" for one in said["authors"]]
        about["subject"] = said["keywords"]
        about["description"] = list(said["abstracts"].values())
        about["date"] = list(said["published"].values())
        about["identifier"] = [f"https://bench.example.org/articles/{name}", f"https://doi.org/{said['doi']}"]
        about["source"] = [f"{said['journal_title']}, {said['volume']}({said['issue']})", said["issn_electronic"]]
        about["type"] = [said["article_type"], "Text"]
        yield _IDENTIFIER + name, datetime.fromisoformat(stamp), about


def _asked(environ: dict[str, Any]) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))


def _pyoai() -> Callable[[dict[str, str]], bytes]:
    import cgi

    cgi.parse_qs = urllib.parse.parse_qs  # type: ignore[attr-defined]  # what it was written for
    from lxml import etree
    from oaipmh import common, metadata, server

    class Provider:
        def identify(self) -> Any:
            began = datetime(2024, 1, 1)  # noqa: DTZ001 (as the library wants it)
            return common.Identify(
                "Bench", "https://bench.example.org/oai", "2.0", ["a@example.org"], began, "no", "YYYY-MM-DD", []
            )

        def listRecords(self, **asked: Any) -> list[Any]:  # noqa: N802
            return [
                (common.Header(None, name, stamp, ["publisher:bench"], False), common.Metadata(None, about), None)
                for name, stamp, about in _rows(asked.get("cursor", 0), asked["batch_size"])
            ]

    registry = metadata.MetadataRegistry()
    registry.registerWriter("oai_dc", server.oai_dc_writer)
    made = server.BatchingServer(Provider(), metadata_registry=registry, resumption_batch_size=_PAGE)
    tree = made._tree_server

    def answered(asked: dict[str, str]) -> bytes:
        verb = asked.pop("verb")
        # Not handleRequest: with a new lxml it fails over the envelope of its own answer (cleanup_namespaces).
        answer = getattr(tree, verb[0].lower() + verb[1:])(**asked)
        return bytes(etree.tostring(answer, encoding="UTF-8", xml_declaration=True))

    return answered


_made: dict[str, Callable[[dict[str, str]], bytes]] = {}


def pyoai(environ: dict[str, Any], start: Start) -> list[bytes]:
    """pyoai's server over the same rows."""
    if "pyoai" not in _made:
        _made["pyoai"] = _pyoai()
    return _given(environ, start, _made["pyoai"](_asked(environ)))


def _oai_repo() -> Callable[[dict[str, str]], bytes]:
    import oai_repo
    from lxml import etree

    space = "http://www.openarchives.org/OAI/2.0/oai_dc/"
    dc = "http://purl.org/dc/elements/1.1/"

    class Data(oai_repo.DataInterface):  # type: ignore[misc]
        limit = _PAGE
        known: dict[str, tuple[datetime, dict[str, list[str]]]]

        def get_identify(self) -> Any:
            made = oai_repo.Identify()
            made.base_url, made.repository_name = "https://bench.example.org/oai", "Bench"
            made.admin_email, made.earliest_datestamp = ["a@example.org"], "2024-01-01T00:00:00Z"
            made.deleted_record, made.granularity = "no", "YYYY-MM-DDThh:mm:ssZ"
            return made

        def is_valid_identifier(self, identifier: str) -> bool:
            return identifier in self.known

        def get_metadata_formats(self, identifier: str | None = None) -> list[Any]:
            return [oai_repo.MetadataFormat("oai_dc", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", space)]

        def get_record_header(self, identifier: str) -> Any:
            made = oai_repo.RecordHeader()
            made.identifier, made.datestamp = identifier, self.known[identifier][0].strftime("%Y-%m-%dT%H:%M:%SZ")
            made.setspecs = ["publisher:bench"]
            return made

        def get_record_metadata(self, identifier: str, metadataprefix: str) -> Any:
            node = etree.Element(f"{{{space}}}dc", nsmap={"oai_dc": space, "dc": dc})
            for name, values in self.known[identifier][1].items():
                for value in values:
                    etree.SubElement(node, f"{{{dc}}}{name}").text = value
            return node

        def get_record_abouts(self, identifier: str) -> list[Any]:
            return []

        def list_identifiers(
            self,
            metadataprefix: str,
            filter_from: Any = None,
            filter_until: Any = None,
            filter_set: str | None = None,
            cursor: int = 0,
        ) -> tuple[list[str], int, None]:
            self.known = {name: (stamp, about) for name, stamp, about in _rows(cursor, _PAGE)}
            return list(self.known), int(os.environ["BENCH_RECORDS"]), None

    made = oai_repo.OAIRepository(Data())
    return lambda asked: bytes(made.process(asked))


def oai_repo(environ: dict[str, Any], start: Start) -> list[bytes]:
    """oai_repo's over the same rows."""
    if "oai_repo" not in _made:
        _made["oai_repo"] = _oai_repo()
    return _given(environ, start, _made["oai_repo"](_asked(environ)))

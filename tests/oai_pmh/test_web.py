"""The window on the wire: methods, encodings, compression, and what happens when the catalogue is away."""

from __future__ import annotations

import gzip
import random
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import etree

from repository.catalogue import Catalogue

FORM = "application/x-www-form-urlencoded"
OAI = "{http://www.openarchives.org/OAI/2.0/}"


@pytest.fixture
def database_url(tmp_path: Any) -> str:
    """What is asked here does not depend on the database."""
    return f"sqlite:///{tmp_path / 'catalogue.sqlite'}"


@pytest.fixture
def client(archive: Any, harvester: Any) -> FlaskClient:
    archive.fill(12)
    client: FlaskClient = harvester.client
    return client


def without_moment(body: bytes) -> bytes:
    root = etree.fromstring(body)
    for element in (*root.iter(OAI + "responseDate"), *root.iter(OAI + "resumptionToken")):
        element.text = ""
        element.attrib.pop("expirationDate", None)
    return etree.tostring(root)


@pytest.mark.parametrize(
    "query",
    ["", "verb=Identify", "verb=ListSets", "verb=ListRecords&metadataPrefix=oai_dc", "verb=Identify&verb=Identify"],
)
def test_post_answers_as_get_does(client: FlaskClient, query: str) -> None:
    got = client.get("/oai?" + query)
    posted = client.post("/oai", data=query, content_type=FORM)
    in_part = client.post("/oai?" + query, content_type=FORM)
    assert posted.status_code == got.status_code == 200
    assert without_moment(posted.data) == without_moment(got.data) == without_moment(in_part.data)


def test_post_with_a_charset_is_a_form(client: FlaskClient) -> None:
    answer = client.post("/oai", data="verb=Identify", content_type=FORM + "; charset=UTF-8")
    assert b"<Identify>" in answer.data


def test_an_argument_in_address_and_body_is_repeated(client: FlaskClient) -> None:
    answer = client.post("/oai?verb=Identify", data="verb=Identify", content_type=FORM)
    assert b'code="badVerb"' in answer.data


@pytest.mark.parametrize("kind", ["text/xml", "multipart/form-data; boundary=x", "application/json"])
def test_another_kind_of_body_is_refused(client: FlaskClient, kind: str) -> None:
    assert client.post("/oai", data="<a/>", content_type=kind).status_code == 415


def test_a_body_beyond_all_measure_is_refused(client: FlaskClient) -> None:
    body = "verb=ListRecords&resumptionToken=" + "A" * 100_000
    assert client.post("/oai", data=body, content_type=FORM).status_code == 413


def test_head_is_get_without_a_body(client: FlaskClient) -> None:
    answer = client.head("/oai?verb=Identify")
    assert answer.status_code == 200
    assert answer.data == b""
    assert int(answer.headers["Content-Length"]) > 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_with_those_allowed(client: FlaskClient, method: str) -> None:
    answer = client.open("/oai?verb=Identify", method=method)
    assert answer.status_code == 405
    assert {"GET", "POST", "HEAD"} <= set(answer.headers["Allow"].replace(" ", "").split(","))


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*"])
def test_gzip_is_served_where_it_is_asked_for(client: FlaskClient, accepted: str) -> None:
    query = "/oai?verb=ListRecords&metadataPrefix=oai_dc"
    plain, small = client.get(query), client.get(query, headers={"Accept-Encoding": accepted})
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 2
    assert without_moment(gzip.decompress(small.data)) == without_moment(plain.data)


@pytest.mark.parametrize("accepted", [None, "", "gzip;q=0", "*;q=0, identity", "br", ";;,,", "identity;q=1, gzip;q=0"])
def test_gzip_is_not_served_where_it_is_not_wanted(client: FlaskClient, accepted: str | None) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    answer = client.get("/oai?verb=Identify", headers=headers)
    assert "Content-Encoding" not in answer.headers
    assert answer.data.startswith(b"<?xml")


def test_a_catalogue_that_does_not_answer_is_503_with_retry_after(
    client: FlaskClient, window: Any, harvester_of: Any, tmp_path: Any
) -> None:
    away = Catalogue(f"sqlite:///{tmp_path / 'no such folder' / 'catalogue.sqlite'}")
    broken = harvester_of(replace(window, catalogue=away)).client
    for query in ("verb=Identify", "verb=ListRecords&metadataPrefix=oai_dc", "verb=ListSets"):
        answer = broken.get("/oai?" + query)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdecimal()
    away.close()
    assert broken.get("/oai?verb=Nothing").status_code == 200, "what needs no catalogue is answered without it"


def test_hostile_questions_get_valid_answers(client: FlaskClient, harvester: Any) -> None:
    choose = random.Random(7)
    alphabet = [
        "verb=",
        "ListRecords",
        "GetRecord",
        "&",
        "=",
        "%",
        "%00",
        "%ff",
        "%C4%B0",
        "+",
        "<",
        '"',
        "'",
        ";",
        "a",
    ]
    alphabet += ["metadataPrefix=oai_dc", "identifier=", "from=2024-01-01", "resumptionToken=", "set=", "\\", "{{7*7}}"]
    for _ in range(400):
        query = "".join(choose.choice(alphabet) for _ in range(choose.randrange(1, 12)))
        answer = harvester.raw(query)
        assert answer.root.find(OAI + "responseDate") is not None


@pytest.mark.parametrize("text", ["' OR '1'='1", "1) UNION SELECT NULL--", "%", "_:%", "oai:%", "../../etc/passwd"])
def test_nothing_a_harvester_sends_reaches_the_database_as_more_than_a_value(harvester: Any, text: str) -> None:
    assert harvester.ask("GetRecord", metadataPrefix="oai_dc", identifier=text).errors == ["idDoesNotExist"]
    assert harvester.ask("ListRecords", resumptionToken=text).errors == ["badResumptionToken"]
    assert harvester.ask("ListRecords", metadataPrefix="oai_dc", set=text).errors[0] in {
        "badArgument",
        "noRecordsMatch",
    }

"""What a harvester may ask, and every way of asking it wrongly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from oai_pmh import arguments
from oai_pmh.arguments import GetRecord, Identify, Listing, ListMetadataFormats, ListSets, Selection, Verb
from oai_pmh.errors import ErrorCode, Refused


def parsed(query: str) -> arguments.Request:
    return arguments.parse(arguments.pairs_of(query.encode()))


def refusal(query: str | bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        arguments.parse(arguments.pairs_of(query if isinstance(query, bytes) else query.encode()))
    return caught.value


def codes(query: str | bytes) -> list[ErrorCode]:
    return [error.code for error in refusal(query).errors]


def test_each_verb_has_its_request() -> None:
    assert parsed("verb=Identify") == Identify()
    assert parsed("verb=ListMetadataFormats") == ListMetadataFormats(None)
    assert parsed("identifier=oai:a.b:1&verb=ListMetadataFormats") == ListMetadataFormats("oai:a.b:1")
    assert parsed("verb=ListSets&resumptionToken=x") == ListSets("x")
    assert parsed("verb=GetRecord&identifier=oai%3Aa.b%3a1&%6DetadataPrefix=oai%5Fdc") == GetRecord(
        "oai:a.b:1", "oai_dc"
    )
    assert parsed("verb=ListRecords&resumptionToken=a+b") == Listing(Verb.LIST_RECORDS, "a b")
    assert parsed("&verb=ListIdentifiers&&metadataPrefix=oai_dc&") == Listing(
        Verb.LIST_IDENTIFIERS, Selection("oai_dc")
    )


def test_a_day_begins_with_its_first_second_and_ends_with_its_last() -> None:
    request = parsed("verb=ListRecords&metadataPrefix=oai_dc&set=journal:1234-5678&from=2024-02-29&until=2024-02-29")
    assert request == Listing(
        Verb.LIST_RECORDS,
        Selection(
            "oai_dc",
            "journal:1234-5678",
            datetime(2024, 2, 29, tzinfo=UTC),
            datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
        ),
    )


def test_the_last_day_of_the_calendar_is_a_day() -> None:
    request = parsed("verb=ListRecords&metadataPrefix=oai_dc&from=0001-01-01&until=9999-12-31")
    assert isinstance(request, Listing)
    assert isinstance(request.what, Selection)
    assert request.what.until == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "verb",
        "verb=",
        "verb=identify",
        "Verb=Identify",
        "verb=Identify+",
        "verb[]=Identify",
        "verb=GetMetadata",
        "verb=Identify&verb=Identify",
        "verb=Identify&verb=ListSets",
        "metadataPrefix=oai_dc",
    ],
)
def test_anything_but_one_known_verb_is_bad_verb(query: str) -> None:
    assert codes(query) == [ErrorCode.BAD_VERB]


ILLEGAL_DATES = """junk|2020|2020-01|2020-1-1|20-01-01|2020-13-01|2020-00-10|2020-02-30|2023-02-29|2020-01-32
2020/01/01|20200101|01-01-2020|2020-01-01T|2020-01-01Z|2020-01-01T00:00Z|2020-01-01T00:00:00|2020-01-01 00:00:00Z
2020-01-01T00:00:00.5Z|2020-01-01T00:00:00%2B00:00|2020-01-01T25:00:00Z|2020-01-01T24:00:00Z|2020-01-01T00:61:00Z
2020-01-01T23:59:60Z|2020-01-01t00:00:00z|%202020-01-01|2020-01-01%20|%2B2020-01-01|-2020-01-01|2020-01-01%0A
2020-01-01T00:00:00Z%0A|12020-01-01|٢٠٢٠-٠١-٠١|２０２０-０１-０１|2020-01-0١|now|1577836800|2020-W01-1|2020-001|0000-00-00"""


@pytest.mark.parametrize("name", ["from", "until"])
@pytest.mark.parametrize("date", ILLEGAL_DATES.replace("\n", "|").split("|"))
def test_a_malformed_date_is_a_bad_argument(name: str, date: str) -> None:
    assert codes(f"verb=ListRecords&metadataPrefix=oai_dc&{name}={date}") == [ErrorCode.BAD_ARGUMENT]


@pytest.mark.parametrize(
    "query",
    [
        "verb=Identify&foo=bar",
        "verb=Identify&metadataPrefix=oai_dc",
        "verb=ListMetadataFormats&resumptionToken=x",
        "verb=ListSets&set=x",
        "verb=ListSets&resumptionToken=x&resumptionToken=x",
        "verb=GetRecord&metadataPrefix=oai_dc",
        "verb=GetRecord&identifier=oai:a.b:1",
        "verb=GetRecord&identifier=oai:a.b:1&identifier=oai:a.b:1&metadataPrefix=oai_dc",
        "verb=GetRecord&identifier=&metadataPrefix=oai_dc",
        "verb=ListRecords",
        "verb=ListRecords&metadataprefix=oai_dc",
        "verb=ListRecords&metadataPrefix=oai+dc",
        "verb=ListRecords&metadataPrefix=oai_dc&metadataPrefix=oai_dc",
        "verb=ListRecords&metadataPrefix=oai_dc&set=",
        "verb=ListRecords&metadataPrefix=oai_dc&set=a::b",
        "verb=ListRecords&metadataPrefix=oai_dc&set=:a",
        "verb=ListRecords&metadataPrefix=oai_dc&set=ışık",
        "verb=ListRecords&metadataPrefix=oai_dc&from=2020-01-01&until=2021-01-01T00:00:00Z",
        "verb=ListRecords&metadataPrefix=oai_dc&from=2020-01-02&until=2020-01-01",
        "verb=ListRecords&metadataPrefix=oai_dc&from=2020-01-01T00:00:01Z&until=2020-01-01T00:00:00Z",
        "verb=ListRecords&resumptionToken=x&metadataPrefix=oai_dc",
        "verb=ListRecords&resumptionToken=x&set=a",
        "verb=ListRecords&resumptionToken=",
    ],
)
def test_an_argument_that_is_unknown_repeated_empty_missing_or_malformed_is_bad(query: str) -> None:
    assert set(codes(query)) == {ErrorCode.BAD_ARGUMENT}


def test_every_reason_is_given_at_once() -> None:
    found = refusal("verb=GetRecord&foo=1&metadataPrefix=a&metadataPrefix=b&from=2020-01-01").errors
    messages = " | ".join(error.message for error in found)
    assert len(found) == 4
    for word in ("'foo'", "metadataPrefix is repeated", "'from'", "needs the argument identifier"):
        assert word in messages


def test_two_thousand_bad_arguments_get_a_short_answer() -> None:
    errors = refusal("verb=Identify&" + "&".join(f"a{number}=1" for number in range(2000))).errors
    assert len(errors) == 20


@pytest.mark.parametrize("octets", [b"%zz", b"%", b"%4", b"%00", b"a%0Bb", b"%FE%FF", b"%C0%AF", b"%E4%B8"])
@pytest.mark.parametrize("place", [b"verb=Identify&identifier=", b"verb=Identify&", b"verb="])
def test_octets_that_are_no_text_are_refused(octets: bytes, place: bytes) -> None:
    assert codes(place + octets)[0] in {ErrorCode.BAD_ARGUMENT, ErrorCode.BAD_VERB}


@pytest.mark.parametrize("octets", [b"%EF%BF%BE", b"%ED%A0%80", b"%EF%BF%BF", b"%1F"])
def test_what_xml_cannot_hold_is_refused(octets: bytes) -> None:
    assert codes(b"verb=ListRecords&resumptionToken=" + octets) == [ErrorCode.BAD_ARGUMENT]


def test_only_what_the_schema_allows_is_echoed() -> None:
    pairs = [("verb", "GetRecord"), ("identifier", "no uri <at> all"), ("metadataPrefix", "oai_dc")]
    assert arguments.echo(pairs) == {"verb": "GetRecord", "metadataPrefix": "oai_dc"}
    pairs[1] = ("identifier", "oai:a.b:1")
    assert arguments.echo(pairs) == dict(pairs)


@pytest.mark.parametrize(
    ("text", "lawful"),
    [
        ("oai:arsiv.example.org:00c2", True),
        ("http://user:word@example.org:8080/a//b?c?d#e", True),
        ("urn:x:%20", True),
        ("oai:a[b", False),
        ("oai:a#b#c", False),
        ("http://a:b:c/", False),
        ("http://a:", False),
        ("urn:x:%zz", False),
        ("urn:ı", False),
        ("urn:", False),
        ("no uri", False),
    ],
)
def test_only_what_the_schema_takes_for_an_identifier_is_repeated(text: str, lawful: bool) -> None:
    pairs = [("verb", "ListMetadataFormats"), ("identifier", text)]
    assert ("identifier" in arguments.echo(pairs)) == lawful

"""The six verbs over real rows, on both databases, every answer valid by the protocol's schemas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from plans import plans
from sqlalchemy import event, func, select

from oai_pmh.formats import FORMATS
from oai_pmh.tokens import TokenKeys
from oai_pmh.verbs import Window
from repository.catalogue import harvest
from repository.errors import UsageError
from repository.models import Article

OAI = "{http://www.openarchives.org/OAI/2.0/}"
LONG_AGO = datetime(2024, 3, 1, 9, 0, 0, tzinfo=UTC)
PREFIX = "oai:arsiv.example.org:"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, opened: Any) -> Iterator[Any]:
    """53 articles in six journals of two publishers, three of them withdrawn; nothing here changes them."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('window') / 'catalogue.sqlite'}"
        else:
            url = stack.enter_context(request.getfixturevalue("postgresql_server").fresh_database())
        archive = stack.enter_context(opened(url))
        archive.fill(53)
        for name in archive.ids[4:40:15]:
            archive.withdraw(name, datestamp=LONG_AGO + timedelta(days=1))
        yield archive


def test_identify_says_who_we_are(archive: Any, harvester: Any) -> None:
    answer = harvester.ask("Identify")
    assert answer.texts("repositoryName") == ["Örnek Elektronik Arşivi"]
    assert answer.texts("baseURL") == ["https://arsiv.example.org/oai"]
    assert answer.texts("adminEmail") == ["oai@example.org"]
    assert answer.texts("deletedRecord") == ["persistent"]
    assert answer.texts("granularity") == ["YYYY-MM-DDThh:mm:ssZ"]
    assert answer.texts("earliestDatestamp") == ["2024-03-01T09:00:00Z"]
    sample = answer.root.findtext(".//{http://www.openarchives.org/OAI/2.0/oai-identifier}sampleIdentifier")
    assert harvester.ask("GetRecord", identifier=sample, metadataPrefix="oai_dc").errors == []


@pytest.mark.parametrize("verb", ["ListIdentifiers", "ListRecords"])
def test_a_harvest_gives_every_item_once_in_the_order_of_datestamps(archive: Any, harvester: Any, verb: str) -> None:
    headers = harvester.headers(verb)
    assert sorted(name for name, _, _ in headers) == sorted(PREFIX + name for name in archive.ids)
    assert [stamp for _, stamp, _ in headers] == sorted(stamp for _, stamp, _ in headers)
    assert sum(deleted for _, _, deleted in headers) == 3


def test_a_deleted_record_is_its_header(archive: Any, harvester: Any) -> None:
    gone = PREFIX + archive.ids[4]
    answer = harvester.ask("GetRecord", identifier=gone, metadataPrefix="oai_dc")
    header = answer.root.find(f".//{OAI}header")
    assert header.get("status") == "deleted"
    assert answer.root.find(f".//{OAI}metadata") is None
    assert [spec.split(":")[0] for spec in answer.texts("setSpec")] == [
        "publisher",
        "journal",
        "type",
        "openaire",
    ]
    assert (gone, "2024-03-02T09:00:00Z", True) in harvester.headers(since="2024-03-02", set="journal")
    assert harvester.ask("ListMetadataFormats", identifier=gone).texts("metadataPrefix") == list(FORMATS)


def test_cursor_and_size_are_told_on_every_page_and_the_last_token_is_empty(archive: Any, harvester: Any) -> None:
    pages = list(harvester.pages("ListRecords", metadataPrefix="oai_dc"))
    assert [page.token.get("cursor") for page in pages] == ["0", "10", "20", "30", "40", "50"]
    assert {page.token.get("completeListSize") for page in pages} == {"53"}
    assert pages[-1].token.text is None
    assert pages[-1].token.get("expirationDate") is None
    assert datetime.fromisoformat(pages[0].token.get("expirationDate")) > datetime.now(UTC) + timedelta(days=366)


def test_a_list_that_fits_on_one_page_has_no_token(archive: Any, window: Window, harvester_of: Any) -> None:
    harvester = harvester_of(replace(window, page_size=53))
    assert harvester.ask("ListRecords", metadataPrefix="oai_dc").token is None


def test_a_list_of_exactly_two_pages_ends_with_the_second(archive: Any, window: Window, harvester_of: Any) -> None:
    harvester = harvester_of(replace(window, page_size=27))
    pages = list(harvester.pages("ListIdentifiers", metadataPrefix="oai_dc", until="2024-03-01"))
    assert [len(page.texts("identifier")) for page in pages] == [27, 23]


def test_the_size_of_a_selection_is_exact(archive: Any, harvester: Any) -> None:
    for arguments in ({"set": "publisher:ornek-yayinevi"}, {"since": "2024-03-01T09:02:00Z"}, {"until": "2024-03-01"}):
        first = harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", **arguments)
        assert first.token.get("completeListSize") == str(len(harvester.headers(**arguments)))


def test_a_list_too_long_to_count_has_no_size(archive: Any, harvester: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harvest, "MOST_COUNTED", 20)
    asked = {"set": "publisher:ornek-yayinevi", "since": "2024-03-01T00:00:01Z"}
    pages = list(harvester.pages("ListIdentifiers", metadataPrefix="oai_dc", **asked))
    assert {page.token.get("completeListSize") for page in pages} == {None}


def test_from_and_until_are_inclusive_at_both_granularities(archive: Any, harvester: Any) -> None:
    everything = harvester.headers()
    stamps = Counter(stamp for _, stamp, _ in everything)
    crowded = "2024-03-01T09:03:00Z"
    assert len(harvester.headers(since=crowded, until=crowded)) == stamps[crowded] > 0
    assert len(harvester.headers(since="2024-03-02", until="2024-03-02")) == 3
    assert len(harvester.headers(until="2024-03-01")) == 50
    assert len(harvester.headers(since="0001-01-01", until="9999-12-31")) == 53
    assert harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", until="2024-02-29").errors == ["noRecordsMatch"]
    assert harvester.ask("ListIdentifiers", metadataPrefix="oai_dc", since="2999-01-01").errors == ["noRecordsMatch"]


def test_every_set_holds_exactly_what_its_headers_say(archive: Any, harvester: Any) -> None:
    specs = [spec for page in harvester.pages("ListSets") for spec in page.texts("setSpec")]
    assert specs[:3] == ["publisher", "journal", "openaire"]
    assert len(specs) == len(set(specs)) == 3 + 2 + 6 + 2
    members: dict[str, set[str]] = {spec: set() for spec in specs}
    for page in harvester.pages("ListRecords", metadataPrefix="oai_dc"):
        for header in page.root.iter(OAI + "header"):
            for spec in header.findall(OAI + "setSpec"):
                members[spec.text].add(header.findtext(OAI + "identifier"))
                members[spec.text.partition(":")[0]].add(header.findtext(OAI + "identifier"))
    for spec in specs:
        assert {name for name, _, _ in harvester.headers(set=spec)} == members[spec] != set(), spec
    assert len(members["journal"]) == len(members["publisher"]) == 53


def test_sets_are_listed_in_pages(archive: Any, window: Window, harvester_of: Any) -> None:
    pages = list(harvester_of(replace(window, page_size=3)).pages("ListSets"))
    assert [len(page.texts("setSpec")) for page in pages] == [3, 3, 3, 3, 1]
    assert {page.token.get("completeListSize") for page in pages} == {"13"}
    assert len({spec for page in pages for spec in page.texts("setSpec")}) == 13


def test_a_journal_of_two_issns_is_one_set_and_is_found_by_both(archive: Any, harvester: Any) -> None:
    specs = [spec for page in harvester.pages("ListSets") for spec in page.texts("setSpec")]
    assert "journal:2000-0001" in specs
    assert "journal:1000-0001" not in specs
    assert harvester.headers(set="journal:1000-0001") == harvester.headers(set="journal:2000-0001") != []


def test_an_unknown_set_matches_nothing(archive: Any, harvester: Any) -> None:
    for spec in ("nothing", "publisher:nobody", "journal:9999-9999", "journal:2000-0001:more", "publisher:"[:-1] + "s"):
        assert harvester.ask("ListRecords", metadataPrefix="oai_dc", set=spec).errors == ["noRecordsMatch"], spec


def test_unknown_items_and_formats_are_told_apart(archive: Any, harvester: Any) -> None:
    item = PREFIX + archive.ids[0]
    for name in (
        item + "0",
        item[:-1],
        item.upper(),
        "oai:other.example.org:" + archive.ids[0],
        archive.ids[0],
        "no uri",
    ):
        assert harvester.ask("GetRecord", identifier=name, metadataPrefix="oai_dc").errors == ["idDoesNotExist"], name
        assert harvester.ask("ListMetadataFormats", identifier=name).errors == ["idDoesNotExist"], name
    for verb, arguments in (("GetRecord", {"identifier": item}), ("ListRecords", {}), ("ListIdentifiers", {})):
        for prefix in ("OAI_DC", "marc21"):
            answer = harvester.ask(verb, metadataPrefix=prefix, **arguments)
            assert answer.errors == ["cannotDisseminateFormat"]
            assert dict(answer.root.find(OAI + "request").attrib) == {
                "verb": verb,
                "metadataPrefix": prefix,
                **arguments,
            }


def test_bad_verb_and_bad_argument_echo_nothing(harvester: Any) -> None:
    for query in ("verb=Nothing", "verb=Identify&from=2024-01-01", "", "verb=GetRecord&metadataPrefix=oai_dc"):
        assert dict(harvester.raw(query).root.find(OAI + "request").attrib) == {}


@pytest.mark.parametrize("prefix", ["oai_dc", "mods"])
def test_a_record_is_the_same_alone_and_in_a_list(archive: Any, harvester: Any, prefix: str) -> None:
    from lxml import etree

    listed = harvester.ask("ListRecords", metadataPrefix=prefix, set="journal:2000-0003").root.find(f".//{OAI}record")
    name = listed.findtext(f"{OAI}header/{OAI}identifier")
    alone = harvester.ask("GetRecord", metadataPrefix=prefix, identifier=name).root.find(f".//{OAI}record")
    assert etree.tostring(alone, method="c14n") == etree.tostring(listed, method="c14n")


def test_a_token_survives_a_restart_and_can_be_used_twice(archive: Any, window: Window, harvester_of: Any) -> None:
    token = harvester_of(window).ask("ListRecords", metadataPrefix="oai_dc").token.text
    first = harvester_of(replace(window)).ask("ListRecords", resumptionToken=token)
    second = harvester_of(replace(window)).ask("ListRecords", resumptionToken=token)
    assert first.texts("identifier") == second.texts("identifier")
    assert first.token.text == second.token.text


def test_a_token_carries_its_selection(archive: Any, harvester: Any) -> None:
    arguments = {"since": "2024-03-01T09:01:00Z", "until": "2024-03-01T09:06:00Z", "set": "publisher:ornek-yayinevi"}
    pages = list(harvester.pages("ListRecords", metadataPrefix="oai_dc", **arguments))
    assert len(pages) > 2
    stamps = [stamp for page in pages for stamp in page.texts("datestamp")]
    assert min(stamps) >= "2024-03-01T09:01:00Z"
    assert max(stamps) <= "2024-03-01T09:06:00Z"
    assert {spec for page in pages for spec in page.texts("setSpec") if spec.startswith("publisher")} == {
        "publisher:ornek-yayinevi"
    }


def test_a_mutated_token_gets_the_right_page_or_none(archive: Any, harvester: Any) -> None:
    first = harvester.ask("ListRecords", metadataPrefix="oai_dc")
    token = first.token.text
    second = harvester.ask("ListRecords", resumptionToken=token).texts("identifier")
    assert not set(second) & set(first.texts("identifier"))
    for place in range(0, len(token), 3):
        mutant = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert harvester.ask("ListRecords", resumptionToken=mutant).errors == ["badResumptionToken"]
    assert harvester.ask("ListIdentifiers", resumptionToken=token).errors == ["badResumptionToken"]
    assert harvester.ask("ListSets", resumptionToken=token).errors == ["badResumptionToken"]


def test_a_token_of_a_retired_key_is_refused(archive: Any, window: Window, harvester_of: Any) -> None:
    token = harvester_of(window).ask("ListRecords", metadataPrefix="oai_dc").token.text
    new = b"another secret, long enough"
    rotated = replace(window, token_keys=TokenKeys((new, *window.token_keys.secrets)))
    assert harvester_of(rotated).ask("ListRecords", resumptionToken=token).errors == []
    retired = replace(window, token_keys=TokenKeys((new,)))
    assert harvester_of(retired).ask("ListRecords", resumptionToken=token).errors == ["badResumptionToken"]


def test_a_page_costs_the_same_number_of_statements_whatever_its_size(
    archive: Any, window: Window, harvester_of: Any
) -> None:
    counts = []
    for size in (5, 50):
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_rest: Any, seen: list[str] = statements) -> None:
            if statement.startswith("SELECT"):
                seen.append(statement)

        event.listen(archive.catalogue.engine, "before_cursor_execute", note)
        harvester_of(replace(window, page_size=size)).ask("ListRecords", metadataPrefix="oai_dc")
        event.remove(archive.catalogue.engine, "before_cursor_execute", note)
        counts.append(len(statements))
        assert not any(" OFFSET " in statement and "LIMIT -1" in statement for statement in statements)
    assert counts[0] == counts[1] <= 18


@pytest.mark.parametrize(
    "part",
    [harvest.WHOLE_FEED, harvest.Range(publisher_id=1), harvest.Range(title_id=1), harvest.Range(set_id=1)],
    ids=["feed", "publisher", "journal", "set"],
)
def test_a_deep_page_reads_its_own_rows_only(archive: Any, part: harvest.Range) -> None:
    """SQLite's plan names the range: equality on the set, then the place in the list as the only lower bound."""
    if archive.catalogue.url.get_backend_name() != "sqlite":
        pytest.skip("the plan of a small table in PostgreSQL is a sequential scan")
    within = harvest.Span(datetime.now(UTC), since=LONG_AGO, until=datetime.now(UTC))
    with plans(archive.catalogue.engine) as found, archive.catalogue.reading() as session:
        harvest.numbers(session, part, within, after=(LONG_AGO, 7), limit=10)
    steps = [step for statement in found for step in statement]
    assert len(steps) == 1
    assert "(datestamp,change_number)>(?,?) AND datestamp<?" in steps[0]
    assert "TEMP B-TREE" not in steps[0]
    assert "COVERING INDEX" in steps[0] or "PRIMARY KEY" in steps[0], "no row is read, the index says it all"


def test_settings_that_the_schemas_do_not_allow_are_refused(window: Window) -> None:
    for changes in (
        {"repository_identifier": "localhost"},
        {"repository_identifier": "127.0.0.1"},
        {"admin_emails": ()},
        {"admin_emails": ("nobody",)},
        {"base_url": "https://arsiv.example.org/"},
        {"page_size": 0},
    ):
        with pytest.raises(UsageError):
            replace(window, **changes)  # type: ignore[arg-type]


def test_the_tally_is_what_the_feed_holds(archive: Any) -> None:
    with archive.catalogue.reading() as session:
        number = session.execute(select(func.count()).select_from(Article)).scalar_one()
        assert harvest.size(session, harvest.WHOLE_FEED, harvest.Span(datetime.now(UTC))) == number == 53

"""The life of a withdrawal: hidden and told everywhere at once, watched over all the while, and shown again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deliveries import Published, delivery
from faults import SilentStore
from lxml import etree
from sqlalchemy import select
from whole_archive import OAI, WholeArchive, burn, dump, rebuilding

from fixity.rounds import Scope, run_round
from fixity.watch import Watch
from ingest import deaccession, inbox, notices, pipeline
from ingest.deaccession import Deaccession, Word
from ingest.rebuild import rebuild
from repository.catalogue import browse, changes, holding, tallies
from repository.errors import Doubt, NotNow, StoreUnavailable, WouldOverwrite
from repository.models import Article, Event, Issue, Title
from repository.notice import Notice, NoticeKind, notice_key, parse_notice_key
from repository.promise import Promises
from repository.storage import Store
from repository.vocabulary import as_utc_text, bag_key, utc_now

DOI = "10.5555/geri.0"
WHY = Word("Ayşe Yılmaz", "Yayıncının isteği: kişisel veri içeriyordu.", "tr")


@pytest.fixture
def archive(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[WholeArchive]:
    made = WholeArchive.made(database_url, stores, tmp_path)
    articles = [Published(f"10.5555/geri.{number}", title=f"Geri çekilen {number}") for number in range(3)]
    deliver(made, tmp_path, "1.zip", articles)
    yield made
    made.door.catalogue.close()


def deliver(archive: WholeArchive, folder: Path, name: str, articles: list[Published]) -> None:
    door = archive.door
    sent = delivery(folder / name, articles)
    pipeline.ingest(door, inbox.accept(door.catalogue, door.home, [sent], "Örnek Yayınevi", utc_now))


def work_of(archive: WholeArchive, stores: Sequence[Store] | None = None) -> Deaccession:
    return Deaccession(archive.door.catalogue, stores or archive.door.stores, "mahfuz test", utc_now)


def known(archive: WholeArchive) -> str:
    return str(archive.told(DOI)["id"])


def oai_status(archive: WholeArchive, identifier: str) -> tuple[str | None, str]:
    """``deleted`` or None, and the datestamp, by GetRecord."""
    query = {"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": f"oai:mahfuz.example.org:{identifier}"}
    header = etree.fromstring(archive.site.client.get("/oai", query_string=query).data).find(f".//{OAI}header")
    assert header is not None
    return header.get("status"), header.findtext(f"{OAI}datestamp")


def wait_until_told(archive: WholeArchive) -> None:
    """Until harvesters are shown what was announced last."""
    with archive.door.catalogue.reading() as session:
        last = session.execute(select(Article.datestamp).order_by(Article.datestamp.desc()).limit(1)).scalar_one()
        ahead = (last - changes.now(session)).total_seconds()
    threading.Event().wait(max(0.0, ahead))


def listed(archive: WholeArchive, since: str) -> dict[str, str | None]:
    """Id to ``deleted`` or None of every header since a moment."""
    query = {"verb": "ListIdentifiers", "metadataPrefix": "oai_dc", "from": since}
    root = etree.fromstring(archive.site.client.get("/oai", query_string=query).data)
    return {
        node.findtext(f"{OAI}identifier").rpartition(":")[2]: node.get("status") for node in root.iter(f"{OAI}header")
    }


def counted(archive: WholeArchive) -> dict[str, object]:
    """Everything that says how many articles there are, by the counters; equal to a count of the rows."""
    with archive.door.catalogue.reading() as session:
        states = {state: count.number for (_, state), count in tallies.of(session, "articles").items()}
        rows = session.execute(select(Article.state)).scalars().all()
        assert states == {state: rows.count(state) for state in set(rows)}
        shown = sum(state == "active" for state in rows)
        assert sum(session.execute(select(Title.articles)).scalars()) == shown
        assert sum(session.execute(select(Issue.articles)).scalars()) == shown
        issue = session.execute(select(Issue.id).order_by(Issue.id)).scalars().first()
        assert issue is not None
        return {"states": states, "in the issue": len(browse.articles_in(session, issue, limit=100))}


def test_an_article_is_hidden_everywhere_and_shown_again(archive: WholeArchive) -> None:
    identifier, browser = known(archive), archive.site.client
    file = f"/articles/{identifier}/files/" + archive.told(DOI)["versions"][0]["files"][0]["path"]
    assert browser.get(f"/articles/{identifier}").status_code == 200
    number, began = archive.change_number(identifier), as_utc_text(utc_now() - timedelta(seconds=1))

    notice = deaccession.withdraw(work_of(archive), DOI, WHY)
    assert counted(archive) == {"states": {"active": 2, "withdrawn": 1}, "in the issue": 2}
    assert archive.change_number(identifier) > number
    assert oai_status(archive, identifier) == ("deleted", as_utc_text(notice.datestamp))
    page = browser.get(f"/articles/{identifier}?lang=en")
    assert page.status_code == 410
    assert "has been withdrawn" in page.text
    assert f'<p class="said" lang="tr">{WHY.reason}</p>' in page.text
    assert "Ayşe" not in page.text, "who decided is for staff"
    told = browser.get(f"/articles/{identifier}.json")
    assert (told.status_code, told.json["withdrawn"]["reason"]) == (410, WHY.reason)
    assert browser.get(file).status_code == 410
    assert archive.site.staff_client().get(file).status_code == 410
    assert identifier not in browser.get("/search?q=geri+çekilen").text
    wait_until_told(archive)
    assert listed(archive, began)[identifier] == "deleted"

    again = deaccession.restore(work_of(archive), identifier, Word("Can Demir", "Düzeltildi.", "tr"))
    assert (again.number, again.before) == (2, notice.seal)
    assert counted(archive) == {"states": {"active": 3}, "in the issue": 3}
    assert oai_status(archive, identifier) == (None, as_utc_text(again.datestamp))
    assert browser.get(f"/articles/{identifier}").status_code == 200
    assert browser.get(file).status_code in (200, 403)
    assert identifier in browser.get("/search?q=geri+çekilen").text
    wait_until_told(archive)
    assert listed(archive, as_utc_text(again.datestamp))[identifier] is None
    with archive.door.catalogue.reading() as session:
        rows = session.execute(select(Event).where(Event.article_id == identifier).order_by(Event.id)).scalars()
        events = [(row.type, row.detail.get("by"), row.detail.get("sha256")) for row in rows][-2:]
    assert events == [("deaccession", "Ayşe Yılmaz", notice.seal), ("accession", "Can Demir", again.seal)]


def test_what_is_withdrawn_is_still_read_and_mended(archive: WholeArchive, tmp_path: Path) -> None:
    identifier = known(archive)
    deaccession.withdraw(work_of(archive), DOI, WHY)
    (path,) = [found for found in tmp_path.rglob("v1.tar") if found.parent.name == identifier]
    path.chmod(0o644)
    path.write_bytes(b"rotten" + path.read_bytes()[6:])
    by_name = {store.name: store for store in archive.door.stores}
    watch = Watch(archive.door.catalogue, by_name, Promises(), tmp_path / "quarantine", "mahfuz test", utc_now)
    report = run_round(watch, Scope(due=False, article_id=identifier))
    assert (report.expected, report.damaged, report.mended) == (2, 1, 1)


def test_a_new_version_of_what_is_withdrawn_is_kept_and_not_shown(archive: WholeArchive, tmp_path: Path) -> None:
    deaccession.withdraw(work_of(archive), DOI, WHY)
    deliver(archive, tmp_path, "2.zip", [Published(DOI, title="Geri çekilen, yeni sürüm")])
    identifier = known(archive)
    assert [one["version"] for one in archive.told(DOI)["versions"]] == [1, 2]
    assert counted(archive)["states"] == {"active": 2, "withdrawn": 1}
    assert archive.site.client.get(f"/articles/{identifier}").status_code == 410
    archive.comes_back()


@pytest.mark.parametrize("only", [None, 0, 1])
def test_withdrawals_come_back_from_each_store(archive: WholeArchive, only: int | None) -> None:
    work = work_of(archive)
    for word in (WHY, replace(WHY, reason="Yine.")):
        deaccession.withdraw(work, DOI, word)
        deaccession.restore(work, DOI, replace(word, language=None))
    deaccession.withdraw(work, DOI, replace(WHY, reason="Son söz."))
    deaccession.withdraw(work, "10.5555/geri.1", WHY)
    deaccession.restore(work, "10.5555/geri.1", WHY)
    before = dump(archive.door.catalogue)["articles"]
    records = {one: oai_status(archive, one) for one in before}
    burn(archive.door.catalogue)
    done = rebuild(rebuilding(archive.door, only))
    assert (done.exit_status, done.problems) == (0, [])
    with archive.door.catalogue.reading() as session:
        states = {row.doi: row.state for row in session.execute(select(Article.doi, Article.state))}
    assert states == {DOI: "withdrawn", "10.5555/geri.1": "active", "10.5555/geri.2": "active"}
    assert {one: oai_status(archive, one) for one in before} == records
    told = {one: archive.told(one) for one in before}
    assert {one: line["notices"] for one, line in told.items()} == {
        one: line["notices"] for one, line in before.items()
    }
    assert "Son söz." in archive.site.client.get(f"/articles/{known(archive)}").text
    assert counted(archive)["states"] == {"active": 2, "withdrawn": 1}
    assert rebuild(rebuilding(archive.door, only)).aips == 0
    deaccession.restore(work, DOI, WHY)
    assert archive.told(DOI)["notices"][-1]["number"] == 6


def test_every_notice_is_an_object_of_its_own_and_never_overwritten(archive: WholeArchive) -> None:
    work, identifier = work_of(archive), known(archive)
    first = deaccession.withdraw(work, DOI, WHY)
    second = deaccession.restore(work, DOI, WHY)
    for store in archive.door.stores:
        keys = [item.key for item in store.keys(f"{identifier[0:2]}/{identifier[2:4]}/{identifier}/")]
        assert keys == [first.key, second.key, bag_key(identifier, 1)]
        assert notices.read(store, first.key) == first
        assert notices.read(store, second.key) == second


def test_a_silent_store_is_doubt_and_nothing_is_said(archive: WholeArchive) -> None:
    main, second = archive.door.stores
    silent = SilentStore(second)
    with pytest.raises(StoreUnavailable):
        deaccession.withdraw(work_of(archive, [main, silent]), DOI, WHY)
    assert silent.struck
    assert counted(archive)["states"] == {"active": 3}
    deaccession.withdraw(work_of(archive), DOI, WHY)
    assert counted(archive)["states"] == {"active": 2, "withdrawn": 1}


@pytest.mark.parametrize("same", [True, False])
def test_what_a_killed_run_left_in_one_store_is_carried_to_its_end(archive: WholeArchive, same: bool) -> None:
    work, identifier = work_of(archive), known(archive)
    left = Notice(
        article_id=identifier,
        number=1,
        kind=NoticeKind.WITHDRAWAL,
        at=datetime(2026, 11, 1, tzinfo=UTC),
        by=WHY.by,
        reason=WHY.reason if same else "Başka bir neden.",
        datestamp=datetime(2026, 11, 1, 0, 0, 5, tzinfo=UTC),
        language="tr",
    )
    notices.place(left, archive.door.stores[1:])
    if same:
        assert deaccession.withdraw(work, DOI, WHY) == left
    else:
        with pytest.raises(NotNow, match="withdrawn already"):
            deaccession.withdraw(work, DOI, WHY)
    assert [notices.read(store, left.key) for store in archive.door.stores] == [left, left]
    assert archive.told(DOI)["notices"][0]["reason"] == left.reason
    assert counted(archive)["states"] == {"active": 2, "withdrawn": 1}


def test_two_who_decide_at_once_make_one_decision(archive: WholeArchive) -> None:
    start, outcomes = threading.Barrier(4), []

    def decide(number: int) -> None:
        start.wait(10)
        try:
            outcomes.append(deaccession.withdraw(work_of(archive), DOI, replace(WHY, reason=f"Neden {number}")))
        except (NotNow, WouldOverwrite, Doubt) as no:
            outcomes.append(no)

    people = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert sum(isinstance(one, Notice) for one in outcomes) == 1, outcomes
    assert len(archive.told(DOI)["notices"]) == 1
    assert counted(archive)["states"] == {"active": 2, "withdrawn": 1}


@pytest.mark.parametrize(
    "word", [Word("", "x"), Word("a", "  "), Word("a", "x" * 4001), Word("a", "x\x00"), Word("a" * 121, "x")]
)
def test_a_decision_has_a_name_and_a_reason(archive: WholeArchive, word: Word) -> None:
    with pytest.raises(NotNow):
        deaccession.withdraw(work_of(archive), DOI, word)
    assert counted(archive)["states"] == {"active": 3}


def test_only_what_is_shown_is_withdrawn_and_only_what_is_withdrawn_is_shown_again(archive: WholeArchive) -> None:
    work = work_of(archive)
    with pytest.raises(NotNow, match="is not withdrawn"):
        deaccession.restore(work, DOI, WHY)
    with pytest.raises(NotNow, match="No article"):
        deaccession.withdraw(work, "10.5555/yok", WHY)
    deaccession.withdraw(work, DOI, WHY)
    with pytest.raises(NotNow, match="already"):
        deaccession.withdraw(work, DOI, WHY)


def test_an_article_whose_notice_cannot_be_read_is_not_shown_by_a_rebuild(
    archive: WholeArchive, tmp_path: Path
) -> None:
    deaccession.withdraw(work_of(archive), DOI, WHY)
    (path,) = tmp_path.rglob("notice-1.json")
    path.write_text(path.read_text().replace("kişisel", "KİŞİSEL"))
    burn(archive.door.catalogue)
    done = rebuild(rebuilding(archive.door))
    assert [(one["store"], one["problem"]) for one in done.problems] == [("second", "not a notice of ours")]
    assert counted(archive)["states"] == {"active": 2, "withdrawn": 1}, "the other store has it"
    burn(archive.door.catalogue)
    only_second = replace(rebuilding(archive.door), stores=archive.door.stores[1:], other_stores=[])
    done = rebuild(only_second)
    assert done.exit_status == 1
    assert "whether it may be shown is not known" in done.problems[0]["problem"]
    assert counted(archive)["states"] == {"active": 2}


@pytest.mark.parametrize("key", ["ab/cd/x/notice-1.json", "notice-1.json", notice_key("a" * 32, 1) + "x"])
def test_a_key_that_is_not_exactly_ours_is_no_notice(key: str) -> None:
    assert parse_notice_key(key) is None
    assert parse_notice_key(notice_key("a" * 32, 12)) == ("a" * 32, 12)


def test_nobody_is_asked_again_for_what_is_withdrawn(archive: WholeArchive) -> None:
    for number in range(3):
        deaccession.withdraw(work_of(archive), f"10.5555/geri.{number}", WHY)
    with archive.door.catalogue.reading() as session:
        title = session.execute(select(Title.id)).scalar_one()
        held = holding.of_titles(session, [title])[title]
    assert held.any_of(2024, "12", "3") is not None

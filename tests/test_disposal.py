"""A disposal needs two people, waits, goes store by store, and can be stopped; nothing but what was approved goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import build_bag
from deliveries import Published
from installation import Installation, folder_store_table
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from test_withdrawal import deliver, oai_status
from watched import Clock, Killed, Miniature, miniature
from whole_archive import WholeArchive, burn, rebuilding

from fixity.inventory import take_inventory
from ingest import deaccession, disposal, notices
from ingest.deaccession import Deaccession, Word
from ingest.rebuild import Rebuilding, rebuild
from repository.access import staff
from repository.bags import Bag
from repository.catalogue import Catalogue, copies, disposals, holdings, registration, tallies, titles
from repository.catalogue.registration import Sealed
from repository.errors import NotNow, StoreUnavailable
from repository.models import Copy, Disposal, Event
from repository.notice import NoticeKind
from repository.promise import Promise, Promises
from repository.storage import Store
from repository.vocabulary import ArticleRecord, bag_key, utc_now

WHY = Word("Ayşe Yılmaz", "Mahkeme kararı.", "tr")
ASKS = Word("ayse", "Mahkeme kararı 2026/12: bütünüyle yok edilsin.", "tr")


def people(catalogue: Catalogue, *logins: str) -> None:
    with catalogue.writing() as rows:
        for login in logins:
            staff.create(rows, login, "staff")


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url, bags=3, stores=("main", "second", "third"))
    people(made.catalogue, "ayse", "can")
    yield made
    made.catalogue.close()


def work_of(small: Miniature) -> Deaccession:
    return Deaccession(small.catalogue, list(small.stores.values()), "mahfuz test", small.clock)


def approved(small: Miniature, bag: Bag | None = None) -> int:
    """A disposal of the first bag's article, asked for by one person and approved by another."""
    work, article = work_of(small), (bag or small.bags[0]).article_id
    deaccession.withdraw(work, article, WHY)
    number = disposal.ask(work, article, None, ASKS).id
    disposal.approve(work, number, "can")
    return number


def run(small: Miniature) -> list[tuple[str | None, str]]:
    return [(told.store, told.trouble) for told in disposal.carry_out(work_of(small))]


def there(small: Miniature, bag: Bag | None = None) -> list[str]:
    return [name for name in small.stores if small.path(name, bag or small.bags[0]).exists()]


def states(small: Miniature, bag: Bag | None = None) -> dict[str, str]:
    return {name: small.copy(name, bag or small.bags[0]).state for name in small.stores}


def row_of(small: Miniature, number: int) -> Disposal:
    with small.catalogue.reading() as session:
        return session.get_one(Disposal, number)


def turns(small: Miniature, number: int) -> list[str]:
    with small.catalogue.reading() as session:
        return [turn.state for turn in disposals.turns_of(session, number)]


def kept_whole(small: Miniature) -> None:
    """A round over everything and an inventory of each store find nothing wrong, and bring nothing back."""
    lying = {name: there(small, bag) for bag in small.bags for name in [bag.article_id]}
    report = small.audit()
    assert report.expected == report.intact == sum(map(len, lying.values())), report.as_json()
    assert small.audit(due=True).expected >= 0
    for store in small.stores:
        told = take_inventory(small.watch, store)
        assert told is not None
        assert told.complete
        assert not any(told.found.values()), told.as_json()
    assert {bag.article_id: there(small, bag) for bag in small.bags} == lying
    small_tallies(small)


def small_tallies(small: Miniature) -> None:
    with small.catalogue.reading() as session:
        rows = session.execute(select(Copy)).scalars().all()
        counted: dict[tuple[str, str], int] = {}
        for copy in rows:
            place = (copy.store, copies.shown_state(copy))
            counted[place] = counted.get(place, 0) + 1
        assert {place: count.number for place, count in tallies.of(session, "copies").items()} == counted
        never = sum(copy.verified_at is None and copy.state != "disposed" for copy in rows)
        assert sum(count.number for count in tallies.of(session, "never verified").values()) == never
        aips = {state: count.number for (_, state), count in tallies.of(session, "aips").items()}
        every = {copy.aip_id for copy in rows}
        gone = disposals.gone(session, sorted(every))
        assert aips == {"kept": len(every) - len(gone)} | ({"disposed": len(gone)} if gone else {})


def test_store_by_store_after_the_waiting_periods_and_then_a_tombstone(small: Miniature) -> None:
    number = approved(small)
    assert run(small) == []
    small.clock.forward(days=29, hours=23)
    assert run(small) == []
    assert there(small) == ["main", "second", "third"]
    small.clock.forward(hours=1)
    for left in (["second", "third"], ["third"], []):
        assert [trouble for _, trouble in run(small)] == [""]
        assert there(small) == left
        kept_whole(small)
        assert run(small) == [], "the next store has its turn later"
        small.clock.forward(days=6, hours=23)
        assert run(small) == []
        small.clock.forward(hours=1)
    row = row_of(small, number)
    assert (row.state, row.next_due, row.trouble) == ("done", None, None)
    assert turns(small, number) == ["done"] * 3
    assert states(small) == dict.fromkeys(small.stores, "disposed")
    assert all(there(small, other) == ["main", "second", "third"] for other in small.bags[1:])
    with small.catalogue.reading() as session:
        rows = session.execute(select(Event).where(Event.type == "deletion").order_by(Event.id)).scalars()
        told = [(row.store, row.version, row.detail["sha256"], row.detail["approved by"]) for row in rows]
    assert told == [(name, 1, small.bags[0].seal, "can") for name in small.stores]
    with pytest.raises(NotNow, match="nothing left to show"):
        deaccession.restore(work_of(small), small.bags[0].article_id, WHY)
    with pytest.raises(NotNow, match="Nothing of it is left"):
        disposal.ask(work_of(small), small.bags[0].article_id, None, ASKS)
    with pytest.raises(NotNow, match="is over"):
        disposal.cancel(work_of(small), number, WHY)


def test_one_person_is_not_enough(small: Miniature) -> None:
    work, article = work_of(small), small.bags[0].article_id
    with pytest.raises(NotNow, match="is not withdrawn"):
        disposal.ask(work, article, None, ASKS)
    deaccession.withdraw(work, article, WHY)
    with pytest.raises(NotNow, match="no member of staff"):
        disposal.ask(work, article, None, replace(ASKS, by="kimse"))
    number = disposal.ask(work, article, None, ASKS).id
    with pytest.raises(NotNow, match="under way already"):
        disposal.ask(work, article, None, ASKS)
    with pytest.raises(NotNow, match="somebody else"):
        disposal.approve(work, number, "ayse")
    with pytest.raises(NotNow, match="no member of staff"):
        disposal.approve(work, number, "")
    with pytest.raises(NotNow, match="under way"):
        deaccession.restore(work, article, WHY)
    small.clock.forward(days=400)
    assert run(small) == []
    assert row_of(small, number).state == "asked"
    for change in ("approved_by = 'ayse'", "state = 'approved', next_due = asked_at"):
        with pytest.raises(IntegrityError), small.catalogue.writing() as session:
            session.execute(text(f"UPDATE disposal SET {change}"))
    told = {name: getattr(row_of(small, number), name) for name in ("article_id", "asked_at", "reason", "bags")}
    alone = {**told, "asked_by": "can", "approved_by": "can", "state": "approved", "wait_days": 0, "delay_days": 0}
    with pytest.raises(IntegrityError), small.catalogue.writing() as session:
        session.execute(insert(Disposal).values(**alone))
    assert there(small) == ["main", "second", "third"]


@pytest.mark.parametrize("done", [0, 1, 2])
def test_stopped_in_the_middle_what_went_comes_back_from_what_is_left(small: Miniature, done: int) -> None:
    number = approved(small)
    small.clock.forward(days=30)
    for _ in range(done):
        run(small)
        small.clock.forward(days=7)
    disposal.cancel(work_of(small), number, replace(WHY, reason="Karar bozuldu."))
    assert run(small) == ([(None, "")] if done else [])
    assert run(small) == []
    small.clock.forward(days=400)
    assert run(small) == []
    report = small.audit()
    assert (report.expected, report.missing, report.mended) == (9, done, done)
    assert there(small) == ["main", "second", "third"]
    kept_whole(small)
    kinds = [notices.read(store, f"{key}").kind for store, key in _notices(small)]
    assert kinds.count(NoticeKind.CANCELLATION) == (3 if done else 0)
    deaccession.restore(work_of(small), small.bags[0].article_id, WHY)


def test_stopped_while_a_store_deletes_no_further_version_goes(
    small: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = of_two_versions(small, tmp_path)
    number = approved(small)
    small.clock.forward(days=30)
    store, gone = small.stores["main"], []
    dispose = store.dispose

    def stopped_after_the_first(key: str, sha256: str) -> None:
        dispose(key, sha256)
        gone.append(key)
        disposal.cancel(work_of(small), number, WHY)

    monkeypatch.setattr(store, "dispose", stopped_after_the_first)
    assert run(small)[0] == ("main", "it was stopped")
    assert gone == [bag_key(small.bags[0].article_id, 1)]
    assert small.path("main", second).exists()
    small.tallied()
    report = small.audit(due=True)
    assert (report.missing, report.mended) == (1, 1)
    assert small.audit().intact == 12


def of_two_versions(small: Miniature, folder: Path) -> Bag:
    """The first article has a second version in every store, which is returned."""
    article = small.bags[0].article_id
    second = build_bag(folder / "second", article_id=article, version=2, payload={"makale.pdf": b"%PDF-1.7 second"})
    record = ArticleRecord(title="Makale 0", doi="10.5555/nobet.0", issn_print="9999-0016")
    for store in small.stores.values():
        store.put(bag_key(article, 2), second.path, second.seal)
    sealed = Sealed(article, 2, second.seal, second.bytes, second.payload_digest, "2026-09-02", second.files, {})
    verified = dict.fromkeys(small.stores, small.clock())
    with small.catalogue.writing() as session:
        registration.register(
            session,
            titles.publisher_named(session, "Örnek Yayınevi"),
            record,
            replace(sealed, verified=verified),
            at=small.clock(),
            agent="test",
            delivery_id=None,
            promises=small.watch.promises,
        )
    return second


def _notices(small: Miniature) -> list[tuple[Store, str]]:
    return [
        (store, item.key)
        for store in small.stores.values()
        for item in store.keys()  # noqa: SIM118
        if item.key.endswith(".json")
    ]


def test_stopped_although_a_store_is_silent_and_the_stores_are_told_later(small: Miniature) -> None:
    number = approved(small)
    small.clock.forward(days=30)
    run(small)
    small.stores["third"].silent = True
    disposal.cancel(work_of(small), number, WHY)
    assert row_of(small, number).state == "cancelled"
    ((store, trouble),) = run(small)
    assert store is None
    assert "did not answer" in trouble
    small.stores["third"].silent = False
    small.clock.forward(hours=1)
    assert run(small) == [(None, "")]


def test_a_store_that_is_silent_at_its_turn_is_doubt_and_asked_again(small: Miniature) -> None:
    number = approved(small)
    small.clock.forward(days=30)
    small.stores["main"].silent = True
    ((store, trouble),) = run(small)
    assert (store, "did not answer" in trouble) == ("main", True)
    assert turns(small, number) == ["waiting"] * 3
    assert states(small)["main"] != "disposed"
    assert "did not answer" in str(row_of(small, number).trouble)
    assert run(small) == []
    small.clock.forward(hours=1)
    small.stores["main"].silent = False
    assert run(small) == [("main", "")]
    assert there(small) == ["second", "third"]


def test_a_deletion_whose_answer_was_lost_is_carried_to_its_end(
    small: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = approved(small)
    small.clock.forward(days=30)
    store = small.stores["main"]
    really = store.dispose

    def unheard(key: str, sha256: str) -> None:
        really(key, sha256)
        raise StoreUnavailable("main", "connection reset")

    monkeypatch.setattr(store, "dispose", unheard)
    ((_, trouble),) = run(small)
    assert "connection reset" in trouble
    assert turns(small, number)[0] == "begun"
    monkeypatch.undo()
    kept_whole(small)
    small.clock.forward(hours=1)
    assert run(small) == [("main", "")]
    assert turns(small, number)[0] == "done"


@pytest.mark.parametrize("other", [b"rotten", b""])
def test_other_bytes_are_never_deleted_and_a_person_decides(small: Miniature, other: bytes) -> None:
    number, bag = approved(small), small.bags[0]
    small.clock.forward(days=30)
    small.write("main", bag, other)
    (told,) = disposal.carry_out(work_of(small))
    assert told.decision
    assert small.bytes_of("main", bag) == other
    row = row_of(small, number)
    assert (row.state, row.next_due) == ("held", None)
    assert "nothing is" in str(row.trouble)
    small.clock.forward(days=40)
    assert run(small) == []
    report = small.audit()
    assert (report.damaged, report.mended) == (1, 1)
    disposal.go_on(work_of(small), number, "can")
    assert run(small) == [("main", "")]
    assert there(small) == ["second", "third"]


def test_a_copy_that_is_just_being_read_is_waited_for(small: Miniature) -> None:
    number = approved(small)
    small.clock.forward(days=30)
    with small.catalogue.writing() as session:
        refs = copies.walk(session, limit=100, article_id=small.bags[0].article_id, store="main")
        copies.take_over(session, refs, until=small.clock() + timedelta(hours=1))
    ((_, trouble),) = run(small)
    assert "being read" in trouble
    assert there(small) == ["main", "second", "third"]
    small.clock.forward(hours=1)
    assert run(small) == [("main", "")]
    assert turns(small, number)[0] == "done"


def test_who_read_a_copy_before_it_was_given_up_brings_nothing_back(small: Miniature) -> None:
    approved(small)
    small.clock.forward(days=30)
    again: list[str] = []

    def in_the_middle(_done: int, _of: int) -> None:
        if not again:
            again.append("")
            small.clock.forward(hours=2)  # the round's claims have lapsed
            run(small)

    report = deaccession_round(small, in_the_middle)
    assert again
    assert there(small) == ["second", "third"]
    assert report.mended == 0
    kept_whole(small)


def deaccession_round(small: Miniature, progress: object):  # type: ignore[no-untyped-def]
    from fixity.rounds import Scope, run_round

    return run_round(replace(small.watch, progress=progress), Scope(due=False))  # type: ignore[arg-type]


def test_killed_at_any_moment_and_resumed(small: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    number = approved(small)
    small.clock.forward(days=30)
    store = small.stores["main"]
    really = store.dispose

    def killed_before(key: str, sha256: str) -> None:
        raise Killed

    def killed_after(key: str, sha256: str) -> None:
        really(key, sha256)
        raise Killed

    for dies in (killed_before, killed_after):
        monkeypatch.setattr(store, "dispose", dies)
        with pytest.raises(Killed):
            run(small)
        assert small.audit().missing == 0
        assert states(small)["main"] == "disposed"
    monkeypatch.undo()
    assert there(small) == ["second", "third"]
    assert run(small) == [("main", "")]
    assert turns(small, number) == ["done", "waiting", "waiting"]
    small_tallies(small)


@pytest.mark.parametrize("only", [None, 0, 1, 2])
def test_a_catalogue_written_again_resurrects_nothing(small: Miniature, only: int | None, tmp_path: Path) -> None:
    number, bag = approved(small), small.bags[0]
    small.clock.forward(days=30)
    for _ in small.stores:
        assert [trouble for _, trouble in run(small)] == [""]
        small.clock.forward(days=7)
    with small.catalogue.reading() as session:
        before = holdings.article_json(session, session.get_one(holdings.Article, bag.article_id))
    again(small, only, tmp_path)
    with small.catalogue.reading() as session:
        after = holdings.article_json(session, session.get_one(holdings.Article, bag.article_id))
        row = disposals.of(session, bag.article_id)[0]
    assert after == before
    assert (row.state, row.asked_by, row.approved_by, row.reason) == ("done", "ayse", "can", ASKS.reason)
    assert number
    kept_whole(small)


def again(small: Miniature, only: int | None, home: Path):  # type: ignore[no-untyped-def]
    """The catalogue burned and written again, from all stores or from one."""
    burn(small.catalogue)
    stores = list(small.stores.values())
    read = stores if only is None else [stores[only]]
    done = rebuild(
        Rebuilding(
            catalogue=small.catalogue,
            stores=read,
            other_stores=[one for one in stores if one not in read],
            home=home / "home",
            agent="mahfuz test",
            clock=small.clock,
            promises=Promises(Promise(days=0)),
        )
    )
    assert (done.exit_status, done.problems) == (0, [])
    people(small.catalogue, "ayse", "can")
    return done


def test_a_disposal_half_way_waits_for_an_approval_again_after_a_rebuild(small: Miniature, tmp_path: Path) -> None:
    approved(small)
    small.clock.forward(days=30)
    run(small)
    again(small, None, tmp_path)
    assert states(small)["main"] == "disposed"
    kept_whole(small)
    small.clock.forward(days=100)
    assert run(small) == []
    assert there(small) == ["second", "third"]
    with small.catalogue.reading() as session:
        (row,) = disposals.of(session, small.bags[0].article_id)
    assert (row.state, row.approved_by) == ("asked", None)
    disposal.approve(work_of(small), row.id, "can")
    small.clock.forward(days=30)
    assert run(small) == [("second", "")]
    small.clock.forward(days=7)
    assert run(small) == [("third", "")]
    assert row_of(small, row.id).state == "done"
    again(small, None, tmp_path)
    assert states(small) == dict.fromkeys(small.stores, "disposed")


def test_a_cancelled_disposal_is_cancelled_after_a_rebuild(small: Miniature, tmp_path: Path) -> None:
    number = approved(small)
    small.clock.forward(days=30)
    run(small)
    disposal.cancel(work_of(small), number, WHY)
    run(small)
    burn(small.catalogue)
    stores = list(small.stores.values())
    done = rebuild(
        Rebuilding(small.catalogue, stores, [], tmp_path / "home", "t", small.clock, Promises(Promise(days=0)))
    )
    assert done.missing_copies == 1
    with small.catalogue.reading() as session:
        (row,) = disposals.of(session, small.bags[0].article_id)
    assert (row.state, row.cancelled_by) == ("cancelled", WHY.by)
    assert small.audit().mended == 1


@pytest.fixture
def whole(tmp_path: Path, database_url: str, stores: Sequence[Store]) -> Iterator[WholeArchive]:
    made = WholeArchive.made(database_url, stores, tmp_path)
    deliver(made, tmp_path, "1.zip", [Published("10.5555/yok.1", title="Yok edilecek")])
    deliver(made, tmp_path, "2.zip", [Published("10.5555/yok.1", title="Yok edilecek, ikinci sürüm")])
    people(made.door.catalogue, "ayse", "can")
    yield made
    made.door.catalogue.close()


@pytest.mark.parametrize("version", [None, 1, 2])
def test_in_a_bucket_and_a_folder_with_pages_and_harvesting(whole: WholeArchive, version: int | None) -> None:
    clock, door = Clock(), whole.door
    clock.now = utc_now()
    work = Deaccession(door.catalogue, door.stores, "mahfuz test", clock)
    identifier = str(whole.told("10.5555/yok.1")["id"])
    deaccession.withdraw(work, identifier, WHY)
    number = disposal.ask(work, identifier, version, ASKS).id
    disposal.approve(work, number, "can")
    clock.forward(days=30)
    for _ in door.stores:
        assert [told.trouble for told in disposal.carry_out(work)] == [""]
        clock.forward(days=7)
    gone = [1, 2] if version is None else [version]
    for store in door.stores:
        for each in (1, 2):
            assert (store.head(bag_key(identifier, each)) is None) == (each in gone)
    assert oai_status(whole, identifier)[0] == "deleted"
    page = whole.site.client.get(f"/articles/{identifier}?lang=en")
    assert page.status_code == 410
    assert ("is not kept any more" in page.text) == (version is None)
    assert WHY.reason in page.text
    told = whole.told(identifier)
    burn(door.catalogue)
    assert rebuild(rebuilding(door)).exit_status == 0
    after = whole.told(identifier)
    for one in (told, after):
        for each in one["versions"]:
            for copy in each["copies"]:
                copy.pop("verified_at")
    assert after == told
    assert oai_status(whole, identifier)[0] == "deleted"
    if version is not None:
        deaccession.restore(work, identifier, WHY)
        assert whole.site.client.get(f"/articles/{identifier}").status_code == 200


def test_killed_with_9_in_the_middle_of_a_turn(tmp_path: Path) -> None:
    """The real command, killed the moment that the bytes are gone and before any row says so."""
    home = tmp_path / "home"
    archive = Installation(
        home,
        folder_store_table("one", home),
        folder_store_table("two", home),
        more="[policy]\ndisposal_wait_days = 0\ndisposal_store_delay_days = 0\n",
    )
    from deliveries import delivery

    sent = delivery(tmp_path / "1.zip", [Published("10.5555/kill.1"), Published("10.5555/kill.2", title="Kalan")])
    (receipt,) = archive.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")["deliveries"]
    identifier = next(line["id"] for line in receipt["articles"] if line["doi"] == "10.5555/kill.1")
    for login in ("ayse", "can"):
        archive.run("staff", "add", login)
    archive.run("withdraw", "10.5555/kill.1", "--reason", "Mahkeme kararı.", "--by", "Ayşe", "--language", "tr")
    catalogue = Catalogue(f"sqlite:///{home}/mahfuz.sqlite")
    work = Deaccession(catalogue, (), "mahfuz test", utc_now, 0, 0)
    with catalogue.writing() as session:
        row = disposals.ask(
            session, identifier, None, by="ayse", reason="x", at=utc_now(), stores=["one", "two"],
            wait_days=0, delay_days=0, agent="t",
        )  # fmt: skip
    disposal.approve(work, row.id, "can")
    catalogue.close()
    dies = (
        "import os, signal\n"
        "from repository.storage.directory import DirectoryStore\n"
        "really = DirectoryStore.dispose\n"
        "def dispose(self, key, sha256):\n"
        "    really(self, key, sha256)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "DirectoryStore.dispose = dispose\n"
        "import sys; sys.argv = ['mahfuz', '--config', sys.argv[1], 'disposal', 'run', '--json']\n"
        "from config.cli import main; main()\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAHFUZ_")}
    root = Path(__file__).parent.parent
    ended = subprocess.run([sys.executable, "-c", dies, str(archive.file)], cwd=root, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    key = bag_key(identifier, 1)
    assert (home / "one" / key).exists() is False
    assert (home / "two" / key).exists()
    audit = archive.run("audit", "--all")
    assert (audit["expected"], audit["intact"], audit["missing"]) == (3, 3, 0)
    assert (home / "one" / key).exists() is False, "nothing brings it back"
    assert archive.run("disposal", "run")["done"][0]["store"] == "one"
    assert archive.run("disposal", "run")["done"][0]["store"] == "two"
    assert archive.run("disposal", "run") == {"done": []}
    status = archive.run("status")
    assert (status["aips"], status["copies"]["one"]) == (1, {"disposed": 1, "intact": 1})
    (home / "mahfuz.sqlite").unlink()
    assert archive.run("rebuild")["disposed"] == 1
    assert archive.run("article", "10.5555/kill.1")["state"] == "withdrawn"
    assert archive.run("audit", "--all")["expected"] == 2

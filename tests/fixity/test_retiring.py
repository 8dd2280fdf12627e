"""A store is given up by two people, and only while nothing would be lost; what lies in it is left alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pages
import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from watched import Miniature, miniature

from fixity import retiring as proving
from fixity.filling import Filling, fill
from fixity.retiring import carry_out, proved
from repository.access import staff
from repository.catalogue import copies, disposals, holdings, recount, retiring, watch
from repository.catalogue import filling as rows
from repository.errors import NotNow
from repository.models import (
    Aip,
    Copy,
    Disposal,
    DisposalTurn,
    Event,
    Ledger,
    LedgerCopy,
    Notice,
    Retirement,
    SignedHead,
    SignedHeadCopy,
)
from repository.notice import Notice as Sealed
from repository.notice import NoticeKind
from repository.vocabulary import CopyState, RetirementState, utc_now

BAGS = 4
STORES = ("main", "second", "third")


@pytest.fixture
def small(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    made = miniature(tmp_path, database_url, bags=BAGS, stores=STORES)
    with made.catalogue.writing() as session:
        for login in ("ayse", "can"):
            staff.create(session, login, "staff")
    for name in STORES:
        fill(Filling(made.watch), name)
    made.audit()
    yield made
    made.catalogue.close()


def asked(small: Miniature, store: str = "third") -> None:
    with small.catalogue.writing() as session:
        told = {"by": "ayse", "reason": "Salon kapanıyor.", "agent": "test"}
        retiring.ask(session, store, at=small.clock(), stores=STORES, needed=2, **told)


def approved(small: Miniature, store: str = "third") -> None:
    asked(small, store)
    with small.catalogue.writing() as session:
        retiring.approve(session, store, by="can", at=small.clock(), agent="test")


def one(small: Miniature, store: str = "third") -> Retirement:
    with small.catalogue.reading() as session:
        return retiring.of(session, store)[0]


def everything(small: Miniature, store: str) -> dict[str, bytes]:
    root = small.stores[store].root
    return {path.name + str(path.parent): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_store_whose_bags_others_keep_is_given_up(small: Miniature) -> None:
    before = everything(small, "third")
    approved(small)
    (proof,) = carry_out(small.watch, 2)
    assert (proof.whole, proof.bags, proof.lacking, proof.trouble) == (True, BAGS, 0, "")
    assert one(small).state == RetirementState.DONE
    # Its rows are told as given up, nobody expects anything of it, and nothing in it was touched.
    assert small.tallied() == {("main", "intact"): BAGS, ("second", "intact"): BAGS, ("third", "retired"): BAGS}
    assert everything(small, "third") == before
    with small.catalogue.reading() as session:
        assert copies.stores_with_copies(session) == {"main", "second"}
        assert rows.progress(session, small.clock())["third"].retired_at == small.clock()
        told = holdings.article_json(session, holdings.find_article(session, small.bags[0].article_id))
        assert {"third", "retired"} <= {value for copy in told["versions"][0]["copies"] for value in copy.values()}
        decided = [
            event.detail for event in session.execute(select(Event).where(Event.type == "policy assignment")).scalars()
            if "retirement" in event.detail
        ]  # fmt: skip
    assert [sorted({"asked by", "approved by", "done"} & set(detail)) for detail in decided] == [
        ["asked by"],
        ["approved by"],
        ["approved by", "asked by", "done"],
    ]
    assert not recount.run(small.catalogue, small.clock, anew=True).differences
    for store in ("main", "second"):
        small.stores[store].opened.clear()
    small.stores["third"].opened.clear()
    small.stores["third"].silent = True
    report = small.audit()
    assert (report.expected, report.intact) == (2 * BAGS, 2 * BAGS)
    assert small.stores["third"].opened == []
    assert fill(Filling(small.watch), "third") is None
    with small.catalogue.reading() as session:
        assert not watch.figures(session, small.clock()).of_state("unreadable").number


def test_the_store_may_be_gone_already(small: Miniature) -> None:
    small.stores["third"].silent = True
    small.audit()
    assert small.tallied()["third", "unreadable"] == BAGS
    approved(small)
    (proof,) = carry_out(small.watch, 2)
    assert proof.whole
    assert small.tallied()["third", "retired"] == BAGS


@pytest.mark.parametrize("what", ["damaged", "missing", "silent", "long ago", "never"])
def test_one_bag_that_others_do_not_keep_is_enough_to_refuse(small: Miniature, what: str) -> None:
    bag = small.bags[2]
    if what == "damaged":
        small.write("main", bag, b"x" * bag.bytes)
        small.audit(mend=False)
    elif what == "missing":
        small.path("second", bag).unlink()
        small.audit(mend=False)
    else:
        values = {
            "silent": {"unreadable_since": small.clock()},
            "long ago": {"promised_until": small.clock() - timedelta(seconds=1)},
            "never": {"state": CopyState.UNVERIFIED, "verified_at": None, "promised_until": None},
        }[what]
        with small.catalogue.writing() as session:
            aip = select(Aip.id).where(Aip.article_id == bag.article_id).scalar_subquery()
            session.execute(update(Copy).where(Copy.aip_id == aip, Copy.store == "main").values(**values))
    approved(small)
    (proof,) = carry_out(small.watch, 2)
    assert (proof.whole, proof.lacking, "1 bags are not whole" in proof.trouble) == (False, 1, True)
    (short,) = proof.first
    assert (short.article_id, short.kept) == (bag.article_id, 1)
    row = one(small)
    assert (row.state, row.trouble) == (RetirementState.APPROVED, proof.trouble)
    with small.catalogue.reading() as session:
        assert copies.stores_with_copies(session) == set(STORES)
    # It is proved again an hour later, and then done: what was lacking was made whole.
    assert carry_out(small.watch, 2) == []
    with small.catalogue.writing() as session:
        session.execute(update(Copy).values(unreadable_since=None))
    small.audit()
    small.clock.forward(hours=1, seconds=1)
    (proof,) = carry_out(small.watch, 2)
    assert proof.whole
    assert one(small).state == RetirementState.DONE


def test_the_walk_goes_over_every_range(small: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retiring, "_RANGE", 1)
    with small.catalogue.writing() as session:
        session.execute(update(Copy).where(Copy.store == "main").values(state=CopyState.DAMAGED))
    found = list(retiring.short(small.catalogue, "third", ["main", "second"], 2, small.clock()))
    assert [short.aip_id for short in found] == [1, 2, 3, 4]
    assert dict(found[0].states) == {"main": "damaged", "second": "intact", "third": "intact"}


def test_ledgers_heads_notices_and_disposals_are_proved_too(small: Miniature) -> None:
    at, bag = small.clock(), small.bags[0]
    sealed = Sealed(bag.article_id, 1, NoticeKind.WITHDRAWAL, at, "Ayşe", "x", at)
    file = small.home.parent / "notice.json"
    file.write_bytes(sealed.octets)
    small.stores["third"].put(sealed.key, file, sealed.seal)
    small.stores["main"].put(sealed.key, file, sealed.seal)
    with small.catalogue.writing() as session:
        session.add(Ledger(name="d", at=at, position=1, hash=b"h" * 32, seal="s", bytes=1, marks={}))
        session.add(SignedHead(key="heads/x", position=1, at=at, document="{}"))
        session.add(
            Notice(article_id=bag.article_id, number=1, kind="withdrawal", at=at, by="Ayşe", reason="x",
                   seal=sealed.seal)
        )  # fmt: skip
        told = {"article_id": bag.article_id, "state": "approved", "asked_by": "ayse", "approved_by": "can"}
        told |= {"reason": "x", "asked_at": at, "wait_days": 1, "delay_days": 1, "bags": []}
        session.add(Disposal(**told))
        session.flush()
        session.add(DisposalTurn(disposal_id=1, position=0, store="third", state="waiting"))
        for store in ("main", "third"):
            session.add(LedgerCopy(name="d", store=store, state="intact", verified_at=at, next_due=at))
            session.add(SignedHeadCopy(key="heads/x", store=store, put_at=at))
    proof = proved(small.watch, "third", 2)
    assert (proof.whole, proof.lacking) == (False, 0)
    assert (proof.ledgers, proof.heads, proof.notices) == (["d"], ["heads/x"], [sealed.key])
    assert proof.disposals == [1]
    # Filling takes the notice along; the clock's other jobs bring the rest.
    small.stores["second"].put(sealed.key, file, sealed.seal)
    with small.catalogue.writing() as session:
        session.add(LedgerCopy(name="d", store="second", state="intact", verified_at=at, next_due=at))
        session.add(SignedHeadCopy(key="heads/x", store="second", put_at=at))
        session.execute(update(DisposalTurn).values(state="done"))
    assert proved(small.watch, "third", 2).whole


def test_two_people_decide_and_the_catalogue_holds_them_to_it(small: Miniature) -> None:
    asked(small)
    with pytest.raises(NotNow, match="somebody else"), small.catalogue.writing() as session:
        retiring.approve(session, "third", by="ayse", at=small.clock(), agent="test")
    with pytest.raises(NotNow, match="no member of staff"), small.catalogue.writing() as session:
        retiring.approve(session, "third", by="kimse", at=small.clock(), agent="test")
    with pytest.raises(IntegrityError), small.catalogue.writing() as session:
        session.execute(update(Retirement).values(approved_by="ayse"))
    with pytest.raises(IntegrityError), small.catalogue.writing() as session:
        session.execute(
            insert(Retirement).values(
                store="main", state="approved", asked_by="ayse", reason="x", asked_at=small.clock()
            )
        )
    with pytest.raises(NotNow, match="already"):
        asked(small)
    assert carry_out(small.watch, 2) == []  # nobody has approved it


def test_too_few_stores_would_be_left(small: Miniature) -> None:
    asked(small)
    with pytest.raises(NotNow, match="Only 1 other stores would be left"):
        asked(small, "second")  # the one that is leaving does not count


def test_a_cancelled_retirement_is_none(small: Miniature) -> None:
    approved(small)
    with small.catalogue.writing() as session:
        retiring.cancel(session, "third", by="ayse", at=small.clock(), agent="test")
    assert carry_out(small.watch, 2) == []
    assert small.tallied()["third", "intact"] == BAGS
    asked(small)  # and may be asked for anew


def test_a_copy_that_is_being_read_is_waited_for_and_one_that_came_late_follows(small: Miniature) -> None:
    with small.catalogue.writing() as session:
        refs = copies.walk(session, limit=99, store="third")
        held = copies.take_over(session, refs[:1], until=small.clock() + timedelta(minutes=5))
    approved(small)
    carry_out(small.watch, 2)
    assert small.tallied()["third", "intact"] == BAGS
    with small.catalogue.writing() as session:
        copies.give_back(session, held)
    carry_out(small.watch, 2)
    assert small.tallied()["third", "retired"] == BAGS


def test_an_article_of_which_every_other_copy_is_disposed_of_is_gone(small: Miniature) -> None:
    approved(small)
    carry_out(small.watch, 2)
    with small.catalogue.writing() as session:
        aip = session.execute(select(Aip).where(Aip.article_id == small.bags[0].article_id)).scalar_one()
        for store in ("main", "second"):
            assert copies.give_up(session, [(aip.id, aip.bytes)], store, small.clock())
        assert disposals.gone(session, [aip.id]) == {aip.id}


def test_staff_decide_on_the_page(small: Miniature, tmp_path: Path) -> None:
    site = pages.site(str(small.catalogue.url.render_as_string(hide_password=False)), places=dict.fromkeys(STORES, "x"))
    first, second = site.staff_client("deniz"), site.staff_client("ece")
    address = "/staff/storage/third/retirement?lang=en"
    assert "Asked on" not in first.get(address).text
    answer = pages.post(first, "/staff/storage/third/retirement", address, act="ask", reason="")
    assert (answer.status_code, "Say why" in answer.text) == (422, True)
    pages.post(first, "/staff/storage/third/retirement", address, act="ask", reason="Salon kapanıyor.")
    page = first.get(address).text
    assert "Salon kapanıyor." in page
    assert 'value="approve"' not in page
    answer = pages.post(first, "/staff/storage/third/retirement", address, act="approve")
    assert (answer.status_code, "somebody else has to approve it" in answer.text) == (422, True)
    answer = pages.post(second, "/staff/storage/third/retirement", address, act="approve")
    assert answer.status_code == 303
    with small.catalogue.writing() as session:
        session.execute(update(Copy).where(Copy.store == "main", Copy.aip_id == 2).values(state=CopyState.MISSING))
    lines = list(csv.DictReader(io.StringIO(first.get(address + "&format=csv").get_data(as_text=True))))
    assert [(line["article"], line["kept_in_others"]) for line in lines] == [(small.bags[1].article_id, "1")]
    small.clock.now = utc_now()
    carry_out(small.watch, 2)
    assert "1 bags are not whole" in first.get(address).text
    assert first.get("/staff/storage/nowhere/retirement").status_code == 404
    assert site.client.get(address).status_code in {302, 401, 403}
    assert proving.COLUMNS[0] == "article"
    site.catalogue.close()

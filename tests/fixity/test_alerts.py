"""One cause is one alert and one letter, whatever happens to clocks, processes and receivers meanwhile."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from plans import plans
from post_office import BOSS, SECRET, TO, Office, hook_of, office
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session
from watched import START

from fixity import causes, telling
from fixity.watch import Scope
from repository import mail, webhook
from repository.catalogue import alert_letters, alerts, canaries, copies, inventories, tallies
from repository.catalogue.canaries import Look
from repository.cause_words import proof
from repository.causes import KINDS, Cause, Found, InDoubt, Question
from repository.errors import UsageError
from repository.mail import MailServer
from repository.models import Aip, AlertLetter, Article, Copy, Round
from repository.vocabulary import AuditOutcome, CopyState, DigestState
from repository.webhook import NotTaken, Webhook

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def post(tmp_path: Path, database_url: str) -> Iterator[Office]:
    with office(tmp_path, database_url, bags=6) as found:
        yield found


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Office]:
    """On SQLite alone: for what no database has a part in."""
    with office(tmp_path, f"sqlite:///{tmp_path / 'catalogue.sqlite'}", bags=1) as found:
        yield found


class Said:
    """A question whose answer the test chooses."""

    def __init__(self, *found: Cause | InDoubt) -> None:
        self.found: list[Cause | InDoubt] = list(found)

    @property
    def question(self) -> list[Question]:
        return [Question(tuple(KINDS), lambda _session, _at: list(self.found))]


UNTOLD = Question(("mail-silent", "letters-refused", "webhook-silent"), causes.untold)
LATE = Cause("copies-late", "main", 3, detail={"days": "90"})
GRAVE = Cause("copies-damaged", "main", 2, detail={"state": "damaged"})


def test_a_store_that_falls_silent_is_one_alert_with_its_copies_and_closes_by_itself(post: Office) -> None:
    store = post.small.stores["second"]
    post.look()
    assert post.open == []
    store.silent = True
    report = post.small.audit(due=True)
    assert report.unreadable == store.happened["silent"] or report.unreadable > 0
    post.look(3)
    (alert,) = post.open
    assert (alert.kind, alert.subject, alert.level, alert.objects) == ("store-silent", "second", "critical", 6)
    assert alert.since == START + timedelta(minutes=1)
    (received,) = post.letters
    assert received.recipients == [TO]
    assert "6 kopya bekliyor" in post.text()
    assert "Store second does not answer since 23 Nov 2026 12:01: 6 copies wait." in post.text()
    assert "https://arsiv.example.org/staff/copies?store=second&state=unreadable" in post.text()
    assert "docs/recovery.md, “A store does not answer”" in post.text()
    store.silent = False
    post.time.forward(hours=2)
    post.small.clock.now = post.time.wall
    assert post.small.audit(due=True).unreadable == 0
    post.look(10)
    assert post.open == []
    (ended,) = post.over
    assert ended.id == alert.id
    assert len(post.letters) == 2
    assert "alarm sona erdi" in post.subjects()[1]
    assert "Over:\n* Store second does not answer" in post.text()
    post.look(60)
    assert len(post.letters) == 2


def test_one_copy_that_a_store_does_not_give_is_no_silent_store(post: Office) -> None:
    """It is tried again first; then it is told as what it is, and as less grave."""
    first = post.small.bags[0]
    with post.small.catalogue.writing() as session:
        aip = session.execute(select(Aip.id).where(Aip.article_id == first.article_id)).scalar_one()
        at = START - timedelta(seconds=1)
        session.execute(update(Copy).where(Copy.aip_id == aip, Copy.store == "second").values(unreadable_since=at))
        tallies.add(session, "copies", "intact", -1, place="second")
        tallies.add(session, "copies", "unreadable", 1, place="second")
        session.execute(update(Copy).where(Copy.aip_id != aip).values(verified_at=START))
    post.look(30)
    assert post.open == []
    post.time.forward(hours=3)
    post.look()
    (alert,) = post.open
    assert (alert.kind, alert.level, alert.objects) == ("store-silent", "warning", 1)
    assert post.letters == []
    post.look(15)
    assert "Store second answers, but 1 copy in it could not be read" in post.text()


def test_ten_thousand_damaged_copies_are_one_alert(post: Office) -> None:
    number = 10_000
    with post.small.catalogue.writing() as session:
        _many_copies(session, number)
    post.look(3)
    (alert,) = [one for one in post.open if one.kind == "copies-damaged"]
    assert (alert.subject, alert.objects) == ("main", number)
    assert len(post.letters) == 1
    assert "10.000 kopya hasarlı" in post.text()
    assert "10,000 copies in store main are damaged or missing" in post.text()


def _many_copies(session: Session, number: int) -> None:
    article = session.execute(select(Article)).scalars().first()
    assert article is not None
    aips = [
        {
            "id": 1000 + place, "article_id": article.id, "version": 10 + place, "seal": f"{place:064x}", "bytes": 1,
            "payload_digest": "0" * 64, "bagging_date": "2026-09-01", "registered_at": START,
        }
        for place in range(number)
    ]  # fmt: skip
    session.execute(insert(Aip), aips)
    due = START + timedelta(days=30)
    copies = [
        {"aip_id": one["id"], "store": "main", "state": CopyState.DAMAGED, "verified_at": START, "next_due": due}
        for one in aips
    ]
    session.execute(insert(Copy), copies)
    tallies.add(session, "copies", CopyState.DAMAGED, number, number, place="main")


def test_damage_that_is_mended_wakes_nobody_and_what_is_not_is_told(post: Office) -> None:
    one, other = post.small.bags[:2]
    post.small.write("main", one, b"x")
    post.small.audit()
    post.look(2)
    assert post.open == []
    post.small.write("main", other, b"x")
    post.small.write("second", other, b"y")
    post.small.audit()
    post.look(2)
    assert {(one.kind, one.subject, one.objects) for one in post.open} == {
        ("copies-damaged", "main", 1),
        ("copies-damaged", "second", 1),
    }
    assert len(post.letters) == 1, "two causes found together are one letter"


def test_what_a_person_must_decide_is_one_alert_of_its_own(post: Office) -> None:
    """The seal in the catalogue was altered: both copies are valid bags that do not bear it."""
    bag = post.small.bags[0]
    with post.small.catalogue.writing() as session:
        session.execute(update(Aip).where(Aip.article_id == bag.article_id).values(seal="f" * 64))
    assert post.small.audit().decisions
    post.look(2)
    (alert,) = post.open
    assert (alert.kind, alert.objects, alert.detail) == ("decision-waiting", 2, {"state": "damaged"})


def test_a_store_that_was_emptied_is_one_alert_and_no_damage(tmp_path: Path, database_url: str) -> None:
    with office(tmp_path, database_url, bags=12) as post:
        for bag in post.small.bags:
            post.small.path("second", bag).unlink()
        assert post.small.audit(due=True).missing == 12
        post.look(2)
        (alert,) = post.open
        assert (alert.kind, alert.subject, alert.objects) == ("store-emptied", "second", 12)


def test_a_canary_that_was_not_caught_is_the_cause_and_no_silent_store(post: Office) -> None:
    bad = Look("second", "cut", AuditOutcome.DAMAGED, AuditOutcome.INTACT)
    doubt = Look("main", "cut", AuditOutcome.DAMAGED, AuditOutcome.UNREADABLE)
    with post.small.catalogue.writing() as session:
        canaries.write_down(session, [bad, doubt, replace(bad, name="flip", outcome=AuditOutcome.DAMAGED)], START)
    post.small.stores["second"].silent = True
    post.small.audit(due=True)
    with post.small.catalogue.writing() as session:
        canaries.write_down(session, [bad], START)
    post.look(2)
    assert [(one.kind, one.subject, one.objects) for one in post.open] == [("canary-missed", "second", 1)]
    assert len(post.letters) == 1


def test_what_an_inventory_saw_that_is_no_audits_to_judge_is_one_alert(post: Office) -> None:
    found = {"stranger": 3, "unknown": 40, "absent": 7, "unfinished": 2}
    with post.small.catalogue.writing() as session:
        begun = inventories.begin(session, "main", START, lease_for=timedelta(hours=1), stale=timedelta(days=1))
        assert begun is not None
        inventories.end(session, begun, inventories.Counts(found=found), START)
    post.look(2)
    assert [(one.kind, one.subject, one.objects) for one in post.open] == [("inventory-differs", "main", 43)]


def test_copies_past_their_promise_and_rounds_that_do_not_end(post: Office) -> None:
    post.time.forward(hours=37)
    post.look()
    assert [(one.kind, one.detail["variant"]) for one in post.open] == [("no-round", "never")]
    post.time.forward(days=12)
    post.look()
    assert {(one.kind, one.subject, one.objects) for one in post.open} == {
        ("no-round", "", 0), ("copies-late", "main", 6), ("copies-late", "second", 6),
    }  # fmt: skip
    post.small.audit(due=True)
    post.look(8)
    assert post.open == []


def _late(office: Office) -> set[tuple[str, str | None, int]]:
    with office.small.catalogue.reading() as session:
        found = causes.late(session, office.small.clock(), lambda _store: 90.0)
        return {(type(one).__name__, one.subject, one.objects if isinstance(one, Cause) else 0) for one in found}


def test_one_copy_that_cannot_be_read_does_not_hide_that_its_store_is_late(post: Office) -> None:
    small = post.small
    small.clock.forward(days=12)
    with small.catalogue.writing() as session:
        refs = [ref for ref in copies.walk(session, limit=99) if ref.store == "main"]
        again = small.clock() + timedelta(hours=1)
        copies.record(session, refs[0], AuditOutcome.UNREADABLE, at=small.clock(), next_due=again)
    # Nothing else was read since then: the store may be silent, and that is the cause.
    assert _late(post) == {("InDoubt", "main", 0), ("Cause", "second", 6)}
    small.clock.forward(minutes=10)
    with small.catalogue.writing() as session:
        later = small.clock() + timedelta(days=80)
        copies.record(session, refs[1], AuditOutcome.INTACT, at=small.clock(), next_due=later)
    assert _late(post) == {("Cause", "main", 5), ("Cause", "second", 6)}


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        (Scope(due=True), True),
        (Scope(due=True, store="lost"), True),
        (Scope(due=True, store="main", deep=True, mend=False), True),
        (Scope(due=False), True),
        (Scope(due=False, store="main"), True),
        (Scope(due=False, article_id="a-1"), False),
        (Scope(due=False, article_id="a-1", store="main"), False),
        (Scope(due=True, lost=True), False),
        (Scope(due=True, lost=True, deep=True), False),
        (Scope(due=True, store="main", lost=True), False),
    ],
    ids=str,
)
def test_only_a_round_of_all_that_is_due_says_that_rounds_end(plain: Office, scope: Scope, counts: bool) -> None:
    """Also where many others have ended after it."""
    at = START + timedelta(days=5)
    with plain.small.catalogue.writing() as session:
        session.add(Round(started_at=at, finished_at=at, scope=str(scope)))
        session.flush()
        for _ in range(60):
            session.add(Round(started_at=at, finished_at=at, scope="all article a-2"))
        session.add(Round(started_at=at, finished_at=at, scope="due (interrupted)"))
        session.add(Round(started_at=at, scope="due"))
    with plain.small.catalogue.reading() as session:
        found = list(causes.no_round(session, at, timedelta(hours=36)))
        later = list(causes.no_round(session, at + timedelta(days=2), timedelta(hours=36)))
    assert [one.detail["variant"] for one in found] == ([] if counts else ["never"])
    assert [one.detail["variant"] for one in later] == (["" if counts else "never"])


def test_no_cause_is_looked_for_by_reading_all_copies_of_a_store(plain: Office) -> None:
    store = plain.small.stores["second"]
    plain.small.write("main", plain.small.bags[0], b"x")
    store.silent = True
    plain.small.audit(due=True)
    with plans(plain.small.catalogue.engine, " copy") as found:
        plain.look(2)
    assert {one.kind for one in plain.open} == {"store-silent", "copies-damaged"}
    seen = {step for steps in found for step in steps}
    assert not [step for step in seen if step.startswith("SCAN copy")], seen
    assert any("ix_copy_store_promised_until_aip_id (store=? AND promised_until<?)" in step for step in seen), seen
    assert any("ix_copy_silent (store=?" in step for step in seen), seen


def test_a_question_that_fails_leaves_its_alerts_and_the_others_as_they_are(post: Office) -> None:
    said = Said(GRAVE)
    failing = [False]

    def ask(_session: Session, _at: datetime) -> Found:
        if failing[0]:
            raise RuntimeError("a mistake of ours")
        return [LATE]

    late = Question(("copies-late",), ask)
    watch = post.lookout(questions=[late, Question(("copies-damaged",), lambda _s, _a: list(said.found))])
    post.look()
    failing[0] = True
    said.found = []
    post.look(20)
    assert watch.questions[0] is late
    assert [one.kind for one in post.open] == ["copies-late"]


def test_what_comes_and_goes_is_one_alert(plain: Office) -> None:
    said = Said(GRAVE)
    plain.lookout(questions=said.question)
    for _ in range(20):
        said.found = [GRAVE]
        plain.look()
        said.found = []
        plain.look(3)
    assert len(plain.open) == 1
    assert len(plain.letters) == 1
    plain.look(3)
    assert plain.open == []
    assert len(plain.letters) == 2


def test_new_causes_are_gathered_and_a_critical_one_goes_at_once(plain: Office) -> None:
    said = Said(LATE)
    plain.lookout(questions=said.question)
    plain.look(10)
    said.found.append(replace(LATE, subject="second"))
    plain.look(5)
    assert plain.letters == []
    plain.look()
    assert len(plain.letters) == 1
    assert plain.text().count("* Store") + plain.text().count("copies in store") == 2
    said.found.append(replace(LATE, subject="third"))
    plain.look(2)
    said.found.append(GRAVE)
    plain.look()
    assert len(plain.letters) == 2
    assert "third" in plain.text()
    assert "damaged or missing" in plain.subjects()[1] or "hasarlı" in plain.subjects()[1]


def test_a_cause_that_grows_graver_is_told_once_more_and_never_sinks(plain: Office) -> None:
    weak = replace(GRAVE, level=alerts.AlertLevel.WARNING)
    said = Said(weak)
    plain.lookout(questions=said.question)
    plain.look(20)
    assert len(plain.letters) == 1
    said.found = [GRAVE]
    plain.look()
    assert len(plain.letters) == 2
    assert "Now critical:" in plain.text()
    said.found = [weak]
    plain.look(60)
    assert len(plain.letters) == 2
    assert plain.open[0].level == "critical"


def test_what_was_over_before_it_was_told_is_not_told(plain: Office) -> None:
    said = Said(LATE)
    plain.lookout(questions=said.question)
    plain.look(3)
    said.found = []
    plain.look(60)
    assert (plain.open, plain.letters) == ([], [])
    assert len(plain.over) == 1, "it is kept all the same"


def test_nobody_acknowledges_and_those_above_are_told_once(plain: Office) -> None:
    said = Said(GRAVE)
    plain.lookout(questions=said.question)
    plain.look()
    plain.time.forward(hours=3, minutes=57)
    plain.look(2)
    assert [one.recipients for one in plain.letters] == [[TO]]
    plain.look(2)
    assert [one.recipients for one in plain.letters] == [[TO], [BOSS]]
    assert "Nobody has acknowledged this:" in plain.text()
    plain.time.forward(hours=24)
    plain.look(2)
    assert len(plain.letters) == 2
    said.found = []
    plain.look(10)
    assert sorted(one.recipients[0] for one in plain.letters[2:]) == sorted([TO, BOSS]), "the end reaches both"
    plain.look(60)
    assert len(plain.letters) == 4


def test_an_acknowledgement_stops_the_escalation(plain: Office) -> None:
    said = Said(GRAVE)
    plain.lookout(questions=said.question)
    plain.look(60)
    (alert,) = plain.open
    with plain.small.catalogue.writing() as session:
        alerts.acknowledge(session, alert.id, by="ayse", at=plain.time.wall, note="disk ısmarlandı")
    with plain.small.catalogue.writing() as session:
        alerts.acknowledge(session, alert.id, by="mehmet", at=plain.time.wall)
    plain.time.forward(hours=24)
    plain.look(2)
    assert [one.recipients for one in plain.letters] == [[TO]]
    (alert,) = plain.open
    assert (alert.acknowledged_by, alert.note) == ("ayse", "disk ısmarlandı")
    said.found = []
    plain.look(10)
    assert len(plain.letters) == 2
    with pytest.raises(UsageError, match="over since"), plain.small.catalogue.writing() as session:
        alerts.acknowledge(session, alert.id, by="ayse", at=plain.time.wall)


def test_two_processes_that_look_at_once_send_one_letter(post: Office) -> None:
    with post.small.catalogue.writing() as session:
        _many_copies(session, 50)
    watches = [replace(post.lookout(), _pulses={}) for _ in range(6)]
    for _ in range(3):
        post.time.forward(minutes=1)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda watch: watch.look(), watches))
    assert [one.kind for one in post.open if one.kind == "copies-damaged"] == ["copies-damaged"]
    assert len(post.letters) == 1


def test_a_mail_server_that_is_away_delays_each_letter_and_repeats_none(plain: Office) -> None:
    said = Said(GRAVE)
    away = MailServer("127.0.0.1", 1, "none")
    plain.restarted(server=away)
    plain.lookout(questions=[*said.question, UNTOLD])
    plain.look(30)
    kinds = {one.kind: one for one in plain.open}
    assert set(kinds) == {"copies-damaged", "mail-silent"}
    assert "did not answer" in kinds["mail-silent"].detail["cause"]
    said.found = []
    plain.look(30)
    plain.restarted(server=MailServer("127.0.0.1", plain.server.port, "none"))
    plain.lookout(questions=[*said.question, UNTOLD])
    plain.look(90)
    assert ["sona erdi" in subject for subject in plain.subjects()] == [False, True], "in their order, each once"
    assert plain.open == []
    assert len({str(one.letter["Message-ID"]) for one in plain.letters}) == 2


def test_a_letter_that_was_refused_waits_for_a_person(plain: Office) -> None:
    plain.server.answers[TO] = "550 no such user"
    plain.lookout(questions=[*Said(GRAVE).question, UNTOLD])
    plain.look(120)
    assert {one.kind for one in plain.open} == {"copies-damaged", "letters-refused"}
    plain.server.answers.clear()
    (told,) = telling.send(plain.telling, at_once=True)
    assert told.state is DigestState.SENT
    plain.look(10)
    assert [one.kind for one in plain.open] == ["copies-damaged"]


def test_a_killed_sender_lets_go_of_its_letter(plain: Office) -> None:
    plain.lookout(questions=Said(GRAVE).question)
    plain.restarted(server=MailServer("127.0.0.1", 1, "none"))
    plain.lookout(questions=Said(GRAVE).question)
    plain.look()
    with plain.small.catalogue.writing() as session:
        letter = session.execute(select(AlertLetter)).scalar_one()
        claimed = alert_letters.claim(session, letter, "of one that was killed", plain.time.wall, mail.LEASE)
        assert claimed is not None
    plain.restarted(server=MailServer("127.0.0.1", plain.server.port, "none"))
    plain.lookout(questions=Said(GRAVE).question)
    plain.look(10)
    assert plain.letters == [], "for a while nobody knows whether it still sends"
    plain.look(10)
    assert len(plain.letters) == 1


@pytest.mark.parametrize("hours", [-1, -24, 1, 24])
def test_a_clock_that_is_set_repeats_no_letter_and_invents_no_alert(post: Office, hours: int) -> None:
    post.small.audit()
    usual = list(post.lookout().questions)
    post.lookouts.clear()
    said = Said(GRAVE)
    watch = post.lookout(questions=[*usual, *said.question], parts=["clock", "worker"])
    worker = post.lookout("worker", parts=["clock", "worker"])
    for turn in range(30):
        if turn == 10:
            post.time.set_by(hours=hours)
        watch.beat()
        worker.beat()
        post.look()
        post.look(part="worker")
    assert [one.kind for one in post.open] == ["copies-damaged"]
    assert [one.recipients for one in post.letters][:1] == [[TO]]
    assert len(post.letters) <= 1 + (hours > 4), "only who is above hears, when the day is really over by then"
    post.restarted()
    said.found = []
    post.lookout(questions=[*usual, *said.question])
    post.look(10)
    assert post.open == []
    assert sum("sona erdi" in subject for subject in post.subjects()) == 1 + (hours > 4)


def test_a_letter_waiting_when_the_clock_is_set_back_goes_all_the_same(plain: Office) -> None:
    plain.restarted(server=MailServer("127.0.0.1", 1, "none"))
    plain.lookout(questions=Said(GRAVE).question)
    plain.look(5)
    plain.time.set_by(days=-1)
    plain.restarted(server=MailServer("127.0.0.1", plain.server.port, "none"))
    plain.lookout(questions=Said(GRAVE).question)
    plain.look(2)
    assert len(plain.letters) == 1


def test_a_part_that_gives_no_sign_of_life_is_told_and_its_return_too(post: Office) -> None:
    parts = ["clock", "worker", "web"]
    clock = post.lookout("clock", questions=[], parts=parts)
    worker = post.lookout("worker", questions=[], parts=parts)
    web = post.lookout("web", questions=[], parts=parts)

    def minutes(number: int, *beating: Any) -> None:
        for _ in range(number):
            post.time.forward(minutes=1)
            for one in beating:
                one.beat()
            for one in beating:
                one.look()

    minutes(10, clock, worker, web)
    assert post.open == []
    minutes(3, clock, web)
    assert post.open == []
    minutes(2, clock, web)
    assert [(one.kind, one.subject) for one in post.open] == [("part-silent", "worker")]
    assert "The worker (mahfuz worker) gives no sign of life" in post.text()
    minutes(10, clock, worker, web)
    assert post.open == []
    minutes(6, worker, web)
    assert [(one.kind, one.subject) for one in post.open] == [("part-silent", "clock")]
    assert len(post.letters) == 3, "two notice, one tells"
    minutes(10, clock, worker, web)
    assert (post.open, len(post.letters)) == ([], 4)


def test_a_part_that_never_began_is_missed_and_one_just_begun_waits_before_it_says_so(post: Office) -> None:
    post.lookout("worker", questions=[], parts=["clock", "worker"])
    post.look(3, part="worker")
    assert post.open == []
    post.look(2, part="worker")
    assert [one.subject for one in post.open] == ["clock"]
    post.restarted()
    post.lookout("worker", questions=[], parts=["clock", "worker"])
    post.look(3, part="worker")
    assert [one.subject for one in post.open] == ["clock"], "who just began knows nothing, and closes nothing"


# Webhooks


def test_a_message_is_signed_and_says_it_in_each_language(plain: Office) -> None:
    plain.restarted(server=None, webhooks=(hook_of(plain),))
    plain.lookout(questions=Said(GRAVE).question)
    plain.look(3)
    (asked,) = plain.receiver.asked
    assert asked.headers["X-Mahfuz-Signature"] == f"sha256={hmac.new(SECRET, asked.body, 'sha256').hexdigest()}"
    told = json.loads(asked.body)
    assert told["id"] == asked.headers["X-Mahfuz-Message"]
    (item,) = told["alerts"]
    assert (item["what"], item["kind"], item["subject"], item["objects"]) == ("begun", "copies-damaged", "main", 2)
    assert set(item["sentences"]) == {"tr", "en"}


@pytest.mark.parametrize("how", [500, 404, 302, 307, "hang", "drip", "cut"])
def test_a_receiver_that_does_not_take_it_is_asked_again_later_until_it_does(plain: Office, how: int | str) -> None:
    plain.restarted(server=None, webhooks=(hook_of(plain),), patience=0.3)
    plain.lookout(questions=[*Said(GRAVE).question, UNTOLD])
    plain.receiver.answers += [how, how]
    plain.look(2)
    assert plain.receiver.met[:1] == [how]
    plain.look(10)
    assert {one.path for one in plain.receiver.asked} == {"/hook"}, "no redirect is followed"
    bodies = {(one.body, one.headers["X-Mahfuz-Message"]) for one in plain.receiver.asked}
    assert len(plain.receiver.asked) == 3
    assert len(bodies) == 1, "the same message under the same name"
    plain.look(10)
    assert [one.kind for one in plain.open] == ["copies-damaged"]


def test_a_failing_webhook_is_told_by_mail_and_a_failing_mail_server_by_webhook(plain: Office) -> None:
    plain.restarted(webhooks=(Webhook("ops", "http://127.0.0.1:1/", SECRET),), gather=timedelta(0))
    plain.lookout(questions=[*Said(GRAVE).question, UNTOLD])
    plain.look(5)
    assert {one.kind for one in plain.open} == {"copies-damaged", "webhook-silent"}
    assert any("The webhook ops does not take our messages" in plain.text(place) for place in range(len(plain.letters)))
    plain.restarted(webhooks=())
    plain.lookout(questions=[*Said(GRAVE).question, UNTOLD])
    plain.look(70)
    assert [one.kind for one in plain.open] == ["copies-damaged"], "a webhook that is no longer named waits for nothing"


def test_a_receiver_that_cannot_be_reached_is_doubt() -> None:
    with pytest.raises(NotTaken, match="did not take it"):
        webhook.ask("http://127.0.0.1:1/secret-path", patience=2)
    with pytest.raises(NotTaken) as error:
        webhook.ask("http://127.0.0.1:1/secret-path", patience=2)
    assert "secret-path" not in str(error.value)


# The sign of life


def test_the_clock_gives_its_sign_only_as_long_as_all_is_well(plain: Office) -> None:
    signs = {"sign_url": plain.receiver.url("/ping"), "sign_every": 300}
    both = {"parts": ["clock", "worker"], **signs}
    said = Said(GRAVE)
    clock = plain.lookout("clock", questions=said.question, **both)
    worker = plain.lookout("worker", questions=[], **both)

    def minutes(number: int, *beating: Any) -> int:
        before = len(plain.receiver.asked)
        for _ in range(number):
            plain.time.forward(minutes=1)
            for one in beating:
                one.beat()
            for one in beating:
                one.look()
        return len(plain.receiver.asked) - before

    assert minutes(1, clock, worker) == 0, "nobody knows yet whether the worker lives"
    assert minutes(20, clock, worker) == 4, "an open alert that was told stops it not"
    assert minutes(3, clock) in (0, 1)
    assert minutes(20, clock) == 0, "a part is silent"
    assert minutes(20, worker) == 0, "the clock is dead"
    assert minutes(10, clock, worker) >= 1
    assert {(one.method, one.path) for one in plain.receiver.asked} == {("GET", "/ping")}


def test_what_waits_too_long_to_be_told_stops_the_sign(plain: Office) -> None:
    plain.restarted(server=MailServer("127.0.0.1", 1, "none"))
    plain.lookout(questions=Said(GRAVE).question, sign_url=plain.receiver.url("/ping"), sign_every=300)
    plain.look(59)
    before = len(plain.receiver.asked)
    assert before >= 10
    plain.look(60)
    assert len(plain.receiver.asked) <= before + 1


def test_a_sign_that_is_not_taken_is_given_again_at_the_next_look(plain: Office) -> None:
    plain.lookout(questions=[], sign_url=plain.receiver.url("/ping"), sign_every=300)
    plain.receiver.answers += [500]
    plain.look(2)
    assert plain.receiver.met == [500, 200]


# What is said


def test_every_kind_says_its_sentence_in_both_languages_and_has_its_chapter(plain: Office) -> None:
    recovery = (DOCS / "recovery.md").read_text(encoding="utf-8")
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    values = {"cause": "neden", "publisher": "Örnek", "days": 7, "state": "damaged", "canaries": "cut", "late": "3"}
    values["codes"] = "EVENT_CHANGED"
    values |= {"what": "copies"}
    for name, kind in KINDS.items():
        assert re.search(rf"^## {re.escape(kind.section)}$", recovery, re.MULTILINE), kind.section
        assert f"`{name}`" in recovery, name
        for variant in kind.sentences:
            for number in (1, 41200):
                cause = Cause(name, "izmir", number, True, at, {**values, "variant": variant})
                said = [words.sentence(cause) for words in plain.telling.words]
                assert len(set(said)) == 2, "it is not translated"
                assert all("{" not in one and name not in one for one in said), said
                assert Cause.from_json(json.loads(json.dumps(cause.as_json()))) == replace(cause, level=cause.weight)
        assert "{" not in proof(Cause(name, "izmir", detail=values))


def test_nothing_that_a_publisher_wrote_ends_a_line_of_a_letter(plain: Office) -> None:
    evil = Cause("feed-failing", "x", since=START, detail={"publisher": "Ö\r\nBcc: a@b", "cause": "a\nb\u202ec" * 500})
    plain.lookout(questions=Said(replace(evil, level=alerts.AlertLevel.CRITICAL)).question)
    plain.look()
    assert plain.letters[0].letter["Bcc"] is None
    assert "\nBcc" not in plain.text()
    assert "\u202e" not in plain.text()


def test_an_alert_of_another_version_is_shown_all_the_same(plain: Office) -> None:
    words = plain.telling.words[1]
    cause = Cause("not-known", "izmir", 1, detail={}, level=alerts.AlertLevel.CRITICAL)
    assert "izmir" in words.sentence(cause)
    assert (words.remedy(cause), proof(cause)) == ("", "")
    assert words.sentence(Cause("feed-failing", "izmir")) == "feed-failing izmir"


def test_a_test_reaches_everybody_and_leaves_nothing_behind(plain: Office) -> None:
    plain.restarted(webhooks=(hook_of(plain),))
    found = list(telling.try_out(plain.telling))
    assert [(one.channel, one.state) for one in found] == [
        ("mail", DigestState.SENT), ("escalation", DigestState.SENT), ("webhook:ops", DigestState.SENT),
    ]  # fmt: skip
    assert [one.recipients for one in plain.letters] == [[TO], [BOSS]]
    assert json.loads(plain.receiver.asked[0].body)["test"] is True
    with plain.small.catalogue.reading() as session:
        assert session.execute(select(AlertLetter)).first() is None

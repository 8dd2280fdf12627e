"""Publishers hear once a day what became of their deliveries: all of it, once, whatever the mail server does."""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trustme
from smtp_server import PASSWORD, USER, SmtpServer, smtp_server

from config import languages
from ingest import attestation, digests
from ingest.digests import Addressee, Letter, Post
from ingest.findings import finding
from repository.catalogue import Catalogue, deliveries, schema
from repository.catalogue import digests as rows
from repository.catalogue.deliveries import ArticleLine
from repository.mail import MailRefused, MailServer, MailUnavailable, hand_in, look
from repository.vocabulary import ArticleOutcome, DeliveryState, DigestState, Finding

PUBLISHER = "Örnek Yayınevi"
TO = "teslim@yayinevi.example.org"
ISTANBUL = ZoneInfo("Europe/Istanbul")
MORNING = datetime(2026, 3, 11, 7, 0, tzinfo=ISTANBUL)
"""A Wednesday, at the hour at which digests are sent."""
TEXTS = {code: texts.gettext for code, texts in languages.load(("tr", "en")).items()}


@dataclass
class Clock:
    now: datetime = MORNING

    def __call__(self) -> datetime:
        return self.now.astimezone(UTC)


@dataclass
class Office:
    """A catalogue with deliveries, a mail server, and what lies between."""

    post: Post
    server: SmtpServer
    clock: Clock

    def delivered(
        self,
        name: str,
        at: datetime,
        lines: list[ArticleLine] | None = None,
        *,
        publisher: str = PUBLISHER,
        state: DeliveryState = DeliveryState.ACCEPTED,
        found: tuple[Finding, ...] = (),
        finished: bool = True,
    ) -> str:
        """A delivery that came in and was finished at this moment."""
        with self.post.catalogue.writing() as session:
            made = deliveries.accept(session, publisher, [name], sha256_of(name), 7, at)
            if finished:
                deliveries.begin(session, made.id)
                deliveries.finish(session, made.id, state, found, lines or [kept(1)], at)
            return made.id

    def sent(self, *, at_once: bool = False) -> list[Letter]:
        return list(digests.send(self.post, at_once=at_once))


def sha256_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def kept(position: int) -> ArticleLine:
    return ArticleLine(position, f"{position}.xml", "a" * 32, "10.5555/k", "Başlık", 1, ArticleOutcome.ACCEPTED, ())


def refused(position: int, title: str = "Işığın “kırılması”") -> ArticleLine:
    found = finding("XML_NOT_WELL_FORMED", f"makale/{position}.xml", 3, detail="no end tag")
    return ArticleLine(
        position, f"{position}.xml", None, f"10.5555/r.{position}", title, None, ArticleOutcome.REFUSED, (found,)
    )


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    clock = Clock()
    with smtp_server() as server:
        post = Post(
            catalogue=catalogue,
            server=MailServer("127.0.0.1", server.port, "none"),
            sender="arsiv@example.org",
            copies_to=(),
            addressees={PUBLISHER: Addressee((TO,), "en")},
            at=time(7),
            zone=ISTANBUL,
            archive="Ulusal Arşiv",
            email="sor@example.org",
            base_url="https://arsiv.example.org",
            identifier="arsiv.example.org",
            secret=b"k" * 32,
            texts=TEXTS,
            clock=clock,
        )
        yield Office(post, server, clock)
    catalogue.close()


def yesterday(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 10, hour, minute, tzinfo=ISTANBUL)


def test_a_publisher_is_told_of_a_day_once(office: Office) -> None:
    good = office.delivered("sayi-1.zip", yesterday(9))
    bad = office.delivered("sayi-2.zip", yesterday(10), [kept(1), refused(2)], state=DeliveryState.PARTIAL)
    office.delivered("bugun.zip", MORNING - timedelta(hours=6, minutes=59))
    office.delivered("evvelki.zip", yesterday(0) - timedelta(seconds=1))
    office.delivered("baska.zip", yesterday(9), publisher="Başka")
    (letter,) = office.sent()
    assert letter.state is DigestState.SENT
    (received,) = office.server.received
    assert (received.sender, received.recipients) == ("arsiv@example.org", [TO])
    mail = received.letter
    assert mail["Subject"] == "Ulusal Arşiv: your deliveries of March 10, 2026"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    text = mail.get_content().replace("\r\n", "\n")
    assert "Deliveries: 2 (accepted 1, partly accepted 1)" in text
    assert "Articles: 3 (preserved 2, not accepted 1)" in text
    for identifier in (good, bad):
        assert f"https://arsiv.example.org/receipts/{attestation.token(b'k' * 32, identifier)}" in text
    assert "Where: makale/2.xml, line 3" in text
    assert "XML_NOT_WELL_FORMED" in text
    assert "What to do: " in text
    assert not {"bugun.zip", "evvelki.zip", "baska.zip"} & set(re.findall(r"\S+\.zip", text))
    for _ in range(3):
        assert office.sent() == []
        assert office.sent(at_once=True) == []
        office.clock.now += timedelta(minutes=30)
    assert len(office.server.received) == 1
    office.clock.now = MORNING + timedelta(days=1)
    assert [one.state for one in office.sent()] == [DigestState.SENT]
    assert "bugun.zip" in office.server.received[1].letter.get_content()


def test_nothing_is_sent_of_a_day_on_which_nothing_happened(office: Office) -> None:
    office.delivered("x.zip", yesterday(9) - timedelta(days=30))
    for _ in range(5):
        assert office.sent() == []
        office.clock.now += timedelta(days=1)
    assert office.server.connections == 0
    with office.post.catalogue.reading() as session:
        assert session.execute(rows.select(rows.func.count()).select_from(rows.Digest)).scalar() == 1
    office.delivered("y.zip", office.clock.now - timedelta(hours=12))
    assert len(office.sent()) == 1


def test_before_its_hour_nothing_is_planned_and_by_hand_it_is(office: Office) -> None:
    office.delivered("x.zip", yesterday(9))
    office.clock.now = MORNING - timedelta(minutes=1)
    assert office.sent() == []
    assert len(office.sent(at_once=True)) == 1
    office.clock.now = MORNING
    assert office.sent() == []


def test_what_ended_at_the_very_end_of_a_day_is_not_missed(office: Office) -> None:
    """By hand just after midnight: what was finished a second before may not be in the catalogue yet."""
    midnight = datetime(2026, 3, 11, 0, 0, 1, tzinfo=ISTANBUL)
    office.delivered("early.zip", yesterday(9))
    office.clock.now = midnight
    assert office.sent(at_once=True) == []
    office.delivered("late.zip", midnight - timedelta(seconds=2))
    office.clock.now = MORNING
    (letter,) = office.sent()
    assert "late.zip" in letter.message.get_content()
    assert "early.zip" in letter.message.get_content()


def test_days_on_which_nobody_looked_are_told_together(office: Office) -> None:
    office.delivered("a.zip", yesterday(9))
    office.sent()
    for days in (1, 2, 3):
        office.delivered(f"{days}.zip", yesterday(9) + timedelta(days=days))
    office.clock.now = MORNING + timedelta(days=3)
    (letter,) = office.sent()
    text = letter.message.get_content()
    assert "March 11, 2026 – March 13, 2026" in text
    assert all(f"{days}.zip" in text for days in (1, 2, 3))


def test_a_delivery_in_progress_is_told_and_told_again_when_it_has_ended(office: Office) -> None:
    office.delivered("uzun.zip", yesterday(23), finished=False)
    (first,) = office.sent()
    assert "in progress" in first.message.get_content()
    office.delivered("uzun.zip", MORNING)
    with office.post.catalogue.writing() as session:
        made = deliveries.accept(session, PUBLISHER, ["uzun.zip"], sha256_of("uzun.zip"), 7, MORNING)
        deliveries.begin(session, made.id)
        deliveries.finish(session, made.id, DeliveryState.ACCEPTED, (), [kept(1)], MORNING)
    office.clock.now = MORNING + timedelta(days=1)
    (second,) = office.sent()
    assert "accepted (preserved 1)" in second.message.get_content()


def test_a_server_that_is_down_delays_every_digest_and_loses_none(office: Office) -> None:
    nobody = replace(office.post, server=MailServer("127.0.0.1", 1, "none"))
    for days in range(3):
        office.delivered(f"{days}.zip", yesterday(9) + timedelta(days=days))
        office.clock.now = MORNING + timedelta(days=days)
        letters = list(digests.send(nobody))
        assert [one.state for one in letters] == [DigestState.WAITING] * (days + 1)
        assert all("did not answer" in (one.problem or "") for one in letters)
    with office.post.catalogue.reading() as session:
        number, since, _ = rows.waiting(session)[DigestState.WAITING]
    assert (number, since) == (1, MORNING.astimezone(UTC)), "the others were not even tried"
    office.clock.now += timedelta(hours=1)
    assert [one.state for one in office.sent()] == [DigestState.SENT] * 3
    texts = [one.letter.get_content() for one in office.server.received]
    assert [re.findall(r"\d\.zip", text) for text in texts] == [["0.zip"], ["1.zip"], ["2.zip"]]
    assert office.sent(at_once=True) == []


def test_attempts_grow_rarer(office: Office) -> None:
    office.delivered("x.zip", yesterday(9))
    nobody = replace(office.post, server=MailServer("127.0.0.1", 1, "none"))
    tried = 0
    for _ in range(600):
        tried += len(list(digests.send(nobody)))
        office.clock.now += timedelta(minutes=1)
    assert 10 <= tried <= 20


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_is_doubt_and_the_letter_goes_again_as_the_same(office: Office, verb: str) -> None:
    office.delivered("x.zip", yesterday(9))
    office.server.break_off += [verb] * (2 if verb == "EHLO" else 1)
    (first,) = office.sent()
    assert office.server.met[0] == f"broke off after {verb}"
    assert (first.state, first.silent) == (DigestState.WAITING, True)
    office.server.break_off.clear()
    (second,) = office.sent(at_once=True)
    assert second.state is DigestState.SENT
    names = {one.letter["Message-ID"] for one in office.server.received}
    assert names == {"<digest.ornek-yayinevi.202603102100@arsiv.example.org>"}
    assert len({one.octets for one in office.server.received}) == 1
    assert len(office.server.received) == (2 if verb == "DATA" else 1)


def test_one_recipient_later_and_another_never_each_gets_it_at_most_once(office: Office) -> None:
    late, never, own = "gec@example.org", "yok@example.org", "biz@example.org"
    post = replace(office.post, copies_to=(own,), addressees={PUBLISHER: Addressee((TO, late, never), "tr")})
    office = replace(office, post=post)
    office.delivered("x.zip", yesterday(9))
    office.server.answers |= {late: "450 greylisted", never: "550 no such user"}
    (first,) = office.sent()
    assert (first.state, first.silent) == (DigestState.WAITING, False)
    assert office.server.received[0].recipients == [TO, own]
    assert own not in str(office.server.received[0].letter["To"])
    del office.server.answers[late]
    (second,) = office.sent(at_once=True)
    assert second.state is DigestState.REFUSED
    assert second.problem == "yok@example.org: 550 no such user"
    assert office.server.received[1].recipients == [late]
    office.clock.now += timedelta(days=1)
    assert office.sent() == [], "a person has to mend the address"
    del office.server.answers[never]
    (third,) = office.sent(at_once=True)
    assert third.state is DigestState.SENT
    assert [one.recipients for one in office.server.received] == [[TO, own], [late], [never]]


@pytest.mark.parametrize(("answer", "state"), [("554 no", DigestState.REFUSED), ("451 not now", DigestState.WAITING)])
@pytest.mark.parametrize("verb", ["MAIL", "DATA"])
def test_an_answer_for_good_is_a_refusal_and_one_for_now_is_doubt(
    office: Office, verb: str, answer: str, state: DigestState
) -> None:
    office.delivered("x.zip", yesterday(9))
    office.server.answers[verb] = answer
    (letter,) = office.sent()
    assert letter.state is state
    assert answer in (letter.problem or "")


def test_two_processes_at_once_send_one_letter(office: Office) -> None:
    office.delivered("x.zip", yesterday(9))
    with ThreadPoolExecutor(6) as pool:
        found = [letter for letters in pool.map(lambda _: office.sent(), range(6)) for letter in letters]
    assert [one.state for one in found] == [DigestState.SENT]
    assert len(office.server.received) == 1


def test_a_killed_sender_lets_go_of_its_digest(office: Office) -> None:
    office.delivered("x.zip", yesterday(9))
    with pytest.raises(KeyboardInterrupt):
        _killed_while_sending(office)
    assert office.sent() == [], "for a while nobody knows whether it still sends"
    office.clock.now += digests.LEASE + timedelta(seconds=1)
    assert [one.state for one in office.sent()] == [DigestState.SENT]


def _killed_while_sending(office: Office) -> None:
    def moment() -> datetime:
        with office.post.catalogue.reading() as session:
            if session.execute(rows.select(rows.Digest.lease)).scalar() is not None:
                raise KeyboardInterrupt
        return office.clock()

    # The clock is asked again after the mail server has been: there the program ends.
    list(digests.send(replace(office.post, clock=moment, server=MailServer("127.0.0.1", 1, "none"))))


def test_no_name_ends_a_line_or_adds_a_recipient(office: Office) -> None:
    evil = "x.zip\r\nBcc: victim@example.org\r\n.\r\nhttps://evil.example/\u202egpj"
    office.delivered(evil, yesterday(9), [refused(1, title="A\nReceipt: https://evil.example/")])
    post = replace(office.post, archive="Arşiv, Ulusal <x@y>", addressees={PUBLISHER: Addressee((TO,), "tr")})
    (letter,) = list(digests.send(post))
    assert letter.state is DigestState.SENT
    (received,) = office.server.received
    assert received.recipients == [TO]
    assert received.letter["Bcc"] is None
    assert received.letter["From"].addresses[0].addr_spec == "arsiv@example.org"
    text = received.letter.get_content()
    assert "\u202e" not in text
    assert not [line for line in text.splitlines() if line.strip().startswith(("Bcc", ".", "https://evil"))]
    assert [line for line in text.splitlines() if "evil.example" in line and "\\n" in line]


def test_the_letter_speaks_turkish(office: Office) -> None:
    office = replace(office, post=replace(office.post, addressees={PUBLISHER: Addressee((TO,), "tr")}))
    office.delivered("sayı.zip", yesterday(9), [kept(1), refused(2)], state=DeliveryState.PARTIAL)
    office.sent()
    mail = office.server.received[0].letter
    assert mail["Subject"] == "Ulusal Arşiv: 10 Mart 2026 teslimatlarınız"
    text = mail.get_content()
    for said in ("Teslimatlar: 1 (kısmen kabul edildi 1)", "Ne yapmalı: ", "satır 3"):
        assert said in text
    assert "What" not in text


def test_a_large_day_stays_a_letter_that_names_every_delivery(office: Office) -> None:
    many = [refused(number) for number in range(1, 61)]
    for number in range(digests.digest_text.MOST_TOLD + 5):
        office.delivered(
            f"d{number:03}.zip", yesterday(9) + timedelta(minutes=number), many if number in (0, 204) else None
        )
    office.sent()
    text = office.server.received[0].letter.get_content()
    assert len(set(re.findall(r"/receipts/[0-9a-f]{64}", text))) == 205
    assert text.count("XML_NOT_WELL_FORMED") == 20
    assert "… and 40 more" in text
    assert "not accepted 120" in text


def test_a_rehearsal_shows_the_letter_and_changes_nothing(office: Office) -> None:
    office.delivered("x.zip", yesterday(9))
    (shown,) = digests.rehearse(office.post)
    assert "x.zip" in shown.message.get_content()
    assert shown.recipients == (TO,)
    with office.post.catalogue.reading() as session:
        assert session.execute(rows.select(rows.Digest)).all() == []
    assert office.server.connections == 0
    (sent,) = office.sent()
    assert sent.message.get_content() == shown.message.get_content()
    assert list(digests.rehearse(office.post)) == []


@pytest.fixture
def authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return context, tmp_path / "ca.pem"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_is_told_under_encryption_only(authority: tuple[ssl.SSLContext, Path], security: str) -> None:
    context, ca_file = authority
    with smtp_server(certificate=context, implicit=security == "tls", password=True) as running:
        right = MailServer("127.0.0.1", running.port, security, USER, PASSWORD, ca_file)  # type: ignore[arg-type]
        letter = digests.EmailMessage()
        letter.set_content("x")
        assert hand_in(right, letter, "a@example.org", [TO]) == {}
        (taken,) = running.received
        assert (taken.encrypted, taken.user) == (True, USER)
        assert "as arşiv" in look(right)
        running.mechanism = "LOGIN"
        assert "as arşiv" in look(right)
        with pytest.raises(MailUnavailable, match="in: 535"):
            look(replace(right, password="yanlış"))
        with pytest.raises(MailUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            look(replace(right, ca_file=None))
        with pytest.raises(MailRefused, match="530 sign in first"):
            hand_in(replace(right, user=None), letter, "a@example.org", [TO])


def test_a_server_without_starttls_is_not_talked_to_in_clear() -> None:
    with smtp_server() as running, pytest.raises(MailUnavailable, match="STARTTLS"):
        look(MailServer("127.0.0.1", running.port, "starttls", USER, PASSWORD))

"""Signed heads stamped with the time by somebody else: verified before they are kept, and by anybody afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from notarial import codes, notary_over, outsider, prove_all, tell
from sqlalchemy import delete, select, update
from time_stamper import TimeStamper, time_stamper
from watched import Clock

from fixity.notary import Notary, seal
from ingest import begun_anew
from repository.models import SignedHead, SignedHeadCopy
from repository.vocabulary import HEADS, is_head_key, is_housekeeping, is_time_stamp_key, utc_now


@pytest.fixture
def stamper(tmp_path: Path) -> Iterator[TimeStamper]:
    with time_stamper(tmp_path / "tsa") as running:
        yield running


@pytest.fixture
def notary(tmp_path: Path, stamper: TimeStamper) -> Iterator[Notary]:
    """Three stores and an authority; the day is today, as it is the authority's."""
    made = notary_over(f"sqlite:///{tmp_path / 'c.sqlite'}", tmp_path)
    clock = Clock()
    clock.now = utc_now()
    made = replace(made, clock=clock, authority=stamper.authority)
    tell(made.catalogue, clock, 5)
    yield made
    made.catalogue.close()


def lying(notary: Notary, store: str) -> list[Path]:
    return sorted((notary.stores[store].root / HEADS).iterdir())  # type: ignore[attr-defined]


def a_day_later(notary: Notary) -> None:
    notary.clock.forward(days=1)  # type: ignore[attr-defined]
    tell(notary.catalogue, notary.clock, 5)  # type: ignore[arg-type]


def test_a_head_is_stamped_and_the_stamp_lies_beside_it_in_every_store(
    notary: Notary, stamper: TimeStamper, tmp_path: Path
) -> None:
    done = seal(notary, daily=True)
    assert (done.stamped, done.unstamped, done.exit_status, stamper.asked) == (1, "", 0, 1)
    kept = set()
    for name in notary.stores:
        head, stamp = lying(notary, name)
        assert is_head_key(HEADS + head.name)
        assert is_time_stamp_key(HEADS + stamp.name)
        assert is_housekeeping(HEADS + stamp.name)
        assert stamp.stem == head.stem
        kept.add(stamp.read_bytes())
        # An outsider with openssl alone comes to the same.
        words = ["ts", "-verify", "-data", str(head), "-in", str(stamp), "-CAfile", str(stamper.ca_file)]
        stamper.openssl(*words)
    assert len(kept) == 1
    proof = prove_all(notary)
    assert (proof.exit_status, proof.problems) == (0, [])
    assert proof.time_stamps == {name: {"verified": 1} for name in notary.stores}
    assert outsider(notary, tmp_path)[0] == 0, "what lies beside the heads does not disturb"
    assert (seal(notary, daily=True).stamped, stamper.asked) == (0, 1), "once is enough"
    moment = stamper.authority.moment(head.read_bytes(), stamp.read_bytes())
    assert abs(moment - utc_now()) < timedelta(hours=1)


def test_without_an_authority_stamps_are_told_and_not_called_verified(notary: Notary) -> None:
    seal(notary, daily=True)
    proof = prove_all(replace(notary, authority=None))
    assert (proof.exit_status, proof.time_stamps["main"]) == (0, {"not verified": 1})


def test_an_authority_that_is_silent_or_answers_nonsense_delays_nothing_and_is_asked_again(
    notary: Notary, stamper: TimeStamper, tmp_path: Path
) -> None:
    with time_stamper(tmp_path / "stranger") as stranger:
        notary = replace(notary, authority=replace(stamper.authority, patience=0.5))
        other = stranger.reply(_query(b"something else"))
        for answer in ("hang", 500, b"no DER at all", other, stamper.reply(_query(b"another document"))):
            stamper.answers.append(answer)
            before = stamper.asked
            done = seal(notary, daily=True)
            assert stamper.asked == before + 1, "the fault did not happen"
            assert done.unstamped, answer
            assert (done.stamped, done.exit_status) == (0, 0)
            for name in notary.stores:
                assert [is_head_key(HEADS + file.name) for file in lying(notary, name)] == [True], "the head lies there"
        done = seal(replace(notary, authority=replace(stamper.authority, url="http://127.0.0.1:1/")), daily=True)
        assert "127.0.0.1" in done.unstamped or "refused" in done.unstamped
    notary = replace(notary, authority=stamper.authority)
    assert seal(notary, daily=True).stamped == 1
    assert prove_all(notary).time_stamps["third"] == {"verified": 1}


def _query(document: bytes) -> bytes:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    built = TimestampRequestBuilder().data(document).hash_algorithm(HashAlgorithm.SHA256).build()
    octets: bytes = built.as_bytes()
    return octets


def test_heads_of_days_without_an_authority_are_stamped_later_and_old_ones_never(
    notary: Notary, stamper: TimeStamper
) -> None:
    silent = replace(notary, authority=None)
    seal(silent, daily=True)
    notary.clock.forward(days=40)  # type: ignore[attr-defined]
    for _ in range(3):
        a_day_later(silent)
        seal(silent, daily=True)
    assert seal(notary, daily=True).stamped == 3
    with notary.catalogue.reading() as session:
        stamped = [
            row.time_stamp is not None for row in session.execute(select(SignedHead).order_by(SignedHead.at)).scalars()
        ]
    assert stamped == [False, True, True, True]


def test_a_stamp_that_was_changed_exchanged_or_taken_away_is_found(notary: Notary, stamper: TimeStamper) -> None:
    seal(notary, daily=True)
    a_day_later(notary)
    seal(notary, daily=True)
    first, stamp, _, other = lying(notary, "main")
    stood = stamp.read_bytes()
    stamp.write_bytes(other.read_bytes())
    assert codes(prove_all(notary)) == {"TIME_STAMP_WRONG"}
    octets = bytearray(stood)
    octets[len(octets) // 2] ^= 1
    stamp.write_bytes(bytes(octets))
    assert codes(prove_all(notary)) == {"TIME_STAMP_WRONG"}
    stamp.unlink()
    assert codes(prove_all(notary)) == {"HEAD_GONE"}
    stamp.write_bytes(stood)
    assert prove_all(notary).exit_status == 0
    first.write_bytes(first.read_bytes() + b" ")
    assert "TIME_STAMP_WRONG" in codes(prove_all(notary)), "the stamp is of other bytes"


def test_a_stamp_of_a_catalogue_since_restored_is_taken_up_and_not_made_twice(
    notary: Notary, stamper: TimeStamper
) -> None:
    seal(notary, daily=True)
    with notary.catalogue.writing() as session:  # as a backup from between the head and its stamp
        session.execute(update(SignedHead).values(time_stamp=None))
        session.execute(update(SignedHeadCopy).values(time_stamp_put_at=None))
    done = seal(notary, daily=True)
    assert (done.stamped, done.exit_status, stamper.asked) == (1, 0, 1)
    assert prove_all(notary).exit_status == 0


def test_a_rebuild_reads_stores_in_which_stamps_lie(notary: Notary) -> None:
    seal(notary, daily=True)
    with notary.catalogue.writing() as session:
        session.execute(delete(SignedHeadCopy))
        session.execute(delete(SignedHead))
    assert not begun_anew.declare(
        notary.catalogue, list(notary.stores.values()), notary.scratch, "mahfuz test", notary.clock
    )
    assert prove_all(notary).exit_status == 0


def test_a_certificate_that_may_not_stamp_proves_nothing(notary: Notary, stamper: TimeStamper, tmp_path: Path) -> None:
    """The stranger's root is not ours, whatever it signed."""
    with time_stamper(tmp_path / "stranger") as stranger:
        roots = x509.load_pem_x509_certificates(stranger.ca_file.read_bytes())
        done = seal(replace(notary, authority=replace(stamper.authority, roots=roots)), daily=True)
    assert stamper.asked == 1
    assert (done.stamped, "proves" in done.unstamped) == (0, True)

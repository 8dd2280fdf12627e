"""A token names exactly the place for which it was written, or nothing."""

from __future__ import annotations

import random
import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oai_pmh.arguments import Verb
from oai_pmh.tokens import BadToken, Continuation, TokenKeys, at, ticks

KEYS = TokenKeys((b"first secret, long enough",))
NOW = datetime(2026, 11, 23, 9, 5, 0, tzinfo=UTC)
PLACE = Continuation(
    verb=Verb.LIST_RECORDS,
    metadata_prefix="oai_dc",
    set_spec="journal:1234-5678",
    since=datetime(2024, 1, 1, tzinfo=UTC),
    until=datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
    begun=NOW,
    after=(ticks(NOW), 4711),
    cursor=500,
    size=20000,
)


def test_a_token_is_read_as_it_was_written() -> None:
    assert KEYS.read(KEYS.write(PLACE), Verb.LIST_RECORDS, NOW) == PLACE


def test_a_token_needs_no_encoding_in_an_address() -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,400}", KEYS.write(PLACE))


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_keep_their_microseconds(moment: datetime) -> None:
    assert at(ticks(moment)) == moment


def test_a_token_is_bound_to_its_verb() -> None:
    with pytest.raises(BadToken, match="ListRecords"):
        KEYS.read(KEYS.write(PLACE), Verb.LIST_IDENTIFIERS, NOW)


def test_a_token_lives_for_more_than_a_year_and_not_for_ever() -> None:
    token = KEYS.write(PLACE)
    assert PLACE.expires > NOW + timedelta(days=365)
    assert KEYS.read(token, Verb.LIST_RECORDS, PLACE.expires) == PLACE
    with pytest.raises(BadToken, match="expired"):
        KEYS.read(token, Verb.LIST_RECORDS, PLACE.expires + timedelta(seconds=1))


def test_a_key_can_be_changed_without_harm() -> None:
    token = KEYS.write(PLACE)
    rotated = TokenKeys((b"second secret, long enough", *KEYS.secrets))
    assert rotated.read(token, Verb.LIST_RECORDS, NOW) == PLACE
    assert rotated.write(PLACE) != token
    retired = TokenKeys((b"second secret, long enough",))
    with pytest.raises(BadToken):
        retired.read(token, Verb.LIST_RECORDS, NOW)


def test_a_short_key_is_refused() -> None:
    for secrets in ((), (b"short",), (b"long enough for this", b"")):
        with pytest.raises(ValueError, match="at least one key"):
            TokenKeys(secrets)


def mutants(token: str, number: int) -> list[str]:
    """``number`` tokens, each with one fault, none of them the token itself."""
    choose = random.Random(20261123)
    alphabet = string.ascii_letters + string.digits + "-_.=+/ ğ\u0660"
    other = KEYS.write(replace(PLACE, cursor=1000, after=(1, 2)))
    found: list[str] = []
    while len(found) < number:
        place = choose.randrange(len(token))
        mutant = choose.choice(
            [
                token[:place] + choose.choice(alphabet) + token[place + 1 :],
                token[:place] + token[place + 1 :],
                token[:place] + choose.choice(alphabet) + token[place:],
                token[:place],
                token[:place] + other[place:],
                token + choose.choice(alphabet),
                token.swapcase(),
            ]
        )
        if mutant not in {token, other}:
            found.append(mutant)
    return found


def test_no_mutant_of_a_token_is_honoured() -> None:
    token = KEYS.write(PLACE)
    for mutant in mutants(token, 1000):
        with pytest.raises(BadToken):
            KEYS.read(mutant, Verb.LIST_RECORDS, NOW)


def test_the_last_letter_has_one_spelling_only() -> None:
    # 43 letters of base64 hold 258 bits, the signature has 256: three other letters decode to the same octets.
    token = KEYS.write(PLACE)
    accepted = []
    for letter in string.ascii_letters + string.digits + "-_":
        try:
            KEYS.read(token[:-1] + letter, Verb.LIST_RECORDS, NOW)
            accepted.append(letter)
        except BadToken:
            pass
    assert accepted == [token[-1]]


@pytest.mark.parametrize("junk", ["", "junk", "0", "....", "1...", "1.a.b.c", "1." * 400, "2.x.y.z", "ışğ", "\n", "{}"])
def test_junk_is_a_bad_token(junk: str) -> None:
    with pytest.raises(BadToken):
        KEYS.read(junk, Verb.LIST_RECORDS, NOW)

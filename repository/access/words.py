"""What a word in a record may be: codes, names, dates, addresses, and identifiers with their check digits."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from stdnum import isni as isni_numbers

from repository.coverage import days_of
from repository.errors import BadValue
from repository.texts import marked
from repository.turkish import machine_lower, tr_fold

LONGEST_NAME = 300
LONGEST_TEXT = 4000
_CODE = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")
_ROR = re.compile(r"0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
_MAIL = re.compile(r"[^@\s<>\"]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_TRUTHS = {"yes": True, "no": False, "evet": True, "hayir": False, "true": True, "false": False, "1": True, "0": False}
_WORD = TypeVar("_WORD", bound=StrEnum)

BAD_CODE = marked(
    "%(given)s cannot be a code: at most %(most)s letters a–z, digits, hyphens and dots, such as ornek-universitesi."
)
NO_NAME = marked("A name is needed.")
TOO_LONG = marked("%(given)s… is too long: at most %(most)s characters.")
BAD_ROR = marked("%(given)s is no ROR: nine characters such as 05dxps055, whose last two are check digits.")
BAD_ISNI = marked("%(given)s is no ISNI: sixteen digits such as 0000 0001 2281 955X, whose last one is a check digit.")
BAD_ADDRESS = marked("%(given)s is no address: it begins with https:// or http:// and has no blanks.")
BAD_CONTACT = marked("%(given)s is neither an e-mail address nor one that begins with https:// or http://.")
BAD_WORD = marked("%(given)s is not known here; one of: %(known)s.")
BAD_DAY = marked("%(given)s is no day: write it as 2026-01-31.")
BAD_DATE = marked("%(given)s is no date: write it as 2015, 2015-03 or 2015-03-14.")
BACKWARDS = marked("The end, %(last)s, lies before the beginning, %(first)s.")
BAD_NUMBER = marked("%(given)s is no number from 0 to %(most)s.")
BAD_TRUTH = marked("%(given)s is neither yes nor no.")
NO_REASON = marked("A reason is needed.")


def code(given: str, most: int) -> str:
    """A code of at most so many characters. Raises BadValue."""
    text = given.strip()
    if len(text) > most or not _CODE.fullmatch(text):
        raise BadValue(BAD_CODE, given=_shown(given), most=most)
    return text


def name(given: str | None) -> str:
    """A name on one line. Raises BadValue."""
    text = line(given, LONGEST_NAME)
    if text is None:
        raise BadValue(NO_NAME)
    return text


def line(given: str | None, most: int) -> str | None:
    """One line of at most so many characters; None for nothing. Raises BadValue."""
    text = " ".join(_storable(given).split())
    if len(text) > most:
        raise BadValue(TOO_LONG, given=_shown(text), most=most)
    return text or None


def text(given: str | None) -> str | None:
    """Several lines; None for nothing. Raises BadValue."""
    found = _storable(given).replace("\r\n", "\n").strip()
    if len(found) > LONGEST_TEXT:
        raise BadValue(TOO_LONG, given=_shown(found), most=LONGEST_TEXT)
    return found or None


def reason(given: str | None) -> str:
    """Why something is done: it stands in the event for ever. Raises BadValue."""
    found = text(given)
    if found is None:
        raise BadValue(NO_REASON)
    return found


def ror(given: str | None) -> str | None:
    """A ROR without its address; None for nothing. Raises BadValue where the check digits (ISO 7064) say no."""
    found = machine_lower((given or "").strip())
    found = re.sub(r"^(https?://)?ror\.org/", "", found).rstrip("/")
    if not found:
        return None
    if _ROR.fullmatch(found):
        number = 0
        for letter in found[:7]:
            number = number * 32 + _BASE32.index(letter)
        if int(found[7:]) == 98 - number * 100 % 97:
            return found
    raise BadValue(BAD_ROR, given=_shown(given or ""))


def isni(given: str | None) -> str | None:
    """An ISNI as sixteen characters; None for nothing. Raises BadValue where the check digit (ISO 27729) says no."""
    found = re.sub(r"^(https?://)?(www\.)?isni\.org/(isni/)?", "", (given or "").strip()).upper()
    if not found:
        return None
    if not isni_numbers.is_valid(found):
        raise BadValue(BAD_ISNI, given=_shown(given or ""))
    return str(isni_numbers.compact(found))


def address(given: str | None) -> str | None:
    """An address on the web; None for nothing. Raises BadValue."""
    found = (given or "").strip()
    if not found:
        return None
    if not _is_address(found):
        raise BadValue(BAD_ADDRESS, given=_shown(found))
    return found


def contact(given: str | None) -> str | None:
    """An address on the web or an e-mail address; None for nothing. Raises BadValue."""
    found = (given or "").strip()
    if found and not _is_address(found) and not (_MAIL.fullmatch(found) and found.isprintable()):
        raise BadValue(BAD_CONTACT, given=_shown(found))
    return found or None


def word(known: type[_WORD], given: str | None) -> _WORD:
    """One of these words. Raises BadValue, which names them."""
    found = machine_lower((given or "").strip())
    if found not in tuple(known):
        raise BadValue(BAD_WORD, given=_shown(given or ""), known=", ".join(known))
    return known(found)


def day(given: str | date | None) -> date | None:
    """A day; None for nothing. Raises BadValue."""
    if given is None or isinstance(given, date):
        return given
    if not given.strip():
        return None
    try:
        found = date.fromisoformat(given.strip())
    except ValueError:
        found = None
    if found is None or len(given.strip()) != 10 or not 1500 <= found.year <= 2999:
        raise BadValue(BAD_DAY, given=_shown(given))
    return found


def partial(given: str | None) -> str | None:
    """A date of the precision given, ``2015-03``; None for nothing. Raises BadValue."""
    found = (given or "").strip()
    if not found:
        return None
    days = days_of(found)
    if days is None or not 1500 <= days.first.year <= 2999:
        raise BadValue(BAD_DATE, given=_shown(found))
    return found


def number(given: str | int | None, most: int) -> int:
    """A whole number from 0; nothing is 0. Raises BadValue."""
    found = str(given or 0).strip()
    if not (found.isascii() and found.isdigit() and len(found) < 10 and int(found) <= most):
        raise BadValue(BAD_NUMBER, given=_shown(found), most=most)
    return int(found)


def truth(given: str | None) -> bool | None:
    """Yes or no; None for nothing. Raises BadValue."""
    found = tr_fold(given or "")
    if not found:
        return None
    if found not in _TRUTHS:
        raise BadValue(BAD_TRUTH, given=_shown(given or ""))
    return _TRUTHS[found]


def in_order(first: date | None, last: date | None) -> None:
    """Raises BadValue where the last day is before the first."""
    if first is not None and last is not None and last < first:
        raise BadValue(BACKWARDS, first=first.isoformat(), last=last.isoformat())


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and text.isprintable() and " " not in text


def _shown(given: str) -> str:
    return " ".join(_storable(given).split())[:80]


def is_storable(given: str) -> bool:
    """Whether a database can be asked for it as it is."""
    return _storable(given) == given


def _storable(given: str | None) -> str:
    """Without what no database takes: NUL, and bytes of a command line that were no text."""
    return (given or "").replace("\x00", "").encode("utf-8", "replace").decode()

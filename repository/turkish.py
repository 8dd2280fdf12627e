"""The only three functions of the archive that know how letters become small or stand in order.

``str.lower`` is wrong for Turkish titles (``'İ'.lower()`` is two code points) and a
database's collation changes with its library, so neither is used anywhere else.
"""

from __future__ import annotations

import unicodedata

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

# İ and I first: after that the locale-free mapping of the rest is right.
_DOTS = str.maketrans({"İ": "i", "I": "ı"})
# A soft hyphen is no letter and no blank.
_UNDOTTED = {"\u00ad": "", "ı": "i", "ø": "o", "đ": "d", "ł": "l", "ß": "ss", "æ": "ae", "œ": "oe"}


class _Folded(dict[int, str]):
    """What each code point of a decomposed small text becomes; found out once for each."""

    def __missing__(self, point: int) -> str:
        letter = chr(point)
        if letter in _UNDOTTED:
            folded = _UNDOTTED[letter]
        elif unicodedata.combining(letter):
            folded = ""
        else:
            folded = letter if letter.isalnum() else " "
        self[point] = folded
        return folded


_FOLDED = _Folded()

# CLDR tr: 29 letters, with q after p, w after v, x after w.
_ALPHABET = "abcçdefgğhıijklmnoöpqrsştuüvwxyz"
_PLACE = {letter: chr(0x61 + place) for place, letter in enumerate(_ALPHABET)}


def machine_lower(text: str) -> str:
    """Lower-case the ASCII letters of an identifier (ISSN, DOI, e-mail, scheme) and nothing else."""
    return text.translate(_ASCII_LOWER)


def tr_fold(text: str) -> str:
    """Fold for search: ISPARTA, ısparta, Isparta and İsparta all become ``isparta``.

    Letters lose their marks, white space becomes one blank, punctuation becomes a blank.
    The result holds only what :meth:`str.isalnum` accepts, and blanks.
    """
    # Composed first: an İ written as I and a combining dot is one letter before it is made small.
    small = unicodedata.normalize("NFKC", text).translate(_DOTS).lower()
    return " ".join(unicodedata.normalize("NFKD", small).translate(_FOLDED).split())


def tr_sort_key(text: str) -> str:
    """A string whose code-point order is the order of the Turkish alphabet (store it, compare it bytewise).

    Digits stand before letters; other scripts stand after them, in code-point order;
    punctuation is passed over, as in a library catalogue.
    """
    small = unicodedata.normalize("NFC", text).translate(_DOTS).lower()
    key: list[str] = []
    for letter in small:
        if letter in _PLACE:
            key.append(_PLACE[letter])
        elif letter.isalnum():
            bare = unicodedata.normalize("NFD", letter)[0]
            # Latin letters after the whole alphabet must not collide with its last places.
            key.append(_PLACE.get(bare, letter if ord(letter) < 0x30 + 10 else "\u0100" + letter))
        elif letter.isspace() and key and key[-1] != " ":
            key.append(" ")
    return "".join(key).strip()

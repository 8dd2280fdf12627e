"""Mixed content as plain text: white space folded, notes dropped, formulae kept, Unicode NFC."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from lxml import etree

from ingest.dialects.xml import local

_DROPPED = {
    *("xref", "fn", "index-term", "annotation", "annotation-xml", "long-desc", "media", "supplementary-material"),
    *("rt", "rp"),  # how a word is pronounced, beside the word
}
_PICTURES = {"graphic", "inline-graphic", "private-char"}
_FORMULAE = {"inline-formula", "disp-formula", "alternatives"}
_FORMS = ("math", "textual-form", "alt-text", "tex-math")
_APART = {"break", "p", "title", "sec", "list-item", "label", "td", "th", "disp-formula", "speech", "verse-line"}
_TEX = {"tex-math", "EquationSource"}
# HTML that stands in a text as text.
_TAG = re.compile(
    r"</?(?:p|br|b|i|u|em|strong|sup|sub|span|div|a|ul|ol|li|h[1-6]|table|tr|td|th|tbody)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_INLINE = re.compile(r"</?(?:b|i|u|em|strong|sup|sub|span|a)\b", re.IGNORECASE)
_TEX_BODY = re.compile(r"\\begin\{document\}(.*?)\\end\{document\}", re.DOTALL)


LONGEST = 1_000_000
"""Characters of one text of a description: no abstract has a hundredth of it."""


class TextTooLong(Exception):
    """What should be a title, a name or another text of a description is longer than LONGEST."""


def fold(text: str | None) -> str | None:
    """``text`` with its white space folded to single blanks, in NFC; None when nothing is left. Raises TextTooLong."""
    if text is not None and len(text) > LONGEST:
        raise TextTooLong
    return unicodedata.normalize("NFC", " ".join((text or "").split())) or None


def plain(node: etree._Element | None, without: Callable[[etree._Element], bool] | None = None) -> str | None:
    """The element's content as one line of plain text; None when there is none.

    Cross-references and footnotes are left out. Of a formula in several forms one is taken: MathML,
    textual form, alternative text, TeX, in this order. A picture stands as its alternative text.
    Elements below for which ``without`` is true are left out too, as the format has its own notes and marks.
    Raises TextTooLong.
    """
    if node is None:
        return None
    parts: list[str] = []
    _collect(node, parts, frozenset(), without)
    if sum(map(len, parts)) > LONGEST:
        raise TextTooLong
    return fold("".join(parts))


def text_of(node: etree._Element | None, without: Callable[[etree._Element], bool] | None = None) -> str | None:
    """As :func:`plain`; HTML that the field of an editor wrote into the text, perhaps escaped twice, is taken out."""
    text = plain(node, without)
    return fold(_without_tags(html.unescape(_without_tags(text)))) if text else None


def _without_tags(text: str) -> str:
    return _TAG.sub(lambda tag: "" if _INLINE.match(tag[0]) else " ", text)


def _collect(
    node: etree._Element,
    parts: list[str],
    skipped: frozenset[str],
    without: Callable[[etree._Element], bool] | None,
) -> None:
    name = local(node)
    if name in _FORMULAE and not skipped:
        skipped = _other_forms(node)
    if name in _TEX and not len(node):
        parts.append(_tex(node.text or ""))
        return
    if name in _PICTURES:
        skipped = skipped - {"alt-text"}
    elif node.text:
        parts.append(node.text)
    for below in node:
        kind = local(below)
        apart = kind in _APART
        if apart:
            parts.append(" ")
        if kind and kind not in _DROPPED and kind not in skipped and not (without and without(below)):
            _collect(below, parts, skipped, without)
        if apart:
            parts.append(" ")
        if below.tail:
            parts.append(below.tail)


def _other_forms(formula: etree._Element) -> frozenset[str]:
    """The forms of this formula that are not to be read, because a better one is there."""
    named = (below for below in formula.iterdescendants() if local(below) in _FORMS)
    present = {local(below) for below in named if any(text.strip() for text in below.itertext())}
    best = next((form for form in _FORMS if form in present), None)
    pictures = _PICTURES if best else frozenset()
    return frozenset(form for form in _FORMS if form != best) | pictures


def _tex(source: str) -> str:
    body = _TEX_BODY.search(source)
    formula = (body[1] if body else source).strip().strip("$")
    return formula.removeprefix("\\(").removesuffix("\\)").strip()

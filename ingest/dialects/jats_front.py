"""The publisher's front matter, taken out of an article where it is what JATS Archiving 1.3 allows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from threading import Lock

from lxml import etree

from ingest.dialects.xml import children
from repository.jats import NAMESPACE, PREFIXES, Front

LONGEST = 512 * 1024
"""Characters of a front matter that is kept: the largest real ones, with a thousand authors, have half of that."""

_DTD = Path(__file__).with_name("jats-1.3-front.dtd")
_OPENED = "<article" + "".join(f' xmlns:{prefix}="{space}"' for space, prefix in PREFIXES.items()) + ">"
_OWN_SPACE = re.compile(r'^(<front\b[^>]*?) xmlns="' + re.escape(NAMESPACE) + '"')
_TOKEN = re.compile(r"[\w.:-]+")
_POINTING = etree.XPath("//@rid | //@continued-from")
_IDS = etree.XPath("//@id")
_AFTER_RELATED = frozenset(
    (
        *("related-article", "related-object", "abstract", "trans-abstract", "kwd-group", "funding-group"),
        *("support-group", "conference", "counts", "custom-meta-group"),
    )
)
"""What stands in an article-meta from where related articles may stand."""
_HERE = "<!-- -->"
_VALUE = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})

_one_at_a_time = Lock()  # libxml2 works out the content model of an element when it first meets one


def front_of(article: etree._Element) -> bytes | None:
    """The front matter of one ``article`` element, packed; None where it has none, or one that would not be valid.

    It is the publisher's, word for word, without comments and processing instructions; only what names an element
    outside it (a note, a reference) no longer does.
    """
    front = next(children(article, "front"), None)
    if front is None:
        return None
    text = etree.tostring(front, encoding="unicode", with_tail=False)
    if len(text) > LONGEST:
        return None
    # Read anew: prefixes that only a DTD declared are true ones now, and the article stays as it is.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True, ns_clean=True
    )
    try:
        own = etree.fromstring(_OPENED + _OWN_SPACE.sub(r"\1", text) + "</article>", parser)
    except etree.XMLSyntaxError:
        return None
    etree.cleanup_namespaces(own)
    _forget_what_is_elsewhere(own)
    with _one_at_a_time:
        if not _dtd().validate(own):
            return None
    whole = etree.tostring(_marked(own), encoding="unicode")
    before, _, after = whole[whole.index("<front") : -len("</article>")].partition(_HERE)
    return Front(_attributes(article), before, after).packed()


def _attributes(article: etree._Element) -> str:
    found = {str(key).rpartition("}")[2]: str(value) for key, value in article.attrib.items()}
    language = found.get("lang") or found.get("xml:lang") or ""
    kind = " ".join(found.get("article-type", "").split())
    written = f' article-type="{kind.translate(_VALUE)}"' if kind else ""
    return written + (f' xml:lang="{language}"' if _TOKEN.fullmatch(language) else "")


def _forget_what_is_elsewhere(article: etree._Element) -> None:
    """Of what is pointed at, only what is in the front matter itself is named."""
    pointing = _POINTING(article)
    if not pointing:
        return
    ids = set(_IDS(article))
    for pointer in pointing:
        named = pointer.split()
        there = [each for each in named if each in ids]
        if len(there) == len(named) and named:
            continue
        holder, name = pointer.getparent(), pointer.attrname
        if there:
            holder.set(name, " ".join(there))
        else:
            del holder.attrib[name]


def _marked(article: etree._Element) -> etree._Element:
    """The article with a comment where related articles may be added."""
    meta = article.find("front/article-meta")
    if meta is not None:
        after = next((below for below in meta if below.tag in _AFTER_RELATED), None)
        mark = etree.Comment(_HERE[4:-3])
        if after is None:
            meta.append(mark)
        else:
            after.addprevious(mark)
    return article


@cache
def _dtd() -> etree.DTD:
    return etree.DTD(str(_DTD))

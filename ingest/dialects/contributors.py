"""The authors among the contributors of a JATS or NLM article, persons and groups, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

from ingest.dialects.house_words import orcid_of
from ingest.dialects.text import plain
from ingest.dialects.xml import attribute, child, children, local
from repository.turkish import machine_lower
from repository.vocabulary import Author

_IN_BRACKETS = re.compile(r"\([^()]+\)")
_AUTHOR_ROLES = {"", "person", "corresp"}
"""An editor of JATS calls contributors persons and groups, and says of the contrib-group whether they are authors."""
_AUTHOR_WORDS = ("author", "autor", "yazar")
"""Parts of other roles: first-author, corresponding author, sorumlu yazar."""
_GROUP_ROLES = {"collab", "collaboration", "collaborations", "consortium", "group", "on-behalf-of"}
_BESIDE_A_NAME = {"contrib-group", "contrib", "aff", "address", "author-comment", "email", "institution-id"}
_GROUP_NAMES = ("collab", "collab-alternatives", "collab-name")
_OTHER_GROUPS = ("editor", "reviewer", "translator")
"""Parts of what their contrib-group is called: volume-editors, conference-editors."""


def authors_of(meta: etree._Element | None) -> tuple[Author, ...]:
    """Every person and group whose role is author; the members of a group are not authors themselves."""
    found: list[Author] = []
    for group in children(meta, "contrib-group"):
        called = machine_lower(attribute(group, "content-type") or "")
        if "author" not in called and any(other in called for other in _OTHER_GROUPS):
            continue
        for contributor in children(group, "contrib", "collab"):
            if local(contributor) == "collab":
                # NLM 2 lets a group stand in the contrib-group without a contrib around it.
                found += _groups([contributor])
                continue
            role = machine_lower(attribute(contributor, "contrib-type") or "")
            is_author = role in _AUTHOR_ROLES or _is_author(role)
            if is_author:
                person = _person(contributor)
                found += [person] if person else []
            if is_author or role in _GROUP_ROLES:
                found += _groups(children(contributor, *_GROUP_NAMES))
    return tuple(found)


def _is_author(role: str) -> bool:
    # eLife's "author non-byline" is a member of a group.
    return any(word in role for word in _AUTHOR_WORDS) and "non-byline" not in role


def _groups(nodes: Iterable[etree._Element]) -> list[Author]:
    return [Author(collab=name) for node in nodes if (name := _group_name(node))]


def _person(contributor: etree._Element) -> Author | None:
    name = _name(contributor)
    if name is None:
        return None
    family, given = plain(child(name, "surname")), plain(child(name, "given-names"))
    if family is None and given is None:
        family = plain(name)  # a string-name, and what others write into a name without parting it
    if family is None and given is None:
        return None
    return Author(family, given, plain(child(name, "suffix")), orcid=_orcid(contributor))


def _name(contributor: etree._Element) -> etree._Element | None:
    """The name itself; of several forms the western one, else the first."""
    forms = list(children(contributor, "name", "string-name"))
    for alternatives in children(contributor, "name-alternatives"):
        forms += children(alternatives, "name", "string-name")
    western = (form for form in forms if attribute(form, "name-style") == "western")
    return next(western, forms[0] if forms else None)


def _group_name(node: etree._Element) -> str | None:
    """The group's own name: text and inline mark-up, without the lists of members and addresses inside it."""
    if local(node) == "collab-alternatives":
        return next((name for form in children(node, "collab") if (name := _group_name(form))), None)
    name = plain(node, lambda below: local(below) in _BESIDE_A_NAME)
    return name[1:-1].strip() if name and _IN_BRACKETS.fullmatch(name) else name


def _orcid(contributor: etree._Element) -> str | None:
    """What says of itself that it is the ORCID of this person, in the form that ORCID asks for."""
    for node in (*children(contributor, "contrib-id", "uri", "ext-link"), contributor):
        address = attribute(node, "href") or ""
        kinds = [attribute(node, name) for name in ("contrib-id-type", "content-type", "ext-link-type")]
        written = "" if node is contributor else plain(node) or ""
        orcid = orcid_of(written) or orcid_of(address)
        if orcid and ("orcid" in map(machine_lower, filter(None, kinds)) or "orcid.org/" in f"{written} {address}"):
            return orcid
    return None

"""fetch.txt: what a bag with holes says should be fetched, which is read and judged and never done (RFC 8493 2.2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from repository.bags.codes import Findings
from repository.bags.declaration import Declaration
from repository.bags.paths import outside
from repository.bags.text import lines

PATH = "fetch.txt"
_LINE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:[^ \t]+)[ \t]+([0-9]{1,20}|-)[ \t]+(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of fetch.txt: ``path`` as written, ``bytes`` if it says how many. Its address is of no use to us."""

    line: int
    path: str
    bytes: int | None


def parse_fetch(raw: bytes, declaration: Declaration, findings: Findings) -> list[Promise]:
    """Every line that promises a payload file; the others are findings."""
    promises: list[Promise] = []
    findings.add("BAG_FETCH", PATH)
    for number, line in lines(raw, declaration.encoding):
        if line is None:
            findings.add("BAG_TAG_ENCODING", PATH, number, encoding=declaration.encoding)
            continue
        if not line.strip():
            continue
        found = _LINE.fullmatch(line)
        if not found:
            findings.add("BAG_FETCH_SYNTAX", PATH, number, reason=line[:200])
            continue
        path = found.group(3)
        if outside(path):
            findings.add("BAG_PATH_OUTSIDE", PATH, number, name=path)
        elif not path.removeprefix("./").startswith("data/"):
            findings.add("BAG_PATH_NOT_PAYLOAD", PATH, number, name=path)
        else:
            length = found.group(2)
            promises.append(Promise(number, path, None if length == "-" else int(length)))
    return promises

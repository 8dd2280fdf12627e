"""bag-info.txt: labels and values in order, and the Payload-Oxum among them (RFC 8493 2.2.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from repository.bags.codes import Findings
from repository.bags.declaration import Declaration
from repository.bags.text import lines
from repository.turkish import machine_lower
from repository.vocabulary import Level

Pairs = tuple[tuple[str, str], ...]

_OXUM = re.compile(r"([0-9]{1,20})\.([0-9]{1,20})")


def values_of(pairs: Sequence[tuple[str, str]], label: str) -> list[str]:
    """Every value of ``label``; reserved labels know no case."""
    wanted = machine_lower(label)
    return [value for name, value in pairs if machine_lower(name) == wanted]


def render_bag_info(pairs: Sequence[tuple[str, str]]) -> bytes:
    """The file's bytes: one line a pair, never folded, so that every reader gives back the same value.

    Raises ValueError for a label or value that would not come back as it went in:
    empty, with white space at an end, with a colon in the label, or with a control or
    line separator anywhere.
    """
    for label, value in pairs:
        if not label or label != label.strip() or ":" in label:
            raise ValueError(f"not a label for bag-info.txt: {label!r}")
        if not value or value != value.strip():
            raise ValueError(f"not a value for bag-info.txt, under {label}: {value!r}")
        for c in label + value:
            if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs"):
                raise ValueError(f"bag-info.txt cannot hold {c!r}, under {label}")
    return "".join(f"{label}: {value}\n" for label, value in pairs).encode("utf-8")


def parse_bag_info(raw: bytes, path: str, declaration: Declaration, findings: Findings) -> Pairs:
    """The pairs in order, folded lines joined; lines that cannot be read are findings.

    BagIt 1.0 wants one blank or tab after the colon and none before it; before 1.0
    there may be more, and they are no part of label or value.
    """
    strict = declaration.strict
    pairs: list[tuple[str, list[str]]] = []
    for number, line in lines(raw, declaration.encoding):
        if line is None:
            findings.add("BAG_TAG_ENCODING", path, number, encoding=declaration.encoding)
            continue
        if line[:1] in (" ", "\t") and line.strip(" \t"):
            if pairs:
                pairs[-1][1].append(line.strip(" \t"))
            else:
                findings.add("BAG_INFO_SYNTAX", path, number, reason="it continues nothing")
            continue
        label, colon, value = line.partition(":")
        if not line.strip():
            findings.add("BAG_INFO_SYNTAX", path, number, Level.WARNING, reason="it is empty")
        elif not colon:
            findings.add("BAG_INFO_SYNTAX", path, number, reason="there is no colon")
        elif not label.strip():
            findings.add("BAG_INFO_SYNTAX", path, number, reason="there is no label")
        else:
            if strict and label != label.strip(" \t"):
                findings.add("BAG_INFO_SYNTAX", path, number, reason="there is white space around the label")
            if strict and value[:1] not in (" ", "\t"):
                findings.add("BAG_INFO_SYNTAX", path, number, reason="there is no blank after the colon")
            pairs.append((label.strip(" \t"), [value.strip(" \t")]))
    return tuple((label, " ".join(parts)) for label, parts in pairs)


def check_oxum(pairs: Pairs, octets: int, count: int, path: str, declaration: Declaration, findings: Findings) -> None:
    """Add a finding for each Payload-Oxum but ``octets.count``, and for a second one (an error from 1.0)."""
    said = values_of(pairs, "Payload-Oxum")
    if len(said) > 1:
        level = Level.ERROR if declaration.strict else Level.WARNING
        findings.add("BAG_OXUM_SYNTAX", path, level=level, reason="it stands more than once")
    for value in said:
        found = _OXUM.fullmatch(value)
        if not found:
            findings.add("BAG_OXUM_SYNTAX", path, reason=f"it is {value!r}")
        elif (int(found.group(1)), int(found.group(2))) != (octets, count):
            findings.add("BAG_OXUM_MISMATCH", path, said=value, found=f"{octets}.{count}")

"""What damaged copies of one bag still prove together: a file, by any copy's manifest that names its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from repository.bags.codes import Findings
from repository.bags.manifests import parse_manifest
from repository.bags.own import ALGORITHM, MANIFEST, TAGMANIFEST
from repository.bags.paths import PAYLOAD, percent_decoded
from repository.bags.verifier import BagReport

_OCTETS = 64
"""Of a SHA-512."""


def witnessed_tag_files(reports: Iterable[BagReport]) -> dict[str, bytes]:
    """The files under ``metadata/`` of which some copy has the bytes and some copy's tag manifest the SHA-512.

    No decay makes a digest and bytes that fit each other.
    """
    reports = list(reports)
    named = {digest for report in reports for _, digest in _listed(report, TAGMANIFEST)}
    found: dict[str, bytes] = {}
    for report in reports:
        for path, raw in report.tag_files.items():
            if hashlib.new(ALGORITHM, raw).digest() in named:
                found.setdefault(path, raw)
    return found


def payload_manifests(reports: Iterable[BagReport]) -> Iterator[dict[str, str]]:
    """What each copy's manifest says of the payload: path inside ``data/`` to SHA-512, small hexadecimal."""
    for report in reports:
        said = {path.removeprefix(PAYLOAD): digest.hex() for path, digest in _listed(report, MANIFEST)}
        if said:
            yield said


def _listed(report: BagReport, manifest: str) -> Iterator[tuple[str, bytes]]:
    raw = report.texts.get(manifest)
    if raw is None:
        return
    for line in parse_manifest(raw, "UTF-8", manifest, Findings()):
        if line.digest is not None and len(line.digest) == _OCTETS:
            yield percent_decoded(line.path), line.digest

"""The strict profile: what a foreign bag may vary and ours may not, so that no flipped bit goes unseen."""

from __future__ import annotations

from repository.bags.bag_info import Pairs, values_of
from repository.bags.contents import Contents
from repository.bags.declaration import TEXT
from repository.bags.manifests import render_manifest
from repository.bags.paths import PAYLOAD
from repository.vocabulary import bag_name

ALGORITHM = "sha512"
MANIFEST = f"manifest-{ALGORITHM}.txt"
TAGMANIFEST = f"tagmanifest-{ALGORITHM}.txt"
METADATA = "metadata/"
FIRST = ("bagit.txt", "bag-info.txt", MANIFEST, TAGMANIFEST)


def member_order(paths: list[str]) -> list[str]:
    """The order in which we write: the four fixed tag files, then metadata, then payload, each by its UTF-8 bytes."""
    metadata = sorted((path for path in paths if path.startswith(METADATA)), key=_octets)
    payload = sorted((path for path in paths if path.startswith(PAYLOAD)), key=_octets)
    return [*FIRST, *metadata, *payload]


def judge_own(contents: Contents, order: list[str], pairs: Pairs, article_id: str, version: int) -> None:
    """Add to ``contents.findings`` what a valid bag may have and a bag of ours, of this article and version, may not.

    The manifests must be, byte for byte, what we would write for the digests that were
    found: a digit that became large or a blank that became a tab is damage too.
    """
    findings = contents.findings
    expected_name = bag_name(article_id, version)
    if contents.name != expected_name:
        findings.add("BAG_OWN_NAME", found=contents.name or "nothing", expected=expected_name)
    identifiers = values_of(pairs, "External-Identifier")
    if identifiers != [article_id]:
        findings.add("BAG_OWN_IDENTIFIER", "bag-info.txt", found=", ".join(identifiers), expected=article_id)
    if contents.texts.get("bagit.txt") != TEXT:
        findings.add("BAG_OWN_VERSION", "bagit.txt")
    expected = [f"{expected_name}/{path}" for path in member_order(list(contents.members))]
    if order != expected:
        at = next((at for at, name in enumerate(order) if at >= len(expected) or name != expected[at]), len(order))
        findings.add(
            "BAG_OWN_ORDER",
            order[at] if at < len(order) else None,
            expected=expected[at] if at < len(expected) else "the end",
        )
    for path in (MANIFEST, TAGMANIFEST):
        if contents.texts.get(path) != _rendered(contents, tag=path == TAGMANIFEST):
            findings.add("BAG_OWN_MANIFEST", path)


def _rendered(contents: Contents, tag: bool) -> bytes:
    return render_manifest(
        (path, digest)
        for path, member in contents.members.items()
        if path != TAGMANIFEST and path.startswith(PAYLOAD) != tag and (digest := member.digest(ALGORITHM)) is not None
    )


def _octets(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")

"""The digests that travel with the bytes to an S3 server, so that what was damaged on the way is refused there."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import BinaryIO

from repository.storage import BUFFER


def content_md5(body: bytes) -> str:
    """Content-MD5 (RFC 1864): against accidents on the way, the one check that nearly every server makes."""
    return b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def checksum_sha256(sha256: str) -> str:
    """x-amz-checksum-sha256: ``sha256``, given in hexadecimal, in Base64."""
    return b64encode(bytes.fromhex(sha256)).decode()


def md5_of(body: BinaryIO) -> str:
    """Content-MD5 of a file, which is left standing at its beginning."""
    digest = hashlib.md5(usedforsecurity=False)
    while chunk := body.read(BUFFER):
        digest.update(chunk)
    body.seek(0)
    return b64encode(digest.digest()).decode()

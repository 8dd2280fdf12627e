"""Receipts that prove themselves: a JSON document and the archive's Ed25519 signature over its canonical form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from repository.errors import UsageError
from repository.storage.durable import sync_folder, write_text

ALGORITHM = "Ed25519"


class Signer:
    """The archive's key in ``home/signing``: made on first use, readable by its user only.

    ``key.pem`` signs. Every public key that ever signed stays in ``public/``, named by its id, so that old receipts
    can be verified for ever: to change the key, take ``key.pem`` away.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "signing"

    def signed(self, receipt: dict[str, Any]) -> dict[str, Any]:
        """``{"receipt": …, "signature": {algorithm, key, value}}``; the value is base64 (RFC 4648) of 64 octets."""
        key = self._key()
        value = base64.b64encode(key.sign(canonical(receipt))).decode()
        return {
            "receipt": receipt,
            "signature": {"algorithm": ALGORITHM, "key": key_id(key.public_key()), "value": value},
        }

    def public_keys(self) -> dict[str, str]:
        """Key id to public key as PEM (SubjectPublicKeyInfo, RFC 8410), the present one among them."""
        self._key()
        files = sorted((self._folder / "public").glob("*.pem"))
        return {file.stem: file.read_text(encoding="ascii") for file in files}

    def _key(self) -> Ed25519PrivateKey:
        file = self._folder / "key.pem"
        if not file.exists():
            (self._folder / "public").mkdir(parents=True, exist_ok=True, mode=0o700)
            text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            scratch = self._folder / f".{os.getpid()}.{secrets.token_hex(8)}"
            descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            # Whoever comes second takes the first one's: a receipt must never be signed by a key that is not kept.
            with suppress(FileExistsError):
                os.link(scratch, file)
            scratch.unlink()
            sync_folder(self._folder)
        key = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise UsageError(f"{file} is no Ed25519 key")
        public = self._folder / "public" / f"{key_id(key.public_key())}.pem"
        if not public.exists():
            write_text(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
        return key


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the 32 octets of the public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def id_of_pem(pem: str) -> str:
    """The id of a public key in PEM. Raises ValueError for anything that is none."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("no Ed25519 key")
    return key_id(key)


def canonical(document: object) -> bytes:
    """The one form in which a document is signed: JSON Canonicalization Scheme (RFC 8785).

    Our documents hold text, whole numbers, truth values, null, lists and objects with ASCII names only; of these
    sorted names without blanks, in UTF-8, are that form. Raises ValueError for anything else.
    """
    _expect_plain(document)
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def read(text: str) -> object:
    """A JSON document in which every name stands once: of two, one program shows the first and another the last.

    Raises ValueError, RecursionError for anything else.
    """
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def verify(envelope: object, keys: Mapping[str, str]) -> str | None:
    """None when the receipt is exactly what one of ``keys`` signed, else the reason why it proves nothing."""
    signature = envelope.get("signature") if isinstance(envelope, dict) else None
    if not isinstance(envelope, dict) or not isinstance(signature, dict) or "receipt" not in envelope:
        return "this is no signed receipt: it has no receipt and signature"
    if set(envelope) != {"receipt", "signature"} or set(signature) != {"algorithm", "key", "value"}:
        return "there is something beside the receipt and its signature that nobody signed"
    if signature.get("algorithm") != ALGORITHM:
        return f"the algorithm {signature.get('algorithm')!r} is not {ALGORITHM}"
    pem = keys.get(str(signature.get("key")))
    if pem is None:
        return f"the key {signature.get('key')!r} is not among the archive's keys"
    try:
        key = load_pem_public_key(pem.encode())
        given = str(signature["value"])
        value = base64.b64decode(given, validate=True)
        if base64.b64encode(value).decode() != given:  # the last letter has bits that mean nothing
            return "the signature is not in the form in which receipts are signed"
        if not isinstance(key, Ed25519PublicKey):
            return "the archive's key is no Ed25519 key"
        key.verify(value, canonical(envelope["receipt"]))
    except (ValueError, RecursionError):
        return "the signature or the receipt is not in the form in which receipts are signed"
    except InvalidSignature:
        return "the signature does not fit: the receipt was changed, or another key signed it"
    return None


def token(secret: bytes, delivery_id: str) -> str:
    """The last part of a receipt's address: the delivery's id and 128 bits that nobody can guess without ``secret``."""
    return delivery_id + hmac.digest(secret, b"receipt " + delivery_id.encode(), "sha256").hex()[:32]


def delivery_of(secret: bytes, word: str) -> str | None:
    """The delivery whose :func:`token` this is, or None; compared in constant time."""
    identifier = word[:32]
    return identifier if hmac.compare_digest(token(secret, identifier).encode(), word.encode()) else None


def _expect_plain(document: object) -> None:
    if isinstance(document, dict):
        for name, value in document.items():
            if not isinstance(name, str) or not name.isascii():
                raise ValueError(f"{name!r} cannot stand in a signed document")
            _expect_plain(value)
    elif isinstance(document, list):
        for value in document:
            _expect_plain(value)
    elif document is not None and not isinstance(document, str | int):
        raise ValueError(f"{type(document).__name__} cannot stand in a signed document")

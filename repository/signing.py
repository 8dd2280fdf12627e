"""Documents that prove themselves: JSON, and the archive's Ed25519 signature over its canonical form."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
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

from repository.canonical import canonical
from repository.errors import UsageError
from repository.storage.durable import write_once, write_text

ALGORITHM = "Ed25519"


class Signer:
    """The archive's key in ``home/signing``: made on first use, readable by its user only.

    ``key.pem`` signs. Every public key that ever signed stays in ``public/``, named by its id, so that what is old
    can be verified for ever: to change the key, take ``key.pem`` away.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "signing"

    def signed(self, what: str, document: dict[str, Any]) -> dict[str, Any]:
        """``{what: document, "signature": {algorithm, key, value}}``; the value is base64 (RFC 4648) of 64 octets.

        ``what`` is ``receipt``, ``head``, ``certificate`` or ``manifest``: the name under which the document stands.
        """
        key = self._key()
        value = base64.b64encode(key.sign(canonical(document))).decode()
        return {
            what: document,
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
            # Whoever comes second takes the first one's: nothing must ever be signed by a key that is not kept.
            write_once(file, text)
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


def keys_in(text: str) -> dict[str, str]:
    """The keys in a PEM, or in what lies at ``/.well-known/mahfuz-keys.json``. Raises ValueError for anything else."""
    try:
        if text.lstrip().startswith("{"):
            return {str(name): str(pem) for name, pem in json.loads(text)["keys"].items()}
        return {id_of_pem(text): text}
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError("neither a public key in PEM nor a mahfuz-keys.json") from error


def verify(envelope: object, keys: Mapping[str, str], what: str) -> str | None:
    """None when the document is exactly what one of ``keys`` signed as ``what``, else why it proves nothing."""
    signature = envelope.get("signature") if isinstance(envelope, dict) else None
    if not isinstance(envelope, dict) or not isinstance(signature, dict) or what not in envelope:
        return f"this is no signed {what}: it has no {what} and signature"
    if set(envelope) != {what, "signature"} or set(signature) != {"algorithm", "key", "value"}:
        return f"there is something beside the {what} and its signature that nobody signed"
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
            return f"the signature is not in the form in which a {what} is signed"
        if not isinstance(key, Ed25519PublicKey):
            return "the archive's key is no Ed25519 key"
        key.verify(value, canonical(envelope[what]))
    except (ValueError, RecursionError):
        return f"the signature or the {what} is not in the form in which a {what} is signed"
    except InvalidSignature:
        return f"the signature does not fit: the {what} was changed, or another key signed it"
    return None

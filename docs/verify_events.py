#!/usr/bin/env python3
"""Verify the testimony of an archive without its software: Python 3.11 and the package `cryptography`.

    python3 verify_events.py events.jsonl --heads FOLDER [--heads FOLDER …] --keys mahfuz-keys.json
                             [--certificate FILE …]

events.jsonl is what `mahfuz events export` wrote. A FOLDER holds signed heads, as they lie under testimony/heads/ in a
store of the archive (one FOLDER for each store that you could copy them from). mahfuz-keys.json is what the archive
publishes at /.well-known/mahfuz-keys.json; better is a copy that you took long ago. A public key in PEM does as well.
A certificate (docs/evidence.md) has to be signed by one of the keys, and to name an event that stands in the chain.

Exit status 0: every event is linked to the one before it and every head agrees; 1: not, with each place; 2: bad usage.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


def canonical(document):
    """Names sorted, no blanks, UTF-8: RFC 8785 for documents of text, whole numbers, lists and objects."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def once(pairs):
    """An object in which a name stands twice says two things, and so proves nothing."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return dict(pairs)


class Verifier:
    """Walks along the chain once, one event in memory at a time; ``problems`` says what is wrong and where."""

    def __init__(self, keys):
        self.keys = keys
        self.heads = []
        self.problems = []
        self.notes = []
        self.declared = []
        self.agreed = []

    def read_heads(self, place):
        """Every head in a file or in a folder, with its signature."""
        files = sorted(place.rglob("*.json")) if place.is_dir() else [place]
        if not files:
            self.problems.append(f"{place}: no head lies there")
        for file in files:
            self.read_signed(file, "head", lambda head: (head["position"], head["hash"], head["at"]))

    def read_certificate(self, file):
        """A certificate, which says where the chain stood at the end of its period."""
        names = ("position", "hash", "event_at")
        self.read_signed(file, "certificate", lambda said: [said["testimony"][name] for name in names])

    def read_signed(self, file, what, place_in):
        """What was signed in a file says where the chain stood; a head or a certificate."""
        try:
            envelope = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=once)
            said, signature = envelope[what], envelope["signature"]
            key = self.keys[signature["key"]]
            key.verify(base64.b64decode(signature["value"], validate=True), canonical(said))
            if set(envelope) != {what, "signature"} or signature["algorithm"] != "Ed25519":
                raise ValueError(f"something beside the {what} was not signed")
            position, digest, at = place_in(said)
            if int(position):  # a chain without events has nothing that could agree
                self.heads.append((int(position), str(digest), str(at), str(file)))
        except KeyError as error:
            self.problems.append(f"{file}: signed by none of the given keys, or no {what}: {error}")
        except InvalidSignature:
            self.problems.append(f"{file}: the signature does not fit")
        except (ValueError, TypeError) as error:
            self.problems.append(f"{file}: no signed {what}: {error}")

    def walk(self, lines):
        """Every link from the first event to the last, and every head at its place."""
        before, position, newest, unlike = bytes(32), 0, None, []
        ahead = sorted(self.heads, reverse=True)
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line, object_pairs_hook=once)
                event, kept = entry["event"], bytes.fromhex(entry["hash"])
                place, told_at = int(event["position"]), str(event["at"])
                moment = datetime.fromisoformat(told_at)
            except (ValueError, KeyError, TypeError) as error:
                self.problems.append(f"line {number}: no event: {error!r}")
                continue
            if place != position + 1:
                self.problems.append(f"line {number}: position {place} where {position + 1} should be")
            elif hashlib.sha256(before + canonical(event)).digest() != kept:
                self.problems.append(f"position {place}: changed, or not the event that stood here")
            before, position = kept, place
            while ahead and ahead[-1][0] <= place:
                head = ahead.pop()
                if head[:2] == (place, kept.hex()):
                    self.agreed.append(head)
                    newest = max(newest or head[2], head[2])
                else:
                    unlike.append(head)
            if event["type"] == "metadata modification":
                lost = (event["detail"] or {}).get("lost") or {}
                self.declared.append((place, str(lost.get("head_at", ""))))
                self.notes.append(
                    f"position {place}: the catalogue was written again on {told_at}; lost: {lost or '?'}"
                )
            if newest and moment < datetime.fromisoformat(newest) - timedelta(days=1):
                self.notes.append(
                    f"position {place}: told after the head of {newest}, of a moment before it: {told_at}"
                )
        for head in unlike + ahead:
            # What was lost with an older catalogue cannot agree; the chain says so itself, at the place where it was.
            if not any(head[0] >= place and head[2] <= until for place, until in self.declared):
                self.problems.append(f"{head[3]}: says {head[0]} events ending in {head[1][:16]}…; the chain has not")
        if not self.agreed:
            self.notes.append("no head agrees: whoever reckoned the whole chain anew would not be seen")
        return position, before.hex()


def keys_in(file):
    """Key id to public key, of a mahfuz-keys.json or of one PEM."""
    text = file.read_text(encoding="utf-8")
    pems = json.loads(text)["keys"].values() if text.lstrip().startswith("{") else [text]
    keys = {}
    for pem in pems:
        key = load_pem_public_key(pem.encode())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("no Ed25519 key")
        octets = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        keys[hashlib.sha256(octets).hexdigest()[:16]] = key
    return keys


def main():
    """Ask, walk, tell."""
    parser = argparse.ArgumentParser(description="Verify the exported events of an archive against its signed heads.")
    parser.add_argument("events", type=Path)
    parser.add_argument("--heads", type=Path, action="append", default=[], help="a folder of signed heads, or one")
    parser.add_argument("--keys", type=Path, help="mahfuz-keys.json, or a public key in PEM")
    parser.add_argument("--certificate", type=Path, action="append", default=[], help="a signed fixity certificate")
    asked = parser.parse_args()
    if (asked.heads or asked.certificate) and not asked.keys:
        parser.error("--heads and --certificate need --keys")
    try:
        verifier = Verifier(keys_in(asked.keys) if asked.keys else {})
        for place in asked.heads:
            verifier.read_heads(place)
        for file in asked.certificate:
            verifier.read_certificate(file)
        with asked.events.open(encoding="utf-8", errors="surrogatepass", newline="\n") as lines:
            position, end = verifier.walk(lines)
    except (OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    for told in verifier.problems + verifier.notes:
        sys.stdout.write(f"{told}\n")
    verdict = "NOT whole" if verifier.problems else "whole"
    sys.stdout.write(f"{position} events ending in {end}: {verdict}; {len(verifier.agreed)} heads agree\n")
    return 1 if verifier.problems else 0


if __name__ == "__main__":
    sys.exit(main())

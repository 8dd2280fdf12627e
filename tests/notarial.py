"""An archive that has only a chain of events, its signed heads and three stores, for tests of the testimony."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert
from watched import Clock, FaultyStore

from fixity.notary import Notary, seal
from fixity.proof import Proof, prove
from repository.catalogue import Catalogue, chain, schema
from repository.models import Event
from repository.signing import Signer
from repository.vocabulary import HEADS

VERIFIER = Path(__file__).parent.parent / "docs/verify_events.py"
COLUMNS = ("id", "type", "at", "outcome", "agent", "detail", "article_id", "version", "store", "delivery_id")


def tell(catalogue: Catalogue, clock: Clock, number: int) -> None:
    told = [
        {
            "type": "fixity check" if each % 3 else "ingestion",
            "at": clock() + timedelta(microseconds=each),
            "outcome": "failure" if each % 7 == 0 else "success",
            "agent": "mahfuz test",
            "detail": {"number": each, "note": "ısı ölçümü"},
            "article_id": f"{each % 5:032x}",
            "version": 1,
            "store": "main" if each % 3 else None,
            "delivery_id": None,
        }
        for each in range(number)
    ]
    with catalogue.writing() as session:
        session.connection().execute(insert(Event), told)


def notary_over(url: str, folder: Path) -> Notary:
    catalogue = Catalogue(url)
    schema.migrate(catalogue)
    stores = {name: FaultyStore(name, folder / name) for name in ("main", "second", "third")}
    for store in stores.values():
        store.prepare()
    home = folder / "home"
    home.mkdir()
    return Notary(catalogue, stores, Signer(home), "mahfuz.example.org", home, Clock())


def three_days(notary: Notary) -> None:
    """60 events, with heads at 20, 40 and 60 in every store."""
    for _ in range(3):
        tell(notary.catalogue, notary.clock, 20)  # type: ignore[arg-type]
        done = seal(notary, daily=True)
        assert done.new
        assert not done.waiting
        notary.clock.forward(days=1)  # type: ignore[attr-defined]


def prove_all(notary: Notary) -> Proof:
    return prove(notary, notary.stores)


def codes(proof: Proof) -> set[str]:
    return {problem.code for problem in proof.problems}


def outsider(notary: Notary, folder: Path, stores: Sequence[str] = ("main", "second", "third")) -> tuple[int, str]:
    """Exit status and words of the outsider's verifier, a process of its own that sees no module of ours."""
    exported, keys = folder / "events.jsonl", folder / "keys.json"
    with exported.open("wb") as file:
        file.writelines(chain.line(link) for link in chain.walk(notary.catalogue, until=1 << 40))
    keys.write_text(json.dumps({"keys": notary.signer.public_keys()}))
    given = [word for name in stores for word in ("--heads", str(notary.stores[name].root / HEADS))]  # type: ignore[attr-defined]
    told = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), str(exported), "--keys", str(keys), *given],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert told.returncode in (0, 1), told.stderr
    return told.returncode, told.stdout

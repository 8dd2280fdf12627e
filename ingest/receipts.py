"""The answer to a publisher: what became of each article of a delivery, kept as a file beside the catalogue.

A receipt is written before the catalogue is told that the delivery is finished. When the
catalogue is burned, the receipts bring back what the bags do not hold: the deliveries, their
findings, and the moments from which harvesters were told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from ingest.profiles import name_in
from repository.catalogue import deliveries, holdings
from repository.catalogue.deliveries import ArticleLine
from repository.storage.durable import write_text
from repository.vocabulary import ArticleOutcome, CopyState, DeliveryState, Finding, as_utc_text


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one delivery said and what was made of it."""

    delivery_id: str
    publisher: str
    file_names: tuple[str, ...]
    sha256: str
    bytes: int
    accepted_on: datetime
    finished_at: datetime | None
    state: DeliveryState
    findings: tuple[Finding, ...]
    articles: tuple[ArticleLine, ...]
    repeated: bool = False
    """True when these very bytes had been finished before: nothing was changed."""

    @property
    def shown_state(self) -> str:
        """The state as the contract prints it: ``unchanged`` for bytes that were kept before."""
        return "unchanged" if self.repeated and self.state is DeliveryState.ACCEPTED else str(self.state)

    def as_json(self) -> dict[str, Any]:
        """The receipt as the contract prints it."""
        return {
            "file": self.file_names[0],
            "files": list(self.file_names),
            "delivery_id": self.delivery_id,
            "publisher": self.publisher,
            "sha256": self.sha256,
            "bytes": self.bytes,
            "accepted_on": as_utc_text(self.accepted_on),
            "finished_at": as_utc_text(self.finished_at) if self.finished_at else None,
            "state": self.shown_state,
            "profile": name_in(self.findings),
            "findings": [finding.as_json() for finding in self.findings],
            "articles": [self._line(line) for line in self.articles],
        }

    def _line(self, line: ArticleLine) -> dict[str, Any]:
        unchanged = self.repeated and line.outcome is ArticleOutcome.ACCEPTED
        return {
            "position": line.position,
            "name": line.name,
            "id": line.article_id,
            "doi": line.doi,
            "title": line.title,
            "version": line.version,
            "outcome": ArticleOutcome.UNCHANGED if unchanged else line.outcome,
            "datestamp": as_utc_text(line.datestamp) if line.datestamp else None,
            "findings": [finding.as_json() for finding in line.findings],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Receipt:
        """The inverse of :meth:`as_json` for a receipt that was not repeated."""
        return cls(
            delivery_id=data["delivery_id"],
            publisher=data["publisher"],
            file_names=tuple(data["files"]),
            sha256=data["sha256"],
            bytes=data["bytes"],
            accepted_on=datetime.fromisoformat(data["accepted_on"]),
            finished_at=datetime.fromisoformat(data["finished_at"]) if data["finished_at"] else None,
            state=DeliveryState(data["state"]),
            findings=tuple(Finding.from_json(item) for item in data["findings"]),
            articles=tuple(
                ArticleLine(
                    position=line["position"],
                    name=line["name"],
                    article_id=line["id"],
                    doi=line["doi"],
                    title=line["title"],
                    version=line["version"],
                    outcome=ArticleOutcome(line["outcome"]),
                    findings=tuple(Finding.from_json(item) for item in line["findings"]),
                    datestamp=datetime.fromisoformat(line["datestamp"]) if line["datestamp"] else None,
                )
                for line in data["articles"]
            ),
        )


def of_delivery(session: Session, delivery_id: str) -> Receipt:
    """The receipt as the catalogue knows it. Raises UsageError when there is no such delivery."""
    delivery = deliveries.known(session, delivery_id)
    return Receipt(
        delivery_id=delivery.id,
        publisher=deliveries.publisher_of(session, delivery).name,
        file_names=tuple(delivery.file_names),
        sha256=delivery.sha256,
        bytes=delivery.bytes,
        accepted_on=delivery.accepted_on,
        finished_at=delivery.finished_at,
        state=DeliveryState(delivery.state),
        findings=tuple(map(Finding.from_json, delivery.findings)),
        articles=tuple(deliveries.lines_of(session, delivery_id)),
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """What the archive states of one delivery at one moment, to be signed."""

    receipt: Receipt
    document: dict[str, Any]
    safe: bool
    """True when every article is preserved and read back from every store: the publisher may delete its own copy."""
    copies: int
    """Of how many copies that is said; nought where it is not."""


def statement(session: Session, receipt: Receipt, archive: Mapping[str, str], stores: int, at: datetime) -> Statement:
    """The receipt with where each article is kept now. ``archive``: its name, identifier and address; ``stores``: how
    many there are, each of which must hold an intact copy before anything is called safe.
    """
    wanted = [(line.article_id, line.version) for line in receipt.articles if line.article_id and line.version]
    kept = holdings.kept_bags(session, wanted)
    document = receipt.as_json()
    everywhere = bool(receipt.articles) and receipt.state is DeliveryState.ACCEPTED
    for line in document["articles"]:
        bag = kept.get((line["id"], line["version"]))
        line["seal"] = bag.seal if bag else None
        line["bytes"] = bag.bytes if bag else None
        line["files"] = [
            {"path": file.path, "bytes": file.bytes, "sha512": file.sha512} for file in (bag.files if bag else ())
        ]
        line["copies"] = [
            {"store": copy.store, "state": copy.state, "read_back": as_utc_text(copy.at) if copy.at else None}
            for copy in (bag.copies if bag else ())
        ]
        whole = [copy for copy in line["copies"] if copy["state"] == CopyState.INTACT and copy["read_back"]]
        everywhere = everywhere and len(whole) >= stores
    document = {"archive": dict(archive), "issued_at": as_utc_text(at), **document}
    document["may_delete_local_copy"] = everywhere
    return Statement(receipt, document, everywhere, stores if everywhere else 0)


def write(home: Path, receipt: Receipt) -> Path:
    """Keep the receipt durably in ``home/receipts``; an earlier one of the same delivery is replaced whole."""
    folder = home / "receipts" / receipt.delivery_id[:2]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{receipt.delivery_id}.json"
    write_text(target, json.dumps(receipt.as_json(), ensure_ascii=False, indent=1))
    return target


def all_kept(home: Path) -> Iterator[Receipt]:
    """Every receipt kept, in the order of their delivery ids, one in memory at a time."""
    folder = home / "receipts"
    if folder.is_dir():
        for part in sorted(folder.iterdir()):
            for file in sorted(part.glob("*.json")):
                yield Receipt.from_json(json.loads(file.read_text(encoding="utf-8")))

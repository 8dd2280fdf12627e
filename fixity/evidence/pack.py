"""All that an auditor asks for in one file: a ZIP that is made as it is sent, with a signed manifest at its end."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import repository
from fixity.evidence import certificates, statements
from fixity.evidence.facts import Facts, gather
from fixity.evidence.matrix import Matrix, held_against
from fixity.evidence.requirements import FRAMEWORKS, LANGUAGES, framework
from fixity.evidence.room import Evidence
from fixity.standing import Trial
from repository import spreadsheet
from repository.canonical import canonical
from repository.catalogue import periods
from repository.catalogue.periods import Period
from repository.models import Alert, Disposal, Notice, Rehearsal
from repository.texts import marked
from repository.vocabulary import as_utc_text

Printed = Callable[[str, str, Mapping[str, Any]], str]
"""``(template, language, values)`` -> a page that stands alone."""

MANIFEST = "manifest"
"""The name under which the list of all files stands in its signed envelope."""

PERSONAL_DATA = marked(
    "This pack names members of the archive's staff where an act needs a name: who acknowledged an alert, decided on a "
    "withdrawal or a disposal, asked for a certificate, or answers for a requirement. It holds no data of readers, no "
    "addresses of people and no passwords or keys but public ones."
)

ABSENT = {
    "certificates": marked("No certificate of a period that touches this one was issued."),
    "rehearsal.json": marked("No rehearsal of a rebuild is known."),
    "looks.json": marked("Nobody has walked the chain of events or asked the virus scanner for this."),
    "testimony/verified.json": marked("The chain of events was not walked for this."),
    "testimony/heads": marked("No head of the events was signed in the period."),
    "docs": marked("The product's documents are not installed here."),
}
"""What a pack may lack, and why."""

_ALERTS = (
    "alert", "kind", "subject", "level", "opened_at", "since", "objects", "more", "acknowledged_at", "acknowledged_by",
    "note", "escalated_at", "closed_at",
)  # fmt: skip
_NOTICES = ("article", "number", "kind", "at", "by", "reason", "seal")
_DISPOSALS = (
    "disposal", "article", "version", "state", "asked_by", "asked_at", "reason", "approved_by", "approved_at",
    "not_before", "cancelled_by", "cancelled_at", "cancel_reason",
)  # fmt: skip
_ALWAYS = {"evidence.md", "verify_events.py"}


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the pack, made when its turn comes."""

    name: str
    content: Callable[[], Iterable[bytes]]


def pack(evidence: Evidence, period: Period, at: datetime, printed: Printed) -> Iterator[bytes]:
    """The ZIP, some bytes at a time; the same figures give the same bytes. Raises UsageError, DatabaseUnavailable."""
    members = _members(evidence, period, at, printed)
    sink = _Sink()
    told: list[dict[str, Any]] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as target:
        for member in members:
            yield from _put(target, sink, member.name, member.content(), told)
        lines = "".join(f"{one['sha512']}  {one['path']}\n" for one in told).encode()
        yield from _put(target, sink, "manifest-sha512.txt", [lines], told)
        names = {one["path"] for one in told}
        document = {
            "kind": "evidence pack",
            "edition": 1,
            "archive": dict(evidence.named),
            "issued_at": as_utc_text(at),
            "issued_by": evidence.agent,
            "period": {"from": period.first.isoformat(), "to": period.last.isoformat()},
            "personal_data": PERSONAL_DATA,
            "absent": [{"path": name, "reason": ABSENT[name]} for name in absent(names)],
            "files": told,
        }
        canonical(document)
        yield from _put(target, sink, "manifest.json", _json(evidence.signer.signed(MANIFEST, document)), told)
    yield sink.taken()


def absent(names: Iterable[str]) -> list[str]:
    """What is not there of what could be."""
    known = set(names)
    return [part for part in ABSENT if not any(name == part or name.startswith(f"{part}/") for name in known)]


def has(part: str, names: Iterable[str]) -> bool:
    """Whether a file, or a folder with something in it, is among ``names``."""
    return any(name == part or name.startswith(f"{part}/") for name in names)


def _members(evidence: Evidence, period: Period, at: datetime, printed: Printed) -> list[Member]:
    rows, keys = evidence.catalogue, evidence.signer
    facts = gather(evidence, at)
    said = statements.read(evidence.folder)
    matrices = [held_against(framework(name), facts, said) for name in FRAMEWORKS]
    issued = [one for one in certificates.kept(evidence) if _touch(one.period, period)]
    with evidence.catalogue.reading() as session:
        heads = [(head.key.rpartition("/")[2], head.document) for head in periods.heads(session, period)]
    members = [
        Member("mahfuz.css", lambda: [(Path(repository.__file__).parent / "static" / "mahfuz.css").read_bytes()]),
        Member("stores.json", lambda: _json(_stores(facts))),
        Member("exposure.json", lambda: _json([dict(one) for one in facts.exposed])),
        Member("settings.json", lambda: _json(evidence.settings())),
        Member("software.json", lambda: _json(evidence.software())),
        Member("alerts.csv", lambda: _csv(_ALERTS, map(_alert, periods.alerts(rows, period)))),
        Member("notices.csv", lambda: _csv(_NOTICES, map(_notice, periods.notices(rows, period)))),
        Member("disposals.csv", lambda: _csv(_DISPOSALS, map(_disposal, periods.disposals(rows, period)))),
        Member("testimony/keys.json", lambda: _json({"archive": dict(evidence.named), "keys": keys.public_keys()})),
    ]
    members += [Member(f"testimony/heads/{name}", _bytes(document)) for name, document in heads]
    if facts.looks.at is not None:
        members.append(Member("looks.json", lambda: _json(facts.looks.as_json())))
    if facts.looks.testimony is not None:
        verified = {"at": as_utc_text(facts.looks.at or at), **facts.looks.testimony}
        members.append(Member("testimony/verified.json", lambda: _json(verified)))
    if facts.rehearsal is not None:
        rehearsed = _rehearsal(facts.rehearsal)
        members.append(Member("rehearsal.json", lambda: _json(rehearsed)))
    members += _documents(evidence, matrices)
    members += [Member(f"certificates/{one.name}.json", _bytes(one.text)) for one in issued]
    names = {member.name for member in members} | {f"{name}.json" for name in FRAMEWORKS}
    for code in LANGUAGES:
        values = {"evidence": evidence, "period": period, "at": at, "lying": names, "matrices": matrices}
        members.append(_page(f"index.{code}.html", "index", code, printed, values | {"issued": issued}))
        members += [
            _page(f"{one.framework.name}.{code}.html", "table", code, printed, values | {"matrix": one})
            for one in matrices
        ]
        members += [
            _page(f"certificates/{one.name}.{code}.html", "certificate", code, printed, {"issued": one, "up": "../"})
            for one in issued
        ]
    members += [_matrix(one) for one in matrices]
    return sorted(members, key=lambda member: member.name)


def _page(name: str, template: str, code: str, printed: Printed, values: Mapping[str, Any]) -> Member:
    return Member(name, lambda: [printed(template, code, values).encode()])


def _matrix(one: Matrix) -> Member:
    return Member(f"{one.framework.name}.json", lambda: _json(one.as_json()))


def _bytes(text: str) -> Callable[[], Iterable[bytes]]:
    return lambda: [text.encode()]


def _documents(evidence: Evidence, matrices: Iterable[Matrix]) -> list[Member]:
    """The documents that some requirement names, how all this is verified, and the verifier for outsiders."""
    folder = evidence.documents
    if folder is None:
        return []
    named = {file for one in matrices for judged in one.judged for file in judged.requirement.files}
    wanted = sorted({name.removeprefix("docs/") for name in named if name.startswith("docs/")} | _ALWAYS)
    return [_document(folder / name) for name in wanted if (folder / name).is_file()]


def _document(file: Path) -> Member:
    return Member(f"docs/{file.name}", lambda: [file.read_bytes()])


def _stores(facts: Facts) -> list[dict[str, Any]]:
    return [
        {
            "store": place.name,
            "kind": place.kind,
            "place": place.place or None,
            "threat": place.threat or None,
            "tried": _tried(facts.trials[place.name]) if place.name in facts.trials else None,
        }
        for place in facts.places
    ]


def _tried(trial: Trial) -> dict[str, Any]:
    return {
        "at": as_utc_text(trial.at),
        "fit": trial.found.fit,
        "tried": [
            {"name": one.name, "verdict": str(one.verdict), "needed": one.needed, "detail": one.detail}
            for one in trial.found.tried
        ],
    }


def _touch(one: Period, other: Period) -> bool:
    return one.first <= other.last and other.first <= one.last


def _rehearsal(row: Rehearsal) -> dict[str, object]:
    return {
        "started_at": as_utc_text(row.started_at),
        "finished_at": as_utc_text(row.finished_at) if row.finished_at else None,
        "of": "all articles" if row.whole else "a sample of articles",
        "from": row.store or "all stores",
        "first": row.first,
        "last": row.last,
        "articles": row.articles,
        "aips": row.aips,
        "events": row.events,
        "ledgers": row.ledgers,
        "differences": row.differences,
        "details": row.details,
    }


def _json(data: object) -> list[bytes]:
    return [json.dumps(data, ensure_ascii=False, indent=1, default=str).encode() + b"\n"]


def _csv(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[bytes]:
    return (part.encode() for part in spreadsheet.parts(columns, rows))


def _alert(row: Alert) -> tuple[object, ...]:
    return (
        row.id, row.kind, row.subject, row.level, row.opened_at, row.since, row.objects, "yes" if row.more else "no",
        row.acknowledged_at, row.acknowledged_by, row.note, row.escalated_at, row.closed_at,
    )  # fmt: skip


def _notice(row: Notice) -> tuple[object, ...]:
    return (row.article_id, row.number, row.kind, row.at, row.by, row.reason, row.seal)


def _disposal(row: Disposal) -> tuple[object, ...]:
    return (
        row.id, row.article_id, row.version, row.state, row.asked_by, row.asked_at, row.reason, row.approved_by,
        row.approved_at, row.not_before, row.cancelled_by, row.cancelled_at, row.cancel_reason,
    )  # fmt: skip


class _Sink:
    """What a ZIP is written into, and taken out of some bytes at a time. It cannot be sought in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """What was written stays to be taken."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        some, self._parts = b"".join(self._parts), []
        return some


def _put(
    target: zipfile.ZipFile, sink: _Sink, name: str, content: Iterable[bytes], told: list[dict[str, Any]]
) -> Iterator[bytes]:
    """One file into the ZIP, and what that gave out of the sink. Always of the same day, so that nothing is of now."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    digest, octets = hashlib.sha512(), 0
    with target.open(entry, "w") as file:
        for part in content:
            digest.update(part)
            octets += len(part)
            file.write(part)
            if some := sink.taken():
                yield some
    told.append({"path": name, "bytes": octets, "sha512": digest.hexdigest()})
    yield sink.taken()

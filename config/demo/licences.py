"""Three fictional universities, their consortium and a national licence of the demo's journals, one trigger waiting."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import consortia, institutions, licences, preview, staff, terms, title_lists, triggers
from repository.access.triggers import Proposal, Scope
from repository.models import Publisher, Title
from repository.rights import Audience, Closure, Hosting, LicenceStatus, LicenceType, Perpetual, TriggerKind

_BY = "demo"
_CONSORTIUM, _LICENCE = "ornek-konsorsiyum", "ulusal-2019"
_UNIVERSITIES = (
    ("kuzey", "Kuzey Örnek Üniversitesi", "198.18.1.0/24"),
    ("guney", "Güney Örnek Üniversitesi", "198.18.2.0/24"),
    ("bati", "Batı Deneme Üniversitesi", "198.18.3.0/24"),
)
"""Their addresses are those that RFC 2544 gives to trials: nobody's readers come from there."""
_COLUMNS = (
    "publication_title", "print_identifier", "online_identifier", "date_first_issue_online", "num_first_vol_online",
    "num_first_issue_online", "date_last_issue_online", "num_last_vol_online", "num_last_issue_online", "title_url",
    "first_author", "title_id", "embargo_info", "coverage_depth", "notes", "publisher_name", "publication_type",
)  # fmt: skip


def enter(session: Session, at: datetime) -> bool:
    """Enter them beside the demo's journals, once: False where they are there.

    The trigger is proposed by an account whose password nobody knows, so that whoever looks around may approve it.
    """
    if institutions.find(session, _UNIVERSITIES[0][0]) is not None:
        return False
    consortium = consortia.enter(session, _BY, _CONSORTIUM, "Örnek Üniversiteler Konsorsiyumu", at=at)
    for code, name, network in _UNIVERSITIES:
        said = institutions.Described(name=name, counter_id=f"demo-{code}", contact=f"kutuphane@{code}.example.org")
        one = institutions.enter(session, _BY, code, said, at=at)
        institutions.add_network(session, _BY, one, network, at=at)
        until = date(2021, 12, 31) if code == "bati" else None
        consortia.join(session, _BY, consortium, one, date(2015, 1, 1), until, at=at)
    publisher = session.execute(select(Publisher).order_by(Publisher.id).limit(1)).scalar_one()
    licence = licences.enter(session, _BY, _LICENCE, _licence(publisher.name), at=at)
    terms.add_period(session, _BY, licence, date(2019, 1, 1), None, at=at)
    terms.add_party(session, _BY, licence, consortium, at=at)
    held = session.execute(select(Title).where(Title.publisher_id == publisher.id).order_by(Title.sort_key)).scalars()
    listed = [one for one in held if one.issn_electronic or one.issn_print]
    title_lists.load(session, _BY, licence, title_lists.read_list("ulusal-2019.txt", _kbart(listed)), at=at)
    licences.close(session, _BY, licence, date(2024, 12, 31), Closure.CANCELLED, at=at)
    staff.create(session, _BY, staff.Role.STAFF)
    _propose(session, _BY, publisher, at)
    return True


def _licence(publisher: str) -> Any:
    return licences.Described(
        name="Ulusal Lisans 2019–2024 (örnek)",
        publisher=publisher,
        type=LicenceType.NATIONAL,
        status=LicenceStatus.ACTIVE,
        perpetual=Perpetual.PAID_YEARS,
        hosting=Hosting.ON_TRIGGER,
        archival_copy=True,
        supply=True,
    )


def _kbart(listed: list[Title]) -> bytes:
    lines = ["\t".join(_COLUMNS)]
    for one in listed:
        said = {
            "publication_title": one.name,
            "print_identifier": one.issn_print or "",
            "online_identifier": one.issn_electronic or "",
            "date_first_issue_online": "2010",
            "coverage_depth": "fulltext",
            "publication_type": "serial",
        }
        lines.append("\t".join(said.get(column, "") for column in _COLUMNS))
    return "\n".join(lines).encode()


def _propose(session: Session, by: str, publisher: Publisher, at: datetime) -> None:
    wanted = Proposal(
        kind=TriggerKind.PUBLISHER_CEASED,
        audience=Audience.ENTITLED,
        scope=Scope(publisher_ids=frozenset((publisher.id,))),
        reason="Örnek: yayıncı faaliyetini bitirdi, sitesi kapandı.",
        effective=at + timedelta(minutes=1),
    )
    triggers.propose(session, wanted, preview.of(session, wanted), by=by, at=at)

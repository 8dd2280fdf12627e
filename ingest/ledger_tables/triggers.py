"""Triggers: from when what opens to whom, who asked for it and who agreed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ingest.ledger_tables.journals import first_issns, places_of
from ingest.ledger_tables.kept import Kept, Told, as_moment, as_text, at_once
from repository.access import institutions
from repository.catalogue import titles
from repository.models import Institution, Publisher, Trigger, TriggerInstitution, TriggerScope

_PLAIN = ("kind", "audience", "nation", "reason", "preview", "proposed_by", "approved_by", "refused_by", "revoked_by")
_MORE = ("said", "announced_state", "announced_to", "announced")
_MOMENTS = ("effective", "until", "proposed_at", "approved_at", "refused_at", "revoked_at", "next_due")


def _triggers(session: Session) -> Iterator[Told]:
    issns = first_issns(session) if session.execute(select(Trigger.id).limit(1)).first() else {}
    for row in session.execute(select(Trigger).order_by(Trigger.code)).scalars().all():
        scopes = select(TriggerScope.title_id, Publisher.name).outerjoin(
            Publisher, Publisher.id == TriggerScope.publisher_id
        )
        found = session.execute(scopes.where(TriggerScope.trigger_id == row.id)).all()
        named = select(Institution.code).join(TriggerInstitution, TriggerInstitution.institution_id == Institution.id)
        yield {
            "code": row.code,
            **{name: getattr(row, name) for name in (*_PLAIN, *_MORE)},
            **{name: as_text(getattr(row, name)) for name in _MOMENTS},
            "titles": sorted(issns[one.title_id] for one in found if one.title_id in issns),
            "publishers": sorted(one.name for one in found if one.name is not None),
            "institutions": sorted(session.execute(named.where(TriggerInstitution.trigger_id == row.id)).scalars()),
        }


def _enter_triggers(session: Session, told: Sequence[Told], newer: bool) -> None:
    for one in told:
        row = session.execute(select(Trigger).where(Trigger.code == one["code"])).scalar_one_or_none()
        if row is not None and not newer:
            continue
        if row is None:
            row = Trigger(code=one["code"])
            session.add(row)
        for name in (*_PLAIN, *_MORE):
            setattr(row, name, one[name])
        for name in _MOMENTS:
            setattr(row, name, as_moment(one[name]))
        session.flush()
        session.execute(delete(TriggerScope).where(TriggerScope.trigger_id == row.id))
        session.execute(delete(TriggerInstitution).where(TriggerInstitution.trigger_id == row.id))
        for title in sorted(set(places_of(session, set(one["titles"])).values())):
            session.add(TriggerScope(trigger_id=row.id, title_id=title))
        for name in one["publishers"]:
            session.add(TriggerScope(trigger_id=row.id, publisher_id=titles.publisher_named(session, name).id))
        for code in one["institutions"]:
            if (institution := institutions.find(session, code)) is not None:
                session.add(TriggerInstitution(trigger_id=row.id, institution_id=institution.id))
        session.flush()


TRIGGERS = (Kept("triggers", at_once(_triggers), _enter_triggers, key=("code",)),)

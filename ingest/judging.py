"""Every article of a delivery with all that the checks say of it, and its line of the receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from ingest.checks import ArticleContext, check_article, check_names
from ingest.findings import finding, refuses_article
from ingest.inbox import Arrived
from ingest.quarantine import waived
from ingest.sips import Sip
from repository.catalogue import Catalogue, decisions, holdings, titles
from repository.catalogue.deliveries import ArticleLine
from repository.catalogue.holdings import Held
from repository.catalogue.identity import resolved
from repository.errors import MahfuzError
from repository.turkish import machine_lower
from repository.vocabulary import ArticleOutcome, ArticleRecord, Finding, article_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """One article as it stands after all checks: refused, or ready with its id."""

    position: int
    sip: Sip
    identity: str | None
    held: Held | None
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        return refuses_article(self.findings)

    @property
    def is_found_again(self) -> bool:
        """Whether it is a work that is held under another id than its description alone would give it."""
        record = self.sip.record
        return self.identity is not None and record is not None and self.identity != article_id(record)


def judged(catalogue: Catalogue, arrived: Arrived, sips: Sequence[Sip]) -> list[Checked]:
    """What all checks say of each article; only reads."""
    checked = []
    with catalogue.reading() as session:
        publisher = titles.find_publisher(session, arrived.publisher)
        released = decisions.released(session, arrived.delivery_id)
        identities = [_identity(session, sip.record) for sip in sips]
        times = Counter(identity for identity in identities if identity)
        all_held = holdings.held_of(session, list(times))
        for position, (sip, identity) in enumerate(zip(sips, identities, strict=True), start=1):
            found = [*sip.findings, *check_names(member.name for member in sip.members)]
            held = all_held.get(identity) if identity else None
            if sip.described is not None:
                record = sip.described.record
                agreed = publisher is None or titles.is_agreed(session, publisher, record.issns, arrived.accepted_on)
                found += _found_by_checks(
                    ArticleContext(
                        record=record,
                        path=sip.name,
                        line=sip.line,
                        pdfs=tuple((pdf.name, pdf.source) for pdf in sip.pdfs),
                        pdf_names=sip.described.pdf_names,
                        held=held is not None and held.has_pdf,
                        earlier=held.record if held is not None else None,
                        agreed=agreed,
                        full_text=sip.described.full_text,
                        ambiguous_pdf=any(one.code == "PDF_AMBIGUOUS" for one in sip.findings),
                        lines=sip.described.lines,
                    )
                )
            if identity and times[identity] > 1:
                found.append(finding("DUPLICATE_DOI", path=sip.name, line=sip.line, doi=_doi(sip) or "(none)"))
            found = waived(found, released, sip.name, sip.line)
            checked.append(Checked(position, sip, identity, held, tuple(found)))
    return checked


def refused_line(one: Checked) -> ArticleLine:
    return ArticleLine(
        position=one.position,
        name=one.sip.name,
        article_id=one.identity,
        doi=one.sip.record.doi if one.sip.record else None,
        title=one.sip.record.title if one.sip.record else None,
        version=None,
        outcome=ArticleOutcome.REFUSED,
        findings=one.findings,
    )


def kept_line(
    one: Checked, version: int, *, ours: bool, datestamp: datetime | None, detail: str | None = None
) -> ArticleLine:
    """The receipt's line of an article that is kept; ``ours`` when this delivery brought the version."""
    found = list(one.findings)
    if not ours:
        found.append(finding("DUPLICATE_NO_CHANGE", path=one.sip.name, detail=detail))
    elif version > 1:
        found.append(finding("NEW_VERSION", path=one.sip.name))
    return replace(
        refused_line(one),
        version=version,
        outcome=ArticleOutcome.ACCEPTED if ours else ArticleOutcome.UNCHANGED,
        findings=tuple(found),
        datestamp=datestamp,
    )


def _found_by_checks(context: ArticleContext) -> list[Finding]:
    try:
        return check_article(context)
    except (MahfuzError, OSError):
        raise
    except Exception as error:
        log.exception("the program fell over an article", path=context.path)
        return [context.about("PROGRAM_FAULT", detail=type(error).__name__)]


def _identity(session: Session, record: ArticleRecord | None) -> str | None:
    try:
        return resolved(session, record) if record is not None else None
    except ValueError:
        return None


def _doi(sip: Sip) -> str | None:
    return machine_lower(sip.record.doi) if sip.record is not None and sip.record.doi else None

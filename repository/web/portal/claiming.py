"""Claims of a library: made with evidence, taken back and made anew, each with all that was said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from flask import Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from repository.access import claims, documents, entitled, told
from repository.access.claims import Line
from repository.access.runs import COVERAGE, coverage_given, embargo_given
from repository.access.runs import Run as ClaimedRun
from repository.access.words import LONGEST_TEXT
from repository.catalogue import titles
from repository.catalogue.titles import AgreedTitle
from repository.errors import BadValue, NotNow
from repository.kbart_lines import issn_of
from repository.models import Entitlement, EntitlementAct, Institution, Licence, Title
from repository.rights import ClaimState, Side
from repository.texts import marked
from repository.vocabulary import utc_now
from repository.web import paging
from repository.web.portal.room import Portal, Visit, library, side_of

A_PAGE = 50
_FIELDS = ("licence", "issn", "reason", "embargo_info", *COVERAGE)

NO_LICENCE = marked("Choose one of your licences.")
NO_JOURNAL = marked("No journal with the ISSN %(issn)s is known.")
ANOTHERS = marked("%(title)s is neither on this licence's list nor a journal of its publisher: choose another licence.")
NOT_UNDERSTOOD = marked("%(given)s is not an ISSN.")


def claims_listed(portal: Portal) -> ResponseReturnValue:
    """The claims of one library, in the order in which they were made."""
    after = paging.asked_key(int)
    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        found = claims.listed(rows, institution=institution, after=after[0] if after else 0, limit=A_PAGE + 1)
    some, following = paging.page_of(found, A_PAGE, lambda line: (line.row.id,))
    return render_template(
        "portal/claims.html",
        visit=visit,
        institution=institution,
        lines=some,
        following=following,
        begun=after is not None,
        coverage_text=told.coverage_text,
        made=request.args.get("made", type=int),
    )


def claim_new(portal: Portal) -> ResponseReturnValue:
    """The form by which a library claims a right, and the answer to it."""
    if request.method != "POST":
        return _form(portal)
    now = utc_now()
    try:
        with portal.catalogue.writing() as rows:
            visit, institution = library(rows)
            given = {name: request.form.get(name, "")[:LONGEST_TEXT] for name in _FIELDS}
            if not all(paging.storable(text) for text in given.values()):
                raise BadRequest
            licence = licence_named(rows, institution, given["licence"])
            issn = issn_of(given["issn"])
            if issn is None:
                raise BadValue(NOT_UNDERSTOOD, given=given["issn"][:40])
            title = claimable(rows, licence, (issn,))
            named = AgreedTitle(title.name, title.issn_print, title.issn_electronic)
            named = named if named.issns else AgreedTitle(title.name, None, issn)
            run = ClaimedRun(0, named, coverage_given(given), embargo_given(given["embargo_info"]))
            line = claims.claim(
                rows,
                visit.by,
                licence,
                institution,
                run,
                given["reason"],
                at=now,
                side=side_of(visit, Side.LIBRARY),
                document=evidence_sent(rows, visit.by, now),
            )
            address = visit.at("claim", number=line.row.id)
    except NotNow as no:
        return _form(portal, no), 422
    return redirect(address, 303)


def claim(portal: Portal, number: int) -> ResponseReturnValue:
    """One claim of the library, with all that was said of it; sent as a form, what is said next."""
    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        _own(rows, institution, number)
    if request.method != "POST":
        return _page(portal, number)
    try:
        said_next(portal, visit, number, Side.LIBRARY)
    except NotNow as no:
        return _page(portal, number, no), 422
    return redirect(visit.at("claim", number=number), 303)


def document(portal: Portal, word: str) -> ResponseReturnValue:
    """A file of evidence on a claim of the library, whoever brought it."""
    with portal.catalogue.reading() as rows:
        _, institution = library(rows)
        return evidence_given(rows, word, Entitlement.institution_id == institution.id)


def said_next(portal: Portal, visit: Visit, number: int, own: Side) -> None:
    """What the form says of a claim, with its reason and its evidence. Raises NotNow, BadRequest."""
    now = utc_now()
    wanted = request.form.get("state", "")
    if wanted not in tuple(ClaimState):
        raise BadRequest
    with portal.catalogue.writing() as rows:
        document = evidence_sent(rows, visit.by, now)
        reason, side = request.form.get("reason", ""), side_of(visit, own)
        claims.act(rows, visit.by, number, ClaimState(wanted), side, reason, at=now, document=document)


def evidence_given(rows: Session, sha256: str, *whose: object) -> Response:
    """A file of evidence as a download, where an act on a claim for which all of ``whose`` holds names it."""
    named = (
        select(EntitlementAct.id)
        .join(Entitlement, Entitlement.id == EntitlementAct.entitlement_id)
        .join(Licence, Licence.id == Entitlement.licence_id)
        .where(EntitlementAct.document == sha256, *whose)  # type: ignore[arg-type]
    )
    if len(sha256) != 64 or not sha256.isalnum() or rows.execute(named.limit(1)).first() is None:
        raise NotFound
    content, name = documents.content_of(rows, sha256), documents.about(rows, sha256).name
    answer = Response(content, mimetype="application/octet-stream")
    # Whatever somebody else brought is kept on the disk of who asks and never shown as a page of ours.
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def evidence_sent(rows: Session, by: str, now: datetime) -> str | None:
    """The file that the form brings, kept; None where it brings none. Raises BadValue."""
    sent = request.files.get("evidence")
    if sent is None or not sent.filename:
        return None
    with closing(sent):
        return documents.keep(rows, by, sent.filename, sent.stream.read(), at=now)


def licence_named(rows: Session, institution: Institution, code: str) -> Licence:
    """A licence to which the library is or was a party. Raises BadValue."""
    for one in entitled.agreements_of(rows, institution.id).licences.values():
        if one.code == code:
            return one
    raise BadValue(NO_LICENCE)


def claimable(rows: Session, licence: Licence, issns: Sequence[str]) -> Title:
    """The journal of these ISSNs, which has to be known, and of the licence or of its publisher. Raises BadValue."""
    title = titles.title_by_issn(rows, issns)
    if title is None:
        raise BadValue(NO_JOURNAL, issn=issns[0])
    if title.publisher_id != licence.publisher_id:
        listed = select(Entitlement.id).where(
            Entitlement.title_id == title.id, Entitlement.licence_id == licence.id, Entitlement.institution_id.is_(None)
        )
        if rows.execute(listed.limit(1)).first() is None:
            raise BadValue(ANOTHERS, title=title.name)
    return title


def line_of(rows: Session, number: int, is_own: Callable[[Line], bool]) -> Line:
    """The claim with this number. Raises NotFound where there is none, or it is somebody else's."""
    try:
        line = claims.find(rows, number)
    except NotNow:
        raise NotFound from None
    if not is_own(line):
        raise NotFound
    return line


def shown(rows: Session, visit: Visit, line: Line, own: Side, problem: NotNow | None) -> dict[str, Any]:
    """What the page of a claim is given: all that was said of it, and what this side may say next."""
    acts = claims.acts_of(rows, line.row)
    return {
        "visit": visit,
        "line": line,
        "acts": [(act, documents.about(rows, act.document).name if act.document else None) for act in acts],
        "may": [str(one) for one in claims.may(line.row, side_of(visit, own))],
        "coverage": told.coverage_text(line.coverage),
        "problem": problem,
        "longest": LONGEST_TEXT,
        "megabytes": documents.MOST >> 20,
    }


def _own(rows: Session, institution: Institution, number: int) -> Line:
    return line_of(rows, number, lambda line: line.row.institution_id == institution.id)


def _page(portal: Portal, number: int, problem: NotNow | None = None) -> str:
    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        given = shown(rows, visit, _own(rows, institution, number), Side.LIBRARY, problem)
    return render_template("portal/claim.html", institution=institution, **given)


def _form(portal: Portal, problem: NotNow | None = None) -> str:
    with portal.catalogue.reading() as rows:
        visit, institution = library(rows)
        licences = sorted(entitled.agreements_of(rows, institution.id).licences.values(), key=lambda one: one.code)
    typed = request.form if request.method == "POST" else request.args
    return render_template(
        "portal/claim_form.html",
        visit=visit,
        institution=institution,
        licences=licences,
        typed=typed,
        problem=problem,
        longest=LONGEST_TEXT,
        megabytes=documents.MOST >> 20,
    )

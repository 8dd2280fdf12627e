"""The staff's page of one article's withdrawal and disposal, and the list of disposals that wait for somebody."""

from __future__ import annotations

from collections.abc import Callable

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, NotFound

from ingest import deaccession as deciding
from ingest import disposal as disposing
from ingest.deaccession import LANGUAGES, LONGEST_REASON, Deaccession, Word
from ingest.web.desk import Desk
from repository.access.web.guard import member
from repository.catalogue import browse, disposals, holdings, notices
from repository.errors import MahfuzError, NotNow, StoreUnavailable, WouldOverwrite
from repository.models import Article
from repository.texts import marked
from repository.vocabulary import ArticleRecord, utc_now

MOST = 200

SILENT = marked(
    "A store does not answer, so nothing was decided: the notice lies in every store first. Try again later."
)
TAKEN = marked("The stores hold different notices under this number: a person has to look at them.")


def standing(desk: Desk, identifier: str) -> ResponseReturnValue:
    """How the article stands, what was decided about it and by whom, and what may be decided now."""
    return _page(desk, identifier)


def withdraw(desk: Desk, identifier: str) -> ResponseReturnValue:
    """The article is hidden."""
    return _decided(desk, identifier, lambda work: deciding.withdraw(work, identifier, _word()))


def restore(desk: Desk, identifier: str) -> ResponseReturnValue:
    """The article is shown again."""
    return _decided(desk, identifier, lambda work: deciding.restore(work, identifier, _word()))


def ask(desk: Desk, identifier: str) -> ResponseReturnValue:
    """The signed-in person asks for a disposal."""
    version = request.form.get("version", "")
    if version and not (version.isascii() and version.isdigit() and len(version) < 7):
        raise BadRequest
    number = int(version) if version else None
    return _decided(desk, identifier, lambda work: disposing.ask(work, identifier, number, _word()))


def decide(desk: Desk, identifier: str, number: int) -> ResponseReturnValue:
    """The signed-in person approves a disposal, stops it, or lets one that is held go on."""
    with desk.catalogue.reading() as rows:
        if number not in {row.id for row in disposals.of(rows, identifier)}:
            raise NotFound
    acts: dict[str, Callable[[Deaccession], object]] = {
        "approve": lambda work: disposing.approve(work, number, _login()),
        "cancel": lambda work: disposing.cancel(work, number, _word()),
        "go-on": lambda work: disposing.go_on(work, number, _login()),
    }
    act = acts.get(request.form.get("act", ""))
    if act is None:
        raise BadRequest
    return _decided(desk, identifier, act)


def disposals_listed(desk: Desk) -> ResponseReturnValue:
    """Disposals that are not over, the oldest first."""
    with desk.catalogue.reading() as rows:
        found = disposals.underway(rows, limit=MOST)
        lines = [(row, ArticleRecord.from_json(rows.get_one(Article, row.article_id).record)) for row in found]
    return render_template("ingest/disposals.html", lines=lines)


def _decided(desk: Desk, identifier: str, act: Callable[[Deaccession], object]) -> ResponseReturnValue:
    """What was decided stands, and the page is shown anew; or nothing was, and it says why."""
    if desk.deaccession is None:
        raise NotFound
    with desk.catalogue.reading() as rows:
        _article(rows, identifier)
    try:
        act(desk.deaccession)
    except NotNow as no:
        return _page(desk, identifier, no), 422
    except StoreUnavailable as doubt:
        return _page(desk, identifier, doubt), 503
    except WouldOverwrite as no:
        return _page(desk, identifier, no), 409
    return redirect(url_for("ingest.standing", identifier=identifier), 303)


def _page(desk: Desk, identifier: str, problem: MahfuzError | None = None) -> str:
    with desk.catalogue.reading() as rows:
        article = _article(rows, identifier)
        record = ArticleRecord.from_json(article.record)
        aips = holdings.aips_of(rows, identifier)
        gone = disposals.gone(rows, [aip.id for aip in aips])
        every = disposals.of(rows, identifier)
        turns = {row.id: disposals.turns_of(rows, row.id) for row in every}
        told = list(reversed(notices.of(rows, identifier)))
        events = browse.latest_events(rows, identifier, limit=60)
    return render_template(
        "ingest/deaccession.html",
        article=article,
        record=record,
        aips=aips,
        left=[aip for aip in aips if aip.id not in gone],
        gone=gone,
        disposals=every,
        turns=turns,
        is_open=lambda row: row.state in disposals.OPEN,
        under_way=any(row.state in disposals.OPEN for row in every),
        notices=told,
        events=[one for one in events if one.type in ("deletion", "policy assignment", "accession", "deaccession")],
        work=desk.deaccession,
        languages=LANGUAGES,
        longest=LONGEST_REASON,
        login=_login(),
        now=utc_now(),
        problem=problem,
        sentence=_sentence(problem),
        typed=request.form.get("reason", "") if problem else "",
    )


def _sentence(problem: MahfuzError | None) -> tuple[str, dict[str, object]] | None:
    """What a page says of it, with the values inside."""
    if isinstance(problem, NotNow):
        return problem.sentence, problem.params
    return (SILENT if isinstance(problem, StoreUnavailable) else TAKEN, {}) if problem else None


def _word() -> Word:
    language = request.form.get("language") or None
    if language not in (None, *LANGUAGES):
        raise BadRequest
    return Word(_login(), request.form.get("reason", ""), language)


def _login() -> str:
    signed_in = member()
    assert signed_in is not None
    return signed_in.login


def _article(rows: Session, identifier: str) -> Article:
    found = rows.get(Article, identifier)
    if found is None:
        raise NotFound
    return found

"""The staff's page of a salvage: file by file what survives of a version whose every copy is damaged."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from ingest import salvage as salvaging
from ingest.salvage import LONGEST_REASON
from ingest.survivors import Disputed, Plan, Salvaging, plan
from ingest.web.desk import Desk
from repository.access.web.guard import member
from repository.errors import MahfuzError, NotNow, StoreUnavailable, WouldOverwrite
from repository.models import Article
from repository.texts import marked
from repository.vocabulary import ArticleRecord

SILENT = marked("A store does not answer: the copy in it may be whole, so nothing is salvaged now. Try again later.")
TAKEN = marked("Something else lies where the new version would: a person has to look at it.")


def shown(desk: Desk, identifier: str, version: int) -> ResponseReturnValue:
    """What survives, by reading every copy now."""
    return _page(desk, identifier, version)


def decide(desk: Desk, identifier: str, version: int) -> ResponseReturnValue:
    """The signed-in person has a new version made of what survives."""
    work, signed_in = _work(desk, identifier), member()
    assert signed_in is not None
    try:
        salvaging.carry_out(work, identifier, version, signed_in.login, request.form.get("reason", ""))
    except (NotNow, StoreUnavailable, WouldOverwrite) as problem:
        return _page(desk, identifier, version, problem)
    return redirect(url_for("reading.article", identifier=identifier), 303)


def _page(desk: Desk, identifier: str, version: int, problem: MahfuzError | None = None) -> ResponseReturnValue:
    work, seen = _work(desk, identifier), None
    try:
        seen = plan(work, identifier, version)
    except (NotNow, StoreUnavailable) as error:
        problem = problem or error
    with desk.catalogue.reading() as rows:
        record = ArticleRecord.from_json(rows.get_one(Article, identifier).record)
    page = render_template(
        "ingest/salvage.html",
        identifier=identifier,
        version=version,
        record=record,
        plan=seen,
        survive=_survive(seen),
        problem=problem,
        sentence=_sentence(problem),
        longest=LONGEST_REASON,
        typed=request.form.get("reason", ""),
    )
    return page, _status(problem)


def _survive(seen: Plan | None) -> int:
    return len(seen.files) - len(seen.lost) if seen else 0


def _status(problem: MahfuzError | None) -> int:
    if problem is None:
        return 200
    return (
        503 if isinstance(problem, StoreUnavailable) else 409 if isinstance(problem, Disputed | WouldOverwrite) else 422
    )


def _sentence(problem: MahfuzError | None) -> tuple[str, dict[str, object]] | None:
    """What a page says of it, with the values inside."""
    if isinstance(problem, NotNow):
        return problem.sentence, problem.params
    return (SILENT if isinstance(problem, StoreUnavailable) else TAKEN, {}) if problem else None


def _work(desk: Desk, identifier: str) -> Salvaging:
    with desk.catalogue.reading() as rows:
        if desk.salvaging is None or rows.get(Article, identifier) is None:
            raise NotFound
    return desk.salvaging

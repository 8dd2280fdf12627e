"""The page of a licence's title list: what stands in it, and a newer list read with what is wrong in it."""

from __future__ import annotations

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from repository.access import claims, licences, title_lists
from repository.access.exchange import entitlements as table
from repository.access.title_lists import Loaded
from repository.errors import UsageError
from repository.kbart_lines import MOST_COMPLAINTS, BadList, Complaint
from repository.rights import ClaimState
from repository.texts import marked
from repository.web import paging
from repository.web.records import acting
from repository.web.room import ReadingRoom

A_PAGE = 100
NO_FILE = marked("Choose a file.")


def listed(
    room: ReadingRoom, code: str, done: Loaded | None = None, wrong: tuple[Complaint, ...] = (), name: str = ""
) -> ResponseReturnValue:
    """The title list in the order in which it came, or what of it is no longer listed; as a page or as KBART."""
    after, left_out = paging.asked_key(int), acting.asked("left_out") == "yes"
    with room.catalogue.reading() as session:
        row = acting.or_not_found(licences.named, session, code)
        found = claims.listed(session, licence=row, left_out=left_out, after=after[0] if after else 0, limit=A_PAGE + 1)
    if acting.asked("format") == "kbart":
        answer = Response(table.kbart(room.catalogue, code), mimetype="text/tab-separated-values")
        answer.headers["Content-Disposition"] = f'attachment; filename="{code}_{room.now():%Y-%m-%d}.txt"'
        return answer
    shown, following = paging.page_of(found, A_PAGE, lambda line: (line.row.id,))
    page = render_template(
        "records/titles.html",
        row=row,
        lines=shown,
        following=following,
        begun=after is not None,
        left_out=left_out,
        done=done,
        name=name,
        wrong=wrong[:MOST_COMPLAINTS],
        more=max(0, len(wrong) - MOST_COMPLAINTS),
        megabytes=acting.MOST_UPLOADED >> 20,
    )
    return page, 422 if wrong and done is None else 200


def load(room: ReadingRoom, code: str) -> ResponseReturnValue:
    """The list that was sent is the licence's; what is wrong with it is told line by line."""
    with room.catalogue.reading() as session:
        acting.or_not_found(licences.named, session, code)
    name, data = acting.uploaded()
    if not name:
        return listed(room, code, wrong=(Complaint(NO_FILE),))
    try:
        read = title_lists.read_list(name, data)
    except BadList as no:
        return listed(room, code, wrong=tuple(no.complaints), name=name)
    state = ClaimState.ASSERTED if request.form.get("state") == ClaimState.ASSERTED else ClaimState.AGREED
    loaded: list[Loaded] = []
    no_ = acting.done(
        room,
        lambda session, by, at: loaded.append(
            title_lists.load(session, by, licences.named(session, code), read, at=at, state=state)
        ),
    )
    if isinstance(no_, UsageError):
        return listed(room, code, wrong=(Complaint("%(said)s", params={"said": str(no_)}),), name=name)
    return listed(room, code, loaded[0], tuple(loaded[0].complaints), name)

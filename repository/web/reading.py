"""The reading room's pages: from the search box to the journal, the issue, the article and its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from flask import Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import Gone, NotFound

from repository import citing, search
from repository.access import rights
from repository.access.entitlement import Decision
from repository.access.told import FOR_EVERYONE
from repository.access.web import counting
from repository.access.web.readers import known
from repository.catalogue import browse, copies, holdings, links, notices, tallies
from repository.catalogue.browse import TitleLine
from repository.models import Aip, Article, Copy, File, Issue, Title
from repository.notice import NoticeKind
from repository.turkish import machine_lower
from repository.vocabulary import GIVEN_UP, ArticleRecord, ArticleState
from repository.web import description, files, opening, openurl, paging, resolving
from repository.web.room import ReadingRoom, file_address

A_PAGE = 50
ISSUES = 400
EVENTS = 12
AUTHORS = 12
RELATED = 50
LETTERS = "ABCÇDEFGĞHIİJKLMNOÖPQRSŞTUÜVWXYZ"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an article with its files and copies."""

    aip: Aip
    files: tuple[File, ...]
    copies: tuple[tuple[Copy, str], ...]
    deliverer: str | None

    @property
    def disposed(self) -> bool:
        """Whether no store has its bag any more, because two people decided so."""
        return bool(self.copies) and all(state in GIVEN_UP for _, state in self.copies)


def home(room: ReadingRoom) -> ResponseReturnValue:
    """What this is, a search box, the figures of the archive, and where its journals begin."""
    with room.catalogue.reading() as rows:
        articles = tallies.of(rows, "articles")
        kept = tallies.of(rows, "aips").get(("", "kept"), tallies.NOTHING)
        copied = copies.kept(rows)
        never = sum(tallies.of(rows, "never verified").values(), tallies.NOTHING)
        journals = browse.titles_listed(rows, limit=8)
        how_many = browse.how_many_titles(rows)
    every_copy = sum(copied.values(), tallies.NOTHING)
    return render_template(
        "reading/home.html",
        articles=sum(count.number for (_, state), count in articles.items() if state == ArticleState.ACTIVE),
        journals=journals,
        how_many=how_many,
        kept=kept,
        copies=every_copy.number,
        read_back=every_copy.number - never.number,
        stores=len({place for place, _state in copied}),
    )


def find(room: ReadingRoom) -> ResponseReturnValue:
    """The answer to the search box. A DOI or an ISSN that is held leads straight to its page."""
    question = search.understand(request.args.get("q", ""))
    after = request.args.get("after", "")
    with room.catalogue.reading() as rows:
        if (article := search.article_for(rows, question)) is not None:
            return redirect(url_for("reading.article", identifier=article.id))
        if search.title_for(rows, question) is not None:
            return redirect(url_for("reading.title", issn=question.issn))
        journals = search.journals(rows, question, 20) if not after else []
        answer = search.articles(rows, question, after=after or None, limit=25)
    counting.searched(question.text)
    following = paging.here(after=answer.after) if answer.after else None
    return render_template(
        "reading/search.html", question=question, journals=journals, answer=answer, following=following, after=after
    )


def titles(room: ReadingRoom) -> ResponseReturnValue:
    """The journals in the order of the Turkish alphabet."""
    after = paging.asked_key(str, int)
    letter = request.args.get("letter", "")[:1]
    letter = letter if letter in LETTERS else ""
    with room.catalogue.reading() as rows:
        listed = browse.titles_listed(rows, after=after, start=letter, limit=A_PAGE + 1)
        how_many = browse.how_many_titles(rows)
    shown, following = paging.page_of(listed, A_PAGE, lambda line: (line.sort_key, line.id))
    return render_template(
        "reading/titles.html",
        journals=shown,
        following=following,
        letters=LETTERS,
        letter=letter,
        how_many=how_many,
        begun=after is not None,
    )


def title(room: ReadingRoom, issn: str) -> ResponseReturnValue:
    """One journal and its issues by year, the newest first."""
    before = paging.asked_key(str)
    with room.catalogue.reading() as rows:
        line = _title_line(rows, issn)
        if line is None:
            return resolving.not_held(rows, openurl.Wanted(issns=(issn,)), openurl.Met())
        if line.issn != issn and line.issn:
            return redirect(url_for("reading.title", issn=line.issn), 301)
        listed = browse.issues_of(rows, line.id, before=before[0] if before else None, limit=ISSUES + 1)
    shown, following = paging.page_of(listed, ISSUES, lambda issue: (issue.shelf,))
    years = [(year, list(issues)) for year, issues in groupby(shown, key=lambda issue: issue.year)]
    return render_template(
        "reading/title.html", title=line, years=years, following=following, begun=before is not None, sought=_sought()
    )


def issue(room: ReadingRoom, issn: str, number: int) -> ResponseReturnValue:
    """One issue and its articles in the order of their pages."""
    after = paging.asked_key(str, str)
    with room.catalogue.reading() as rows:
        line, found = _title_line(rows, issn), rows.get(Issue, number)
        if line is None or found is None or found.title_id != line.id:
            raise NotFound
        listed = browse.articles_in(rows, found.id, after=after, limit=A_PAGE + 1)
    shown, following = paging.page_of(listed, A_PAGE, lambda article: (article.shelf, article.id))
    articles = [(article.id, ArticleRecord.from_json(article.record)) for article in shown]
    return render_template(
        "reading/issue.html",
        title=line,
        issue=found,
        articles=articles,
        following=following,
        begun=after is not None,
        sought=_sought(),
    )


def article(room: ReadingRoom, identifier: str) -> ResponseReturnValue:
    """The landing page of one article: its description, why it opens or not, its versions, copies and events."""
    with room.catalogue.reading() as rows:
        found = _article(rows, identifier)
        if found.state == ArticleState.WITHDRAWN:
            told = notices.of(rows, found.id)
            kept = any(not one.disposed for one in versions_of(rows, found.id))
            said = next((one for one in reversed(told) if one.kind == NoticeKind.WITHDRAWAL), None)
            return render_template("reading/withdrawn.html", article=found, notice=said, kept=kept), 410
        record = ArticleRecord.from_json(found.record)
        title_line = browse.title_line(rows, browse_title(rows, found))
        shelf = rows.get_one(Issue, found.issue_id)
        versions = versions_of(rows, found.id)
        events = list(browse.latest_events(rows, found.id, limit=EVENTS))
        held = links.held(rows, record.related[:RELATED])
        related = [(pointer, held.get(pointer)) for pointer in record.related[:RELATED]]
        pointing = links.pointing_at(rows, record, limit=RELATED)
        on, who = room.now(), known(rows)
        decision = rights.on_article(rows, found, who.reader, on)
    pdf_version, pdf = main_pdf(versions)
    landing = _landing(room, found, record, title_line, versions[-1], pdf, decision)
    page = render_template(
        "reading/article.html",
        article=found,
        record=record,
        title=title_line,
        issue=shelf,
        versions=list(reversed(versions)),
        events=events,
        related=related,
        pointing=pointing,
        notices=opening.notices(pointing),
        **opening.said(room, record, who, decision, on),
        landing=landing,
        citation=citing.plain(record, landing.url),
        pdf=pdf,
        pdf_version=pdf_version,
        tags=description.citation_tags(landing),
        schema=description.schema_org(landing, room.archive),
        first_authors=AUTHORS,
        file_address=file_address,
        doi_url=description.doi_url,
    )
    counting.shown(found, decision)
    answer = Response(page)
    answer.headers["Link"] = description.signposts(landing)
    answer.headers.update(opening.PRIVATE)
    return answer


def article_json(room: ReadingRoom, identifier: str) -> ResponseReturnValue:
    """Everything known of one article, as the contract prints it."""
    with room.catalogue.reading() as rows:
        found = _article(rows, identifier)
        if found.state == ArticleState.WITHDRAWN:
            return jsonify(holdings.tombstone_json(rows, found)), 410
        return jsonify(holdings.article_json(rows, found))


def file(room: ReadingRoom, identifier: str, path: str) -> ResponseReturnValue:
    """One payload file, of the newest version that has it or of ``?version=``."""
    wanted = request.args.get("version", "")
    if not paging.storable(path) or (wanted and not (wanted.isascii() and wanted.isdigit() and len(wanted) < 7)):
        raise NotFound
    with room.catalogue.reading() as rows:
        found = _article(rows, identifier)
        if found.state == ArticleState.WITHDRAWN:
            raise Gone
        on, who = room.now(), known(rows)
        decision = rights.on_article(rows, found, who.reader, on)
        if not decision.allowed:
            counting.refused(found, decision)
            return opening.closed(room, rows, found, decision, who, on)
        located = browse.file_of(rows, identifier, path, int(wanted) if wanted else None)
    if located is None:
        raise NotFound
    return counting.given(found, decision, files.give(room.counter, located, download="download" in request.args))


def _sought() -> str:
    """What a link from elsewhere was meant to lead to, and did not (repository.web.resolving)."""
    return request.args.get("sought", "")[:300]


def browse_title(rows: Session, found: Article) -> Title:
    """The journal in which an article stands."""
    return rows.get_one(Title, found.title_id)


def main_pdf(versions: Sequence[Version]) -> tuple[int, File | None]:
    """The PDF that a reader means, with its version: the first in its bag, of the newest version that came with one."""
    lost = {
        (version.aip.salvage["from_version"], piece["path"])
        for version in versions
        if version.aip.salvage
        for piece in version.aip.salvage["files"]
        if piece["store"] is None
    }
    for version in (one for one in reversed(versions) if not one.disposed):
        for file in version.files:
            if machine_lower(file.path).endswith(".pdf") and (version.aip.version, file.path) not in lost:
                return version.aip.version, file
    return versions[-1].aip.version, None


def _article(rows: Session, identifier: str) -> Article:
    found = rows.get(Article, identifier)
    if found is None:
        raise NotFound
    return found


def _title_line(rows: Session, issn: str) -> TitleLine | None:
    found = browse.title_of_issn(rows, issn)
    return browse.title_line(rows, found) if found is not None else None


def versions_of(rows: Session, identifier: str) -> list[Version]:
    """The versions of an article with their files and copies, the oldest first."""
    deliverers = holdings.deliverers_of(rows, identifier)
    return [
        Version(
            aip,
            tuple(holdings.files_of(rows, aip.id)),
            tuple((copy, copies.shown_state(copy)) for copy in copies.of(rows, aip.id)),
            deliverers.get(aip.version),
        )
        for aip in holdings.aips_of(rows, identifier)
    ]


def _landing(
    room: ReadingRoom,
    found: Article,
    record: ArticleRecord,
    title_line: TitleLine,
    latest: Version,
    pdf: File | None,
    decision: Decision,
) -> description.Landing:
    return description.Landing(
        record=record,
        url=room.absolute(url_for("reading.article", identifier=found.id)),
        title_url=room.absolute(url_for("reading.title", issn=title_line.issn)),
        json_url=room.absolute(url_for("reading.article_json", identifier=found.id)),
        oai_url=room.oai_record(found.id),
        pdf_url=room.absolute(file_address(found.id, pdf.path)) if pdf else None,
        file_urls=[
            (room.absolute(file_address(found.id, file.path)), files.media_type(file.path)[0])
            for file in (*latest.files, *([pdf] if pdf and pdf not in latest.files else ()))
        ],
        is_open=decision.reason_code in FOR_EVERYONE,
    )

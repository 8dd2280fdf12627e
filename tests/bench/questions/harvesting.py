"""What harvesters and mirrors ask: OAI-PMH at the beginning, in the middle and at the end, ResourceSync, dumps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from bench.cost import Question
from bench.generator import article_id, issn
from bench.questions.asked import PUBLISHER, Asked
from bench.questions.pages import FULL, page
from sqlalchemy import select

from config import window
from oai_pmh.arguments import Verb
from oai_pmh.resourcesync.listing import Lists
from oai_pmh.sheaves import run
from oai_pmh.tokens import Continuation, ticks
from oai_pmh.verbs import Window, write
from repository.catalogue import harvest
from repository.models import Article, Title

_SETS = {
    "": "the whole",
    f"publisher:yayinevi-{PUBLISHER}": "a publisher",
    f"journal:{issn(1)}": "the large journal",
    f"journal:{issn(77)}": "a journal",
    "open": "a fifth of all",
}
_COUNTED = "it is counted to the end of the span, and no further than 100,000"
_INDEX = "a line for each part of 50,000 bags, or 5,000 changes"


def questions(asked: Asked) -> Iterator[Question]:
    """Lists of records and of headers at three places, of everything and of sets, and between two moments."""
    seen_from = window.of(asked.archive)
    for address in ("verb=Identify", "verb=ListMetadataFormats", "verb=ListSets", "verb=Unknown"):
        because = "it counts the sets: a look-up for each journal" if address.endswith("Sets") else ""
        yield Question("harvesters", address, partial(page, asked.nobody, f"/oai?{address}"), because)
    identifier = seen_from.identifier(article_id(asked.size.articles // 2))
    for prefix in ("oai_dc", "jats"):
        address = f"/oai?verb=GetRecord&metadataPrefix={prefix}&identifier={identifier}"
        yield Question("harvesters", f"GetRecord, {prefix}", partial(page, asked.nobody, address))
    for verb in (Verb.LIST_RECORDS, Verb.LIST_IDENTIFIERS):
        for spec, name in _SETS.items():
            for share, where in ((0.0, "the first page"), (0.5, "in the middle"), (0.98, "near the end")):
                address = _token(asked, seen_from, verb, spec, share)
                yield Question("harvesters", f"{verb}, {name}, {where}", partial(page, asked.nobody, address), FULL)
    for spec, name in (("", "the whole"), ("open", "a fifth of all")):
        for days, span in ((1, "a day"), (100, "a hundred days")):
            address = _between(asked, spec, days)
            what = f"ListRecords, {name}, from/until {span}"
            yield Question("harvesters", what, partial(page, asked.nobody, address), FULL)
    yield Question(
        "harvesters", "ListSets, the last page", partial(page, asked.nobody, _last_sets(asked, seen_from)), FULL
    )
    yield Question("harvesters", "a part of a dump, 2,000 records in the middle", partial(_part, asked, seen_from))
    yield from _resourcesync(asked)


def _moment(asked: Asked, share: float) -> tuple[datetime, int]:
    number = max(1, int(asked.size.articles * share))
    with asked.catalogue.reading() as session:
        return harvest.place_of(session, number)


def _token(asked: Asked, seen_from: Window, verb: Verb, spec: str, share: float) -> str:
    if not share:
        chosen = f"&set={spec}" if spec else ""
        return f"/oai?verb={verb}&metadataPrefix=oai_dc{chosen}"
    stamp, number = _moment(asked, share)
    place = Continuation(
        verb=verb,
        metadata_prefix="oai_dc",
        set_spec=spec or None,
        since=None,
        until=None,
        begun=seen_from.now(),
        after=(ticks(stamp), number),
        cursor=number,
        size=None,
    )
    return f"/oai?verb={verb}&resumptionToken={seen_from.token_keys.write(place)}"


def _between(asked: Asked, spec: str, days: int) -> str:
    stamp, _ = _moment(asked, 0.5)
    since, until = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (stamp, stamp + timedelta(days=days)))
    chosen = f"&set={spec}" if spec else ""
    return f"/oai?verb=ListRecords&metadataPrefix=oai_dc{chosen}&from={since}&until={until}"


def _last_sets(asked: Asked, seen_from: Window) -> str:
    """Behind nearly all journals."""
    place = Continuation(
        verb=Verb.LIST_SETS,
        metadata_prefix="",
        set_spec=None,
        since=None,
        until=None,
        begun=seen_from.now(),
        after=(1, asked.size.journals - 10),
        cursor=1,
        size=None,
    )
    return f"/oai?verb=ListSets&resumptionToken={seen_from.token_keys.write(place)}"


def _part(asked: Asked, seen_from: Window) -> None:
    """As dumps are made: a run of 2,000 records, written out."""
    place = _moment(asked, 0.5)
    with asked.catalogue.reading() as session:
        span = harvest.Span(seen_from.clock(session))
        found = run(
            session,
            harvest.WHOLE_FEED,
            span,
            after=place,
            limit=2_000,
            lying_as=seen_from.form("oai_dc"),
            write=write(seen_from, "oai_dc"),
        )
    assert found is not None
    found.build()


def _resourcesync(asked: Asked) -> Iterator[Question]:
    for address in ("/.well-known/resourcesync", "/resourcesync/capabilitylist.xml"):
        yield Question("mirrors", address, partial(page, asked.nobody, address))
    for name in ("resourcelist", "changelist"):
        yield Question(
            "mirrors", f"/resourcesync/{name}.xml", partial(page, asked.nobody, f"/resourcesync/{name}.xml"), _INDEX
        )
    lists = Lists(asked.catalogue)
    yield Question("mirrors", "1,000 lines of the last resource list", lambda: _lines(lists), FULL)
    with asked.catalogue.reading() as session:
        assert session.execute(select(Article.id).limit(1)).first()
        assert session.execute(select(Title.id).limit(1)).first()


def _lines(lists: Lists) -> None:
    list(islice(lists.resources(lists.parts()[-1], None), 1000))

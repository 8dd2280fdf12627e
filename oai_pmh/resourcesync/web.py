"""ResourceSync over HTTP: what is offered is told to everyone, the lists and the bags to who has the right to them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import structlog
from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from oai_pmh.resourcesync import documents
from oai_pmh.resourcesync.documents import Addresses
from oai_pmh.resourcesync.listing import Lists
from repository.access import peers
from repository.access.peers import Peer, Refusal, Shown
from repository.access.web.guard import Route, lay, member
from repository.catalogue import resources
from repository.catalogue.resources import FoundBag, Publishers
from repository.web import files
from repository.web.streaming import Counter

log = structlog.get_logger(__name__)

STAFF = "staff"
"""The name under which a signed-in member of staff is written down: everything is open to them."""
_GATHERED = 64 << 10
_STATUS = {Refusal.NOBODY: 403, Refusal.UNKNOWN: 401, Refusal.NOT_THIS_PUBLISHER: 403}


@dataclass(frozen=True, slots=True)
class Giving:
    """What giving bags to other archives is given."""

    lists: Lists
    where: Addresses
    counter: Counter
    peers: tuple[Peer, ...] = field(default=(), repr=False)


def blueprint(giving: Giving) -> Blueprint:
    """The documents of ResourceSync and the bags. The app must know the converter ``hex32``."""
    number = "<int(max=999999999):number>.xml"
    return lay(
        Blueprint("resourcesync", __name__),
        giving,
        (
            Route(documents.WELL_KNOWN, source_description),
            Route(documents.CAPABILITIES, capability_list),
            Route(documents.RESOURCES, resource_list_index),
            Route(f"/resourcesync/resourcelist/{number}", resource_list),
            Route(documents.CHANGES, change_list_index),
            Route(f"/resourcesync/changelist/{number}", change_list),
            Route("/resourcesync/bags/<hex32:identifier>/v<int(max=999999):version>.tar", bag),
        ),
    )


def source_description(giving: Giving) -> ResponseReturnValue:
    """Where everything begins; it says nothing that is not for everyone."""
    return _xml([documents.source_description(giving.where)])


def capability_list(giving: Giving) -> ResponseReturnValue:
    """Which lists there are."""
    return _xml([documents.capability_list(giving.where)])


def resource_list_index(giving: Giving) -> ResponseReturnValue:
    """The parts of the list of all bags."""
    _who(giving)
    at = giving.lists.now()
    return _xml(documents.resource_list_index(giving.where, at, giving.lists.parts()))


def resource_list(giving: Giving, number: int) -> ResponseReturnValue:
    """The bags of one part that this archive may have."""
    who = _who(giving)
    at = giving.lists.now()
    if number not in giving.lists.parts():
        raise NotFound
    listed = giving.lists.resources(number, _whose(giving, who))
    return _xml(documents.resource_list(giving.where, at, listed))


def change_list_index(giving: Giving) -> ResponseReturnValue:
    """Every change list with the time that it covers; the last one is open."""
    _who(giving)
    horizon = giving.lists.now()
    blocks = giving.lists.blocks(horizon)
    return _xml(documents.change_list_index(giving.where, blocks[0][1], blocks))


def change_list(giving: Giving, number: int) -> ResponseReturnValue:
    """What became of the bags that this archive may have, as far as the clock has come."""
    who = _who(giving)
    horizon = giving.lists.now()
    interval = giving.lists.block_of(number, horizon)
    if interval is None:
        raise NotFound
    changes = giving.lists.changes(number, _whose(giving, who), horizon)
    return _xml(documents.change_list(giving.where, *interval, changes))


def bag(giving: Giving, identifier: str, version: int) -> ResponseReturnValue:
    """One bag as it lies in the stores, whole or a range of it; it is written down who had how many bytes of it."""
    who = _who(giving)
    with giving.lists.catalogue.reading() as session:
        found = resources.bag(session, identifier, version)
        allowed = who.publishers is None or resources.publishers_named(session, who.publishers)
    if found is None:
        raise NotFound
    if allowed is not True and found.publisher_id not in allowed:
        return _refused(Refusal.NOT_THIS_PUBLISHER)
    answer = files.give(giving.counter, found)
    if request.method == "GET" and answer.status_code in (200, 206):
        _written_down(answer, who, found)
    return answer


def _written_down(answer: Response, who: Peer, found: FoundBag) -> None:
    """A line of the log when the last byte has gone, or the connection: how many bytes there were."""
    sent = 0
    of = answer.content_length
    blocks: Iterable[bytes] = answer.response  # type: ignore[assignment]

    def counted() -> Iterator[bytes]:
        nonlocal sent
        for block in blocks:
            sent += len(block)
            yield block

    def tell() -> None:
        log.info(
            "bag given",
            peer=who.name,
            article=found.article_id,
            version=found.version,
            bytes=sent,
            whole=sent == of,
            range=asked,
        )

    asked = answer.headers.get("Content-Range")
    answer.response = counted()
    answer.call_on_close(tell)


def _who(giving: Giving) -> Peer:
    """Who asks. Who has no right is answered so, and nothing else is done."""
    authorization = request.authorization
    kind = authorization.type if authorization is not None else ""
    key = name = None
    if authorization is not None and kind == "bearer":
        key = authorization.token
    elif authorization is not None and kind == "basic":
        key, name = authorization.password, authorization.username
    found = peers.known(giving.peers, Shown(key, name, request.remote_addr))
    if isinstance(found, Peer):
        return found
    if member() is None:
        abort(_refused(found))
    return Peer(STAFF)


def _refused(why: Refusal) -> Response:
    answer = Response(peers.SENTENCES[why] + "\n", _STATUS[why], mimetype="text/plain")
    if why is Refusal.UNKNOWN:
        answer.headers.add("WWW-Authenticate", 'Bearer realm="bags"')
        answer.headers.add("WWW-Authenticate", 'Basic realm="bags", charset="UTF-8"')
    log.info("bag refused", why=str(why), path=request.path)
    return answer


def _whose(giving: Giving, who: Peer) -> Publishers:
    if who.publishers is None:
        return None
    with giving.lists.catalogue.reading() as session:
        return resources.publishers_named(session, who.publishers)


def _xml(document: Iterable[str]) -> Response:
    """Sent as it is read from the catalogue; the first rows are read before anything is said."""
    gathered = _gathered(document)
    first = next(gathered, b"")
    blocks: Iterator[bytes] = chain((first,), gathered)
    answer = Response(mimetype="application/xml")
    answer.vary.add("Accept-Encoding")
    answer.vary.add("Authorization")
    answer.cache_control.private = True
    answer.cache_control.no_cache = True
    if request.accept_encodings["gzip"] > 0:
        answer.content_encoding = "gzip"
        blocks = _compressed(blocks)
    answer.response = blocks
    return answer


def _gathered(document: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    size = 0
    for text in document:
        held.append(text)
        size += len(text)
        if size >= _GATHERED:
            yield "".join(held).encode()
            held, size = [], 0
    yield "".join(held).encode()


def _compressed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    pack: Callable[[bytes], bytes] = packer.compress
    for block in blocks:
        if packed := pack(block):
            yield packed
    yield packer.flush()

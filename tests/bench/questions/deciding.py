"""Who may read what: decisions, the simulator, previews and lists of rights, with their lists of titles."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from bench.cost import Question
from bench.generator import article_id
from bench.questions.asked import Asked

from repository.access import preview, rights, simulator
from repository.access.entitlement import Reader
from repository.access.triggers import Proposal, Scope
from repository.models import Article
from repository.rights import Audience, TriggerKind

ON = datetime(2026, 6, 1, 12, tzinfo=UTC)
_DECISIONS = 100
_OF_A_PUBLISHER = "it tells of every journal and issue of a publisher"
_OF_ALL = "it counts the journals"


def questions(asked: Asked) -> Iterator[Question]:
    """A hundred decisions at random; the simulator and a preview for publisher 2, one of 60, and for the largest."""
    yield Question("decisions", f"{_DECISIONS} decisions", partial(_decide, asked))
    for publisher, name in ((2, "one of 60"), (1, "the largest")):
        yield Question("decisions", f"simulator, {name}", partial(_simulate, asked, publisher), _OF_A_PUBLISHER)
        for audience in (Audience.ENTITLED, Audience.EVERYONE):
            ask = partial(_preview, asked, publisher, audience)
            yield Question("decisions", f"preview of a trigger for {audience}, {name}", ask, _OF_A_PUBLISHER)
    yield Question("decisions", "preview of a trigger over all that is kept", partial(_preview_of_all, asked), _OF_ALL)


def _decide(asked: Asked) -> None:
    dice = random.Random(7)
    with asked.catalogue.reading() as session:
        for _ in range(_DECISIONS):
            article = session.get_one(Article, article_id(dice.randrange(asked.size.articles)), populate_existing=True)
            rights.on_article(session, article, Reader(dice.randint(1, asked.size.institutions)), ON)


def _simulate(asked: Asked, publisher: int) -> None:
    with asked.catalogue.reading() as session:
        simulator.simulate(session, ON.date(), publisher_id=publisher, stores=tuple(asked.archive.places))


def _preview(asked: Asked, publisher: int, audience: Audience) -> None:
    scope = Scope(publisher_ids=frozenset((publisher,)))
    with asked.catalogue.reading() as session:
        preview.of(session, Proposal(TriggerKind.PUBLISHER_CEASED, audience, scope, "ölçüm", ON))


def _preview_of_all(asked: Asked) -> None:
    with asked.catalogue.reading() as session:
        preview.of(
            session, Proposal(TriggerKind.NATIONAL_EMERGENCY, Audience.EVERYONE, Scope(nation=True), "ölçüm", ON)
        )

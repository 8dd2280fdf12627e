"""Catalogues of any size without a byte behind them: rows made inside the database, as an archive of years has them.

Everything that a page, a worker or a harvester asks of a catalogue is in it: journals with their issues, articles with
words, bags and three copies each, deliveries with their receipts, the change feed, testimony, the night watch's days,
institutions with licences, title lists and triggers, use. What a number is of follows from the number alone, so that
the same size is the same catalogue in every database. What nobody reads again is made up: the hashes of the events'
chain, the digests of the feed's days.
"""

from __future__ import annotations

from bench.generator import access, articles, bags, deliveries, feed, journals, watch
from bench.generator.filling import Filling, filling
from bench.generator.size import STORES, Size, article_id, issn, word

from repository.catalogue import Catalogue

__all__ = ["STORES", "Filling", "Size", "article_id", "generate", "issn", "word"]

_STEPS = (journals.fill, articles.fill, bags.fill, deliveries.fill, feed.fill, watch.fill, access.fill)


def generate(catalogue: Catalogue, size: Size) -> dict[str, float]:
    """Fill ``catalogue``, which is migrated and empty; the seconds of each step by its name."""
    with filling(catalogue, size) as to_fill:
        for step in _STEPS:
            with to_fill.timed(step.__module__.rpartition(".")[2]):
                step(to_fill)
    return to_fill.seconds

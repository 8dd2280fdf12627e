"""Publishers and their journals, each with one ISSN."""

from __future__ import annotations

from bench.generator.filling import Filling
from bench.generator.size import issn, journal_name

from repository.turkish import tr_fold, tr_sort_key


def fill(to_fill: Filling) -> None:
    """Publisher 1 has a fifth of the journals, the others as many each."""
    size = to_fill.size
    to_fill.rows(
        "publisher",
        "id, name, slug, titles_agreed",
        ((n, f"Yayınevi {n}", f"yayinevi-{n}", False) for n in range(1, size.publishers + 1)),
    )
    to_fill.rows(
        "title",
        "id, publisher_id, name, sort_key, folded, issn_electronic, set_issn, articles",
        (
            (n, size.publisher_of(n), name, tr_sort_key(name), tr_fold(name), issn(n), issn(n), 0)
            for n, name in ((n, journal_name(n)) for n in range(1, size.journals + 1))
        ),
    )
    to_fill.rows("title_issn", "issn, title_id", ((issn(n), n) for n in range(1, size.journals + 1)))

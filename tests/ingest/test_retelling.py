"""Which articles of a file are told in the same words as before, and where that cannot be known."""

from __future__ import annotations

import pytest

from ingest.retelling import parts_of

HEAD = "<ArticleSet>\n"


def deposit(*titles: str, sep: str = "\n") -> bytes:
    one = sep.join(("<Article", ' lang="tr">', "<ArticleTitle>{}</ArticleTitle>", "</Article>"))
    return (HEAD + sep.join(one.format(title) for title in titles) + sep + "</ArticleSet>").encode()


def test_each_article_is_its_own_words_wherever_it_stands() -> None:
    before, after = parts_of(deposit("Bir", "İki"), "a.xml"), parts_of(deposit("Yeni", "Bir", "İki", "Üç"), "a.xml")
    assert sorted(before) == [3, 7]
    assert list(before.values()) == list(after.values())[1:3]
    assert len(set(after.values())) == 4


def test_the_header_of_the_next_record_is_not_the_articles() -> None:
    def harvested(*stamps: str) -> bytes:
        records = "".join(
            f"""<record><header><identifier>oai:x:{place}</identifier>
<datestamp>{stamp}</datestamp></header><metadata>
<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{place}</dc:title>
<dc:source>Dergi</dc:source></oai_dc:dc>
</metadata></record>"""
            for place, stamp in enumerate(stamps)
        )
        return (
            f"<OAI-PMH><responseDate>{stamps[0]}</responseDate><ListRecords>{records}</ListRecords></OAI-PMH>".encode()
        )

    before, after = parts_of(harvested("2020", "2020"), "a.xml"), parts_of(harvested("2024", "2025"), "a.xml")
    assert len(set(before.values())) == 2
    assert before == after


@pytest.mark.parametrize(
    "data",
    [
        deposit("Bir", "İki", sep=""),
        deposit("Bir").decode().encode("utf-16"),
        b"",
        b"<ArticleSet>",
        b"<ArticleSet>" + b"\n" * 70_000 + deposit("Bir", "İki").removeprefix(HEAD.encode()),
    ],
    ids=["one line", "UTF-16", "nothing", "broken", "too many lines"],
)
def test_where_the_words_cannot_be_told_apart_nothing_is_said(data: bytes) -> None:
    assert parts_of(data, "a.xml") == {}

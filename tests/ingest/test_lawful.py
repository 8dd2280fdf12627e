"""No record that comes in holds what no XML may hold, however it was told."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ingest.dialects import describe
from ingest.dialects.lawful import lawful
from ingest.profiles import Fallback, Profile
from ingest.sips import group
from ingest.unpack import unpack
from repository.vocabulary import ArticleRecord, Author, Related

ILLEGAL = "\0\x01\x08\x0b\x0c\x0e\x1f\ud800\udfff\ufffe\uffff"
LAWFUL = "\t\n\r \x7f\x85\u00ad\u200d\ud7ff\ue000\ufffdİşık مجلة 𝒳🙂"


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in texts(each)]
    return [text for each in value or () for text in texts(each)] if isinstance(value, list | tuple) else []


def test_what_is_illegal_goes_and_everything_else_stays_as_it_is() -> None:
    dirty = f"a{ILLEGAL}{LAWFUL}z"
    record = ArticleRecord(
        title=dirty,
        translated_titles={dirty: dirty},
        authors=(Author(family=dirty, orcid=dirty),),
        related=(Related(dirty, dirty),),
        keywords=(dirty,),
        other_ids={"x": dirty},
        doi=dirty,
    )
    told = texts(lawful(record).as_json())
    assert {text for text in told if text.endswith("z")} == {f"a{LAWFUL}z"}
    assert sum(text.endswith("z") for text in told) == 10


def test_a_record_that_is_lawful_is_given_back_as_it_is() -> None:
    record = ArticleRecord(title=LAWFUL, keywords=(LAWFUL,))
    assert lawful(record) is record


@given(st.text(st.sampled_from(ILLEGAL + LAWFUL + "<&")))
def test_whatever_is_left_can_stand_in_xml(text: str) -> None:
    element = etree.Element("a")
    element.text = lawful(ArticleRecord(title=text)).title


def test_not_even_a_profile_lets_it_in(tmp_path: Any) -> None:
    package = tmp_path / "makale.xml"
    package.write_text(
        "<article><front><article-meta><title-group><article-title>Bir</article-title></title-group></article-meta>"
        "</front></article>",
        encoding="utf-8",
    )
    profile = Profile(fallbacks=(Fallback(ArticleRecord(publisher="Örnek\x01 Yayınevi\ufffe")),))
    (sip,) = group(unpack([package], tmp_path), describe, profile).sips
    assert sip.record is not None
    assert sip.record.publisher == "Örnek Yayınevi"

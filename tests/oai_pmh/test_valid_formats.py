"""Every record is valid by the schema of its format, whatever the publisher said or left unsaid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from oai_pmh.formats import FORMATS, Told
from repository.jats import Front
from repository.vocabulary import NOTICES, ArticleRecord, Author, Related

PREFIXES = sorted(FORMATS)
ODD = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                " ",
                "\n\t",
                "]]>",
                "<b>&amp;</b>",
                "\"'`",
                "Işık ve İnsan",
                "مجلة",
                "🙂 𝒳",
                "a\u200fb",
                "10.5555/ö<1>",
            ),
            *("tr", "en-GB", "zh_Hans", "Türkçe", "https://creativecommons.org/licenses/by/4.0/ ; https://a.example/b"),
            *("2024-02-30", "2024-11", "2024", "dün", "e1", "12-34", "\0\x0b\ufffe"),
        ]
    ),
    st.text(st.characters(codec="utf-8"), max_size=12),
)
MAYBE = st.none() | ODD
NAMED = st.dictionaries(ODD, ODD, max_size=3)
AUTHORS = st.builds(Author, family=MAYBE, given=MAYBE, suffix=MAYBE, collab=MAYBE, orcid=MAYBE)
RELATED = st.builds(Related, type=ODD | st.sampled_from([*NOTICES, *NOTICES.values()]), identifier=ODD)
RECORDS = st.builds(
    ArticleRecord,
    **{name: MAYBE for name, kind in ArticleRecord.__annotations__.items() if kind == "str | None"},
    translated_titles=NAMED,
    authors=st.lists(AUTHORS, max_size=3).map(tuple),
    published=st.dictionaries(
        ODD | st.sampled_from(["ppub", "print/pub", "a/b/c"]), ODD | st.sampled_from(["2024-03-09", "1999"]), max_size=3
    ),
    related=st.lists(RELATED, max_size=3).map(tuple),
    abstracts=NAMED,
    keywords=st.lists(ODD, max_size=3).map(tuple),
    other_ids=NAMED,
)


@pytest.mark.parametrize("prefix", PREFIXES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(record=RECORDS, is_open=st.booleans(), with_versions=st.booleans())
def test_any_record_is_valid(
    prefix: str,
    judged: Callable[[str, str], None],
    told: Told,
    record: ArticleRecord,
    is_open: bool,
    with_versions: bool,
) -> None:
    known = replace(told, open=is_open, versions=told.versions if with_versions else ())
    judged(prefix, FORMATS[prefix].crosswalk(record, known))


@pytest.mark.parametrize("prefix", PREFIXES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(record=RECORDS)
def test_any_record_is_well_formed_and_says_nothing_emptily(prefix: str, record: ArticleRecord) -> None:
    told = Told("https://arsiv.example.org/articles/0", "oai:arsiv.example.org:0")
    root = etree.fromstring(FORMATS[prefix].crosswalk(record, told))
    for element in root.iter():
        points = {"{http://www.w3.org/1999/xlink}href", "DMDID"} & set(element.attrib)
        assert len(element) or (element.text or "").strip() or points, element.tag


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_full_record_is_valid(
    prefix: str, judged: Callable[[str, str], None], told: Told, rich_record: ArticleRecord
) -> None:
    for known in (told, replace(told, open=True)):
        judged(prefix, FORMATS[prefix].crosswalk(rich_record, known))


def test_the_publishers_front_matter_is_given_as_it_came_and_with_the_notices(
    judged: Callable[[str, str], None], told: Told, rich_record: ArticleRecord
) -> None:
    front = Front(
        ' article-type="editorial"',
        "<front><article-meta><title-group><article-title>Sunuş</article-title></title-group>",
        "<abstract><p>Kısa</p></abstract></article-meta></front>",
    )
    notices = (
        Related("retraction-forward", "10.5555/geri", "doi"),
        Related("correction-forward", "https://x.example/1"),
    )
    text = FORMATS["jats"].crosswalk(rich_record, replace(told, front=front, notices=notices))
    root = etree.fromstring(text)
    space = {"j": FORMATS["jats"].description.namespace}
    assert root.get("article-type") == "editorial"
    assert root.findtext(".//j:article-title", None, space) == "Sunuş"
    assert [one.get("related-article-type") for one in root.iterfind(".//j:related-article", space)] == [
        "retraction-forward",
        "correction-forward",
    ]
    judged("jats", text)

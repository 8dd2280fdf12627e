"""MARC 21: which field says what, and that none is there without anything to say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from lxml import etree

from oai_pmh.formats import Told, marcxml
from oai_pmh.formats.languages import marc_code
from repository.vocabulary import ArticleRecord, Author

MARC = f"{{{marcxml.NAMESPACE}}}"


def fields(record: ArticleRecord, told: Told) -> list[tuple[str, str, str]]:
    """``(tag, indicators, $a…$b…)`` of every data field, in order."""
    root = etree.fromstring(marcxml.crosswalk(record, told))
    return [
        (
            field.get("tag", ""),
            field.get("ind1", "") + field.get("ind2", ""),
            "".join(f"${one.get('code')}{one.text}" for one in field),
        )
        for field in root.iterfind(f"{MARC}datafield")
    ]


def control(record: ArticleRecord, told: Told) -> dict[str, str]:
    root = etree.fromstring(marcxml.crosswalk(record, told))
    return {field.get("tag", ""): field.text or "" for field in root.iterfind(f"{MARC}controlfield")}


def test_a_full_record_in_its_fields(rich_record: ArticleRecord, told: Told) -> None:
    assert fields(rich_record, told) == [
        ("024", "7 ", "$a10.5555/Örnek<7>$2doi"),
        ("024", "8 ", "$a12345$qpmid"),
        ("041", "  ", "$atur"),
        ("100", "1 ", "$aÇelik, Ümit$cJr$4aut$1https://orcid.org/0000-0001-2345-6789"),
        ("245", "10", "$aİstanbul'un Işıkları"),
        ("246", "31", "$aThe Lights of İstanbul"),
        ("246", "31", "$aOhne Sprache"),
        ("264", " 1", "$bÖrnek Yayınevi$c2023-11"),
        ("506", "1 ", "$fNo online access$2star"),
        ("520", "3 ", "$aÖzet < kısa"),
        ("520", "3 ", "$aAbstract & short"),
        ("540", "  ", "$uhttps://creativecommons.org/licenses/by/4.0/"),
        ("653", "  ", "$aışık"),
        ("653", "  ", "$aşehir"),
        ("655", " 4", "$aresearch-article"),
        ("710", "2 ", "$aEkip$4aut"),
        ("773", "0 ", "$tKurgu & Araştırma$dÖrnek Yayınevi$g7(2), 2023-11, 101-119$x2000-0001"),
        ("773", "1 ", "$tKurgu & Araştırma$x1000-0001"),
        ("787", "08", "$icorrected-article$ohttps://doi.org/10.5555/once"),
        ("787", "08", "$icompanion$ohttp://example.org/x"),
        ("856", "42", f"$u{told.address}"),
    ]


def test_what_is_open_is_said_to_be(rich_record: ArticleRecord, told: Told) -> None:
    found = fields(rich_record, replace(told, open=True))
    assert ("506", "0 ", "$fUnrestricted online access$2star") in found
    assert ("856", "40", f"$u{told.address}") in found


def test_of_an_article_of_which_nothing_is_known_little_is_said(told: Told) -> None:
    assert [tag for tag, _, _ in fields(ArticleRecord(), told)] == ["506", "856"]


def test_the_fixed_fields_have_their_lengths_and_the_date(rich_record: ArticleRecord, told: Told) -> None:
    for published, expected in [
        ({"ppub": "2023-11"}, "e202311  "),
        ({"ppub": "2023-11-05"}, "e20231105"),
        ({"ppub": "2023"}, "s2023    "),
        ({}, "nuuuuuuuu"),
    ]:
        found = control(replace(rich_record, published=published), told)
        assert (len(found["007"]), len(found["008"])) == (14, 40)
        assert found["008"][6:15] == expected
        assert found["008"][35:38] == "tur"
    assert found["001"] == told.identifier.rpartition(":")[2]
    leader = etree.fromstring(marcxml.crosswalk(rich_record, told)).findtext(f"{MARC}leader") or ""
    assert re.fullmatch(r"[\d ]{5}naa a22[\d ]{5}uu 4500", leader)


@pytest.mark.parametrize(
    ("tag", "code"),
    [("tr", "tur"), ("TR-tr", "tur"), ("eng", "eng"), ("deu", "ger"), ("de_AT", "ger"), ("xx", None), (None, None)],
)
def test_languages_by_their_marc_codes(tag: str | None, code: str | None) -> None:
    assert marc_code(tag) == code


def test_a_language_without_a_code_is_told_as_a_tag(told: Told) -> None:
    assert ("041", " 7", "$ax-ozel$2rfc5646") in fields(ArticleRecord(language="x-ozel"), told)


def test_a_date_is_told_without_a_publisher_and_no_suffix_without_a_name(told: Told) -> None:
    record = ArticleRecord(published={"pub": "2024"}, authors=(Author(suffix="Jr"),))
    assert [one for one in fields(record, told) if one[0] in ("100", "264")] == [("264", " 1", "$c2024")]


def test_a_group_comes_first_where_it_is_first(told: Told) -> None:
    found = fields(ArticleRecord(title="A", authors=(Author(collab="Ekip"), Author(given="Tek"))), told)
    assert [one for one in found if one[0] in ("110", "245", "700")] == [
        ("110", "2 ", "$aEkip$4aut"),
        ("245", "10", "$aA"),
        ("700", "0 ", "$aTek$4aut"),
    ]

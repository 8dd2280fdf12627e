"""Lists of agreed titles as they are really given, and what they say."""

from __future__ import annotations

import pytest
from collection import SAMPLES

from ingest.agreed import read_titles
from repository.catalogue.titles import AgreedTitle
from repository.kbart_lines import BadList

PHASE_1 = (
    "publication_title\tprint_identifier\tonline_identifier\tdate_first_issue_online\tnum_first_vol_online\t"
    "num_first_issue_online\tdate_last_issue_online\tnum_last_vol_online\tnum_last_issue_online\ttitle_url\t"
    "first_author\ttitle_id\tembargo_info\tcoverage_depth\tcoverage_notes\tpublisher_name\n"
    "Örnek Dergi\t9999-0016\t9999-0024\t2001\t1\t1\t\t\t\t\t\t\t\tfulltext\t\tÖrnek Yayınevi\n"
)
JOURNAL = AgreedTitle("Örnek Dergi", "9999-0016", "9999-0024")
HEAD = "publication_title\tprint_identifier\tonline_identifier"

LISTS = {
    "phase I": PHASE_1.encode(),
    "phase I with a mark and Windows lines": b"\xef\xbb\xbf" + PHASE_1.replace("\n", "\r\n").encode(),
    "a spreadsheet's Unicode text": PHASE_1.encode("utf-16"),
    "three columns": f"{HEAD}\nÖrnek Dergi\t9999-0016\t9999-0024\n".encode(),
    "commas": b'publication_title,print_identifier,online_identifier\n"\xc3\x96rnek Dergi",9999-0016,9999-0024\n',
    "semicolons": "Publication_Title;Print_Identifier;Online_Identifier\nÖrnek Dergi;9999-0016;9999-0024\n".encode(),
    "ISSN without hyphen": f"{HEAD}\nÖrnek Dergi\t99990016\t99990024\n".encode(),
    "blanks around": f'{HEAD}\nÖrnek Dergi \t" 9999-0016"\t"\t9999-0024"\n'.encode(),
    "a word for none": f"{HEAD}\nÖrnek Dergi\t9999-0016\t9999-0024\nBir Süreli\tn/a\t9999-0032\n".encode(),
    "books among them": (
        f"{HEAD}\tpublication_type\nBir Kitap\t9789990000016\t\tmonograph\nÖrnek Dergi\t9999-0016\t9999-0024\tserial\n"
    ).encode(),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_is_read_however_it_was_saved(case: str) -> None:
    read = read_titles("titles", LISTS[case])
    assert read.titles[0] == JOURNAL
    assert len(read.titles) == (2 if case == "a word for none" else 1)
    assert read.complaints == []


def test_a_line_that_says_nothing_is_told_and_keeps_no_other_out() -> None:
    text = (
        f"{HEAD}\nİkinci\t9999-0017\t\nÜçüncü\t\t\nDördüncü\t9999-0032\t99999999\nÖrnek Dergi\t9999-0016\t9999-0024\n"
    )
    read = read_titles("titles", text.encode())
    assert read.titles == [AgreedTitle("Dördüncü", "9999-0032", None), JOURNAL]
    assert [each.line for each in read.complaints] == [2, 3, 4]
    assert "9999-0017" in str(read.complaints[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\n1\t2\n", "publication_title"),
        (f"{HEAD}\n", "names no title"),
        (f"{HEAD}\nBir\t9999-0017\t\n", "'9999-0017' is not an ISSN"),
    ],
)
def test_a_list_without_any_title_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadList, match=said):
        read_titles("titles", text.encode())


@pytest.mark.skipif(not SAMPLES.exists(), reason="the collection of samples is not beside this checkout")
@pytest.mark.parametrize(
    ("name", "titles"),
    [("chocula-kbart_CLOCKSS.txt", 24), ("chocula-kbart_JSTOR.txt", 24), ("dergipark-kbart-facts-A.tsv", 62)],
)
def test_real_lists_are_read(name: str, titles: int) -> None:
    read = read_titles(name, (SAMPLES / "kbart" / name).read_bytes())
    assert len(read.titles) >= titles - len(read.complaints)

"""Letters become small, and stand in order, as Turkish readers expect, whatever the locale of the process."""

from __future__ import annotations

import pytest

from repository.turkish import machine_lower, tr_fold, tr_sort_key


@pytest.mark.parametrize("word", ["ISPARTA", "ısparta", "Isparta", "isparta", "İsparta"])
def test_every_spelling_of_isparta_folds_alike(word: str) -> None:
    assert tr_fold(word) == "isparta"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Çağdaş Şiir: Öğrencinin Gözüyle", "cagdas siir ogrencinin gozuyle"),
        ("  H₂O ve  CO2 ", "h2o ve co2"),
        ("Straße & Łódź", "strasse lodz"),
        ("Ἀρχιμήδης", "αρχιμηδης"),
        ("ﬁle №5", "file no5"),
    ],
)
def test_folding_leaves_bare_letters_digits_and_single_blanks(text: str, folded: str) -> None:
    assert tr_fold(text) == folded


def test_an_identifier_keeps_everything_but_its_ascii_capitals() -> None:
    assert machine_lower("10.5555/İIŞ-ABC") == "10.5555/İiŞ-abc"


def test_titles_sort_by_the_turkish_alphabet() -> None:
    titles = ["Zeytin", "Ihlamur", "İncir", "Ilgaz", "Şeftali", "Sarımsak", "Çilek", "Ceviz", "Ğ", "Gül", "Öküz", "Ot"]
    assert sorted(titles, key=tr_sort_key) == [
        "Ceviz", "Çilek", "Gül", "Ğ", "Ihlamur", "Ilgaz", "İncir", "Ot", "Öküz", "Sarımsak", "Şeftali", "Zeytin",
    ]  # fmt: skip


def test_digits_stand_before_letters_and_punctuation_is_passed_over() -> None:
    assert sorted(["«Ağaç»", "3. Kitap", "Aba"], key=tr_sort_key) == ["3. Kitap", "Aba", "«Ağaç»"]


def test_other_scripts_stand_after_the_turkish_alphabet() -> None:
    assert sorted(["Физика", "Zaman", "物理"], key=tr_sort_key) == ["Zaman", "Физика", "物理"]

"""Citations say what the publisher said, in a form that RIS readers and TeX take, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pages
import pytest
from lxml import html

from repository import citing
from repository.vocabulary import ArticleRecord, Author

HERE = "https://arsiv.example.org/articles/0123"
FULL = ArticleRecord(
    title="Isı & ışık: %50 verimle {ölçüm} mü?",
    translated_titles={"en": "Heat and light"},
    language="tr",
    journal_title="Fizik_Dergisi",
    publisher="Yıldız & Oğulları",
    issn_electronic="1300-0632",
    issn_print="1300-0705",
    volume="12",
    issue="3",
    first_page="10",
    last_page="19",
    doi="10.5555/a_b%20<1>",
    authors=(
        Author(family="İnönü", given="Şule"),
        Author(family="Kaya and Sons", given="Can", suffix="Jr."),
        Author(collab="Bilim and Teknik Kurulu"),
        Author(family="Plato"),
    ),
    published={"ppub": "2021-06"},
    abstracts={"tr": "Öz: $x^2$."},
    keywords=("ısı", "ışık"),
)


def tagged(text: str) -> list[tuple[str, str]]:
    assert text.endswith("ER  - \r\n")
    found = [re.fullmatch(r"([A-Z][A-Z0-9])  - (.*)", line) for line in text.removesuffix("\r\n").split("\r\n")]
    assert all(found)
    return [(match[1], match[2]) for match in found if match]


def fields(text: str) -> dict[str, str]:
    """The fields of one BibTeX entry, read by counting braces as BibTeX does."""
    head = re.match(r"@article\{([a-z0-9]+),\n", text)
    assert head, text
    depth = 0
    for letter in text:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0, "every brace is closed"
    found = {"key": head[1]}
    for name, braced, bare in re.findall(r"^  (\w+) = (?:\{(.*)\}|(\w+)),?$", text, re.MULTILINE):
        found[name] = braced or bare
    return found


def test_ris_has_every_field_and_no_other() -> None:
    assert tagged(citing.ris(FULL, HERE)) == [
        ("TY", "JOUR"), ("AU", "İnönü, Şule"), ("AU", "Kaya and Sons, Can, Jr."), ("AU", "Bilim and Teknik Kurulu"),
        ("AU", "Plato"), ("TI", "Isı & ışık: %50 verimle {ölçüm} mü?"), ("TT", "Heat and light"),
        ("T2", "Fizik_Dergisi"), ("PB", "Yıldız & Oğulları"), ("SN", "1300-0632"), ("SN", "1300-0705"), ("VL", "12"),
        ("IS", "3"), ("SP", "10"), ("EP", "19"), ("PY", "2021"), ("DA", "2021/06//"), ("LA", "tr"),
        ("AB", "Öz: $x^2$."), ("KW", "ısı"), ("KW", "ışık"), ("DO", "10.5555/a_b%20<1>"), ("UR", HERE), ("ER", ""),
    ]  # fmt: skip
    assert tagged(citing.ris(ArticleRecord(title="Tek\n satır\x0b"), HERE)) == [
        ("TY", "JOUR"), ("TI", "Tek satır"), ("UR", HERE), ("ER", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), [("2021", None), ("2021-06", "2021/06//"), ("2021-06-05", "2021/06/05/")])
def test_a_date_in_ris_is_as_exact_as_it_was_given(given: str, told: str | None) -> None:
    found = dict(tagged(citing.ris(replace(FULL, published={"ppub": given}), HERE)))
    assert (found["PY"], found.get("DA")) == ("2021", told)


def test_bibtex_is_text_and_not_tex() -> None:
    assert fields(citing.bibtex(FULL, HERE)) == {
        "key": "inonu2021isik",
        "author": "İnönü, Şule and {Kaya and Sons}, Jr., Can and {Bilim and Teknik Kurulu} and {Plato}",
        "title": r"{Isı \& ışık: \%50 verimle {\textbraceleft}ölçüm{\textbraceright} mü?}",
        "journal": r"Fizik\_Dergisi",
        "publisher": r"Yıldız \& Oğulları",
        "issn": "1300-0632, 1300-0705",
        "year": "2021",
        "month": "jun",
        "volume": "12",
        "number": "3",
        "pages": "10--19",
        "language": "tr",
        "keywords": "ısı, ışık",
        "abstract": r"Öz: \$x{\textasciicircum}2\$.",
        "doi": "10.5555/a_b%20<1>",
        "url": HERE,
    }
    bare = fields(citing.bibtex(ArticleRecord(title="}\\end{document}", elocation="e12"), HERE))
    assert set(bare) == {"key", "title", "eid", "url"}
    assert bare["title"] == r"{{\textbraceright}{\textbackslash}end{\textbraceleft}document{\textbraceright}}"
    assert fields(citing.bibtex(replace(FULL, doi="10.5555/{a}\\b"), HERE))["doi"] == "10.5555/%7Ba%7D%5Cb"


def test_keys_are_ascii_and_begin_with_a_letter() -> None:
    assert citing.key(ArticleRecord(title="Зима близко")) == "article"
    assert citing.key(ArticleRecord(title="2021 Yılı Raporu", published={"pub": "2022"})) == "article20222021"
    assert citing.key(ArticleRecord(authors=(Author(collab="Çevre Ağı"),), title="Su")) == "cevreagi"


def test_a_citation_in_words_leaves_out_what_nobody_said() -> None:
    assert citing.plain(FULL, HERE) == (
        "İnönü, Şule; Kaya and Sons, Can, Jr.; Bilim and Teknik Kurulu; Plato (2021). "
        "Isı & ışık: %50 verimle {ölçüm} mü? Fizik_Dergisi, 12(3), 10–19. https://doi.org/10.5555/a_b%2520%3C1%3E"
    )
    assert citing.plain(ArticleRecord(title="Yalnız başlık"), HERE) == f"Yalnız başlık. {HERE}"
    many = citing.plain(replace(FULL, authors=tuple(pages.many_authors(30))), HERE)
    assert "Soyad18, Ad18; …; Soyad29, Ad29 (2021)" in many
    assert "Soyad19" not in many


@pytest.fixture
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Site]:
    site = pages.site(f"sqlite:///{tmp_path_factory.mktemp('citing') / 'catalogue.sqlite'}")
    yield site
    site.catalogue.close()


def test_an_article_is_cited_from_its_page(archive: pages.Site) -> None:
    article = pages.enter(archive, pages.record(1))
    page = html.fromstring(archive.client.get(f"/articles/{article}").text)
    links = [link for link in page.xpath("//aside//a/@href") if link.endswith((".ris", ".bib"))]
    assert links == [f"/articles/{article}.ris", f"/articles/{article}.bib"]
    assert page.xpath("//aside//p[contains(., 'Yılmaz, Ayşe; Demir, Can (2021).')]")
    taken = archive.client.get(links[0])
    assert taken.content_type == "application/x-research-info-systems; charset=utf-8"
    assert taken.headers["Content-Disposition"] == 'attachment; filename="yilmaz2021isparta.ris"'
    assert dict(tagged(taken.get_data().decode("utf-8")))["UR"] == f"http://localhost/articles/{article}"
    taken = archive.client.get(links[1])
    assert taken.content_type == "application/x-bibtex; charset=utf-8"
    assert fields(taken.text)["author"] == "Yılmaz, Ayşe and Demir, Can"
    assert archive.client.get(f"/articles/{'0' * 32}.bib").status_code == 404

"""The publisher's front matter: taken as it came where it is what JATS Archiving 1.3 allows, and not at all else."""

from __future__ import annotations

import pytest
from lxml import etree

from ingest.dialects import describe
from ingest.dialects.jats_front import LONGEST, front_of
from repository import jats
from repository.jats import Front

META = "<article-meta><title-group><article-title>Kuyu suyu</article-title></title-group>{}</article-meta>"


def article(inside: str, around: str = "", head: str = "") -> bytes:
    """A JATS file with this in its article-meta, behind the title."""
    return f"""<?xml version="1.0"?>{head}
<article xmlns:xlink="http://www.w3.org/1999/xlink" article-type="editorial" xml:lang="tr"{around}>
<front><?typeset page?><!-- taslak -->{META.format(inside)}</front>
<body><p id="b1">Gövde</p></body></article>""".encode()


def front(data: bytes) -> Front | None:
    (told,) = describe(data, "makale.xml").articles
    return Front.unpacked(told.front) if told.front is not None else None


def given(data: bytes) -> etree._Element:
    """The element as a harvester gets it."""
    found = front(data)
    assert found is not None
    return etree.fromstring(f"{jats.opened(found.attributes)}{found.before}{found.after}</article>")


def test_it_is_the_publishers_in_the_namespace_of_the_standard() -> None:
    root = given(article('<fpage>7</fpage><abstract><p>Kısa &amp; <italic>öz</italic> ]]&gt; "dışı"</p></abstract>'))
    assert {etree.QName(one).namespace for one in root.iter("*")} == {jats.NAMESPACE}
    assert (root.get("article-type"), root.get("{http://www.w3.org/XML/1998/namespace}lang")) == ("editorial", "tr")
    (paragraph,) = root.iter(f"{{{jats.NAMESPACE}}}p")
    assert "".join(paragraph.itertext()) == 'Kısa & öz ]]> "dışı"'
    assert root.find(f".//{{{jats.NAMESPACE}}}body") is None
    assert not list(root.iter(etree.Comment, etree.ProcessingInstruction))


def test_entities_stand_as_their_characters() -> None:
    root = given(
        article(
            "<abstract><p>&alpha; &ozel; &#x1F642;</p></abstract>",
            head='<!DOCTYPE article SYSTEM "x.dtd" [<!ENTITY ozel "kendi &lt;sözümüz">]>',
        )
    )
    assert root.findtext(".//{*}abstract/{*}p") == "α kendi <sözümüz 🙂"


def test_other_vocabularies_keep_their_names() -> None:
    root = given(
        article(
            "<abstract><p><inline-formula><mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math>"
            '</inline-formula> <ext-link ext-link-type="uri" xlink:href="https://a.example/?x=1&amp;y=2">bak</ext-link>'
            "</p></abstract>",
            around=' xmlns:mml="http://www.w3.org/1998/Math/MathML"',
        )
    )
    assert root.findtext(".//{http://www.w3.org/1998/Math/MathML}msup/{*}mn") == "2"
    (link,) = root.iter("{*}ext-link")
    assert link.get("{http://www.w3.org/1999/xlink}href") == "https://a.example/?x=1&y=2"


def test_prefixes_that_only_the_dtd_declared_are_understood() -> None:
    data = article('<self-uri xlink:href="a.pdf"/>').replace(b' xmlns:xlink="http://www.w3.org/1999/xlink"', b"")
    (uri,) = given(data).iter("{*}self-uri")
    assert uri.get("{http://www.w3.org/1999/xlink}href") == "a.pdf"


def test_what_names_something_outside_the_front_matter_no_longer_does() -> None:
    root = given(
        article(
            '<contrib-group><contrib><xref ref-type="aff" rid="a1 b1"/><xref rid="b1">1</xref></contrib>'
            "</contrib-group>"
            '<aff id="a1">Bir yer</aff>'
        )
    )
    assert [one.get("rid") for one in root.iter("{*}xref")] == ["a1", None]


@pytest.mark.parametrize(
    "inside",
    [
        "<abstract><p>Öz</p></abstract><volume>3</volume>",  # in the wrong order
        "<copyright-statement>Bizim</copyright-statement>",  # as NLM 2 had it
        "<ozel-alan>1</ozel-alan>",
        '<volume ozel="1">3</volume>',
        "<permissions><license/></permissions>",  # nothing in what must not be empty
        "<related-article/>",  # without its kind
        '<aff id="a"/><aff id="a"/>',
        '<aff id="1">Bir yer</aff>',
        '<contrib-group><contrib corresp="belki"/></contrib-group>',
        "<pub-date>metin</pub-date>",
        '<history><date xmlns="urn:baska"/></history>',
    ],
)
def test_what_would_not_be_valid_is_not_given_out(inside: str) -> None:
    assert front(article(inside)) is None


def test_one_beyond_all_measure_is_not_kept() -> None:
    assert front(article(f"<abstract><p>{'ö' * LONGEST}</p></abstract>")) is None


@pytest.mark.parametrize(
    ("inside", "behind"),
    [
        ("", ""),
        ("<volume>3</volume>", ""),
        ("<volume>3</volume><kwd-group><kwd>su</kwd></kwd-group>", "<kwd-group>"),
        ('<related-article related-article-type="companion"/>', "<related-article "),
        ("<funding-group/>", "<funding-group"),
    ],
)
def test_related_articles_can_be_added_in_their_place(inside: str, behind: str) -> None:
    found = front(article(inside))
    assert found is not None
    assert found.after.startswith(behind or "</article-meta>")


def test_only_an_article_has_one_and_it_is_its_own() -> None:
    assert front_of(etree.fromstring("<article><body/></article>")) is None
    data = article("").replace(
        b"</body>",
        b"</body><sub-article><front-stub><title-group><article-title>Ek</article-title></title-group></front-stub>"
        b"</sub-article>",
    )
    assert "Ek" not in str(front(data))

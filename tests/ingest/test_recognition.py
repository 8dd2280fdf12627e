"""Every format has its name in the trade, whether it is read or not, and nothing else is taken for metadata."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects import Kind, describe

SAMPLES = Path(__file__).parents[2] / "../shared/samples"

READ, UNREAD, WRAPPER, OTHER, UNKNOWN = Kind.READ, Kind.UNREAD, Kind.WRAPPER, Kind.OTHER, Kind.UNKNOWN

SMALL = [
    ("<article><front/></article>", "JATS or NLM, version not given", READ),
    ('<article dtd-version="1.1"><front/></article>', "JATS 1.1", READ),
    ('<article dtd-version="2.3"><front/></article>', "NLM 2.3", READ),
    (
        (
            '<!DOCTYPE article PUBLIC " -//NLM//DTD JATS (Z39.96) Journal Archiving\n DTD v1.2d1 20170631//EN" "x.dtd">'
            '<article dtd-version="1.0"><front/></article>'
        ),
        "JATS 1.2d1 (Archiving)",
        READ,
    ),
    (
        (
            '<!DOCTYPE article PUBLIC "-//NLM//DTD Journal Publishing DTD v2.3 20070202//EN" "x.dtd">'
            "<article><front/></article>"
        ),
        "NLM 2.3 (Publishing)",
        READ,
    ),
    ("<pmc-articleset><article><front/></article></pmc-articleset>", "a PMC article set (JATS/NLM)", READ),
    ("<article-set xmlns='j'><article><front/></article></article-set>", "a set of JATS/NLM articles", READ),
    ("<item><meta/><content><article><front/></article></content></item>", "a set of JATS/NLM articles", READ),
    ("<record><metadata><article><front/></article></metadata></record>", "a set of JATS/NLM articles", READ),
    ("<article-set><article><body/></article></article-set>", "an XML file with the root element article-set", UNKNOWN),
    ("<OAI-PMH xmlns='o'><article><front/></article></OAI-PMH>", "an OAI-PMH response with JATS/NLM articles", READ),
    ("<OAI-PMH xmlns='o'><dc><title>x</title></dc></OAI-PMH>", "an OAI-PMH response with Dublin Core (oai_dc)", READ),
    ("<dc><title>x</title></dc>", "Dublin Core (oai_dc)", READ),
    ("<OAI-PMH xmlns='o'><error/></OAI-PMH>", "an OAI-PMH response without JATS", UNREAD),
    (
        "<article><item-info/><ce:title>x</ce:title></article>",
        "an Elsevier article (journal article DTD 4 or 5)",
        READ,
    ),
    ("<dataset xmlns='x'><dataset-content/></dataset>", "Elsevier CAP dataset.xml", WRAPPER),
    (
        "<doc:document><rdf:RDF/><ja:article><ja:item-info/></ja:article></doc:document>",
        "an Elsevier ConSyn document",
        READ,
    ),
    ("<serial-issue/>", "Elsevier issue.xml", WRAPPER),
    ("<Publisher><PublisherInfo/><Journal><Article/></Journal></Publisher>", "Springer A++", READ),
    (
        "<Publisher><PublisherInfo/><Series><Book><Chapter/></Book></Series></Publisher>",
        "a chapter of a book (Springer A++)",
        UNKNOWN,
    ),
    ("<component><header/></component>", "WileyML 3G", READ),
    ('<component type="bookChapter"><header/></component>', "a part of a book (WileyML 3G)", UNKNOWN),
    ("<chapter><info/></chapter>", "a chapter of a book", UNKNOWN),
    (
        "<doi_batch xmlns='http://www.crossref.org/schema/5.5.0'><journal><journal_article/></journal></doi_batch>",
        "a Crossref deposit",
        READ,
    ),
    ("<ArticleSet><Article/></ArticleSet>", "a PubMed ArticleSet (publisher deposit)", READ),
    ("<issue xmlns='http://pkp.sfu.ca'><article/></issue>", "OJS 3 native XML", READ),
    ("<article xmlns='http://pkp.sfu.ca'/>", "OJS 3 native XML", READ),
    ("<issue><section><article/></section></issue>", "OJS 2 native XML", READ),
    ("<article><journal/><doi/><article_url/></article>", "a Copernicus article", READ),
    ("<article><pubfm/><fm/></article>", "a Nature Publishing Group article (before 2013)", UNREAD),
    ("<article><art-admin/></article>", "a Royal Society of Chemistry article", UNREAD),
    ("<resource xmlns='http://datacite.org/schema/kernel-4'/>", "DataCite metadata", UNREAD),
    ("<article><header/></article>", "a Cambridge header (SGML turned XML)", UNREAD),
    ("<submission group-doi='10.5555/x'/>", "the manifest of an Atypon Literatum submission", WRAPPER),
    ("<issue-xml/>", "an Atypon table of contents", WRAPPER),
    ("<GO/>", "the go.xml of an Aries Editorial Manager export", WRAPPER),
    ("<manifest xmlns='http://manuscriptexchange.org'/>", "a MECA manifest", WRAPPER),
    ("<manifest/>", "a manifest", WRAPPER),
    ("<entry xmlns='http://www.w3.org/2005/Atom'/>", "an Atom entry (SWORD deposit)", WRAPPER),
    ("<ONIXMessage/>", "ONIX for Books", OTHER),
    ("publication_title\tprint_identifier\tonline_identifier\n", "a KBART title list", OTHER),
    ("<!DOCTYPE html><html><body>404</body></html>", "an HTML page", UNKNOWN),
    ("<!doctype HTML>\n<html><br><p>404", "an HTML page", UNKNOWN),
    ("<html xmlns='http://www.w3.org/1999/xhtml'/>", "an HTML page", UNKNOWN),
    ("%PDF-1.7", "a PDF", UNKNOWN),
    ("PK\x03\x04", "a zip archive", UNKNOWN),
    ('{"title": 1}', "a JSON document", UNKNOWN),
    ("<sayfa/>", "an XML file with the root element sayfa", UNKNOWN),
    ("<article/>", "an XML file with the root element article", UNKNOWN),
    (
        "<!DOCTYPE article SYSTEM 'cupjnl2_2.dtd'>\n<article><header><cd year='2006'></header>",
        "a Cambridge header (SGML)",
        UNREAD,
    ),
]
CODE = {UNREAD: "FORMAT_NOT_READ", UNKNOWN: "FORMAT_NOT_RECOGNISED", WRAPPER: "NOT_METADATA", OTHER: "NOT_METADATA"}


@pytest.mark.parametrize(("text", "name", "kind"), SMALL, ids=[name for _, name, _ in SMALL])
def test_a_format_is_recognised_by_what_is_inside(text: str, name: str, kind: Kind) -> None:
    description = describe(text.encode(), "folder/x.xml")
    assert (description.format.name, description.format.kind) == (name, kind)
    if kind is READ:
        assert description.articles
        assert not description.findings
    else:
        assert not description.articles
        (found,) = description.findings
        assert found.code == CODE[kind]
        assert name in found.message
        assert found.path == "folder/x.xml"


def test_a_table_of_contents_of_mdpi_is_known_by_its_name() -> None:
    description = describe(b"<toc><article><front/></article></toc>", "a/__ToC_galaxies_11_04.xml")
    assert description.format.kind is WRAPPER


def test_a_broken_article_is_broken_and_not_unknown() -> None:
    (found,) = describe(b"<article><front></article>", "x.xml").findings
    assert found.code == "XML_NOT_WELL_FORMED"


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300), name=st.sampled_from(["a.xml", "a.txt", "", "a.sgm"]))
def test_any_bytes_get_an_answer(data: bytes, name: str) -> None:
    description = describe(data, name)
    assert bool(description.articles) != bool(description.findings)


BY_NAME = {
    "cambridge-sgml": "Cambridge",
    "euclid": "Euclid",
    "ieee": "IEEE IDAMS",
    "meca": "MECA",
    "npg": "Nature Publishing Group",
    "onix": "ONIX",
    "swissbib-mods": "MODS",
}


def expected_name(file: Path) -> str:
    return next(name for start, name in BY_NAME.items() if file.name.startswith(start))


FILES = sorted(file for file in (SAMPLES / "other").glob("*") if file.name.startswith(tuple(BY_NAME)))


@pytest.mark.skipif(not FILES, reason="the collection of samples is not beside this checkout")
def test_the_collection_is_there() -> None:
    assert len(FILES) == 8


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_a_real_file_of_a_format_not_read_yet_is_called_by_its_name(file: Path) -> None:
    description = describe(file.read_bytes(), file.name)
    assert expected_name(file) in description.format.name
    assert description.articles == ()
    assert [found.code for found in description.findings] == [CODE[description.format.kind]]


TITLE_LISTS = sorted((SAMPLES / "kbart").glob("*kbart*"))


@pytest.mark.parametrize("file", TITLE_LISTS, ids=[file.name for file in TITLE_LISTS])
def test_a_title_list_is_no_metadata(file: Path) -> None:
    assert describe(file.read_bytes(), file.name).format.name == "a KBART title list"

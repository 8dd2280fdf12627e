"""Publishers' own tables of contents, as they come with deliveries: each format read, and what they say noted down."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from collection import SAMPLES
from deliveries import Published, delivery

from ingest import inbox, pipeline
from ingest.dialects import describe
from ingest.door import Door
from ingest.unpack import Limits
from repository.catalogue import Catalogue, completeness, schema, titles
from repository.promise import Promise, Promises
from repository.storage import Store
from repository.storage.directory import DirectoryStore
from repository.vocabulary import ArticleRecord, DeliveryState, utc_now

PUBLISHER = "Örnek Yayınevi"
ISSN = "9999-0016"
TODAY = date(2026, 11, 25)

ISSUE_XML = f"""<?xml version="1.0"?>
<!DOCTYPE issue-xml PUBLIC "-//Atypon//DTD Atypon JATS Journal Archiving and Interchange Issue XML" "Atypon-Issue.dtd">
<issue-xml><journal-meta><journal-title-group><journal-title>Örnek</journal-title></journal-title-group>
<issn pub-type="ppub">{ISSN}</issn></journal-meta>
<issue-meta><pub-date><year>2024</year></pub-date><volume>12</volume><issue>3</issue></issue-meta>
<toc><issue-subject-group><issue-subject-title><subject>Makaleler</subject></issue-subject-title>
<issue-article-meta><article-id pub-id-type="doi">10.5555/c.1</article-id></issue-article-meta>
<issue-article-meta><article-id pub-id-type="publisher-id">77</article-id>
<article-id pub-id-type="doi">https://doi.org/10.5555/c.2</article-id>
<title-group><article-title>ignored</article-title></title-group><fpage>7</fpage></issue-article-meta>
</issue-subject-group><issue-article-meta><article-title>Önsöz</article-title><page>1</page></issue-article-meta></toc>
</issue-xml>"""

TOC_XML = f"""<toc-xml><journal-meta><issn>{ISSN}</issn></journal-meta>
<issue-meta><volume>12</volume><issue>3</issue><pub-date><year>2024</year></pub-date></issue-meta>
<toc><issue-article-meta><article-id pub-id-type="doi">10.5555/c.1</article-id>
<article-id pub-id-type="doi">10.5555/c.2</article-id></issue-article-meta></toc></toc-xml>"""

MANIFEST = f"""<tf:issue-manifest xmlns:tf="http://cats.informa.com/tfjats" xmlns="http://jats.nlm.nih.gov">
<journal-meta><issn pub-type="ppub">{ISSN}</issn></journal-meta><issue-meta><volume>12</volume><issue>3</issue>
<pub-date><year>2024</year></pub-date></issue-meta>
<article-meta><article-id pub-id-type="doi">10.5555/c.1</article-id></article-meta>
<article-meta><article-id pub-id-type="doi">10.5555/c.2</article-id></article-meta></tf:issue-manifest>"""

SERIAL_ISSUE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE serial-issue PUBLIC "-//ES//DTD serials issue DTD version 5.2.0//EN//XML" "si520.dtd">
<serial-issue><issue-info><ce:pii>S0000-0000(24)X0008-6</ce:pii><jid>OABD</jid><ce:issn>9999-0016</ce:issn>
<volume-issue-number><vol-first>12</vol-first><iss-first>3</iss-first></volume-issue-number></issue-info>
<issue-data><cover-date><date-range><start-date>202406</start-date></date-range></cover-date></issue-data>
<issue-body><ce:include-item><ce:doi>10.5555/c.1</ce:doi><ce:pages><ce:first-page>1</ce:first-page></ce:pages>
</ce:include-item><issue-sec><ce:section-title>Articles</ce:section-title><ce:include-item><ce:doi>10.5555/c.2</ce:doi>
<ce:pages><ce:first-page>7</ce:first-page><ce:last-page>9</ce:last-page></ce:pages></ce:include-item></issue-sec>
</issue-body></serial-issue>"""

OJS_ISSUE = """<?xml version="1.0"?>
<issue xmlns="http://pkp.sfu.ca" published="1"><issue_identification><volume>12</volume><number>3</number>
<year>2024</year></issue_identification><articles>
<article><publication><id type="doi">10.5555/c.1</id><title locale="tr_TR">Bir</title><pages>1-6</pages></publication>
</article><article><publication><id type="doi">10.5555/c.2</id><title locale="tr_TR">İki</title></publication></article>
</articles></issue>"""


def records(text: str, name: str) -> tuple[ArticleRecord, ...]:
    found = describe(text.encode(), name).contents
    assert found is not None
    assert found.whole
    return found.records


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (ISSUE_XML, "issue-files/x.xml"),
        (TOC_XML, "toc.xml"),
        (MANIFEST, "manifest.xml"),
        (SERIAL_ISSUE, "99990016/v12i3/issue.xml"),
        (OJS_ISSUE, "native.xml"),
        (ISSUE_XML.replace("issue-xml", "toc"), "__ToC_galaxies_11_04.xml"),
    ],
)
def test_each_table_of_contents_names_its_articles(text: str, name: str) -> None:
    found = records(text, name)
    assert [one.doi for one in found if one.doi] == ["10.5555/c.1", "10.5555/c.2"]
    assert {(one.volume, one.issue, one.year) for one in found} == {("12", "3", 2024)}
    if "ojs" not in text and "pkp" not in text:
        assert {one.issns for one in found} == {(ISSN,)}


def test_an_article_without_doi_is_listed_by_its_page_and_title() -> None:
    last = records(ISSUE_XML, "x.xml")[-1]
    assert (last.doi, last.first_page, last.title) == (None, "1", "Önsöz")


@pytest.mark.parametrize("text", ["<issue-xml/>", "<toc/>", "<serial-issue/>", "<toc-xml><toc><item/></toc></toc-xml>"])
def test_an_empty_table_of_contents_says_nothing(text: str) -> None:
    assert records(text, "toc.xml") == ()


@pytest.fixture
def door(tmp_path: Path, database_url: str) -> Iterator[Door]:
    stores: Sequence[Store] = [DirectoryStore(name, tmp_path / name) for name in ("ankara", "izmir")]
    for store in stores:
        store.prepare()
    catalogue = Catalogue(database_url)
    schema.migrate(catalogue)
    yield Door(
        catalogue=catalogue,
        stores=stores,
        home=tmp_path / "home",
        agent="mahfuz test",
        clock=utc_now,
        promises=Promises(Promise(days=0)),
        limits=Limits(),
    )
    catalogue.close()


def sent(folder: Path, name: str, articles: list[Published], table: str, at: str = "issue-files/toc.xml") -> Path:
    file = delivery(folder / name, articles)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(at), table)
    return file


def take_in(door: Door, *files: Path) -> DeliveryState:
    return pipeline.ingest(door, inbox.accept(door.catalogue, door.home, files, PUBLISHER, door.clock)).state


def gaps(door: Door) -> dict[str | None, bool]:
    """Every line of the title by its DOI (or title), with whether it is held."""
    with door.catalogue.reading() as session:
        title = titles.title_by_issn(session, (ISSN,))
        assert title is not None
        lines = list(completeness.lines_of(session, [title], TODAY))
        assert all(line.delivery_id for line in lines)
    return {line.expected.doi or line.expected.name: line.held for line in lines}


def test_a_delivery_says_itself_what_is_missing_in_it(door: Door, tmp_path: Path) -> None:
    file = sent(tmp_path, "sayi.zip", [Published("10.5555/c.1")], ISSUE_XML)
    assert take_in(door, file) is DeliveryState.ACCEPTED
    assert gaps(door) == {"10.5555/c.1": True, "10.5555/c.2": False, "Önsöz": False}
    assert take_in(door, file) is DeliveryState.ACCEPTED, "the same bytes again change nothing"
    take_in(door, delivery(tmp_path / "rest.zip", [Published("10.5555/c.2")]))
    assert gaps(door) == {"10.5555/c.1": True, "10.5555/c.2": True, "Önsöz": False}


def test_a_refused_article_of_a_table_is_a_gap(door: Door, tmp_path: Path) -> None:
    articles = [Published("10.5555/c.1"), Published("10.5555/c.2", broken_xml=True)]
    assert take_in(door, sent(tmp_path, "sayi.zip", articles, TOC_XML)) is DeliveryState.PARTIAL
    assert gaps(door) == {"10.5555/c.1": True, "10.5555/c.2": False}


def test_a_later_table_of_the_same_issue_takes_the_place_of_an_earlier_one(door: Door, tmp_path: Path) -> None:
    take_in(door, sent(tmp_path, "ilk.zip", [Published("10.5555/c.1")], ISSUE_XML))
    other = TOC_XML.replace("<issue>3<", "<issue>4<").replace("c.1", "d.1").replace("c.2", "d.2")
    take_in(door, sent(tmp_path, "dort.zip", [Published("10.5555/d.1")], other))
    mended = TOC_XML.replace("10.5555/c.2", "10.5555/c.9")
    take_in(door, sent(tmp_path, "son.zip", [Published("10.5555/c.9")], mended))
    assert gaps(door) == {"10.5555/c.1": True, "10.5555/c.9": True, "10.5555/d.1": True, "10.5555/d.2": False}
    older = replace(door, clock=lambda: utc_now().replace(year=2020))
    take_in(older, sent(tmp_path, "eski.zip", [Published("10.5555/c.1", title="Eski")], ISSUE_XML))
    assert "10.5555/c.9" in gaps(door), "an older one that is taken in late takes nobody's place"


def test_a_table_without_issn_belongs_to_the_journal_of_its_articles(door: Door, tmp_path: Path) -> None:
    nameless = TOC_XML.replace(f"<issn>{ISSN}</issn>", "<issn>0000-0000</issn>")
    take_in(door, sent(tmp_path, "sayi.zip", [Published("10.5555/c.1")], nameless))
    assert gaps(door) == {"10.5555/c.1": True, "10.5555/c.2": False}


def test_a_table_of_an_unknown_journal_says_nothing(door: Door, tmp_path: Path) -> None:
    two = [Published("10.5555/x.1"), Published("10.5555/x.2", issn="9999-0024")]
    nameless = TOC_XML.replace(ISSN, "2149-2263")
    take_in(door, sent(tmp_path, "sayi.zip", two, nameless))
    assert gaps(door) == {}


def test_a_hostile_table_is_read_as_far_as_a_database_takes_it(door: Door, tmp_path: Path) -> None:
    long = TOC_XML.replace("<volume>12</volume>", f"<volume>{'9 ' * 5000}</volume>")
    long = long.replace("10.5555/c.2", f"10.5555/{'x' * 9000}")
    assert take_in(door, sent(tmp_path, "sayi.zip", [Published("10.5555/c.1")], long)) is DeliveryState.ACCEPTED
    assert gaps(door)["10.5555/c.1"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the collection of samples is not beside this checkout")
def test_the_list_of_an_elsevier_delivery_counts_and_takes_no_place() -> None:
    with tarfile.open(SAMPLES / "packages/real/elsevier-cap-lockss/CLKS003A.tar") as archive:
        member = archive.extractfile("CLKS003/dataset.xml")
        assert isinstance(member, io.BufferedReader)
        found = describe(member.read(), "CLKS003/dataset.xml").contents
    assert found is not None
    assert not found.whole
    assert all(one.doi for one in found.records)

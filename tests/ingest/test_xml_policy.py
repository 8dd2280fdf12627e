"""Publishers' XML is read whole or not at all, and nothing outside its bytes is touched."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects.entities import CHARACTERS, declaration
from ingest.dialects.text import plain
from ingest.dialects.xml import Limits, attribute, child, local, read_xml

ROOT = Path(__file__).parents[2]
DOCTYPE = b'<!DOCTYPE article PUBLIC "-//NLM//DTD Journal Publishing DTD v2.3 20070202//EN" "journalpublishing.dtd">'
GOOD = '<?xml version="1.0" encoding="UTF-8"?>\n<article>\n<t a="x">Iğdır’da <i>arşiv</i></t>\n</article>'.encode()


def codes(data: bytes, limits: Limits | None = None) -> list[tuple[str, int | None]]:
    parsed = read_xml(data, "a.xml", limits)
    assert (parsed.root is None) == bool(parsed.findings)
    assert all(found.path == "a.xml" and found.message and found.remedy for found in parsed.findings)
    return [(found.code, found.line) for found in parsed.findings]


def title(data: bytes) -> str | None:
    parsed = read_xml(data, "a.xml")
    assert parsed.root is not None, parsed.findings
    return plain(child(parsed.root, "t"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1254", "iso-8859-9", "utf-16"])
def test_text_is_read_in_the_encoding_that_is_declared(encoding: str) -> None:
    name = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{name}"?><article><t>İğneada’da Şarkî çıktı</t></article>'
    text = text.replace("’", "'")
    assert title(text.encode(encoding)) == "İğneada'da Şarkî çıktı"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1254", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("doctype", ["", DOCTYPE.decode(), DOCTYPE.decode()[:-1] + ' [<!ENTITY yer "Muş">]>'])
def test_entity_names_become_their_letters_with_any_doctype_and_encoding(encoding: str, doctype: str) -> None:
    own = "&yer;" if "yer" in doctype else "Muş"
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")[: 6 if "16" in encoding else None]}"?>\n'
    text += f"<!-- <!DOCTYPE x> --><?p <article> ?>{doctype}\n<article>\n"
    text += f"<t a='&Idot;&amp;&scedil;'>&Idot;l &amp; &inodot;&scedil;&inodot;k &lt;{own}&gt; "
    text += "b&agr;&b.alpha;</t></article>"
    data = text.encode(encoding)
    parsed = read_xml(data, "a.xml")
    assert parsed.root is not None, parsed.findings
    node = child(parsed.root, "t")
    assert plain(node) == "İl & ışık <Muş> bα𝛂"
    assert attribute(node, "a") == "İ&ş" if node is not None else False
    assert node is not None
    assert node.sourceline == 4


def test_an_entity_name_in_an_attribute_is_not_lost() -> None:
    # libxml2 drops an undeclared reference in an attribute with no more than a warning.
    parsed = read_xml(DOCTYPE + b'<article><t a="x&scedil;y"/></article>', "a.xml")
    assert parsed.root is not None
    assert attribute(child(parsed.root, "t"), "a") == "xşy"  # type: ignore[arg-type]


def test_standalone_documents_may_use_entity_names() -> None:
    assert title(b'<?xml version="1.0" standalone="yes"?>' + DOCTYPE + b"<article><t>&scedil;</t></article>") == "ş"


def test_an_unknown_entity_is_named_with_its_line() -> None:
    for doctype in (DOCTYPE, b""):
        parsed = read_xml(doctype + b"<article>\n<t>a&scedil;</t>\n<t>b&kurumum; &oteki;</t></article>", "a.xml")
        assert [(f.code, f.line, f.params["name"]) for f in parsed.findings] == [
            ("XML_UNKNOWN_ENTITY", 3, "kurumum"),
            ("XML_UNKNOWN_ENTITY", 3, "oteki"),
        ]


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1254", "utf-16"])
@pytest.mark.parametrize("place", ["<t>&ö;</t>", "<t a='&ö;'/>", "<t>&ö.1;</t>"])
def test_an_unknown_entity_of_other_letters_is_found_too(place: str, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n{DOCTYPE.decode()}<article>&scedil;\n{place}</article>'
    assert codes(text.encode(encoding)) == [("XML_UNKNOWN_ENTITY", 3)]


def test_an_unknown_entity_behind_a_hundred_namespace_errors_is_still_found() -> None:
    data = DOCTYPE + b"<article>" + b"<ce:p/>" * 300 + b"<t>&kurumum;</t></article>"
    assert codes(data) == [("XML_UNKNOWN_ENTITY", 1)]


def test_names_in_comments_and_cdata_are_no_entities() -> None:
    assert title(DOCTYPE + b"<article><!-- &nix; --><t><![CDATA[&nix; &scedil;]]></t></article>") == "&nix; &scedil;"


def test_small_internal_entities_are_expanded_and_ndata_is_harmless() -> None:
    subset = (
        '[<!NOTATION TIFF SYSTEM "tiff"><!ENTITY gr1 SYSTEM "gr1.tif" NDATA TIFF><!ENTITY k "Örnek <i>Kurumu</i>">]'
    )
    data = f"<!DOCTYPE article {subset}><article><t a='&k2;'>&k; ve Arşiv</t></article>".replace("&k2;", "").encode()
    assert title(data) == "Örnek Kurumu ve Arşiv"


def test_prefixes_that_only_the_dtd_declares_are_accepted() -> None:
    parsed = read_xml(b'<article><ce:t xlink:href="a.pdf" xlink.href="b">x</ce:t></article>', "a.xml")
    assert parsed.root is not None
    node = parsed.root[0]
    assert node.tag == "ce:t"
    assert (local(node), attribute(node, "href")) == ("t", "a.pdf")


def test_damage_behind_hundreds_of_namespace_errors_is_found() -> None:
    head = b"<article>" + b"<ce:p/>\n" * 300
    assert codes(head + b"</article>") == []
    assert codes(head + b"<b></article>") == [("XML_NOT_WELL_FORMED", 301)]
    assert codes(head + b"<b><c") == [("XML_NOT_WELL_FORMED", 301)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ("XML_NOT_WELL_FORMED", 1)),
        (b"%PDF-1.7", ("XML_NOT_WELL_FORMED", 1)),
        (b"<a>\n<b></a>", ("XML_NOT_WELL_FORMED", 2)),
        (b"<a>\n<b x='1' x='2'/></a>", ("XML_NOT_WELL_FORMED", 2)),
        (b"<a/>\njunk", ("XML_NOT_WELL_FORMED", 2)),
        (b"<a>x\x00y</a>", ("XML_NOT_WELL_FORMED", 1)),
        (b"<a>&#0;</a>", ("XML_NOT_WELL_FORMED", 1)),
        (b"\n<?xml version='1.0'?><a/>", ("XML_NOT_WELL_FORMED", 2)),
        ('<?xml version="1.0" encoding="UTF-8"?>\n<a>ığş</a>'.encode("cp1254"), ("XML_ENCODING", 2)),
        (b'<?xml version="1.0" encoding="ISO-8859-l"?><a/>', ("XML_ENCODING", 1)),
        ('<?xml version="1.0" encoding="UTF-16"?><a>ığş</a>'.encode(), ("XML_ENCODING", 1)),
        (b"<a>" * 300 + b"</a>" * 300, ("XML_TOO_DEEP", 1)),
        (b"<a>" + b"x" * 10_100_000 + b"</a>", ("XML_TOO_LARGE", 1)),
        (b'<!DOCTYPE a [<!ENTITY k "&j;"><!ENTITY j "&k;">]><a>&k;</a>', ("XML_ENTITY_EXPANSION", 1)),
        (b'<!DOCTYPE a [<!ENTITY k SYSTEM "/etc/passwd">]>\n<a>&k;</a>', ("XML_FORBIDDEN_ENTITY", 1)),
        (b'<!DOCTYPE a [<!ENTITY k SYSTEM "/etc/passwd">]>\n<a b="&k;"/>', ("XML_FORBIDDEN_ENTITY", 1)),
        (b'<!DOCTYPE a [<!ENTITY k PUBLIC "x" "file:///etc/passwd">]>\n<a>&k;</a>', ("XML_FORBIDDEN_ENTITY", 1)),
        (b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY % k SYSTEM "x.dtd"> %k;]><a/>', ("XML_FORBIDDEN_ENTITY", 2)),
    ],
)
def test_each_kind_of_broken_or_hostile_xml_has_its_code_and_line(data: bytes, expected: tuple[str, int]) -> None:
    assert codes(data) == [expected]


def laughs() -> bytes:
    subset = '<!ENTITY a0 "lollollollol">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return f"<!DOCTYPE article [{subset}]><article><t>&a9;</t></article>".encode()


def quadratic() -> bytes:
    return b'<!DOCTYPE a [<!ENTITY k "' + b"x" * 100_000 + b'">]><a>' + b"&k;" * 10_000 + b"</a>"


@pytest.mark.parametrize("data", [laughs(), quadratic(), quadratic().replace(b"<a>&", b'<a><b c="&')[:-4] + b'"/></a>'])
def test_entities_that_expand_without_end_are_refused(data: bytes) -> None:
    assert [code for code, _ in codes(data)] == ["XML_ENTITY_EXPANSION"]


def test_size_and_number_of_marks_are_limited() -> None:
    assert codes(GOOD, Limits(bytes=len(GOOD))) == []
    assert codes(GOOD, Limits(bytes=len(GOOD) - 1)) == [("XML_TOO_LARGE", None)]
    assert codes(b"<a>" + b"<b/>" * 1_100_000 + b"</a>") == [("XML_TOO_LARGE", None)]


def test_the_worst_xml_within_the_limits_is_read_within_450_megabytes() -> None:
    script = """
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, (450 << 20, 450 << 20))
        from ingest.dialects.xml import read_xml
        for worst in (b"<e/>x" * 1_032_000, b"<c:e/>" * 1_020_000, b"&x;" * 1_040_000, b"<b></c>" * 520_000):
            parsed = read_xml(b"<a>" + worst + b"</a>", "a.xml")
            sys.stdout.write("no" if parsed.root is None else "yes")
            del parsed
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("yesyesnono", 0), ran.stderr[-500:]


def test_no_connection_is_made_and_no_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("CANARY")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.dtd"
        for subset in (f'<!ENTITY k SYSTEM "{secret.as_uri()}">', f'<!ENTITY % k SYSTEM "{address}"> %k;'):
            assert codes(f"<!DOCTYPE a [{subset}]><a>&k;</a>".encode()) == [("XML_FORBIDDEN_ENTITY", 1)]
        for external in (f'<!DOCTYPE a SYSTEM "{address}">', f'<!DOCTYPE a PUBLIC "x" "{secret.as_uri()}">'):
            xinclude = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{secret.as_uri()}" parse="text"/>'
            parsed = read_xml(f"{external}<a><t>b{xinclude}</t></a>".encode(), "a.xml")
            assert parsed.root is not None
            assert "CANARY" not in "".join(str(text) for text in parsed.root.itertext())
        with pytest.raises(TimeoutError):
            server.accept()


def test_every_file_that_is_cut_short_is_refused() -> None:
    assert codes(GOOD) == []
    for length in range(len(GOOD)):
        assert codes(GOOD[:length]), length


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(CHARACTERS)), min_size=1, max_size=8), doctype=st.booleans())
def test_any_known_entity_reads_as_its_characters(names: list[str], doctype: bool) -> None:
    used = "".join(f"[&{name};]" for name in names)
    data = (DOCTYPE if doctype else b"") + f"<article><t>{used}</t></article>".encode()
    parsed = read_xml(data, "a.xml")
    assert parsed.root is not None, parsed.findings
    node = child(parsed.root, "t")
    assert node is not None
    assert node.text == "".join(f"[{CHARACTERS[name]}]" for name in names)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), start=st.sampled_from([b"", b"<a>", b"<!DOCTYPE a [", DOCTYPE + b"<article>"]))
def test_no_bytes_raise(data: bytes, start: bytes) -> None:
    codes(start + data)


def test_every_declaration_is_one_line_of_ascii() -> None:
    assert all(declaration(name).isascii() and "\n" not in declaration(name) for name in CHARACTERS)
    assert {
        "Idot",
        "inodot",
        "scedil",
        "Scedil",
        "gbreve",
        "Gbreve",
        "nbsp",
        "alpha",
        "agr",
        "b.alpha",
    } <= CHARACTERS.keys()

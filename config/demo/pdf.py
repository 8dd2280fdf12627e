"""A small typesetter: a demo article as a PDF of several pages whose Turkish letters are seen, searched and copied.

The three fonts are among those that every viewer has, so none is embedded. Windows-1254 is
Windows-1252 with six letters exchanged: /WinAnsiEncoding with six /Differences shows them, and
/ToUnicode gives them back as text (ISO 32000-1, 9.6.6 and 9.10.3). Streams are not compressed: the same
article is the same bytes whichever zlib is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Array, Dictionary, Name

from config.demo.articles import DemoArticle
from config.demo.figures import Picture
from config.demo.metrics import WIDTHS

PAGE_WIDTH, PAGE_HEIGHT = 420, 595  # A5, as many journals are printed
_MARGIN, _TOP, _BOTTOM = 46, 538, 58
_MEASURE = PAGE_WIDTH - 2 * _MARGIN
_CODEC = "cp1254"
_FONTS = {"F1": "Times-Roman", "F2": "Times-Bold", "F3": "Times-Italic"}
_DIFFERENCES = "[208 /Gbreve 221 /Idotaccent /Scedilla 240 /gbreve 253 /dotlessi /scedilla]"
_WORDS = {
    "tr": {"abstract": "Öz", "keywords": "Anahtar sözcükler", "received": "Geliş", "accepted": "Kabul",
           "published": "Yayım", "references": "Kaynaklar", "supplement": "Ek dosya"},
    "en": {"abstract": "Abstract", "keywords": "Keywords", "received": "Received", "accepted": "Accepted",
           "published": "Published", "references": "References", "supplement": "Supplement"},
}  # fmt: skip


def write_pdf(article: DemoArticle, picture: Picture | None) -> bytes:
    """The article set in type, at least a title page with its abstracts, its text, its figure and its references.

    The same article gives the same bytes. Raises UnicodeEncodeError for a letter outside Windows-1254
    and KeyError for one whose width is not known: both are mistakes in ``texts/``.
    """
    pages = _set_in_type(article, picture)
    document = pikepdf.new()
    resources = Dictionary(Font=Dictionary({f"/{key}": _font(document, name) for key, name in _FONTS.items()}))
    if picture is not None:
        resources.XObject = Dictionary(Im1=_image(document, picture))
    shared = document.make_indirect(resources)
    for number, content in enumerate(pages):
        stream = document.make_stream(content + _page_furniture(article, number))
        page = Dictionary(Type=Name.Page, MediaBox=[0, 0, PAGE_WIDTH, PAGE_HEIGHT], Resources=shared, Contents=stream)
        document.pages.append(pikepdf.Page(document.make_indirect(page)))
    _describe(document, article)
    out = BytesIO()
    document.save(
        out,
        deterministic_id=True,
        compress_streams=False,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
        min_version="1.7",
    )
    return out.getvalue()


class _Column:
    """The current page: text goes down it, and a new page begins where it is full."""

    def __init__(self) -> None:
        self.pages: list[list[bytes]] = [[]]
        self._y: float = _TOP

    def space(self, points: float) -> None:
        """Leave room, except at the head of a page."""
        if self._y < _TOP:
            self._y -= points

    def keep(self, points: float) -> None:
        """Begin a new page unless this one has so much room left: a heading never stands alone at its foot."""
        if self._y - points < _BOTTOM:
            self.turn()

    def turn(self) -> None:
        """Begin a new page."""
        self.pages.append([])
        self._y = _TOP

    def paragraph(self, text: str, font: str, size: float, *, indent: float = 0, justified: bool = True) -> None:
        """Set ``text`` in lines, the last one ragged; ``indent`` is the first line's, or all others' if negative."""
        leading = size * 1.32
        lines = list(_lines(text, font, size, indent))
        for number, words in enumerate(lines):
            if self._y - leading < _BOTTOM:
                self.turn()
            self._y -= leading
            left = _MARGIN + _shift(number, indent)
            stretch = 0.0
            if justified and number < len(lines) - 1 and len(words) > 1:
                room = _MEASURE - _shift(number, indent) - _width(" ".join(words), font, size)
                stretch = room / (len(words) - 1)
            self.pages[-1].append(_shown(" ".join(words), font, size, left, self._y, stretch))

    def picture(self, picture: Picture) -> None:
        """Set the figure, as wide as the text."""
        height = _MEASURE * picture.height / picture.width
        self.keep(height + 40)
        self._y -= height
        self.pages[-1].append(b"q %d 0 0 %.2f %d %.2f cm /Im1 Do Q\n" % (_MEASURE, height, _MARGIN, self._y))


def _set_in_type(article: DemoArticle, picture: Picture | None) -> list[bytes]:
    words = _WORDS[article.language]
    column = _Column()
    column.paragraph(f"{article.subject} · doi:{article.doi}", "F3", 8.5, justified=False)
    column.space(10)
    column.paragraph(article.title, "F2", 16, justified=False)
    for title in article.translated_titles.values():
        column.space(4)
        column.paragraph(title, "F3", 11.5, justified=False)
    column.space(8)
    column.paragraph(", ".join(writer.name for writer in article.authors), "F2", 10.5, justified=False)
    for affiliation in dict.fromkeys(writer.affiliation for writer in article.authors if writer.affiliation):
        column.paragraph(affiliation, "F1", 8.5, justified=False)
    column.space(4)
    dates = (("received", article.received), ("accepted", article.accepted), ("published", article.published))
    column.paragraph(" · ".join(f"{words[what]}: {day}" for what, day in dates if day), "F1", 8.5, justified=False)
    for language, text in article.abstract.items():
        column.space(9)
        column.paragraph(_WORDS[language]["abstract"], "F2", 9.5)
        column.paragraph(text, "F1", 9.5)
        if language in article.keywords:
            listed = ", ".join(article.keywords[language])
            column.paragraph(f"{_WORDS[language]['keywords']}: {listed}", "F3", 9, justified=False)
    for number, section in enumerate(article.sections):
        if section.new_page:
            column.turn()
        column.space(12)
        column.keep(60)
        column.paragraph(section.heading, "F2", 11.5, justified=False)
        column.space(3)
        for place, paragraph in enumerate(section.paragraphs):
            column.paragraph(paragraph, "F1", 10.5, indent=14 if place else 0)
        if picture is not None and number == 2:
            column.space(10)
            column.picture(picture)
            column.paragraph(article.figure, "F3", 9)
    if article.supplement:
        column.space(12)
        column.paragraph(f"{words['supplement']}: {article.supplement}", "F3", 9)
    if article.references:
        column.space(12)
        column.keep(48)
        column.paragraph(words["references"], "F2", 11.5)
        column.space(3)
        for reference in article.references:
            column.paragraph(reference, "F1", 9, indent=-12)
    return [b"".join(page) for page in column.pages]


def _page_furniture(article: DemoArticle, number: int) -> bytes:
    """The running head, the line of rights on the first page, and the page number."""
    head = f"{article.journal.title} {article.place_in_issue} ({article.published[:4]})"
    folio = str(int(article.first_page) + number) if article.first_page else str(number + 1)
    middle = (PAGE_WIDTH - _width(folio, "F1", 9)) / 2
    rule = b"q 0.4 w %d 551 m %d 551 l S Q\n" % (_MARGIN, PAGE_WIDTH - _MARGIN)
    foot = _shown(article.copyright, "F1", 8, _MARGIN, 42, 0) if number == 0 else b""
    return rule + _shown(head, "F3", 9, _MARGIN, 556, 0) + _shown(folio, "F1", 9, middle, 28, 0) + foot


def _shift(line: int, indent: float) -> float:
    if indent < 0:
        return 0 if line == 0 else -indent
    return indent if line == 0 else 0


def _lines(text: str, font: str, size: float, indent: float) -> Iterator[list[str]]:
    words: list[str] = []
    number = 0
    for word in text.split():
        if words and _width(" ".join([*words, word]), font, size) > _MEASURE - _shift(number, indent):
            yield words
            words, number = [], number + 1
        words.append(word)
    if words:
        yield words


def _width(text: str, font: str, size: float) -> float:
    table = WIDTHS[_FONTS[font]]
    return sum(table[letter] for letter in text) * size / 1000


def _shown(text: str, font: str, size: float, x: float, y: float, stretch: float) -> bytes:
    octets = text.encode(_CODEC)
    for special in (b"\\", b"(", b")"):
        octets = octets.replace(special, b"\\" + special)
    place = f"BT /{font} {size:g} Tf {stretch:.3f} Tw {x:.2f} {y:.2f} Td (".encode()
    return place + octets + b") Tj ET\n"


def _font(document: pikepdf.Pdf, name: str) -> pikepdf.Object:
    widths = [WIDTHS[name].get(bytes([code]).decode(_CODEC, "ignore"), 0) for code in range(32, 256)]
    return document.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type1,
            BaseFont=Name("/" + name),
            FirstChar=32,
            LastChar=255,
            Widths=Array(widths),
            Encoding=Dictionary(
                Type=Name.Encoding,
                BaseEncoding=Name.WinAnsiEncoding,
                Differences=pikepdf.Object.parse(_DIFFERENCES.encode()),
            ),
            ToUnicode=document.make_stream(_to_unicode()),
        )
    )


def _to_unicode() -> bytes:
    """The CMap from the codes of the text to Unicode; a block holds at most 100 entries (Adobe TN 5014)."""
    pairs = [(code, text) for code in range(32, 256) if (text := bytes([code]).decode(_CODEC, "ignore"))]
    blocks = []
    for start in range(0, len(pairs), 100):
        block = pairs[start : start + 100]
        lines = "".join(f"<{code:02X}> <{ord(text):04X}>\n" for code, text in block)
        blocks.append(f"{len(block)} beginbfchar\n{lines}endbfchar\n")
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<00> <FF>\nendcodespacerange\n"
        f"{''.join(blocks)}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")


def _image(document: pikepdf.Pdf, picture: Picture) -> pikepdf.Stream:
    return pikepdf.Stream(
        document,
        b"".join(picture.rows),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=picture.width,
        Height=picture.height,
        ColorSpace=Name.DeviceGray,
        BitsPerComponent=8,
    )


def _describe(document: pikepdf.Pdf, article: DemoArticle) -> None:
    """Title, authors, DOI and a fixed date, in the Info dictionary and as XMP (ISO 16684-1)."""
    authors = "; ".join(writer.name for writer in article.authors)
    moment = f"D:{article.published.replace('-', '')}090000+03'00'"
    info = {"Title": article.title, "Author": authors, "doi": article.doi, "Producer": "Mahfuz demo"}
    for key, value in {**info, "CreationDate": moment, "ModDate": moment}.items():
        document.docinfo[f"/{key}"] = value
    creators = "".join(f"<rdf:li>{escape(writer.name)}</rdf:li>" for writer in article.authors)
    packet = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:prism="http://prismstandard.org/namespaces/basic/3.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(article.title)}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq>{creators}</rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>{article.language}</rdf:li></rdf:Bag></dc:language>
<prism:doi>{escape(article.doi)}</prism:doi><xmp:CreateDate>{article.published}</xmp:CreateDate>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""
    document.Root.Metadata = pikepdf.Stream(document, packet.encode(), Type=Name.Metadata, Subtype=Name.XML)
    document.Root.Lang = article.language
    document.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)

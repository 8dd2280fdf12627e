"""An article in METS 1.12 with PREMIS 3: its files with their digests, and when each copy was last read whole."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from oai_pmh.formats import mods
from oai_pmh.formats.elements import attribute, element, wrapped
from oai_pmh.formats.told import Told
from oai_pmh.xml import text
from repository.catalogue.holdings import KeptBag, KeptCopy, KeptFile
from repository.vocabulary import ArticleRecord, CopyState, as_utc_text, bag_name

PREFIX = "mets"
SCHEMA = "http://www.loc.gov/standards/mets/mets.xsd"
NAMESPACE = "http://www.loc.gov/METS/"

_HEAD = (
    f'<mets xmlns="{NAMESPACE}" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:premis="http://www.loc.gov/premis/v3"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    f' xsi:schemaLocation="{NAMESPACE} {SCHEMA} '
    'http://www.loc.gov/premis/v3 http://www.loc.gov/standards/premis/v3/premis.xsd" TYPE="article"'
)
_TAR = "x-fmt/265"
_EVENT_TYPE = ' authority="eventType" authorityURI="http://id.loc.gov/vocabulary/preservation/eventType"'
_STORED = (CopyState.INTACT, CopyState.UNVERIFIED)


def crosswalk(record: ArticleRecord, told: Told) -> str:
    """The mets element of an article, with every version that is kept."""
    described = mods.crosswalk(record, told)
    wrap = f'<mdWrap MDTYPE="MODS" MDTYPEVERSION="3.8" MIMETYPE="text/xml"><xmlData>\n{described}</xmlData></mdWrap>'
    article = told.identifier.rpartition(":")[2]
    versions = [(f"v{version.version}", version) for version in told.versions]
    lines = [
        f"{_HEAD}{attribute('OBJID', told.identifier)}{attribute('LABEL', record.title)}>\n",
        f'<dmdSec ID="dmd">\n{wrap}</dmdSec>\n',
        *(_administrative(name, version, article) for name, version in versions),
        wrapped("fileSec", "".join(_files(name, version, told) for name, version in versions)),
        '<structMap TYPE="logical">\n<div TYPE="article" DMDID="dmd">\n',
        *(_division(name, version) for name, version in versions),
        "</div>\n</structMap>\n</mets>",
    ]
    return "".join(lines)


def _administrative(name: str, version: KeptBag, article: str) -> str:
    """What is known of the bag of this version, of each file in it and of each copy."""
    bag = bag_name(article, version.version)
    sections = [_section("techMD", f"{name}-bag", "PREMIS:OBJECT", _bag(bag, version))]
    for number, file in enumerate(version.files):
        sections.append(
            _section("techMD", f"{name}-f{number}", "PREMIS:OBJECT", _object(f"{bag}/data/{file.path}", file))
        )
    for number, copy in enumerate(version.copies):
        if copy.at is not None:
            sections.append(_section("digiprovMD", f"{name}-c{number}", "PREMIS:EVENT", _reading(bag, copy)))
    return f'<amdSec ID="{name}">\n{"".join(sections)}</amdSec>\n'


def _section(kind: str, name: str, what: str, content: str) -> str:
    return (
        f'<{kind} ID="{name}"><mdWrap MDTYPE="{what}" MDTYPEVERSION="3.0" MIMETYPE="text/xml"><xmlData>\n'
        f"{content}</xmlData></mdWrap></{kind}>\n"
    )


def _bag(bag: str, version: KeptBag) -> str:
    stored = "".join(
        "<premis:storage><premis:contentLocation><premis:contentLocationType>store</premis:contentLocationType>"
        f"<premis:contentLocationValue>{text(copy.store)}</premis:contentLocationValue></premis:contentLocation>"
        "</premis:storage>\n"
        for copy in version.copies
        if copy.state in _STORED
    )
    return _premis_file("bag", bag, "SHA-256", version.seal, version.bytes, _TAR, stored)


def _object(identifier: str, file: KeptFile) -> str:
    name = element("premis:originalName", file.path)
    return _premis_file("path in bag", identifier, "SHA-512", file.sha512, file.bytes, file.format, name)


def _premis_file(kind: str, value: str, algorithm: str, digest: str, size: int, puid: str | None, besides: str) -> str:
    """A premis:object of the category file. The schema asks for a format; that of none identified is said to be so."""
    if puid:
        known = (
            "<premis:formatRegistry><premis:formatRegistryName>PRONOM</premis:formatRegistryName>"
            f"<premis:formatRegistryKey>{text(puid)}</premis:formatRegistryKey></premis:formatRegistry>"
        )
    else:
        known = (
            "<premis:formatDesignation><premis:formatName>not identified</premis:formatName></premis:formatDesignation>"
        )
    return (
        f'<premis:object xsi:type="premis:file">\n{_identifier("object", kind, value)}<premis:objectCharacteristics>'
        f"<premis:fixity><premis:messageDigestAlgorithm>{algorithm}</premis:messageDigestAlgorithm>"
        f"<premis:messageDigest>{digest}</premis:messageDigest></premis:fixity><premis:size>{size}</premis:size>"
        f"<premis:format>{known}</premis:format></premis:objectCharacteristics>\n{besides}</premis:object>\n"
    )


def _identifier(entity: str, kind: str, value: str) -> str:
    return (
        f"<premis:{entity}Identifier><premis:{entity}IdentifierType>{kind}</premis:{entity}IdentifierType>"
        f"<premis:{entity}IdentifierValue>{text(value)}</premis:{entity}IdentifierValue></premis:{entity}Identifier>\n"
    )


def _reading(bag: str, copy: KeptCopy) -> str:
    """The last time that a copy was read to its end and was what was sealed; what it is now is said beside it."""
    assert copy.at is not None
    now = text(f"copy in the store {copy.store}; its state now: {copy.state}")
    return (
        f"<premis:event>\n{_identifier('event', 'local', f'{bag}@{copy.store}')}"
        f"<premis:eventType{_EVENT_TYPE}>fixity check</premis:eventType>"
        f"<premis:eventDateTime>{as_utc_text(copy.at)}</premis:eventDateTime>\n"
        "<premis:eventOutcomeInformation><premis:eventOutcome>success</premis:eventOutcome><premis:eventOutcomeDetail>"
        f"<premis:eventOutcomeDetailNote>{now}</premis:eventOutcomeDetailNote></premis:eventOutcomeDetail>"
        f"</premis:eventOutcomeInformation>\n{_identifier('linkingObject', 'bag', bag)}</premis:event>\n"
    )


def _files(name: str, version: KeptBag, told: Told) -> str:
    return wrapped("fileGrp", "".join(_file_elements(name, version, told)), f' ID="{name}-files" ADMID="{name}"')


def _file_elements(name: str, version: KeptBag, told: Told) -> Iterator[str]:
    for number, file in enumerate(version.files):
        where = f"{told.address}/files/{quote(file.path)}?version={version.version}"
        yield (
            f'<file ID="{name}-file{number}" ADMID="{name}-f{number}" SIZE="{file.bytes}" CHECKSUM="{file.sha512}"'
            f' CHECKSUMTYPE="SHA-512"><FLocat LOCTYPE="URL" xlink:type="simple" xlink:href="{text(where)}"/></file>\n'
        )


def _division(name: str, version: KeptBag) -> str:
    pointers = "".join(f'<fptr FILEID="{name}-file{number}"/>' for number, _ in enumerate(version.files))
    return f'<div TYPE="version" ORDER="{version.version}" ADMID="{name}">{pointers}</div>\n'

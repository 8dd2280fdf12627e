"""Bags for the tests: whole ones, and ones with exactly one fault each, which the builder proves is really there."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from repository.bags import Bag, PayloadSource, write_bag
from repository.bags.headers import END, member_header, padding

# --- bags of our own --------------------------------------------------------------------------------------------------

ARTICLE = "0123456789abcdef0123456789abcdef"
BAG_INFO = (
    ("Source-Organization", "Örnek Yayınevi"),
    ("Internal-Sender-Identifier", "10.5555/örnek.1"),
    ("Bagging-Date", "2026-11-23"),
)
METADATA = {"metadata/article.json": b'{"title": "Deneme"}\n', "metadata/premis.xml": b"<premis/>\n"}
PAYLOAD = {"article.pdf": b"%PDF-1.7 kissadan hisse\n", "article.xml": b"<article/>\n", "şekil/1.tif": b"II*\0"}


class BagFault(StrEnum):
    """One thing wrong with a serialised bag."""

    FLIPPED_PAYLOAD_BIT = "flipped payload bit"
    FLIPPED_TAG_FILE_BIT = "flipped tag file bit"
    FLIPPED_MANIFEST_BIT = "flipped manifest bit"
    FLIPPED_HEADER_BIT = "flipped header bit"
    FLIPPED_PADDING_BIT = "flipped padding bit"
    DROPPED_PAYLOAD = "dropped payload file"
    DROPPED_TAG_FILE = "dropped tag file"
    DROPPED_TAGMANIFEST = "dropped tag manifest"
    ADDED_PAYLOAD = "added payload file"
    ADDED_TAG_FILE = "added tag file"
    RENAMED_PAYLOAD = "renamed payload file"
    RENAMED_BAG = "renamed bag"
    SWAPPED_MEMBERS = "swapped members"
    SWAPPED_CONTENTS = "swapped contents"
    TRUNCATED_IN_FILE = "truncated in a file"
    TRUNCATED_BEFORE_END = "truncated before the end"
    EMPTIED = "emptied"
    TRAILING_BYTES = "trailing bytes"


def staged(folder: Path, payload: Mapping[str, bytes]) -> list[PayloadSource]:
    """The payload as the door leaves it: each file under a number, counted and digested."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for number, (path, data) in enumerate(payload.items()):
        source = folder / str(number)
        source.write_bytes(data)
        sources.append(PayloadSource(path, source, len(data), hashlib.sha512(data).hexdigest()))
    return sources


def build_bag(
    folder: Path,
    *,
    fault: BagFault | None = None,
    article_id: str = ARTICLE,
    version: int = 1,
    bag_info: Sequence[tuple[str, str]] = BAG_INFO,
    metadata: Mapping[str, bytes] = METADATA,
    payload: Mapping[str, bytes] = PAYLOAD,
) -> Bag:
    """A bag in ``folder`` as :func:`repository.bags.write_bag` seals it, then damaged by ``fault`` alone.

    The returned value describes the bag before the damage, as a catalogue would remember it.
    """
    bag = write_bag(
        folder / f"{article_id}-v{version}.tar",
        article_id=article_id,
        version=version,
        bag_info=bag_info,
        tag_files=metadata,
        payload=staged(folder / f"staging-{article_id}-v{version}", payload),
    )
    if fault is not None:
        whole = bag.path.read_bytes()
        damaged = _FAULTS[fault](whole)
        assert damaged != whole, f"the fault {fault} did not happen"
        bag.path.write_bytes(damaged)
    return bag


def members_of(tar: bytes) -> list[tuple[str, bytes]]:
    """Name and bytes of every member, read by Python's tarfile."""
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as opened:
        return [(member.name, _read(opened, member)) for member in opened]


def our_tar(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A tar of these members with the headers that our writer gives them, so that only the contents are at fault."""
    parts = (member_header(name, len(data)) + data + bytes(padding(len(data))) for name, data in members)
    return b"".join(parts) + END


def _read(opened: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = opened.extractfile(member)
    assert file is not None
    return file.read()


def _place(tar: bytes, ending: str) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as opened:
        return next(member for member in opened if member.name.endswith(ending))


def flipped(data: bytes, offset: int, bit: int = 0) -> bytes:
    """``data`` with one bit of the byte at ``offset`` changed."""
    return data[:offset] + bytes([data[offset] ^ (1 << bit)]) + data[offset + 1 :]


def _changed(change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> Callable[[bytes], bytes]:
    return lambda tar: our_tar(change(members_of(tar)))


def _without(ending: str) -> Callable[[bytes], bytes]:
    return _changed(lambda members: [(name, data) for name, data in members if not name.endswith(ending)])


def _renamed(old: str, new: str) -> Callable[[bytes], bytes]:
    return _changed(lambda members: [(name.replace(old, new), data) for name, data in members])


def _added(path: str, before: str) -> Callable[[bytes], bytes]:
    def change(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        at = next(at for at, (name, _) in enumerate(members) if name.endswith(before))
        top = members[0][0].split("/")[0]
        return [*members[:at], (f"{top}/{path}", b"not announced\n"), *members[at:]]

    return _changed(change)


def _swapped_contents(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    *rest, (name_a, data_a), (name_b, data_b) = members
    return [*rest, (name_a, data_b), (name_b, data_a)]


_FAULTS: dict[BagFault, Callable[[bytes], bytes]] = {
    BagFault.FLIPPED_PAYLOAD_BIT: lambda tar: flipped(tar, _place(tar, "article.pdf").offset_data + 5, 3),
    BagFault.FLIPPED_TAG_FILE_BIT: lambda tar: flipped(tar, _place(tar, "bag-info.txt").offset_data + 80, 1),
    BagFault.FLIPPED_MANIFEST_BIT: lambda tar: flipped(tar, _place(tar, "/manifest-sha512.txt").offset_data, 0),
    BagFault.FLIPPED_HEADER_BIT: lambda tar: flipped(tar, _place(tar, "article.xml").offset + 136, 0),
    BagFault.FLIPPED_PADDING_BIT: lambda tar: flipped(tar, _place(tar, "bagit.txt").offset_data + 500, 7),
    BagFault.DROPPED_PAYLOAD: _without("article.xml"),
    BagFault.DROPPED_TAG_FILE: _without("metadata/premis.xml"),
    BagFault.DROPPED_TAGMANIFEST: _without("tagmanifest-sha512.txt"),
    BagFault.ADDED_PAYLOAD: _added("data/article.txt", "article.xml"),
    BagFault.ADDED_TAG_FILE: _added("metadata/notes.txt", "premis.xml"),
    BagFault.RENAMED_PAYLOAD: _renamed("article.pdf", "article.pdg"),
    BagFault.RENAMED_BAG: _renamed("-v1/", "-v2/"),
    BagFault.SWAPPED_MEMBERS: _changed(lambda members: [*members[:-2], members[-1], members[-2]]),
    BagFault.SWAPPED_CONTENTS: _changed(_swapped_contents),
    BagFault.TRUNCATED_IN_FILE: lambda tar: tar[: _place(tar, "article.xml").offset_data + 4],
    BagFault.TRUNCATED_BEFORE_END: lambda tar: tar[: -len(END)],
    BagFault.EMPTIED: lambda tar: b"",
    BagFault.TRAILING_BYTES: lambda tar: tar + b"\0",
}


# --- bags of others ---------------------------------------------------------------------------------------------------


def foreign_bag(
    payload: Mapping[str, bytes] | None = None,
    *,
    version: str = "1.0",
    encoding: str = "UTF-8",
    algorithms: Sequence[str] = ("sha256",),
    bag_info: str = "",
    tag_manifests: bool = True,
    replace: Mapping[str, bytes | None] | None = None,
) -> dict[str, bytes]:
    """The files of a valid bag made by hand, path in the bag to bytes.

    ``replace`` puts other bytes in the place of a file, or takes it away (None), before
    the tag manifests are made: so a fault in it is the only one. Names with ``%``, CR or LF
    are not encoded here: a test that needs them replaces the manifest.
    """
    payload = {"hello.txt": b"hello\n"} if payload is None else payload
    files: dict[str, bytes] = {
        "bagit.txt": f"BagIt-Version: {version}\nTag-File-Character-Encoding: {encoding}\n".encode()
    }
    if bag_info:
        files["bag-info.txt"] = bag_info.encode(encoding)
    for path, data in payload.items():
        files["data/" + path] = data
    for algorithm in algorithms:
        lines = (f"{_digest(algorithm, data)}  data/{path}\n" for path, data in payload.items())
        files[f"manifest-{algorithm}.txt"] = "".join(lines).encode(encoding)
    for path, new in (replace or {}).items():
        files.pop(path, None)
        if new is not None:
            files[path] = new
    if tag_manifests:
        tags = {path: data for path, data in files.items() if not path.startswith("data/")}
        for algorithm in algorithms:
            lines = (f"{_digest(algorithm, data)}  {path}\n" for path, data in tags.items())
            files.setdefault(f"tagmanifest-{algorithm}.txt", "".join(lines).encode(encoding))
    return files


def _digest(algorithm: str, data: bytes) -> str:
    spelled = {"sha3256": "sha3_256", "sha3512": "sha3_512", "sha3224": "sha3_224", "sha3384": "sha3_384"}
    if algorithm == "blake2b256":
        return hashlib.blake2b(data, digest_size=32).hexdigest()
    return hashlib.new(spelled.get(algorithm, algorithm), data).hexdigest()


def as_tar(
    files: Mapping[str, bytes],
    name: str = "bag",
    *,
    format: int = tarfile.PAX_FORMAT,  # noqa: A002 (tarfile's own word)
    folders: bool = True,
    extra: Sequence[tarfile.TarInfo] = (),
) -> bytes:
    """The files as Python's tarfile serialises them below the folder ``name``, in the order given; then ``extra``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        made: set[str] = set()
        for path, data in files.items():
            whole = f"{name}/{path}" if name else path
            if folders:
                for folder in _folders_above(whole):
                    if folder not in made:
                        made.add(folder)
                        entry = tarfile.TarInfo(folder)
                        entry.type = tarfile.DIRTYPE
                        tar.addfile(entry)
            entry = tarfile.TarInfo(whole)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for entry in extra:
            tar.addfile(entry)
    return buffer.getvalue()


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]


def as_folder(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files written below ``folder``, which is given back."""
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def untarred(tar: bytes, folder: Path) -> Path:
    """The one top folder of a tar, unpacked below ``folder`` member by member: regular files only, none outside."""
    tops = set()
    for name, data in members_of(tar):
        target = folder / name
        assert ".." not in Path(name).parts
        assert not Path(name).is_absolute()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        tops.add(name.split("/")[0])
    (top,) = tops
    return folder / top

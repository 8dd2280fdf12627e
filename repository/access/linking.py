"""What a library writes into its own systems so that its readers come here: link resolvers, discovery, proxies."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

_JOURNAL = "url_ver=Z39.88-2004&rft_val_fmt=info:ofi/fmt:kev:mtx:journal"
_PARTS = ("issn", "eissn", "volume", "issue", "spage")


class Template(NamedTuple):
    """One system, and what is copied into it."""

    system: str
    text: str


def templates(base_url: str, archive: str) -> list[Template]:
    """What to copy, system by system; ``base_url`` without a slash at its end.

    Alma fills in the fields of its context object, which stand in braces. Of systems whose own names for these fields
    differ from site to site the places are in capitals. Whatever speaks OpenURL 1.0 by itself needs the address alone.
    """
    openurl = f"{base_url}/openurl"
    alma = "".join(f"&rft.{part}={{rft.{part}}}" for part in _PARTS)
    plain = "".join(f"&rft.{part}={part.upper()}" for part in _PARTS)
    query = f"{_JOURNAL}{plain}&rft.date=YEAR&rft_id=info:doi/DOI"
    return [
        Template("OpenURL 1.0", openurl),
        Template("Ex Libris Alma", f"{openurl}?{_JOURNAL}{alma}&rft.date={{rft.date}}&rft_id=info:doi/{{rft.doi}}"),
        Template("SFX", f"{openurl}?{query}"),
        Template("360 Link", f"{openurl}?{query}"),
        Template("EBSCO EDS: Base URL + Query String", f"{openurl}\n{query}"),
        Template("EZproxy", stanza(base_url, archive)),
    ]


def stanza(base_url: str, archive: str) -> str:
    """The lines of EZproxy's ``config.txt`` by which readers of a library come here through its proxy."""
    parts = urlsplit(base_url)
    return f"Title {' '.join(archive.split())}\nURL {base_url}/\nHJ {parts.netloc}\nDJ {parts.hostname}"

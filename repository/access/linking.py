"""What a library writes into its own systems so that its readers come here: link resolvers, discovery, proxies."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit


class Template(NamedTuple):
    """One system, what is to be copied into it, and where its placeholders are explained."""

    system: str
    kind: str
    """``address``: a target's address; ``stanza``: lines of a configuration."""
    text: str


def templates(base_url: str, archive: str) -> list[Template]:
    """What to copy, system by system; ``base_url`` without a slash at its end.

    Placeholders stand in each system's own way of writing them. Resolvers that speak OpenURL 1.0 need the base
    address alone.
    """
    openurl = f"{base_url}/openurl"
    named = "url_ver=Z39.88-2004&rft_val_fmt=info:ofi/fmt:kev:mtx:journal"
    return [
        Template("OpenURL 1.0", "address", openurl),
        Template(
            "Ex Libris Alma",
            "address",
            f"{openurl}?{named}&rft.issn={{rft.issn}}&rft.eissn={{rft.eissn}}&rft.volume={{rft.volume}}"
            "&rft.issue={rft.issue}&rft.spage={rft.spage}&rft.date={rft.year}&rft_id=info:doi/{rft.doi}",
        ),
        Template(
            "SFX",
            "stanza",
            f"parser: Generic\ntargetURL: {openurl}\nparse_param: url_ver=Z39.88-2004&ctx_ver=Z39.88-2004",
        ),
        Template(
            "ProQuest 360 Link",
            "address",
            f"{openurl}?{named}&rft_id=info:doi/DOI&rft.issn=ISSN&rft.volume=VOL"
            "&rft.issue=ISS&rft.spage=PAGE&rft.date=YEAR",
        ),
        Template(
            "EBSCO EDS (CustomLink)",
            "address",
            f"{openurl}?{named}&rft.atitle={{atitle}}&rft.jtitle={{title}}&rft.issn={{issn}}&rft.volume={{volume}}"
            "&rft.issue={issue}&rft.spage={spage}&rft.date={year}&rft_id=info:doi/{doi}",
        ),
        Template("EZproxy", "stanza", stanza(base_url, archive)),
    ]


def stanza(base_url: str, archive: str) -> str:
    """The lines of EZproxy's ``config.txt`` by which readers of a library come here through its proxy."""
    parts = urlsplit(base_url)
    title = " ".join(archive.split())
    return f"Title {title}\nURL {base_url}/\nHJ {parts.netloc}\nDJ {parts.hostname}"

"""What the archive says of itself in Identify beyond the protocol's own elements, each in the container made for it.

All of it is given by the settings, and what is not given is not said: an empty container helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from oai_pmh.xml import text

_METADATA = "http://www.openarchives.org/OAI/2.0/entity#metadata"


@dataclass(frozen=True, slots=True)
class Icon:
    """The archive's mark for lists of archives; sizes in pixels, None where they are not known."""

    url: str
    title: str
    link: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that may be said. A policy is a text, or the http address of one."""

    friends: tuple[str, ...] = ()
    """Base URLs of other archives that a harvester may like to know (OAI guidelines, friends)."""
    metadata_licence: str = ""
    """The address of the licence under which the descriptions, not the articles, are given out (rightsManifest)."""
    icon: Icon | None = None
    content: str = ""
    metadata_policy: str = ""
    data_policy: str = ""


def descriptions(said: Said) -> Iterator[str]:
    """The description elements that follow oai-identifier, as XML."""
    if said.content or said.metadata_policy or said.data_policy:
        yield _contained("http://www.openarchives.org/OAI/1.1/", "eprints", "eprints", _policies(said), slash="")
    if said.friends:
        addresses = "".join(f"<baseURL>{text(address)}</baseURL>" for address in said.friends)
        yield _contained("http://www.openarchives.org/OAI/2.0/", "friends", "friends", addresses)
    if said.metadata_licence:
        licence = f'<rights><rightsReference ref="{text(said.metadata_licence)}"/></rights>'
        yield _contained(
            "http://www.openarchives.org/OAI/2.0/", "rights", "rightsManifest", licence, f' appliesTo="{_METADATA}"'
        )
    if said.icon is not None:
        yield _contained("http://www.openarchives.org/OAI/2.0/", "branding", "branding", _icon(said.icon))


def is_address(policy: str) -> bool:
    """Whether a policy is told elsewhere, under this address."""
    return policy.startswith(("https://", "http://")) and not any(mark.isspace() for mark in policy)


def _contained(root: str, name: str, element: str, body: str, attributes: str = "", slash: str = "/") -> str:
    namespace = f"{root}{name}{slash}"
    return (
        f'<description>\n<{element} xmlns="{namespace}" xsi:schemaLocation="{namespace} {root}{element}.xsd"'
        f"{attributes}>\n{body}\n</{element}>\n</description>\n"
    )


def _policies(said: Said) -> str:
    """The schema asks for metadataPolicy and dataPolicy, empty or not (OAI guidelines, eprints)."""
    content = _policy("content", said.content) if said.content else ""
    return content + _policy("metadataPolicy", said.metadata_policy) + _policy("dataPolicy", said.data_policy)


def _policy(element: str, said: str) -> str:
    if not said:
        return f"<{element}/>"
    kind = "URL" if is_address(said) else "text"
    return f"<{element}><{kind}>{text(said)}</{kind}></{element}>"


def _icon(icon: Icon) -> str:
    sizes = (("width", icon.width), ("height", icon.height))
    return (
        f"<collectionIcon><url>{text(icon.url)}</url><link>{text(icon.link)}</link><title>{text(icon.title)}</title>"
        + "".join(f"<{name}>{size}</{name}>" for name, size in sizes if size is not None)
        + "</collectionIcon>"
    )

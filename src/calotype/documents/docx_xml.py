"""The XML of a DOCX, parsed without entities, network or deep trees, and known by local names in both editions of the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from calotype.documents.docx_package import Package
from calotype.domain.errors import UndecodableDocument

# Styles, numbering and properties are read whole; the text of a document is not.
SMALL_PART = 16 * 1024**2
_SAFE = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


def local(element: Any) -> str:
    """The name of an element without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value(element: Any, name: str = "val") -> str | None:
    """An attribute by its local name; None when it is missing, or there is no element."""
    if element is None:
        return None
    for key, found in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(found)
    return None


def child(element: Any, *path: str) -> Any:
    """The first child of that name, its first child of the next name, and so on; None where one is missing."""
    for name in path:
        if element is None:
            return None
        element = next((inner for inner in element if local(inner) == name), None)
    return element


def number(text: str | None, default: int = 0) -> int:
    """A small whole number as attributes have it."""
    try:
        return max(-1, min(int(text), 10**6)) if text is not None else default
    except ValueError:
        return default


def small_part(package: Package, name: str) -> Any:
    """The root of a small part; None where there is none, or none that can be read."""
    from lxml import etree

    if not 0 < package.size(name) <= SMALL_PART:
        return None
    try:
        package.check_xml(name)
        return etree.fromstring(package.read(name, SMALL_PART), etree.XMLParser(**_SAFE))
    except (UndecodableDocument, etree.LxmlError, ValueError):
        # What says how text looks can be missing; the text is worth more.
        return None


def events(package: Package, name: str, tags: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The starts and ends of elements of these local names, as the part is unpacked. Raises UndecodableDocument."""
    from lxml import etree

    package.check_xml(name)
    with package.part(name) as stream:
        try:
            yield from etree.iterparse(
                stream, events=("start", "end"), tag=[f"{{*}}{tag}" for tag in tags], remove_comments=True, **_SAFE
            )
        except etree.LxmlError as error:
            raise UndecodableDocument("The DOCX is damaged: its text breaks off") from error


def forget(element: Any) -> None:
    """Free an element that was read, and everything before it in its parent."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]

"""The XMP properties that Calotype uses (ISO 16684-1), without entities or anything external."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_SPACES = {
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
_PROPERTIES = {
    "aux": ("Lens",),
    "dc": ("title", "description", "subject"),
    "exif": (
        "DateTimeOriginal", "ExposureTime", "FNumber", "FocalLength", "ISOSpeedRatings",
        "GPSAltitude", "GPSAltitudeRef", "GPSLatitude", "GPSLongitude", "GPSTimeStamp",
    ),
    "exifEX": ("LensModel", "PhotographicSensitivity"),
    "MicrosoftPhoto": ("Rating",),
    "photoshop": ("DateCreated",),
    "tiff": ("Make", "Model", "Orientation"),
    "xmp": ("CreateDate", "Rating"),
}  # fmt: skip
_WANTED = {f"{{{_SPACES[space]}}}{name}": f"{space}:{name}" for space, names in _PROPERTIES.items() for name in names}
_MOST_VALUES = 1000
_LONGEST_VALUE = 16 * 1024
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Xmp:
    """The values of each property by its usual name, such as `dc:title`; an `x-default` comes first."""

    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def all(self, name: str) -> tuple[str, ...]:
        """All values of a property."""
        return self.properties.get(name, ())

    def first(self, *names: str) -> str:
        """The first value that is not blank of the first of these properties that has one; else empty."""
        for name in names:
            for value in self.all(name):
                if value.strip():
                    return value
        return ""


def read_xmp(data: bytes) -> Xmp:
    """The properties in an XMP packet of at most 1 MiB, bare or wrapped, in UTF-8 or UTF-16.

    A packet that is cut off or malformed gives what came before the fault; one with a document type gives
    nothing.
    """
    data = data[:_LARGEST].strip(b" \t\r\n") if data[:2] not in {b"\xff\xfe", b"\xfe\xff"} else data[:_LARGEST]
    if not data:
        return Xmp()
    found = _parse(data)
    if found is None:
        # Stray bytes of another encoding are replaced: one accent must not cost all properties behind it.
        found = _parse(data.decode("utf-8", "replace").encode())
    return Xmp(found or {})


def _parse(data: bytes) -> dict[str, tuple[str, ...]] | None:
    """The properties; None where the bytes are not of the encoding they should be."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    collector = _Collector()
    parser = DefusedXMLParser(target=collector, forbid_dtd=True)
    try:
        parser.feed(data)
        parser.close()
    except DefusedXmlException:
        return {}
    except (ParseError, LookupError, ValueError):
        if not _is_utf8(data) and data[:2] not in {b"\xff\xfe", b"\xfe\xff"} and b"\0" not in data[:4]:
            return None
    return collector.properties()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _Collector:
    """Takes a parser's events and keeps the wanted properties of the outermost descriptions.

    Descriptions further in belong to other pictures (the ingredients of a composition) and are passed over.
    """

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[bool, str]]] = {}
        self._depth = 0
        self._root = -1
        self._property = ""
        self._default = False
        self._items = 0
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._root < 0:
            if tag == _RDF + "RDF":
                self._root = self._depth
        elif self._depth == self._root + 1:
            for name, value in attributes.items():
                if name in _WANTED:
                    self._add(_WANTED[name], value)
        elif self._depth == self._root + 2:
            self._property = _WANTED.get(tag, "")
            self._items = 0
            self._text = []
        elif self._property and tag == _RDF + "li":
            self._default = attributes.get(_LANGUAGE, "") == "x-default"
            self._text = []

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._property and self._depth > self._root + 2 and tag == _RDF + "li":
            self._add(self._property, "".join(self._text), default=self._default)
            self._items += 1
        elif self._property and self._depth == self._root + 2:
            if not self._items:
                self._add(self._property, "".join(self._text))
            self._property = ""
        self._depth -= 1
        if self._depth < self._root:
            self._root = -1

    def data(self, text: str) -> None:
        """Text between elements."""
        if self._property:
            self._text.append(text)

    def close(self) -> None:
        """The document ends."""

    def properties(self) -> dict[str, tuple[str, ...]]:
        """What was found, defaults first."""
        return {
            name: tuple(text for _, text in sorted(values, key=lambda value: not value[0]))
            for name, values in self._found.items()
        }

    def _add(self, name: str, text: str, *, default: bool = False) -> None:
        values = self._found.setdefault(name, [])
        if len(values) < _MOST_VALUES:
            values.append((default, text[:_LONGEST_VALUE]))

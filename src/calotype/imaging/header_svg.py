"""The size of an SVG, from the attributes of its root element and nothing behind it."""

from __future__ import annotations

import codecs
import math
import re

from calotype.domain.picture import PictureHeader
from calotype.imaging.header_source import HeaderSource

_SEARCHED = 64 * 1024
_DEFAULT = (300.0, 150.0)
_LONGEST_SIDE = 2**31 - 1
# CSS values and units, 6.2: pixels per unit at 96 to the inch; relative units at the default font size of 16.
_UNITS = {
    "": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "q": 96 / 101.6, "in": 96.0,
    "em": 16.0, "rem": 16.0, "ex": 8.0,
}  # fmt: skip
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>")
# The look behind keeps a search from beginning again inside a long name.
_ATTRIBUTE = re.compile(r"(?<![\w.:-])([\w.:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_SUBSET_END = re.compile(r"\][ \t\r\n]*>")
_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(%|[A-Za-z]*)\s*")


def text_of(head: bytes) -> str:
    """The beginning of a text file, decoded by its byte order mark, else as UTF-8, whatever it holds."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    if head[:4] in {b"<\0?\0", b"<\0s\0"}:
        return head.decode("utf-16-le", "replace")
    if head[:4] in {b"\0<\0?", b"\0<\0s"}:
        return head.decode("utf-16-be", "replace")
    return head.decode("utf-8", "replace")


def skip_prolog(text: str) -> int:
    """Where the root element begins, behind declarations, comments and a doctype; -1 without one."""
    position = 0
    doctype = False
    while True:
        while position < len(text) and text[position] in " \t\r\n\ufeff":
            position += 1
        if text.startswith("<!--", position):
            position = _behind(text, "-->", position + 4)
        elif text.startswith("<?", position):
            position = _behind(text, "?>", position + 2)
        elif text.startswith("<!", position) and not doctype:
            doctype = True
            position = _behind_doctype(text, position)
        else:
            return position if text.startswith("<", position) else -1
        if position < 0:
            return -1


def read_svg(source: HeaderSource) -> PictureHeader:
    """The size in CSS pixels, rounded: width and height, else the view box, else the 300 x 150 of browsers.

    A share (%) is taken of the view box. Entities are never expanded.
    """
    text = text_of(source.peek(0, _SEARCHED))
    start = skip_prolog(text)
    root = _ROOT.match(text, start) if start >= 0 else None
    if root is None or root[1].rsplit(":", 1)[-1] != "svg":
        raise source.fault("has no svg element at its beginning")
    attributes = {match[1]: match[2] or match[3] or "" for match in _ATTRIBUTE.finditer(root[2])}
    width, height = _size(attributes)
    if not (0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE):
        raise source.fault("has a width or height that is not a size")
    return PictureHeader("svg", max(1, round(width)), max(1, round(height)))


def _size(attributes: dict[str, str]) -> tuple[float, float]:
    box = _view_box(attributes.get("viewBox", ""))
    width = _length(attributes.get("width", ""), box[0] if box else _DEFAULT[0])
    height = _length(attributes.get("height", ""), box[1] if box else _DEFAULT[1])
    if box and width is not None and height is None:
        return width, width * box[1] / box[0]
    if box and height is not None and width is None:
        return height * box[0] / box[1], height
    default = box or _DEFAULT
    return (default[0] if width is None else width), (default[1] if height is None else height)


def _length(value: str, whole: float) -> float | None:
    """A length in pixels; None for `auto`, an empty value, or a unit that is not known."""
    match = _LENGTH.fullmatch(value[:64])
    if match is None:
        return None
    unit = match[2].lower()
    scale = whole / 100 if unit == "%" else _UNITS.get(unit)
    return None if scale is None else float(match[1]) * scale


def _view_box(value: str) -> tuple[float, float] | None:
    parts = value[:256].replace(",", " ").split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    if len(numbers) != 4 or not all(math.isfinite(number) and number > 0 for number in numbers[2:]):
        return None
    return numbers[2], numbers[3]


def _behind(text: str, mark: str, start: int) -> int:
    found = text.find(mark, start)
    return -1 if found < 0 else found + len(mark)


def _behind_doctype(text: str, start: int) -> int:
    """The offset behind a doctype, whose own declarations may stand in brackets."""
    closing = text.find(">", start)
    opening = text.find("[", start)
    if 0 <= opening < closing:
        match = _SUBSET_END.search(text, opening)
        return -1 if match is None else match.end()
    return -1 if closing < 0 else closing + 1

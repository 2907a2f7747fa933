"""YOLO as Ultralytics reads it: a text file for each picture, a line for each thing seen in it.

A data set is of boxes or of outlines, as its reader wants it: a file is of outlines as soon as one of its lines has more than six
fields, and outlines are dropped everywhere when some pictures have only boxes. So with a single polygon in the batch, every
box is written as its four corners, of which the reader makes the same box again.
"""

from __future__ import annotations

from calotype.domain.annotation import Annotation, AnnotationType
from calotype.domain.export import BatchContents, Document, ExportedImage, span, stem

DATA = "data.yaml"
README = """\
A batch of images in YOLO format, exported by Calotype.

data.yaml    the classes, and where the pictures are: train with data=/path/to/data.yaml
images/      the pictures, upright: the pixels on disk are those that the labels are of
labels/      a file for each picture; an empty one where nothing was seen
missing.txt  only where pictures could not be exported: which, and why

Nothing was set aside for validation: "train" and "val" are the same pictures until you split them.

A line is "class x_center y_center width height", in shares of width and height. As soon as one polygon is in the batch, all lines
are outlines, "class x1 y1 x2 y2 ...", and boxes are written as their four corners: Ultralytics trains from either kind, but not
from both mixed; for detection it makes the boxes of outlines itself.

Left out, because this format has no place for them: points, classifications, confidences, boxes and polygons without any area.
The format jsonl has everything.

Pictures of cameras that are mounted on their side, which say so in their files (EXIF), were turned upright: these files are
copies. All others are byte for byte what was sent.
"""
_SHAPES = (AnnotationType.BBOX, AnnotationType.POLYGON)
_DIGITS = 8


class YoloLabels:
    """The label files of one export."""

    def __init__(self, contents: BatchContents) -> None:
        self._names = contents.classes(*_SHAPES)
        self._ids = {name: number for number, name in enumerate(self._names)}
        self._outlines = contents.has(AnnotationType.POLYGON)

    def beside(self, image: ExportedImage) -> tuple[str, str]:
        """The label file of one picture."""
        lines = (self._line(seen) for seen in image.annotations if seen.type in _SHAPES and _has_area(seen))
        return f"labels/{stem(image.picture.name)}.txt", "".join(lines)

    def documents(self) -> tuple[Document, ...]:
        """What the trainer is started with, and what a reader should know."""
        return Document(DATA, (self._data(),)), Document("README.txt", (README,))

    def _line(self, seen: Annotation) -> str:
        if seen.type is AnnotationType.POLYGON:
            shape = seen.geometry
        elif self._outlines:
            shape = _corners(seen.geometry)
        else:
            shape = _box(seen.geometry)
        return " ".join([str(self._ids[seen.class_value]), *map(_number, shape)]) + "\n"

    def _data(self) -> str:
        # Without a path the reader takes the folder of this file; a dot would be the folder it was started in.
        lines = ["# README.txt tells more.", 'path: ""', "train: images", "val: images"]
        lines.append("names:" if self._names else "names: {}")
        lines += [f"  {number}: {yaml_text(name)}" for name, number in self._ids.items()]
        return "\n".join(lines) + "\n"


def yaml_text(text: str) -> str:
    """Any text as a double-quoted scalar of YAML 1.2, in printable ASCII."""
    return f'"{"".join(map(_yaml_character, text))}"'


def _yaml_character(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return f"\\{character}"
    if 0x20 <= code < 0x7F:
        return character
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _box(geometry: tuple[float, ...]) -> tuple[float, ...]:
    left, right = span(geometry[0], geometry[2])
    top, bottom = span(geometry[1], geometry[3])
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _corners(geometry: tuple[float, ...]) -> tuple[float, ...]:
    left, right = span(geometry[0], geometry[2])
    top, bottom = span(geometry[1], geometry[3])
    return left, top, right, top, right, bottom, left, bottom


def _has_area(seen: Annotation) -> bool:
    if seen.type is AnnotationType.BBOX:
        return all(round(side, _DIGITS) > 0 for side in seen.geometry[2:])
    sides = (seen.geometry[::2], seen.geometry[1::2])
    return all(round(max(side), _DIGITS) > round(min(side), _DIGITS) for side in sides)


def _number(share: float) -> str:
    return f"{share:.{_DIGITS}f}".rstrip("0").rstrip(".")

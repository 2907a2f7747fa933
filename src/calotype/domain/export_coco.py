"""COCO: one JSON file with boxes in pixels of the upright picture (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from calotype.domain.annotation import Annotation, AnnotationType
from calotype.domain.device_ids import image_id
from calotype.domain.export import BatchContents, Document, ExportedImage, ExportedPicture, Listing, span

LABELS = "annotations/instances_default.json"
README = """\
A batch of images in COCO format, exported by Calotype.

images/                             the pictures, upright: the pixels on disk are those that the boxes are of
annotations/instances_default.json  the labels; file_name is relative to images/
missing.txt                         only where pictures could not be exported: which, and why

Boxes are [x, y, width, height] in pixels, from the upper left corner. A polygon has a segmentation, and its own box and area; a
box has no segmentation. A point is a keypoint: its category has one, called "point"; its box has no area, so leave these
annotations out where a trainer wants boxes. Classifications are of whole pictures, for which COCO has no place: they stand under
"classifications" of each image, and make no categories. "score" is the confidence that was sent; keys that were sent besides
stand under "attributes".

Pictures of cameras that are mounted on their side, which say so in their files (EXIF), were turned upright: these files are
copies ("turned": true). All others are byte for byte what was sent.
"""
_PLACED = (AnnotationType.BBOX, AnnotationType.POLYGON, AnnotationType.POINT)
_VISIBLE = 2
_DIGITS = 6


class CocoLabels:
    """The label file of one export; annotations are numbered in the order in which they are asked for."""

    def __init__(self, contents: BatchContents) -> None:
        self._contents = contents
        self._ids = {name: number for number, name in enumerate(contents.classes(*_PLACED), 1)}
        self._pointed = frozenset(contents.classes(AnnotationType.POINT))
        self._numbers = itertools.count(1)

    def beside(self, _image: ExportedImage) -> None:
        """Nothing: all labels are in one file."""

    def documents(self) -> tuple[Document, ...]:
        """The label file, and what a reader should know of it."""
        parts = (
            self._head(),
            Listing(self._image, ",\n"),
            '],\n"annotations":[\n',
            Listing(self._annotations, ",\n"),
            "]}\n",
        )
        return Document(LABELS, parts), Document("README.txt", (README,))

    def _head(self) -> str:
        changed = self._contents.modified_at.astimezone(UTC)
        info = {
            "description": f"batch_{self._contents.batch.id}",
            "version": "1.0",
            "year": changed.year,
            "contributor": "Calotype",
            "date_created": f"{changed:%Y/%m/%d}",
        }
        categories = [self._category(name, number) for name, number in self._ids.items()]
        return f'{{"info":{_json(info)},\n"licenses":[],\n"categories":{_json(categories)},\n"images":[\n'

    def _category(self, name: str, number: int) -> dict[str, Any]:
        category: dict[str, Any] = {"id": number, "name": name, "supercategory": ""}
        if name in self._pointed:
            category |= {"keypoints": ["point"], "skeleton": []}
        return category

    def _image(self, image: ExportedImage) -> Iterator[str]:
        picture, said = image.picture, image.source.image
        entry: dict[str, Any] = {
            "id": picture.number,
            "file_name": picture.name,
            "width": picture.width,
            "height": picture.height,
            "date_captured": f"{said.captured_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            "image_id": image_id(picture.asset_id),
            "model_id": said.model_id,
            "model_version": said.model_version,
            "classifications": [_classification(seen) for seen in image.annotations if seen.type not in _PLACED],
        }
        yield _json(entry | {"turned": True} if picture.is_turned else entry)

    def _annotations(self, image: ExportedImage) -> Iterator[str]:
        for seen in image.annotations:
            if seen.type in _PLACED:
                entry = {
                    "id": next(self._numbers),
                    "image_id": image.picture.number,
                    "category_id": self._ids[seen.class_value],
                    **_place(seen, image.picture),
                    "iscrowd": 0,
                }
                yield _json({**entry, **_besides(seen)})


def _classification(seen: Annotation) -> dict[str, Any]:
    return {"class_value": seen.class_value, **_besides(seen)}


def _besides(seen: Annotation) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if seen.confidence is not None:
        said["score"] = seen.confidence
    if seen.extra:
        said["attributes"] = dict(seen.extra)
    return said


def _place(seen: Annotation, picture: ExportedPicture) -> dict[str, Any]:
    if seen.type is AnnotationType.BBOX:
        x, width = _pixels(*span(seen.geometry[0], seen.geometry[2]), picture.width)
        y, height = _pixels(*span(seen.geometry[1], seen.geometry[3]), picture.height)
        return {"bbox": [x, y, width, height], "area": round(width * height, _DIGITS), "segmentation": []}
    across = [round(share * picture.width, _DIGITS) for share in seen.geometry[::2]]
    down = [round(share * picture.height, _DIGITS) for share in seen.geometry[1::2]]
    x, width = _from_to(min(across), max(across))
    y, height = _from_to(min(down), max(down))
    box = [x, y, width, height]
    if seen.type is AnnotationType.POINT:
        return {
            "bbox": box,
            "area": 0.0,
            "segmentation": [],
            "keypoints": [across[0], down[0], _VISIBLE],
            "num_keypoints": 1,
        }
    outline = [number for point in zip(across, down, strict=True) for number in point]
    return {"bbox": box, "area": round(_area(across, down), _DIGITS), "segmentation": [outline]}


def _pixels(begin: float, end: float, side: int) -> tuple[float, float]:
    """Start and length of a side of a box in pixels."""
    return _from_to(round(begin * side, _DIGITS), round(end * side, _DIGITS))


def _from_to(begin: float, end: float) -> tuple[float, float]:
    """Start and length, both of six decimals; where the end is a whole number, as the picture's edge is, they add up to it."""
    return begin, max(0.0, round(end - begin, _DIGITS))


def _area(across: list[float], down: list[float]) -> float:
    """The area of a polygon in pixels, by the shoelace formula."""
    corners = list(zip(across, down, strict=True))
    following = corners[1:] + corners[:1]
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(corners, following, strict=True))) / 2


def _json(value: Any) -> str:
    # Escaped, because what was sent may hold halves of surrogate pairs.
    return json.dumps(value, separators=(",", ":"))

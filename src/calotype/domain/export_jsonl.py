"""JSON lines: everything that is known of each image, a line for each, beside its original bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from calotype.domain.annotation import Annotation
from calotype.domain.device_ids import batch_id, device_id, image_id
from calotype.domain.export import IMAGES, BatchContents, Document, ExportedImage, Listing, utc_text

LABELS = "metadata.jsonl"
README = """\
A batch of images as JSON lines, exported by Calotype.

images/         the pictures, byte for byte what was sent; sha256 and size_bytes are theirs
metadata.jsonl  a line of JSON for each picture; file_name is relative to this file
missing.txt     only where pictures could not be exported: which, and why

Annotations are as they were sent: a bbox is [x_center, y_center, width, height], a polygon [x1, y1, x2, y2, ...], a point [x, y],
all in shares, 0 to 1, of the upright picture; width and height, in pixels, are the upright picture's too. "orientation" is the
tag of EXIF by which the file is to be turned upright (1: it is). Readers that heed it, such as OpenCV, show what the annotations
are of; others, such as Pillow without exif_transpose, do not.
"""


class JsonLines:
    """The label file of one export."""

    def __init__(self, contents: BatchContents) -> None:
        self._batch = contents.batch

    def beside(self, _image: ExportedImage) -> None:
        """Nothing: all labels are in one file."""

    def documents(self) -> tuple[Document, ...]:
        """The label file, and what a reader should know of it."""
        return Document(LABELS, (Listing(self._line, ""),)), Document("README.txt", (README,))

    def _line(self, image: ExportedImage) -> Iterator[str]:
        picture, source, said = image.picture, image.source, image.source.image
        line = {
            "file_name": IMAGES + picture.name,
            "image_id": image_id(picture.asset_id),
            "batch_id": batch_id(self._batch.id),
            "device_id": device_id(self._batch.device_id),
            "storage_key": said.object_key,
            "filename": said.filename,
            "content_type": said.content_type,
            "size_bytes": said.size_bytes,
            "sha256": source.checksum,
            "width": picture.width,
            "height": picture.height,
            "orientation": picture.orientation,
            "captured_at": utc_text(said.captured_at),
            "created_at": utc_text(said.created_at),
            "model_id": said.model_id,
            "model_version": said.model_version,
            "annotations": [_annotation(seen) for seen in image.annotations],
            "metadata": dict(said.metadata),
        }
        # Escaped, because what was sent may hold halves of surrogate pairs.
        yield json.dumps(line, separators=(",", ":")) + "\n"


def _annotation(seen: Annotation) -> dict[str, Any]:
    sent: dict[str, Any] = {"class_value": seen.class_value, "type": seen.type.value}
    if seen.geometry:
        sent["geometry"] = list(seen.geometry)
    if seen.confidence is not None:
        sent["confidence"] = seen.confidence
    return {**sent, **seen.extra}

"""Exports: a batch as files that training tools load; what all formats share."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from calotype.domain.annotation import Annotation, AnnotationType
from calotype.domain.batch import Batch, BatchImage
from calotype.domain.device_ids import image_id
from calotype.domain.errors import InvalidInput
from calotype.domain.values import safe_filename

IMAGES = "images/"
"""Where the pictures lie in every export."""

_ENDINGS = {"jpeg": ("jpg", "jpeg"), "png": ("png",)}


class ExportFormat(enum.StrEnum):
    """What the labels are written as."""

    COCO = "coco"
    YOLO = "yolo"
    JSONL = "jsonl"


def export_format(value: str, field: str = "format") -> ExportFormat:
    """The format of that name. Raises InvalidInput."""
    try:
        return ExportFormat(value)
    except ValueError:
        raise InvalidInput(f"{field} must be {', '.join(ExportFormat)}", field=field) from None


@dataclass(frozen=True, slots=True)
class BatchContents:
    """What was in a batch at one moment: its images in the order they came, and every class with every way it is told."""

    batch: Batch
    image_ids: tuple[UUID, ...]
    seen: frozenset[tuple[str, AnnotationType]]

    def classes(self, *types: AnnotationType) -> tuple[str, ...]:
        """The classes told in one of these ways, in the order of their characters, which no language changes."""
        return tuple(sorted({name for name, kind in self.seen if kind in types}))

    def has(self, kind: AnnotationType) -> bool:
        """Whether anything is told in this way."""
        return any(kind is other for _, other in self.seen)

    @property
    def modified_at(self) -> datetime:
        """When it last changed, as far as that is known; the same for every export of a closed batch."""
        return self.batch.closed_at or self.batch.created_at


@dataclass(frozen=True, slots=True)
class ExportSource:
    """An image of a batch before it is exported.

    `format` is that of its content, such as "jpeg"; `checksum` the SHA-256 of the original; `orientation` that of EXIF, 1 to 8,
    as development found it, None before.
    """

    image: BatchImage
    format: str
    checksum: str
    orientation: int | None


@dataclass(frozen=True, slots=True)
class ExportedPicture:
    """How a picture lies in an export.

    `number` counts the images of the batch from 1; `width` and `height` are of the upright picture, in pixels; `orientation` is
    that of the original; `is_turned` tells whether the file is an upright copy of it.
    """

    number: int
    asset_id: UUID
    name: str
    width: int
    height: int
    orientation: int
    is_turned: bool


@dataclass(frozen=True, slots=True)
class ExportedImage:
    """A picture in an export with what was said of it."""

    picture: ExportedPicture
    source: ExportSource

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """What its device saw."""
        return self.source.image.annotations


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of a document that grows with the images: what is to be said of each, and what stands between two entries."""

    entries: Callable[[ExportedImage], Iterable[str]]
    separator: str


@dataclass(frozen=True, slots=True)
class Document:
    """One text file of an export, in the order of its parts, which are made one after another."""

    name: str
    parts: tuple[str | Listing, ...]


class Labels(Protocol):
    """The labels of one export in one format, made of what is in the batch."""

    def __init__(self, contents: BatchContents) -> None: ...

    def beside(self, image: ExportedImage) -> tuple[str, str] | None:
        """Name and text of the file that belongs to this image alone, where the format has such files."""

    def documents(self) -> tuple[Document, ...]:
        """The files for all images."""


def file_name(asset_id: UUID, filename: str, format_: str) -> str:
    """What an image is called in an export: ASCII, the beginning of its id in front, and an ending that fits its content.

    Two images of devices never have the same beginning, so no two names are the same, nor are they but for their endings or case.
    """
    name = f"{asset_id.hex[:8]}_{safe_filename(filename)}"
    endings = _ENDINGS.get(format_, (format_,))
    if name.rpartition(".")[2].lower() in endings:
        return name
    return f"{name}.{endings[0]}"


def stem(name: str) -> str:
    """A file name without its ending, by which labels and pictures pair up."""
    return name.rpartition(".")[0]


def span(center: float, size: float) -> tuple[float, float]:
    """Where a side of a box begins and ends, in shares of the picture, which it does not leave."""
    return max(0.0, center - size / 2), min(1.0, center + size / 2)


def utc_text(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def missing_text(missing: Iterable[tuple[str, UUID, str]]) -> str:
    """What an export says of images it does not hold: (file name, id, reason), a line each."""
    return "".join(f"{name} {image_id(asset_id)}: {reason}\n" for name, asset_id, reason in missing)

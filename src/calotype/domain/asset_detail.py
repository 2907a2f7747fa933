"""An asset with everything that is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.domain.annotation import Annotation
from calotype.domain.asset import Asset, DescriptionRecord, Operation
from calotype.domain.document import LibraryDocument
from calotype.domain.link import LibraryLink
from calotype.domain.video import LibraryVideo


@dataclass(frozen=True, slots=True)
class AssetDetail:
    """An asset with everything that happened to it.

    `annotations` are None unless a device sent it; `video`, `document` and `link` unless it is one.
    """

    asset: Asset
    descriptions: tuple[DescriptionRecord, ...]
    operations: tuple[Operation, ...]
    annotations: tuple[Annotation, ...] | None = None
    video: LibraryVideo | None = None
    document: LibraryDocument | None = None
    link: LibraryLink | None = None

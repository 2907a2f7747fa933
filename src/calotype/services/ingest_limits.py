"""What an upload may be."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.domain.document import DOCUMENT, DOCUMENT_FORMATS
from calotype.domain.errors import TooLarge
from calotype.domain.image import IMAGE
from calotype.domain.picture import MediaType
from calotype.domain.video import VIDEO
from calotype.services.picture_check import PictureLimits


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What an upload may be: bytes of one image, pixels of all its frames, formats that are not accepted, or the only ones.

    With `only_whole`, pictures whose files are cut off or damaged are refused; else that is found when they are developed. With
    `notes_faults` they are looked for as well, and taken all the same, those included of which not even the header can be read.
    Videos and documents are accepted up to `max_video_bytes` and `max_document_bytes`, images where `max_image_bytes` is not 0;
    of videos only `video_formats`, where those are given.
    """

    max_image_bytes: int
    max_pixels: int
    refused_formats: frozenset[str] = frozenset()
    only_formats: frozenset[str] | None = None
    only_whole: bool = False
    notes_faults: bool = False
    max_video_bytes: int = 0
    video_formats: frozenset[str] | None = None
    max_document_bytes: int = 0

    @property
    def pictures(self) -> PictureLimits:
        """What is asked of pictures."""
        return PictureLimits(self.max_pixels, self.only_whole, self.notes_faults)

    def accepts(self, media: MediaType) -> bool:
        """Whether files of this kind are taken."""
        if media.media_type == VIDEO:
            return bool(self.max_video_bytes) and (self.video_formats is None or media.format in self.video_formats)
        if media.media_type == DOCUMENT:
            return bool(self.max_document_bytes) and media.format in DOCUMENT_FORMATS
        if media.media_type != IMAGE or not self.max_image_bytes or media.format in self.refused_formats:
            return False
        return self.only_formats is None or media.format in self.only_formats

    def check_size(self, size: int, media: MediaType | None = None) -> None:
        """Hold a size, in bytes, against the limit of its kind, or of all kinds while that is not known. Raises TooLarge."""
        limits = {IMAGE: self.max_image_bytes, DOCUMENT: self.max_document_bytes, VIDEO: self.max_video_bytes}
        kind = media.media_type if media else max(limits, key=lambda kind: limits[kind])
        if size > limits[kind]:
            what = "An image" if kind == IMAGE else f"A {kind}"
            raise TooLarge(f"{what} may have at most {limits[kind]} bytes", limit=limits[kind])

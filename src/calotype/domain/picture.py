"""What is known about one picture: its header, its metadata, and everything made from its pixels."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


class VariantName(enum.StrEnum):
    """The sizes every picture is made in; the number bounds the longer side, in pixels."""

    TINY_64 = "tiny_64"
    SMALL_256 = "small_256"
    MEDIUM_512 = "medium_512"
    MEDIUM_750 = "medium_750"
    LARGE_1024 = "large_1024"

    @property
    def longer_side(self) -> int:
        """The bound of the longer side in pixels."""
        return int(self.value.rsplit("_", 1)[1])


@dataclass(frozen=True, slots=True)
class MediaType:
    """A kind of content as found in the bytes: wire words `media_type`, `content_type` and `format`."""

    media_type: str
    content_type: str
    format: str


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What the header of a picture claims, read without decoding a single pixel.

    `width` and `height` are as stored (before orientation), in pixels; `frames` counts animation frames or pages;
    `bits` is the depth of one channel; `pixels` is width x height x frames, the figure the pixel limit is held against.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    bits: int = 8

    @property
    def pixels(self) -> int:
        """All pixels a full decode would make."""
        return self.width * self.height * self.frames


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """When a picture was taken: wall time, offset, and where the offset came from.

    `wall` is naive local time. `offset_minutes` is None when nothing told it; then the wall time is read as UTC.
    `offset_source` is one of "exif", "gps", "xmp", "iptc" or None, or "client" when the sender told the whole time.
    `source` names the tag the wall time came from.
    """

    wall: datetime
    source: str
    offset_minutes: int | None = None
    offset_source: str | None = None

    @property
    def moment(self) -> datetime:
        """The moment as listings show it: the wall time with its own offset, without one read as UTC.

        An offset inferred from the GPS clock is kept but not applied here: the wire format promises the file's own.
        """
        offset = 0 if self.offset_source == "gps" else self.offset_minutes or 0
        return self.wall.replace(tzinfo=UTC) - timedelta(minutes=offset)


@dataclass(frozen=True, slots=True)
class GpsPosition:
    """Where a picture was taken, in degrees (WGS 84) and metres above sea level."""

    latitude: float
    longitude: float
    altitude: float | None = None


@dataclass(frozen=True, slots=True)
class PictureMetadata:
    """What EXIF, IPTC and XMP say, already checked; anything implausible is None.

    `exposure_time` in seconds, `focal_length` in millimetres, `orientation` is the EXIF value 1-8,
    `rating` 0-5 (or -1, rejected).
    """

    captured: CaptureTime | None = None
    gps: GpsPosition | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    exposure_time: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length: float | None = None
    orientation: int = 1
    rating: int | None = None
    keywords: tuple[str, ...] = ()
    title: str | None = None
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One encoded rendition of a picture; `data` is the whole file."""

    name: VariantName
    content_type: str
    width: int
    height: int
    data: bytes


@dataclass(frozen=True, slots=True)
class DominantColor:
    """One of the colours that make up most of a picture; `percentage` 0-100, `lab` is CIELAB under D65."""

    rank: int
    percentage: float
    rgb: tuple[int, int, int]
    lab: tuple[float, float, float]

    @property
    def hex(self) -> str:
        """The colour as `#RRGGBB`, upper case."""
        return "#{:02X}{:02X}{:02X}".format(*self.rgb)


@dataclass(frozen=True, slots=True)
class DevelopedPicture:
    """Everything made from one original in one pass.

    `width` and `height` are upright (orientation applied), in pixels. `phash` is an unsigned 64-bit integer.
    `kind` is a measured word for the sort of picture: "photo", "graphic", "screenshot" or "document".
    """

    width: int
    height: int
    frames: int
    bits: int
    has_alpha: bool
    kind: str
    blur_hash: str
    phash: int
    colors: tuple[DominantColor, ...]
    variants: tuple[Variant, ...]
    metadata: PictureMetadata

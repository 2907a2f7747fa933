"""What EXIF, IPTC and XMP together say about a picture, with one rule for each field where they differ."""

from __future__ import annotations

from datetime import UTC, datetime

from calotype.domain.picture import PictureMetadata
from calotype.imaging import exif as tags
from calotype.imaging.exif import Exif, comment_of, read_exif
from calotype.imaging.iptc import Iptc, read_iptc
from calotype.imaging.metadata_blobs import MetadataBlobs, extract_blobs
from calotype.imaging.metadata_gps import fraction, position
from calotype.imaging.metadata_text import camera, caption, clean_line, keywords
from calotype.imaging.metadata_time import captured
from calotype.imaging.xmp import Xmp, read_xmp

__all__ = ["MetadataBlobs", "extract_blobs", "read_metadata"]

LONGEST_NAME = 200
LONGEST_TITLE = 500
LONGEST_CAPTION = 10_000
_UNKNOWN_ISO = 65535


def read_metadata(
    exif: bytes | None, xmp: bytes | None, iptc: bytes | None, *, now: datetime | None = None
) -> PictureMetadata:
    """The checked metadata of a picture, from its EXIF (a TIFF stream), XMP packet and IIM records.

    Dates after `now` (aware; by default the clock's) by more than a day are not believed. Never raises: what
    cannot be read is as if it were missing. Titles have at most 500 characters, captions 10,000, names and
    keywords 200.
    """
    camera_tags = read_exif(exif) if exif else Exif()
    packet = read_xmp(xmp) if xmp else Xmp()
    records = read_iptc(iptc) if iptc else Iptc()
    make, model = camera(
        camera_tags.text(tags.MAKE) or packet.first("tiff:Make"),
        camera_tags.text(tags.MODEL) or packet.first("tiff:Model"),
        LONGEST_NAME,
    )
    return PictureMetadata(
        captured=captured(camera_tags, packet, records, now or datetime.now(UTC)),
        gps=position(camera_tags, packet),
        camera_make=make,
        camera_model=model,
        lens=_lens(camera_tags, packet),
        exposure_time=_exposure_time(camera_tags, packet),
        f_number=_f_number(camera_tags, packet),
        iso=_iso(camera_tags, packet),
        focal_length=_within(camera_tags.number(tags.FOCAL_LENGTH), 100_000)
        or _within(fraction(packet.first("exif:FocalLength")), 100_000),
        orientation=_orientation(camera_tags, packet),
        rating=_rating(camera_tags, packet),
        keywords=_keywords(camera_tags, packet, records),
        title=_title(camera_tags, packet, records),
        caption=_caption(camera_tags, packet, records),
    )


def _lens(exif: Exif, xmp: Xmp) -> str | None:
    lens = clean_line(exif.text(tags.LENS_MODEL), LONGEST_NAME)
    # Adapters and old lenses leave dashes where the name should be.
    if lens is None or not lens.strip("-. 0/"):
        lens = clean_line(xmp.first("exifEX:LensModel", "aux:Lens"), LONGEST_NAME)
    return lens


def _within(value: float | None, largest: float) -> float | None:
    return value if value is not None and 0 < value <= largest else None


def _exposure_time(exif: Exif, xmp: Xmp) -> float | None:
    """Seconds; where only the APEX value Tv is there, 2 to the power of -Tv (DC-008, annex C)."""
    seconds = _within(exif.number(tags.EXPOSURE_TIME), 1e6)
    speed = exif.number(tags.SHUTTER)
    if seconds is None and speed is not None and -20 <= speed <= 20:
        seconds = 2.0**-speed
    return seconds or _within(fraction(xmp.first("exif:ExposureTime")), 1e6)


def _f_number(exif: Exif, xmp: Xmp) -> float | None:
    """The f-number; where only the APEX value Av is there, 2 to the power of Av / 2 (DC-008, annex C)."""
    number = _within(exif.number(tags.F_NUMBER), 1000)
    aperture = exif.number(tags.APERTURE)
    if number is None and aperture is not None and 0 < aperture <= 20:
        number = round(2.0 ** (aperture / 2), 1)
    return number or _within(fraction(xmp.first("exif:FNumber")), 1000)


def _iso(exif: Exif, xmp: Xmp) -> int | None:
    """The first usable sensitivity: above 65534 the old tag is full and a newer one holds the number."""
    for tag in (tags.ISO, tags.ISO_SPEED, tags.EXPOSURE_INDEX, tags.STANDARD_SENSITIVITY):
        entry = exif.entry(tag)
        for value in entry.integers() if entry is not None else ():
            if value > 0 and (tag != tags.ISO or value != _UNKNOWN_ISO):
                return value
    told = fraction(xmp.first("exifEX:PhotographicSensitivity", "exif:ISOSpeedRatings"))
    return int(told) if told is not None and told >= 1 else None


def _orientation(exif: Exif, xmp: Xmp) -> int:
    """EXIF wins over XMP even when its value is none of 1-8, as viewers only look there."""
    entry = exif.main.get(tags.ORIENTATION)
    if entry is not None:
        told = next(iter(entry.integers()), 1)
    else:
        text = xmp.first("tiff:Orientation").strip()
        told = int(text) if text in {"1", "2", "3", "4", "5", "6", "7", "8"} else 1
    return told if 1 <= told <= 8 else 1


def _rating(exif: Exif, xmp: Xmp) -> int | None:
    told = fraction(xmp.first("xmp:Rating"))
    if told is None:
        told = exif.number(tags.RATING)
    if told is None:
        told = _stars(fraction(xmp.first("MicrosoftPhoto:Rating")))
    if told is None:
        told = _stars(exif.number(tags.RATING_PERCENT))
    return round(told) if told is not None and -1 <= told <= 5 else None


def _stars(percent: float | None) -> float | None:
    """Stars of a percentage; Windows writes 1, 25, 50, 75 and 99 for one to five."""
    if percent is None or not 0 <= percent <= 100:
        return None
    return 0 if percent == 0 else 1 + (percent + 12.5) // 25


def _keywords(exif: Exif, xmp: Xmp, iptc: Iptc) -> tuple[str, ...]:
    windows = exif.wide_text(tags.XP_KEYWORDS).split(";")
    return keywords((*xmp.all("dc:subject"), *iptc.keywords, *windows), LONGEST_NAME)


def _title(exif: Exif, xmp: Xmp, iptc: Iptc) -> str | None:
    for text in (xmp.first("dc:title"), iptc.title, exif.wide_text(tags.XP_TITLE)):
        title = clean_line(text, LONGEST_TITLE)
        if title is not None:
            return title
    return None


def _caption(exif: Exif, xmp: Xmp, iptc: Iptc) -> str | None:
    texts = (
        xmp.first("dc:description"),
        iptc.caption,
        exif.text(tags.DESCRIPTION),
        comment_of(exif.entry(tags.USER_COMMENT)),
    )
    return caption(texts, LONGEST_CAPTION)

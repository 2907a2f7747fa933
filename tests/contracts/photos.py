"""Pictures for uploads; each call makes another one, so that nothing is a duplicate unless it is meant to be."""

from __future__ import annotations

import io
import itertools
import os
import struct
import zlib

from PIL import Image

_EXIF_IFD, _ORIENTATION, _TAKEN, _TAKEN_OFFSET = 0x8769, 274, 0x9003, 0x9011
_counter = itertools.count()
CORNERS = ((220, 40, 30), (40, 200, 60), (30, 60, 200), (240, 230, 220))  # in reading order


def encoded(picture, kind="JPEG", **options):
    """A Pillow picture as a file."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def photo(width=40, height=30, kind="JPEG", **options):
    """A small picture of noise that nobody has uploaded before."""
    if kind == "GIF":  # the choice of its 256 colours among millions would take ten seconds for a large one
        noise = Image.frombytes("P", (width, height), os.urandom(width * height))
        noise.putpalette(os.urandom(3 * 256))
    else:
        noise = Image.frombytes("RGB", (width, height), os.urandom(width * height * 3))
    return encoded(noise, kind, **options)


def plain(width=64, height=48, kind="PNG"):
    """A picture of one colour, another one each time."""
    index = next(_counter)
    return encoded(Image.new("RGB", (width, height), (index % 256, index // 256 % 256, 90)), kind)


def exif(orientation=None, taken=None, offset=None):
    """EXIF with an orientation and the time a picture was taken, as `2019:05:04 10:00:00` and `+02:00`."""
    tags = Image.Exif()
    if orientation is not None:
        tags[_ORIENTATION] = orientation
    if taken is not None:
        tags.get_ifd(_EXIF_IFD)[_TAKEN] = taken
    if offset is not None:
        tags.get_ifd(_EXIF_IFD)[_TAKEN_OFFSET] = offset
    return tags.tobytes()


def corners(width, height):
    """A picture with another colour in each corner, so that any turn shows."""
    picture = Image.new("RGB", (width, height))
    for index, color in enumerate(CORNERS):
        left, top = index % 2 * width // 2, index // 2 * height // 2
        picture.paste(color, (left, top, left + width - width // 2, top + height - height // 2))
    return picture


def corner_colors(picture):
    """The index in CORNERS of what stands in each corner, in reading order; None for anything else."""
    rgb = picture.convert("RGB")
    width, height = rgb.size
    places = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
    return [_nearest(rgb.getpixel((int(width * x), int(height * y)))) for x, y in places]


def _nearest(pixel):
    distances = [sum(abs(a - b) for a, b in zip(pixel, color, strict=True)) for color in CORNERS]
    return distances.index(min(distances)) if min(distances) < 60 else None


def png_claiming(width, height, data=b"\x78\x9c\x63\x00\x00\x00\x01\x00\x01"):
    """A PNG whose header claims a size, whatever its pixel data are."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def undecodable():
    """A PNG that claims a modest size, but holds random bytes instead of pixels."""
    return png_claiming(64, 48, os.urandom(200))


def jpeg_of_size(size):
    """A JPEG of exactly that many bytes, filled up by a comment after its end."""
    data = photo()
    return data + os.urandom(size - len(data))


def with_text():
    """A picture with a word that can be read, large enough to keep a worker for a while."""
    from PIL import ImageDraw

    picture = Image.effect_noise((900, 600), 20).convert("RGB")
    ImageDraw.Draw(picture).text((100, 250), "HARBOUR", fill=(250, 250, 250), font_size=90)
    return encoded(picture)

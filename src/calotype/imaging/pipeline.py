"""From a file to everything that is made of its pixels, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calotype.domain.picture import DevelopedPicture, DominantColor, PictureMetadata, Variant, VariantName
from calotype.imaging.blur_hash import blur_hash
from calotype.imaging.colors import dominant_colors
from calotype.imaging.decode import decode
from calotype.imaging.encode import encode
from calotype.imaging.kind import kind_of
from calotype.imaging.metadata import extract_blobs, read_metadata
from calotype.imaging.orient import orient, swaps_sides
from calotype.imaging.original import PIXEL_LIMIT, Original, open_original
from calotype.imaging.phash import phash
from calotype.imaging.resize import fit, shrink

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels

# Each variant is made from the nearest larger one that is still at least a third larger: cheap, and no blur
# adds up.
MADE_FROM = {
    VariantName.MEDIUM_750: VariantName.LARGE_1024,
    VariantName.MEDIUM_512: VariantName.LARGE_1024,
    VariantName.SMALL_256: VariantName.MEDIUM_512,
    VariantName.TINY_64: VariantName.SMALL_256,
}


def develop(path: str, *, pixel_limit: int = PIXEL_LIMIT) -> DevelopedPicture:
    """Return everything made from the original at a local path; meant to be run in a limited child process.

    The header's width x height x frames is held against `pixel_limit` before anything is decoded. The picture
    is decoded once, at no more than it takes for the largest variant. A picture smaller than a variant keeps
    its own size under that name. Damaged files that still hold part of a picture give that part.

    Raises UndecodablePicture with a reason for what is no picture, is corrupt or is too large, and
    Unsupported, with `extra` in its context, where an optional decoder is not installed.
    """
    original = open_original(path, pixel_limit=pixel_limit)
    metadata = read_original_metadata(original)
    raster = decode(original, VariantName.LARGE_1024.longer_side)
    turn = 1 if raster.upright else metadata.orientation
    width, height = (raster.height, raster.width) if swaps_sides(turn) else (raster.width, raster.height)
    largest = without_opaque_alpha(orient(raster.pixels, turn))
    sizes = make_sizes(largest, width, height)
    medium, tiny = sizes[VariantName.MEDIUM_512], sizes[VariantName.TINY_64]
    return DevelopedPicture(
        width=width,
        height=height,
        frames=original.header.frames,
        bits=original.header.bits,
        has_alpha=largest.shape[2] == 4,
        kind=kind_of(on_white(medium), metadata),
        blur_hash=blur_hash(on_white(tiny)),
        phash=phash(on_white(sizes[VariantName.SMALL_256])),
        colors=dominant_colors(tiny),
        variants=encode_sizes(sizes),
        metadata=metadata,
    )


def extract_colors(path: str, n_colors: int, *, pixel_limit: int = PIXEL_LIMIT) -> tuple[DominantColor, ...]:
    """Return at most `n_colors` dominant colours of the original or variant at a local path, as `develop` finds them.

    Meant to be run in a limited child process. Raises what `develop` raises.
    """
    original = open_original(path, pixel_limit=pixel_limit)
    raster = decode(original, VariantName.LARGE_1024.longer_side)
    # Colours do not care which way is up.
    small = fit(raster.width, raster.height, VariantName.TINY_64.longer_side)
    return dominant_colors(shrink(without_opaque_alpha(raster.pixels), *small), n_colors)


def read_original_metadata(original: Original) -> PictureMetadata:
    """Return what the EXIF, XMP and IPTC of an opened picture say."""
    blobs = extract_blobs(original.read_at, original.size, original.format, at_hand=True)
    return read_metadata(blobs.exif, blobs.xmp, blobs.iptc)


def make_sizes(largest: Pixels, width: int, height: int) -> dict[VariantName, Pixels]:
    """Return the pixels of every variant of a `width` x `height` picture, made one from another.

    `largest` is the picture at the largest variant's size or its own. Equal sizes are the same array.
    """
    sizes = {VariantName.LARGE_1024: largest}
    for name, source in MADE_FROM.items():
        sizes[name] = shrink(sizes[source], *fit(width, height, name.longer_side))
    return sizes


def encode_sizes(sizes: dict[VariantName, Pixels]) -> tuple[Variant, ...]:
    """Return the encoded variants, smallest first; what has the same size is encoded once."""
    files: dict[tuple[int, int], tuple[str, bytes]] = {}
    variants = []
    for name in VariantName:
        height, width = sizes[name].shape[:2]
        if (width, height) not in files:
            files[width, height] = encode(sizes[name])
        content_type, data = files[width, height]
        variants.append(Variant(name, content_type, width, height, data))
    return tuple(variants)


def without_opaque_alpha(pixels: Pixels) -> Pixels:
    """Return RGB where an alpha channel says nothing, that is, where every pixel is opaque."""
    import numpy as np

    if pixels.shape[2] == 4 and pixels[:, :, 3].min() == 255:
        return np.ascontiguousarray(pixels[:, :, :3])
    return pixels


def on_white(pixels: Pixels) -> Pixels:
    """Return RGB pixels: those with alpha laid on white, as a page would show them."""
    import numpy as np

    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[:, :, 3:].astype(np.uint16)
    return ((pixels[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)

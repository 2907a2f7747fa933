"""Trying every picture format on a tiny sample, to find out what this installation can open."""

from __future__ import annotations

import base64
import tempfile
import zlib
from pathlib import Path

from calotype.domain.errors import CalotypeError
from calotype.domain.picture import DevelopedPicture, VariantName
from calotype.imaging.selftest_samples import SAMPLES

NEAR = 60


def selftest() -> dict[str, str | None]:
    """Return for each format None when its sample is developed rightly, otherwise the reason in words.

    Meant for a limited child process, as `develop` is. A missing optional decoder is named with its extra.
    """
    with tempfile.TemporaryDirectory() as folder:
        return {name: _fault(name, sample, Path(folder)) for name, sample in SAMPLES.items()}


def _fault(name: str, sample: str, folder: Path) -> str | None:
    from calotype.imaging.pipeline import develop

    path = folder / f"sample.{name}"
    path.write_bytes(zlib.decompress(base64.b64decode(sample)))
    try:
        return _wrong_colors(develop(str(path)))
    except CalotypeError as error:
        return error.message
    except Exception as error:
        # A broken library may raise anything, and the other formats are still to be tried.
        return f"{type(error).__name__}: {error}"


def _wrong_colors(picture: DevelopedPicture) -> str | None:
    """Return what is wrong where the left is not red or the right not blue; decoders may fail silently."""
    import simplejpeg

    variant = next(variant for variant in picture.variants if variant.name is VariantName.TINY_64)
    pixels = simplejpeg.decode_jpeg(variant.data, "RGB")
    middle = pixels.shape[0] // 2
    left, right = pixels[middle, 2].astype(int), pixels[middle, -3].astype(int)
    if left[0] - left[2] < NEAR or right[2] - right[0] < NEAR:
        return f"decodes to wrong colours: {tuple(left.tolist())} and {tuple(right.tolist())}"
    return None

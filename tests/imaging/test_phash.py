"""The perceptual hash: stable for copies, different for different pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from calotype.imaging.phash import phash
from tests.imaging.developing import hamming
from tests.imaging.pictures import CORPUS, needs_corpus, photo


def copies(pixels):
    """The same picture smaller, larger, encoded badly, darker, and grey."""
    picture = Image.fromarray(pixels)
    for size in ((97, 71), (300, 200), (1000, 750)):
        yield np.asarray(picture.resize(size, Image.Resampling.LANCZOS))
    for quality in (80, 30, 15):
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        yield np.asarray(Image.open(stream))
    yield (pixels * 0.85).astype(np.uint8)
    yield np.asarray(picture.convert("L").convert("RGB"))


@pytest.mark.parametrize("seed", range(6))
def test_copies_stay_near(seed):
    """Scaling, encoding, darkening and taking the colour away change at most 6 of 64 bits."""
    pixels = photo(512, 384, seed)
    assert max(hamming(phash(pixels), phash(copy)) for copy in copies(pixels)) <= 6


def test_different_pictures_are_far_apart():
    """Twenty different pictures differ from each other in at least 12 bits."""
    hashes = [phash(photo(256, 192, seed)) for seed in range(20)]
    assert min(hamming(one, other) for n, one in enumerate(hashes) for other in hashes[:n]) >= 12


def test_it_is_an_unsigned_64_bit_number():
    """The hash fits in 64 bits, and a flat picture, which has no frequencies, is no accident of rounding."""
    assert 0 <= phash(photo()) < 1 << 64
    flat = {phash(np.full((n, n + 9, 3), tone, np.uint8)) for n in (20, 256) for tone in (1, 128, 255)}
    assert flat == {1 << 63}


def test_mirroring_is_another_picture():
    """A mirrored picture has another hash: every odd frequency changes its sign."""
    pixels = photo(256, 192, seed=9)
    assert hamming(phash(pixels), phash(pixels[:, ::-1].copy())) > 12


@needs_corpus
def test_real_photographs():
    """Copies of real photographs stay within 6 bits too, and no two photographs are nearer than 7."""
    paths = sorted((CORPUS / "photos" / "albums" / "nature").glob("*.jpg"))
    found = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    assert len(found) > 5
    for pixels in found:
        assert max(hamming(phash(pixels), phash(copy)) for copy in copies(pixels)) <= 6
    hashes = [phash(pixels) for pixels in found]
    assert min(hamming(one, other) for n, one in enumerate(hashes) for other in hashes[:n]) > 6

"""Resizing: right sizes, and as good as Lanczos to the eye."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from calotype.domain.picture import VariantName
from calotype.imaging.decode_jpeg import choose_eighths, decode_jpeg
from calotype.imaging.libraries import load_vips
from calotype.imaging.pipeline import make_sizes
from calotype.imaging.resize import fit, shrink
from tests.imaging.pictures import CORPUS, jpeg, needs_corpus, photo


def ssim(one, other, window=8):
    """The mean structural similarity of two RGB pictures' luma, over windows of 8 x 8 (Wang and others, 2004)."""
    weights = (0.299, 0.587, 0.114)
    one, other = (pixels.astype(np.float64) @ weights for pixels in (one, other))

    def mean(plane):
        sums = np.pad(plane.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        total = sums[window:, window:] - sums[:-window, window:] - sums[window:, :-window]
        return (total + sums[:-window, :-window]) / window**2

    first, second = mean(one), mean(other)
    covariance = mean(one * other) - first * second
    variances = mean(one**2) - first**2 + mean(other**2) - second**2
    small, large = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    numerator = (2 * first * second + small) * (2 * covariance + large)
    return float((numerator / ((first**2 + second**2 + small) * (variances + large))).mean())


@given(width=st.integers(1, 70_000), height=st.integers(1, 70_000), side=st.integers(1, 2000))
def test_fit_bounds_and_never_enlarges(width, height, side):
    """The longer side is at most the bound, no side is zero or grows, and the shape stays."""
    small_width, small_height = fit(width, height, side)
    assert 1 <= small_width <= width
    assert 1 <= small_height <= height
    assert max(small_width, small_height) == min(max(width, height), side)
    scale = min(1, side / max(width, height))
    assert abs(small_width - width * scale) <= 1
    assert abs(small_height - height * scale) <= 1


@given(longest=st.integers(1, 65_500))
def test_jpegs_are_decoded_large_enough(longest):
    """A JPEG is decoded at no less than its largest variant needs."""
    eighths = choose_eighths(longest, 1024)
    assert 1 <= eighths <= 8
    assert -(-longest * eighths // 8) >= min(longest, 1024 * 1.45)


@given(width=st.integers(1, 300), height=st.integers(1, 300), side=st.integers(1, 300), bands=st.sampled_from([3, 4]))
def test_shrink_gives_exactly_the_size_asked_for(width, height, side, bands):
    """Whatever the size and the ratio, a flat picture stays flat and gets the size asked for."""
    pixels = np.full((height, width, bands), 137, np.uint8)
    pixels[..., 3:] = 255
    small_width, small_height = fit(width, height, side)
    small = shrink(pixels, small_width, small_height)
    assert small.shape == (small_height, small_width, bands)
    assert np.abs(small[..., :3].astype(int) - 137).max() <= 1
    assert (small[..., 3:] == 255).all()


def assert_as_good_as_vips(data):
    """Each of our variants is as near to Lanczos as libvips' thumbnail is, to 0.01 of SSIM."""
    whole = Image.open(io.BytesIO(data)).convert("RGB")
    ours = make_sizes(decode_jpeg(data, 1024).pixels, *whole.size)
    for name in VariantName:
        size = fit(*whole.size, name.longer_side)
        reference = np.asarray(whole.resize(size, Image.Resampling.LANCZOS))
        thumbnail = load_vips().Image.thumbnail_buffer(data, size[0], height=size[1], size="force")
        theirs = ssim(thumbnail.numpy()[..., :3], reference)
        assert ssim(ours[name], reference) >= theirs - 0.01, name


@pytest.mark.parametrize("width", [1400, 2000, 2400])
def test_as_good_as_vips(width):
    """The fast way is as good as libvips' for a picture with the spectrum of a photograph and some noise."""
    pixels = photo(width, width * 3 // 4, seed=width)
    noise = np.random.default_rng(0).normal(0, 3, pixels.shape[:2])[..., None]
    assert_as_good_as_vips(jpeg(np.clip(pixels + noise, 0, 255).astype(np.uint8)))


@needs_corpus
@pytest.mark.parametrize("name", ["text/craft-beer", "text/book-beside-flowers", "nature/tanners_ridge"])
def test_as_good_as_vips_for_photographs(name):
    """The fast way is as good as libvips' for real photographs."""
    assert_as_good_as_vips((CORPUS / "photos" / "albums" / f"{name}.jpg").read_bytes())

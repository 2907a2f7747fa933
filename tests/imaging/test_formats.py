"""Every format gives the same picture, with its colours, depth and transparency."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from calotype.domain.errors import Unsupported
from calotype.domain.picture import VariantName
from tests.imaging import pictures
from tests.imaging.developing import FORMATS, assert_quadrants, variant
from tests.imaging.pictures import BLUE, GREEN, RED


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_picture(developed, kind):
    """A picture looks the same from whichever format it comes, and keeps its size."""
    picture = developed(FORMATS[kind]())
    assert (picture.width, picture.height, picture.has_alpha) == (64, 48, False)
    assert_quadrants(picture)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_transparency_is_kept(developed, kind):
    """What is transparent stays so, in WebP variants, and does not count among the colours."""
    pixels = np.dstack([pictures.quadrants(), np.full((48, 64), 255, np.uint8)])
    pixels[:24, :32, 3] = 0
    options = {"lossless": True} if kind == "WEBP" else {}
    data = pictures.heic("alpha") if kind == "HEIC" else pictures.encode(pixels, kind, **options)
    picture = developed(data)
    assert picture.has_alpha
    assert {each.content_type for each in picture.variants} == {"image/webp"}
    found = variant(picture)
    assert found.shape == (48, 64, 4)
    assert found[10, 10, 3] < 10
    assert found[10, 50, 3] > 245
    assert np.abs(found[40, 10, :3].astype(int) - BLUE).max() < 14
    assert all(np.abs(np.array(color.rgb) - RED).max() > 60 for color in picture.colors)


def test_opaque_alpha_counts_as_none(developed):
    """An alpha channel in which everything is opaque gives JPEG variants."""
    pixels = np.dstack([pictures.quadrants(), np.full((48, 64), 255, np.uint8)])
    picture = developed(pictures.encode(pixels, "PNG"))
    assert not picture.has_alpha
    assert {each.content_type for each in picture.variants} == {"image/jpeg"}


def test_transparent_colors_do_not_bleed(developed):
    """A green shape on transparent red has no red rim, however small it is made."""
    pixels = np.zeros((600, 600, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[150:450, 150:450] = (0, 255, 0, 255)
    found = variant(developed(pictures.encode(pixels, "PNG")), VariantName.TINY_64).astype(int)
    seen = found[found[..., 3] > 40]
    assert seen[:, 0].max() < 90


def test_grey_with_alpha(developed):
    """Grey with alpha becomes colour with alpha."""
    picture = developed(pictures.encode(Image.new("LA", (20, 20), (200, 100)), "PNG"))
    assert variant(picture).shape == (20, 20, 4)
    assert np.abs(variant(picture)[10, 10].astype(int) - (200, 200, 200, 100)).max() < 6


@pytest.mark.parametrize(("low", "high"), [(0, 65535), (20_000, 40_000)])
def test_16_bit_grey_is_scaled_not_clamped(developed, low, high):
    """A 16-bit gradient stays a gradient of the same tones; it does not turn white."""
    picture = developed(pictures.grey_png_16(low=low, high=high))
    assert picture.bits == 16
    tones = variant(picture).astype(int).mean(axis=(0, 2) if variant(picture).ndim == 3 else 0)
    assert np.abs(tones - np.linspace(low / 257, high / 257, 256)).max() < 6


def test_16_bit_color_tiff_and_png(developed):
    """Sixteen bits a channel become eight, in colour too."""
    rows = [
        np.repeat(row[:, None] * 257, 1, axis=1).astype(">u2").tobytes()
        for row in pictures.quadrants().astype(np.uint32).reshape(48, 192)
    ]
    assert_quadrants(developed(pictures.png(64, 48, rows, bits=16, color_type=2)), tolerance=8)


def test_float_tiff(developed):
    """Floats from 0 to 1 are taken as black to white, and other ranges are stretched."""
    for scale in (1.0, 5000.0):
        ramp = np.tile(np.linspace(0, scale, 256, dtype=np.float32), (16, 1))
        picture = developed(pictures.encode(Image.fromarray(ramp), "TIFF"))
        tones = variant(picture)[..., 0].astype(int).mean(axis=0)
        assert np.abs(tones - np.arange(256)).max() < 6


def test_multi_page_tiff_shows_the_first_page(developed):
    """Of several pages the first is shown and all are counted."""
    pages = [Image.new("RGB", (30, 20), (n, n, n)) for n in (60, 120, 180)]
    first = Image.fromarray(pictures.quadrants())
    picture = developed(pictures.encode(first, "TIFF", save_all=True, append_images=pages))
    assert picture.frames == 4
    assert_quadrants(picture)


def test_frames_are_counted(developed):
    """The frames of an animation are counted, though only the first is shown."""
    assert developed(pictures.animation("GIF", frames=5)).frames == 5


def test_cmyk_is_not_inverted(developed):
    """A CMYK picture as Photoshop writes it keeps its hue and its lightness."""
    red = variant(developed(pictures.cmyk_jpeg((220, 40, 30))))[20, 20].astype(int)
    assert red[0] > 150
    assert red[1:].max() < 110
    light = variant(developed(pictures.cmyk_jpeg((240, 240, 240))))[20, 20]
    assert light.min() > 200
    with Image.open(io.BytesIO(developed(pictures.cmyk_jpeg()).variants[-1].data)) as opened:
        assert opened.mode == "RGB"
        assert "icc_profile" not in opened.info


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_wide_gamut_is_converted(developed, kind):
    """A Display P3 picture has the same colours in sRGB, and its profile is gone."""
    linear = (np.array(GREEN) / 255) ** 2.2
    p3 = np.linalg.inv(pictures.to_xyz("p3")) @ pictures.to_xyz("srgb") @ linear
    stored = np.rint(np.clip(p3, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    assert np.abs(stored.astype(int) - GREEN).max() > 25
    pixels = np.tile(stored, (40, 40, 1))
    options = {"lossless": True} if kind == "WEBP" else {} if kind in {"PNG", "TIFF"} else {"quality": 100}
    data = pictures.encode(pixels, kind, icc_profile=pictures.icc_profile("p3", 2.2), **options)
    picture = developed(data)
    # A step of red in P3, which AVIF may round away, is up to six in sRGB beside so much green.
    assert np.abs(variant(picture)[20, 20].astype(int) - GREEN).max() <= 12
    with Image.open(io.BytesIO(picture.variants[-1].data)) as opened:
        assert "icc_profile" not in opened.info


def test_raw_is_developed_or_its_preview_shown(developed):
    """A RAW with a preview that is large enough shows it; otherwise the sensor's values are developed."""
    tiny = developed(pictures.dng())
    assert (tiny.width, tiny.height) == (96, 64)
    pixels = variant(tiny).astype(int)
    assert pixels[32, 10, 0] - pixels[32, 10, 2] > 100
    assert pixels[32, 85, 2] - pixels[32, 85, 0] > 100
    assert_quadrants(developed(pictures.dng(preview=pictures.quadrants(96, 64))))


def test_raw_preview_is_turned(developed):
    """The preview of a RAW that was held upright is turned as the RAW says."""
    lying = np.ascontiguousarray(np.rot90(pictures.quadrants(64, 96), 1))
    picture = developed(pictures.dng(preview=lying, orientation=6))
    assert (picture.width, picture.height) == (64, 96)
    assert_quadrants(picture)


def test_jpeg_xl_needs_its_extra(developed):
    """JPEG XL is developed where its decoder is installed, and otherwise refused by naming the extra."""
    if importlib.util.find_spec("pylibjxl") is None:
        with pytest.raises(Unsupported, match="jxl") as refusal:
            developed(pictures.jxl())
        assert refusal.value.context["extra"] == "jxl"
        return
    assert_quadrants(developed(pictures.jxl()))
    assert developed(pictures.jxl("alpha")).has_alpha

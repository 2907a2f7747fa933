"""What `develop` makes of every kind of picture."""

import contextlib
import importlib.util
import io
import pickle

import numpy as np
import pytest
from PIL import Image

from calotype.domain.errors import UndecodablePicture, Unsupported
from calotype.domain.picture import VariantName
from calotype.imaging.phash import hamming
from calotype.imaging.pipeline import develop
from tests.imaging import pictures
from tests.imaging.pictures import BLUE, CORPUS, GREEN, RED, WHITE, needs_corpus


@pytest.fixture
def developed(tmp_path):
    """Develops bytes."""

    def develop_bytes(data, **options):
        path = tmp_path / "original"
        path.write_bytes(data)
        return develop(str(path), **options)

    return develop_bytes


def variant(picture, name=VariantName.LARGE_1024):
    """The decoded pixels of one variant as Pillow reads them, without applying anything."""
    data = next(each.data for each in picture.variants if each.name is name)
    return np.asarray(Image.open(io.BytesIO(data)))


def corners(picture):
    """The colours a little inside the four corners, in reading order."""
    pixels = variant(picture).astype(int)
    rows, columns = pixels.shape[:2]
    top, left = rows // 4, columns // 4
    return [pixels[y, x, :3] for y in (top, rows - 1 - top) for x in (left, columns - 1 - left)]


def assert_quadrants(picture, tolerance=14):
    """The corners are red, green, blue and white in reading order."""
    for found, wanted in zip(corners(picture), (RED, GREEN, BLUE, WHITE), strict=True):
        assert np.abs(found - wanted).max() <= tolerance, (found, wanted)


FORMATS = {
    "jpeg": pictures.jpeg,
    "png": lambda: pictures.encode(pictures.quadrants(), "PNG"),
    "palette png": lambda: pictures.encode(Image.fromarray(pictures.quadrants()).quantize(8), "PNG"),
    "webp": lambda: pictures.encode(pictures.quadrants(), "WEBP", quality=95),
    "lossless webp": lambda: pictures.encode(pictures.quadrants(), "WEBP", lossless=True),
    "gif": lambda: pictures.encode(pictures.quadrants(), "GIF"),
    "tiff": lambda: pictures.encode(pictures.quadrants(), "TIFF"),
    "lzw tiff": lambda: pictures.encode(pictures.quadrants(), "TIFF", compression="tiff_lzw"),
    "avif": lambda: pictures.encode(pictures.quadrants(), "AVIF", quality=90),
    "bmp": lambda: pictures.encode(pictures.quadrants(), "BMP"),
    "heic": pictures.heic,
    "progressive jpeg": lambda: pictures.jpeg(progressive=True),
    "animated gif": lambda: pictures.animation("GIF"),
    "animated webp": lambda: pictures.animation("WEBP"),
    "animated png": lambda: pictures.animation("PNG"),
    "svg": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><rect width="32" height="24" '
        b'fill="#dc281e"/><rect x="32" width="32" height="24" fill="#28c83c"/><rect y="24" width="32" '
        b'height="24" fill="#1e3cc8"/><rect x="32" y="24" width="32" height="24" fill="#f0e6dc"/></svg>'
    ),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_picture(developed, kind):
    """A picture looks the same from whichever format it comes, and keeps its size."""
    picture = developed(FORMATS[kind]())
    assert (picture.width, picture.height, picture.has_alpha) == (64, 48, False)
    assert_quadrants(picture)


def test_variants_are_bounded_and_ordered(developed):
    """The longer side of each variant is its bound, the shape stays, and each is a file on its own."""
    picture = developed(pictures.jpeg(pictures.photo(1600, 1000)))
    sizes = {each.name: (each.width, each.height) for each in picture.variants}
    assert sizes == {
        VariantName.TINY_64: (64, 40),
        VariantName.SMALL_256: (256, 160),
        VariantName.MEDIUM_512: (512, 320),
        VariantName.MEDIUM_750: (750, 469),
        VariantName.LARGE_1024: (1024, 640),
    }
    for each in picture.variants:
        with Image.open(io.BytesIO(each.data)) as opened:
            assert (opened.size, opened.format) == ((each.width, each.height), "JPEG")


def test_nothing_is_enlarged(developed):
    """A picture of 300 x 200 has its own size under every larger name, and these share their bytes."""
    picture = developed(pictures.jpeg(pictures.photo(300, 200)))
    tiny, small, *rest = picture.variants
    assert (tiny.width, small.width) == (64, 256)
    assert {(each.width, each.height) for each in rest} == {(300, 200)}
    assert len({id(each.data) for each in rest}) == 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 20_000), (20_000, 1), (3, 5), (2, 2000), (1025, 7)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_odd_sizes(developed, width, height, kind):
    """No size is too thin to develop, and no side of a variant becomes zero."""
    picture = developed(pictures.encode(np.full((height, width, 3), 128, np.uint8), kind))
    assert (picture.width, picture.height) == (width, height)
    for each in picture.variants:
        assert 1 <= max(each.width, each.height) <= each.name.longer_side
        assert min(each.width, each.height) >= 1
        assert variant(picture, each.name).shape[:2] == (each.height, each.width)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(developed, orientation):
    """A picture stored in any of the eight EXIF orientations comes out upright."""
    upright = pictures.quadrants(64, 48)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    picture = developed(pictures.jpeg(np.ascontiguousarray(stored), orientation=orientation))
    assert (picture.width, picture.height) == (64, 48)
    assert_quadrants(picture)


def test_container_rotation_is_not_applied_twice(developed):
    """A HEIC that is turned by its container and says so in its EXIF as well is turned once."""
    picture = developed(pictures.heic("turned"))
    assert (picture.width, picture.height) == (48, 64)
    assert picture.metadata.orientation == 6
    for found, wanted in zip(corners(picture), (BLUE, RED, WHITE, GREEN), strict=True):
        assert np.abs(found - wanted).max() <= 14


@pytest.mark.parametrize(("kind", "orientation"), [("AVIF", n) for n in range(1, 9)] + [("PNG", 6), ("WEBP", 6)])
def test_orientation_of_other_formats(developed, kind, orientation):
    """An AVIF, which is turned by its container, a PNG and a WebP come out upright too."""
    exif = Image.Exif()
    exif[274] = orientation
    upright = Image.fromarray(pictures.quadrants(64, 48))
    opposite = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(opposite[orientation]) if orientation > 1 else upright
    picture = developed(pictures.encode(stored, kind, exif=exif.tobytes(), quality=95))
    assert (picture.width, picture.height) == (64, 48)
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


def test_variants_tell_nothing_about_the_taker(developed):
    """No EXIF goes from the original into a variant."""
    for each in developed(pictures.jpeg(orientation=3)).variants:
        with Image.open(io.BytesIO(each.data)) as opened:
            assert not opened.getexif()
            assert b"Exif" not in each.data


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


def test_a_bomb_is_refused_before_it_is_decoded(developed):
    """A PNG of 48 kB that claims 400 megapixels is refused by its header, with the limit and the size."""
    bomb = pictures.png_bomb()
    assert len(bomb) < 50_000
    with pytest.raises(UndecodablePicture, match="20000 x 20000") as refusal:
        developed(bomb)
    assert refusal.value.context == {"limit": 250_000_000, "actual": 400_000_000}
    with pytest.raises(UndecodablePicture, match=r"at most 0\.0"):
        developed(pictures.jpeg(), pixel_limit=1000)


def test_frames_count_against_the_limit(developed):
    """An animation is as large as all of its frames together."""
    data = pictures.animation("GIF", frames=5, size=(40, 30))
    assert developed(data, pixel_limit=6000).frames == 5
    with pytest.raises(UndecodablePicture, match="5 frames"):
        developed(data, pixel_limit=5999)


def test_a_huge_drawing_is_made_small(developed):
    """A drawing that claims a size beyond any limit is drawn at the size of the largest variant."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="15000"><rect width="30000" '
    picture = developed(svg + b'height="15000" fill="#dc281e"/></svg>')
    assert variant(picture).shape == (512, 1024, 3)
    assert np.abs(variant(picture)[100, 100].astype(int) - RED).max() < 10


@pytest.mark.parametrize("address", ["secret.png", "file://{folder}/secret.png", "{folder}/secret.png"])
def test_a_drawing_sees_no_other_file(developed, tmp_path, address):
    """A drawing that refers to a file beside it, or anywhere, does not show it."""
    (tmp_path / "secret.png").write_bytes(pictures.encode(np.full((48, 64, 3), RED, np.uint8), "PNG"))
    link = address.format(folder=tmp_path)
    picture = developed(
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" '
        b'height="48"><rect width="64" height="48" fill="#1e3cc8"/><image width="64" height="48" '
        + f'href="{link}" xlink:href="{link}"/></svg>'.encode()
    )
    assert np.abs(variant(picture)[24, 32].astype(int) - BLUE).max() < 10


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 5000,
        b"<!doctype html><html><body>404</body></html>",
        bytes(range(256)) * 20,
        b"\xff\xd8\xff\xe0" + b"\x11" * 4000,
        b"\x89PNG\r\n\x1a\n" + b"\x07" * 4000,
        b"GIF89a" + b"\xf3" * 4000,
        b"II*\0" + b"\xff" * 4000,
        b"BM" + b"\x13" * 4000,
        b"RIFF\xff\xff\0\0WEBPVP8 " + b"\x5a" * 4000,
        b"\0\0\0\x18ftypheic" + b"\0" * 4000,
        b"\0\0\0\x18ftypavif" + b"\0" * 4000,
    ],
)
def test_garbage_is_refused_with_a_reason(developed, data):
    """What is no picture, whatever its first bytes say, is refused in words."""
    with pytest.raises(UndecodablePicture) as refusal:
        developed(data)
    assert len(refusal.value.message) > 10


@pytest.mark.parametrize("kind", ["jpeg", "progressive jpeg", "png", "webp", "tiff", "gif", "heic", "avif", "bmp"])
def test_cut_off_at_any_point_never_raises_anything_else(developed, kind):
    """A file that ends early gives a picture or a refusal, never another error."""
    data = FORMATS[kind]()
    for cut in range(1, 12):
        with contextlib.suppress(UndecodablePicture):
            picture = developed(data[: len(data) * cut // 12])
            assert (picture.width, picture.height) == (64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_half_a_picture_is_better_than_none(developed, kind):
    """A file that ends in the middle of its scan still shows its upper part."""
    whole = np.asarray(Image.fromarray(pictures.photo(100, 75)).resize((400, 300)))
    data = pictures.encode(whole, kind, **({"quality": 90} if kind == "JPEG" else {}))
    picture = developed(data[: len(data) // 2])
    upper = variant(picture)[:100].astype(int)
    assert np.abs(upper - whole[:100]).mean() < 6


def test_a_file_without_scan_data_is_refused(developed):
    """A JPEG whose header is whole but whose scan is missing is refused; a truly grey one is not."""
    data = pictures.jpeg(pictures.photo(400, 300))
    with pytest.raises(UndecodablePicture, match="JPEG cannot be decoded"):
        developed(data[: data.index(b"\xff\xda") + 14])
    assert developed(pictures.jpeg(np.full((30, 40, 3), 128, np.uint8))).colors[0].percentage > 99


def test_scaled_and_encoded_again_is_the_same_picture(developed):
    """The perceptual hash of a copy at a third of the size and half the quality differs in 6 bits at most."""
    whole = pictures.photo(1200, 800, seed=3)
    copy = np.asarray(Image.fromarray(whole).resize((400, 267), Image.Resampling.LANCZOS))
    one = developed(pictures.jpeg(whole, quality=92))
    assert hamming(one.phash, developed(pictures.jpeg(copy, quality=45)).phash) <= 6
    assert hamming(one.phash, developed(pictures.encode(copy, "WEBP", quality=60)).phash) <= 6
    assert hamming(one.phash, developed(pictures.jpeg(pictures.photo(1200, 800, seed=4))).phash) > 12


def test_the_result_can_be_sent_between_processes(developed):
    """What develop returns survives pickling unchanged."""
    picture = developed(pictures.jpeg())
    assert pickle.loads(pickle.dumps(picture)) == picture


def test_jpeg_xl_needs_its_extra(developed):
    """JPEG XL is developed where its decoder is installed, and otherwise refused by naming the extra."""
    if importlib.util.find_spec("pylibjxl") is None:
        with pytest.raises(Unsupported, match="jxl") as refusal:
            developed(pictures.jxl())
        assert refusal.value.context["extra"] == "jxl"
        return
    assert_quadrants(developed(pictures.jxl()))
    assert developed(pictures.jxl("alpha")).has_alpha


@needs_corpus
def test_every_real_photograph_is_developed(tmp_path):
    """Every photograph of the corpus gives five variants, a blur hash and colours."""
    paths = [path for path in sorted((CORPUS / "photos").rglob("*.*")) if path.suffix not in {".xmp", ".md"}]
    assert len(paths) > 20
    for path in paths:
        if path.suffix == ".jxl" and importlib.util.find_spec("pylibjxl") is None:
            continue
        picture = develop(str(path))
        assert len(picture.variants) == 5, path
        assert len(picture.blur_hash) == 28, path
        assert picture.colors, path
        assert 0 < sum(color.percentage for color in picture.colors) <= 100, path


@needs_corpus
@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_real_orientations_come_out_the_same(shape):
    """The nine files of one picture, each stored another way round, are the same picture upright."""
    found = [develop(str(CORPUS / "orientation" / f"{shape}_{n}.jpg")) for n in range(9)]
    first = variant(found[0], VariantName.SMALL_256).astype(int)
    for picture in found:
        assert (picture.width, picture.height) == (found[0].width, found[0].height)
        assert np.abs(variant(picture, VariantName.SMALL_256) - first).mean() < 4
        assert hamming(picture.phash, found[0].phash) <= 6

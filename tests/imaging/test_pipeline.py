"""What `develop` makes of a picture: sizes, orientation, and everything beside the variants."""

import importlib.util
import io
import pickle

import numpy as np
import pytest
from PIL import Image

from calotype.domain.picture import VariantName
from calotype.imaging.pipeline import develop
from tests.imaging import pictures
from tests.imaging.containers import xmp
from tests.imaging.developing import assert_quadrants, corners, hamming, variant
from tests.imaging.pictures import BLUE, CORPUS, GREEN, RED, WHITE, needs_corpus


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


@pytest.mark.parametrize("exif", [None, {271: "Maker"}])
def test_an_avif_is_not_turned_by_its_xmp(developed, exif):
    """Whatever a program left in the XMP of an AVIF whose container has no rotation, the picture stays as it is stored."""
    tags = Image.Exif()
    tags.update(exif or {})
    packet = xmp(attributes='tiff:Orientation="6"')
    data = pictures.encode(
        pictures.quadrants(64, 48), "AVIF", exif=tags.tobytes() if exif else b"", xmp=packet, quality=95
    )
    assert b"irot" not in data
    picture = developed(data)
    assert (picture.width, picture.height) == (64, 48)
    assert_quadrants(picture)


def test_variants_tell_nothing_about_the_taker(developed):
    """No EXIF goes from the original into a variant."""
    for each in developed(pictures.jpeg(orientation=3)).variants:
        with Image.open(io.BytesIO(each.data)) as opened:
            assert not opened.getexif()
            assert b"Exif" not in each.data


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

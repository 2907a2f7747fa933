"""What is damaged, too large or no picture at all."""

import contextlib

import numpy as np
import pytest
from PIL import Image

from calotype.domain.errors import UndecodablePicture
from tests.imaging import pictures
from tests.imaging.developing import FORMATS, variant
from tests.imaging.pictures import BLUE, RED


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


def test_an_avif_whose_picture_is_noise_is_refused(developed):
    """Where the container is right and what it holds is not, the decoder's complaint becomes a refusal like any other."""
    data = bytearray(pictures.encode(pictures.photo(64, 48), "AVIF"))
    start = data.index(b"mdat") + 4
    data[start:] = np.random.default_rng(1).bytes(len(data) - start)
    with pytest.raises(UndecodablePicture, match="AVIF"):
        developed(bytes(data))

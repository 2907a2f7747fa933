"""What sort of picture it is, on drawn examples of each sort and on real photographs."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from calotype.domain.picture import PictureMetadata
from calotype.imaging.kind import kind_of, measure
from calotype.imaging.pipeline import develop
from tests.imaging.pictures import CORPUS, needs_corpus, photo, quadrants

EMPTY = PictureMetadata()
CAMERA = PictureMetadata(camera_make="A camera", exposure_time=0.01, f_number=2.8, iso=100)


def page(width=384, height=512):
    """A page of text, as a scanner sees it."""
    picture = Image.new("RGB", (width, height), (246, 245, 240))
    draw = ImageDraw.Draw(picture)
    words = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "that", "sleeps", "in", "summer")
    for number, line in enumerate(range(24, height - 24, 14)):
        text = " ".join(words[(number * 5 + n * 3 + number * n) % len(words)] for n in range(11))[:54]
        draw.text((30, line), text, fill=(30, 30, 34))
    return np.asarray(picture)


def window(width=512, height=320):
    """A window with a title bar, a side bar, buttons and a little text."""
    picture = Image.new("RGB", (width, height), (32, 34, 40))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, 30), fill=(70, 72, 84))
    draw.rectangle((0, 31, 120, height), fill=(46, 48, 58))
    draw.rectangle((0, height - 20, width, height), fill=(0, 122, 204))
    for n in range(8):
        draw.rounded_rectangle((12, 50 + 26 * n, 100, 68 + 26 * n), 4, fill=(60 + 9 * n, 110, 160))
        draw.text((140, 50 + 26 * n), "def something(of, no, consequence):", fill=(200, 210 - 9 * n, 130))
    return np.asarray(picture)


def drawing(size=400):
    """A logo: a few flat shapes."""
    picture = Image.new("RGB", (size, size), (255, 205, 60))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 60, 340, 340), fill=(40, 60, 160))
    draw.polygon([(200, 100), (300, 280), (100, 280)], fill=(240, 80, 60))
    return np.asarray(picture)


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [(photo(512, 384), "photo"), (page(), "document"), (window(), "screenshot"), (drawing(), "graphic")],
    ids=["photo", "document", "screenshot", "graphic"],
)
def test_each_sort_is_told(pixels, kind):
    """A photograph, a page, a window and a logo are told apart."""
    assert kind_of(pixels, EMPTY) == kind


def test_a_camera_takes_photos_and_documents():
    """With an exposure in its metadata a flat picture is a photo, but a page stays a document."""
    assert kind_of(drawing(), CAMERA) == "photo"
    assert kind_of(page(), CAMERA) == "document"


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 5), (8, 8)])
def test_any_size_can_be_measured(shape):
    """Pictures too thin to have neighbours are measured too."""
    found = measure(np.full((*shape, 3), 200, np.uint8))
    assert (found.flat, found.colors, found.bars) == (1.0, 1, 0)


def test_shares_are_shares():
    """Half ink is half ink, and white is paper."""
    pixels = np.full((64, 64, 3), 250, np.uint8)
    pixels[:32] = 10
    found = measure(pixels)
    assert (found.ink, found.paper) == (0.5, 0.5)
    assert measure(quadrants(256, 256)).colors == 4


@needs_corpus
def test_real_photographs_are_photos():
    """Photographs of landscapes, plants and animals are photos, and a photographed page is a document."""
    for path in sorted((CORPUS / "photos" / "albums" / "nature").glob("*.jpg")):
        assert develop(str(path)).kind == "photo", path
    assert develop(str(CORPUS / "photos/albums/text/handwritten-notes.jpg")).kind == "document"
    assert develop(str(CORPUS / "photos/albums/text/craft-beer.jpg")).kind == "photo"

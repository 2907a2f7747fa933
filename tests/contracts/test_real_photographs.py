"""Real photographs, read from the corpus: what the server says of them against what is known of them.

The facts below were read from the files by other means than the server's: sizes and times from the bytes of their headers
(JPEG, PNG and WebP with Pillow, HEIC and AVIF from their `ispe` and `irot` boxes).
"""

from __future__ import annotations

import hashlib
import io
from datetime import datetime

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat

from tests.contracts.shapes import DETAIL, LIST, STREAM, expect
from tests.running import wait_until_processed

FILES = "/api/v2/user-files"
# Path below the corpus: format, width and height as displayed, and when it was taken (None: the file does not say).
FACTS = {
    "photos/albums/nature/cyclamen_persicum.jpg": ("jpeg", 512, 848, "2007-12-06T14:33:18Z"),
    "photos/albums/nature/el_torcal_rocks.jpg": ("jpeg", 512, 341, "2012-08-05T11:39:59Z"),
    "photos/albums/nature/notocactus_minimus.jpg": ("jpeg", 512, 345, "2008-05-23T15:54:59Z"),
    "photos/albums/nature/tanners_ridge.jpg": ("jpeg", 800, 534, "2023-09-25T08:33:30.88Z"),
    "photos/albums/text/book-beside-flowers.jpg": ("jpeg", 3024, 4032, None),
    "photos/albums/text/craft-beer.jpg": ("jpeg", 6000, 4000, None),
    "photos/albums/text/handwritten-notes.jpg": ("jpeg", 5117, 3411, None),
    "photos/albums/text/japanese-shop.jpg": ("jpeg", 4217, 2817, None),
    "photos/formats/png/density_plot.png": ("png", 800, 800, None),
    "photos/formats/webp/denali.webp": ("webp", 600, 315, "2010-08-13T21:00:01.85Z"),
    # Its wall time is 11:04:22 without an offset, which the specification reads as UTC.
    "photos/formats/heic/IMG_2682.heic": ("heic", 4032, 3024, "2019-03-21T11:04:22.348Z"),
    "photos/formats/motionphoto/samsung-one-ui-6.heic": ("heic", 3000, 4000, ...),
    "photos/formats/avif/8bit-sRGB.avif": ("avif", 1617, 1080, None),
    "photos/formats/avif/10bit-HDR-P3-nclx.avif": ("avif", 3681, 5594, None),
    "photos/metadata/faces/portrait-orientation-6.jpg": ("jpeg", 840, 700, None),
    "photos/metadata/rating/mongolels.jpg": ("jpeg", 950, 634, "2009-08-29T13:18:08.17Z"),
    "photos/metadata/tags/picasa.jpg": ("jpeg", 100, 75, "2010-02-13T14:55:31Z"),
}
TURNED = {"Landscape": (1800, 1200), "Portrait": (1200, 1800)}
BOUNDS = {"tiny_64": 64, "small_256": 256, "medium_512": 512, "medium_750": 750, "large_1024": 1024}


class Album:
    """All photographs of this module, uploaded and processed, by their path below the corpus."""

    def __init__(self, client, corpus):
        self.client = client
        self.data = {path: (corpus / path).read_bytes() for path in [*FACTS, *_orientation_paths()]}
        self.ids = {path: self._upload(path) for path in self.data}
        self.details = {path: wait_until_processed(client, file_id) for path, file_id in self.ids.items()}

    def _upload(self, path):
        answer = self.client.post(
            f"{FILES}/upload/stream",
            files={"file": (path.rpartition("/")[2], self.data[path])},
            data={"auto_describe": "false"},
        )
        return expect(answer, STREAM)["image_id"]

    def variant(self, browser, path, name):
        """A rendition, as anybody can fetch it."""
        answer = self.client.get(f"{FILES}/{self.ids[path]}/variant/{name}")
        assert answer.status_code == 302, answer.text
        return Image.open(io.BytesIO(browser.get(answer.headers["location"]).content))


def _orientation_paths():
    return [f"orientation/{name}_{number}.jpg" for name in TURNED for number in range(9)]


def _difference(one, other):
    """The mean difference of two pictures in levels of 255, compared at one size."""
    size = (32, 32)
    pictures = [picture.convert("RGB").resize(size, Image.Resampling.BOX) for picture in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*pictures)).mean) / 3


@pytest.fixture(scope="module")
def album(server, corpus):
    """The photographs in a tenant of their own."""
    with server.client(server.new_key()) as client:
        yield Album(client, corpus)


@pytest.mark.parametrize("path", FACTS)
def test_what_is_told_of_a_photograph_is_true(album, path):
    """Format, dimensions as displayed, capture time, size and hash."""
    format_, width, height, taken = FACTS[path]
    detail = expect(album.client.get(f"{FILES}/{album.ids[path]}"), DETAIL)
    data = album.data[path]
    assert (detail["variant_status"], detail["variant_count"]) == ("completed", 5)
    assert detail["format"] == format_
    assert detail["dimensions"] == {"width": width, "height": height}
    assert (detail["size_bytes"], detail["hash"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    if taken is not ...:
        found = detail["content_created_at"]
        assert (found and datetime.fromisoformat(found)) == (taken and datetime.fromisoformat(taken))


@pytest.mark.parametrize("path", FACTS)
def test_the_renditions_of_a_photograph(album, browser, path):
    """Each variant is as long as it may be, in the photograph's proportions, without its metadata."""
    _, width, height, _ = FACTS[path]
    for name, bound in BOUNDS.items():
        picture = album.variant(browser, path, name)
        scale = min(1, bound / max(width, height))
        assert abs(picture.width - width * scale) <= 1
        assert abs(picture.height - height * scale) <= 1
        assert max(picture.size) == min(bound, max(width, height))
        assert not picture.getexif()


@pytest.mark.parametrize("path", [path for path, facts in FACTS.items() if facts[0] in {"jpeg", "png", "webp"}])
def test_a_rendition_shows_the_photograph(album, browser, path):
    """A variant looks like the original as another program shows it, and not like its mirror image."""
    original = ImageOps.exif_transpose(Image.open(io.BytesIO(album.data[path])))
    variant = album.variant(browser, path, "small_256")
    assert _difference(variant, original) < 4
    assert _difference(variant, ImageOps.mirror(original)) > 4


@pytest.mark.parametrize("name", TURNED)
@pytest.mark.parametrize("number", range(9))
def test_every_orientation_is_upright(album, browser, name, number):
    """A photograph stored in any orientation is displayed like the one that is stored upright."""
    path = f"orientation/{name}_{number}.jpg"
    width, height = TURNED[name]
    assert album.details[path]["dimensions"] == {"width": width, "height": height}
    variant = album.variant(browser, path, "small_256")
    assert variant.size == ((256, 171) if width > height else (171, 256))
    upright = Image.open(io.BytesIO(album.data[f"orientation/{name}_1.jpg"]))
    assert _difference(variant, upright) < 6
    assert _difference(variant, ImageOps.mirror(upright)) > 6
    assert _difference(variant, ImageOps.flip(upright)) > 6


def test_the_album_sorts_by_capture_time(album):
    """The listing mixes capture times and upload times, newest first."""
    query = {"limit": "100", "sort_order": "asc", "ids": ",".join(album.ids[path] for path in FACTS)}
    items = expect(album.client.get(FILES, params=query), LIST)["files"]
    shown = [item["content_created_at"] or item["created_at"] for item in items]
    assert len(shown) == len(FACTS)
    assert shown == sorted(shown)
    assert shown[0] == "2007-12-06T14:33:18Z"

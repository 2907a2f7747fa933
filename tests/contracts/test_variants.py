"""Renditions of a picture: section 3.3, point 22 of the checklist."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from PIL import Image

from tests.contracts.photos import corner_colors, corners, encoded, exif, photo, undecodable
from tests.contracts.shapes import expect_error
from tests.running import upload, wait_until_processed

FILES = "/api/v2/user-files"
BOUNDS = {"tiny_64": 64, "small_256": 256, "medium_512": 512, "medium_750": 750, "large_1024": 1024}
# What has to be done to the upright corners so that a viewer who applies the orientation sees them upright again.
STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _ready(client, data, filename="photo.jpg"):
    made = upload(client, data, filename, auto_describe="false")
    detail = wait_until_processed(client, made["image_id"])
    assert detail["variant_status"] == "completed", detail
    return detail


def _fetch(client, browser, file_id, name):
    """Follow the redirect without any credential; returns the answer and the picture."""
    redirect = client.get(f"{FILES}/{file_id}/variant/{name}")
    assert redirect.status_code == 302, redirect.text
    assert "authorization" not in browser.headers
    answer = browser.get(redirect.headers["location"])
    assert answer.status_code == 200
    return answer, Image.open(io.BytesIO(answer.content))


@pytest.fixture(scope="module")
def large(server):
    """A client, and the detail of a processed picture of 1600 x 1200 with four coloured corners and EXIF."""
    data = encoded(corners(1600, 1200), quality=92, exif=exif(orientation=1, taken="2015:06:07 08:09:10"))
    with server.client(server.new_key()) as client:
        yield client, _ready(client, data), data


@pytest.mark.parametrize("name", BOUNDS)
def test_the_number_bounds_the_longer_side(large, browser, name):
    """Each variant has exactly its longer side, keeps the proportions, and holds the same picture without metadata."""
    client, detail, _ = large
    answer, picture = _fetch(client, browser, detail["id"], name)
    bound = BOUNDS[name]
    assert max(picture.size) == bound
    assert abs(picture.height - bound * 3 / 4) <= 1
    assert corner_colors(picture) == [0, 1, 2, 3]
    assert not picture.getexif()
    assert answer.headers["content-type"] in {"image/jpeg", "image/png", "image/webp"}
    assert answer.headers["content-type"] == Image.MIME[picture.format]


def test_the_original_is_untouched(large, browser):
    """`original` leads to the very bytes that were uploaded."""
    client, detail, data = large
    answer, _ = _fetch(client, browser, detail["id"], "original")
    assert answer.content == data
    assert answer.headers["content-type"] == "image/jpeg"


def test_the_links_of_an_answer_are_the_variants(large, browser):
    """Thumbnail, medium, full and original URL need no credential and lead to their sizes."""
    client, detail, data = large
    item = client.get(FILES).json()["files"][0]
    sizes = {"thumbnail_url": 256, "medium_url": 750, "full_url": 1024}
    for key, bound in sizes.items():
        for found in (detail, item):
            assert max(Image.open(io.BytesIO(browser.get(found[key]).content)).size) == bound
    assert browser.get(detail["original_url"]).content == data


def test_all_five_of_the_seed_are_counted(large):
    """A finished picture has five variants, the original included; medium_512 is served but not counted."""
    client, detail, _ = large
    assert detail["variant_count"] == client.get(FILES).json()["files"][0]["variant_count"] == 5


@pytest.mark.parametrize("name", ["huge_2048", "medium", "TINY_64", "tiny_64.jpg", "%00", "x" * 300, "thumbnail"])
def test_an_unknown_variant_is_404(large, name):
    """What is no variant's name will never exist, so that asking again is not suggested."""
    client, detail, _ = large
    answer = client.get(f"{FILES}/{detail['id']}/variant/{name}")
    expect_error(answer, 404, "NOT_FOUND")
    assert "retry-after" not in answer.headers


def test_an_unknown_file_has_no_variants(client):
    """404 for every variant of an id that does not exist."""
    for name in ("original", "tiny_64"):
        expect_error(client.get(f"{FILES}/{uuid4()}/variant/{name}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("orientation", STORED_AS)
def test_the_orientation_is_applied(client, browser, orientation):
    """However a picture is stored, its variants and dimensions are upright, and nothing turns them a second time."""
    stored = corners(320, 200).transpose(STORED_AS[orientation])
    detail = _ready(client, encoded(stored, quality=92, exif=exif(orientation=orientation)))
    assert detail["dimensions"] == {"width": 320, "height": 200}
    _, picture = _fetch(client, browser, detail["id"], "small_256")
    assert picture.size == (256, 160)
    assert corner_colors(picture) == [0, 1, 2, 3]
    assert picture.getexif().get(274, 1) == 1


def test_small_pictures_are_not_enlarged(client, browser):
    """A picture smaller than a variant yields its own size under every name that is not smaller."""
    detail = _ready(client, photo(100, 40))
    sizes = {name: _fetch(client, browser, detail["id"], name)[1].size for name in BOUNDS}
    assert sizes == {
        "tiny_64": (64, 26),
        "small_256": (100, 40),
        "medium_512": (100, 40),
        "medium_750": (100, 40),
        "large_1024": (100, 40),
    }
    assert detail["variant_count"] == 5


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3000, 2)])
def test_extreme_shapes_are_possible(client, browser, size):
    """A picture of one pixel, or of one line, has variants of at least one pixel."""
    detail = _ready(client, photo(*size, kind="PNG"))
    assert detail["dimensions"] == {"width": size[0], "height": size[1]}
    for name, bound in BOUNDS.items():
        _, picture = _fetch(client, browser, detail["id"], name)
        assert max(picture.size) == min(bound, *[max(size)])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_is_kept(client, browser, kind):
    """What can be seen through in the original can be seen through in its variants."""
    picture = corners(300, 200).convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 150, 100))
    detail = _ready(
        client, encoded(picture, kind, **({"lossless": True} if kind == "WEBP" else {})), f"a.{kind.lower()}"
    )
    for name in ("tiny_64", "large_1024"):
        _, variant = _fetch(client, browser, detail["id"], name)
        alpha = variant.convert("RGBA").getchannel("A")
        width, height = alpha.size
        assert alpha.getpixel((width // 4, height // 4)) < 10
        assert alpha.getpixel((width * 3 // 4, height * 3 // 4)) > 245


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_the_first_frame_of_an_animation_counts(client, browser, kind):
    """Variants are still pictures of the first frame; the original keeps all frames."""
    frames = [corners(120, 80), *(Image.new("RGB", (120, 80), (shade, 0, shade)) for shade in (50, 150, 250))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, quality=95)
    detail = _ready(client, data, f"a.{kind.lower()}")
    _, variant = _fetch(client, browser, detail["id"], "tiny_64")
    assert getattr(variant, "n_frames", 1) == 1
    assert corner_colors(variant) == [0, 1, 2, 3]
    _, original = _fetch(client, browser, detail["id"], "original")
    assert original.n_frames == 4


def test_what_is_not_made_yet_says_to_ask_again(narrow_client, browser):
    """Before the background work is done a variant is 404 with `Retry-After: 1`, and the original works at once."""
    data = photo()
    made = upload(narrow_client, data, auto_describe="false")
    answer = narrow_client.get(f"{FILES}/{made['image_id']}/variant/small_256")
    expect_error(answer, 404, "NOT_FOUND")
    assert answer.headers["retry-after"] == "1"
    unknown = narrow_client.get(f"{FILES}/{made['image_id']}/variant/huge_2048")
    expect_error(unknown, 404, "NOT_FOUND")
    assert "retry-after" not in unknown.headers
    answer, _ = _fetch(narrow_client, browser, made["image_id"], "original")
    assert answer.content == data
    detail = narrow_client.get(f"{FILES}/{made['image_id']}").json()
    assert detail["variant_status"] == "pending"
    assert detail["variant_count"] == 1
    assert detail["thumbnail_url"] is detail["medium_url"] is detail["full_url"] is detail["blur_hash"] is None


def test_what_failed_will_never_exist(client):
    """The variants of a picture that cannot be decoded are 404 without a hint to ask again."""
    made = upload(client, undecodable(), "broken.png", auto_describe="false")
    assert wait_until_processed(client, made["image_id"])["variant_status"] == "failed"
    answer = client.get(f"{FILES}/{made['image_id']}/variant/tiny_64")
    expect_error(answer, 404, "NOT_FOUND")
    assert "retry-after" not in answer.headers

"""Batches that are refused, of which nothing is kept: section 3.2 and point 14 of the checklist."""

from __future__ import annotations

import os

import pytest

from tests.contracts.conftest import VISION_FILE_BYTES, VISION_IMAGES, VISION_METADATA_BYTES, VISION_PIXELS
from tests.contracts.photos import encoded, jpeg_of_size, photo, plain, png_claiming, undecodable
from tests.contracts.shapes import conforms
from tests.contracts.vision import UPLOAD, call, entry, exchange, head, listed, part, send, upload
from tests.contracts.vision_shapes import NAMED, expect_error, ids, results

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
NO_IMAGES = {
    "text": b"Just some notes.",
    "html": b"<!doctype html><title>x</title>",
    "svg": SVG,
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "mp4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(100),
    "zip": b"PK\x03\x04" + bytes(100),
    "zeros": bytes(1000),
    "random": b"\x01" + os.urandom(5000),
    "one byte": b"x",
    "json": b'{"a": 1}',
}


def _cut(data, share):
    return data[: int(len(data) * share)]


def _garbled(data, start):
    return data[:start] + os.urandom(len(data) - start)


CORRUPT = {
    "half a jpeg": lambda: _cut(photo(200, 150), 0.5),
    "nearly a jpeg": lambda: _cut(photo(200, 150), 0.95),
    "the head of a jpeg": lambda: photo()[:200],
    "half a progressive jpeg": lambda: _cut(photo(200, 150, progressive=True), 0.5),
    "half a png": lambda: _cut(photo(kind="PNG"), 0.5),
    "a png without its end": lambda: photo(kind="PNG")[:-12],
    "a png of random pixels": undecodable,
    "a garbled png": lambda: _garbled(photo(kind="PNG"), 100),
    "half a webp": lambda: _cut(photo(kind="WEBP"), 0.5),
    "half a gif": lambda: _cut(photo(kind="GIF"), 0.5),
    "half a bmp": lambda: _cut(photo(kind="BMP"), 0.5),
    "half a tiff": lambda: _cut(photo(kind="TIFF"), 0.5),
    "half an avif": lambda: _cut(photo(64, 48, kind="AVIF"), 0.5),
    "a signature of png": lambda: b"\x89PNG\r\n\x1a\n",
    "a signature of jpeg": lambda: b"\xff\xd8\xff\xe0",
}


def _expect_refusal(answer, status, code, index, name, param=None):
    """The error names the image in its message, its param and its details."""
    error = expect_error(answer, status, code, param or f"images[{index}]")
    conforms({key: error["details"][key] for key in NAMED}, NAMED)
    assert (error["details"]["index"], error["details"]["name"]) == (index, name)
    assert name in error["message"]
    return error


def _nothing_kept(client):
    assert listed(client) == []
    assert client.get("/api/v2/user-files").json()["total_count"] == 0
    assert client.get("/api/v2/user-files", params={"trashed": "true"}).json()["total_count"] == 0


def test_a_text_among_photos_refuses_all(idle_client):
    """The specification's example: 415 that names the second one, and no photo is there."""
    error = _expect_refusal(
        upload(idle_client, ("gate.jpg", photo()), ("notes.txt", b"hello"), ("yard.jpg", photo())),
        415, "unsupported_media_type", 1, "notes.txt",
    )  # fmt: skip
    assert error["details"] == {"index": 1, "name": "notes.txt"}
    assert error["message"].startswith("images[1] (notes.txt)")
    _nothing_kept(idle_client)


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_what_is_no_image_is_unsupported(idle_client, kind):
    """Whatever its name and type say."""
    answer = upload(idle_client, photo(), ("a.jpg", NO_IMAGES[kind], "image/jpeg"))
    _expect_refusal(answer, 415, "unsupported_media_type", 1, "a.jpg")
    _nothing_kept(idle_client)


@pytest.mark.parametrize("kind", CORRUPT)
def test_what_begins_well_and_is_not_whole_is_corrupt(idle_client, kind):
    """400, first or last in its batch."""
    bad = ("bad.img", CORRUPT[kind]())
    _expect_refusal(upload(idle_client, bad, photo()), 400, "corrupt_file", 0, "bad.img")
    _expect_refusal(upload(idle_client, photo(), photo(), bad), 400, "corrupt_file", 2, "bad.img")
    _nothing_kept(idle_client)


def test_an_empty_file_is_refused(idle_client):
    """400 `empty_file`, also when it is the only one."""
    _expect_refusal(upload(idle_client, photo(), ("empty.jpg", b"")), 400, "empty_file", 1, "empty.jpg")
    _expect_refusal(upload(idle_client, ("empty.jpg", b"")), 400, "empty_file", 0, "empty.jpg")
    _nothing_kept(idle_client)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_first_bad_one_is_reported(idle_client, order):
    """In the order of the parts, whichever was found first."""
    kinds = [
        (photo(200, 200, kind="BMP")[:-100], 413),  # too big here, and it takes longest to tell
        (b"", 400),
        (b"text", 415),
    ]
    files = [(f"{n}.jpg", kinds[n][0]) for n in order]
    status = kinds[order[0]][1]
    error = expect_error(upload(idle_client, photo(), *files), status, param="images[1]")
    assert error["details"]["name"] == f"{order[0]}.jpg"
    _nothing_kept(idle_client)


def test_the_last_component_of_the_name_is_named(idle_client):
    """No folder of the client's is told."""
    answer = send(idle_client, part("images", b"text", "content/inner/notes.txt"))
    error = _expect_refusal(answer, 415, "unsupported_media_type", 0, "notes.txt")
    assert "content" not in error["message"]


@pytest.mark.parametrize(
    "name", ["caf\u00e9 \u65e5\u672c.txt", "a b.txt", "\u202etxt.jpg", "<script>.txt", "%s{0}.txt"]
)
def test_any_name_can_be_named(idle_client, name):
    """In message and details."""
    answer = send(idle_client, part("images", b"text", name))
    assert expect_error(answer, 415)["details"]["name"] == name


@pytest.mark.parametrize("bad", ["[]", "x", '{"requests": []}', '{"requests": [{}, {}]}', '{"requests": 5}'])
def test_a_fault_of_the_request_keeps_nothing_either(idle_client, bad):
    """Good photos with bad metadata, which comes after them."""
    answer = send(idle_client, part("images", photo(), "a.jpg"), part("metadata", bad))
    expect_error(answer, 400)
    _nothing_kept(idle_client)


def test_a_refused_batch_leaves_no_object(idle, idle_client):
    """The store of the server is as it was."""
    before = _objects(idle)
    upload(idle_client, *(photo() for _ in range(20)), ("notes.txt", b"hello"))
    upload(idle_client, *(photo() for _ in range(9)), metadata={"requests": [{}]})
    send(idle_client, part("images", photo(), "a.jpg"), part("metadata", "{"))
    assert _objects(idle) - before == set()
    upload(idle_client, photo())
    assert len(_objects(idle) - before) == 1


def _objects(server):
    """Everything that lies in the server's object store."""
    folders = [path for path in server.data_dir.iterdir() if path.name != "postgres"]
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_a_batch_that_breaks_off_leaves_nothing(idle, idle_key):
    """A client that goes away in the middle has uploaded nothing, however much had arrived."""
    from tests.contracts.vision import MULTIPART, multipart

    body = multipart(*(part("images", photo(), f"{n}.jpg") for n in range(30)))
    lines = ["Host: x", f"X-Api-Key: {idle_key}", f"Content-Type: {MULTIPART['content-type']}"]
    with pytest.raises((OSError, ValueError, Exception)):
        exchange(idle, head("POST", UPLOAD, *lines, f"Content-Length: {len(body)}"), body[:-500], patience=0.5)
    with idle.client(idle_key) as client:
        _nothing_kept(client)


# ------------------------------------------------------------------------------ limits


@pytest.mark.parametrize("name", ["big.jpg"])
def test_a_file_above_the_limit_is_too_large(strict_client, name):
    """Exactly the limit is taken, one byte more is 413, and the rest of the batch is read all the same."""
    assert len(results(upload(strict_client, jpeg_of_size(VISION_FILE_BYTES)))) == 1
    answer = upload(strict_client, photo(), (name, jpeg_of_size(VISION_FILE_BYTES + 1)), photo())
    _expect_refusal(answer, 413, "payload_too_large", 1, name)
    expect_error(upload(strict_client, (name, jpeg_of_size(3_000_000))), 413, "payload_too_large")
    assert len(listed(strict_client)) == 1


def test_a_picture_with_too_many_pixels_is_refused(strict_client):
    """Its header is enough to tell; exactly the limit is taken."""
    side = int(VISION_PIXELS**0.5)
    assert len(results(upload(strict_client, plain(side, side)))) == 1
    _expect_refusal(upload(strict_client, ("wide.png", plain(side, side + 1))), 400, "invalid_parameter", 0, "wide.png")
    bomb = upload(strict_client, ("bomb.png", png_claiming(60_000, 60_000)))
    assert expect_error(bomb, 400)["param"] == "images[0]"
    assert len(listed(strict_client)) == 1


def test_a_hundred_million_pixels_are_the_default(idle_client):
    """One row more is refused before anything is decoded."""
    answer = upload(idle_client, ("bomb.png", png_claiming(10_000, 10_001)))
    _expect_refusal(answer, 400, "invalid_parameter", 0, "bomb.png")
    _nothing_kept(idle_client)


def test_a_hundred_images_are_the_default(idle_client):
    """A hundred files come back in their order; one more is 400 and nothing is kept of them."""
    files = [part("images", encoded(_dot(n)), f"{n}.jpg") for n in range(101)]
    expect_error(send(idle_client, *files), 400, "invalid_parameter")
    _nothing_kept(idle_client)
    known = ids(send(idle_client, *files[:100]))
    assert len(set(known)) == 100
    assert listed(idle_client, limit=100) == known[::-1]


def _dot(number):
    from PIL import Image

    return Image.new("RGB", (8, 8), (number, 255 - number, 90))


def test_files_and_urls_count_together(strict_client, sources):
    """The limit of images is that of both, and is met before anything is fetched."""
    urls = [sources.publish(photo()) for _ in range(VISION_IMAGES)]
    files = [photo() for _ in range(VISION_IMAGES)]
    assert len(results(upload(strict_client, *files[1:], metadata={"image_urls": urls[:1]}))) == VISION_IMAGES
    expect_error(upload(strict_client, *files, metadata={"image_urls": urls[1:2]}), 400, "invalid_parameter")
    expect_error(upload(strict_client, metadata={"image_urls": [*urls[1:], urls[1], urls[1]]}), 400)
    assert not any(sources.asked(url) for url in urls[1:])
    assert len(listed(strict_client)) == VISION_IMAGES


@pytest.mark.parametrize("most", [VISION_METADATA_BYTES])
def test_custom_metadata_has_a_limit_for_each_image(strict_client, most):
    """As JSON text, exactly the limit is taken; for any image of the batch."""
    fits, above = ({"a": "x" * (most - len('{"a":""}') + more)} for more in (0, 1))
    both = upload(strict_client, photo(), photo(), metadata={"requests": [entry(**fits), entry(**fits)]})
    assert [each["image_metadata"] for each in results(both)] == [fits, fits]
    answer = upload(strict_client, photo(), photo(), metadata={"requests": [entry(**fits), entry(**above)]})
    error = expect_error(answer, 400, "invalid_parameter")
    assert error["param"] == "metadata.requests[1].metadata"
    assert len(listed(strict_client)) == 2


def test_64_kib_of_custom_metadata_are_the_default(idle_client):
    """Measured as text: a letter beyond ASCII counts as its UTF-8 bytes and not as an escape."""
    room = 64 * 1024 - len('{"a":""}')
    for text in ("x" * room, "\u00e9" * 12_000):
        (sent,) = results(upload(idle_client, photo(), metadata={"requests": [entry(a=text)]}))
        assert sent["image_metadata"] == {"a": text}
    for text in ("x" * (room + 1), "\u00e9" * 33_000):
        expect_error(upload(idle_client, photo(), metadata={"requests": [entry(a=text)]}), 400, "invalid_parameter")


def test_the_limit_of_a_body_is_a_setting(strict_client):
    """JSON, urlencoded, and text parts; files do not count, nor do file parts that nobody asked for."""
    for encoding in ("json", "urlencoded", "multipart"):
        expect_error(call(strict_client, "/images/list", {"x": "y" * 6_000}, encoding), 413, "payload_too_large")
        assert results(call(strict_client, "/images/list", {"x": "y" * 4_500}, encoding)) == []
    assert len(results(upload(strict_client, jpeg_of_size(20_000), metadata={}))) == 1
    answer = upload(strict_client, photo(), metadata={"requests": [{"x": "y" * 6_000}]})
    expect_error(answer, 413, "payload_too_large")
    assert len(listed(strict_client)) == 1

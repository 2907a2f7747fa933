"""Streaming one file: section 2.3, parsing rules 1.4, points 9, 10 and 12 of the checklist."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.contracts.photos import encoded, exif, photo, plain, png_claiming
from tests.contracts.shapes import DETAIL, LIST, STREAM, brief, expect, expect_error
from tests.running import upload

FILES = "/api/v2/user-files"
STREAM_URL = f"{FILES}/upload/stream"
BOUNDARY = "calotype-boundary"


def _post(client, data, filename="photo.jpg", **fields):
    return client.post(STREAM_URL, files={"file": (filename, data)}, data={"auto_describe": "false", **fields})


def _raw(client, *sections, ending=f"--{BOUNDARY}--\r\n", boundary=BOUNDARY):
    """Post a multipart body written by hand; a section is (headers, content)."""
    body = b"".join(f"--{BOUNDARY}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in sections)
    content_type = f"multipart/form-data; boundary={boundary}" if boundary else "multipart/form-data"
    return client.post(STREAM_URL, content=body + ending.encode(), headers={"Content-Type": content_type})


def _field(name, value):
    return f'Content-Disposition: form-data; name="{name}"', value.encode()


def _file(data, filename="photo.jpg"):
    return f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: image/jpeg', data


def _detail(client, made):
    return expect(client.get(f"{FILES}/{made['image_id']}"), DETAIL)


def _is_empty(client):
    return expect(client.get(FILES), LIST)["total_count"] == 0


@pytest.mark.parametrize(
    ("kind", "content_type", "word"),
    [
        ("JPEG", "image/jpeg", "jpeg"),
        ("PNG", "image/png", "png"),
        ("WEBP", "image/webp", "webp"),
        ("GIF", "image/gif", "gif"),
    ],
)
def test_an_image_is_stored_as_what_it_is(client, browser, kind, content_type, word):
    """Each image format of the table is accepted, answered with 14 keys, and can be read back byte by byte."""
    data = photo(kind=kind)
    made = expect(_post(client, data, f"pier.{word}"), STREAM)
    assert made["object_key"].endswith(f"/{made['image_id']}/pier.{word}")
    assert re.fullmatch(r"uploads/[0-9a-f-]{36}/[0-9a-f-]{36}/[A-Za-z0-9._-]+", made["object_key"])
    expected = {
        "status": "completed",
        "s3_upload_completed": True,
        "variants_queued": True,
        "description_queued": False,
        "skipped": False,
        "skipped_existing_image_id": None,
        "storage_target": "default",
        "media_type": "image",
        "document_type": None,
        "text_extraction_status": None,
    }
    assert {key: made[key] for key in expected} == expected
    assert made["processing_time_ms"] > 0
    detail = _detail(client, made)
    assert (detail["content_type"], detail["format"]) == (content_type, word)
    assert (detail["size_bytes"], detail["hash"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    assert (detail["upload_method"], detail["object_key"]) == ("STREAMING", made["object_key"])
    link = client.get(f"{FILES}/{made['image_id']}/download").headers["location"]
    assert browser.get(link).content == data


def test_the_description_is_queued_unless_declined(client):
    """`auto_describe` is true by default; when false, the description is skipped from the beginning."""
    asked = expect(client.post(STREAM_URL, files={"file": ("a.jpg", photo())}), STREAM)
    declined = expect(_post(client, photo()), STREAM)
    assert (asked["description_queued"], declined["description_queued"]) == (True, False)
    assert _detail(client, asked)["description_status"] in {"pending", "queued", "processing", "completed"}
    assert _detail(client, declined)["description_status"] == "skipped"


def test_the_content_decides_the_type(client):
    """A PNG that is named and declared as a JPEG is stored as image/png."""
    answer = client.post(STREAM_URL, files={"file": ("photo.jpg", photo(kind="PNG"), "image/jpeg")})
    detail = _detail(client, expect(answer, STREAM))
    assert (detail["content_type"], detail["format"]) == ("image/png", "png")
    assert detail["original_filename"] == "photo.jpg"


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(500), "image/jpeg"),
        (b"MZ\x90\x00" + bytes(500), "image/png"),
        (b"<!doctype html><script>alert(1)</script>", "image/jpeg"),
        (b"GIF", "image/gif"),
        (b"\xff", "image/jpeg"),
        (bytes(1000), "image/webp"),
        (b'{"is": "json"}', "application/json"),
    ],
    ids=["elf", "exe", "html", "start of a signature", "one byte", "zeros", "json"],
)
def test_other_content_is_refused(client, data, declared):
    """Content of no accepted kind is 415 whatever its name and declared type say, and leaves nothing behind."""
    answer = client.post(STREAM_URL, files={"file": ("photo.jpg", data, declared)})
    expect_error(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert _is_empty(client)


def test_an_empty_file_is_refused(client):
    """Zero bytes are a malformed request."""
    expect_error(_post(client, b""), 422, "VALIDATION_ERROR")
    assert _is_empty(client)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_truncated_header_is_refused(client, kind):
    """An image whose header breaks off is 422 IMAGE_PROCESSING_ERROR, and leaves nothing behind."""
    length = {"JPEG": 30, "PNG": 20, "GIF": 8, "WEBP": 20}[kind]
    expect_error(_post(client, photo(kind=kind)[:length]), 422, "IMAGE_PROCESSING_ERROR")
    assert _is_empty(client)


def test_a_decompression_bomb_is_refused_at_the_door(client):
    """A tiny PNG of 2,500 megapixels is 422, and the message names the limit and what the picture has."""
    message = expect_error(_post(client, png_claiming(50_000, 50_000), "bomb.png"), 422, "IMAGE_PROCESSING_ERROR")
    assert "2500000000" in message
    assert "250000000" in message.replace("2500000000", "")
    assert _is_empty(client)


def test_an_animation_counts_all_its_frames(narrow_client):
    """The pixel limit holds for all frames together."""
    from PIL import Image

    frames = [Image.new("P", (600, 600), index) for index in range(3)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    message = expect_error(_post(narrow_client, data), 422, "IMAGE_PROCESSING_ERROR")
    assert str(3 * 600 * 600) in message
    expect(_post(narrow_client, encoded(frames[0], "GIF")), STREAM)


def test_title_and_tags_are_kept(client):
    """Title and tags are trimmed and come back as they were sent."""
    made = upload(client, photo(), title="  North pier ", tags="harbour, fog,,harbour, Fog ", auto_describe="false")
    detail = _detail(client, made)
    assert (detail["title"], detail["tags"]) == ("North pier", ["harbour", "fog", "Fog"])


@pytest.mark.parametrize("title", ["", "   ", "\t\n"])
def test_an_empty_title_is_none(client, title):
    """A title of nothing but space is stored as null."""
    assert _detail(client, upload(client, photo(), title=title, auto_describe="false"))["title"] is None


def test_lengths_count_characters_after_trimming(client):
    """255 characters of title, 40 tags and 50 characters of a tag are allowed, whatever their bytes and the space around."""
    title, tags = "漢" * 255, ["\N{CAMERA}" * 50, *(f"tag {index}" for index in range(39))]
    made = expect(_post(client, photo(), title=f"  {title}  ", tags=" , ".join([*tags, tags[1]])), STREAM)
    detail = _detail(client, made)
    assert (detail["title"], detail["tags"]) == (title, tags)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "x" * 256},
        {"tags": ",".join(f"tag {index}" for index in range(41))},
        {"tags": "a," + "x" * 51},
        {"title": "a\0b"},
        {"tags": "a\0b"},
        {"auto_describe": "perhaps"},
        {"auto_describe": "2"},
        {"auto_describe": ""},
        {"skip_duplicates": "none"},
        {"storage_target": "custom"},
        {"storage_target": "elsewhere"},
        {"storage_target": ""},
    ],
    ids=brief,
)
def test_a_bad_field_refuses_the_upload(client, fields):
    """Every field out of its bounds is 422 and names itself; nothing is stored."""
    answer = _post(client, photo(), **fields)
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert next(iter(fields)) in answer.json()["error"]["details"]["field"]
    assert _is_empty(client)


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "1", "yes", "YES", "on", "On"])
def test_words_for_true(client, word):
    """Each of these means true, in any case."""
    assert expect(_post(client, photo(), auto_describe=word), STREAM)["description_queued"] is True


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "0", "no", "NO", "off", "Off"])
def test_words_for_false(client, word):
    """Each of these means false, in any case."""
    assert expect(_post(client, photo(), auto_describe=word), STREAM)["description_queued"] is False


def test_fields_may_stand_before_and_after_the_file(client):
    """The order of a form's parts has no meaning, for good fields and for bad ones."""
    made = _raw(
        client, _field("title", "before"), _file(photo()), _field("tags", "after"), _field("auto_describe", "no")
    )
    detail = _detail(client, expect(made, STREAM))
    assert (detail["title"], detail["tags"], detail["description_status"]) == ("before", ["after"], "skipped")
    expect_error(_raw(client, _file(photo()), _field("storage_target", "elsewhere")), 422, "VALIDATION_ERROR")
    assert client.get(FILES).json()["total_count"] == 1


def test_other_fields_are_read_and_forgotten(client):
    """Fields of unknown names change nothing, however long they are and whatever they hold; a known one has its limit."""
    other = 'Content-Disposition: form-data; name="other"'
    sections = [(other, b"\xff" * 70_000), _field("colour", "green"), _file(photo()), (other, b"\xff" * 70_000)]
    expect(_raw(client, *sections, _field("auto_describe", "no")), STREAM)
    expect_error(_raw(client, _field("title", "x" * 70_000), _file(photo())), 413, "PAYLOAD_TOO_LARGE")
    as_latin = 'Content-Disposition: form-data; name="title"', b"\xff"
    expect_error(_raw(client, as_latin, _file(photo())), 422, "VALIDATION_ERROR")


def test_the_file_is_required(client):
    """A form without a file part that has a name is 422, as is any other kind of body."""
    as_text = 'Content-Disposition: form-data; name="file"', b"no file name, so no file"
    answers = [
        _raw(client, _field("title", "alone")),
        _raw(client, as_text),
        _raw(client, _file(photo(), filename="")),
        client.post(STREAM_URL, files={"files": ("other.jpg", photo())}),
        client.post(STREAM_URL, json={"file": "photo.jpg"}),
        client.post(STREAM_URL, data={"file": "photo.jpg"}),
        client.post(STREAM_URL),
    ]
    for answer in answers:
        expect_error(answer, 422, "VALIDATION_ERROR")
    assert _is_empty(client)


def test_a_broken_form_is_refused(client):
    """A multipart body that breaks off, or has no boundary, is 422 and leaves nothing behind."""
    section = _file(photo())
    expect_error(_raw(client, section, ending=""), 422, "VALIDATION_ERROR")
    expect_error(_raw(client, section, boundary=""), 422, "VALIDATION_ERROR")
    expect_error(_raw(client, section, boundary="another"), 422, "VALIDATION_ERROR")
    expect_error(_raw(client, (section[0], b"x"), ending="no boundary at all"), 422, "VALIDATION_ERROR")
    assert _is_empty(client)


def test_a_body_may_come_in_pieces(client):
    """A chunked request of unknown length, sent a few bytes at a time, is stored like any other."""
    data = photo()
    head = f"--{BOUNDARY}\r\n{_file(b'')[0]}\r\n\r\n".encode()
    body = head + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    pieces = (body[start : start + 97] for start in range(0, len(body), 97))
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    made = expect(client.post(STREAM_URL, content=pieces, headers={"Content-Type": content_type}), STREAM)
    assert _detail(client, made)["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("pier.jpg", "pier.jpg"),
        ("/home/me/pier.jpg", "pier.jpg"),
        ("C:\\Photos\\pier.jpg", "pier.jpg"),
        ("../../etc/passwd", "passwd"),
        ("folder/", "file"),
        ("Brücke bei Nacht.jpg", "Brücke bei Nacht.jpg"),
        ("日本の写真.jpg", "日本の写真.jpg"),
        ("a;b=c,d.jpg", "a;b=c,d.jpg"),
        (".jpg", ".jpg"),
    ],
)
def test_the_file_name_is_the_last_segment(client, sent, kept):
    """Folders and control characters go; the object key holds an ASCII form that cannot leave its folder."""
    made = expect(_post(client, photo(), sent), STREAM)
    assert _detail(client, made)["original_filename"] == kept
    folder, _, name = made["object_key"].rpartition("/")
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name), name
    assert folder.endswith(made["image_id"])


def test_control_characters_leave_the_file_name(client):
    """What cannot be seen does not stay in a name."""
    made = expect(_raw(client, _file(photo(), filename="pi\x01er\x7f\u0085.jpg")), STREAM)
    assert _detail(client, made)["original_filename"] == "pier.jpg"


def test_a_long_file_name_is_cut(client):
    """At most 255 characters of a file name are kept."""
    detail = _detail(client, expect(_post(client, photo(), "é" * 300 + ".jpg"), STREAM))
    assert len(detail["original_filename"]) <= 255
    assert detail["original_filename"].startswith("é" * 200)


def test_the_state_at_once_and_in_the_end(client):
    """Right after the answer the file is listed; its dimensions, blur hash and links follow in the background."""
    from tests.running import wait_until_processed

    data = photo(120, 80, exif=exif(orientation=6))
    made = upload(client, data, auto_describe="false")
    assert [item["id"] for item in expect(client.get(FILES), LIST)["files"]] == [made["image_id"]]
    detail = wait_until_processed(client, made["image_id"])
    item = expect(client.get(FILES), LIST)["files"][0]
    for found in (detail, item):
        assert found["variant_status"] == "completed"
        assert found["dimensions"] == {"width": 80, "height": 120}
        assert found["variant_count"] == 5
        assert found["blur_hash"]
        assert None not in {found["thumbnail_url"], found["medium_url"], found["full_url"]}
    assert item["filename"] == detail["original_filename"] == "photo.jpg"
    assert item["variant_error"] is item["deleted_at"] is item["folder_id"] is None


def test_plain_pictures_are_told_apart(client):
    """Two pictures of one colour each are two files, with the sizes of their bytes."""
    first, second = plain(), plain()
    for data in (first, second):
        assert _detail(client, upload(client, data, auto_describe="false"))["size_bytes"] == len(data)
    assert client.get(FILES).json()["total_count"] == 2

"""Multipart bodies as real clients and unreal ones write them: section 1.3."""

from __future__ import annotations

import json

import pytest

from tests.contracts.photos import photo
from tests.contracts.vision import (
    BOUNDARY,
    GET,
    LIST,
    MULTIPART,
    UPLOAD,
    entry,
    exchange,
    head,
    multipart,
    part,
    plant,
    raw_part,
    send,
)
from tests.contracts.vision_shapes import expect_error, ids, results

PLAIN = json.dumps({"requests": [entry()]})


def _name_of(client, image_id):
    """The file name that the library has for an image."""
    return client.get(f"/api/v2/user-files/{image_id}").json()["original_filename"]


@pytest.mark.parametrize(
    "disposition",
    [
        "form-data; name=images; filename=a.jpg",
        'form-data; name=images; filename="a.jpg"',
        'form-data;name="images";filename=a.jpg',
        'Form-Data; Name="images"; FileName="a.jpg"',
        'form-data; filename="a.jpg"; name="images"',
        'form-data ; name = "images" ; filename = "a.jpg"',
    ],
)
def test_names_of_parts_may_be_unquoted(idle_client, disposition):
    """Quotes, order and case of the parameters mean nothing."""
    answer = send(idle_client, raw_part(disposition, photo()), raw_part("form-data; name=metadata", PLAIN))
    (image,) = results(answer)
    assert image["indexing_status"] == 0
    assert _name_of(idle_client, image["image_id"]) == "a.jpg"


def test_an_unquoted_name_of_a_field_is_read(idle_client):
    """Also of one that is no file."""
    known = plant(idle_client, 2)
    parts = [raw_part("form-data; name=image_ids", each) for each in known]
    assert ids(send(idle_client, *parts, path=GET)) == known


@pytest.mark.parametrize(
    ("written", "boundary"),
    [('"quoted"', "quoted"), ('"with space"', "with space"), ('"a:b/c=d?e"', "a:b/c=d?e"), ("'x'", "'x'"), ("a" * 70, "a" * 70),
     ("----WebKitFormBoundaryAbC123", "----WebKitFormBoundaryAbC123")],
)  # fmt: skip
def test_boundaries_may_be_quoted(idle_client, written, boundary):
    """As the standard allows them."""
    body = multipart(part("images", photo(), "a.jpg"), part("metadata", PLAIN), boundary=boundary)
    for kind in (f"multipart/form-data; boundary={written}", f"Multipart/Form-Data; charset=utf-8; BOUNDARY={written}"):
        answer = idle_client.post(UPLOAD, content=body, headers={"content-type": kind})
        assert results(answer)[0]["indexing_status"] == 0


def test_fields_may_come_in_any_order(idle_client):
    """Metadata before the files, after them, and between them."""
    metadata = part("metadata", json.dumps({"requests": [entry(n=0), entry(n=1)]}))
    first, second = (part("images", photo(), f"{n}.jpg") for n in range(2))
    for parts in ((metadata, first, second), (first, metadata, second), (first, second, metadata)):
        assert [image["image_metadata"] for image in results(send(idle_client, *parts))] == [{"n": 0}, {"n": 1}]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("content/demo.jpg", "demo.jpg"),
        ("/etc/passwd.jpg", "passwd.jpg"),
        ("../../up.jpg", "up.jpg"),
        ("C:\\\\photos\\\\a.jpg", "a.jpg"),
        ("a/b\\\\c.jpg", "c.jpg"),
        ("caf\u00e9 \u65e5\u672c.jpg", "caf\u00e9 \u65e5\u672c.jpg"),
        ("..", None),
        ("a/", None),
        (".", None),
        ("%2e%2e%2fx.jpg", "%2e%2e%2fx.jpg"),
        ("a;b=c.jpg", "a;b=c.jpg"),
        ("x" * 3000 + ".jpg", None),
    ],
)
def test_only_the_last_component_of_a_file_name_is_used(idle_client, sent, kept):
    """Whatever folders a name has, the picture is kept and served."""
    answer = send(idle_client, part("images", data := photo(), sent), part("metadata", PLAIN))
    (image,) = results(answer)
    name = _name_of(idle_client, image["image_id"])
    assert "/" not in name
    assert "\\" not in name
    assert name == kept or (kept is None and name)
    assert idle_client.get(image["image_url"]).content == data


@pytest.mark.parametrize("name", [b"a\x00b.jpg", b"\xff\xfe.jpg", b"a\x7f\x1b.jpg", "caf\u00e9.jpg".encode("latin-1")])
def test_a_file_name_of_odd_bytes_harms_nothing(idle_client, name):
    """It is cleaned, or the body is refused as malformed."""
    body = part("images", photo(), "NAME").replace(b"NAME", name)
    answer = send(idle_client, body, part("metadata", PLAIN))
    if answer.status_code != 200:
        expect_error(answer, 400)
        return
    assert _name_of(idle_client, ids(answer)[0])


@pytest.mark.parametrize("disposition", ['form-data; name="images"', 'form-data; name="images"; filename=""'])
@pytest.mark.parametrize("kind", [None, "image/jpeg"])
def test_a_file_without_a_name_is_refused(idle_client, disposition, kind):
    """File parts need one, whatever type they claim; beside a good file too."""
    nameless = raw_part(disposition, photo(), kind)
    expect_error(send(idle_client, nameless), 400, param="images")
    expect_error(send(idle_client, part("images", photo(), "a.jpg"), nameless), 400)
    assert ids(idle_client.get("/images")) == []


@pytest.mark.parametrize("value", ["gate.jpg", "[]x", "data:image/png;base64,AAAA", " "])
def test_text_where_a_file_belongs_is_refused(anyone, value):
    """In every encoding."""
    expect_error(send(anyone, part("images", value)), 400, param="images")
    expect_error(anyone.post(UPLOAD, data={"images": value}), 400, param="images")
    expect_error(anyone.post(UPLOAD, json={"images": value}), 400, param="images")
    expect_error(anyone.post(UPLOAD, json={"images": [value]}), 400)


def test_files_nobody_asked_for_are_ignored(idle_client):
    """A file part of another name is read and thrown away."""
    answer = send(
        idle_client,
        part("video", photo(), "b.jpg"),
        part("images", photo(), "a.jpg"),
        part("other", b"\xff" * 100_000, "c.bin"),
        part("metadata", PLAIN),
    )
    assert len(results(answer)) == 1
    assert len(ids(idle_client.get("/images"))) == 1
    assert idle_client.get("/api/v2/user-files").json()["total_count"] == 1
    stray = part("photo", b"\xff\xd8\xff" + bytes(2_000), "a.jpg")
    assert ids(send(idle_client, part("image_ids", ids(answer)[0]), stray, path=GET)) == ids(answer)


GOOD = part("images", photo(), "a.jpg")
BROKEN = {
    "no boundary at the end": multipart(GOOD)[: -len(f"--{BOUNDARY}--\r\n")],
    "cut within a file": multipart(GOOD)[:-200],
    "cut within a header": multipart(GOOD)[:50],
    "another boundary": multipart(GOOD, boundary="other"),
    "not multipart at all": b"hello",
    "no disposition": multipart(b"Content-Type: text/plain\r\n\r\nx"),
    "no name": multipart(raw_part("form-data", "x")),
    "a header without a colon": multipart(b"Content-Disposition\r\n\r\nx"),
    "a header of 100 kB": multipart(raw_part('form-data; name="' + "x" * 100_000 + '"', "x")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_multipart_body_is_malformed(idle_client, case):
    """400, and nothing is kept of what came before the fault."""
    answer = idle_client.post(UPLOAD, content=BROKEN[case], headers=MULTIPART)
    expect_error(answer, 400)
    assert ids(idle_client.get("/images")) == []


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""']
)
def test_a_multipart_body_without_a_boundary_is_malformed(anyone, kind):
    """Nobody can say where its parts begin."""
    answer = anyone.post(UPLOAD, content=multipart(GOOD), headers={"content-type": kind})
    expect_error(answer, 400, "malformed_body")


def test_a_thousand_and_one_parts_are_read(idle_client):
    """The parser has no limit of its own below that of the body."""
    (image_id,) = plant(idle_client)
    junk = [part(f"field{n}", "x") for n in range(1500)]
    assert ids(send(idle_client, *junk, part("image_ids", image_id), path=GET)) == [image_id]
    assert ids(idle_client.post(LIST, data={f"field{n}": "x" for n in range(1500)} | {"limit": "1"})) == [image_id]


def test_metadata_may_be_as_long_as_its_images_need(idle_client):
    """Three images with 60 kB of custom metadata each, in one text part."""
    entries = [entry(text="x" * 60_000, n=n) for n in range(3)]
    files = [part("images", photo(), f"{n}.jpg") for n in range(3)]
    images = results(send(idle_client, *files, part("metadata", json.dumps({"requests": entries}))))
    assert [image["image_metadata"] for image in images] == [each["metadata"] for each in entries]


def test_a_body_may_arrive_in_any_pieces(idle, idle_key):
    """One byte at a time around every boundary, chunked, and in one piece: the same answer."""
    body = multipart(part("images", photo(8, 8), "a.jpg"), part("metadata", PLAIN))
    lines = ["Host: x", f"X-Api-Key: {idle_key}", f"Content-Type: {MULTIPART['content-type']}", "Connection: close"]
    pieces = (
        [body[at : at + 1] for at in range(200)] + [body[200:-100]] + [body[-100:][at : at + 1] for at in range(100)]
    )
    whole = head("POST", UPLOAD, *lines, f"Content-Length: {len(body)}")
    assert len(results(exchange(idle, whole, *pieces))) == 1
    chunked = [f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces] + [b"0\r\n\r\n"]
    assert len(results(exchange(idle, head("POST", UPLOAD, *lines, "Transfer-Encoding: chunked"), *chunked))) == 1

"""What may be uploaded into a session, under which names, and what is refused."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.contracts.analysis import ODD_NAMES, PREFIXES, account, form
from tests.contracts.analysis_shapes import SESSION, UPLOADED, expect, expect_error
from tests.contracts.photos import jpeg_of_size, photo, undecodable
from tests.contracts.vision import BOUNDARY, MULTIPART, exchange, head, multipart, part, raw_part

LARGEST = 52_428_800  # bytes of one image
MOST = 100


@pytest.fixture
def member(server):
    """A tenant without credits."""
    return account(server)


def check_path(image, session_id):
    """Assert that a path looks like the one of the documentation and leads out of nowhere."""
    folder, _, name = image["uploadPath"].rpartition("/")
    assert folder == f"/tmp/sessions/{session_id}"
    assert name
    assert name not in {".", ".."}
    assert "\\" not in name
    assert name.isprintable()
    assert len(name) <= 255


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_made_safe(idle, name):
    """Whatever a file is called: the path stays inside of its session's folder, and it can be asked for with it."""
    body = account(idle).upload((ODD_NAMES[name], photo()))
    (image,) = body["images"]
    check_path(image, body["sessionId"])
    assert "/" not in image["originalFilename"]


@pytest.mark.parametrize(
    "written",
    ["a\x00b.jpg", "\x00", "a\\\x00/../b.jpg", "%00.jpg", "\x01\x02.jpg"],
    ids=ascii,
)
def test_control_characters_in_names_are_left_out(idle, written):
    """A client library would not send them, so they are written by hand."""
    member = account(idle)
    body = multipart(raw_part(f'form-data; name="images"; filename="{written}"', photo()))
    lines = (
        f"X-API-Key: {member.key}",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {len(body)}",
    )
    answer = exchange(idle, head("POST", "/v1/sessions", "Host: x", *lines), body)
    assert answer.status_code in {201, 422}, answer.text
    if answer.status_code == 201:
        found = answer.json()
        check_path(found["images"][0], found["sessionId"])
        assert "\x00" not in answer.text
        assert "\\u0000" not in answer.text
        assert member.call("GET", f"/sessions/{found['sessionId']}").status_code == 200


def test_files_of_one_name_get_different_paths(idle):
    """In one upload and in a later one, also where a name looks like what was made of another."""
    member = account(idle)
    names = ["a.jpg", "a.jpg", "a_1.jpg", "a-1.jpg", "a_2.jpg", "a-2.jpg", "a (1).jpg", "a.jpg", "A.JPG", "dir/a.jpg"]
    body = member.upload(*((name, photo()) for name in names))
    member.upload(*((name, photo()) for name in names), into=body["sessionId"])
    images = expect(member.call("GET", f"/sessions/{body['sessionId']}"), SESSION)["images"]
    assert len(images) == 20
    assert len({image["uploadPath"] for image in images}) == 20
    assert len({image["id"] for image in images}) == 20
    assert [image["originalFilename"] for image in images[:3]] == names[:3]


def test_the_same_bytes_twice_are_two_images(idle):
    """Nothing is left out for being a duplicate."""
    data = photo()
    images = account(idle).upload(data, data)["images"]
    assert len({image["id"] for image in images}) == len({image["assetId"] for image in images}) == 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "GIF", "TIFF", "BMP"])
def test_pictures_of_these_formats_are_taken(idle, kind):
    """Those of the specification, and others that the server decodes; the ending does not matter."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(photo())).save(stream, kind)
    (image,) = account(idle).upload((f"picture.{kind.lower()}", stream.getvalue()))["images"]
    assert image["sizeBytes"] == len(stream.getvalue())


def test_the_content_tells_the_format(idle):
    """Not the name and not the type that the client says."""
    files = [("images", ("notes.txt", photo(), "text/plain"))]
    expect(account(idle).call("POST", "/sessions", files=files), UPLOADED, 201)


@pytest.mark.parametrize("data", [b"plain text", b"%PDF-1.4\n%\xe2\xe3", b"PK\x03\x04" + bytes(50), bytes(1000)])
def test_what_is_no_picture_is_refused(idle, data):
    """415, whatever it is called, alone or between good ones."""
    member = account(idle)
    for pictures in ([("photo.jpg", data)], [photo(), ("photo.jpg", data), photo()]):
        expect_error(member.call("POST", "/sessions", files=form(*pictures)), "UNSUPPORTED_FORMAT")


def test_a_picture_that_cannot_be_decoded_is_taken(idle):
    """It is told of by its analysis, so that one of a hundred costs no other."""
    assert len(account(idle).upload(photo(), undecodable(), photo()[:500])["images"]) == 3


def test_a_picture_may_have_50_megabytes_and_no_more(member):
    """That many bytes are taken, one more is 413."""
    assert member.upload(jpeg_of_size(LARGEST))["images"][0]["sizeBytes"] == LARGEST
    expect_error(member.call("POST", "/sessions", files=form(jpeg_of_size(LARGEST + 1))), "FILE_TOO_LARGE")


def test_a_session_takes_large_pictures_later_too(member):
    """Adding is an upload like the first one: megabytes are no reason to refuse."""
    session = member.open()
    assert member.upload(jpeg_of_size(5_000_000), into=session.id)["sessionId"] == session.id


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_upload_takes_a_hundred_images_and_no_more(idle, prefix):
    """Of 101 none is taken, in a new session and in one that there is."""
    member = account(idle, prefix=prefix)
    body = member.upload(*(photo() for _ in range(MOST)))
    assert len({image["id"] for image in body["images"]}) == MOST
    path = f"/sessions/{body['sessionId']}"
    for target in ("/sessions", f"{path}/images"):
        answer = member.call("POST", target, files=form(*(photo() for _ in range(MOST + 1))))
        expect_error(answer, "VALIDATION_ERROR")
    assert len(expect(member.call("GET", path), SESSION)["images"]) == MOST


def test_a_session_may_have_more_than_an_upload(idle):
    """The limit is that of one call."""
    member = account(idle)
    session = member.open(*(photo() for _ in range(MOST)))
    (image,) = member.upload(photo(), into=session.id)["images"][-1:]
    assert image["id"] not in session.ids()


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (multipart(part("title", "no files")), MULTIPART),
        (multipart(part("images", "text instead of a file")), MULTIPART),
        (multipart(part("file", photo(), "photo.jpg", "image/jpeg")), MULTIPART),
        (multipart(part("images", b"", "photo.jpg", "image/jpeg")), MULTIPART),
        (b"--nonsense", MULTIPART),
        (b"", MULTIPART),
        (photo(), {"Content-Type": "image/jpeg"}),
        (b'{"images": []}', {"Content-Type": "application/json"}),
        (b"", {}),
    ],
    ids=["no files", "text", "another field", "empty file", "cut off", "nothing", "no form", "JSON", "no body"],
)
def test_an_upload_without_pictures_is_refused(idle, content, headers):
    """422 with the one error body, for a new session and for one that there is."""
    member = account(idle)
    session = member.open()
    for path in ("/sessions", f"/sessions/{session.id}/images"):
        expect_error(member.call("POST", path, content=content, headers=headers), "VALIDATION_ERROR")
    assert len(expect(member.call("GET", f"/sessions/{session.id}"), SESSION)["images"]) == 1


def test_uploading_costs_nothing(idle):
    """A tenant without a credit can do it, and its ledger stays empty."""
    member = account(idle)
    member.open()
    assert member.credits() == {"balance": 0, "unlimited": False, "used30d": 0}
    assert member.ledger() == []


def test_a_refused_upload_leaves_nothing_behind(idle):
    """Neither in a session nor among the tenant's files."""
    member = account(idle)
    session = member.open()
    answer = member.call("POST", f"/sessions/{session.id}/images", files=form(photo(), b"plain text"))
    expect_error(answer, "UNSUPPORTED_FORMAT")
    assert len(expect(member.call("GET", f"/sessions/{session.id}"), SESSION)["images"]) == 1
    assert member.others.get("/api/v2/user-files").json()["total_count"] == 1

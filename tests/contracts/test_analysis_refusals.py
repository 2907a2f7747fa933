"""What is refused before an analysis begins: with plain JSON, nothing analysed and nothing deducted."""

from __future__ import annotations

import json

import pytest

from tests.contracts.analysis import PREFIXES, UNKNOWN_SESSION, account, named
from tests.contracts.analysis_shapes import expect_error, short_of
from tests.contracts.photos import photo

SINGLE = "-single"
TRAVERSALS = (
    "{folder}/../../../etc/passwd",
    "{folder}/../{session}/photo.jpg",
    "{folder}/./photo.jpg",
    "{folder}//photo.jpg",
    "/etc/passwd",
    "../photo.jpg",
    "file://{folder}/photo.jpg",
    "{folder}/photo.jpg/",
    "{folder}/PHOTO.JPG",
    "{folder}/photo.jpg\n",
    " {folder}/photo.jpg",
    "{folder}/photo%2ejpg",
    "{folder}/photo.jpg\x00",
    "{folder}/\ud800.jpg",
    "{folder}/" + "x" * 20_000,
    "",
    "/tmp/sessions/" + UNKNOWN_SESSION + "/photo.jpg",
)


@pytest.fixture(scope="module")
def customer(server):
    """A tenant with ten credits, none of which is ever used here."""
    made = account(server, 10)
    yield made
    assert made.settled() == (10, 0)
    assert [entry["kind"] for entry in made.ledger()] == ["grant"]


@pytest.fixture(scope="module")
def session(customer):
    """A session with three images, two of one name."""
    return customer.open(("photo.jpg", photo()), ("photo.jpg", photo()), ("other.jpg", photo()))


def attempts(session, **changes):
    """The answers of both routes to requests whose only image is changed like this; a change to None leaves the key out."""
    image = {key: value for key, value in (named(session.images[0]) | changes).items() if value is not None}
    yield session.refused({"sessionId": session.id, "images": [image]})
    yield session.refused({"sessionId": session.id, "image": image}, suffix=SINGLE)


@pytest.mark.parametrize("path", TRAVERSALS, ids=lambda path: ascii(path)[:40])
def test_a_path_that_is_not_the_image_s_own_leads_nowhere(session, path):
    """The server never opens what a client sends: anything but the very path that it gave out is 404."""
    wanted = path.format(folder=f"/tmp/sessions/{session.id}", session=session.id)
    for answer in attempts(session, uploadPath=wanted):
        # Text that cannot be stored at all may be called invalid.
        code = answer.json()["error"]["code"]
        allowed = (
            {"IMAGE_NOT_FOUND", "VALIDATION_ERROR"}
            if path == "" or set(path) & {"\x00", "\ud800"}
            else {"IMAGE_NOT_FOUND"}
        )
        assert code in allowed
        expect_error(answer, code)
        assert "root:" not in answer.text


def test_the_path_of_another_image_leads_nowhere(session):
    """Id and path belong together, also within a session and between two images of one name."""
    for place in (1, 2):
        for answer in attempts(session, uploadPath=session.images[place]["uploadPath"]):
            expect_error(answer, "IMAGE_NOT_FOUND")


@pytest.mark.parametrize(
    "image_id",
    ["img_004", "img_1", "img_01", "img_0001", "IMG_001", " img_001", "img_001 ", "img_+01", "img_-01", "img_0x1", "img_0_1",
     "img_\u0660\u0660\u0661", "img_\uff10\uff10\uff11", "img_", "1", "", "img_99999999999999999999", "img_" + "9" * 5_000,
     "img_001\x00", "\ud800", "null"],
    ids=lambda value: ascii(value)[:30],
)  # fmt: skip
def test_an_unknown_image_is_not_found(session, image_id):
    """Also what looks nearly like one that there is."""
    for answer in attempts(session, id=image_id):
        code = answer.json()["error"]["code"]
        assert code == "IMAGE_NOT_FOUND" or (code == "VALIDATION_ERROR" and image_id in {"", "img_001\x00", "\ud800"})
        expect_error(answer, code)


def test_one_unknown_image_refuses_all(session):
    """Nothing is analysed of a request that names one image too many."""
    body = session.body()
    body["images"].append(named(session.images[0]) | {"id": "img_004"})
    expect_error(session.refused(body), "IMAGE_NOT_FOUND")


def test_the_name_of_the_file_is_not_compared(customer):
    """A client may send its own name for the file; the image is found by id and path."""
    session = customer.open(("../../own folder/photo.jpg", photo()))
    image = named(session.images[0]) | {"originalFilename": "../../own folder/photo.jpg"}
    answer = session.refused({"sessionId": session.id, "images": [image, image | {"id": "img_002"}]})
    expect_error(answer, "IMAGE_NOT_FOUND")  # for the second image; had the name been wrong, no other code would come


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_image_that_is_named_twice_is_refused(session, prefix):
    """422, next to each other or not."""
    images = [named(image) for image in session.images]
    for doubled in ([images[0], images[0]], [*images, images[0]]):
        path = f"{prefix}/sessions/{session.id}/analyze"
        answer = session.account.client.post(path, json={"sessionId": session.id, "images": doubled})
        expect_error(answer, "VALIDATION_ERROR")


def test_the_session_is_the_same_in_path_and_body(session):
    """422 where they differ, whichever of them exists."""
    for body_id, path_id in ((UNKNOWN_SESSION, session.id), (session.id.upper(), session.id), ("", session.id)):
        body = session.body() | {"sessionId": body_id}
        expect_error(session.refused(body, session=path_id), "VALIDATION_ERROR")
        single = session.single_body() | {"sessionId": body_id}
        expect_error(session.refused(single, session=path_id, suffix=SINGLE), "VALIDATION_ERROR")


@pytest.mark.parametrize("key", ["id", "uploadPath", "originalFilename"])
@pytest.mark.parametrize("value", [None, 1, True, [], {}, ["img_001"]], ids=ascii)
def test_each_key_of_an_image_is_required_and_a_string(session, key, value):
    """Left out, null or of another type: 422."""
    for answer in attempts(session, **{key: value}):
        expect_error(answer, "VALIDATION_ERROR")
    image = named(session.images[0]) | {key: None}
    expect_error(session.refused({"sessionId": session.id, "images": [image]}), "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "change",
    [{"sessionId": None}, {"sessionId": 5}, {"sessionId": ...}, {"images": None}, {"images": ...}, {"images": []},
     {"images": {}}, {"images": "img_001"}, {"images": [None]}, {"images": ["img_001"]}, {"images": [[]]}],
    ids=ascii,
)  # fmt: skip
def test_a_request_has_its_keys(session, change):
    """422 for each that is missing, null or of another type."""
    body = {key: value for key, value in (session.body() | change).items() if value is not ...}
    expect_error(session.refused(body), "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "change", [{"sessionId": ...}, {"image": ...}, {"image": None}, {"image": []}, {"image": "x"}], ids=ascii
)
def test_a_request_for_one_image_has_its_keys(session, change):
    """422, also where the images of the other route are sent."""
    body = {key: value for key, value in (session.single_body() | change).items() if value is not ...}
    expect_error(session.refused(body, suffix=SINGLE), "VALIDATION_ERROR")
    expect_error(session.refused(session.body(), suffix=SINGLE), "VALIDATION_ERROR")


def test_a_request_names_a_hundred_images_at_most(session):
    """101 are refused as such, whether they exist or not."""
    image = named(session.images[0])
    images = [image | {"id": f"img_{number:03}"} for number in range(1, 102)]
    expect_error(session.refused({"sessionId": session.id, "images": images}), "VALIDATION_ERROR")
    expect_error(session.refused({"sessionId": session.id, "images": images[:100]}), "IMAGE_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"1", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"sessionId": ' + b"9" * 5_000 + b"}",
     b'{"sessionId": NaN}', b"sessionId=x&images=y", b'{"sessionId": "a", "sessionId": "b", "images": []}'],
    ids=lambda body: ascii(body[:30]),
)  # fmt: skip
def test_a_body_that_is_no_object_is_refused(session, body):
    """422 with the one error body, for both routes."""
    for suffix in ("", SINGLE):
        expect_error(session.refused(body, suffix=suffix), "VALIDATION_ERROR")


def test_a_body_of_megabytes_is_refused(session):
    """Before it is looked at."""
    body = session.body() | {"note": "x" * 20_000_000}
    answer = session.refused(body)
    assert answer.status_code in {413, 422}
    expect_error(answer, answer.json()["error"]["code"])


def test_details_do_not_repeat_what_was_sent(session):
    """An error says which key is wrong, not a megabyte of its value."""
    image = named(session.images[0]) | {"id": ["secret" * 10_000]}
    answer = session.refused({"sessionId": session.id, "images": [image]})
    expect_error(answer, "VALIDATION_ERROR")
    assert len(answer.content) < 5_000


def test_a_validation_error_names_the_key(session):
    """Somewhere in its details or its message."""
    image = named(session.images[0])
    image.pop("uploadPath")
    answer = session.refused({"sessionId": session.id, "images": [image]})
    assert "uploadPath" in json.dumps(answer.json()["error"])


def test_too_few_credits_are_told_before_anything_begins(server):
    """402 with what it takes and what there is, for all images together; nothing is deducted."""
    payer = account(server, 2)
    session = payer.open(*(photo() for _ in range(3)))
    short_of(session.refused(session.body()), 3, 2)
    assert payer.settled() == (2, 0)
    assert [entry["kind"] for entry in payer.ledger()] == ["grant"]
    assert payer.balance == 2


def test_a_tenant_without_credits_gets_no_analysis(server):
    """402 for both routes."""
    poor = account(server)
    session = poor.open()
    short_of(session.refused(session.body()), 1, 0)
    short_of(session.refused(session.single_body(), suffix=SINGLE), 1, 0)
    assert poor.ledger() == []


def test_what_is_wrong_is_told_before_what_is_missing(server):
    """An unknown image is 404 also for who could not pay for it."""
    poor = account(server)
    session = poor.open()
    image = named(session.images[0]) | {"id": "img_002"}
    expect_error(session.refused({"sessionId": session.id, "images": [image]}), "IMAGE_NOT_FOUND")
    expect_error(session.refused({"sessionId": session.id, "images": []}), "VALIDATION_ERROR")

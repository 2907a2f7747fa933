"""Uploads in two steps: sections 2.1 and 2.2, points 6 to 8 of the checklist."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.contracts.photos import photo, png_claiming
from tests.contracts.shapes import CONFIRM, DETAIL, INITIATE, LIST, brief, expect, expect_error
from tests.running import wait_for, wait_until_processed

FILES = "/api/v2/user-files"
INITIATE_URL, CONFIRM_URL = f"{FILES}/upload/initiate", f"{FILES}/upload/confirm"
FORM = {"filename": "pier.jpg", "content_type": "image/jpeg", "size_bytes": "1000", "auto_describe": "false"}


def _initiate(client, **fields):
    return expect(client.post(INITIATE_URL, data={**FORM, **fields}), INITIATE)


def _put(browser, made, data):
    return browser.put(made["upload_url"], content=data)


def _confirm(client, made, size, **changes):
    body = {"object_key": made["object_key"], "size_bytes": size, "image_id": made["image_id"], **changes}
    return client.post(CONFIRM_URL, json=body)


def _listed(client):
    return {item["id"] for item in expect(client.get(FILES), LIST)["files"]}


def test_initiate_announces_an_upload(client):
    """All ten keys, a PUT target, and an expiry at most ten minutes away."""
    before = datetime.now(UTC)
    made = _initiate(client, title="Pier", tags="a,b")
    lifetime = datetime.fromisoformat(made["expires_at"]) - before
    assert timedelta(minutes=9) < lifetime <= timedelta(minutes=10, seconds=5)
    assert made["object_key"].endswith(f"/{made['image_id']}/pier.jpg")


def test_initiate_takes_a_url_encoded_form_and_a_multipart_one(client):
    """A form without a file may come in either encoding."""
    multipart = {name: (None, value) for name, value in FORM.items()}
    expect(client.post(INITIATE_URL, files=multipart), INITIATE)
    expect(client.post(INITIATE_URL, data=FORM), INITIATE)


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/jpg", "image/png", "image/webp", "image/gif"])
def test_initiate_takes_image_types(client, content_type):
    """The four image types, and the common misspelling of one, get a target for their bytes."""
    assert _initiate(client, content_type=content_type)["upload_url"].startswith("http")


@pytest.mark.parametrize(
    "fields",
    [
        {"content_type": "application/pdf"},
        {"content_type": "image/svg+xml"},
        {"content_type": ""},
        {"size_bytes": "0"},
        {"size_bytes": "-1"},
        {"size_bytes": "many"},
        {"size_bytes": "1.5"},
        {"size_bytes": "1e3"},
        {"size_bytes": ""},
        {"filename": ""},
        {"filename": "x" * 256},
        {"filename": "a\0b"},
        {"title": "x" * 256},
        {"tags": ",".join(map(str, range(41)))},
        {"auto_describe": "perhaps"},
    ],
    ids=brief,
)
def test_initiate_refuses_bad_fields(client, fields):
    """Each field is checked, and the answer names it."""
    answer = client.post(INITIATE_URL, data={**FORM, **fields})
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert next(iter(fields)) in answer.json()["error"]["details"]["field"]


@pytest.mark.parametrize("missing", ["filename", "content_type", "size_bytes"])
def test_initiate_needs_its_fields(client, missing):
    """A missing field is 422 and named; a JSON body has no fields at all."""
    answer = client.post(INITIATE_URL, data={name: value for name, value in FORM.items() if name != missing})
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["field"].endswith(missing)
    refused = client.post(INITIATE_URL, json={**FORM, "size_bytes": 1000})
    expect_error(refused, 422, "VALIDATION_ERROR")
    assert {entry["loc"][-1] for entry in refused.json()["detail"]} == {"filename", "content_type", "size_bytes"}


def test_the_whole_way(client, browser):
    """Announced, put without a token, confirmed: title and tags of initiate, then a file like any other."""
    data = photo()
    made = _initiate(client, title=" Pier ", tags="b, a,b")
    assert _listed(client) == set()
    put = _put(browser, made, data)
    assert (put.status_code, put.content) == (200, b"")
    assert put.headers["etag"].startswith('"')
    assert put.headers["etag"].endswith('"')
    assert _listed(client) == set()
    expect_error(client.get(f"{FILES}/{made['image_id']}"), 404)
    confirmed = expect(_confirm(client, made, len(data)), CONFIRM)
    assert confirmed == {
        "image_id": made["image_id"],
        "description_status": "skipped",
        "title": "Pier",
        "tags": ["b", "a"],
    }
    assert _listed(client) == {made["image_id"]}
    detail = expect(client.get(f"{FILES}/{made['image_id']}"), DETAIL)
    assert (detail["size_bytes"], detail["upload_method"]) == (len(data), "PRESIGNED")
    assert detail["hash"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert detail["original_filename"] == "pier.jpg"
    assert detail["object_key"] == made["object_key"]
    assert wait_until_processed(client, made["image_id"])["variant_status"] == "completed"


def test_a_description_will_follow_if_asked(client, browser):
    """`description_status` is "pending" when auto_describe was left on."""
    data = photo()
    made = _initiate(client, auto_describe="true")
    _put(browser, made, data)
    assert expect(_confirm(client, made, len(data)), CONFIRM)["description_status"] == "pending"


def test_the_content_decides_the_type(client, browser):
    """A PNG announced as a JPEG is stored as PNG, and the size may differ from the announced one."""
    data = photo(kind="PNG")
    made = _initiate(client)
    _put(browser, made, data)
    expect(_confirm(client, made, len(data)), CONFIRM)
    assert client.get(f"{FILES}/{made['image_id']}").json()["content_type"] == "image/png"


def test_a_second_put_replaces_the_first(client, browser):
    """Until it is confirmed, the object can be put again; the last bytes count."""
    first, second = photo(), photo(50, 30)
    made = _initiate(client)
    etags = {_put(browser, made, data).headers["etag"] for data in (first, second)}
    assert len(etags) == 2
    expect_error(_confirm(client, made, len(first)), 409, "CONFLICT")
    expect(_confirm(client, made, len(second)), CONFIRM)
    detail = client.get(f"{FILES}/{made['image_id']}").json()
    assert detail["hash"] == f"sha256:{hashlib.sha256(second).hexdigest()}"


def test_a_put_after_confirm_is_refused(client, browser):
    """A confirmed file cannot be overwritten through its old target."""
    data = photo()
    made = _initiate(client)
    _put(browser, made, data)
    expect(_confirm(client, made, len(data)), CONFIRM)
    expect_error(_put(browser, made, photo()), 409, "CONFLICT")
    link = client.get(f"{FILES}/{made['image_id']}/download").headers["location"]
    assert browser.get(link).content == data


def test_too_many_bytes_are_refused(client, browser):
    """More than the maximum is 413 and nothing of it is kept."""
    made = _initiate(client)
    pieces = (bytes(1024 * 1024) for _ in range(51))
    expect_error(browser.put(made["upload_url"], content=pieces), 413, "PAYLOAD_TOO_LARGE")
    expect_error(_confirm(client, made, 51 * 1024 * 1024), 409, "CONFLICT")


@pytest.mark.parametrize("part", ["sig", "exp", "t", "path"])
def test_a_tampered_target_is_404(client, browser, new_client, part):
    """An upload target of which anything was changed is unknown."""
    made, other = _initiate(client), _initiate(new_client())
    address = made["upload_url"]
    if part == "path":
        address = address.replace(made["image_id"], other["image_id"])
    else:
        before, _, after = address.partition(f"{part}=")
        address = f"{before}{part}={'1' if after[0] != '1' else '2'}{after[1:]}"
    assert address != made["upload_url"]
    expect_error(browser.put(address, content=photo()), 404, "NOT_FOUND")
    expect_error(browser.put(made["upload_url"].partition("?")[0], content=photo()), 404, "NOT_FOUND")


def test_a_target_is_no_link_to_read(client, browser):
    """The signature of a PUT target opens nothing for GET."""
    made = _initiate(client)
    _put(browser, made, photo())
    assert browser.get(made["upload_url"]).status_code in {404, 405}


def test_a_repeated_confirm_gets_the_first_answer(client, browser):
    """The same confirm again answers exactly the same, and the file is there once with one history."""
    data = photo()
    made = _initiate(client, title="Pier", tags="a")
    _put(browser, made, data)
    first = expect(_confirm(client, made, len(data)), CONFIRM)
    wait_until_processed(client, made["image_id"])
    client.patch(f"{FILES}/{made['image_id']}", json={"title": "Changed", "tags": []})
    history = client.get(f"{FILES}/{made['image_id']}").json()["processing_history"]
    assert expect(_confirm(client, made, len(data)), CONFIRM) == first
    assert _listed(client) == {made["image_id"]}
    assert client.get(f"{FILES}/{made['image_id']}").json()["processing_history"] == history
    expect_error(_confirm(client, made, len(data) + 1), 409, "CONFLICT")


def test_confirms_at_once_make_one_file(server, browser):
    """Confirms that arrive together all answer 200 with one body, and make one file with one set of jobs."""
    key, data = server.new_key(), photo()
    with server.client(key) as client:
        made = _initiate(client)
        _put(browser, made, data)
        at_once = threading.Barrier(3)

        def send():
            with server.client(key) as own:
                own.get(FILES)
                at_once.wait()
                return expect(_confirm(own, made, len(data)), CONFIRM)

        with ThreadPoolExecutor(3) as pool:
            answers = [future.result() for future in [pool.submit(send) for _ in range(3)]]
        assert answers[0] == answers[1] == answers[2]
        assert client.get(FILES).json()["total_count"] == 1
        steps = [
            step["operation_type"] for step in client.get(f"{FILES}/{made['image_id']}").json()["processing_history"]
        ]
        assert len(steps) == len(set(steps))


def test_confirm_without_bytes_can_be_tried_again(client, browser):
    """No bytes or another size is 409; after a PUT the same confirm succeeds."""
    data = photo()
    made = _initiate(client)
    expect_error(_confirm(client, made, len(data)), 409, "CONFLICT")
    _put(browser, made, data)
    expect_error(_confirm(client, made, len(data) - 1), 409, "CONFLICT")
    expect(_confirm(client, made, len(data)), CONFIRM)


def test_confirm_needs_its_own_id_and_key(client, new_client, browser):
    """An unknown id, another upload's key, or another tenant's upload is 404, and none of it harms the upload."""
    data = photo()
    made, other = _initiate(client), _initiate(client)
    _put(browser, made, data)
    expect_error(_confirm(client, made, len(data), image_id=str(uuid4())), 404, "NOT_FOUND")
    expect_error(_confirm(client, made, len(data), object_key=other["object_key"]), 404, "NOT_FOUND")
    expect_error(_confirm(client, made, len(data), object_key="../x"), 404, "NOT_FOUND")
    expect_error(_confirm(new_client(), made, len(data)), 404, "NOT_FOUND")
    expect(_confirm(client, made, len(data), image_id=made["image_id"].upper()), CONFIRM)


@pytest.mark.parametrize(
    "changes",
    [
        {"size_bytes": 0},
        {"size_bytes": -5},
        {"size_bytes": "1000"},
        {"size_bytes": 10.5},
        {"size_bytes": True},
        {"size_bytes": None},
        {"image_id": "not-an-id"},
        {"image_id": None},
        {"object_key": None},
        {"object_key": 5},
        {"object_key": "a\0b"},
    ],
    ids=brief,
)
def test_confirm_refuses_bad_values(client, changes):
    """Each key of the body is checked."""
    expect_error(_confirm(client, _initiate(client), 1000, **changes), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("missing", ["object_key", "size_bytes", "image_id"])
def test_confirm_needs_all_keys(client, missing):
    """A missing key is 422 and named."""
    body = {"object_key": "x", "size_bytes": 1, "image_id": str(uuid4())}
    del body[missing]
    answer = client.post(CONFIRM_URL, json=body)
    expect_error(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["error"]["details"]["field"] == f"body.{missing}"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"some text, which is no image", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (photo()[:30], 422, "IMAGE_PROCESSING_ERROR"),
        (png_claiming(50_000, 50_000), 422, "IMAGE_PROCESSING_ERROR"),
    ],
    ids=["text", "nothing", "cut off", "bomb"],
)
def test_unusable_bytes_end_the_upload(client, browser, data, status, code):
    """What is no acceptable image is refused at confirm; the upload is forgotten and the id unknown from then on."""
    made = _initiate(client)
    assert _put(browser, made, data).status_code == 200
    refused = _confirm(client, made, max(1, len(data)))
    if data:
        expect_error(refused, status, code)
        expect_error(_confirm(client, made, len(data)), 404, "NOT_FOUND")
        expect_error(_put(browser, made, photo()), 404, "NOT_FOUND")
    else:
        expect_error(refused, 409, "CONFLICT")  # zero bytes are never the one or more that confirm must name
    assert _listed(client) == set()


def test_confirm_never_looks_for_duplicates(client, browser):
    """The same bytes twice are two files."""
    data, ids = photo(), set()
    for _ in range(2):
        made = _initiate(client)
        _put(browser, made, data)
        ids.add(expect(_confirm(client, made, len(data)), CONFIRM)["image_id"])
    assert _listed(client) == ids
    assert len(ids) == 2


def test_a_deleted_file_cannot_be_confirmed_again(client, browser):
    """After a confirmed file was deleted, confirm answers 404."""
    data = photo()
    made = _initiate(client)
    _put(browser, made, data)
    expect(_confirm(client, made, len(data)), CONFIRM)
    client.delete(f"{FILES}/{made['image_id']}")
    expect_error(_confirm(client, made, len(data)), 404, "NOT_FOUND")


def test_an_expired_upload_is_410(narrow_client, browser):
    """After `expires_at` neither PUT nor confirm work, but a confirm that was in time is answered again."""
    data = photo()
    late, early = _initiate(narrow_client), _initiate(narrow_client)
    _put(browser, late, data)
    _put(browser, early, data)
    first = expect(_confirm(narrow_client, early, len(data)), CONFIRM)
    last = max(datetime.fromisoformat(made["expires_at"]) for made in (late, early))
    wait_for(lambda: datetime.now(UTC) > last + timedelta(seconds=1), "the time did not pass")
    expect_error(_put(browser, late, data), 410, "UPLOAD_EXPIRED")
    expect_error(_confirm(narrow_client, late, len(data)), 410, "UPLOAD_EXPIRED")
    assert expect(_confirm(narrow_client, early, len(data)), CONFIRM) == first
    assert _listed(narrow_client) == {early["image_id"]}


def test_file_names_cannot_break_out(client, browser):
    """A name with line breaks, quotes and folders is kept as a harmless name."""
    data = photo()
    made = _initiate(client, filename='../..\\a"b\r\nSet-Cookie: x=1;é.jpg')
    _put(browser, made, data)
    expect(_confirm(client, made, len(data)), CONFIRM)
    detail = client.get(f"{FILES}/{made['image_id']}").json()
    assert detail["original_filename"] == 'a"bSet-Cookie: x=1;é.jpg'
    answer = browser.get(client.get(f"{FILES}/{made['image_id']}/download").headers["location"])
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-disposition"].startswith('attachment; filename="a\\"bSet-Cookie: x=1;e.jpg"')

"""Bodies of the Vision API: three encodings that mean the same, and nothing at all: section 1.3."""

from __future__ import annotations

import json

import pytest

from tests.contracts.photos import photo
from tests.contracts.vision import (
    DELETE,
    ENCODINGS,
    FORM,
    GET,
    JSON,
    LIST,
    MULTIPART,
    SEARCH,
    SOME_ID,
    UPLOAD,
    call,
    entry,
    exchange,
    head,
    part,
    plant,
    send,
    stored,
    unknown,
    upload,
)
from tests.contracts.vision_shapes import deletion, expect_error, faults_of, ids, one, results

JSON_TYPES = [
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
]
EMPTY_TYPES = [
    *JSON_TYPES,
    FORM["content-type"],
    MULTIPART["content-type"],
    "multipart/form-data",
    "text/csv",
    "x",
    None,
]


@pytest.fixture(scope="module")
def gallery(idle):
    """A client and the ids of three images, oldest first, recorded at 100, 200.5 and never."""
    with idle.client(idle.new_key()) as client:
        entries = [entry(recorded_timestamp_utc=100), entry(recorded_timestamp_utc=200.5), entry()]
        yield client, [image["image_id"] for image in stored(client, *entries)]


# ------------------------------------------------------------------------------ one call, three encodings


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_get_means_the_same_in_every_encoding(gallery, encoding):
    """One id and several."""
    client, known = gallery
    assert ids(call(client, GET, {"image_ids": known[::-1]}, encoding)) == known[::-1]
    assert ids(call(client, GET, {"image_ids": known[:1]}, encoding)) == known[:1]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_list_means_the_same_in_every_encoding(gallery, encoding):
    """Numbers, ids and the filter's object."""
    client, known = gallery
    within = {"recorded_timestamp_utc": {"operator": "range", "value": {"_from": 100, "_to": 200.5}}}
    assert ids(call(client, LIST, {}, encoding)) == known[::-1]
    assert ids(call(client, LIST, {"limit": 1, "offset": 1}, encoding)) == known[1:2]
    assert ids(call(client, LIST, {"filters": within}, encoding)) == [known[1], known[0]]
    assert ids(call(client, LIST, {"image_ids": known[:2], "filters": within, "limit": 1}, encoding)) == [known[1]]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_delete_means_the_same_in_every_encoding(idle_client, encoding):
    """The body is that of the POST route."""
    known = plant(idle_client, 2)
    nobody = unknown()
    assert deletion(call(idle_client, DELETE, {"image_ids": [*known, nobody]}, encoding)) == (known, [nobody])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_search_means_the_same_in_every_encoding(anyone, encoding):
    """What it takes and what it refuses."""
    body = {"query": "a red door", "max_results": 5, "threshold": 0.5, "search_mode": "joined", "text_weight": 1}
    assert call(anyone, SEARCH, body, encoding).json() == {"results": []}
    expect_error(call(anyone, SEARCH, {**body, "max_results": 0}, encoding), 400, "invalid_parameter", "max_results")
    expect_error(call(anyone, SEARCH, {"max_results": 1}, encoding), 400, "missing_parameter", "query")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rest_delete_takes_any_body(idle_client, encoding):
    """DELETE of one image needs no body and minds none."""
    (image_id,) = plant(idle_client)
    answer = call(idle_client, f"/images/{image_id}", {"reason": "old"}, encoding, method="DELETE")
    assert deletion(answer) == ([image_id], [])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_faults_are_the_same_in_every_encoding(anyone, encoding):
    """A fault's code, param and message do not depend on how it was sent."""
    body = {"limit": 0, "offset": -1, "filters": {"color": {"value": 1}}}
    expected = call(anyone, LIST, body)
    error = expect_error(expected, 400, "invalid_parameter")
    assert len(faults_of(error)) == 3
    assert call(anyone, LIST, body, encoding).json() == expected.json()


# ------------------------------------------------------------------------------ nothing, and other types


@pytest.mark.parametrize("kind", EMPTY_TYPES)
def test_an_empty_body_is_an_empty_object(idle_client, kind):
    """With a JSON type, with another, with one that is never taken, or with none."""
    headers = {} if kind is None else {"content-type": kind}
    assert ids(idle_client.post(LIST, headers=headers)) == []
    for path, param in ((GET, "image_ids"), (DELETE, "image_ids"), (SEARCH, "query")):
        expect_error(idle_client.post(path, headers=headers), 400, "missing_parameter", param)
    expect_error(idle_client.post(UPLOAD, headers=headers), 400)


@pytest.mark.parametrize("lines", [["Transfer-Encoding: chunked"], ["Content-Length: 0"], []])
def test_an_empty_body_is_empty_however_it_is_announced(idle, idle_key, lines):
    """Chunked without a chunk, of length 0, or not announced."""
    request = head("POST", LIST, "Host: x", f"X-Api-Key: {idle_key}", "Connection: close", *lines)
    answer = exchange(idle, request, b"0\r\n\r\n" if lines[:1] == ["Transfer-Encoding: chunked"] else b"")
    assert results(answer) == []


def test_a_multipart_body_without_parts_is_empty(anyone):
    """Only the closing boundary."""
    assert results(send(anyone, path=LIST)) == []


def test_a_body_without_a_type_is_json(gallery):
    """Both what fits and what is broken."""
    client, known = gallery
    assert ids(client.post(GET, content=json.dumps({"image_ids": known}).encode())) == known
    expect_error(client.post(GET, content=b"image_ids=1"), 400, "malformed_body")


@pytest.mark.parametrize("kind", JSON_TYPES)
def test_the_type_is_read_without_case_and_parameters(gallery, kind):
    """A charset or an upper-case letter is no other type."""
    client, known = gallery
    body = json.dumps({"limit": 1})
    assert ids(client.post(LIST, content=body, headers={"content-type": kind})) == known[-1:]
    form = {"content-type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}
    assert ids(client.post(LIST, content="limit=2", headers=form)) == known[:0:-1]


@pytest.mark.parametrize(
    "kind", ["text/csv", "text/plain", "application/xml", "application/octet-stream", "image/jpeg", "json",
             "multipart/mixed; boundary=x"]
)  # fmt: skip
@pytest.mark.parametrize("path", [UPLOAD, GET, LIST, DELETE, SEARCH])
def test_another_type_is_unsupported(anyone, kind, path):
    """415, whatever stands in the body."""
    answer = anyone.post(path, content=b'{"limit": 1}', headers={"content-type": kind})
    expect_error(answer, 415, "unsupported_media_type")


def test_the_query_of_a_post_is_not_its_body(gallery):
    """Fields are read from the body alone."""
    client, known = gallery
    assert ids(client.post(LIST, params={"limit": "1"}, json={})) == known[::-1]


# ------------------------------------------------------------------------------ lists


def _query(*fields):
    return "&".join(f"{name}={value}" for name, value in fields)


@pytest.mark.parametrize("space", ["", " "])
def test_ids_may_be_separated_by_commas(gallery, space):
    """In a form, in a query, and as one string in JSON."""
    client, known = gallery
    joined = f",{space}".join(known)
    assert ids(client.post(GET, json={"image_ids": joined})) == known
    assert ids(client.post(GET, data={"image_ids": joined})) == known
    assert ids(send(client, part("image_ids", joined), path=GET)) == known
    assert ids(client.get("/images", params={"ids": joined})) == known
    assert ids(client.post(LIST, json={"image_ids": joined})) == known[::-1]


def test_ids_may_be_json_text(gallery):
    """One field that holds an array."""
    client, known = gallery
    text = json.dumps(known)
    assert ids(client.post(GET, data={"image_ids": text})) == known
    assert ids(send(client, part("image_ids", text), path=GET)) == known
    assert ids(client.post(GET, json={"image_ids": text})) == known
    assert ids(client.get("/images", params={"ids": text})) == known
    assert ids(client.post(GET, data={"image_ids": "[]"})) == []


def test_ids_may_be_one_string(gallery):
    """A list of one, in every place."""
    client, known = gallery
    assert ids(client.post(GET, json={"image_ids": known[0]})) == known[:1]
    assert ids(client.post(GET, data={"image_ids": known[0]})) == known[:1]
    assert ids(client.get("/images", params={"ids": known[0]})) == known[:1]
    assert ids(client.post(LIST, data={"image_ids": known[0]})) == known[:1]


def test_ids_may_be_repeated(gallery):
    """As urlencoded fields, parts, and in a query."""
    client, known = gallery
    body = _query(*(("image_ids", each) for each in known))
    assert ids(client.post(GET, content=body, headers=FORM)) == known
    assert ids(send(client, *(part("image_ids", each) for each in known), path=GET)) == known
    assert ids(client.get("/images", params=[("ids", each) for each in known])) == known


@pytest.mark.parametrize("value", [5, 0, 1.5, True, {}, {"a": 1}, [5], [None], [["x"]], [{}], [SOME_ID, None], [True]])
def test_ids_that_are_no_strings_are_refused(anyone, value):
    """400 that names the field, for reading and for deleting."""
    for path in (GET, DELETE, LIST):
        error = expect_error(anyone.post(path, json={"image_ids": value}), 400, "invalid_parameter")
        assert error["param"].startswith("image_ids")


@pytest.mark.parametrize("path", [GET, DELETE])
@pytest.mark.parametrize("value", [None, ""])
def test_required_ids_that_are_nothing_are_missing(anyone, path, value):
    """Null and the empty string are the same as no field, in every encoding."""
    expect_error(anyone.post(path, json={"image_ids": value}), 400, param="image_ids")
    expect_error(anyone.post(path, content=b"image_ids=", headers=FORM), 400, param="image_ids")
    expect_error(send(anyone, part("image_ids", ""), path=path), 400, param="image_ids")


@pytest.mark.parametrize("path", [GET, DELETE, LIST])
def test_a_thousand_ids_are_taken_and_one_more_is_not(anyone, path):
    """Beside another field, so that no limit of a parser comes first; in every encoding."""
    many = [unknown() for _ in range(1000)]
    for encoding in ENCODINGS:
        body = {"image_ids": many, "user_id": "me", "limit": 5}
        assert call(anyone, path, body, encoding).status_code == 200
        body["image_ids"] = [*many, unknown()]
        expect_error(call(anyone, path, body, encoding), 400, "invalid_parameter", "image_ids")


# ------------------------------------------------------------------------------ absent


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_optional_field_that_is_nothing_is_absent(gallery, nothing):
    """Null and the empty string."""
    client, known = gallery
    body = dict.fromkeys(("limit", "offset", "filters", "image_ids"), nothing)
    assert ids(client.post(LIST, json=body)) == known[::-1]
    assert ids(client.post(LIST, json={"filters": {"recorded_timestamp_utc": nothing}})) == known[::-1]
    search = dict.fromkeys(("max_results", "threshold", "search_mode", "image_weight", "text_weight"), nothing)
    assert client.post(SEARCH, json={"query": "door", **search}).status_code == 200


def test_an_empty_field_of_a_form_or_query_is_absent(gallery):
    """As browsers send what nobody filled in."""
    client, known = gallery
    assert ids(client.post(LIST, content=b"limit=&offset=&filters=&image_ids=", headers=FORM)) == known[::-1]
    names = ("limit", "offset", "filters", "image_ids")
    assert ids(send(client, *(part(name, "") for name in names), path=LIST)) == known[::-1]
    assert ids(client.get("/images", params={"limit": "", "offset": "", "ids": ""})) == known[::-1]


@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_nothing_within_the_metadata_of_an_upload_is_absent(idle_client, nothing):
    """`requests` and what stands in them fall back to their defaults: indexed, without custom metadata."""
    for metadata in (
        {"requests": nothing, "image_urls": nothing},
        {"requests": [{"indexing_config": nothing, "metadata": nothing}]},
        {"requests": [{"indexing_config": {"index": nothing}}]},
    ):
        (image,) = results(upload(idle_client, photo(), metadata=metadata))
        assert (image["indexing_status"], image["image_metadata"]) == (1, {})
    (image,) = results(upload(idle_client, photo(), metadata=""))
    assert (image["indexing_status"], image["image_metadata"]) == (1, {})


# ------------------------------------------------------------------------------ booleans, objects, numbers


@pytest.mark.parametrize(
    ("value", "status"),
    [(value, 1) for value in (True, 1, "true", "True", "TRUE", "1", "yes", "Yes", "YES", "on", "On", "ON")]
    + [(value, 0) for value in (False, 0, "false", "False", "FALSE", "0", "no", "No", "NO", "off", "Off", "OFF")],
)
def test_booleans_are_read_in_all_their_spellings(idle_client, value, status):
    """JSON's own, 1 and 0, and eight words in any case."""
    config = {"requests": [{"indexing_config": {"index": value}}]}
    (image,) = results(upload(idle_client, photo(), metadata=config))
    assert image["indexing_status"] == status


@pytest.mark.parametrize(
    "value", [2, -1, "2", "maybe", "truee", "y", "t", "null", "none", [], {}, [True], {"a": 1}, 0.5]
)
def test_what_is_no_boolean_is_refused(anyone, value):
    """400 that names the place."""
    config = {"requests": [{"indexing_config": {"index": value}}]}
    error = expect_error(upload(anyone, photo(), metadata=config), 400, "invalid_parameter")
    assert error["param"].startswith("metadata.requests")
    assert error["param"].endswith("indexing_config.index")


def test_objects_may_be_json_text_in_json(idle_client):
    """The object and its JSON text mean the same in a JSON body."""
    old, _ = stored(idle_client, entry(recorded_timestamp_utc=5), entry())
    filters = {"recorded_timestamp_utc": {"operator": "lte", "value": 5}}
    for form in (filters, json.dumps(filters)):
        assert ids(idle_client.post(LIST, json={"filters": form})) == [old["image_id"]]


@pytest.mark.parametrize("value", ["x", "{", "[1]", "5", "true", '"x"', [], [{}], 5, True])
def test_what_is_no_object_is_refused(anyone, value):
    """A list, a word, a number, or text that is no JSON."""
    expect_error(anyone.post(LIST, json={"filters": value}), 400, param="filters")


def test_an_object_may_be_a_file_part(idle_client):
    """`metadata` and `filters` as parts with a file name and a type of their own."""
    metadata = json.dumps({"requests": [entry(camera_id="gate")]})
    for name, kind in (("blob", "application/json"), ("metadata.json", "text/plain"), ("metadata", None)):
        answer = send(idle_client, part("images", photo(), "a.jpg"), part("metadata", metadata, name, kind))
        assert results(answer)[0]["image_metadata"] == {"camera_id": "gate"}
    typed = part("metadata", metadata, None, "application/json; charset=utf-8")
    assert results(send(idle_client, part("images", photo(), "a.jpg"), typed))[0]["indexing_status"] == 0
    filters = part("filters", '{"recorded_timestamp_utc": {"operator": "lt", "value": 0}}', "blob", "application/json")
    assert results(send(idle_client, filters, path=LIST)) == []


@pytest.mark.parametrize("value", [2, "2", 2.0, "2.0", "2.000", "2e0", "20e-1"])
def test_whole_numbers_are_read_in_all_their_spellings(gallery, value):
    """JSON numbers, numeric strings, and with a point."""
    client, known = gallery
    assert ids(client.post(LIST, json={"limit": value})) == known[:0:-1]


@pytest.mark.parametrize("value", ["2", "2.0"])
def test_whole_numbers_are_read_from_forms_and_queries(gallery, value):
    """As they are in JSON."""
    client, known = gallery
    assert ids(client.post(LIST, data={"limit": value})) == known[:0:-1]
    assert ids(client.get("/images", params={"limit": value})) == known[:0:-1]


@pytest.mark.parametrize(
    "value",
    [True, False, "x", "1.5", 1.5, "NaN", "nan", "inf", "Infinity", "-Infinity", "1_0", "0x5", "\u0665", "5 5", [5], {},
     "5,0", "true", "--5", "1e", "2\u0000", "\ud800"],
)  # fmt: skip
def test_what_is_no_whole_number_is_refused(anyone, value):
    """400 and not a fault of the server, whatever Python would make of it."""
    for name in ("limit", "offset"):
        content = json.dumps({name: value})
        expect_error(anyone.post(LIST, content=content, headers=JSON), 400, "invalid_parameter", name)


@pytest.mark.parametrize(
    "text",
    [
        "1e400",
        "-1e400",
        "9" * 5000,
        "1" + "0" * 400,
        "-1" + "0" * 400,
        "1" + "0" * 400 + ".5",
        "NaN",
        "Infinity",
        "-Infinity",
    ],
)
def test_endless_numbers_are_refused(anyone, text):
    """As they stand in JSON: too large for a limit, and no JSON at all."""
    for name in ("limit", "threshold", "max_results"):
        content = f'{{"query": "x", "{name}": {text}}}'
        path = LIST if name == "limit" else SEARCH
        expect_error(anyone.post(path, content=content, headers=JSON), 400)


@pytest.mark.parametrize("offset", ["1000000", "1e9", "9223372036854775808", "1" + "0" * 30, "1" + "0" * 310])
def test_an_offset_past_everything_finds_nothing(gallery, offset):
    """However large the number is."""
    client, _ = gallery
    assert results(client.post(LIST, content=f'{{"offset": {offset}}}', headers=JSON)) == []
    assert results(client.get("/images", params={"offset": offset})) == []


def test_one_image_is_the_same_however_it_is_read(gallery):
    """get, list, the query and the bare object differ in nothing but the link."""
    client, known = gallery
    forms = [
        results(client.post(GET, json={"image_ids": known[0]}))[0],
        results(client.post(LIST, json={"image_ids": known[0]}))[0],
        results(client.get("/images", params={"ids": known[0]}))[0],
        one(client.get(f"/images/{known[0]}")),
    ]
    for form in forms:
        form.pop("image_url")
    assert all(form == forms[0] for form in forms)

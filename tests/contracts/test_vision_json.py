"""Hostile JSON, text and forms: every fault is a 400, and nothing brings the server down: sections 1.3 and 1.4."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.photos import photo
from tests.contracts.shapes import brief
from tests.contracts.vision import DELETE, FORM, GET, JSON, LIST, SEARCH, UPLOAD, call, entry, part, send, upload
from tests.contracts.vision_shapes import deletion, expect_error, ids, mapping, results

BROKEN = [
    b"{", b"}", b"x", b'"', b'{"limit"}', b'{"limit":}', b'{"limit":1', b'{"limit":1}}', b"{'limit':1}", b'{"limit":01}',
    b'{"a":"\xff"}', b'{"a":"\xc3"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\n"}', b'{"a":"\\x"}', b'{"a":"\\ud8"}',
    b"\xff\xfe{\x00}\x00",
    b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":+1}', b'{"a":.5}', b'{"a":1,}', b"{} {}", b"\x00", b"{}\x00",
]  # fmt: skip
NO_OBJECT = [b"[]", b"[{}]", b'"{}"', b"5", b"null", b"true", b'[{"image_ids":[]}]']


@pytest.mark.parametrize("body", BROKEN + NO_OBJECT, ids=brief)
@pytest.mark.parametrize("path", [UPLOAD, GET, LIST, DELETE, SEARCH])
def test_a_body_that_is_no_json_object_is_malformed(anyone, path, body):
    """Broken text, invalid UTF-8, numbers that JSON does not know, and values that are no object."""
    expect_error(anyone.post(path, content=body, headers=JSON), 400, "malformed_body")


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_endless_nesting_is_refused(anyone, depth, left, right):
    """As the body, as a field, as JSON text, and as custom metadata."""
    middle = "1" if left != "[" else ""
    deep = left * depth + middle + right * depth
    for body in (deep, f'{{"filters":{deep}}}', json.dumps({"filters": deep}), f'{{"image_ids":{deep}}}'):
        expect_error(anyone.post(LIST, content=body, headers=JSON), 400)
    expect_error(anyone.post(LIST, data={"filters": deep}), 400)
    expect_error(upload(anyone, photo(), metadata=deep), 400)
    expect_error(upload(anyone, photo(), metadata=f'{{"requests":[{{"metadata":{deep}}}]}}'), 400)


def test_nesting_that_people_use_is_kept(idle_client):
    """Thirty levels are no attack."""
    deep = {"level": 30}
    for _ in range(29):
        deep = {"in": [deep]} if len(json.dumps(deep)) % 2 else {"in": deep}
    (image,) = results(upload(idle_client, photo(), metadata={"requests": [entry(deep=deep)]}))
    assert image["image_metadata"]["deep"] == deep


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e200000", "9" * 5000, "-" + "9" * 5000, "0." + "1" * 5000])
@pytest.mark.parametrize("name", ["recorded_timestamp_utc", "count"])
def test_endless_numbers_in_custom_metadata_never_break_an_answer(idle_client, name, number):
    """They are refused, or they come back as JSON that others can read."""
    metadata = f'{{"requests":[{{"indexing_config":{{"index":false}},"metadata":{{"{name}":{number}}}}}]}}'
    answer = upload(idle_client, photo(), metadata=metadata)
    if answer.status_code == 400:
        expect_error(answer, 400)
        assert ids(idle_client.get("/images")) == []
        return
    for each in (answer, idle_client.get("/images")):
        assert each.status_code == 200
        json.loads(each.text, parse_constant=pytest.fail, parse_int=str)
    assert idle_client.post(
        LIST, json={"filters": {"recorded_timestamp_utc": {"operator": "gt", "value": 1}}}
    ).is_success


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000, "1e-400", "1" + "0" * 400])
@pytest.mark.parametrize("operator", ["eq", "gt", "lt"])
def test_endless_numbers_in_filters_are_compared_or_refused(anyone, operator, number):
    """Either way the server has an answer."""
    body = f'{{"filters":{{"recorded_timestamp_utc":{{"operator":"{operator}","value":{number}}}}}}}'
    answer = anyone.post(LIST, content=body, headers=JSON)
    if answer.status_code != 200:
        expect_error(answer, 400)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_json_does_not_know_is_not_taken_as_metadata(idle_client, word):
    """Nothing is kept."""
    metadata = f'{{"requests":[{{"metadata":{{"a":{word}}}}}]}}'
    expect_error(upload(idle_client, photo(), metadata=metadata), 400, param="metadata")
    assert ids(idle_client.get("/images")) == []


ODD_TEXT = [
    "\u0000",
    "a\u0000b",
    "\ud800",
    "\udfff x",
    "\ud83d",
    "\u202e",
    "\ufeff",
    "\uffff",
    "\U0010ffff",
    "é",
    "日本",
    "\x7f\x01",
    "'",
    "\\",
]


@pytest.mark.parametrize("odd", ODD_TEXT, ids=brief)
def test_odd_text_is_kept_in_custom_metadata(idle_client, odd):
    """As a value and as a key, escaped NULs and halves of surrogate pairs included, in every answer."""
    custom = {"caption": odd, "list": [odd, {"a": odd}], f"key {odd}": 1}
    (image,) = results(upload(idle_client, photo(), metadata={"requests": [entry(**custom)]}))
    assert image["image_metadata"] == custom
    assert results(idle_client.get("/images"))[0]["image_metadata"] == custom
    assert idle_client.get(f"/images/{image['image_id']}").json()["image_metadata"] == custom


@pytest.mark.parametrize("odd", ODD_TEXT, ids=brief)
def test_odd_text_in_any_other_place_is_answered(anyone, odd):
    """As an id, a query, an operator, the name of a filter or of a field: found by nobody, or refused, and repeated safely."""
    content = json.dumps({"image_ids": [odd]})
    assert results(anyone.post(GET, content=content, headers=JSON)) == []
    assert deletion(anyone.post(DELETE, content=content, headers=JSON)) == ([], [odd])
    answer = anyone.post(SEARCH, content=json.dumps({"query": odd, odd: odd}), headers=JSON)
    if answer.status_code != 200:
        expect_error(answer, 400, "invalid_parameter", "query")
    for filters in ({odd: {"value": 1}}, {"recorded_timestamp_utc": {"operator": odd, "value": 1}}):
        body = json.dumps({"filters": filters})
        expect_error(anyone.post(LIST, content=body, headers=JSON), 400, "invalid_parameter")
    mode = json.dumps({"query": "x", "search_mode": odd})
    expect_error(anyone.post(SEARCH, content=mode, headers=JSON), 400, "invalid_parameter", "search_mode")


@pytest.mark.parametrize("odd", ["%00", "%FF", "%ED%A0%80", "%C3", "+", "%E2%80%AE"])
def test_odd_text_in_forms_and_queries_is_answered(anyone, odd):
    """Bytes that are no UTF-8 included."""
    for body in (f"image_ids={odd}", f"image_ids=a{odd}b", f"{odd}=1&image_ids=x"):
        answer = anyone.post(GET, content=body, headers=FORM)
        if answer.status_code != 200:
            expect_error(answer, 400)
    for query in (f"ids={odd}", f"limit={odd}", f"offset=1{odd}", f"{odd}=1"):
        answer = anyone.get(f"/images?{query}")
        if answer.status_code != 200:
            expect_error(answer, 400)


def test_a_key_written_twice_does_not_break_anything(idle_client):
    """One of the two counts, and what comes back is JSON."""
    metadata = '{"requests":[{"indexing_config":{"index":false},"metadata":{"a":1,"a":2}}]}'
    (image,) = results(upload(idle_client, photo(), metadata=metadata))
    assert image["image_metadata"] == {"a": 2}
    assert idle_client.post(LIST, content=b'{"limit":0,"limit":1}', headers=JSON).status_code in {200, 400}


@pytest.mark.parametrize(
    "metadata",
    [
        "[]",
        "[1]",
        '[{"requests":[]}]',
        "5",
        '"x"',
        "true",
        "x",
        "{",
        '{"requests":',
        "{'requests':[]}",
        "\ufeff{",
        "{}{}",
    ],
)
def test_metadata_of_an_upload_that_is_no_object_is_refused(anyone, metadata):
    """As text of a form, and as the same text in JSON."""
    expect_error(upload(anyone, photo(), metadata=metadata), 400, param="metadata")
    expect_error(anyone.post(UPLOAD, json={"metadata": metadata}), 400)
    file = part("metadata", metadata, "blob", "application/json")
    expect_error(send(anyone, part("images", photo(), "a.jpg"), file), 400, param="metadata")


def test_metadata_that_is_no_utf8_is_refused(anyone):
    """As a part of a form."""
    expect_error(send(anyone, part("images", photo(), "a.jpg"), part("metadata", b'{"a":"\xff"}')), 400)


@pytest.mark.parametrize("size", [10 * 1024 * 1024 - 200, 10 * 1024 * 1024 + 1])
def test_a_body_may_have_ten_mebibytes(anyone, size):
    """JSON, urlencoded, and all text parts of a multipart body together; what is sent above is read to its end."""
    junk = "x" * (size - 200)
    bodies = [
        (JSON, f'{{"junk":"{junk}"}}'.ljust(size)),
        (FORM, ("junk=" + junk).ljust(size, "x")),
    ]
    for headers, body in bodies:
        answer = anyone.post(LIST, content=body, headers=headers)
        _taken(answer, size)
    half = "x" * (size // 2)
    _taken(send(anyone, part("a", half), part("b", half + "x"), path=LIST), size)


def _taken(answer, size):
    if size <= 10 * 1024 * 1024:
        assert results(answer) == []
    else:
        expect_error(answer, 413, "payload_too_large")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "image_ids",
        "limit",
        "offset",
        "filters",
        "query",
        "max_results",
        "threshold",
        "search_mode",
        "metadata",
        "images",
        "x",
    ]
)
KNOWN = st.fixed_dictionaries(
    {"recorded_timestamp_utc": st.fixed_dictionaries({"operator": ANYTHING, "value": ANYTHING})}
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    path=st.sampled_from([UPLOAD, GET, LIST, DELETE, SEARCH]),
    body=st.dictionaries(FIELDS, ANYTHING | KNOWN, max_size=5),
    encoding=st.sampled_from(["json", "urlencoded", "multipart"]),
)
def test_any_body_has_an_answer(anyone, path, body, encoding):
    """Every value in every field is taken or refused with 400, and never a fault of the server."""
    try:
        answer = call(anyone, path, body, encoding)
    except (UnicodeEncodeError, httpx.InvalidURL):
        return  # a client could not have written it either
    if answer.status_code != 200:
        expect_error(answer, 400)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(custom=st.dictionaries(st.text(max_size=10), ANYTHING, max_size=5))
def test_any_custom_metadata_comes_back_unchanged(anyone, custom):
    """Every key, every JSON type, every character."""
    assert mapping(custom)
    metadata = {"requests": [{"indexing_config": {"index": False}, "metadata": custom}]}
    (image,) = results(upload(anyone, photo(8, 8), metadata=metadata))
    assert image["image_metadata"] == custom
    assert json.dumps(anyone.get(f"/images/{image['image_id']}").json()["image_metadata"]) == json.dumps(custom)


@pytest.mark.parametrize("item", ["5", "{}", '"x"', "null", '{"metadata":5}'])
@pytest.mark.parametrize("name", ["requests", "image_urls"])
def test_endless_lists_are_refused_in_few_words(anyone, name, item):
    """A hundred thousand entries, good or bad, are not looked at one by one: the answer names some faults and not all."""
    body = f'{{"metadata":{{"{name}":[{",".join([item] * 100_000)}]}}}}'
    answer = anyone.post(UPLOAD, content=body, headers=JSON)
    expect_error(answer, 400)
    assert len(answer.content) < 100_000


@pytest.mark.parametrize("path", [GET, LIST, DELETE])
@pytest.mark.parametrize("item", ["5", "null", "[]", '""', '"x"'])
def test_endless_ids_are_refused_in_few_words(anyone, path, item):
    """The same for ids, in an array and between commas."""
    body = f'{{"image_ids":[{",".join([item] * 100_000)}]}}'
    answer = anyone.post(path, content=body, headers=JSON)
    expect_error(answer, 400, param=...)
    assert len(answer.content) < 100_000
    answer = anyone.post(path, data={"image_ids": ",".join(["x"] * 100_000)})
    expect_error(answer, 400, "invalid_parameter", "image_ids")


def test_endless_names_of_filters_are_refused_in_few_words(anyone):
    """Very many, and a very long one."""
    many = ",".join(f'"f{number}":1' for number in range(200_000))
    for filters in (f"{{{many}}}", f'{{"{"x" * 3_000_000}":1}}'):
        answer = anyone.post(LIST, content=f'{{"filters":{filters}}}', headers=JSON)
        expect_error(answer, 400, "invalid_parameter")
        assert len(answer.content) < 100_000

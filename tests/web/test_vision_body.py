"""Bodies of the Vision API: one meaning in three encodings, and every broken one refused as what it is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput, TooLarge, Unsupported
from calotype.web.apis.vision.body import body_of, query_of, read_body, validated
from calotype.web.apis.vision.wire.image import ListRequest, SearchRequest, Upload
from calotype.web.shared.body_limit import check_announced
from tests.web.asgi import request

FORM = "application/x-www-form-urlencoded"
LIMIT = 100_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\;'), min_size=1, max_size=6)


async def read(body, kind=None, take=None, size=7, limit=LIMIT):
    """The fields of a body that arrives in small pieces."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return await read_body(request(pieces, kind), limit, take)


def multipart(pairs, boundary="b0undary", quoted=True):
    """(content type, body) of a multipart form of (name, text or (file name, content)) pairs."""
    lines = []
    for name, value in pairs:
        filename, content = value if isinstance(value, tuple) else (None, value.encode())
        mark = '"' if quoted else ""
        named = f"; filename={mark}{filename}{mark}" if filename is not None else ""
        lines += [f"--{boundary}", f"Content-Disposition: form-data; name={mark}{name}{mark}{named}", "", content]
    lines += [f"--{boundary}--", ""]
    body = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    return (
        f"multipart/form-data; boundary={mark}{boundary}{mark}"
        if pairs
        else f"multipart/form-data; boundary={boundary}",
        body,
    )


@given(
    st.lists(st.tuples(NAMES, TEXT.filter(lambda text: "b0undary" not in text)), max_size=6),
    st.integers(1, 50),
    st.booleans(),
)
async def test_both_forms_give_the_same_fields(pairs, size, quoted):
    """Each name holds all its values in their order, wherever the body is cut into pieces."""
    quoted = quoted or not all(name.isalnum() and name.isascii() for name, _ in pairs)
    kind, body = multipart(pairs, quoted=quoted)
    expected = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    assert await read(body, kind, size=size) == expected
    assert await read(urlencode(pairs).encode(), FORM, size=size) == expected


NUMBERS = st.integers(1, 1000)
STAMP = st.fixed_dictionaries(
    {"operator": st.sampled_from(["eq", "gt", "lte"]), "value": st.floats(0, 2e9) | st.integers(0, 2**31)}
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "limit": NUMBERS,
        "offset": st.integers(0, 10**30),
        "image_ids": st.lists(st.uuids().map(str), max_size=3),
        "filters": st.just({}) | st.fixed_dictionaries({"recorded_timestamp_utc": STAMP}),
        "unknown": TEXT,
    },
)


def as_fields(value):
    """The texts of a form that say the same as a JSON value."""
    if isinstance(value, list):
        return value or ["[]"]
    return [json.dumps(value) if isinstance(value, dict) else str(value)]


@given(REQUESTS)
async def test_json_and_both_forms_mean_the_same(fields):
    """The same request in three encodings is the same model, down to the last value."""
    pairs = [(name, text) for name, value in fields.items() for text in as_fields(value)]
    kind, body = multipart(pairs)
    sent = [(json.dumps(fields).encode(), "application/json"), (urlencode(pairs).encode(), FORM), (body, kind)]
    models = [validated(ListRequest, await read(text, content_type)) for text, content_type in sent]
    assert models[0] == models[1] == models[2]
    assert (models[0].limit, models[0].offset) == (fields.get("limit", 20), fields.get("offset", 0))


@given(
    st.lists(st.dictionaries(TEXT, TEXT | st.integers() | st.none() | st.booleans(), max_size=3), max_size=3),
    st.booleans(),
)
async def test_metadata_of_an_upload_may_be_text_or_a_part_with_a_file_name(metadata, as_file):
    """An object in a form is JSON text, also when a client sends it as a file of its own type."""
    text = json.dumps({"requests": [{"metadata": one, "indexing_config": {"index": "False"}} for one in metadata]})

    async def take(part):
        return part.name != "metadata"

    kind, body = multipart([("metadata", ("m.json", text.encode()) if as_file else text)])
    sent = [(body, kind, take), (urlencode({"metadata": text}).encode(), FORM, None)]
    sent += [(json.dumps({"metadata": text}).encode(), None, None), (b'{"metadata":%s}' % text.encode(), None, None)]
    for given_body, content_type, taking in sent:
        found = validated(Upload, await read(given_body, content_type, taking)).metadata.requests
        assert [one.metadata for one in found] == metadata
        assert not any(one.indexing_config.index for one in found)


@pytest.mark.parametrize("body", [b"", b" \r\n\t "])
@pytest.mark.parametrize("kind", [None, "application/json", FORM, "text/csv", "image/png", ";"])
async def test_an_empty_body_is_an_empty_object(kind, body):
    """Whatever type it claims to be of."""
    assert await read(body, kind) == {}


@pytest.mark.parametrize(
    "kind", [None, "application/json", "APPLICATION/JSON; charset=utf-8", "application/ld+json", ""]
)
async def test_json_is_read_with_and_without_its_type(kind):
    """No type means JSON; a mark at its beginning is skipped."""
    assert await read('\ufeff{"ü":"\\ud800"}'.encode(), kind) == {"ü": "\ud800"}


@pytest.mark.parametrize(
    "kind", ["text/csv", "text/plain", "application/xml", "application/jsonx", "multipart/mixed; boundary=b"]
)
async def test_other_types_are_not_read(kind):
    """Anything but JSON and the two forms is refused for its type."""
    with pytest.raises(Unsupported):
        await read(b'{"a":1}', kind)


BROKEN = [
    b"{",
    b"[]",
    b'"a"',
    b"1",
    b"null",
    b'{"a":NaN}',
    b'{"a":1e400}',
    b"\xff",
    b'{"a":"\xff"}',
    b"[" * 100_000,
    b'{"a":' * 90_000,
    b"1" * 9000,
    b'{"a":1}x',
    b"\x00",
]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: str(body[:10]))
async def test_broken_json_and_what_is_no_object_is_malformed(body):
    """All of it is the fault of the body as a whole."""
    with pytest.raises(InvalidInput) as refused:
        await read(body, "application/json", size=50_000, limit=10**6)
    assert refused.value.context["field"] == "body"


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 5001)])
async def test_a_broken_form_is_malformed(body):
    """What is no UTF-8, and more fields than anybody could mean."""
    with pytest.raises(InvalidInput) as refused:
        await read(body, FORM)
    assert refused.value.context["field"] == "body"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1"),
        ("multipart/form-data; boundary=b", b"nothing"),
        multipart([("a", "1")] * 5001),
    ],
)
async def test_a_broken_multipart_body_is_malformed(kind, body):
    """Without a boundary, without an end, without a beginning, and with endless parts."""
    with pytest.raises(InvalidInput) as refused:
        await read(body, kind, size=10_000)
    assert refused.value.context["field"] == "body"


async def test_a_field_that_is_no_text_is_named():
    """Bytes where text belongs are the fault of their field."""
    kind, body = multipart([("limit", ("", b"\xff\xfe"))])
    with pytest.raises(InvalidInput) as refused:
        await read(body, kind)
    assert refused.value.context["field"] == "limit"


@pytest.mark.parametrize("excess", [0, 1])
async def test_the_limit_counts_all_text_and_no_files(excess):
    """Exactly the limit passes, in each encoding; the parts of a form count together, files do not."""

    async def take(part):
        assert len([chunk async for chunk in part.chunks()]) > 1
        return True

    kind, form = multipart([("a", "x" * 30), ("images", ("a.jpg", b"y" * 500)), ("b", "z" * (20 + excess))])
    bodies = [
        (form, kind, take),
        (b'{"a":"%s"}' % (b"x" * (42 + excess)), None, None),
        (b"a=" + b"x" * (48 + excess), FORM, None),
    ]
    for body, content_type, taking in bodies:
        if excess:
            with pytest.raises(TooLarge):
                await read(body, content_type, taking, limit=50)
        else:
            assert await read(body, content_type, taking, limit=50)


async def test_a_part_is_a_file_only_with_a_name():
    """What has a file name is offered as a file; an empty name is none, and without a taker everything is text."""
    taken = []

    async def take(part):
        taken.append((part.name, part.filename, b"".join([chunk async for chunk in part.chunks()])))
        return True

    kind, body = multipart([("images", ("a.jpg", b"1")), ("images", ("", b"2")), ("images", "3")])
    assert await read(body, kind, take) == {"images": ["2", "3"]}
    assert taken == [("images", "a.jpg", b"1")]
    assert await read(body, kind) == {"images": ["1", "2", "3"]}


@pytest.mark.parametrize(
    ("length", "passes"), [("100", True), ("101", False), ("9" * 5000, False), ("-1", True), ("x", True), ("", True)]
)
def test_a_body_that_announces_too_much_is_refused_at_once(length, passes):
    """Only a number says anything; what cannot be one is counted while it arrives."""
    sent = SimpleNamespace(headers={"content-length": length})
    if passes:
        check_announced(sent, 100)
    else:
        with pytest.raises(TooLarge):
            check_announced(sent, 100)


async def test_a_fault_of_a_model_says_where_it_stood():
    """In the body or in the query; the value itself is not repeated."""
    sent = request([b'{"query":"x","max_results":0,"threshold":"SECRET"}'])
    sent.scope["state"] = {"wire_format": SimpleNamespace(max_body_bytes=LIMIT)}
    with pytest.raises(RequestValidationError) as refused:
        await body_of(SearchRequest)(sent)
    assert [fault["loc"] for fault in refused.value.errors()] == [("body", "max_results"), ("body", "threshold")]
    assert "SECRET" not in str(refused.value.errors())
    asked = request([])
    asked.scope["query_string"] = b"limit=1&limit=x"
    with pytest.raises(RequestValidationError) as refused:
        await query_of(ListRequest)(asked)
    assert [fault["loc"] for fault in refused.value.errors()] == [("query", "limit")]

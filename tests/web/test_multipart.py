"""Multipart bodies, in whatever pieces they arrive."""

from __future__ import annotations

import asyncio
import itertools
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput, TooLarge
from calotype.web.shared.multipart import MAX_FIELD_BYTES, MAX_PARTS, form_fields, parts
from tests.web.asgi import request

BOUNDARY = "boundary-of-a-test"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
NAMES = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8)
# Contents that look as much like a boundary as they may without being one.
CONTENTS = (
    st.lists(
        st.sampled_from(
            [b"\r\n", b"--", b"\r\n--", b"\r\n--boundary-of-a-tes", BOUNDARY.encode(), b"\0", b"\r", b"\n", b"x"]
        )
        | st.binary(max_size=20),
        max_size=8,
    )
    .map(b"".join)
    .filter(lambda content: f"\r\n--{BOUNDARY}".encode() not in b"\r\n" + content)
)
PARTS = st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENTS), max_size=5)


def encoded(sections, ending=f"--{BOUNDARY}--\r\n"):
    """A body as a client writes it."""
    body = b""
    for name, filename, content in sections:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n"
        head += "Content-Type: application/octet-stream\r\n" if filename is not None else ""
        body += head.encode() + b"\r\n" + content + b"\r\n"
    return body + ending.encode()


def cut(body, places):
    """The body in pieces, cut at these places."""
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in itertools.pairwise(edges)]


def read(pieces, content_type=TYPE):
    """Every part with all of its content."""

    async def run():
        found = []
        async for part in parts(request(pieces, content_type)):
            content = b"".join([bytes(chunk) async for chunk in part.chunks()])
            found.append((part.name, part.filename, content))
        return found

    return asyncio.run(run())


@given(PARTS, st.lists(st.integers(0, 10_000), max_size=12))
def test_the_pieces_do_not_matter(sections, places):
    """Names, file names and contents come out as they were put in, wherever the body was cut on its way."""
    assert read(cut(encoded(sections), places)) == sections


def test_one_byte_at_a_time():
    """The smallest pieces there are."""
    sections = [("title", None, "Brücke".encode()), ("file", "a.jpg", b"\r\n--boundary\r\n\0\xff")]
    assert read([bytes([byte]) for byte in encoded(sections)]) == sections


@given(PARTS, st.lists(st.booleans(), min_size=5, max_size=5))
def test_parts_that_nobody_reads_are_passed_over(sections, is_read):
    """A part that is skipped takes nothing from the one behind it."""

    async def run():
        found, index = [], 0
        async for part in parts(request([encoded(sections)], TYPE)):
            if is_read[index]:
                found.append((part.name, part.filename, b"".join([bytes(chunk) async for chunk in part.chunks()])))
            index += 1
        return found

    assert asyncio.run(run()) == [section for section, wanted in zip(sections, is_read, strict=False) if wanted]


@given(PARTS.filter(bool), st.data())
def test_a_body_that_breaks_off_is_refused(sections, data):
    """Without its last boundary a body is malformed, wherever it ends."""
    body = encoded(sections)
    end = data.draw(st.integers(0, len(body) - len("--\r\n") - 1))
    with pytest.raises(InvalidInput):
        read([body[:end]])


@given(st.binary(max_size=300))
@example(b"")
@example(b"--" + BOUNDARY.encode())
@example(b"--" + BOUNDARY.encode() + b"\r\n\r\n\r\n--" + BOUNDARY.encode() + b"--")
@example(
    b"--" + BOUNDARY.encode() + b"\r\nContent-Disposition: form-data\r\n\r\nx\r\n--" + BOUNDARY.encode() + b"--\r\n"
)
@example(b"--" + BOUNDARY.encode() + b"\r\n" + b"A: b\r\n" * 1000)
@example(b"--" + BOUNDARY.encode() + b"\r\n" + b"a" * 100_000)
def test_rubbish_is_refused_or_has_parts_that_are_in_it(body):
    """What is no multipart body is refused as invalid input, never a fault; nothing is read that was not sent."""
    try:
        found = read([body])
    except InvalidInput:
        return
    assert all(content in body for _, _, content in found)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 500,
        "multipart/form-data; boundary=a\tb",
        'multipart/form-data; boundary="\\"',
    ],
)
def test_a_bad_boundary_is_refused(content_type):
    """A multipart body without a usable boundary is invalid input."""
    with pytest.raises(InvalidInput):
        read([b"--x--"], content_type)


@pytest.mark.parametrize(
    "content_type", [None, "", "application/json", "text/plain", "multipart/mixed; boundary=x", ";;;"]
)
def test_other_bodies_have_no_parts(content_type):
    """A body of another type is not looked at."""
    assert read([b'{"file": 1}'], content_type) == []


def test_parts_are_limited():
    """A thousand parts are read, one more is refused."""
    sections = [("a", None, b"")] * MAX_PARTS
    assert len(read([encoded(sections)])) == MAX_PARTS
    with pytest.raises(InvalidInput):
        read([encoded([*sections, ("a", None, b"")])])


def test_text_fields_are_small_and_utf_8():
    """64 KiB of a field are allowed; more is too large, and bytes that are not UTF-8 are invalid."""

    def fields(content):
        return asyncio.run(form_fields(request([encoded([("title", None, content)])], TYPE)))

    assert fields(b"x" * MAX_FIELD_BYTES) == {"title": "x" * MAX_FIELD_BYTES}
    with pytest.raises(TooLarge):
        fields(b"x" * (MAX_FIELD_BYTES + 1))
    with pytest.raises(InvalidInput) as refused:
        fields(b"\xff\xfe")
    assert refused.value.context["field"] == "title"


@given(st.dictionaries(NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=5))
def test_both_kinds_of_form_mean_the_same(fields):
    """A url-encoded form and a multipart one give the same fields; files are none."""
    sections = [(name, None, value.encode()) for name, value in fields.items()] + [("file", "a.jpg", b"\xff")]

    async def run():
        plain = await form_fields(request([urlencode(fields).encode()], "application/x-www-form-urlencoded"))
        return plain, await form_fields(request([encoded(sections)], TYPE))

    plain, multipart = asyncio.run(run())
    assert plain == fields
    # A text field has no line ends of its own to keep apart from the form's, so nothing may be changed in it.
    assert multipart == fields


@pytest.mark.parametrize("body", [b"\xff=1", b"a=%ff", b"&".join([b"a=1"] * (MAX_PARTS + 1))])
def test_a_malformed_url_encoded_form_is_refused(body):
    """Raw bytes, bad UTF-8 and more fields than parts are allowed."""
    with pytest.raises(InvalidInput):
        asyncio.run(form_fields(request([body], "application/x-www-form-urlencoded")))


def test_an_endless_url_encoded_form_is_refused():
    """More than 64 KiB of a form without files is too large."""
    with pytest.raises(TooLarge):
        asyncio.run(form_fields(request([b"a=" + b"x" * MAX_FIELD_BYTES], "application/x-www-form-urlencoded")))

"""JSON of strangers is read whole, with every number as it was written, or refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput
from calotype.domain.json_text import load_object

VALUES = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@given(st.dictionaries(st.text(), VALUES), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_an_object_is_what_it_was(value, mark):
    """With a mark of order before it or not, escaped or not."""
    assert load_object(mark + json.dumps(value).encode(), "metadata", "metadata") == value


@given(st.binary())
def test_anything_else_is_refused(data):
    """Bytes that are no object of JSON are told with the name and the field they came under."""
    try:
        expected = json.loads(data)
    except (ValueError, RecursionError):
        expected = None
    if isinstance(expected, dict):
        return
    with pytest.raises(InvalidInput, match=r"^metadata must be") as refused:
        load_object(data, "metadata", "said")
    assert refused.value.context == {"field": "said"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "The body must be valid JSON"),
        (b'{"a": NaN}', "The body must be valid JSON"),
        (b'{"a": 1e999}', "The body must be valid JSON"),
        (b"\xff{}", "The body must be valid JSON"),
        (b"[" * 100_000, "The body must be valid JSON"),
        (b"[]", "The body must be a JSON object"),
        (b"null", "The body must be a JSON object"),
    ],
)
def test_it_is_said_what_is_wrong(text, message):
    """No JSON at all is told apart from JSON of another kind."""
    with pytest.raises(InvalidInput) as refused:
        load_object(text, "The body", "body")
    assert refused.value.message == message

"""The form of keys, and that no key leads out of a store's folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput
from calotype.storage.disk import Disk
from calotype.storage.key import MAX_KEY_BYTES, MAX_SEGMENT_BYTES, check_key, check_prefix

ROOT = Path("/a/store")
PARTS = st.lists(st.sampled_from(["", ".", "..", "/", "\\", "\0", "a", "é", ".tmp", "~", "%2e", "x" * 256, "\u202e"]))


@given(st.one_of(st.text(), st.text("./\\a\0"), PARTS.map("/".join)))
def test_a_key_that_is_taken_stays_inside(key):
    """Whatever text is given, it is refused, or is a plain path below the root."""
    try:
        taken = check_key(key)
    except InvalidInput:
        return
    assert taken == key
    path = Disk(ROOT).path(key)
    assert path.is_relative_to(ROOT)
    assert ".." not in path.parts
    assert "/".join(path.relative_to(ROOT).parts) == key
    assert 0 < len(key.encode()) <= MAX_KEY_BYTES
    assert all(0 < len(part.encode()) <= MAX_SEGMENT_BYTES for part in key.split("/"))
    assert not set(key) & {"\\", *map(chr, range(32)), "\x7f"}
    assert not path.is_relative_to(ROOT / ".tmp")


@pytest.mark.parametrize(
    "key", ["a", "a/b", "tenant/ab/cd/0190.jpg", "a b", "...", "a/.tmp", "Ünïcode/日本", "x" * 255]
)
def test_a_plain_path_is_a_key(key):
    """Plain relative paths are taken as they are, up to 255 bytes a part."""
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/..",
        "./a",
        "a\\b",
        "a\0b",
        "a\tb",
        "a\u2028b",
        "\ud800",
        ".tmp/a",
        ".tmp",
        "x" * 256,
        "é" * 128,
        "/".join(["x" * 200] * 6),
    ],
)
def test_anything_else_is_none(key):
    """Absolute, empty, dotted, unprintable, reserved and overlong keys are refused."""
    with pytest.raises(InvalidInput) as caught:
        check_key(key)
    assert caught.value.context["field"] == "key"


def test_a_prefix_is_a_key_or_nothing():
    """A folder may be written with a closing slash; "" is the whole store; a malformed one is refused."""
    assert (check_prefix(""), check_prefix("a/b"), check_prefix("a/b/")) == ("", "a/b", "a/b")
    for prefix in ("/", "../a", "a//"):
        with pytest.raises(InvalidInput):
            check_prefix(prefix)

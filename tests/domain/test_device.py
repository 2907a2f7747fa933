"""What an operator says of a device is kept as it was said, or refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.device import MAX_METADATA_BYTES, clean_device_metadata, clean_device_name
from calotype.domain.errors import InvalidInput


@given(st.text())
def test_a_name_is_trimmed_or_refused(text):
    """What is left has 1 to 255 characters and no space at its ends; cleaning it again changes nothing."""
    wanted = text.strip()
    is_storable = "\x00" not in text and all(not "\ud800" <= character <= "\udfff" for character in text)
    if is_storable and 1 <= len(wanted) <= 255:
        assert clean_device_name(text) == wanted == clean_device_name(wanted)
        return
    with pytest.raises(InvalidInput) as caught:
        clean_device_name(text)
    assert caught.value.context["field"] == "name"


@pytest.mark.parametrize("text", ["", "  ", "\n", "x" * 256, "a\x00b", "\ud800"])
def test_names_that_cannot_be_are_refused(text):
    """Nothing, too much, and what no database holds."""
    with pytest.raises(InvalidInput):
        clean_device_name(text)
    assert clean_device_name(f"  {'ä' * 255} ") == "ä" * 255


def test_metadata_may_be_as_long_as_is_said():
    """Measured as JSON text; one byte more is refused."""
    empty = len(json.dumps({"a": ""}))
    assert clean_device_metadata({"a": "x" * (MAX_METADATA_BYTES - empty)})
    with pytest.raises(InvalidInput) as caught:
        clean_device_metadata({"a": "x" * (MAX_METADATA_BYTES - empty + 1)})
    assert caught.value.context["field"] == "metadata"


def test_metadata_may_be_nested_so_far():
    """A hundred levels, however they are made; thousands cost no more than being counted."""
    nested = {}
    for _ in range(99):
        nested = {"a": nested}
    assert clean_device_metadata(nested) == nested
    for levels in (1, 5_000):
        for _ in range(levels):
            nested = {"a": nested}
        with pytest.raises(InvalidInput):
            clean_device_metadata(nested)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_metadata_holds_no_number_that_json_has_not(number):
    """What could not be told again as JSON is refused."""
    with pytest.raises(InvalidInput) as caught:
        clean_device_metadata({"a": [number]})
    assert caught.value.context["field"] == "metadata"

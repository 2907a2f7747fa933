"""Names and depths of folders: whatever is given, what comes out can be stored, compared and shown, or is refused."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput
from calotype.domain.folder import MAX_DEPTH, clean_folder_name, clean_folder_path

ANY_TEXT = st.text(st.characters(categories=None), max_size=300)


@given(ANY_TEXT)
def test_a_clean_name_obeys_every_rule_and_stays_as_it_is(value):
    """What is accepted is composed, trimmed, 1 to 255 characters, without separators and control characters, and final."""
    try:
        name = clean_folder_name(value)
    except InvalidInput as error:
        assert error.context["field"] == "name"  # noqa: PT017 - both outcomes are looked at
        return
    assert name == name.strip() == unicodedata.normalize("NFC", name)
    assert 1 <= len(name) <= 255
    assert not set(name) & {"/", "\\", "\0"}
    assert all(unicodedata.category(character) not in {"Cc", "Cs"} for character in name)
    assert clean_folder_name(name) == name
    assert name.encode().decode() == name


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="/\\"), min_size=1, max_size=85))
def test_ordinary_names_pass_however_they_are_written(value):
    """Spaces around them and decomposed letters make no difference."""
    composed = unicodedata.normalize("NFC", value)
    assert clean_folder_name(f"  {unicodedata.normalize('NFD', value)}\t") == composed


@pytest.mark.parametrize("value", ["", " ", "a/b", "a\\b", "a\x00b", "a\x1bb", "a\x9fb", "\ud800", "x" * 256])
def test_names_that_break_a_rule_are_refused(value):
    """The field that is to blame is named."""
    with pytest.raises(InvalidInput) as refused:
        clean_folder_name(value, "folder")
    assert refused.value.context["field"] == "folder"


@pytest.mark.parametrize("value", ["x" * 255, "e\u0301" * 255, " " + "夜" * 255, "a\u2028b", ".", "CON", "-rf"])
def test_names_at_the_edge_of_the_rules_pass(value):
    """Lengths are counted in composed characters, and nothing else is forbidden."""
    assert clean_folder_name(value)


def test_a_path_has_eleven_names_at_most():
    """As many as there are depths; each of them is clean or the path is refused."""
    assert clean_folder_path([" a "] * (MAX_DEPTH + 1)) == ("a",) * 11
    assert clean_folder_path([]) == ()
    for names in (["a"] * 12, ["a", ""], ["a", "b\\c"]):
        with pytest.raises(InvalidInput):
            clean_folder_path(names)

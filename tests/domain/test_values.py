"""Values clients send are trimmed or refused by one set of rules."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import InvalidInput
from calotype.domain.values import (
    MAX_FILENAME_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    clean_filename,
    clean_tags,
    clean_text,
    clean_title,
    safe_filename,
    split_list,
)

STORABLE = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"))


@given(STORABLE)
def test_storable_text_passes_unchanged(text):
    """Whatever a database can store is left alone."""
    assert clean_text(text, "title") == text


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "boat \udfff"])
def test_text_no_database_can_store_is_refused(text):
    """NUL and lone surrogates are refused, naming the field."""
    with pytest.raises(InvalidInput) as caught:
        clean_text(text, "title")
    assert caught.value.context["field"] == "title"


@given(STORABLE)
def test_a_clean_title_is_trimmed_or_none(text):
    """A title has no space around it and is never empty."""
    if len(text.strip()) > MAX_TITLE_LENGTH:
        return
    assert clean_title(text) == (text.strip() or None)


def test_the_absence_of_a_title_stays():
    """None is no title."""
    assert clean_title(None) is None


def test_a_title_may_be_as_long_as_its_limit():
    """The limit counts characters after trimming, itself included."""
    assert clean_title(f"  {'ä' * MAX_TITLE_LENGTH}  ") == "ä" * MAX_TITLE_LENGTH
    with pytest.raises(InvalidInput):
        clean_title("ä" * (MAX_TITLE_LENGTH + 1))


@given(st.lists(STORABLE.filter(lambda text: len(text.strip()) <= MAX_TAG_LENGTH), max_size=MAX_TAGS))
def test_tags_are_trimmed_and_different(values):
    """Empty and repeated tags go; order and case stay."""
    tags = clean_tags(values)
    assert all(tag and tag == tag.strip() for tag in tags)
    assert len(set(tags)) == len(tags)
    assert list(tags) == list(dict.fromkeys(value.strip() for value in values if value.strip()))


def test_tags_differ_by_case():
    """Tags match exactly, so case is kept."""
    assert clean_tags(["Pier", "pier ", "", "Pier"]) == ("Pier", "pier")


def test_too_many_tags_are_refused():
    """The number counts after repeated ones are dropped."""
    values = [str(number) for number in range(MAX_TAGS)]
    assert len(clean_tags([*values, *values])) == MAX_TAGS
    with pytest.raises(InvalidInput):
        clean_tags([*values, "one more"])


def test_too_long_tags_are_refused():
    """The length counts after trimming."""
    assert clean_tags([" " + "t" * MAX_TAG_LENGTH]) == ("t" * MAX_TAG_LENGTH,)
    with pytest.raises(InvalidInput):
        clean_tags(["t" * (MAX_TAG_LENGTH + 1)])


@given(st.text())
def test_a_list_is_split_at_commas(text):
    """Items hold no comma, no outer space, and are never empty."""
    items = split_list(text)
    assert all(item and item == item.strip() and "," not in item for item in items)
    assert split_list(",".join(items)) == items


@given(st.text())
def test_a_clean_filename_is_a_printable_last_segment(value):
    """A file name holds no path, no control characters, and is never empty or too long."""
    name = clean_filename(value)
    assert 1 <= len(name) <= MAX_FILENAME_LENGTH
    assert not set(name) & {"/", "\\"}
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
    assert unicodedata.is_normalized("NFC", name)
    assert clean_filename(name) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("photo.jpg", "photo.jpg"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\me\\pier at night.JPG", "pier at night.JPG"),
        ("../../up.png", "up.png"),
        ("folder/", "file"),
        ("", "file"),
        ("\x00\n", "file"),
        ("cafe\u0301.jpg", "café.jpg"),
        ("写真.heic", "写真.heic"),
    ],
)
def test_known_filenames(value, name):
    """Paths of every system lose their folders; names in any script stay."""
    assert clean_filename(value) == name


@given(st.integers(240, 600), st.sampled_from(["jpg", "jpeg", "heic", "png"]))
def test_a_long_filename_keeps_its_ending(length, ending):
    """What is cut is the middle."""
    name = clean_filename("n" * length + "." + ending)
    assert name.endswith(f"n.{ending}")
    assert len(name) == min(MAX_FILENAME_LENGTH, length + 1 + len(ending))


def test_a_long_name_without_an_ending_is_cut():
    """What follows a dot far back in a long name is no ending."""
    assert len(clean_filename("n" * 500)) == MAX_FILENAME_LENGTH
    assert len(clean_filename("a." + "n" * 500)) == MAX_FILENAME_LENGTH


@pytest.mark.parametrize("name", [".", "..", "a/..", "...", " .. "])
def test_a_name_of_dots_alone_is_none(name):
    """What means a folder everywhere is never told as the name of a file."""
    assert clean_filename(name) == "file"


@given(st.text())
def test_a_safe_filename_can_stand_in_an_object_key(name):
    """ASCII letters, digits, dot, dash and underscore, 1 to 100 of them, and never a way up."""
    safe = safe_filename(name)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,100}", safe)
    assert safe not in {".", ".."}
    assert not safe.startswith(".")


@given(st.text(min_size=90, max_size=300), st.sampled_from(["jpg", "jpeg", "heic"]))
def test_a_safe_filename_keeps_its_ending(name, ending):
    """However long the name is, its kind can be told."""
    assert safe_filename(f"n{name}n.{ending}").endswith(f".{ending}")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("pier at night.JPG", "pier_at_night.JPG"),
        ("Köln.png", "Koln.png"),
        ("写真", "file"),
        ("..", "file"),
        ("...hidden", "hidden"),
        ("a/../b", "a_.._b"),
    ],
)
def test_known_safe_filenames(name, safe):
    """Accents go, anything unusual becomes an underscore, nothing left becomes `file`."""
    assert safe_filename(name) == safe


def test_a_safe_filename_without_any_ascii_keeps_its_kind_only():
    """A name in another script is reduced to what ASCII is left of it."""
    assert safe_filename("写真.heic") == "heic"

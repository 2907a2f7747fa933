"""What of a bookmark a link can take: its tags and folders within the rules for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.bookmark import Bookmark, link_folder, link_tags
from calotype.domain.folder import clean_folder_path
from calotype.domain.values import clean_tags

ANY_TEXT = st.text(max_size=80)
CLEAN_TAGS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=50), max_size=40
)


def test_tags_given_for_all_come_first_and_those_that_break_the_rules_are_named():
    """Too long ones are left out, repeated ones are one, and beyond 40 there are none."""
    assert link_tags(("all", "x"), ["a", "x", " b ", "y" * 51, "y" * 50]) == (
        ("all", "x", "a", "b", "y" * 50),
        ("y" * 51,),
    )
    many = [f"t{number}" for number in range(41)]
    assert link_tags(("t0",), many) == (tuple(many[:40]), ("t40",))
    assert link_tags(tuple(many[:40]), ["t3", "new"]) == (tuple(many[:40]), ("new",))


@given(given=CLEAN_TAGS.map(clean_tags), own=st.lists(ANY_TEXT))
def test_whatever_the_tags_are_a_link_can_have_them(given, own):
    """The outcome is clean, keeps what was given for all, and nothing that could be kept is left out below the limit."""
    kept, left_out = link_tags(given, own)
    assert clean_tags(kept) == kept
    assert kept[: len(given)] == given
    assert all(len(tag.strip()) > 50 or "\x00" in tag or len(kept) == 40 for tag in left_out)
    assert all(tag in left_out or not tag.strip() or tag.strip() in kept for tag in own)


def test_names_of_folders_are_made_fit():
    """Slashes are dashes, empty names are no level, names are cut at 255 characters and paths at eleven folders."""
    assert link_folder(("Web",), ["TCP/IP", " \t", "back\\slash", "new\nline", "e\u0301"]) == (
        "Web",
        "TCP-IP",
        "back-slash",
        "newline",
        "\u00e9",
    )
    assert link_folder((), ["x" * 300]) == ("x" * 255,)
    assert link_folder(("a", "b"), "cdefghijklmnop") == tuple("abcdefghijk")


@given(above=st.integers(0, 11), names=st.lists(st.text(max_size=300), max_size=14))
def test_whatever_the_names_are_the_folders_can_be_made(above, names):
    """The outcome passes the rules for folders unchanged, and lies in what was given."""
    given = tuple(f"above {number}" for number in range(above))
    way = link_folder(given, names)
    assert clean_folder_path(way) == way
    assert way[:above] == given


@pytest.mark.parametrize(
    ("url", "is_web"),
    [
        ("https://a.example/", True),
        ("HTTP://A.EXAMPLE", True),
        ("javascript:alert(1)", False),
        ("place:sort=8", False),
        ("chrome://settings", False),
        ("data:text/html,x", False),
        ("httpx://a", False),
        ("", False),
    ],
)
def test_only_http_leads_to_the_web(url, is_web):
    """Scripts, searches and pages of a browser are bookmarks, but no links."""
    assert Bookmark(url).is_web is is_web

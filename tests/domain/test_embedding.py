"""The text that stands for a picture in its vector."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.embedding import LONGEST_TEXT, EmbeddedTexts, EmbeddingSource, content_text

MEASURED = (
    "A {kind} in landscape format, 4000 x 3000 pixels (12.0 megapixels), taken on 3 May 2024 with a Canon EOS R6 (50 mm, f/5.6). "
    'Its main colours are dark blue (40 %), grey (20 %) and white (9 %). The text reads: "NO ENTRY".'
)


def test_a_measured_description_gives_only_what_tells_pictures_apart():
    """Of the built-in describer's sentences colours are left, and the kind where it is not the usual one."""
    assert content_text(None, (), MEASURED.format(kind="photo"), None) == "dark blue, grey and white"
    assert content_text(None, (), MEASURED.format(kind="screenshot"), None) == "screenshot dark blue, grey and white"


def test_title_and_tags_count_twice_and_visible_text_is_cut():
    """What people chose stands twice, a written description once, and of visible text only the beginning."""
    text = content_text("Pier", ("sea", "north"), "A pier at noon.", "NO ENTRY\n" + "x" * 1000)
    assert text.split("\n")[:5] == ["Pier", "sea north", "Pier", "sea north", "A pier at noon."]
    assert text.split("\n")[5].startswith("NO ENTRY xxx")
    assert len(text) < 250


@given(st.none() | st.text(), st.lists(st.text()), st.none() | st.text(), st.none() | st.text())
def test_any_texts_give_a_bounded_text(title, tags, description, visible_text):
    """Whatever stands in a row, the text is not longer than allowed, and empty only when all of it is."""
    text = content_text(title, tags, description, visible_text)
    assert len(text) <= LONGEST_TEXT
    if title:
        assert text.startswith(title[:LONGEST_TEXT])


def test_texts_by_source():
    """There is a text for custom metadata only where there is custom metadata, even if that holds no words."""
    assert EmbeddedTexts("a").by_source() == {EmbeddingSource.CONTENT: "a"}
    assert EmbeddedTexts("a", "").by_source() == {EmbeddingSource.CONTENT: "a", EmbeddingSource.CUSTOM_METADATA: ""}

"""Text becomes words by one rule, for what is stored and for what is asked."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from calotype.domain.listing import SearchMode
from calotype.domain.search_text import (
    MAX_BODY_BYTES,
    MAX_POSITION,
    MAX_POSITIONS_PER_WORD,
    MAX_WORD,
    MAX_WORDS_PER_FIELD,
    fold,
    is_cjk,
    stem,
    to_body_tsvector,
    to_lexemes,
    to_term,
    to_tsquery,
    to_tsvector,
    words,
)
from calotype.domain.stop_words import STOP_WORDS
from tests.domain.tsearch import matches

CJK = st.text("山川海東京都日本語カタカナひらがな한국어中文漢字", min_size=1, max_size=8)
LATIN = st.text("abcdefghijklmnopqrstuvwxyzäéøß0123456789", min_size=1, max_size=12)
ANY_TEXT = st.text(max_size=60)


def finds(asked: str, *stored: str, mode: SearchMode = SearchMode.ALL) -> bool:
    """Whether a query finds a document of one field for each stored text (weights A, B, C, D in order)."""
    query = to_tsquery(asked, mode)
    return query is not None and matches(to_tsvector(zip("ABCD", stored, strict=False)), query)


@given(ANY_TEXT)
def test_a_text_is_found_by_itself(text):
    """Whatever is stored is found by asking for exactly that."""
    assume(to_tsquery(text) is not None)
    assert finds(text, text)


@given(ANY_TEXT, st.data())
def test_a_text_is_found_by_any_of_its_words(text, data):
    """Each word alone finds the text it stands in."""
    found = list(words(text))
    assume(found)
    assert finds(data.draw(st.sampled_from(found)), text)


@given(st.lists(LATIN, min_size=1, max_size=8), st.data())
def test_words_may_be_asked_for_in_any_order(stored, data):
    """The order of words has no meaning, neither has how they are separated."""
    asked = data.draw(st.permutations(stored))
    assert finds(data.draw(st.sampled_from([" ", ", ", "_", "-", "\u3000", "/"])).join(asked), " ".join(stored))


@given(st.lists(LATIN, min_size=1, max_size=6), st.data())
def test_the_last_word_may_be_unfinished(stored, data):
    """A beginning of the last word is enough."""
    word = data.draw(st.sampled_from(stored))
    asked = word[: data.draw(st.integers(1, len(word)))]
    assert finds(" ".join([*stored, asked]), " ".join(stored))


def test_only_the_last_word_is_a_prefix():
    """A word with others behind it is finished."""
    assert finds("pier harb", "harbour pier")
    assert not finds("harb pier", "harbour pier")


@pytest.mark.parametrize(
    ("asked", "stored"),
    [("boats", "boat"), ("boat", "boats"), ("walking dog", "walked dogs"), ("running", "runs"), ("cities", "city")],
)
def test_english_inflections_find_each_other(asked, stored):
    """A word finds its other English forms, in both directions."""
    assert finds(asked, stored)


@given(st.text(max_size=30))
def test_case_has_no_meaning(text):
    """Capitals and small letters are the same."""
    assert list(words(text.upper().lower())) == list(words(text.upper()))


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("cafe", "Café"),
        ("CAFÉ", "cafe"),
        ("naive", "naïve"),
        ("strasse", "Straße"),
        ("uber", "ÜBER"),
        ("istanbul", "İstanbul"),
        ("ελλαδα", "Ελλάδα"),
        ("\uff46\uff55\uff4c\uff4c", "full"),
        ("ﬁsh", "fish"),
        ("2", "²"),
        ("e\u0301te", "\u00e9t\u00e9"),
    ],
)
def test_accents_and_compatibility_forms_are_folded(asked, stored):
    """Accents, case, ligatures and wide letters make no difference."""
    assert finds(asked, stored)


@given(st.text("àéîõüçñÅØßabc", min_size=1, max_size=10))
def test_folded_text_stays_as_it_is(text):
    """Folding twice is folding once."""
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("asked", ["IMG", "2041", "pier", "img 2041", "jpg", "IMG_2041-pier.jpg", "pier img", "204"])
def test_parts_of_file_names_are_words(asked):
    """Underscores, dashes and dots separate."""
    assert finds(asked, "IMG_2041-pier.jpg")


@pytest.mark.parametrize("word", ["the", "a", "not", "and", "who", "is", "to be or not to be"])
def test_stop_words_are_words(word):
    """No word is dropped for being frequent."""
    assert finds(word, f"something {word} else")
    assert not finds(word, "something else")


@pytest.mark.parametrize(
    "asked",
    [
        "boat & !pier",
        "boat | zebra",
        "!boat",
        "boat:*",
        "boat:A",
        "(boat",
        "boat <-> pier",
        "'boat",
        "boat\\",
        '"boat pier"',
    ],
)
def test_operators_have_no_meaning(asked):
    """What is an operator in other searches only separates words here."""
    plain = " ".join(words(asked))
    assert to_tsquery(asked) == to_tsquery(plain)


@pytest.mark.parametrize("asked", ["", " ", "!?", "& | !", "_", "...", "\u200b", "\u0301", "🙂"])
def test_without_any_word_there_is_no_query(asked):
    """Only separators mean no search at all."""
    assert to_tsquery(asked) is None


def test_every_word_must_match():
    """One word too many finds nothing."""
    assert finds("red boat", "boat, red")
    assert not finds("red boat pier", "boat, red")


@given(CJK, st.data())
def test_cjk_text_is_found_by_any_substring(text, data):
    """Chinese, Japanese and Korean need no word boundaries."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert finds(text[start:end], f"photo {text}.jpg")


@given(CJK, CJK)
def test_cjk_text_is_found_by_substrings_only(asked, stored):
    """A longer piece is found exactly where it stands in the text as a whole."""
    assert finds(asked, stored) == (fold(asked) in fold(stored))


def test_half_width_kana_is_kana():
    """Half-width katakana and its combining marks equal the full-width form."""
    assert finds("ｶﾞｲﾄﾞ", "旅行ガイド")


def test_kana_keeps_its_marks_and_hangul_its_parts():
    """What looks like an accent in kana is another letter."""
    assert not finds("かき", "かぎ")
    assert finds("한국", "한국어")


@given(CJK, CJK)
def test_no_phrase_reaches_from_one_field_into_the_next(left, right):
    """The end of one field and the beginning of the next are not neighbours."""
    asked = left[-1] + right[0]
    assert finds(asked, left, right) == (fold(asked) in fold(left) or fold(asked) in fold(right))


def test_a_mode_limits_a_search_to_its_texts():
    """A search of visible text looks only at weight D, one of metadata only at the others, prefixes and CJK included."""
    fields = ("title", "name", "said", "seen 東京都")
    assert finds("see", *fields, mode=SearchMode.VISIBLE_TEXT)
    assert finds("京都", *fields, mode=SearchMode.VISIBLE_TEXT)
    assert not finds("see", *fields, mode=SearchMode.METADATA)
    assert not finds("京都", *fields, mode=SearchMode.METADATA)
    assert finds("titl", *fields, mode=SearchMode.METADATA)
    assert not finds("title", *fields, mode=SearchMode.VISIBLE_TEXT)
    assert finds("titles seen", *fields)


@given(LATIN, LATIN, st.sampled_from(SearchMode))
def test_every_word_is_searched_in_exactly_the_texts_of_the_mode(word, other, mode):
    """What only the other texts hold is not found."""
    assume(not other.startswith(word) and stem(fold(word)) != stem(fold(other)))
    assume(not fold(other).startswith(fold(word)))
    assert finds(word, word, other, other, other, mode=mode) == (mode is not SearchMode.VISIBLE_TEXT)
    assert finds(word, other, other, other, word, mode=mode) == (mode is not SearchMode.METADATA)


def test_a_very_long_word_is_cut_alike_on_both_sides():
    """A word above the limit is still found by itself, and kept within what PostgreSQL takes."""
    word = "ab" * MAX_WORD
    assert finds(word, word)
    assert finds(word[: MAX_WORD // 2], word)


def test_enormous_texts_stay_within_the_limits():
    """However long a text is, positions and their number stay within what PostgreSQL can store."""
    literal = to_tsvector([("D", "same " * (MAX_WORDS_PER_FIELD + 5) + "beyond"), ("C", "after")])
    places = dict(entry.rsplit(":", 1) for entry in literal.split(" "))
    assert len(places["'=same'"].split(",")) == MAX_POSITIONS_PER_WORD
    assert "'=beyond'" not in places
    assert places["'after'"] == f"{MAX_POSITION}C"


@given(st.text())
def test_words_hold_only_letters_and_digits(text):
    """No word holds anything that has a meaning in a tsvector or tsquery literal."""
    for word in words(text):
        assert not set(word) & set("'\\ &|!():*<>~,\x00_")


@given(st.text(max_size=30))
def test_a_word_is_either_cjk_or_not_at_all(text):
    """Runs are split where the script changes."""
    for word in words(text):
        assert len({is_cjk(character) for character in word}) == 1


def test_stems_are_marked():
    """A stem cannot be mistaken for a word."""
    assert stem("boats") == stem("boat") == "~boat"
    assert stem("größe") == "~größe"


@given(st.text(), st.integers(1, 20))
def test_words_of_a_question_are_few_and_different(text, most):
    """A question of any text becomes at most so many different words, at least one if it holds any; each can be asked for."""
    lexemes = to_lexemes(text, most, STOP_WORDS)
    assert len(lexemes) == len(set(lexemes)) <= most
    assert bool(lexemes) == bool(list(words(text)))
    assert all(to_term(lexeme).count("'") == 4 for lexeme in lexemes)


def test_stop_words_are_left_out_unless_there_is_nothing_else():
    """Of "a truck at the gate" two words are asked for; "the" alone is asked for itself."""
    assert to_lexemes("a truck at the gate", 9, STOP_WORDS) == ["~truck", "~gate"]
    assert to_lexemes("the", 9, STOP_WORDS) == ["~the"]
    assert to_lexemes("夜景の写", 9) == ["夜景", "景の", "の写"]
    assert to_term("~truck") == "'~truck' | '=~truck'"


def finds_within(asked: str, body: str, title: str = "", mode: SearchMode = SearchMode.ALL) -> bool:
    """Whether a search finds an asset of that title with that text within it."""
    query = to_tsquery(asked, mode)
    assert query
    return matches(f"{to_tsvector([('A', title)])} {to_body_tsvector(body)}", query)


@given(ANY_TEXT, ANY_TEXT, st.data())
def test_a_text_within_is_found_by_its_words_and_those_of_the_title_together(body, title, data):
    """Each word may be here or there, in any order, and the last one may be unfinished; a word that is nowhere is missed."""
    inside, outside = list(words(body)), list(words(title))
    assume(inside and outside)
    asked = [data.draw(st.sampled_from(inside)), data.draw(st.sampled_from(outside))]
    asked = data.draw(st.permutations(asked))
    assume(all(not is_cjk(word) for word in asked))
    last = asked[-1]
    cut = last[: data.draw(st.integers(1, len(last)))]
    assume(list(words(cut)) == [cut])
    assert finds_within(" ".join([*asked[:-1], cut]), body, title)
    assert not finds_within(f"{asked[0]} qqqq7", body, title)


@given(CJK, CJK, st.data())
def test_cjk_text_within_is_found_by_any_substring_and_by_nothing_else(text, other, data):
    """Also where Latin words stand between two runs of it, across which no phrase reaches."""
    start = data.draw(st.integers(0, len(text) - 1))
    part = text[start : data.draw(st.integers(start + 1, len(text)))]
    assert finds_within(part, f"{other} lighthouse {text}!")
    assert finds_within(other, text) == (other in text)


@given(LATIN, st.sampled_from(SearchMode))
def test_words_within_are_found_in_one_mode_only(word, mode):
    """Searches of metadata, or of what is seen in pictures, know nothing of a document's text."""
    assert finds_within(word, word, mode=mode) == (mode is SearchMode.ALL)


@pytest.mark.parametrize(
    "text",
    [
        " ".join(f"{number:064x}" for number in range(40_000)),
        "".join(chr(0x20000 + number * 7919 % 0xFFFE) for number in range(150_000)),
        " ".join(chr(0x4E00 + number % 20_000) + chr(0x4E00 + number * 31 % 20_000) for number in range(100_000)),
        "\u6771" * 300_000,
    ],
    ids=["hashes", "rare characters", "pairs", "one character"],
)
def test_however_many_words_a_text_holds_their_bytes_are_limited(text):
    """What PostgreSQL makes of them fits, with as much room again for the asset's own words; the beginning is found."""
    entries = to_body_tsvector(text).split()
    size = sum(len(entry.partition(":")[0].encode()) + 2 * entry.count(",") + 3 for entry in entries)
    assert size <= MAX_BODY_BYTES + 2 * len(entries)
    assert finds_within(text[:2], text)


def test_unique_words_count_and_running_ones_do_not():
    """A word that first stands behind a million others is found, and so is its stem."""
    assert finds_within("boat", "the same words " * 50_000 + "boats")


def test_places_beyond_the_last_one_make_no_phrases():
    """PostgreSQL knows so many places; further pairs are found, longer substrings only before."""
    text = "\u6771\u4eac\u90fd" + "\u3042" * MAX_POSITION + "\u5927\u962a\u5e9c"
    assert finds_within("\u6771\u4eac\u90fd", text)
    assert finds_within("\u5927\u962a", text)
    assert not finds_within("\u5927\u962a\u5e9c", text)

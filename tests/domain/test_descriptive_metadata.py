"""Whatever a model answers is brought into the rules of the metadata object, or refused by the name of its key."""

import re
import string
import unicodedata
from dataclasses import astuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from calotype.domain.descriptive_metadata import DescriptiveMetadata, conforming, distinct_filename
from calotype.domain.errors import DescriptionFailed
from calotype.domain.sentences import sentences

GOOD = {
    "title": "Red lighthouse above a stormy sea",
    "alt": "A red lighthouse on a cliff above breaking waves",
    "caption": "A red lighthouse stands above a stormy sea.",
    "description": "A red lighthouse stands on a cliff. Waves break below it.",
    "filename": "red-lighthouse-stormy-sea",
    "tags": ["lighthouse", "sea", "storm"],
}
FILENAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NEVER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\u200b\ufeff\u2028\u2029]")


def made(**changes):
    """The metadata of a good answer with some keys changed."""
    return conforming(**{**GOOD, **changes})


def check(metadata):
    """All rules of the metadata object."""
    assert 1 <= len(metadata.title) <= 70
    assert not metadata.title.endswith((".", "\u3002"))
    assert 1 <= len(metadata.alt) <= 125
    assert not re.match(r"(an? )?(image|picture|photo|photograph) of\b", metadata.alt, re.IGNORECASE)
    assert not metadata.alt.lower().startswith("image of")
    assert len(sentences(metadata.caption)) == 1
    assert 1 <= len(sentences(metadata.description)) <= 4
    assert FILENAME.fullmatch(metadata.filename)
    assert len(metadata.filename) <= 60
    assert 3 <= len(metadata.tags) <= 20
    assert len(set(metadata.tags)) == len(metadata.tags)
    for tag in metadata.tags:
        assert tag == tag.lower().strip()
        assert 1 <= len(tag) <= 50
        assert not tag.startswith("#")
    for text in (metadata.title, metadata.alt, metadata.caption, metadata.description, *metadata.tags):
        assert text == text.strip()
        assert not NEVER.search(text)
        assert unicodedata.is_normalized("NFC", text)
        assert "  " not in text


def test_what_conforms_stays_as_it_is():
    """A good answer is not touched."""
    assert made() == DescriptiveMetadata(**{**GOOD, "tags": tuple(GOOD["tags"])})


_ODD = [
    *(
        "a dog",
        "Dr. Smith",
        "U.S.",
        "St. Mark's",
        "f/2.8",
        "1.5 km",
        "end.",
        "What?",
        "no!",
        "etc.",
        "image of",
        "Image of",
    ),
    *(
        "An",
        "photo of",
        "...",
        "\u2026",
        "#tag",
        ".jpg",
        '"',
        ")",
        "-",
        "\u2019",
        "\n",
        "\u3002",
        "\u202eevil",
        "\ud800",
        "\x00",
    ),
    *(
        "caf\u00e9",
        "e\u0301",
        "I\u0307",
        "\u00df",
        "\u1e96",
        "\u72ac\u304c\u3044\u308b\u3002",
        "\U0001f469\u200d\U0001f4bb",
    ),
    *("\u0e2b\u0e21\u0e32", "\u0645\u0631\u062d\u0628\u0627\u061f"),
]
_words = st.text(max_size=300) | st.lists(st.sampled_from(_ODD), max_size=40).flatmap(
    lambda parts: st.sampled_from([" ".join(parts), "".join(parts)])
)
_anything = st.none() | st.booleans() | st.integers() | st.floats() | st.lists(_words, max_size=3) | _words


@given(_words, _words, _words, _words, st.none() | _words, st.lists(_words, max_size=30) | _words)
@example("i\u0307 a", "image of i\u0307", "i\u0307", "i\u0307", None, "\u0130,b,c")
@example("t", "a" * 120 + " image of it", "c", "d", ".jpg.jpg", ["a", "b", "c"])
def test_the_rules_hold_for_whatever_is_not_refused(title, alt, caption, description, filename, tags):
    """Any texts at all: either refused, or within the rules, and brought into them once and for all."""
    try:
        metadata = conforming(title, alt, caption, description, filename, tags)
    except DescriptionFailed as refused:
        assert refused.context["key"] in GOOD  # noqa: PT017 - refusing is one of two right ends
        return
    check(metadata)
    assert conforming(*astuple(metadata)) == metadata


@given(*[_words] * 4)
def test_each_text_conforms_in_a_good_answer(title, alt, caption, description):
    """The same, where only one of the texts is odd, so that no other one hides it."""
    for key, text in {"title": title, "alt": alt, "caption": caption, "description": description}.items():
        try:
            metadata = made(**{key: text})
        except DescriptionFailed as refused:
            assert refused.context["key"] == key  # noqa: PT017
            continue
        check(metadata)
        assert conforming(*astuple(metadata)) == metadata


@given(st.tuples(*[_anything] * 6))
def test_nothing_else_is_ever_raised(values):
    """Whatever the types."""
    try:
        check(conforming(*values))
    except DescriptionFailed as refused:
        assert refused.context["key"] in refused.message  # noqa: PT017


@pytest.mark.parametrize("key", ["title", "alt", "caption", "description", "tags"])
@pytest.mark.parametrize("value", [None, 5, {}, "", " \n", "...", "12 34", "\u202e\x00"])
def test_a_key_without_words_is_named(key, value):
    """Missing, of another type or empty: no stub takes its place."""
    with pytest.raises(DescriptionFailed) as refused:
        made(**{key: value})
    assert refused.value.context == {"key": key}
    assert refused.value.message.startswith(f"the model's answer cannot be used: its {key} ")


@pytest.mark.parametrize(
    ("given_title", "title"),
    [
        ("A dog on the beach.", "A dog on the beach"),
        ("A dog on the beach\u3002", "A dog on the beach"),
        ("A dog...", "A dog"),
        ("What a dog!", "What a dog!"),
        ("  A\n dog\t ", "A dog"),
        ("word " * 20, "word word word word word word word word word word word word word word"),
        ("x" * 60 + " abcdefghijkl", "x" * 60),
        ("x" * 80, "x" * 70),
        ("A walk through the old harbour of the town in autumn with friends and, of course", None),
    ],
)
def test_titles(given_title, title):
    """At most 70 characters, cut at a word, without a full stop at their end."""
    found = made(title=given_title).title
    assert title is None or found == title
    assert len(found) <= 70
    assert not found.endswith((",", " "))


@pytest.mark.parametrize(
    ("given_alt", "alt"),
    [
        ("Image of a dog", "A dog"),
        ("An image of a dog", "A dog"),
        ("This is a photo of the sea.", "The sea."),
        ("a PICTURE of: an old man", "An old man"),
        ('"Photograph of sheep', "Sheep"),
        ("Image of a picture of a photo of fog", "Fog"),
        ("Image offset by a mirror", "An image offset by a mirror"),
        ("Photos of children on a wall", "Photos of children on a wall"),
        ("Screenshot of a form", "Screenshot of a form"),
    ],
)
def test_alternative_texts(given_alt, alt):
    """What everybody knows is not said."""
    assert made(alt=given_alt).alt == alt


def test_a_long_alternative_text_ends_with_a_sentence_or_a_word():
    """As many whole sentences as there is room for; of one too long as many words."""
    assert made(alt="A dog runs. " + "It is very fast and happy " * 10).alt == "A dog runs."
    alt = made(alt="A dog runs along the water " * 10).alt
    assert len(alt) <= 125
    assert alt.endswith(("A.", "dog.", "runs.", "along.", "the.", "water."))


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("A dog runs. A cat sleeps.", "A dog runs."),
        ("A dog runs", "A dog runs."),
        ("Dr. Smith stands before St. Mark's at f/2.8, 1.5 km from the U.S. embassy. He waves.",
         "Dr. Smith stands before St. Mark's at f/2.8, 1.5 km from the U.S. embassy."),
        ('She says "Stop." Then she goes.', 'She says "Stop."'),
        ("\u72ac\u304c\u8d70\u308b\u3002\u732b\u304c\u7720\u308b\u3002", "\u72ac\u304c\u8d70\u308b\u3002"),
        ("\u72ac\u304c\u8d70\u308b", "\u72ac\u304c\u8d70\u308b\u3002"),
        ("What a dog! It runs.", "What a dog!"),
        ("A dog,", "A dog."),
    ],
)  # fmt: skip
def test_captions_are_one_sentence(text, caption):
    """The first one, with a mark at its end."""
    assert made(caption=text).caption == caption


def test_descriptions_have_four_sentences_at_most():
    """More are left out; three are three."""
    assert made(description="One. Two. Three. Four. Five.").description == "One. Two. Three. Four."
    assert made(description="One.\n\nTwo").description == "One. Two."
    assert len(made(description="It is a long story " * 1000).description) <= 2000


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("Red Lighthouse.JPG", "red-lighthouse"),
        ("dog.jpg.png", "dog"),
        ("caf\u00e9_\u00fcber_stra\u00dfe", "cafe-uber-strasse"),
        ("\u00c6r\u00f8 and \u0141\u00f3d\u017a", "aero-and-lodz"),
        ("st-mark's--square-", "st-marks-square"),
        ("../../etc/passwd", "etc-passwd"),
        ("\u72ac", "red-lighthouse-above-a-stormy-sea"),
        ("", "red-lighthouse-above-a-stormy-sea"),
        (None, "red-lighthouse-above-a-stormy-sea"),
        ("\u00bd-\ufb01sh-\uff21", "1-2-fish-a"),
        ("word-" * 20, "word-word-word-word-word-word-word-word-word-word-word-word"),
        ("x" * 90, "x" * 60),
    ],
)
def test_file_names(given_name, name):
    """Letters, digits and single hyphens, without ending; of the title where nothing is left."""
    assert made(filename=given_name).filename == name


def test_a_file_name_can_come_from_tags_or_from_nowhere():
    """Where neither the answer nor the title has a letter of the alphabet."""
    hans = "\u72ac\u304c\u8d70\u308b"
    assert made(filename=hans, title=hans, tags=["\u72ac", "dog", "run"]).filename == "dog-run"
    assert made(filename=hans, title=hans, tags=["\u72ac", "\u732b", "\u5c71"]).filename == "image"
    with pytest.raises(DescriptionFailed):
        made(filename=5)


def test_tags_are_lower_case_and_different():
    """Trimmed, without the mark of a hashtag, the first twenty, as a list or in one text."""
    assert made(tags=["#Dog", " dog ", "Sea Side", "", "#", "x" * 80, "fun."]).tags == (
        "dog",
        "sea side",
        "x" * 50,
        "fun",
    )
    assert len(made(tags=[f"tag {number}" for number in range(1000)]).tags) == 20
    assert made(tags="One, two,three").tags == ("one", "two", "three")
    assert made(tags=["one", 2, None, "two", ["x"], "three"]).tags == ("one", "two", "three")
    for bad in (["a", "A", "#a"], ["a", "b", 3], [["a"], "b", "c"], {"a": 1}, 7):
        with pytest.raises(DescriptionFailed, match="tags"):
            made(tags=bad)


@pytest.mark.parametrize(
    "piece", ["a", ". ", "image of ", "\u0301", " ", "A.", "\u3002", "-", ".jpg", "((((", "\u200d", '"']
)
def test_megabytes_are_brought_into_the_rules_or_refused(piece):
    """Only the beginning of a text is looked at, so that none takes long: the limit of the suite would tell."""
    huge = piece * 3_000_000
    for value in (huge, "A dog. " + huge, "word " + huge + " end"):
        try:
            check(conforming(value, value, value, value, value, [value, "b", "c", "d"]))
        except DescriptionFailed as refused:
            assert refused.context["key"] in GOOD  # noqa: PT017


_names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=60)


@given(_names, st.integers(0, 30))
def test_distinct_names_are_within_the_rules_and_new(base, count):
    """Each of many pictures with the same name gets another one; the first keeps it."""
    taken = []
    for _ in range(count + 1):
        name = distinct_filename(base, taken)
        assert FILENAME.fullmatch(name)
        assert len(name) <= 60
        assert name not in taken
        taken.append(name)
    assert taken[0] == base


def test_distinct_names_count_from_two():
    """And pass over numbers that are taken already."""
    assert distinct_filename("sea", {"sea", "sea-2", "sea-4"}) == "sea-3"
    assert distinct_filename("a" * 57 + "-bc", {"a" * 57 + "-bc"}) == "a" * 57 + "-2"


@given(_words)
def test_sentences_are_stable(text):
    """A sentence that was found is one sentence; none is made of marks alone."""
    line = " ".join(text.split())
    assume(line)
    for sentence in sentences(line):
        assert sentences(sentence) == [sentence]

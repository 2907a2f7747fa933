"""Sentences are found as readers find them, and ended as their script ends them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.sentences import ended, joined, sentences, without_ends


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith and Mrs. Jones stand before St. Mark's.",
        "It was taken at f/2.8 with 1.5 s, 1.5 km from here.",
        "A flag of the U.S. Army hangs there.",
        "J. R. R. Tolkien sits.",
        "It costs approx. $5.",
        "See example.com for more.",
        "Is it (perhaps?) a dog.",
        'He says "no!" and goes.',
        "A dog ... and a cat.",
        "\u72ac\u304c\u8d70\u308b\u3002",
        "No full stop",
    ],
)
def test_this_is_one_sentence(text):
    """Full stops of short forms, initials and numbers end nothing."""
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A dog. A cat.", ["A dog.", "A cat."]),
        ("What? No! Yes\u2026 Maybe.", ["What?", "No!", "Yes\u2026", "Maybe."]),
        ('He says "Stop." Then he goes.', ['He says "Stop."', "Then he goes."]),
        ("It is big. 5 dogs sit.", ["It is big.", "5 dogs sit."]),
        ("\u72ac\u3002\u732b\uff01\u5c71\uff1f", ["\u72ac\u3002", "\u732b\uff01", "\u5c71\uff1f"]),
        (
            "\u0645\u0631\u062d\u0628\u0627\u061f \u0646\u0639\u0645",
            ["\u0645\u0631\u062d\u0628\u0627\u061f", "\u0646\u0639\u0645"],
        ),
        ("Cats, dogs, etc. The end.", ["Cats, dogs, etc.", "The end."]),
        ("... A dog. -- !", ["A dog."]),
        ("1. 2. 3.", []),
        ("", []),
    ],
)
def test_these_are_several(text, found):
    """With the marks of many scripts; what holds no letter is none."""
    assert sentences(text) == found


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("A dog", "A dog."),
        ("A dog.", "A dog."),
        ("A dog!", "A dog!"),
        ('"A dog."', '"A dog."'),
        ('He says "no"', 'He says "no".'),
        ("A dog, ", "A dog."),
        ("A dog: ", "A dog."),
        ("A dog. -", "A dog."),
        ("\u72ac", "\u72ac\u3002"),
        ("\u0e2b\u0e21\u0e32", "\u0e2b\u0e21\u0e32"),
        ("\u0645\u0631\u062d\u0628\u0627\u061f", "\u0645\u0631\u062d\u0628\u0627\u061f"),
    ],
)
def test_sentences_are_ended(text, whole):
    """By the mark of their script, where it has one."""
    assert ended(text) == whole
    assert ended(whole) == whole


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Stop. Go now!", "Stop Go now"),
        ("f/2.8 at 1.5 km", "f/2.8 at 1.5 km"),
        ("Nikon Corp. D90", "Nikon Corp D90"),
        ("He (who?) sleeps...", "He (who) sleeps"),
        ("\u72ac\u3002\u732b\u3002", "\u72ac \u732b"),
        ("www.example.com", "www.example.com"),
    ],
)
def test_what_is_quoted_ends_no_sentence(text, quoted):
    """Marks inside of words and numbers stay."""
    assert without_ends(text) == quoted


@given(st.text(st.sampled_from("ab A1.!?\u2026\u3002\"')(-"), max_size=40))
def test_a_quotation_makes_no_further_sentence(text):
    """Whatever is quoted, the sentence around it stays one."""
    quoted = without_ends(text).replace('"', "'")
    assert len(sentences(f'It reads "{quoted}" here.')) == 1


@given(st.lists(st.sampled_from(["A dog runs.", "What?", "\u72ac\u3002", 'He says "no!"', "Mr. X sits."]), max_size=8))
def test_joined_sentences_are_found_again(parts):
    """In their order."""
    text = ""
    for part in parts:
        text = joined(text, part)
    assert sentences(text) == parts

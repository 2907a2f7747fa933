"""What a model heard is brought into order or refused, and each part of it belongs to one time."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.errors import DescriptionFailed
from calotype.domain.scene import TranscriptSegment
from calotype.domain.transcript import in_order, said_between

DURATION = 12.3456
near = st.floats(-29, DURATION + 29, allow_nan=False)
words = st.text("abc \n\t\u00e9\u202e\x00", max_size=20)
segments = st.lists(st.builds(TranscriptSegment, near, near, words), max_size=12)


def heard(*triples):
    """Segments of start, end and text."""
    return [TranscriptSegment(*triple) for triple in triples]


def told(*triples, duration=10.0):
    """What becomes of segments, as triples."""
    return [(one.start, one.end, one.text) for one in in_order(heard(*triples), duration)]


@given(segments)
def test_whatever_was_heard_is_in_order_afterwards(given_segments):
    """Within the sound, one after the other, none of them empty, on whole milliseconds."""
    made = in_order(given_segments, DURATION)
    moments = [moment for one in made for moment in (one.start, one.end)]
    assert moments == sorted(moments)
    assert all(0 <= one.start < one.end <= DURATION and one.text for one in made)
    assert all(round(moment * 1000) / 1000 == moment for moment in moments)


@given(segments)
def test_no_word_is_lost(given_segments):
    """And none is added: letters before and after are the same."""
    before = sorted(letter for one in given_segments for letter in one.text if letter in "abc\u00e9")
    after = sorted(letter for one in in_order(given_segments, DURATION) for letter in one.text if letter != " ")
    assert after == before


@given(segments)
def test_what_is_in_order_stays_as_it_is(given_segments):
    """Once more changes nothing."""
    made = in_order(given_segments, DURATION)
    assert in_order(made, DURATION) == made


def test_good_answers_are_kept_word_for_word():
    """Also where segments touch each other."""
    good = [(0.0, 1.5, "Waves break."), (1.5, 3.25, "A ship \u2013 it passes."), (8.0, 10.0, "Ende gut.")]
    assert told(*good) == good


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([(-3, 2, "a")], [(0, 2, "a")]),
        ([(8, 25, "a")], [(8, 10, "a")]),
        ([(11, 12, "a")], [(9.999, 10, "a")]),
        ([(4, 2, "a")], [(2, 4, "a")]),
        ([(3, 3, "a")], [(3, 3.001, "a")]),
        ([(5, 6, "b"), (1, 2, "a")], [(1, 2, "a"), (5, 6, "b")]),
        ([(1, 5, "a"), (3, 6, "b")], [(1, 3, "a"), (3, 6, "b")]),
        ([(1, 5, "a"), (1, 3, "b")], [(1, 5, "a b")]),
        ([(0, 9, "a"), (2, 3, "b")], [(0, 2, "a"), (2, 3, "b")]),
        ([(0, 1, " \n "), (1, 2, " two\nlines ")], [(1, 2, "two lines")]),
    ],
    ids=["early", "late", "behind", "reversed", "empty", "sort", "overlap", "together", "within", "blank"],
)
def test_small_lies_about_time_are_mended(before, after):
    """Each as the rules say."""
    assert told(*before) == after


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ((math.nan, 1, "a"), "no number"),
        ((0, math.inf, "a"), "no number"),
        ((-31, 1, "a"), "outside"),
        ((41, 42, "a"), "outside"),
        ((2, 5_000, "a"), "outside"),
        ((1e300, 1e300, "a"), "outside"),
        ((0, 1, "a" * 2001), "more than can be said"),
    ],
)
def test_what_cannot_be_true_is_refused_with_its_reason(lie, reason):
    """Milliseconds for seconds, say, or a model that repeats itself without end."""
    with pytest.raises(DescriptionFailed, match=reason):
        told((0, 1, "good"), lie)


def test_nothing_is_said_in_no_time():
    """A sound shorter than a millisecond has no segments."""
    assert told((0, 1, "a"), duration=0.0009) == []


def test_each_segment_belongs_to_one_scene():
    """To the one in which its middle lies, so that no word is told twice where scenes touch."""
    all_of_it = heard((0, 2, "one"), (2, 4, "two "), (4, 4.5, " "), (5, 9, "three"))
    cuts = [0, 3, 5, 10]
    scenes = [said_between(all_of_it, start, end) for start, end in itertools.pairwise(cuts)]
    assert scenes == ["one", "two", "three"]
    assert said_between(all_of_it, 4, 5) is None

"""Ids of images have one way of writing, and an analysis one outcome."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.analysis import Outcome, outcome_of
from calotype.domain.analysis_session import MOST_IMAGES, image_id_of, number_of
from calotype.domain.credit import Account


@given(st.integers(1, MOST_IMAGES))
def test_every_number_has_its_id(number):
    """An id leads back to its number."""
    assert number_of(image_id_of(number)) == number


@given(st.text() | st.text("img_0123456789+-_ \uff11\u0661", max_size=14).map(lambda end: f"img_{end}"))
def test_no_two_texts_are_one_image(text):
    """Whatever a client writes is the id of a number as we write it, small enough for a column, or none."""
    number = number_of(text)
    assert number is None or (image_id_of(number) == text and 0 <= number < 2**31)


@given(st.integers(1, 100), st.data())
def test_the_outcome_tells_whether_all_some_or_none_succeeded(total, data):
    """Completed without a failure, failed without a result, else partial."""
    failed = data.draw(st.integers(0, total))
    outcome = outcome_of(total, failed)
    assert (outcome is Outcome.COMPLETED) == (failed == 0)
    assert (outcome is Outcome.FAILED) == (failed == total)
    assert outcome in Outcome


def test_nothing_is_said_to_remain_without_a_limit():
    """Neither a balance nor zero."""
    assert Account(5, is_unlimited=False).remaining == 5
    assert Account(5, is_unlimited=True).remaining is None

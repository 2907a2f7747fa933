"""Several ranked lists become one score between 0 and 1."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.image_search import LibrarySize, joined
from calotype.domain.ranking import Hit, fused, ranking

NOW = datetime(2026, 5, 4, tzinfo=UTC)
IDS = [UUID(int=number) for number in range(1, 13)]
LISTS = st.lists(
    st.dictionaries(st.sampled_from(IDS), st.integers(0, 5), max_size=12).map(
        lambda merits: sorted((Hit(found, NOW, merit) for found, merit in merits.items()), key=lambda hit: -hit.merit)
    ),
    max_size=3,
)
WEIGHTS = st.floats(min_value=0, max_value=1e308)


def ranked(*merits):
    """A list of hits with these merits."""
    return [Hit(IDS[place], NOW, merit) for place, merit in enumerate(merits)]


@given(LISTS)
def test_scores_lie_between_0_and_1(lists):
    """Whatever the lists, everything in them has a score above 0 and not above 1."""
    scores = fused(lists)
    assert set(scores) == {hit.id for hits in lists for hit in hits}
    assert all(0 < score <= 1 for score in scores.values())


@given(LISTS.filter(bool))
def test_who_is_better_in_every_list_scores_higher(lists):
    """If one image has more merit than another in all lists, its score is higher."""
    scores = fused(lists)
    merits = [{hit.id: hit.merit for hit in hits} for hits in lists]
    for one in scores:
        for other in scores:
            if all(found.get(one, -1) > found.get(other, -1) for found in merits):
                assert scores[one] > scores[other]


def test_the_formula():
    """First in both lists is 1; a rank r in one of two lists gives (1 / (60 + r)) / (2 / 61)."""
    assert fused([ranked(3, 2), ranked(9)])[IDS[0]] == 1
    assert fused([ranked(3, 2), []])[IDS[1]] == pytest.approx((1 / 62) / (2 / 61))
    assert fused([ranked(3, 2)])[IDS[0]] == 1
    assert fused([]) == {}


def test_equally_good_hits_share_a_rank():
    """Three that are equally good are all first; the next is fourth."""
    scores = fused([ranked(5, 5, 5, 1)])
    assert scores[IDS[0]] == scores[IDS[1]] == scores[IDS[2]] == 1
    assert scores[IDS[3]] == pytest.approx(61 / 64)


@given(
    st.dictionaries(st.sampled_from(IDS), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(IDS), st.floats(0, 1)),
    WEIGHTS,
    WEIGHTS,
)
def test_joined_scores_lie_between_both(image, text, image_weight, text_weight):
    """A weighted mean lies between what it is of, however large the weights; what is missing counts 0."""
    if image_weight == text_weight == 0:
        return
    scores = joined(image, text, image_weight, text_weight)
    assert set(scores) == {*image, *text}
    for found, score in scores.items():
        low, high = sorted((image.get(found, 0.0), text.get(found, 0.0)))
        assert low - 1e-12 <= score <= high + 1e-12
        assert 0 <= score <= 1


@given(
    st.dictionaries(st.sampled_from(IDS), st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    st.none() | st.floats(0, 1),
    st.integers(1, 12),
)
def test_ranking_is_sorted_bounded_and_keeps_to_the_threshold(scores, threshold, limit):
    """Highest first, ties newest first, at most `limit`, nothing below the threshold and nothing that scores 0."""
    created = {found: NOW + timedelta(seconds=found.int % 3) for found in scores}
    best = ranking(scores, created, limit, threshold)
    keys = [(score, created[found], found) for found, score in best]
    assert keys == sorted(keys, reverse=True)
    fitting = [score for score in scores.values() if score > 0 and score >= (threshold or 0)]
    assert len(best) == min(limit, len(fitting))
    assert [score for _, score in best] == sorted(fitting, reverse=True)[:limit]


@pytest.mark.parametrize(
    ("vectors", "indexed", "is_scanned"),
    [
        (1_000, 231_000, True),
        (10_000, 10_000, True),
        (30_000, 231_000, True),
        (25_000, 10_000_000, True),
        (30_000, 30_000, False),
        (200_000, 231_000, False),
        (200_000, 0, False),
        (200_000, None, True),
    ],
)
def test_few_vectors_or_a_small_share_are_compared_one_by_one(vectors, indexed, is_scanned):
    """The graph is walked where the tenant has many vectors and a good share of all; without an index never."""
    assert LibrarySize(0, vectors, indexed).is_scanned is is_scanned

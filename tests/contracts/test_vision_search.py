"""Searching images: section 3.6, and point 21 of the checklist."""

from __future__ import annotations

import json

import pytest

from tests.contracts.photos import photo, with_text
from tests.contracts.vision import JSON, SEARCH, SPELLINGS, entry, indexed, upload
from tests.contracts.vision_shapes import expect_error, found, ids

CAPTIONS = ["a red truck waits at a gate", "two deer on a meadow", "a red bicycle against a wall", None]


@pytest.fixture(scope="module")
def gallery(server):
    """A client and the ids of indexed images with CAPTIONS, and of one that shows the word HARBOUR."""
    with server.client(server.new_key()) as client:
        entries = [entry(index=True, **({"caption": text} if text else {})) for text in CAPTIONS]
        entries.append(entry(index=True, camera_id="quay-7"))
        pictures = [photo(120, 90) for _ in CAPTIONS] + [with_text()]
        known = ids(upload(client, *pictures, metadata={"requests": entries}))
        for image_id in known:
            indexed(client, image_id)
        yield client, known


def search(client, query, **options):
    """The ids that are found, best first."""
    return [each["image_id"] for each in found(client.post(SEARCH, json={"query": query, **options}))]


# ------------------------------------------------------------------------------ what is found


def test_a_result_has_five_keys(gallery):
    """With the metadata as it was sent, and a link that works."""
    client, known = gallery
    (best, *_) = found(client.post(SEARCH, json={"query": "harbour"}))
    assert best["image_id"] == known[4]
    assert best["image_metadata"] == {"camera_id": "quay-7"}
    assert client.get(best["image_url"]).status_code == 200
    assert best["score"] > 0


def test_joined_searches_find_what_the_metadata_say(gallery):
    """By the caption and by other values; only with its weight."""
    client, known = gallery
    assert search(client, "deer", search_mode="joined", image_weight=0, text_weight=1) == [known[1]]
    assert search(client, "quay", search_mode="joined", image_weight=0, text_weight=1)[:1] == [known[4]]
    assert search(client, "red truck", search_mode="joined")[:1] == [known[0]]
    alone = {"search_mode": "joined", "text_weight": 0, "image_weight": 1, "max_results": 200}
    in_vision = found(client.post(SEARCH, json={"query": "deer harbour", "max_results": 200}))
    weighted = found(client.post(SEARCH, json={"query": "deer harbour", **alone}))
    assert [(each["image_id"], each["score"]) for each in weighted] == [
        (each["image_id"], each["score"]) for each in in_vision
    ]


def test_the_weighted_mean_does_not_depend_on_the_sum_of_weights(gallery):
    """1 and 1, 0.5 and 0.5, and the defaults give the same scores."""
    client, _ = gallery
    bodies = [
        {},
        {"image_weight": 0.5, "text_weight": 0.5},
        {"image_weight": 3, "text_weight": 3},
        {"image_weight": None},
    ]
    answers = [
        found(client.post(SEARCH, json={"query": "red gate", "search_mode": "joined", **weights})) for weights in bodies
    ]
    scores = [[(each["image_id"], round(each["score"], 6)) for each in images] for images in answers]
    assert all(each == scores[0] for each in scores)


@pytest.mark.parametrize(("image_weight", "text_weight"), [(0.5, 0.5), (1, 3), (2, 0.5)])
@pytest.mark.parametrize("query", ["red truck", "a deer at the harbour", "quay", "HARBOUR gate"])
def test_joined_is_the_weighted_mean_of_both_scores(gallery, query, image_weight, text_weight):
    """Of each image; what one of the two does not find counts as 0 there."""
    client, _ = gallery

    def scores(**options):
        body = {"query": query, "max_results": 200, **options}
        return {each["image_id"]: each["score"] for each in found(client.post(SEARCH, json=body))}

    vision = scores()
    words = scores(search_mode="joined", image_weight=0, text_weight=1)
    joined = scores(search_mode="joined", image_weight=image_weight, text_weight=text_weight)
    assert joined.keys() == vision.keys() | words.keys()
    for image_id, score in joined.items():
        mean = image_weight * vision.get(image_id, 0) + text_weight * words.get(image_id, 0)
        assert score == pytest.approx(mean / (image_weight + text_weight), abs=1e-6)


def test_at_most_so_many_results(gallery):
    """The best ones of those that a larger search finds."""
    client, _ = gallery
    everything = search(client, "a red gate meadow harbour", search_mode="joined", max_results=200)
    assert len(everything) > 2
    for most in (1, 2):
        assert search(client, "a red gate meadow harbour", search_mode="joined", max_results=most) == everything[:most]


def test_a_threshold_keeps_what_reaches_it(gallery):
    """Every score found is a threshold that it passes itself, and 0 keeps all."""
    client, _ = gallery
    body = {"query": "a red gate meadow", "search_mode": "joined", "max_results": 200}
    images = found(client.post(SEARCH, json=body))
    assert images
    assert len(found(client.post(SEARCH, json={**body, "threshold": 0}))) == len(images)
    for each in images:
        kept = found(client.post(SEARCH, json={**body, "threshold": each["score"]}))
        assert [one["image_id"] for one in kept] == [one["image_id"] for one in images if one["score"] >= each["score"]]
        assert all(one["score"] >= each["score"] for one in kept)


def test_the_same_search_finds_the_same(gallery):
    """In both spellings, each time."""
    client, _ = gallery
    answers = [
        [
            (each["image_id"], each["score"])
            for each in found(client.post(spelling + SEARCH, json={"query": "red wall"}))
        ]
        for spelling in SPELLINGS * 2
    ]
    assert all(each == answers[0] for each in answers)


@pytest.mark.parametrize("mode", ["vision", "joined"])
def test_nonsense_finds_nothing(gallery, mode):
    """200 with an empty list."""
    client, _ = gallery
    assert search(client, "xqzzvy wvvkqj", search_mode=mode) == []


def test_another_account_finds_nothing(gallery, client):
    """Whatever it asks for."""
    for query in ("red truck", "harbour", "a"):
        assert search(client, query, search_mode="joined", max_results=200) == []


@pytest.mark.parametrize(
    "query", ["the", "a", "!", "...", "\u00e9", "\u65e5\u672c\u8a9e", "\U0001f69a", "' OR 1=1 --", "red & !truck | (",
              "<->", ":*", "%", "_",
              "\\", '"unclosed', "x" * 2000, "\U0001f69a" * 2000, "red " * 500, "-", "\ufeff", "null"]
)  # fmt: skip
def test_any_text_can_be_searched_for(gallery, query):
    """Up to 2000 characters, whatever they mean to a database."""
    client, _ = gallery
    for mode in ("vision", "joined"):
        found(client.post(SEARCH, json={"query": query, "search_mode": mode}))


# ------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("query", ["", " ", "\t\n", "\u00a0\u2003", None])
def test_a_blank_query_is_refused(anyone, query):
    """At least one character that is no white space."""
    expect_error(anyone.post(SEARCH, json={"query": query}), 400, param="query")
    if query is not None:
        expect_error(anyone.post(SEARCH, data={"query": query}), 400, param="query")


def test_a_missing_query_is_missing(anyone):
    """400 that names it."""
    expect_error(anyone.post(SEARCH, json={"max_results": 5}), 400, "missing_parameter", "query")


@pytest.mark.parametrize("query", ["x" * 2001, "\U0001f69a" * 2001, ["x"], {"a": 1}])
def test_a_query_too_long_or_of_no_text_is_refused(anyone, query):
    """Characters are counted, and not bytes."""
    expect_error(anyone.post(SEARCH, json={"query": query}), 400, "invalid_parameter", "query")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("max_results", [0, 201, -1, 1.5, "x", True, [5], "1e400"]),
        ("threshold", [-0.01, 1.01, "x", True, [0.5], {}, "NaN", "inf", 2]),
        ("search_mode", ["text", "VISION", "hybrid", 5, True, ["vision"]]),
        ("image_weight", [-0.1, "x", "NaN", "inf", True, []]),
        ("text_weight", [-1, "x", "-inf", True, {}]),
    ],
)
def test_what_is_outside_its_limits_is_refused(anyone, name, values):
    """400 that names the field."""
    for value in values:
        body = {"query": "gate", "search_mode": "joined", name: value}
        expect_error(anyone.post(SEARCH, content=json.dumps(body), headers=JSON), 400, "invalid_parameter", name)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("max_results", [1, 200, "200", 20.0]),
        ("threshold", [0, 1, 0.5, "0.5", 1.0]),
        ("search_mode", ["vision", "joined"]),
        ("image_weight", [0, 0.5, "3", 1000]),
        ("text_weight", [0, 1, 0.001]),
    ],
)
def test_what_is_within_its_limits_is_taken(anyone, name, values):
    """Both ends included."""
    for value in values:
        body = {"query": "gate", "search_mode": "joined", name: value}
        assert found(anyone.post(SEARCH, json=body)) == []


def test_both_weights_zero_are_refused_where_they_count(anyone):
    """In `joined`, however they are written; in `vision` weights mean nothing."""
    for zero in (0, 0.0, "0"):
        body = {"query": "gate", "image_weight": zero, "text_weight": zero}
        expect_error(anyone.post(SEARCH, json={**body, "search_mode": "joined"}), 400, "invalid_parameter")
        assert found(anyone.post(SEARCH, json={**body, "search_mode": "vision"})) == []
        assert found(anyone.post(SEARCH, json=body)) == []
    assert found(anyone.post(SEARCH, json={"query": "gate", "search_mode": "joined", "image_weight": 0})) == []

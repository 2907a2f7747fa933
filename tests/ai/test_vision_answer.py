"""What a vision model answers is read defensively: lenient about what is around the JSON, strict about the rest."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vision_models import METADATA, completion, saying

from calotype.ai.endpoint import UnusableAnswer
from calotype.ai.vision_answer import read_completion
from calotype.domain.errors import DescriptionFailed

GOOD = json.dumps(METADATA)


def read(body):
    """What is read in the body of an answer."""
    return read_completion(json.loads(body))


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        f"\n  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}```",
        f"<think>A sea, {{perhaps}}?\n</think>\n\n{GOOD}",
        f"It may be a sea.</think>```json\n{GOOD}\n```",
        json.dumps({**METADATA, "more": [1, {"a": None}]}),
        f"Here you are: {GOOD}",
        f"{GOOD} I hope this helps!",
        f"Here is it:\n```json\n{GOOD}\n```",
        f"```json\n{GOOD}\n```\nHope it helps",
        f"```json\n{GOOD}\n``` The {{title}} can be shorter.\n```\nLighthouse\n```",
        f"The sign says:\n```text\nSTOP\n```\nIn all: {GOOD}",
        "Here: ```json\n" + json.dumps({**METADATA, "more": "```\n{}"}) + "\n```",
    ],
)
def test_the_object_is_found(content):
    """Bare, fenced, among words, or after what was thought aloud; keys nobody asked for are passed over."""
    metadata, text = read(completion(content))
    assert (metadata.title, metadata.tags, text) == (METADATA["title"], ("lighthouse", "sea", "storm"), None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "I see a lighthouse.",
        GOOD[:-1],
        f"{GOOD}\n{GOOD}",
        f"[{GOOD}]",
        f"Here you are:\n```json\n[{GOOD}]\n```",
        '"text"',
        "null",
        "[" * 100_000,
        '{"title":' * 100_000,
        GOOD.replace('"tags"', '"a": NaN, "tags"'),
        GOOD.replace('"tags"', '"a": 1e999, "tags"'),
        GOOD.replace('"tags"', '"a": ' + "9" * 5000 + ', "tags"'),
        "<think>" + GOOD,
        f"<think>Perhaps\n```json\n{GOOD}\n```",
    ],
    ids=lambda content: content[:20],
)
def test_what_is_not_the_object_is_not_used(content):
    """Prose alone, halves, several, mere thoughts, other types, numbers that are none, and depths that would break a parser."""
    with pytest.raises(UnusableAnswer, match="not the JSON"):
        read(completion(content))


@pytest.mark.parametrize("key", sorted(METADATA))
@pytest.mark.parametrize("value", [5, {}, [[]], True])
def test_values_of_other_types_are_named(key, value):
    """Each key by its name."""
    with pytest.raises(UnusableAnswer, match=f"its {key} "):
        read(saying(**{key: value}))


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"choices": []},
        {"choices": None},
        {"choices": ["text"]},
        {"choices": [{}]},
        {"choices": [{"message": "text"}]},
        {"choices": [{"message": {}}]},
        {"choices": [{"message": {"content": None}}]},
        {"choices": [{"message": {"content": [{"type": "text", "text": GOOD}]}}]},
        {"choices": [{"message": {"content": 5}}]},
    ],
)
def test_answers_without_a_text_are_not_used(document):
    """Whatever stands where the message should be."""
    with pytest.raises(UnusableAnswer):
        read_completion(document)


def test_a_text_that_was_cut_short_is_not_used():
    """Though what came so far may look well."""
    with pytest.raises(UnusableAnswer, match="cut short"):
        read(completion(finish_reason="length"))


@pytest.mark.parametrize("body", [completion("", refusal="I cannot."), completion(finish_reason="content_filter")])
def test_a_model_that_declines_is_not_asked_again(body):
    """That is about this picture, and will be so the next time."""
    with pytest.raises(DescriptionFailed, match="declined"):
        read(body)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("STOP\nONE WAY", "STOP\nONE WAY"),
        ("  a \t b\r\n\n\nc\x00\u202e", "a b\nc"),
        ("", None),
        (" \n ", None),
        ("None", None),
        ("(no text).", None),
        (None, None),
        ("word " * 100_000, "word " * 500),
    ],
)
def test_visible_text_is_cleaned_and_bounded(said, text):
    """Line by line, without what nobody sees; words for nothing are nothing."""
    found = read(saying(visible_text=said))[1]
    if text and len(text) > 100:
        assert found.startswith("word word")
        assert len(found) <= 10_000
    else:
        assert found == text


def test_visible_text_of_another_type_is_not_used():
    """It is asked for as a text."""
    with pytest.raises(UnusableAnswer, match="visible_text"):
        read(saying(visible_text=["STOP"]))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "refusal", "finish_reason", "title", "tags", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(_json)
def test_nothing_else_is_raised_for_any_document(document):
    """Whatever is in it."""
    with suppress(UnusableAnswer, DescriptionFailed):
        read_completion(document)


@given(st.text(max_size=200) | _json.map(json.dumps))
def test_nothing_else_is_raised_for_any_text(content):
    """Whatever the model wrote."""
    with suppress(UnusableAnswer):
        read(completion(content))

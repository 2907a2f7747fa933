"""Reading what a vision model answered, which may be anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from calotype.ai.endpoint import UnusableAnswer
from calotype.domain.descriptive_metadata import DescriptiveMetadata, conforming, one_line
from calotype.domain.errors import DescriptionFailed
from calotype.domain.json_text import load_json

LONGEST_VISIBLE_TEXT = 10_000
_LONGEST_LINE = 500
_MOST_LINES = 500
_FENCE = re.compile(r"```[A-Za-z]{0,10}[ \t]*\n")
_THOUGHT, _THOUGHT_ENDS = "<think>", "</think>"
# What models say where there is nothing to be read, though they were told not to.
_NO_TEXT = frozenset({"none", "n/a", "null", "no text", "no visible text", "-", "empty", '""'})


def read_completion(document: Any) -> tuple[DescriptiveMetadata, str | None]:
    """The metadata and the visible text in the answer of a chat completion.

    Raises UnusableAnswer, and DescriptionFailed where the model will not describe this picture, however often it is asked.
    """
    choices = document.get("choices") if isinstance(document, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        raise UnusableAnswer("the vision model's answer has no message")
    if message.get("refusal") or first.get("finish_reason") == "content_filter":
        raise DescriptionFailed("the vision model declined to describe the picture")
    if first.get("finish_reason") == "length":
        raise UnusableAnswer("the vision model's answer was cut short")
    content = message.get("content")
    if not isinstance(content, str):
        raise UnusableAnswer("the vision model's answer has no text")
    return _read_content(content)


def _read_content(content: str) -> tuple[DescriptiveMetadata, str | None]:
    found = _json(content)
    if not isinstance(found, dict):
        raise UnusableAnswer("the vision model's answer is not the JSON object that was asked for")
    try:
        metadata = conforming(
            *(found.get(key) for key in ("title", "alt", "caption", "description", "filename", "tags"))
        )
    except DescriptionFailed as error:
        raise UnusableAnswer(error.message) from error
    return metadata, _visible_text(found.get("visible_text"))


def _json(content: str) -> Any:
    for text in _where_json_may_be(content):
        with suppress(ValueError):
            return load_json(text)
    raise UnusableAnswer("the vision model's answer is not the JSON that was asked for")


def _where_json_may_be(content: str) -> Iterator[str]:
    """All that was said behind what was thought aloud, a code block in it, and what stands from the first brace to the last."""
    text = content.strip()
    if not text.startswith(("{", "```")):
        text = text.rpartition(_THOUGHT_ENDS)[2].strip()
    yield text
    if text.startswith(_THOUGHT):
        # What a model thinks of saying is not what it says.
        return
    if fence := _FENCE.search(text):
        yield text[fence.end() :].partition("```")[0]
    yield text[text.find("{") : text.rfind("}") + 1]


def _visible_text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnusableAnswer("the model's answer cannot be used: its visible_text is no text")
    lines = value[:LONGEST_VISIBLE_TEXT].splitlines()[:_MOST_LINES]
    text = "\n".join(line for part in lines if (line := one_line(part, _LONGEST_LINE)))
    return None if not text or text.casefold().strip(".()[] ") in _NO_TEXT else text

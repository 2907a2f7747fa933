"""An OpenAI-compatible endpoint for chat completions, asked in the words it knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from calotype.ai.endpoint import Answer, Ask, ModelEndpoint, Result, is_success, word_not_understood

# What to say instead of a word that is not understood; nothing where there is no other.
_OTHER_WORDS = {"max_tokens": "max_completion_tokens"}
_UNCERTAIN = ("max_tokens", "response_format")
_log = structlog.get_logger(__name__)


class VisionEndpoint:
    """Asks a vision model; safe to be used by many tasks of one event loop.

    Servers differ in what they understand: those that refuse `max_tokens` are told `max_completion_tokens`, those that know no
    `response_format` go without. Either is found out once in a process.
    """

    def __init__(self, ask: Ask, api_key: str | None = None) -> None:
        self._endpoint = ModelEndpoint("vision model", ask, api_key, result_key="choices")
        self._words: dict[str, str | None] = {}

    async def complete(self, question: Mapping[str, Any], read: Callable[[Any], Result]) -> Result:
        """The answer to a question (the body of a chat completion); `read`, and what is raised, as for ModelEndpoint.answer."""
        return await self._endpoint.answer(lambda: self._ask_in_its_words(question), read)

    async def _ask_in_its_words(self, question: Mapping[str, Any]) -> Answer:
        """Ask, and again without a key that the server turns out not to know; what it takes is remembered."""
        words = dict(self._words)
        while True:
            asked = {word: value for key, value in question.items() if (word := words.get(key, key)) is not None}
            answer = await self._endpoint.ask_once(json.dumps(asked).encode("ascii"), "application/json")
            key = word_not_understood(answer, _UNCERTAIN)
            word = words.get(key, key) if key else None
            if key is None or word is None:
                if is_success(answer.status):
                    self._words = words
                return answer
            words[key] = _OTHER_WORDS.get(word)
            _log.info("vision endpoint does not know a key", key=key, instead=words[key])

"""What a question in words is looked for by: its words as they are indexed, and its meaning as a vector."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from calotype.ai.interfaces import TextEmbedder
from calotype.domain.errors import Unavailable
from calotype.domain.ranking import MOST_WORDS
from calotype.domain.search_text import to_lexemes
from calotype.domain.stop_words import STOP_WORDS


@dataclass(frozen=True, slots=True)
class Question:
    """The lexemes of a question, and its vector: None for one without words, and where the model is not installed."""

    lexemes: tuple[str, ...]
    vector: tuple[float, ...] | None


async def read_question(embedder: TextEmbedder, text: str) -> Question:
    """Take a question apart, outside of any transaction."""
    lexemes = tuple(to_lexemes(text, MOST_WORDS, STOP_WORDS))
    try:
        vector = (await asyncio.to_thread(embedder.embed, [text]))[0]
    except Unavailable:
        return Question(lexemes, None)
    return Question(lexemes, tuple(vector.tolist()) if vector.any() else None)

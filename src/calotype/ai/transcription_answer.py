"""Reading what a speech model behind an API answered, which may be anything."""

from __future__ import annotations

from typing import Any

from calotype.ai.endpoint import UnusableAnswer
from calotype.domain.errors import DescriptionFailed
from calotype.domain.language import language_code
from calotype.domain.scene import Transcription, TranscriptSegment
from calotype.domain.transcript import in_order


def read_transcription(document: Any, duration: float) -> Transcription:
    """What is said in a sound of so many seconds, from an answer in "verbose_json" or "json".

    Of an answer with text alone all of it is one segment. Raises UnusableAnswer.
    """
    if not isinstance(document, dict):
        raise UnusableAnswer("the speech model's answer is no JSON object")
    text, segments = document.get("text"), document.get("segments")
    if not isinstance(text, str | None):
        raise UnusableAnswer("the speech model's answer has a text that is none")
    if not isinstance(segments, list | None):
        raise UnusableAnswer("the speech model's answer has no list of segments")
    if text is None and segments is None:
        raise UnusableAnswer("the speech model's answer has neither text nor segments")
    heard = [_segment(segment) for segment in segments or ()] or [TranscriptSegment(0, duration, text or "")]
    try:
        ordered = in_order(heard, duration)
    except DescriptionFailed as error:
        raise UnusableAnswer(f"the speech model's answer cannot be used: {error.message}") from error
    language = document.get("language")
    return Transcription(ordered, language_code(language) if isinstance(language, str) else None)


def _segment(value: Any) -> TranscriptSegment:
    if not isinstance(value, dict):
        raise UnusableAnswer("the speech model's answer has a segment that is no object")
    text = value.get("text")
    if not isinstance(text, str):
        raise UnusableAnswer("the speech model's answer has a segment without text")
    return TranscriptSegment(_time(value.get("start")), _time(value.get("end")), text)


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableAnswer("the speech model's answer has a segment without times")
    try:
        return float(value)
    except OverflowError as error:
        raise UnusableAnswer("the speech model's answer has a time that is too large") from error

"""What is said in a video: which part of it belongs to which time."""

from __future__ import annotations

from collections.abc import Iterable

from calotype.domain.scene import TranscriptSegment


def said_between(segments: Iterable[TranscriptSegment], start: float, end: float) -> str | None:
    """The words of the segments whose middle lies within a time (its end left out), in seconds; None where nothing is said."""
    said = [segment.text.strip() for segment in segments if start <= (segment.start + segment.end) / 2 < end]
    return " ".join(text for text in said if text) or None

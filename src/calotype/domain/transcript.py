"""What is said in a video: which part of it belongs to which time, and what of a model's answer can be true."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from calotype.domain.descriptive_metadata import one_line
from calotype.domain.errors import DescriptionFailed
from calotype.domain.scene import TranscriptSegment

MOST_CHARACTERS_A_SECOND = 100
"""Nobody says more: it is five times what fast speakers do."""

_SLACK_CHARACTERS = 1000
# Models of the Whisper family hear windows of 30 seconds, the last of which may reach beyond the sound.
_WINDOW_MS = 30_000
_MS = 1000


@dataclass(slots=True)
class _Piece:
    """A segment while it is brought into order; milliseconds."""

    start: int
    end: int
    text: str


def said_between(segments: Iterable[TranscriptSegment], start: float, end: float) -> str | None:
    """The words of the segments whose middle lies within a time (its end left out), in seconds; None where nothing is said."""
    said = [segment.text.strip() for segment in segments if start <= (segment.start + segment.end) / 2 < end]
    return " ".join(text for text in said if text) or None


def in_order(heard: Iterable[TranscriptSegment], duration: float) -> tuple[TranscriptSegment, ...]:
    """What a model heard in a sound of `duration` seconds, so that it can be relied on.

    Times are whole milliseconds, 0 <= start < end <= duration, and no segment begins before the one ahead of it has ended.
    Times a little outside are moved to the edge, reversed ones turned round, of two that overlap the first is cut short, and
    those that begin together are one. All words are kept, each segment on one line. Raises DescriptionFailed, with what is
    wrong, for times that are no numbers or far outside, and for more words than can be said in that time.
    """
    total = int(duration * _MS)
    pieces = [_Piece(*_times(segment, total), text) for segment in heard if (text := _line(segment.text, duration))]
    if sum(len(piece.text) for piece in pieces) > _most_characters(duration):
        raise DescriptionFailed("it holds more than can be said in that time")
    if not total:
        return ()
    pieces.sort(key=lambda piece: piece.start)  # which keeps the order of those that begin together
    ordered: list[_Piece] = []
    for piece in pieces:
        last = ordered[-1] if ordered else None
        if last is not None and last.start == piece.start:
            last.end, last.text = max(last.end, piece.end), f"{last.text} {piece.text}"
            continue
        if last is not None:
            last.end = min(last.end, piece.start)
        ordered.append(piece)
    return tuple(TranscriptSegment(piece.start / _MS, piece.end / _MS, piece.text) for piece in ordered)


def _times(segment: TranscriptSegment, total: int) -> tuple[int, int]:
    if not math.isfinite(segment.start) or not math.isfinite(segment.end):
        raise DescriptionFailed("a time in it is no number")
    start, end = sorted((segment.start, segment.end))
    if start * _MS < -_WINDOW_MS or start * _MS > total + _WINDOW_MS or end * _MS > total + 2 * _WINDOW_MS:
        raise DescriptionFailed("a time in it lies outside of the sound")
    begin = min(max(0, round(start * _MS)), max(0, total - 1))
    return begin, min(max(begin + 1, round(end * _MS)), max(1, total))


def _line(text: str, duration: float) -> str:
    return one_line(text, _most_characters(duration) + 1)


def _most_characters(duration: float) -> int:
    return _SLACK_CHARACTERS + int(duration * MOST_CHARACTERS_A_SECOND)

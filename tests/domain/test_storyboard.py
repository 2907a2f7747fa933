"""Storyboards as WebVTT: every picture of the sheet once, in order, and all of the video."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from calotype.domain.storyboard import to_webvtt
from calotype.domain.video import Storyboard

_CUE = re.compile(
    r"(\d{2,}):(\d\d):(\d\d)\.(\d{3}) --> (\d{2,}):(\d\d):(\d\d)\.(\d{3})\n(.*)#xywh=(\d+),(\d+),(\d+),(\d+)"
)


def seconds(parts) -> float:
    """A time as WebVTT writes it."""
    hours, minutes, whole, thousandths = map(int, parts)
    assert minutes < 60
    assert whole < 60
    return hours * 3600 + minutes * 60 + whole + thousandths / 1000


def test_a_storyboard_reads_as_players_expect():
    """Written down once by hand."""
    board = Storyboard("key", 2.5, 3, 2, 160, 90)
    assert to_webvtt(board, 6.25, "/s.jpg?x=1") == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:02.500\n/s.jpg?x=1#xywh=0,0,160,90\n\n"
        "00:00:02.500 --> 00:00:05.000\n/s.jpg?x=1#xywh=160,0,160,90\n\n"
        "00:00:05.000 --> 00:00:06.250\n/s.jpg?x=1#xywh=0,90,160,90\n"
    )


@given(
    count=st.integers(1, 60),
    columns=st.integers(1, 12),
    interval=st.floats(0.05, 4000),
    rest=st.floats(0.01, 1),
)
def test_cues_cover_the_video_without_gaps(count, columns, interval, rest):
    """Each begins where the one before ended, the last ends with the video; no two show the same part of the sheet."""
    duration = (count - 1 + rest) * interval
    text = to_webvtt(Storyboard("key", interval, count, columns, 32, 18), duration, "s")
    cues = _CUE.findall(text)
    times = [(seconds(cue[:4]), seconds(cue[4:8])) for cue in cues]
    assert times[0][0] == 0
    assert all(start <= end for start, end in times)
    assert [end for _, end in times[:-1]] == [start for start, _ in times[1:]]
    assert abs(times[-1][1] - duration) < 0.002
    places = [(int(cue[9]) // 32 + int(cue[10]) // 18 * columns) for cue in cues]
    assert places == list(range(len(cues)))
    assert all(int(cue[9]) < columns * 32 for cue in cues)


def test_a_sheet_with_more_pictures_than_the_video_has_time_ends_with_the_video():
    """A film whose duration turned out shorter has no cue that begins after its end."""
    text = to_webvtt(Storyboard("key", 2.0, 5, 5, 32, 18), 3.0, "s")
    assert max(seconds(cue[:4]) for cue in _CUE.findall(text)) < 3.0
    assert max(seconds(cue[4:8]) for cue in _CUE.findall(text)) <= 3.0

"""What browsers play as it is, and what a video knows of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calotype.domain.video import VideoProbe

PLAIN = VideoProbe("mp4", 640, 480, 0, 1.5, 25.0, "h264", "yuv420p", "aac", 100)


@pytest.mark.parametrize(
    ("change", "plays"),
    [
        ({}, True),
        ({"audio_codec": None}, True),
        ({"video_codec": "av1"}, True),
        ({"container": "webm", "video_codec": "vp9", "audio_codec": "opus"}, True),
        ({"container": "webm", "video_codec": "vp8", "audio_codec": None}, True),
        ({"pixel_format": "yuvj420p"}, True),
        ({"pixel_format": "yuv420p10le"}, False),
        ({"pixel_format": "yuv444p"}, False),
        ({"video_codec": "hevc"}, False),
        ({"audio_codec": "ac3"}, False),
        ({"container": "webm", "audio_codec": "aac", "video_codec": "vp9"}, False),
        ({"container": "mkv"}, False),
        ({"container": "avi", "video_codec": "mpeg4"}, False),
        ({"container": "ts"}, False),
    ],
)
def test_browsers_play_few_combinations(change, plays):
    """Container, both codecs and the form of pixels must all be ones they know; anything else is made playable first."""
    assert replace(PLAIN, **change).plays_in_browsers is plays


def test_sound_is_there_or_not():
    """A stream of sound is what has a codec."""
    assert PLAIN.has_audio
    assert not replace(PLAIN, audio_codec=None).has_audio

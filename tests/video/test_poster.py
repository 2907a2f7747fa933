"""One picture stands for a film."""

from __future__ import annotations

import pytest

from calotype.domain.errors import TooManyPixels, UndecodableVideo, Unsupported
from calotype.video.poster import extract_poster
from tests.films import BLACK, GREEN, RED, WHITE, film, noise, plain
from tests.video.conftest import near, picture

SOUND = {"webm": "libopus", "mpeg": "mp2", "wmv": "wmav2", "avi": "libmp3lame", "ogv": "libopus"}


@pytest.mark.parametrize(
    "container", ["mp4", "mov", "m4v", "3gp", "mkv", "webm", "avi", "ts", "m2ts", "mpeg", "flv", "wmv", "ogv"]
)
def test_every_container_has_a_poster(desk, container):
    """A JPEG of the film's size shows one of its scenes."""
    data = film(container, seconds=3, fps=25, scenes=(GREEN,), audio=SOUND.get(container, "aac"))
    pixels = picture(extract_poster(desk.put(data), container))
    assert pixels.shape == (48, 64, 3)
    assert near(pixels[-5, 5], GREEN)


def test_a_black_beginning_is_not_the_poster(desk):
    """What is black, or of one colour, gives way to what shows something; so it does where the film cannot be searched."""

    def paint(_number, time):
        return plain(BLACK if time < 1 else WHITE, (64, 48)) if time < 2 else noise((64, 48))

    for container, options in (("mp4", None), ("mkv", {"live": "1"})):
        data = film(container, seconds=6, paint=paint, options=options, codec_options={"g": "5"})
        assert picture(extract_poster(desk.put(data), container)).std() > 20


def test_a_poster_is_upright_and_at_most_1024_wide(desk):
    """A film that is shown turned has a poster that is; a film of one frame, too."""
    data = film(size=(1280, 320), seconds=0.1, rotation=270, color={"colorspace": 1, "color_range": 1})
    pixels = picture(extract_poster(desk.put(data), "mp4"))
    assert pixels.shape == (1024, 256, 3)
    # The white square was at the left above, so it is at the left below.
    assert pixels[-10, 10].min() > 200
    assert near(pixels[10, 10], RED)


def test_what_has_no_poster_says_why(desk):
    """Sound alone, frames that are too large, and rubbish raise what a probe raises."""
    with pytest.raises(Unsupported):
        extract_poster(desk.put(film(scenes=(), audio="aac")), "mp4")
    with pytest.raises(TooManyPixels):
        extract_poster(desk.put(film()), "mp4", pixel_limit=64 * 47)
    with pytest.raises(UndecodableVideo):
        extract_poster(desk.put(b"rubbish" * 100), "mkv")

"""One pass over a film finds its scenes."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from calotype.domain.errors import TooManyPixels, UndecodableVideo, Unsupported
from calotype.video.scan import scan
from tests.films import BLACK, BLUE, GREEN, GREY, RED, YELLOW, film, noise, plain
from tests.video.conftest import near, picture

SOUND = {"webm": "libopus", "mpeg": "mp2", "wmv": "wmav2", "avi": "libmp3lame", "ogv": "libopus"}
CONTAINERS = ("mp4", "mov", "m4v", "3gp", "mkv", "webm", "avi", "ts", "m2ts", "mpeg", "flv", "wmv", "ogv")


def bounds(found):
    """The ends of all scenes."""
    return [scene.end for scene in found.scenes]


def check_order(found):
    """Scenes follow each other without gaps, from 0 to the end, each longer than nothing."""
    assert found.scenes[0].start == 0
    assert found.scenes[-1].end == found.probe.duration
    assert all(scene.start < scene.end for scene in found.scenes)
    assert all(one.end == other.start for one, other in itertools.pairwise(found.scenes))


@pytest.mark.parametrize("container", CONTAINERS)
def test_cuts_of_every_container_are_found(desk, container):
    """Each scene begins at its cut, and its keyframe shows it."""
    folder = desk.empty()
    colors = (RED, BLUE, GREEN)
    data = film(container, seconds=6, fps=25, scenes=colors, audio=SOUND.get(container, "aac"))
    found = scan(desk.put(data), container, str(folder))
    check_order(found)
    assert found.fault is None
    assert found.frames in range(148, 153)
    assert bounds(found)[:2] == [pytest.approx(2, abs=0.05), pytest.approx(4, abs=0.05)]
    assert len(found.scenes) == 3
    for scene, color in zip(found.scenes, colors, strict=True):
        assert near(picture((folder / scene.keyframe).read_bytes())[-5, 5], color)
    names = {scene.keyframe for scene in found.scenes} | {"progress"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "progress").read_text() == "1.0000"


def test_keyframes_are_upright_and_of_bounded_size(desk):
    """A keyframe is turned as the film is shown, and its longer side has at most 1024 pixels."""

    def paint(_number, _time):
        pixels = plain(GREY, (1280, 640))
        pixels[:160, :] = RED
        return pixels

    folder = desk.empty()
    data = film(size=(1280, 640), seconds=0.4, paint=paint, rotation=90, color={"colorspace": 1, "color_range": 1})
    found = scan(desk.put(data), "mp4", str(folder))
    pixels = picture((folder / found.scenes[0].keyframe).read_bytes())
    assert pixels.shape == (1024, 512, 3)
    # What was above is at the right after a quarter clockwise.
    assert near(pixels[500, 500], RED)
    assert near(pixels[500, 20], GREY)


def test_a_keyframe_is_from_the_middle_and_not_black(desk):
    """The picture is taken near the middle of its scene; where that is black, elsewhere."""

    def counting(_number, time):
        return plain((40 + int(time * 20),) * 3, (64, 48))

    def blinking(_number, time):
        return plain(BLACK if 2 <= time < 8 else GREEN, (64, 48))

    folder = desk.empty()
    found = scan(desk.put(film(seconds=10, paint=counting)), "mp4", str(folder))
    assert 40 + 20 * 3 <= picture((folder / found.scenes[0].keyframe).read_bytes())[20, 20, 0] <= 40 + 20 * 7
    folder = desk.empty()
    found = scan(desk.put(film(seconds=10, paint=blinking)), "mp4", str(folder), min_scene=20)
    assert near(picture((folder / found.scenes[0].keyframe).read_bytes())[20, 20], GREEN)


def test_long_scenes_are_divided_evenly_and_short_ones_joined(desk):
    """A scene of 5 seconds becomes three of equal length where 2 are allowed; one of half a second joins its neighbour."""
    found = scan(desk.put(film(seconds=5)), "mp4", str(desk.empty()), max_scene=2)
    assert bounds(found) == [pytest.approx(5 / 3), pytest.approx(10 / 3), 5]
    assert all(scene.keyframe for scene in found.scenes)
    check_order(found)

    def quick(_number, time):
        return plain(RED if time < 2 else BLUE if time < 2.5 else GREEN if time < 5 else YELLOW, (64, 48))

    found = scan(desk.put(film(seconds=5.5, paint=quick)), "mp4", str(desk.empty()))
    assert len(found.scenes) == 2
    assert 2 <= found.scenes[0].end <= 2.5
    check_order(found)


def test_a_film_of_one_frame_is_one_scene(desk):
    """A single frame makes a scene with a keyframe, in whatever container."""
    for container in ("mp4", "mkv", "ts", "avi"):
        found = scan(desk.put(film(container, seconds=0.04, fps=25)), container, str(desk.empty()))
        check_order(found)
        assert len(found.scenes) == 1
        assert found.scenes[0].keyframe


def test_times_follow_frames_that_are_shown_unevenly(desk):
    """A cut is where its frame is shown, not where its number would be at an even rate."""
    times = [0, 0.5, 1, 1.5, 2, 2.5, 3, *(4 + step / 10 for step in range(30))]
    paint = {True: plain(RED, (64, 48)), False: plain(BLUE, (64, 48))}
    found = scan(desk.put(film(times=times, paint=lambda _n, time: paint[time < 4])), "mp4", str(desk.empty()))
    assert bounds(found)[0] == pytest.approx(4, abs=0.01)
    check_order(found)


def test_a_slide_that_is_shown_long_is_the_keyframe_of_all_its_parts(desk):
    """Where a part of a divided scene has no frame of its own, the one that is shown meanwhile is taken."""
    folder = desk.empty()
    data = film(times=[0, 9.9], paint=lambda _n, time: plain(RED if time < 9 else GREEN, (64, 48)))
    found = scan(desk.put(data), "mp4", str(folder), max_scene=2.5)
    check_order(found)
    assert len(found.scenes) >= 4
    assert near(picture((folder / found.scenes[1].keyframe).read_bytes())[20, 20], RED)


def test_broadcast_clocks_may_start_anywhere_and_jump(desk):
    """Time counts from the first frame, also where the container's clock begins at a day's end or starts anew."""
    late = film("ts", seconds=3, fps=25, scenes=(RED, BLUE, GREEN), options={"output_ts_offset": "95440"})
    found = scan(desk.put(late), "ts", str(desk.empty()))
    assert bounds(found) == [pytest.approx(1, abs=0.05), pytest.approx(2, abs=0.05), pytest.approx(3, abs=0.2)]
    pieces = film("ts", seconds=2, fps=25, scenes=(RED,)) + film(
        "ts", seconds=2, fps=25, scenes=(BLUE,), options={"output_ts_offset": "5000"}
    )
    found = scan(desk.put(pieces), "ts", str(desk.empty()))
    check_order(found)
    assert found.scenes[0].end == pytest.approx(2, abs=0.3)
    assert found.probe.duration < 6


def test_frames_in_another_order_and_a_late_start_do_not_matter(desk):
    """B-frames, whose first time stamps are negative, and a first frame that is late change no cut."""
    options = {"bf": "2", "preset": "veryfast"}
    for shift in ({}, {"output_ts_offset": "3"}):
        data = film(seconds=4, fps=25, scenes=(RED, BLUE), codec_options=options, options=shift)
        found = scan(desk.put(data), "mp4", str(desk.empty()))
        assert bounds(found)[0] == pytest.approx(2, abs=0.01)
        assert found.frames == 100


def test_a_film_that_is_cut_off_gives_what_there_is(desk):
    """The scenes end where the file does, and the fault says so; the duration is what was measured."""
    whole = film("mkv", size=(160, 120), seconds=8, fps=25, paint=lambda n, _t: noise((160, 120), n // 50))
    found = scan(desk.put(whole[: len(whole) // 2]), "mkv", str(desk.empty()))
    assert 1 < found.probe.duration < 7
    assert found.fault
    check_order(found)
    sound = film("mkv", seconds=2, audio="aac", audio_seconds=6)
    found = scan(desk.put(sound), "mkv", str(desk.empty()))
    assert (found.fault, found.probe.duration) == (None, pytest.approx(6, abs=0.1))
    check_order(found)


def test_a_storyboard_is_one_sheet_of_small_pictures(desk):
    """A picture a second, ten a row, each upright and small; a hundred at most."""
    folder = desk.empty()
    found = scan(desk.put(film(size=(320, 160), seconds=12, scenes=(RED, BLUE))), "mp4", str(folder), storyboard=True)
    board = found.storyboard
    assert (board.interval, board.count, board.columns, board.width, board.height) == (1, 12, 10, 160, 80)
    sheet = picture((folder / board.file).read_bytes())
    assert sheet.shape == (160, 1600, 3)
    assert near(sheet[70, 100], RED)
    assert near(sheet[150, 160 + 100], BLUE)
    long = scan(desk.put(film(seconds=150, fps=2)), "mp4", str(desk.empty()), storyboard=True).storyboard
    assert (long.interval, long.count) == (1.5, 100)
    assert scan(desk.put(film()), "mp4", str(desk.empty())).storyboard is None


def test_what_cannot_be_scanned_says_why(desk):
    """Sound alone, frames that are too large, and rubbish raise what a probe raises."""
    with pytest.raises(Unsupported):
        scan(desk.put(film(scenes=(), audio="aac")), "mp4", str(desk.empty()))
    with pytest.raises(TooManyPixels):
        scan(desk.put(film()), "mp4", str(desk.empty()), pixel_limit=64 * 47)
    with pytest.raises(UndecodableVideo):
        scan(desk.put(np.random.default_rng(1).bytes(5000)), "mp4", str(desk.empty()))


def test_stretched_pixels_are_shown_as_they_should(desk):
    """A keyframe of a film with wide pixels is wider than its frames."""
    folder = desk.empty()
    found = scan(desk.put(film(aspect=Fraction(2, 1))), "mp4", str(folder))
    assert picture((folder / found.scenes[0].keyframe).read_bytes()).shape == (48, 128, 3)

"""Frames of any kind become upright pictures with the colours that were meant."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import numpy as np
import pytest

from calotype.video.film import open_film
from calotype.video.frames import Pictures
from calotype.video.geometry import Geometry, fit, geometry_of
from calotype.video.tone import BT2020, HLG, PQ, to_srgb
from tests.films import BLUE, GREEN, RED, film, plain
from tests.video.conftest import near

HALVES = np.concatenate([plain(RED, (64, 24)), plain(BLUE, (64, 24))])


def shown(desk, data, container="mp4"):
    """The first frame of a film as a picture."""
    with open_film(desk.put(data), container) as film_:
        frame = next(film_.source.decode(film_.stream))
        return Pictures(1024).picture(frame, geometry_of(film_, frame))


@pytest.mark.parametrize(
    ("container", "codec", "pixels"),
    [
        ("mp4", "libx264", "yuv420p"),
        ("mp4", "libx264", "yuv444p"),
        ("mkv", "libx264", "yuv422p10le"),
        ("mp4", "libx265", "yuv420p10le"),
        ("mp4", "libsvtav1", "yuv420p"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("mov", "prores_ks", "yuva444p10le"),
        ("avi", "mjpeg", "yuvj420p"),
        ("mkv", "ffv1", "bgra"),
        ("mkv", "ffv1", "gbrp16le"),
        ("mov", "png", "rgba"),
        ("mov", "qtrle", "argb"),
    ],
)
def test_colors_survive_every_form_of_pixels(desk, container, codec, pixels):
    """Red is above and blue below, whatever the film's pixels are."""
    picture = shown(
        desk, film(container, seconds=0.1, paint=lambda _n, _t: HALVES, codec=codec, pixel_format=pixels), container
    )
    assert picture.shape == (48, 64, 3)
    assert near(picture[8, 32], RED)
    assert near(picture[40, 32], BLUE)


@pytest.mark.parametrize("matrix", [1, 5, 9])
@pytest.mark.parametrize("full", [1, 2])
def test_matrices_and_ranges_are_those_of_the_film(desk, matrix, full):
    """BT.709, BT.601 and BT.2020, of limited and of full range, give the same colours back."""
    data = film(seconds=0.1, scenes=(GREEN,), color={"colorspace": matrix, "color_range": full})
    assert near(shown(desk, data)[-5, 5], GREEN, by=4)


@pytest.mark.parametrize("size", [(63, 47), (2, 2), (17, 200), (333, 5)])
def test_odd_sizes_are_kept(desk, size):
    """A frame of any size is as large as it was."""
    data = film(
        "mkv", size=size, seconds=0.1, codec="ffv1", pixel_format="bgra", paint=lambda _n, _t: plain(GREEN, size)
    )
    assert shown(desk, data, "mkv").shape == (size[1], size[0], 3)


@pytest.mark.parametrize(("rotation", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_turning_moves_the_upper_left_corner(desk, rotation, corner):
    """The corner that was above at the left is where a turn clockwise takes it."""
    pixels = plain(BLUE, (64, 48))
    pixels[:16, :16] = RED
    turned = shown(desk, film(seconds=0.1, paint=lambda _n, _t: pixels, rotation=rotation))
    row, column = (3 if at == 0 else -4 for at in corner)
    assert near(turned[row, column], RED)


def test_of_interlaced_frames_one_field_is_shown(desk):
    """Lines of two moments are not shown in one picture."""
    lines = plain((20, 20, 20), (64, 48))
    lines[::2] = 220
    options = {"x264-params": "tff=1", "preset": "veryfast", "crf": "5"}
    picture = shown(desk, film("mkv", seconds=0.1, fps=25, paint=lambda _n, _t: lines, codec_options=options), "mkv")
    assert picture[8:40].astype(int).std() < 20


class Frame:
    """A frame that has nothing but a matrix."""

    def __init__(self, *matrix):
        unit = 1 << 16
        a, b, c, d = (value * unit for value in matrix)
        self.side_data = {"DISPLAYMATRIX": struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)}


FILM = SimpleNamespace(stream=SimpleNamespace(sample_aspect_ratio=None))


@pytest.mark.parametrize(
    ("matrix", "corners"),
    [
        ((1, 0, 0, 1), "ab/cd"),
        ((0, 1, -1, 0), "ca/db"),
        ((-1, 0, 0, -1), "dc/ba"),
        ((0, -1, 1, 0), "bd/ac"),
        ((-1, 0, 0, 1), "ba/dc"),
        ((1, 0, 0, -1), "cd/ab"),
        ((0, 1, 1, 0), "ac/bd"),
        ((0, -1, -1, 0), "db/ca"),
        ((0, 0, 0, 0), "ab/cd"),
    ],
)
def test_every_display_matrix_is_applied(matrix, corners):
    """The eight ways to lay a picture, and a matrix that is none, which changes nothing."""
    letters = np.frombuffer(b"abcd", np.uint8).reshape(2, 2, 1).repeat(3, 2)
    laid = geometry_of(FILM, Frame(*matrix)).upright(letters)
    assert "/".join(bytes(row[:, 0]).decode() for row in laid) == corners


def test_sizes_are_bounded_and_never_nothing():
    """The longer side is held to its bound, the other one stays at least a pixel."""
    assert fit(4000, 3000, 1000) == (1000, 750)
    assert fit(10, 20, 1000) == (10, 20)
    assert fit(100_000, 3, 1000) == (1000, 1)
    assert Geometry(90, aspect=2).displayed(10, 30) == (30, 20)


def test_high_dynamic_range_becomes_srgb():
    """White of 203 nits is nearly white, half of it lighter than middle grey, black black; brighter is never darker."""
    # SMPTE ST 2084: 0.58 is 203 nits, 0.51 is 100; ITU-R BT.2408 puts white at 0.75 of HLG.
    grey = np.array([0, 0.3, 0.51, 0.58, 0.75, 1.0])
    steps = (grey * 65535).astype(np.uint16)[None, :, None].repeat(3, 2)
    shown_pq = to_srgb(steps, PQ, BT2020)[0].astype(int)
    assert (np.diff(shown_pq[:, 0]) >= 0).all()
    assert shown_pq[0].max() == 0
    assert 170 < shown_pq[2, 1] < 215
    assert 225 < shown_pq[3, 1] < 250
    assert shown_pq[5].min() == 255
    assert np.ptp(shown_pq, axis=1).max() <= 2
    assert 215 < to_srgb(steps, HLG, BT2020)[0, 4, 1] < 250
    # BT.709 in the wider space stays what it is.
    plain_grey = to_srgb(steps, 1, BT2020)[0, 2]
    assert np.ptp(plain_grey.astype(int)) <= 2


def test_a_film_of_high_dynamic_range_is_not_washed_out(desk):
    """Its red is red on a common screen."""
    tags = {"color_range": 1, "colorspace": 9, "color_primaries": 9, "color_trc": PQ}
    data = film(seconds=0.1, scenes=((150, 40, 40),), pixel_format="yuv420p10le", color=tags)
    red, green, blue = shown(desk, data)[-5, 5].astype(int)
    assert red > 200
    assert max(green, blue) < 30

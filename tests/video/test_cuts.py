"""What is a cut, and what only looks like one."""

from __future__ import annotations

import numpy as np
import pytest

from calotype.video.cuts import Cuts
from tests.films import noise

RATE = 25
SIZE = (128, 72)
PLACES = [noise((320, 200), seed, smooth=20).astype(float) for seed in range(5)]


def place(number, left=0, top=0):
    """A part of a scene's picture."""
    return PLACES[number][int(top) : int(top) + SIZE[1], int(left) : int(left) + SIZE[0]]


def cuts_of(draw, grain=2.0, seconds=9):
    """The cuts found in pictures drawn by time, with grain."""
    random = np.random.default_rng(4)
    cuts = Cuts()
    found = []
    for number in range(seconds * RATE):
        pixels = draw(number / RATE) + random.normal(0, grain, (SIZE[1], SIZE[0], 3))
        found.append(cuts.see(number / RATE, np.clip(pixels, 0, 255).astype(np.uint8)))
    return [cut.time for cut in [*found, cuts.finish()] if cut]


@pytest.mark.parametrize(
    ("name", "draw", "grain"),
    [
        ("still", lambda time: place(int(time // 3)), 2),
        ("while panning", lambda time: place(int(time // 3), time % 3 * 60), 2),
        ("in noise", lambda time: place(int(time // 3)), 30),
        (
            "between colors that are as bright",
            lambda time: np.roll([200.0, 30, 30], int(time // 3)) * np.ones((72, 128, 3)),
            2,
        ),
        ("in the dark", lambda time: place(int(time // 3)) * 0.2, 2),
    ],
)
def test_cuts_are_found(name, draw, grain):
    """A cut is found at its frame, also in moving, noisy and dark pictures."""
    assert cuts_of(draw, grain) == [3.0, 6.0]


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("pan", lambda time: place(0, time % 3 * 60 if time % 6 < 3 else 180 - time % 3 * 60)),
        ("flash", lambda time: place(0) * 0.2 + 200 if 2 <= time < 2.08 or 5 <= time < 5.1 else place(0)),
        ("slow change of light", lambda time: place(0) * (0.5 + time / 18)),
        ("black frames", lambda time: place(0) * (0 if 4 <= time < 4.04 else 1)),
        (
            "red that turns to its neighbour",
            lambda time: np.array([30 if time < 4 else 34, 32, 200]) * np.ones((72, 128, 3)),
        ),
    ],
)
def test_what_only_looks_like_a_cut_is_none(name, draw):
    """Pans, flashes and changes of light leave a scene whole."""
    assert cuts_of(draw, 0 if "red" in name else 2.0) == []


def test_a_fade_through_black_is_a_cut_where_the_light_returns():
    """Where a film goes dark slowly and comes back slowly, a new scene begins."""

    def draw(time):
        return place(int(time // 3)) * min(1.0, max(0.0, abs((time + 1.5) % 3 - 1.5) - 0.1))

    assert [round(time / 3) for time in cuts_of(draw)] == [1, 2]


def test_a_cut_at_the_very_end_is_not_lost():
    """What is still unsure when the film ends counts as a cut."""
    assert cuts_of(lambda time: place(0 if time < 8.8 else 1)) == [pytest.approx(8.8)]

"""Films that are cut off, spoilt or made up raise what is known, or give what there is; they never do anything else."""

from __future__ import annotations

import contextlib
import functools
import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from calotype.domain.errors import UndecodableVideo, Unsupported
from calotype.video.audio import extract_audio
from calotype.video.poster import extract_poster
from calotype.video.probe import probe
from calotype.video.scan import scan
from tests.films import BLUE, RED, film

KINDS = {
    "mp4": {"audio": "aac"},
    "mov": {"options": {"movflags": "faststart+frag_keyframe"}, "codec_options": {"bf": "2", "preset": "veryfast"}},
    "mkv": {"audio": "libopus", "codec": "libx265"},
    "webm": {"codec": "libvpx-vp9"},
    "avi": {"codec": "mjpeg"},
    "ts": {"audio": "aac"},
    "m2ts": {},
    "mpeg": {"audio": "mp2"},
    "flv": {},
    "wmv": {},
}
KNOWN = (UndecodableVideo, Unsupported)


@functools.cache
def whole(container):
    """A small film of two scenes in this container."""
    return film(container, seconds=1.2, fps=25, scenes=(RED, BLUE), **KINDS[container])


def check(desk, data, container):
    """Whatever is done with the bytes ends well or in a known way; what a scan gives is in order."""
    path = desk.put(data)
    try:
        found = probe(path, container)
        assert 0 < found.duration <= 30 * 24 * 3600
        assert 0 < found.frame_rate <= 1000
    except KNOWN:
        pass
    try:
        seen = scan(path, container, str(desk.empty()), min_scene=0.2, storyboard=True, threads=2)
        assert seen.scenes[0].start == 0
        assert seen.scenes[-1].end == seen.probe.duration > 0
        assert all(scene.start < scene.end for scene in seen.scenes)
        assert seen.frames > 0
    except KNOWN:
        pass
    for work in (extract_poster, functools.partial(extract_audio, folder=str(desk.empty()))):
        with contextlib.suppress(KNOWN):
            work(path, container)


QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("container", KINDS)
@given(share=st.floats(0, 1))
@QUICK
def test_a_film_may_end_anywhere(desk, container, share):
    """Cut off at any byte, a film gives what there is or says that there is nothing."""
    data = whole(container)
    check(desk, data[: int(len(data) * share)], container)


@pytest.mark.parametrize("container", KINDS)
@example(spoils=[(0.8598420247966267, b"A")])
@given(spoils=st.lists(st.tuples(st.floats(0, 0.9999), st.binary(min_size=1, max_size=30)), min_size=1, max_size=8))
@QUICK
def test_a_film_may_be_spoilt_anywhere(desk, container, spoils):
    """Bytes overwritten anywhere, in the header too, lead to nothing unknown."""
    data = bytearray(whole(container))
    for share, spoilt in spoils:
        place = int(len(data) * share)
        data[place : place + len(spoilt)] = spoilt[: len(data) - place]
    check(desk, bytes(data), container)


def test_frames_that_are_spoilt_are_passed_over_and_told(desk):
    """A film whose middle is overwritten still has its beginning and its end, and a fault."""
    data = bytearray(film("ts", size=(160, 120), seconds=4, fps=25, scenes=(RED, BLUE), codec_options={"g": "10"}))
    third = len(data) // 3
    data[third : third + third // 2] = b"\x55" * (third // 2)
    found = scan(desk.put(bytes(data)), "ts", str(desk.empty()))
    assert found.fault
    assert 40 < found.frames < 100


def test_absurd_figures_of_the_header_are_not_believed(desk):
    """A rate of a thousand million and one of nothing are replaced by what was counted."""
    data = whole("mp4")
    for box, offset, value in (
        (b"mdhd", 12, 0xFFFFFFFF),
        (b"mdhd", 12, 1),
        (b"mvhd", 12, 1),
        (b"stts", 12, 0),
        (b"stts", 12, 0x7FFFFFFF),
    ):
        spoilt = bytearray(data)
        place = spoilt.index(box) + 4 + offset
        spoilt[place : place + 4] = struct.pack(">I", value)
        check(desk, bytes(spoilt), "mp4")


def test_packets_without_frames_come_to_an_end(desk):
    """A film whose pictures are all rubbish is refused, not searched for ever."""
    data = bytearray(whole("mp4"))
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = b"\xff" * (end - start)
    with pytest.raises(UndecodableVideo):
        probe(desk.put(bytes(data)), "mp4")
    with pytest.raises(UndecodableVideo):
        scan(desk.put(bytes(data)), "mp4", str(desk.empty()))

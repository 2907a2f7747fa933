"""What browsers do not play becomes what they play."""

from __future__ import annotations

import av
import pytest

from calotype.domain.errors import UndecodableVideo, Unsupported
from calotype.video.probe import probe
from calotype.video.rendition import render
from calotype.video.scan import scan
from tests.films import BLUE, GREEN, RED, film
from tests.video.conftest import near, picture

SOUND = {"webm": "libopus", "mpeg": "mp2", "wmv": "wmav2", "avi": "libmp3lame", "ogv": "libopus"}


def rendered(desk, data, container, **options):
    """The path of a film's rendition, which lies alone in its folder."""
    folder = desk.empty()
    render(desk.put(data), container, str(folder / "film.mp4"), **options)
    assert [path.name for path in folder.iterdir()] == ["film.mp4"]
    return str(folder / "film.mp4")


def packets(path, kind):
    """The bytes of all packets of one kind of stream."""
    with av.open(path) as source:
        return [bytes(packet) for packet in source.demux(**{kind: 0}) if packet.size]


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpeg", "flv", "wmv", "ogv"])
def test_every_container_becomes_one_that_plays(desk, container):
    """The rendition is H.264 and AAC in MP4, with its index before its data, as long as the film, with the same scenes."""
    data = film(container, seconds=4, fps=25, scenes=(RED, BLUE), audio=SOUND.get(container, "aac"))
    path = rendered(desk, data, container)
    found = probe(path, "mp4")
    assert (found.video_codec, found.audio_codec, found.pixel_format) == ("h264", "aac", "yuv420p")
    assert found.plays_in_browsers
    assert found.duration == pytest.approx(4, abs=0.1)
    with open(path, "rb") as file:  # noqa: PTH123
        whole = file.read()
    assert whole.index(b"moov") < whole.index(b"mdat")
    folder = desk.empty()
    scenes = scan(path, "mp4", str(folder)).scenes
    assert scenes[0].end == pytest.approx(2, abs=0.06)
    assert near(picture((folder / scenes[1].keyframe).read_bytes())[-5, 5], BLUE, by=14)


def test_what_plays_is_copied(desk):
    """The same packets are in the rendition of an H.264 film, and its turning is kept; sound alone may be encoded."""
    source = film("mov", seconds=2, audio="aac", rotation=90)
    path = rendered(desk, source, "mov")
    assert packets(path, "video") == packets(desk.put(source), "video")
    assert packets(path, "audio") == packets(desk.put(source), "audio")
    assert probe(path, "mp4").rotation == 90
    source = film("mkv", seconds=2, audio="libopus")
    path = rendered(desk, source, "mkv")
    assert probe(path, "mp4").audio_codec == "aac"
    assert len(packets(path, "video")) == 20


def test_what_is_encoded_is_upright_even_and_of_bounded_size(desk):
    """Odd sizes lose a line, turned films are turned, and large ones made smaller."""
    options = {"codec": "ffv1", "pixel_format": "bgra", "seconds": 0.3}
    found = probe(rendered(desk, film("mkv", size=(63, 47), **options), "mkv"), "mp4")
    assert (found.width, found.height) == (62, 46)
    data = film(size=(400, 200), rotation=90, codec="libx265", seconds=0.3, scenes=(GREEN,))
    path = rendered(desk, data, "mp4", longer_side=200)
    found = probe(path, "mp4")
    assert (found.width, found.height, found.rotation) == (100, 200, 0)
    folder = desk.empty()
    (scene,) = scan(path, "mp4", str(folder)).scenes
    assert near(picture((folder / scene.keyframe).read_bytes())[100, 20], GREEN)


def test_a_failure_leaves_nothing(desk):
    """Neither a rendition nor a part of one is left of what is no film."""
    folder = desk.empty()
    for data, error in ((b"rubbish" * 100, UndecodableVideo), (film(scenes=(), audio="aac"), Unsupported)):
        with pytest.raises(error):
            render(desk.put(data), "mp4", str(folder / "film.mp4"))
    assert not list(folder.iterdir())


def test_sound_and_pictures_stay_together(desk):
    """Where the clock of the film starts late, both begin at 0 in the rendition."""
    data = film("ts", seconds=2, fps=25, audio="aac", options={"output_ts_offset": "50000"})
    for codec in (None, "mpeg2video"):
        source = data if codec is None else film("ts", codec=codec, seconds=2, fps=25, audio="mp2")
        with av.open(rendered(desk, source, "ts")) as found:
            starts = [float(stream.start_time * stream.time_base) for stream in found.streams]
            assert starts == [pytest.approx(0, abs=0.15)] * 2
            assert found.duration / 1e6 == pytest.approx(2, abs=0.2)

"""What browsers do not play becomes what they play."""

from __future__ import annotations

import av
import numpy as np
import pytest

from calotype.domain.errors import UndecodableVideo, Unsupported
from calotype.video.probe import probe
from calotype.video.rendition import render
from calotype.video.scan import scan
from tests.films import BLACK, BLUE, GREEN, RED, WHITE, film, plain
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


def clapper(moment, **options):
    """A film of 5 seconds in MKV: a white flash and a beep begin at one moment."""

    def paint(_number, time):
        return plain(WHITE if time >= moment - 0.001 else BLACK, (64, 48))

    def beep(times):
        return np.sin(times * 2 * np.pi * 1000) * (times >= moment) * 0.9

    return film("mkv", paint=paint, wave=beep, audio="pcm_s16le", audio_seconds=5, **options)


def claps(path):
    """When a film flashes and when it beeps, in seconds."""
    flash = beep = None
    with av.open(path) as source:
        for frame in source.decode(video=0):
            if flash is None and frame.to_ndarray(format="gray").mean() > 128:
                flash = frame.time
        source.seek(0)
        for frame in source.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.2)
            if beep is None and len(loud):
                beep = frame.time + loud[0] / frame.sample_rate
    return flash, beep


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize(
    ("first", "silent"),
    [(0.0, (0.0, 0.0)), (1.2, (0.0, 0.0)), (0.0, (1.0, 2.0)), (1.2, (2.0, 3.0)), (0.0, (0.0, 1.5))],
    ids=["whole", "early", "gap", "early, gap", "late"],
)
def test_a_flash_and_a_beep_stay_together(desk, codec, first, silent):
    """Sound that begins before the pictures or after them, or of which a part is missing, is where it was, copied or encoded."""
    times = [round(first + number / 25, 3) for number in range(round((5 - first) * 25))]
    path = rendered(desk, clapper(4.0, times=times, silent=silent, codec=codec, fps=25), "mkv")
    flash, beep = claps(path)
    assert flash == pytest.approx(4 - first, abs=0.05)
    assert beep == pytest.approx(flash, abs=0.05)


def test_sound_follows_where_the_clock_of_a_broadcast_jumps(desk):
    """After a jump of the clock that its pictures make, too, sound is neither late nor early."""
    parts = [
        film(
            "ts",
            seconds=2,
            fps=25,
            scenes=scenes,
            audio="mp2",
            codec="mpeg2video",
            options={"output_ts_offset": offset},
        )
        for scenes, offset in (((RED,), "100"), ((BLUE,), "50000"))
    ]
    with av.open(rendered(desk, b"".join(parts), "ts")) as found:
        assert [float(stream.duration * stream.time_base) for stream in found.streams] == [
            pytest.approx(4, abs=0.3)
        ] * 2


def test_keyframes_of_the_original_are_not_kept(desk):
    """Of a film in which each frame is a keyframe, there is one in two seconds."""
    data = film("mkv", codec="mjpeg", seconds=5, fps=10)
    with av.open(rendered(desk, data, "mkv")) as found:
        keys = [packet.is_keyframe for packet in found.demux(video=0) if packet.size]
    assert len(keys) == 50
    assert sum(keys) == 3

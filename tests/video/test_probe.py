"""What is told of a film before anything is done with it."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest

from calotype.domain.errors import TooManyPixels, UndecodableVideo, Unsupported
from calotype.video.probe import probe
from calotype.video.scan import scan
from tests.films import BLUE, RED, film, noise

SOUND = {"webm": "libopus", "mpeg": "mp2", "wmv": "wmav2", "avi": "libmp3lame", "ogv": "libopus"}
CODECS = {
    "mp4": ("h264", "aac"),
    "mov": ("h264", "aac"),
    "m4v": ("h264", "aac"),
    "3gp": ("h264", "aac"),
    "mkv": ("h264", "aac"),
    "ts": ("h264", "aac"),
    "m2ts": ("h264", "aac"),
    "webm": ("vp8", "opus"),
    "ogv": ("vp8", "opus"),
    "avi": ("mpeg4", "mp3"),
    "mpeg": ("mpeg2video", "mp2"),
    "flv": ("flv1", "aac"),
    "wmv": ("wmv2", "wmav2"),
}


@pytest.mark.parametrize("container", CODECS)
def test_every_container_is_read(desk, container):
    """Size, duration, frame rate and codecs are known for every container."""
    found = probe(desk.put(film(container, seconds=2, fps=25, audio=SOUND.get(container, "aac"))), container)
    assert (found.container, found.width, found.height, found.rotation) == (container, 64, 48, 0)
    assert found.duration == pytest.approx(2, abs=0.25)
    assert found.frame_rate == pytest.approx(25, abs=0.5)
    assert (found.video_codec, found.audio_codec) == CODECS[container]
    assert found.bitrate_kbps > 0


@pytest.mark.parametrize(
    ("codec", "container", "pixels", "name"),
    [
        ("libx265", "mp4", "yuv420p10le", "hevc"),
        ("libsvtav1", "mp4", "yuv420p", "av1"),
        ("libvpx-vp9", "webm", "yuv420p", "vp9"),
        ("mjpeg", "avi", "yuvj420p", "mjpeg"),
        ("prores_ks", "mov", "yuva444p10le", "prores"),
        ("libx264", "mkv", "yuv444p", "h264"),
        ("ffv1", "mkv", "bgra", "ffv1"),
    ],
)
def test_codecs_have_the_names_people_know(desk, codec, container, pixels, name):
    """The name is that of the codec, not that of the program that decodes it."""
    found = probe(desk.put(film(container, codec=codec, pixel_format=pixels)), container)
    assert found.video_codec == name
    assert found.audio_codec is None
    assert not found.has_audio


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_size_is_as_displayed(desk, rotation):
    """A film that is shown turned has the width and height that people see."""
    found = probe(desk.put(film(size=(96, 48), rotation=rotation)), "mp4")
    assert found.rotation == rotation
    assert (found.width, found.height) == ((96, 48) if rotation == 180 else (48, 96))


def test_pixels_that_are_not_square_widen_the_picture(desk):
    """A film with pixels of 4:3 is a third wider than its frames, and one that claims absurd pixels is not."""
    assert probe(desk.put(film(aspect=Fraction(4, 3))), "mp4").width == 85
    assert probe(desk.put(film(aspect=Fraction(200, 1))), "mp4").width == 64


def test_what_is_no_film_is_unsupported(desk):
    """Sound alone, and sound with a cover, are no videos; a film with a cover is one."""
    for options in ({"scenes": ()}, {"scenes": (), "cover": True}):
        with pytest.raises(Unsupported):
            probe(desk.put(film(audio="aac", **options)), "mp4")
    with pytest.raises(Unsupported):
        probe(desk.put(film()), "m3u8")
    assert probe(desk.put(film(cover=True)), "mp4").width == 64


def test_a_file_is_read_as_what_it_was_sniffed_to_be(desk, tmp_path):
    """Nothing but the demuxer of its container reads a file, so a list of other files is none."""
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(film())
    for listing in (f"ffconcat version 1.0\nfile '{secret}'\n", f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"):
        for container in ("mp4", "mkv", "ts", "avi", "ogv", "wmv", "flv", "mpeg"):
            with pytest.raises(UndecodableVideo):
                probe(desk.put(listing.encode() * 40), container)
    with pytest.raises(UndecodableVideo):
        probe(desk.put(film("mkv")), "mp4")


def test_frames_larger_than_allowed_are_refused(desk):
    """The limit is held against the size of a frame, and its figures are told."""
    with pytest.raises(TooManyPixels) as refusal:
        probe(desk.put(film(size=(320, 240))), "mp4", pixel_limit=320 * 239)
    assert refusal.value.context["limit"] == 320 * 239


def test_a_single_frame_lasts(desk):
    """A film of one frame has a duration, for a rate there is."""
    for container in ("mp4", "mkv", "ts", "avi"):
        found = probe(desk.put(film(container, seconds=0.04, fps=25)), container)
        assert 0 < found.duration <= 1
        assert found.frame_rate > 0


def test_a_missing_duration_is_counted(desk):
    """Where the container does not say how long it is, its packets do."""
    live = film("mkv", seconds=3, options={"live": "1"})
    assert probe(desk.put(live), "mkv").duration == pytest.approx(3, abs=0.2)


def test_an_absurd_duration_is_not_believed(desk):
    """A header that claims years is corrected by the packets."""
    data = bytearray(film(seconds=2))
    for box, offset in ((b"mvhd", 16), (b"tkhd", 20), (b"mdhd", 16)):
        place = data.index(box) + 4 + offset
        data[place : place + 4] = struct.pack(">I", 0x7FFFFFF0)
    assert probe(desk.put(bytes(data)), "mp4").duration == pytest.approx(2, abs=0.1)


def test_the_rate_of_uneven_frames_is_their_average(desk):
    """Frames at uneven times count by their number and the time they take."""
    found = probe(desk.put(film(times=[0, 0.1, 0.2, 0.5, 0.9])), "mp4")
    assert found.frame_rate == pytest.approx(5)
    assert found.duration == pytest.approx(1)


def test_the_time_of_recording_is_read(desk):
    """Apple's time has an offset of its own, others are in UTC, and clocks that were never set tell nothing."""

    def recorded(container="mov", **metadata):
        data = film(
            container, metadata=metadata, options={"movflags": "use_metadata_tags"} if container == "mov" else None
        )
        return probe(desk.put(data), container).recorded

    apple = recorded(**{"com.apple.quicktime.creationdate": "2024-02-29T12:00:00+0130"})
    assert (apple.wall.isoformat(), apple.offset_minutes) == ("2024-02-29T12:00:00", 90)
    assert apple.moment.isoformat() == "2024-02-29T10:30:00+00:00"
    for container in ("mov", "mkv"):
        plain = recorded(container, creation_time="2024-02-29T11:00:00Z")
        assert (plain.wall.isoformat(), plain.offset_minutes) == ("2024-02-29T11:00:00", None)
    assert recorded(creation_time="1970-01-01T00:00:00Z") is None
    assert recorded(creation_time="2150-01-01T00:00:00Z") is None


def test_streams_of_data_are_passed_over(desk):
    """A track of time codes beside the pictures changes nothing."""
    import av

    path = desk.put(film("mov", fps=25, metadata={"timecode": "01:00:00:00"}))
    with av.open(path) as opened:
        assert [stream.type for stream in opened.streams] == ["video", "data"]
    found = probe(path, "mov")
    assert (found.video_codec, found.duration) == ("h264", pytest.approx(1))
    assert scan(path, "mov", str(desk.empty())).frames == 25


def test_the_better_of_two_streams_is_shown(desk, tmp_path):
    """Of several streams of pictures the larger one counts."""
    import av

    parts = [
        film(size=(64, 48), scenes=(RED,)),
        film(size=(128, 96), scenes=(BLUE,), paint=lambda n, _t: noise((128, 96), n)),
    ]
    with av.open(str(tmp_path / "two.mkv"), "w", format="matroska") as output:
        sources = [av.open(desk.put(part)) for part in parts]
        streams = [output.add_stream_from_template(source.streams.video[0]) for source in sources]
        for source, stream in zip(sources, streams, strict=True):
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    assert probe(str(tmp_path / "two.mkv"), "mkv").width == 128

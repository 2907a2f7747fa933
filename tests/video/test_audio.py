"""The sound of a film, cut into pieces for what reads speech."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from calotype.domain.errors import UndecodableVideo
from calotype.video.audio import RATE, extract_audio
from tests.films import film

SOUND = {"webm": "libopus", "mpeg": "mp2", "wmv": "wmav2", "avi": "libmp3lame", "ogv": "libopus"}


def samples_of(path):
    """The samples of a WAV file of one channel, 16 bits and 16 kHz."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def pitch(samples):
    """The strongest frequency, in hertz."""
    return np.argmax(np.abs(np.fft.rfft(samples))) * RATE / len(samples)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpeg", "flv", "wmv", "ogv"])
def test_the_sound_of_every_container_is_read(desk, container):
    """A tone of 440 hertz is one afterwards, and as long as it was."""
    folder = desk.empty()
    data = film(container, seconds=2, fps=25, audio=SOUND.get(container, "aac"))
    (piece,) = extract_audio(desk.put(data), container, str(folder))
    assert piece.start == pytest.approx(0, abs=0.1)
    assert piece.duration == pytest.approx(2, abs=0.15)
    samples = samples_of(folder / piece.file)
    assert len(samples) == round(piece.duration * RATE)
    assert pitch(samples) == pytest.approx(440, abs=2)


def test_long_sound_is_cut_into_pieces_that_follow_each_other(desk):
    """Each piece is as long as allowed, and the next one begins where it ends."""
    folder = desk.empty()
    pieces = extract_audio(desk.put(film(seconds=3.5, audio="aac")), "mp4", str(folder), piece_seconds=1)
    assert [piece.start for piece in pieces] == [0, 1, 2, 3]
    assert [piece.duration for piece in pieces] == [1, 1, 1, pytest.approx(0.5, abs=0.05)]
    assert {path.name for path in folder.iterdir()} == {piece.file for piece in pieces}


def test_a_film_without_sound_has_no_pieces(desk):
    """Nothing is written for a silent film, and no file that is not one is taken for silent."""
    folder = desk.empty()
    assert extract_audio(desk.put(film()), "mp4", str(folder)) == ()
    assert not list(folder.iterdir())
    with pytest.raises(UndecodableVideo):
        extract_audio(desk.put(b"rubbish" * 100), "mp4", str(folder))


def test_times_count_from_the_first_picture(desk):
    """A clock that starts late shifts nothing, and a gap in the sound is silence of the same length."""
    late = film("ts", seconds=2, fps=25, audio="aac", options={"output_ts_offset": "70000"})
    (piece,) = extract_audio(desk.put(late), "ts", str(desk.empty()))
    assert piece.start == pytest.approx(0, abs=0.1)
    folder = desk.empty()
    first = film("ts", seconds=1, fps=25, audio="aac")
    second = film("ts", seconds=1, fps=25, audio="aac", options={"output_ts_offset": "3"})
    (piece,) = extract_audio(desk.put(first + second), "ts", str(folder))
    assert piece.duration == pytest.approx(4, abs=0.3)
    assert np.abs(samples_of(folder / piece.file)[RATE * 3 // 2 : RATE * 5 // 2]).max() < 50
    pieces = extract_audio(
        desk.put(first + film("ts", seconds=1, fps=25, audio="aac", options={"output_ts_offset": "100"})),
        "ts",
        str(folder),
    )
    assert [round(piece.start) for piece in pieces] == [0, 100]

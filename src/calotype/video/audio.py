"""The sound of a film, in the form in which speech is read: 16 kHz, one channel, in pieces."""

from __future__ import annotations

import itertools
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calotype.domain.scene import AudioPiece
from calotype.video.containers import open_container, packets_of
from calotype.video.decoders import DECODERS
from calotype.video.duration import LONGEST
from calotype.video.film import PIXEL_LIMIT
from calotype.video.sound import Resampler, Silence

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from av.container import InputContainer
    from numpy.typing import NDArray

RATE = 16000
"""Samples a second of what is written."""

PIECE_SECONDS = 600.0

# Shorter gaps are filled with silence, after longer ones a new piece begins.
_LONGEST_GAP = 30.0
_MOST_PIECES = 5000
_MOST_FAULTS = 1000


def extract_audio(
    path: str, container: str, folder: str, *, piece_seconds: float = PIECE_SECONDS
) -> tuple[AudioPiece, ...]:
    """Write the sound into the folder as WAV files of 16 bits, each at most so many seconds long; () without sound.

    Where the sound begins before the pictures do, that part is left out, so that all times count from the first frame. Of sound
    that is damaged, what can be read. Raises UndecodableVideo for a file that cannot be opened.
    """
    with open_container(path, container, pixel_limit=PIXEL_LIMIT) as source:
        stream = source.streams.best("audio")
        if stream is None or stream.codec_context is None or stream.codec_context.codec.name not in DECODERS:
            return ()
        pieces = _Pieces(Path(folder), piece_seconds)
        try:
            for time, samples in _sound(source, stream):
                pieces.add(time, samples)
        finally:
            pieces.close()
        return tuple(pieces.found)


def _sound(source: InputContainer, stream: Any) -> Iterator[tuple[float | None, NDArray[np.int16]]]:
    """Samples and the time of the first of them, counted from the first picture; None where they simply follow."""
    start = _start_of_pictures(source)
    resampler = Resampler("s16", "mono", RATE)
    for frame in itertools.chain(_frames(source, stream), [None]):
        for time, samples in resampler.read(frame):
            yield (time - start if time is not None else None), samples.reshape(-1)


def _frames(source: InputContainer, stream: Any) -> Iterator[AudioFrame]:
    import av

    faults = 0
    while faults < _MOST_FAULTS:
        try:
            for packet in packets_of(source, stream):
                try:
                    yield from stream.decode(packet)
                except (av.FFmpegError, ValueError, OverflowError):
                    faults += 1
        except (av.FFmpegError, ValueError, OverflowError):
            faults += _MOST_FAULTS // 20
        else:
            return


def _start_of_pictures(source: InputContainer) -> float:
    for stream in source.streams.video:
        if stream.start_time is not None and stream.time_base and not stream.disposition & 0x400:
            return float(stream.start_time * stream.time_base)
    return 0.0


class _Pieces:
    """Writes samples into files, a new one when one is full or after a long gap."""

    def __init__(self, folder: Path, piece_seconds: float) -> None:
        self._folder = folder
        self._most = max(1, round(piece_seconds * RATE))
        self._file: wave.Wave_write | None = None
        self._start = 0
        self._written = 0
        self._now = 0
        self._gaps = Silence()
        self.found: list[AudioPiece] = []

    def add(self, time: float | None, samples: NDArray[np.int16]) -> None:
        """Write the samples, whose first is at this time; None means directly after those before."""
        gap = 0.0 if time is None else time - self._now / RATE
        if time is not None and (not self.found and self._file is None):
            # The beginning.
            before = max(0, round(-time * RATE))
            samples = samples[before:]
            self._now = round(min(max(time, 0.0), LONGEST) * RATE)
        elif gap > _LONGEST_GAP:
            if gap < LONGEST and len(self.found) < _MOST_PIECES:
                self.close()
                self._now += round(gap * RATE)
        else:
            self._write(_silence(round(self._gaps.within(gap) * RATE)))
        self._write(samples)

    def close(self) -> None:
        """Finish the piece that is open."""
        if self._file is not None:
            self._file.close()
            name = f"sound_{len(self.found):04d}.wav"
            self.found.append(AudioPiece(name, self._start / RATE, self._written / RATE))
            self._file = None

    def _write(self, samples: NDArray[np.int16]) -> None:
        while len(samples):
            if self._file is None:
                self._open()
            assert self._file is not None
            part, samples = samples[: self._most - self._written], samples[self._most - self._written :]
            self._file.writeframesraw(part.tobytes())
            self._written += len(part)
            self._now += len(part)
            if self._written >= self._most:
                self.close()

    def _open(self) -> None:
        self._file = wave.open(str(self._folder / f"sound_{len(self.found):04d}.wav"), "wb")  # noqa: SIM115, closed with the piece
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE)
        self._start, self._written = self._now, 0


def _silence(count: int) -> NDArray[np.int16]:
    import numpy as np

    return np.zeros(count, np.int16)

"""The sound that transcribers are given: WAV files of 16 kHz, one channel and 16 bits."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calotype.domain.errors import DescriptionFailed

RATE = 16_000
"""Samples a second."""

_BYTES = 2


def read_duration(path: Path) -> float:
    """Seconds of sound in a file. Raises DescriptionFailed for one of another kind."""
    with _opened(path) as file:
        return file.getnframes() / RATE


def read_samples(path: Path) -> NDArray[np.float32]:
    """The samples of a file, from -1 to 1, shape (count,). Raises DescriptionFailed for one of another kind."""
    with _opened(path) as file:
        data = file.readframes(file.getnframes())
    samples = np.frombuffer(data[: len(data) // _BYTES * _BYTES], dtype="<i2")
    scaled: NDArray[np.float32] = samples.astype(np.float32) / np.float32(-np.iinfo(np.int16).min)
    return scaled


def write_samples(path: Path, samples: NDArray[np.floating]) -> None:
    """Write samples from -1 to 1, shape (count,), to a new file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_BYTES)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * np.iinfo(np.int16).max).astype("<i2").tobytes())


def _opened(path: Path) -> wave.Wave_read:
    try:
        file = wave.open(str(path), "rb")  # noqa: SIM115 - the caller closes it
    except (wave.Error, EOFError, OSError) as error:
        raise DescriptionFailed("the sound cannot be read") from error
    if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, _BYTES):
        file.close()
        raise DescriptionFailed("the sound is not of 16 kHz, one channel and 16 bits")
    return file

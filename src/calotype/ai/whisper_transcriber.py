"""A transcriber that runs a Whisper model, which the user brings, with faster-whisper in a limited child process.

Nothing is ever downloaded: the model is a folder, in the format of CTranslate2, and what it lacks is named.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from calotype.ai.wav import read_duration, read_samples
from calotype.domain.errors import DescriptionFailed, InvalidInput, SandboxFailure, Unavailable
from calotype.domain.extra import installation
from calotype.domain.language import language_code
from calotype.domain.scene import Transcription, TranscriptSegment
from calotype.domain.transcript import in_order

_PACKAGE = "faster_whisper"
_FILES = ("model.bin", "config.json", "tokenizer.json")
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
_PASSING = {"crashed", "start"}  # for these a child of tomorrow may do better; time and memory will be the same


class Run(Protocol):
    """Calls an importable function in a limited child process, within `timeout` seconds. Raises SandboxFailure."""

    async def __call__(self, function: Callable[..., Any], /, *args: Any, timeout: float) -> Any:  # noqa: ASYNC109 - the child's
        """Call it."""
        ...


class WhisperTranscriber:
    """Writes down what is said with a model in a folder; `language` is what is spoken, None to have it recognised.

    `threads` is how many processor cores it may use, `timeout` the seconds it has for one piece of sound.
    """

    def __init__(self, run: Run, folder: Path, *, threads: int, timeout: float, language: str | None = None) -> None:
        self._run = run
        self._folder = folder
        self._threads = threads
        self._timeout = timeout
        self._language = language

    async def transcribe(self, path: Path, language: str | None = None) -> Transcription:
        """Transcribe a WAV file of 16 kHz and one channel. Raises Unavailable and DescriptionFailed."""
        call: Awaitable[Transcription] = self._run(
            transcribe_file,
            str(path),
            str(self._folder),
            language or self._language,
            self._threads,
            timeout=self._timeout,
        )
        try:
            return await call
        except SandboxFailure as error:
            message = f"speech could not be transcribed: {error.message}"
            if error.context.get("reason") in _PASSING:
                raise Unavailable(message) from error
            raise DescriptionFailed(message) from error


def check_whisper(folder: Path) -> None:
    """Whether a folder holds a model and what runs it is installed. Raises InvalidInput with a `remedy`."""
    if find_spec(_PACKAGE) is None:
        raise InvalidInput("what runs speech models is not installed", remedy=installation("speech"))
    if not folder.is_dir():
        raise InvalidInput("the folder of the speech model does not exist")
    lacking = [name for name in _FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        lacking.append(_VOCABULARIES[0])
    if lacking:
        raise InvalidInput(f"the folder of the speech model is not one of CTranslate2: {', '.join(lacking)} is missing")


def transcribe_file(path: str, folder: str, language: str | None, threads: int) -> Transcription:
    """Transcribe a WAV file with the model in a folder, which is loaded at the first call and kept.

    Only what sounds like speech is listened to. Meant for the sandbox: takes `threads` cores. Raises DescriptionFailed for a
    file that is not of 16 kHz and one channel, and Unavailable for a model that cannot be loaded.
    """
    duration = read_duration(Path(path))
    if not duration:
        return Transcription(())
    model = _model(folder, threads)
    if not model.model.is_multilingual:
        language = "en"
    if language not in {None, *model.supported_languages}:
        raise DescriptionFailed("the speech model does not know the language")
    segments, info = model.transcribe(
        read_samples(Path(path)),
        language=language,
        vad_filter=True,
        # What was misheard once is not repeated for the rest of the film.
        condition_on_previous_text=False,
    )
    heard = [TranscriptSegment(float(one.start), float(one.end), one.text) for one in segments]
    ordered = in_order(heard, duration)
    return Transcription(ordered, language_code(info.language) if ordered else None)


@functools.lru_cache(maxsize=1)
def _model(folder: str, threads: int) -> Any:
    try:
        check_whisper(Path(folder))
        from faster_whisper import WhisperModel
    except (InvalidInput, ImportError) as error:
        raise Unavailable(str(error), of="model") from error
    try:
        model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    except MemoryError:
        raise  # which the sandbox tells of
    except Exception as error:  # what is raised for broken files is whatever their readers chose
        told = str(error).replace(folder, "its folder")
        raise Unavailable(f"the speech model cannot be loaded: {told}", of="model") from error
    expected = model.model.n_mels
    if model.feature_extractor.mel_filters.shape[0] != expected:
        said = f"the speech model wants {expected} mel bands; preprocessor_config.json of its folder is missing, or another's"
        raise Unavailable(said, of="model")
    return model

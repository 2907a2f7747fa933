"""Choosing what writes down speech: a model behind an API, one in a folder, or nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from calotype.ai.interfaces import Transcriber
from calotype.ai.transcription_endpoint import TranscriptionEndpoint
from calotype.ai.whisper_transcriber import WhisperTranscriber, check_whisper
from calotype.bootstrap.endpoint import Endpoint, read_endpoint
from calotype.crawling.fetcher import Fetcher
from calotype.domain.errors import InvalidInput
from calotype.domain.language import is_spoken_code
from calotype.sandbox.pool import Sandbox
from calotype.settings import Settings

MIB = 1024 * 1024
_PATH = "/audio/transcriptions"
# What a child takes beside the model: the libraries, and ten minutes of sound in the forms it goes through (measured: 1.25 GiB).
_BESIDE = 3072 * MIB
# A file with two bytes a weight is held together with the one byte each becomes.
_TIMES_MODEL = 2


@dataclass(frozen=True, slots=True)
class Speech:
    """What writes down speech, None where nothing does; and what it stands on."""

    transcriber: Transcriber | None = None
    fetcher: Fetcher | None = None
    sandbox: Sandbox | None = None

    async def aclose(self) -> None:
        """Close connections, end children."""
        if self.sandbox:
            self.sandbox.kill()
        if self.fetcher:
            await self.fetcher.aclose()


def check_transcribing(settings: Settings) -> None:
    """Refuse settings of a speech model that cannot be meant. Raises InvalidInput with a `remedy`."""
    endpoint = _endpoint(settings)
    language = settings.speech_language
    if language is not None and not is_spoken_code(language):
        message = "the language that is spoken is not one that speech models know by that code"
        raise InvalidInput(message, field="speech_language", remedy="set CALOTYPE_SPEECH_LANGUAGE to a code such as de")
    if endpoint is None and settings.speech_model is not None:
        try:
            check_whisper(Path(settings.speech_model))
        except InvalidInput as error:
            remedy = error.context.get("remedy", "check CALOTYPE_SPEECH_MODEL, or set CALOTYPE_SPEECH_URL for an API")
            raise InvalidInput(error.message, field="speech_model", remedy=remedy) from error


def open_speech(settings: Settings) -> Speech:
    """What writes down speech in this installation; children are started when they are first needed."""
    endpoint = _endpoint(settings)
    if endpoint is not None:
        fetcher = endpoint.open_fetcher()
        ask = endpoint.asking(fetcher, _PATH)
        made = TranscriptionEndpoint(ask, endpoint.model, endpoint.key, language=settings.speech_language)
        return Speech(made, fetcher=fetcher)
    if settings.speech_model is None:
        return Speech()
    folder = Path(settings.speech_model).absolute()
    sandbox = _sandbox(folder)
    transcriber = WhisperTranscriber(
        sandbox.run,
        folder,
        threads=os.cpu_count() or 1,
        timeout=settings.speech_timeout,
        language=settings.speech_language,
    )
    return Speech(transcriber, sandbox=sandbox)


def _sandbox(folder: Path) -> Sandbox:
    """One child that uses all cores, which keeps the model between calls."""
    model = folder / "model.bin"
    size = model.stat().st_size if model.is_file() else 0
    return Sandbox(
        "transcriber",
        workers=1,
        memory_limit=_BESIDE + _TIMES_MODEL * size,
        nice=10,
        jobs_per_child=50,  # each is ten minutes of sound; loading a large model again takes some seconds
        environment={"HF_HUB_OFFLINE": "1"},
    )


def _endpoint(settings: Settings) -> Endpoint | None:
    return read_endpoint(
        "speech", settings.speech_url, settings.speech_model, settings.speech_api_key, settings.speech_timeout
    )

"""A transcriber that sends the sound to a speech model behind an OpenAI-compatible API."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import structlog

from calotype.ai.endpoint import Answer, Ask, ModelEndpoint, is_success, word_not_understood
from calotype.ai.transcription_answer import read_transcription
from calotype.ai.wav import read_duration
from calotype.domain.scene import Transcription

_log = structlog.get_logger(__name__)

_Fields = tuple[tuple[str, str], ...]
_GRANULARITY = ("timestamp_granularities[]", "segment")
# What is asked for, the best first. Not every server knows every word, and some models tell no times at all.
_FORMS: tuple[_Fields, ...] = (
    (("response_format", "verbose_json"), _GRANULARITY),
    (("response_format", "verbose_json"),),
    (("response_format", "json"),),
)
_UNCERTAIN = ("timestamp_granularities", "response_format", "verbose_json")


class TranscriptionEndpoint:
    """Asks a speech model; safe to be used by many tasks of one event loop.

    Servers that refuse to tell segments are asked for the text alone; which form one takes is found out once in a process.
    `language` is what is spoken, None to have it recognised.
    """

    def __init__(self, ask: Ask, model: str, api_key: str | None = None, *, language: str | None = None) -> None:
        self._endpoint = ModelEndpoint("speech model", ask, api_key, result_key="text")
        self._model = model
        self._language = language
        self._form = 0

    async def transcribe(self, path: Path, language: str | None = None) -> Transcription:
        """Transcribe a WAV file of 16 kHz and one channel, held in memory as a whole: ten minutes are 19 MB.

        Raises Unavailable and DescriptionFailed.
        """
        duration = await asyncio.to_thread(read_duration, path)
        if not duration:
            return Transcription(())
        sound = await asyncio.to_thread(path.read_bytes)
        fields = [("model", self._model)]
        if spoken := language or self._language:
            fields.append(("language", spoken))
        return await self._endpoint.answer(
            lambda: self._ask_in_its_form(fields, sound), lambda document: read_transcription(document, duration)
        )

    async def _ask_in_its_form(self, fields: list[tuple[str, str]], sound: bytes) -> Answer:
        """Ask, and again for less where the server refuses what it is asked for; what it gives is remembered."""
        form = self._form
        while True:
            content_type, body = _form_data([*fields, *_FORMS[form]], sound)
            answer = await self._endpoint.ask_once(body, content_type)
            word = word_not_understood(answer, _UNCERTAIN)
            if word is None or form + 1 == len(_FORMS):
                if is_success(answer.status):
                    self._form = form
                return answer
            form = len(_FORMS) - 1 if word != _UNCERTAIN[0] else form + 1
            _log.info("speech endpoint does not know a word", word=word, form=form)


def _form_data(fields: list[tuple[str, str]], sound: bytes) -> tuple[str, bytes]:
    """Media type and body of a form (RFC 7578) with fields and the sound as its file."""
    boundary = secrets.token_hex(24)  # stands in no sound, as far as anybody can guess
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="sound.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", b"".join(
        [*parts, head.encode(), sound, f"\r\n--{boundary}--\r\n".encode()]
    )

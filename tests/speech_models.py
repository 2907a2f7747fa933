"""A speech model behind an OpenAI-compatible API on loopback, which hears what a test wants."""

from __future__ import annotations

import io
import json
import wave
from dataclasses import dataclass
from email.message import Message

from multipart import MultipartParser

from tests.vision_models import Asked, VisionModel

KEY = "sk-speech-5ecret"
SEGMENTS = ((0.0, 1.5, "waves break below the lighthouse."), (1.5, 3.0, "a ship passes slowly."))


def transcription(said=SEGMENTS, **changes):
    """The body of an answer in "verbose_json"; its text is that of the segments."""
    listed = [{"id": index, "start": start, "end": end, "text": text} for index, (start, end, text) in enumerate(said)]
    text = " ".join(text for _, _, text in said)
    made = {"task": "transcribe", "language": "german", "duration": 3.0, "text": text, "segments": listed, **changes}
    return json.dumps(made).encode()


@dataclass(frozen=True)
class Heard(Asked):
    """One request as it arrived."""

    @property
    def form(self):
        """Its fields by name, without the file."""
        return {part.name: part.value for part in self._parts() if part.filename is None}

    @property
    def sound(self):
        """File name, media type and seconds of the sound."""
        (file,) = (part for part in self._parts() if part.filename is not None)
        with wave.open(io.BytesIO(file.raw)) as sound:
            return file.filename, file.content_type, sound.getnframes() / sound.getframerate()

    def _parts(self):
        header = Message()
        header["Content-Type"] = self.headers["content-type"]
        return MultipartParser(io.BytesIO(self.body), header.get_param("boundary"), memfile_limit=2**25)


class SpeechModel(VisionModel):
    """A server that answers as scripted, as a VisionModel does."""

    good = staticmethod(transcription)
    request = Heard

    def settings(self, **more):
        """The environment of a server that uses this model."""
        return {
            "CALOTYPE_SPEECH_URL": self.url,
            "CALOTYPE_SPEECH_MODEL": "ear:1b",
            "CALOTYPE_SPEECH_API_KEY": KEY,
            **more,
        }

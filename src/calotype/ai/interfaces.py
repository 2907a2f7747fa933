"""What models do here, whichever they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from calotype.domain.description import DescribeRequest, Description
from calotype.domain.scene import Transcription

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Describer(Protocol):
    """Says in a few sentences what a picture is."""

    @property
    def needs_picture(self) -> bool:
        """Whether it looks at the picture itself, so that a request must carry the large variant."""
        ...

    async def describe(self, request: DescribeRequest) -> Description:
        """Describe one picture.

        Raises Unavailable when what describes it cannot be reached now, and DescriptionFailed when asking again will not help.
        """
        ...


class TextEmbedder(Protocol):
    """Turns texts into vectors, near to each other when the texts mean alike.

    Vectors of different `model` names are never compared; `dimension` is their length.
    """

    @property
    def model(self) -> str:
        """The name of the model, stored beside each vector."""
        ...

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One vector a text, shape (len(texts), dimension).

        Each is of length 1, or all zero for a text without words.
        """
        ...


class Transcriber(Protocol):
    """Writes down what is said in a piece of sound."""

    async def transcribe(self, path: Path, language: str | None = None) -> Transcription:
        """Transcribe a WAV file of 16 kHz and one channel; `language` is an ISO 639-1 code, None to have it recognised.

        Raises Unavailable when what transcribes cannot be reached now, and DescriptionFailed when asking again will not help.
        """
        ...

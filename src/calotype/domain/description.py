"""What a picture shows, in words: the text read in it, what a describer is asked, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.domain.descriptive_metadata import DescriptiveMetadata
from calotype.domain.picture import DominantColor, PictureMetadata


@dataclass(frozen=True, slots=True)
class TextLine:
    """One piece of text that stands on one line; `confidence` 0-1, `box` in fractions of the picture's sides.

    `box` is left, top, right, bottom of the upright rectangle around the text, each 0-1.
    """

    text: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class TextReading:
    """The text of a picture in reading order, one line each; empty when there is none.

    `confidence` 0-1 is the mean over the characters read, None without any.
    """

    text: str
    confidence: float | None
    lines: tuple[TextLine, ...] = ()


@dataclass(frozen=True, slots=True)
class DescribeRequest:
    """What is known about a picture that shall be described.

    `width` and `height` are upright, in pixels; `kind` is one of the words of `DevelopedPicture.kind`, "video" where the picture
    stands for a film of `duration` seconds, or "frame" where it is one moment of it;
    `format` is the wire word of the original ("JPEG"), `size_bytes` its size; `picture` is the large variant as a
    JPEG file, for describers that look at pixels.
    """

    width: int
    height: int
    kind: str
    format: str
    size_bytes: int
    metadata: PictureMetadata
    colors: tuple[DominantColor, ...] = ()
    visible_text: str | None = None
    frames: int = 1
    picture: bytes | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What a describer says of a picture; `confidence` 0-1, None where nothing was guessed.

    `visible_text` is the text in the picture as far as known; `providers` names what made the description.
    """

    metadata: DescriptiveMetadata
    visible_text: str | None
    confidence: float | None
    providers: tuple[str, ...]

    @property
    def text(self) -> str:
        """The description in one to four plain sentences."""
        return self.metadata.description

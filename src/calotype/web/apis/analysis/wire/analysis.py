"""What is asked to be analysed, and the answer to a single image."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from calotype.domain.analysis import MOST_IMAGES
from calotype.web.apis.analysis.wire.event import Metadata
from calotype.web.apis.analysis.wire.values import CamelWire


class WantedImage(CamelWire):
    """An image as its upload was answered."""

    id: str
    upload_path: str
    original_filename: str


class AnalyzeRequest(CamelWire):
    """Images to analyse, told of as they are."""

    session_id: str
    images: Annotated[list[WantedImage], Field(min_length=1, max_length=MOST_IMAGES)]


class AnalyzeSingleRequest(CamelWire):
    """One image to analyse and wait for."""

    session_id: str
    image: WantedImage


class SingleResult(CamelWire):
    """The result of one image."""

    image_id: str
    metadata: Metadata
    credits_used: int
    credits_remaining: int | None

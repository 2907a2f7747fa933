"""Colours of pictures, and searching by them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from calotype.domain.color import FEWEST_COLORS, MOST_COLORS
from calotype.web.shared.wire_model import Wire
from calotype.web.shared.wire_values import JsonBool, JsonFloat, JsonInt, WireBool, WireInt, WireText

MAX_IMAGES = 100
_HEX = re.compile(r"#?([0-9A-Fa-f]{6})")
Family = Literal["neutral", "earth_tone", "warm", "cool", "metallic", "pastel", "vibrant"]


def parse_hex(value: Any) -> str:
    """A colour as `#RRGGBB`, in any letter case, with or without the hash; returns it with the hash in upper case."""
    match = _HEX.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("color_parsing", "Input should be a colour as #RRGGBB")
    return f"#{match.group(1).upper()}"


HexCode = Annotated[str, BeforeValidator(parse_hex)]


class ExtractQuery(Wire):
    """Query of an extraction."""

    force: WireBool = False
    n_colors: Annotated[WireInt, Field(ge=FEWEST_COLORS, le=MOST_COLORS)] = MOST_COLORS


class BatchExtractRequest(Wire):
    """Body of `batch/extract`; an id that is none is one that is not known."""

    image_ids: Annotated[list[WireText], Field(min_length=1, max_length=MAX_IMAGES)]
    force: JsonBool = False
    n_colors: Annotated[JsonInt, Field(ge=FEWEST_COLORS, le=MOST_COLORS)] = MOST_COLORS


class SearchRequest(Wire):
    """Body of `search`; one of the first three is needed."""

    hex_code: HexCode | None = None
    color_name: WireText | None = None
    color_family: Family | None = None
    delta_e_threshold: Annotated[JsonFloat, Field(ge=0, le=100)] = 15
    min_percentage: Annotated[JsonFloat, Field(ge=0, le=100)] = 5
    limit: Annotated[JsonInt, Field(ge=1, le=200)] = 50
    offset: Annotated[JsonInt, Field(ge=0)] = 0


class Rgb(Wire):
    """Red, green and blue, 0 to 255."""

    r: int
    g: int
    b: int


class Hsl(Wire):
    """Hue (0 to 360), saturation and lightness (0 to 100)."""

    h: float
    s: float
    l: float  # noqa: E741 - its name on the wire


class Lab(Wire):
    """CIELAB under D65."""

    l: float  # noqa: E741 - its name on the wire
    a: float
    b: float


class DominantColor(Wire):
    """One of the colours that make up most of a picture."""

    rank: int
    percentage: float
    hex: str
    name: str
    family: Family
    rgb: Rgb
    hsl: Hsl
    lab: Lab


class Temperature(Wire):
    """Warm or cool; `score` is from 0 (all cool) over 0.5 to 1 (all warm)."""

    value: Literal["warm", "cool", "neutral"]
    score: float


class Brightness(Wire):
    """The mean lightness, 0 to 100."""

    average: float
    category: Literal["dark", "medium", "light"]


class Saturation(Wire):
    """The mean colourfulness, 0 to 100."""

    average: float
    category: Literal["muted", "medium", "vivid"]


class Analytics(Wire):
    """What the colours say together."""

    temperature: Temperature
    brightness: Brightness
    saturation: Saturation


class ColorAnalysis(Wire):
    """All that is known of a picture's colours."""

    version: Literal["1.0"] = "1.0"
    dominant_colors: list[DominantColor]
    analytics: Analytics
    extracted_at: datetime


class ImageColors(Wire):
    """A picture's colours as far as they are known."""

    image_id: UUID
    status: Literal["pending", "queued", "processing", "completed", "failed"]
    color_analysis: ColorAnalysis | None
    extracted_at: datetime | None


class BatchExtractAnswer(Wire):
    """How many pictures wait now."""

    queued_count: int
    message: str


class SearchResult(Wire):
    """A picture that was found, and the colour by which."""

    image_id: UUID
    thumbnail_url: str | None
    color_analysis: ColorAnalysis
    match_score: float
    matched_hex: str | None
    matched_percentage: float | None


class SearchAnswer(Wire):
    """A page of what was found."""

    results: list[SearchResult]
    total_count: int
    limit: int
    offset: int


class ColorFamily(Wire):
    """A family of colours."""

    name: Family
    display_name: str
    description: str
    example_colors: list[str]

"""The colours of a picture: what is said of each, of all together, and how pictures are searched by them."""

from __future__ import annotations

import colorsys
import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from calotype.domain.asset import Asset, State
from calotype.domain.picture import DominantColor

FEWEST_COLORS, MOST_COLORS = 3, 16
"""The bounds of how many colours may be asked of a picture; the most are the default."""

Rgb = tuple[int, int, int]


class ColorFamily(enum.StrEnum):
    """Seven kinds of colours, each colour in one of them; `domain/color_cells.py` has the rules."""

    NEUTRAL = "neutral"
    EARTH_TONE = "earth_tone"
    WARM = "warm"
    COOL = "cool"
    METALLIC = "metallic"
    PASTEL = "pastel"
    VIBRANT = "vibrant"


@dataclass(frozen=True, slots=True)
class FamilyDefinition:
    """A family as shown to people; `examples` are colours (`#RRGGBB`) that belong to it."""

    family: ColorFamily
    display_name: str
    description: str
    examples: tuple[str, ...]


FAMILIES: tuple[FamilyDefinition, ...] = (
    FamilyDefinition(
        ColorFamily.NEUTRAL,
        "Neutral",
        "Black, white and the greys between them, with hardly any tint",
        ("#000000", "#808080", "#C3C3C3", "#FFFFFF"),
    ),
    FamilyDefinition(
        ColorFamily.EARTH_TONE,
        "Earth tones",
        "Browns, tans, ochres and olives, as of soil, wood and stone",
        ("#704224", "#8B5A2B", "#A67A52", "#6B6B2A"),
    ),
    FamilyDefinition(
        ColorFamily.WARM,
        "Warm",
        "Reds, oranges, yellows and pinks that are neither pale nor glaring",
        ("#8C2F39", "#AA3C32", "#A03C5A", "#96323C"),
    ),
    FamilyDefinition(
        ColorFamily.COOL,
        "Cool",
        "Greens, turquoises, blues and violets that are neither pale nor glaring",
        ("#2D6E3C", "#0F6E73", "#2D5F8C", "#5A3C8C"),
    ),
    FamilyDefinition(
        ColorFamily.METALLIC,
        "Metallic",
        "The muted tints of steel, gold and copper",
        ("#5F738A", "#8090A0", "#CDAF3C", "#B87346"),
    ),
    FamilyDefinition(
        ColorFamily.PASTEL,
        "Pastel",
        "Light, soft colours of any hue",
        ("#FAD2DC", "#D2E6FA", "#D2F5D2", "#FFFAC8"),
    ),
    FamilyDefinition(
        ColorFamily.VIBRANT,
        "Vibrant",
        "Bright, fully saturated colours of any hue",
        ("#FF0000", "#FF8000", "#00C800", "#0050FF"),
    ),
)


@dataclass(frozen=True, slots=True)
class ColorAnalysis:
    """The dominant colours of a picture, most frequent first, found when it was looked for at most `n_colors`."""

    n_colors: int
    extracted_at: datetime
    colors: tuple[DominantColor, ...]


class ExtractionState(enum.StrEnum):
    """How far the colours of a picture are: not begun at all, asked for, being found, found, or not to be found."""

    PENDING = "pending"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Extraction:
    """The newest extraction of a picture's colours, as its row tells: for how many it was asked, and how far it is."""

    asset_id: UUID
    wanted: int
    status: State
    analysis: ColorAnalysis | None


@dataclass(frozen=True, slots=True)
class PictureColors:
    """A picture's colours as far as they are known: `analysis` is None until they are found and while they are found anew."""

    asset_id: UUID
    state: ExtractionState
    analysis: ColorAnalysis | None


def colors_of(asset: Asset, extraction: Extraction | None) -> PictureColors:
    """What can be said of a picture's colours now: until its first extraction, how far its development is."""
    if extraction is None:
        state = asset.variant_status if asset.variant_status in {State.PROCESSING, State.FAILED} else State.PENDING
        return PictureColors(asset.id, ExtractionState(state.value), None)
    if extraction.status is State.PENDING:
        return PictureColors(asset.id, ExtractionState.QUEUED, None)
    if extraction.status is State.PROCESSING:
        return PictureColors(asset.id, ExtractionState.PROCESSING, None)
    return PictureColors(asset.id, ExtractionState(extraction.status.value), extraction.analysis)


@dataclass(frozen=True, slots=True)
class ColorCriteria:
    """What one dominant colour of a picture must meet; `name` is part of a name, `percentage` and `threshold` are bounds.

    `rgb` must be within `threshold` (CIEDE2000). At least one of the first three is given.
    """

    rgb: Rgb | None = None
    name: str | None = None
    family: ColorFamily | None = None
    threshold: float = 15.0
    min_percentage: float = 5.0


@dataclass(frozen=True, slots=True)
class ColorMatch:
    """A picture that was found, the colour by which, and how well it fits: 1 is exactly, 0 just so."""

    asset: Asset
    analysis: ColorAnalysis
    color: DominantColor
    score: float


@dataclass(frozen=True, slots=True)
class ColorPage:
    """One window of what was found, best first, and the exact number of all pictures found."""

    matches: tuple[ColorMatch, ...]
    total_count: int


def score_of(distance: float, threshold: float) -> float:
    """How well a colour fits that differs by `distance` where `threshold` is allowed: from 1, the same, to 0."""
    return max(0.0, 1.0 - distance / threshold) if distance > 0 else 1.0


def hsl_of(rgb: Rgb) -> tuple[float, float, float]:
    """Hue (0 to 360, 0 for greys), saturation and lightness (0 to 100) of an sRGB colour."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in rgb))
    return hue * 360, saturation * 100, lightness * 100


class Temperature(enum.StrEnum):
    """Whether a picture is mostly of reds and yellows, of blues and greens, or of neither."""

    WARM = "warm"
    COOL = "cool"
    NEUTRAL = "neutral"


class Brightness(enum.StrEnum):
    """How light a picture is, in three steps."""

    DARK = "dark"
    MEDIUM = "medium"
    LIGHT = "light"


class Saturation(enum.StrEnum):
    """How colourful a picture is, in three steps."""

    MUTED = "muted"
    MEDIUM = "medium"
    VIVID = "vivid"


@dataclass(frozen=True, slots=True)
class ColorAnalytics:
    """What the dominant colours say together.

    `warmth` is from 0 (all cool) over 0.5 (neither) to 1 (all warm); `lightness` and `chroma` are means from 0 to 100.
    """

    warmth: float
    lightness: float
    chroma: float

    @property
    def temperature(self) -> Temperature:
        """Warm or cool once that is more than a hint."""
        if self.warmth > 0.55:
            return Temperature.WARM
        return Temperature.COOL if self.warmth < 0.45 else Temperature.NEUTRAL

    @property
    def brightness(self) -> Brightness:
        """Dark below 35, light from 65."""
        if self.lightness < 35:
            return Brightness.DARK
        return Brightness.LIGHT if self.lightness >= 65 else Brightness.MEDIUM

    @property
    def saturation(self) -> Saturation:
        """Muted below 15, where photographs of grey days are; vivid from 40."""
        if self.chroma < 15:
            return Saturation.MUTED
        return Saturation.VIVID if self.chroma >= 40 else Saturation.MEDIUM


def analytics_of(colors: Sequence[DominantColor]) -> ColorAnalytics:
    """Temperature, brightness and saturation from the dominant colours, each counting by its percentage.

    Brightness is the mean L* and saturation the mean chroma C* of CIELAB, cut at 100, which say what eyes see; HSL calls a
    nearly black pixel fully saturated. Warmth is the mean cosine of the angle to orange (30 degrees of HSL hue; its opposite
    is sky blue), each colour counting less the nearer it is to grey. Without colours: neutral, dark and muted.
    """
    total = math.fsum(color.percentage for color in colors)
    if total <= 0:
        return ColorAnalytics(0.5, 0.0, 0.0)
    warmth = lightness = chroma = 0.0
    for color in colors:
        share = color.percentage / total
        own = math.hypot(color.lab[1], color.lab[2])
        hue = hsl_of(color.rgb)[0]
        warmth += share * min(1.0, own / 30) * math.cos(math.radians(hue - 30))
        lightness += share * color.lab[0]
        chroma += share * min(100.0, own)
    return ColorAnalytics(
        warmth=min(1.0, max(0.0, 0.5 + warmth / 2)),
        lightness=min(100.0, max(0.0, lightness)),
        chroma=min(100.0, chroma),
    )

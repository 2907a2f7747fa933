"""What answers about colours must look like (section 9)."""

from __future__ import annotations

import re

from tests.contracts.shapes import count, each, integer, nullable, number, one_of, shaped, text, timestamp, url, uuid


def between(low, high):
    """A number within bounds, both included."""
    return lambda value: number(value) and low <= value <= high


def matching(pattern):
    """A string of that pattern."""
    return lambda value: text(value) and re.fullmatch(pattern, value) is not None


def channel(value):
    """One of red, green and blue."""
    return integer(value) and 0 <= value <= 255


PERCENT = between(0, 100)
HEX = matching(r"#[0-9A-F]{6}")
FAMILY = one_of("neutral", "earth_tone", "warm", "cool", "metallic", "pastel", "vibrant")
DOMINANT_COLOR = {
    "rank": lambda value: integer(value) and value >= 1,
    "percentage": PERCENT,
    "hex": HEX,
    "name": text,
    "family": FAMILY,
    "rgb": shaped({"r": channel, "g": channel, "b": channel}),
    "hsl": shaped({"h": between(0, 360), "s": PERCENT, "l": PERCENT}),
    "lab": shaped({"l": number, "a": number, "b": number}),
}
COLOR_ANALYSIS = {
    "version": one_of("1.0"),
    "dominant_colors": each(shaped(DOMINANT_COLOR)),
    "analytics": shaped(
        {
            "temperature": shaped({"value": one_of("warm", "cool", "neutral"), "score": between(0, 1)}),
            "brightness": shaped({"average": PERCENT, "category": one_of("dark", "medium", "light")}),
            "saturation": shaped({"average": PERCENT, "category": one_of("muted", "medium", "vivid")}),
        }
    ),
    "extracted_at": timestamp,
}
IMAGE_COLORS = {
    "image_id": uuid,
    "status": one_of("pending", "queued", "processing", "completed", "failed"),
    "color_analysis": nullable(shaped(COLOR_ANALYSIS)),
    "extracted_at": nullable(timestamp),
}
BATCH_EXTRACT = {"queued_count": count, "message": text}
COLOR_SEARCH = {
    "results": each(
        shaped(
            {
                "image_id": uuid,
                "thumbnail_url": nullable(url),
                "color_analysis": shaped(COLOR_ANALYSIS),
                "match_score": between(0, 1),
                "matched_hex": nullable(HEX),
                "matched_percentage": nullable(PERCENT),
            }
        )
    ),
    "total_count": count,
    "limit": count,
    "offset": count,
}
COLOR_FAMILY = {"name": FAMILY, "display_name": text, "description": text, "example_colors": each(HEX)}

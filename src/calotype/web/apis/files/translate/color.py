"""Between the domain's colours and the Files API's models: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from calotype.domain import color as domain
from calotype.domain.color_cells import family_of, name_of
from calotype.domain.picture import DominantColor, VariantName
from calotype.web.apis.files.translate.file import VariantLink
from calotype.web.apis.files.wire import color as wire
from calotype.web.shared.wire_values import parse_uuid


def criteria_from_wire(request: wire.SearchRequest) -> domain.ColorCriteria:
    """What a search asks for; a blank name asks for nothing."""
    red_green_blue = bytes.fromhex(request.hex_code[1:]) if request.hex_code else None
    name = request.color_name.strip() if request.color_name else ""
    return domain.ColorCriteria(
        rgb=(red_green_blue[0], red_green_blue[1], red_green_blue[2]) if red_green_blue else None,
        name=name or None,
        family=domain.ColorFamily(request.color_family) if request.color_family else None,
        threshold=request.delta_e_threshold,
        min_percentage=request.min_percentage,
    )


def ids_from_wire(values: Sequence[str]) -> list[UUID]:
    """Those of the values that are ids at all."""
    ids = []
    for value in values:
        try:
            ids.append(parse_uuid(value))
        except ValueError:
            continue
    return ids


def colors_to_wire(colors: domain.PictureColors) -> wire.ImageColors:
    """A picture's colours as far as they are known."""
    return wire.ImageColors(
        image_id=colors.asset_id,
        status=colors.state.value,
        color_analysis=analysis_to_wire(colors.analysis) if colors.analysis else None,
        extracted_at=colors.analysis.extracted_at if colors.analysis else None,
    )


def analysis_to_wire(analysis: domain.ColorAnalysis) -> wire.ColorAnalysis:
    """All that is known of a picture's colours."""
    found = domain.analytics_of(analysis.colors)
    return wire.ColorAnalysis(
        dominant_colors=[color_to_wire(color) for color in analysis.colors],
        analytics=wire.Analytics(
            temperature=wire.Temperature(value=found.temperature.value, score=round(found.warmth, 4)),
            brightness=wire.Brightness(average=round(found.lightness, 2), category=found.brightness.value),
            saturation=wire.Saturation(average=round(found.chroma, 2), category=found.saturation.value),
        ),
        extracted_at=analysis.extracted_at,
    )


def color_to_wire(color: DominantColor) -> wire.DominantColor:
    """One dominant colour with all its names and numbers."""
    red, green, blue = color.rgb
    hue, saturation, lightness = domain.hsl_of(color.rgb)
    return wire.DominantColor(
        rank=color.rank,
        percentage=color.percentage,
        hex=color.hex,
        name=name_of(color.rgb),
        family=family_of(color.rgb).value,
        rgb=wire.Rgb(r=red, g=green, b=blue),
        hsl=wire.Hsl(h=round(hue, 1), s=round(saturation, 1), l=round(lightness, 1)),
        lab=wire.Lab(l=color.lab[0], a=color.lab[1], b=color.lab[2]),
    )


def batch_to_wire(queued: int) -> wire.BatchExtractAnswer:
    """How many pictures wait now."""
    what = "1 image" if queued == 1 else f"{queued} images"
    return wire.BatchExtractAnswer(queued_count=queued, message=f"Queued {what} for color extraction")


def page_to_wire(page: domain.ColorPage, limit: int, offset: int, link: VariantLink) -> wire.SearchAnswer:
    """A page of what was found."""
    return wire.SearchAnswer(
        results=[
            wire.SearchResult(
                image_id=match.asset.id,
                thumbnail_url=link(match.asset, VariantName.SMALL_256),
                color_analysis=analysis_to_wire(match.analysis),
                match_score=match.score,
                matched_hex=match.color.hex,
                matched_percentage=match.color.percentage,
            )
            for match in page.matches
        ],
        total_count=page.total_count,
        limit=limit,
        offset=offset,
    )


def families_to_wire() -> list[wire.ColorFamily]:
    """All families of colours."""
    return [
        wire.ColorFamily(
            name=definition.family.value,
            display_name=definition.display_name,
            description=definition.description,
            example_colors=list(definition.examples),
        )
        for definition in domain.FAMILIES
    ]

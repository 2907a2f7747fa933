"""Finding pictures by their colours."""

from __future__ import annotations

import asyncio

from calotype.db.asset import select_assets
from calotype.db.color import select_color_entries, select_extractions, select_hidden_ids
from calotype.db.engine import Database
from calotype.domain.asset import Asset
from calotype.domain.color import ColorCriteria, ColorMatch, ColorPage, Extraction
from calotype.domain.color_cells import cells_of
from calotype.domain.color_ranking import RankedPicture, SiftedColors, rank, sift
from calotype.domain.errors import InvalidInput
from calotype.domain.scope import Scope

_PARTS = 4
_FEWEST_CELLS = 150


class ColorSearchService:
    """One window of the pictures that have a colour, best first, and how many there are in all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, scope: Scope, criteria: ColorCriteria, limit: int, offset: int) -> ColorPage:
        """The window and the exact count, of one and the same moment. Raises InvalidInput without any criterion."""
        if criteria.rgb is None and criteria.name is None and criteria.family is None:
            raise InvalidInput("give at least one of hex_code, color_name and color_family", field="hex_code")
        # Numbers are crunched in threads, because some milliseconds of it would hold up all other requests.
        cells = await asyncio.to_thread(cells_of, criteria)
        if not cells:
            return ColorPage((), 0)
        async with self._database.snapshot() as connection:
            hidden = await select_hidden_ids(connection, scope)
            # While the database gathers one part of the colours, those of the part before are compared.
            sifting: list[asyncio.Task[SiftedColors]] = []
            for start in range(0, len(cells), size := max(_FEWEST_CELLS, -(-len(cells) // _PARTS))):
                part = cells[start : start + size]
                entries = await select_color_entries(connection, scope, part, criteria.min_percentage)
                sifting.append(asyncio.create_task(asyncio.to_thread(sift, entries, criteria)))
            sifted = await asyncio.gather(*sifting)
            ranking = await asyncio.to_thread(rank, sifted, hidden, criteria, limit, offset)
            ids = [picture.asset_id for picture in ranking.pictures]
            assets = await select_assets(connection, scope, ids) if ids else {}
            extractions = await select_extractions(connection, scope, ids) if ids else {}
        matches = [_match(found, assets[found.asset_id], extractions[found.asset_id]) for found in ranking.pictures]
        return ColorPage(tuple(matches), ranking.total_count)


def _match(found: RankedPicture, asset: Asset, extraction: Extraction) -> ColorMatch:
    """What was found by a colour, with all there is to say of it."""
    analysis = extraction.analysis
    assert analysis is not None
    alike = [color for color in analysis.colors if color.rgb == found.rgb]
    color = min(alike, key=lambda color: abs(color.percentage * 100 - found.hundredths))
    return ColorMatch(asset, analysis, color, found.score)

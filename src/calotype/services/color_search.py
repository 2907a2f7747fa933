"""Finding pictures by their colours."""

from __future__ import annotations

import asyncio

from calotype.db.asset import select_assets
from calotype.db.color import select_color_entries, select_extractions, select_hidden_ids
from calotype.db.engine import Database
from calotype.domain.color import ColorCriteria, ColorMatch, ColorPage
from calotype.domain.color_cells import cells_of
from calotype.domain.color_ranking import best_match, rank
from calotype.domain.errors import InvalidInput
from calotype.domain.scope import Scope


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
            entries = await select_color_entries(connection, scope, cells, criteria.min_percentage)
            ranking = await asyncio.to_thread(rank, entries, hidden, criteria, limit, offset)
            assets = await select_assets(connection, scope, ranking.asset_ids) if ranking.asset_ids else {}
            extractions = await select_extractions(connection, scope, ranking.asset_ids) if assets else {}
        matches = []
        for asset_id in ranking.asset_ids:
            analysis = extractions[asset_id].analysis
            best = best_match(analysis.colors, criteria) if analysis else None
            assert analysis is not None
            assert best is not None
            matches.append(ColorMatch(assets[asset_id], analysis, *best))
        return ColorPage(tuple(matches), ranking.total_count)

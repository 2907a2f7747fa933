"""Finding pictures that look like a given one."""

from __future__ import annotations

from uuid import UUID

from calotype.db.asset import select_asset, select_assets
from calotype.db.engine import Database
from calotype.db.look_alike import select_near, select_near_plain, select_phash
from calotype.domain.asset import Asset, State
from calotype.domain.errors import CalotypeError, NotFound, NotReady, Refused
from calotype.domain.look_alike import LookAlike, LookAlikes, is_plain
from calotype.domain.scope import Scope


class LookAlikeService:
    """Exact search by the Hamming distance of perceptual hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, scope: Scope, asset_id: UUID, max_distance: int, limit: int) -> LookAlikes:
        """The pictures of the scope within a distance (0 to 64 bits) of one of them, nearest first, without itself.

        A picture with hardly anything in it is only like others of that kind, which must have its colour too. Raises NotFound,
        NotReady while the picture waits for its development, Refused for what is no picture or could not be decoded.
        """
        async with self._database.snapshot() as connection:
            asset = await select_asset(connection, scope, asset_id)
            if asset is None:
                raise NotFound("File not found")
            phash = await select_phash(connection, scope, asset_id)
            if phash is None:
                raise _without_hash(asset)
            select = select_near_plain if is_plain(phash) else select_near
            near, total = await select(connection, scope, asset_id, phash, max_distance, limit)
            assets = await select_assets(connection, scope, [found for found, _ in near]) if near else {}
        return LookAlikes(
            asset_id, max_distance, tuple(LookAlike(assets[found], distance) for found, distance in near), total
        )


def _without_hash(asset: Asset) -> CalotypeError:
    if asset.media_type != "image":
        return Refused("Only images can be compared")
    if asset.variant_status in {State.PENDING, State.PROCESSING}:
        return NotReady("This picture is not processed yet")
    if asset.variant_error:
        return Refused(f"This picture could not be processed: {asset.variant_error}")
    return Refused("This picture has no perceptual hash; trigger-variants makes one")

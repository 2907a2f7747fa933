"""Images with what their clients say of them: reading, listing, deleting."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from calotype.db.asset import select_assets
from calotype.db.custom_metadata import select_custom_metadata
from calotype.db.engine import Connection, Database
from calotype.db.listing import select_page
from calotype.domain.asset import Asset
from calotype.domain.errors import NotFound
from calotype.domain.image import IMAGE, LibraryImage, image_of
from calotype.domain.listing import AssetFilter, PageRequest
from calotype.domain.scope import Scope
from calotype.services.trash import TrashService


class ImageService:
    """The images of the library, whichever way they came in."""

    def __init__(self, database: Database, trash: TrashService) -> None:
        self._database = database
        self._trash = trash

    async def get(self, scope: Scope, image_ids: Sequence[UUID]) -> list[LibraryImage]:
        """Those of the given images that exist, in the order asked for, each once."""
        if not image_ids:
            return []
        async with self._database.read() as connection:
            found = await select_assets(connection, scope, image_ids)
            wanted = [found[image_id] for image_id in dict.fromkeys(image_ids) if image_id in found]
            return await _images(connection, scope, [asset for asset in wanted if asset.media_type == IMAGE])

    async def one(self, scope: Scope, image_id: UUID) -> LibraryImage:
        """One image. Raises NotFound."""
        found = await self.get(scope, [image_id])
        if not found:
            raise image_not_found()
        return found[0]

    async def page(self, scope: Scope, wanted: AssetFilter, page: PageRequest) -> list[LibraryImage]:
        """A window of the images that fit a filter."""
        async with self._database.snapshot() as connection:
            found = await select_page(connection, scope, wanted, page)
            return await _images(connection, scope, found.assets)

    async def delete(self, scope: Scope, image_ids: Sequence[UUID]) -> set[UUID]:
        """Move images to the trash, whatever is being done with them; returns those that were there."""
        return await self._trash.delete_kind(scope, image_ids, IMAGE)


async def _images(connection: Connection, scope: Scope, assets: Sequence[Asset]) -> list[LibraryImage]:
    if not assets:
        return []
    documents = await select_custom_metadata(connection, scope, [asset.id for asset in assets])
    return [image_of(asset, documents.get(asset.id)) for asset in assets]


def image_not_found() -> NotFound:
    """The refusal for an image that is unknown, deleted or somebody else's."""
    return NotFound("There is no such image", field="image_id", kind=IMAGE)

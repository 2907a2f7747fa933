"""Documents and links as they are read: assets with what is known of them as such."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from calotype.db.document import select_documents
from calotype.db.engine import Connection
from calotype.db.link import select_links
from calotype.domain.asset import Asset
from calotype.domain.document import DOCUMENT, LibraryDocument
from calotype.domain.link import LINK, LibraryLink
from calotype.domain.scope import Scope


async def library_documents(
    connection: Connection, scope: Scope, assets: Sequence[Asset]
) -> dict[UUID, LibraryDocument]:
    """Those of some assets of a scope that are documents, by id."""
    wanted = {asset.id: asset for asset in assets if asset.media_type == DOCUMENT}
    found = await select_documents(connection, scope, list(wanted))
    return {key: LibraryDocument(wanted[key], document) for key, document in found.items()}


async def library_links(connection: Connection, scope: Scope, assets: Sequence[Asset]) -> dict[UUID, LibraryLink]:
    """Those of some assets of a scope that are links, by id."""
    wanted = {asset.id: asset for asset in assets if asset.media_type == LINK}
    found = await select_links(connection, scope, list(wanted))
    return {key: LibraryLink(wanted[key], link) for key, link in found.items()}

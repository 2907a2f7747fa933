"""Pictures that stand for what is no picture itself: the first page of a document, what a web page wants to be shown by."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calotype.db.engine import Connection
from calotype.db.picture import update_preview
from calotype.domain.asset import Asset, StoredVariant
from calotype.domain.errors import Unsupported
from calotype.domain.image import IMAGE
from calotype.domain.picture import DevelopedPicture, VariantName
from calotype.domain.scope import Scope
from calotype.imaging.pipeline import develop
from calotype.imaging.sniff import sniff
from calotype.sandbox.pool import Sandbox
from calotype.services import leftovers
from calotype.services.attempts import try_again
from calotype.services.variants import lay_out
from calotype.storage.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Preview:
    """The variants of such a picture, stored already, and its blur hash."""

    variants: Mapping[VariantName, StoredVariant]
    blur_hash: str


class PreviewService:
    """Develops previews as pictures are developed; `max_pixels` and `timeout` (seconds) are those of any picture."""

    def __init__(self, store: ObjectStore, sandbox: Sandbox, *, max_pixels: int, timeout: float) -> None:
        self._store = store
        self._sandbox = sandbox
        self._max_pixels = max_pixels
        self._timeout = timeout

    async def make(self, asset: Asset, data: bytes) -> Preview:
        """Make and store the variants of a picture that stands for an asset, over those it had.

        Raises Unsupported for what is no picture, UndecodablePicture, SandboxFailure, Unavailable.
        """
        media = sniff(data)
        if media is None or media.media_type != IMAGE:
            raise Unsupported("it is no picture")
        with tempfile.NamedTemporaryFile(prefix="calotype-preview-", suffix=f".{media.format}") as file:
            await asyncio.to_thread(_write, Path(file.name), data)
            developed: DevelopedPicture = await try_again(
                lambda: self._sandbox.run(develop, file.name, pixel_limit=self._max_pixels, timeout=self._timeout)
            )
        variants, objects = lay_out(asset, developed.variants)
        await self._store.put_many(list(objects.items()))
        return Preview(variants, developed.blur_hash)

    async def keep(self, connection: Connection, scope: Scope, asset: Asset, preview: Preview | None) -> set[str]:
        """Give a preview to an asset, locked as it is given, or take it away; returns the keys that nothing needs any more."""
        if preview is None and not asset.variants:
            return set()
        variants = preview.variants if preview else {}
        await update_preview(connection, scope, asset.id, preview.blur_hash if preview else None, variants)
        before = {variant.object_key for variant in asset.variants.values()}
        return before - {variant.object_key for variant in variants.values()}

    async def discard(self, keys: set[str]) -> None:
        """Remove objects that nothing needs any more."""
        await leftovers.remove(self._store, keys)


def unused(preview: Preview | None, asset: Asset | None) -> set[str]:
    """The keys of a preview that was made for an asset in vain, but for those that the asset has all the same."""
    in_use = {variant.object_key for variant in asset.variants.values()} if asset else set[str]()
    return {variant.object_key for variant in preview.variants.values()} - in_use if preview else set()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)

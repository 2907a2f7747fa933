"""To which installation an object store belongs: a mark in it that only the database of its owner can have made."""

from __future__ import annotations

import enum
import hashlib
import hmac

from calotype.domain.errors import NotFound
from calotype.domain.object_keys import OWNER_KEY
from calotype.storage.store import ObjectStore

OWNER_REMEDY = f"check CALOTYPE_DATABASE_URL and CALOTYPE_STORAGE_URL; if they are right, remove the object {OWNER_KEY}"
"""What to do about a store that belongs to another installation."""

_PURPOSE = b"the owner of this object store"


class Owner(enum.Enum):
    """Whose an object store is, as this installation sees it."""

    US = enum.auto()
    NOBODY = enum.auto()
    ANOTHER = enum.auto()


class StoreOwner:
    """Keeps a process that was given the wrong database from taking another library's objects for leftovers.

    The mark is an HMAC-SHA-256 of the installation's secret, which is in the database and goes with its dumps.
    """

    def __init__(self, store: ObjectStore, secret: bytes) -> None:
        self._store = store
        self._mark = hmac.digest(secret, _PURPOSE, hashlib.sha256).hex().encode()

    async def look(self) -> Owner:
        """Whose the store is. Raises Unavailable."""
        try:
            found = await self._store.get(OWNER_KEY)
        except NotFound:
            return Owner.NOBODY
        return Owner.US if hmac.compare_digest(found, self._mark) else Owner.ANOTHER

    async def claim(self) -> bool:
        """Whether the store is ours; one that was nobody's is from then on. Raises Unavailable."""
        owner = await self.look()
        if owner is Owner.NOBODY:
            await self._store.put(OWNER_KEY, self._mark)
        return owner is not Owner.ANOTHER

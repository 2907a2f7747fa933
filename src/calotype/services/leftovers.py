"""Objects that no row knows any more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from calotype.domain.errors import Unavailable
from calotype.storage.store import ObjectStore


async def remove(store: ObjectStore, keys: Iterable[str]) -> bool:
    """Remove objects their rows have let go of; False where the store is away, which leaves them to the sweep.

    Nobody's work failed because of it, so that no error is raised.
    """
    wanted = sorted(set(keys))
    with contextlib.suppress(Unavailable):
        if wanted:
            await store.delete_many(wanted)
        return True
    return False

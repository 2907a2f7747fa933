"""A small object that is written, read and deleted to see that a store works."""

from __future__ import annotations

import secrets
from uuid import UUID, uuid4

from calotype.domain.errors import NotFound, Unavailable
from calotype.domain.object_keys import variant_key
from calotype.storage.store import ObjectStore

_NOBODY = UUID(int=0)


async def probe(store: ObjectStore) -> None:
    """Write, read and delete one small object. Raises `Unavailable` with the reason."""
    key = variant_key(_NOBODY, uuid4(), "probe", "bin")  # of nobody's, so that one left by a dead process is swept
    data = secrets.token_bytes(64)
    await store.put(key, data)
    try:
        found = await store.get(key)
    except NotFound as error:
        raise Unavailable("The object store lost what was just written to it") from error
    finally:
        await store.delete(key)
    if found != data:
        raise Unavailable("The object store does not return what was written to it")

"""Contents that are stored already, and what tells duplicates of a whole library."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, LargeBinary, Select, Text, any_, bindparam, cast, extract, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import within, within_parameter
from calotype.domain.scope import Scope, Visibility

_A = tables.asset
_H = tables.perceptual_hash
_CHECKSUM_BYTES = 32
# As one text, which the driver sends in a fifth of the time it takes for an array.
_CHECKSUMS = cast(bindparam("checksums", type_=Text), ARRAY(LargeBinary))

# Asked before every batch of uploads, so built once.
_KNOWN = {
    visibility: select(_A.c.checksum).where(within_parameter(visibility), _A.c.checksum == any_(_CHECKSUMS)).distinct()
    for visibility in Visibility
}


async def select_known_checksums(connection: AsyncConnection, scope: Scope, checksums: Collection[bytes]) -> set[bytes]:
    """Those of some SHA-256 sums that a file of the scope has."""
    array = ",".join(rf'"\\x{checksum.hex()}"' for checksum in checksums)
    parameters = {"tenant_id": scope.tenant_id, "checksums": f"{{{array}}}"}
    return set((await connection.execute(_KNOWN[scope.visibility], parameters)).scalars())


Content = tuple[bytes, bytes, int, int, float, int | None]
"""What decides on duplicates of one file: id, checksum, pixels, bytes, upload time in seconds, hash as a signed integer."""


async def select_contents(
    connection: AsyncConnection, scope: Scope, batch: int = 10_000
) -> AsyncIterator[Sequence[Content]]:
    """What decides on duplicates, of all files of the scope that have bytes, in batches; needs a transaction."""
    found = await connection.stream(_contents(scope))
    async for rows in found.partitions(batch):
        yield [(row[0].bytes, *row[1:]) for row in rows]


def _contents(scope: Scope) -> Select[Any]:
    pixels = func.coalesce(cast(_A.c.width, BigInteger) * _A.c.height, 0)
    return (
        select(
            _A.c.id,
            _A.c.checksum,
            pixels,
            _A.c.size_bytes,
            cast(extract("epoch", _A.c.created_at), Double),
            cast(_H.c.phash, BigInteger),
        )
        .join(_H, _H.c.asset_id == _A.c.id, isouter=True)
        .where(within(scope), func.octet_length(_A.c.checksum) == _CHECKSUM_BYTES)
    )


_NAMED = (
    _A.c.id,
    _A.c.original_filename.label("filename"),
    _A.c.object_key,
    _A.c.width,
    _A.c.height,
    _A.c.size_bytes,
    _A.c.created_at,
)


async def select_named(
    connection: AsyncConnection, scope: Scope, asset_ids: Collection[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Id, name, place, size in pixels and bytes, and upload time of some files of the scope, by id."""
    query = select(*_NAMED).where(within(scope), _A.c.id.in_(bindparam("ids", expanding=True)))
    rows = await connection.execute(query, {"ids": list(asset_ids)})
    return {row["id"]: dict(row) for row in rows.mappings()}

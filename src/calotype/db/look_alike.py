"""Finding pictures by their perceptual hash: exact, through indexes on its four quarters.

If two hashes differ in at most r bits, and the quarters may differ in r1 to r4 bits with (r1 + 1) + ... + (r4 + 1) = r + 1, then
at least one quarter keeps within its part, since otherwise all together would differ in at least r + 1 bits (the pigeonhole
principle; Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012). So all values near each
quarter are looked up, and of what they find the true distance is taken.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any
from uuid import UUID

from pgvector.sqlalchemy import BIT
from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Select,
    Subquery,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant, within_parameter
from calotype.domain.look_alike import (
    HASH_BITS,
    INDEXED_DISTANCE,
    PLAIN_BITS,
    PLAIN_COLOR_DISTANCE,
    PLAIN_DISTANCE,
)
from calotype.domain.scope import Scope, Visibility

_A = tables.asset
_C = tables.dominant_color
_H = tables.perceptual_hash
_LAB = ("lightness", "a", "b")
_QUARTERS = range(4)
_WIDTH = HASH_BITS // len(_QUARTERS)
_PHASH = bindparam("phash", type_=Text)


async def select_phash(connection: AsyncConnection, scope: Scope, asset_id: UUID) -> int | None:
    """The hash of one picture, an unsigned 64-bit integer; None while there is none."""
    query = select(cast(_H.c.phash, Text)).where(of_tenant(scope, _H), _H.c.asset_id == asset_id)
    found = (await connection.execute(query)).scalar_one_or_none()
    return int(found, 2) if found is not None else None


async def select_near(
    connection: AsyncConnection, scope: Scope, asset_id: UUID, phash: int, max_distance: int, limit: int
) -> tuple[list[tuple[UUID, int]], int]:
    """(id, distance) of the nearest assets of the scope but one, ties by id, and how many are within the distance in all.

    Hashes that are too plain to be compared are never found. Beyond `INDEXED_DISTANCE` all hashes of the tenant are compared.
    """
    parameters = _parameters(scope, asset_id, phash, max_distance, limit)
    if max_distance > INDEXED_DISTANCE:
        return await _found(connection, _near(scope.visibility, is_wide=True), parameters)
    for quarter, values in enumerate(near_quarters(phash, max_distance)):
        # The driver takes several times as long for an array of numbers as for a text.
        parameters[f"quarter_{quarter}"] = f"{{{','.join(map(str, values))}}}"
    return await _found(connection, _near(scope.visibility, is_wide=False), parameters)


async def select_near_plain(
    connection: AsyncConnection, scope: Scope, asset_id: UUID, phash: int, max_distance: int, limit: int
) -> tuple[list[tuple[UUID, int]], int]:
    """The same for a plain hash: only plain ones are found, nearer than others, and only those of the same mean colour."""
    distance = min(max_distance, PLAIN_DISTANCE)
    parameters = _parameters(scope, asset_id, phash, distance, limit)
    return await _found(connection, _near_plain(scope.visibility), {**parameters, "far": PLAIN_COLOR_DISTANCE**2})


def _parameters(scope: Scope, asset_id: UUID, phash: int, max_distance: int, limit: int) -> dict[str, Any]:
    return {
        "tenant_id": scope.tenant_id,
        "asset_id": asset_id,
        "phash": f"{phash:0{HASH_BITS}b}",
        "max_distance": max_distance,
        "limit": limit,
    }


async def _found(
    connection: AsyncConnection, query: Select[Any], parameters: dict[str, Any]
) -> tuple[list[tuple[UUID, int]], int]:
    rows = (await connection.execute(query, parameters)).all()
    return [(row[0], int(row[1])) for row in rows], rows[0][2] if rows else 0


@functools.cache
def _near_plain(visibility: Visibility) -> Select[Any]:
    mine, its = _mean_color(bindparam("asset_id")), _mean_color(_H.c.asset_id)
    apart = sum((mine.c[axis] - its.c[axis]) * (mine.c[axis] - its.c[axis]) for axis in _LAB)
    distance = _H.c.phash.hamming_distance(cast(_PHASH, BIT(HASH_BITS)))
    plain = (
        select(_H.c.asset_id, distance.label("distance"))
        .select_from(_H.join(mine, true()).join(its, true()))
        .where(
            _H.c.tenant_id == bindparam("tenant_id"),
            literal_column(f"bit_count(perceptual_hash.phash) < {PLAIN_BITS}"),
            distance <= bindparam("max_distance", type_=Integer),
            apart <= bindparam("far", type_=Double),
        )
        .subquery("plain")
    )
    return _live(plain, visibility)


def _mean_color(asset_id: ColumnElement[Any]) -> FromClause:
    weight = func.sum(_C.c.percentage)
    axes = [(func.sum(_C.c.percentage * _C.c.lab[place]) / weight).label(axis) for place, axis in enumerate(_LAB, 1)]
    return select(*axes).where(_C.c.tenant_id == bindparam("tenant_id"), _C.c.asset_id == asset_id).lateral()


@functools.cache
def _near(visibility: Visibility, *, is_wide: bool) -> Select[Any]:
    """The statement, in a form that settles its plan: nobody can tell beforehand how few hashes are near.

    Each quarter is a branch of its own, read from its index. The limit within keeps the assets from being read all at once for
    a join, instead of one for each hash that is near.
    """
    near = _scan() if is_wide else union(*(_branch(quarter) for quarter in _QUARTERS))
    return _live(near.subquery("near"), visibility)


def _live(near: Subquery, visibility: Visibility) -> Select[Any]:
    seen = select(_A.c.id).where(within_parameter(visibility), _A.c.id == near.c.asset_id).limit(1).lateral("seen")
    return (
        select(near.c.asset_id, near.c.distance, func.count().over())
        .join(seen, true())
        .where(near.c.asset_id != bindparam("asset_id"))
        .order_by(near.c.distance, near.c.asset_id)
        .limit(bindparam("limit", type_=Integer))
    )


def _scan() -> Select[Any]:
    """All hashes of the tenant, read from one of the indexes."""
    distance = _H.c.phash.hamming_distance(cast(_PHASH, BIT(HASH_BITS)))
    return select(_H.c.asset_id, distance.label("distance")).where(
        _H.c.tenant_id == bindparam("tenant_id"),
        literal_column(f"bit_count(perceptual_hash.phash) >= {PLAIN_BITS}"),
        distance <= bindparam("max_distance", type_=Integer),
    )


def _branch(quarter: int) -> Select[Any]:
    # Word for word as in the index; as bound parameters the numbers would hide it from the planner.
    part = f"CAST(substring(perceptual_hash.phash FROM {quarter * _WIDTH + 1} FOR {_WIDTH}) AS integer)"
    # In a query of their own, so that the planner does not see how many they are: it would rather read all hashes of the tenant
    # than look up a thousand values, which takes ten times as long.
    values = select(cast(bindparam(f"quarter_{quarter}", type_=Text), ARRAY(Integer))).scalar_subquery()
    distance = _H.c.phash.hamming_distance(cast(_PHASH, BIT(HASH_BITS)))
    return select(_H.c.asset_id, distance.label("distance")).where(
        _H.c.tenant_id == bindparam("tenant_id"),
        literal_column(f"bit_count(perceptual_hash.phash) >= {PLAIN_BITS}"),
        literal_column(part, Integer) == any_(cast(values, ARRAY(Integer))),
        distance <= bindparam("max_distance", type_=Integer),
    )


def near_quarters(phash: int, max_distance: int) -> list[list[int]]:
    """For each quarter of a hash the values one of which any hash within the distance has there."""
    share, rest = divmod(max_distance + 1, len(_QUARTERS))
    radii = [share - 1 + (quarter < rest) for quarter in _QUARTERS]
    parts = [phash >> HASH_BITS - (quarter + 1) * _WIDTH & (1 << _WIDTH) - 1 for quarter in _QUARTERS]
    return [[part ^ flips for flips in _flips(radius)] for part, radius in zip(parts, radii, strict=True)]


@functools.cache
def _flips(radius: int) -> tuple[int, ...]:
    """All numbers of a quarter's width with at most so many bits set; none for a radius of -1."""
    return tuple(
        sum(1 << bit for bit in bits)
        for count in range(radius + 1)
        for bits in itertools.combinations(range(_WIDTH), count)
    )

"""Finding what is there more than once: contents asked for, and groups in a whole library."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from calotype.db.duplicate import select_contents, select_known_checksums, select_named
from calotype.db.engine import Database
from calotype.domain.duplicate import DuplicateFile, DuplicateGroup, Likeness
from calotype.domain.errors import InvalidInput
from calotype.domain.look_alike import INDEXED_DISTANCE
from calotype.domain.scope import Scope

if TYPE_CHECKING:
    from calotype.services.grouping import Member

_NAMED_AT_ONCE = 1000


class DuplicateService:
    """Only tells; nothing is ever deleted here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, scope: Scope, checksums: Collection[str]) -> set[str]:
        """Those of some SHA-256 sums (64 lower-case hexadecimal digits) that a file of the scope has."""
        async with self._database.read() as connection:
            found = await select_known_checksums(connection, scope, {bytes.fromhex(one) for one in checksums})
        return {checksum.hex() for checksum in found}

    async def groups(self, scope: Scope, max_distance: int) -> list[DuplicateGroup]:
        """All groups of the scope, those with most bytes to spare first.

        A group is a file and all that are within the distance of that very file, so nobody is in it for looking like somebody
        who looks like somebody. Memory grows with the library by some hundred bytes a file. Raises InvalidInput.
        """
        # NumPy is of no use to any other command or to the server.
        from calotype.services.grouping import as_rows, group_contents

        if not 0 <= max_distance <= INDEXED_DISTANCE:
            raise InvalidInput(f"the distance is 0 to {INDEXED_DISTANCE}", field="max_distance")
        async with self._database.snapshot() as connection:
            batches = [as_rows(batch) async for batch in select_contents(connection, scope)]
        found = await asyncio.to_thread(group_contents, batches, max_distance)
        groups: list[DuplicateGroup] = []
        portion: list[Sequence[Member]] = []
        for number, members in enumerate(found, 1):
            portion.append(members)
            if number == len(found) or sum(map(len, portion)) >= _NAMED_AT_ONCE:
                named = await self._named(scope, [member.id for group in portion for member in group])
                groups += [made for group in portion if (made := _group(group, named)) is not None]
                portion = []
        return sorted(groups, key=lambda group: (-group.spare_bytes, group.files[0].id))

    async def _named(self, scope: Scope, asset_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
        async with self._database.read() as connection:
            return await select_named(connection, scope, asset_ids)


def _group(members: Sequence[Member], named: Mapping[UUID, Mapping[str, Any]]) -> DuplicateGroup | None:
    """A group of those that are still there; without its first, or alone, there is nothing to tell."""
    if members[0].id not in named:
        return None
    files = tuple(
        DuplicateFile(
            **named[member.id],
            likeness=Likeness.IDENTICAL if member.is_identical else Likeness.ALIKE,
            distance=member.distance,
        )
        for member in members
        if member.id in named
    )
    return DuplicateGroup(files) if len(files) > 1 else None

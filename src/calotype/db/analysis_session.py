"""Rows of analysis sessions and of their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.db import tables
from calotype.db.scoped import of_tenant
from calotype.domain.analysis_session import AnalysisSession, SessionImage
from calotype.domain.scope import Scope

_S = tables.analysis_session
_I = tables.analysis_image
_FORGOTTEN_AT_ONCE = 500

_INSERT_IMAGES = text(
    "INSERT INTO analysis_image (session_id, number, tenant_id, asset_id, upload_path, original_filename, size_bytes, fault) "
    "SELECT :session_id, i.number, :tenant_id, i.asset_id, i.upload_path, i.original_filename, i.size_bytes, i.fault "
    "FROM unnest(CAST(:numbers AS integer[]), CAST(:asset_ids AS uuid[]), CAST(:upload_paths AS text[]), "
    "CAST(:original_filenames AS text[]), CAST(:sizes AS bigint[]), "
    "CAST(:faults AS text[])) AS i (number, asset_id, upload_path, original_filename, size_bytes, fault)"
)
_UPDATE_FILENAMES = text(
    "UPDATE analysis_image AS i SET filename = n.filename "
    "FROM unnest(CAST(:numbers AS integer[]), CAST(:filenames AS text[])) AS n (number, filename) "
    "WHERE i.tenant_id = :tenant_id AND i.session_id = :session_id AND i.number = n.number"
)


async def insert_session(connection: AsyncConnection, scope: Scope, session_id: str, lifetime: timedelta) -> None:
    """Open a session of that lifetime, by the database's clock."""
    await connection.execute(
        _S.insert().values(
            id=session_id,
            tenant_id=scope.tenant_id,
            images=0,
            created_at=func.now(),
            expires_at=func.now() + lifetime,
        )
    )


async def select_session(
    connection: AsyncConnection, scope: Scope, session_id: str, *, lock: bool = False
) -> AnalysisSession | None:
    """A session without its images, None when it was ended; with `lock` nothing of it changes until the transaction ends."""
    query = select(_S.c.id, _S.c.created_at, _S.c.expires_at, _S.c.expires_at <= func.clock_timestamp()).where(
        of_tenant(scope, _S), _S.c.id == session_id, _S.c.ended_at.is_(None)
    )
    row = (await connection.execute(query.with_for_update(key_share=True) if lock else query)).one_or_none()
    return AnalysisSession(*row) if row else None


async def lock_session(connection: AsyncConnection, scope: Scope, session_id: str) -> None:
    """Keep a session, ended or not, from changing until the transaction ends."""
    # Rows that refer to it stay free: changed twice in a transaction, they look for it while they are locked themselves.
    query = select(_S.c.id).where(of_tenant(scope, _S), _S.c.id == session_id)
    await connection.execute(query.with_for_update(key_share=True))


async def update_ended(connection: AsyncConnection, scope: Scope, session_id: str) -> bool:
    """End a session; False when there is none."""
    query = update(_S).where(of_tenant(scope, _S), _S.c.id == session_id, _S.c.ended_at.is_(None))
    return (await connection.execute(query.values(ended_at=func.now()))).rowcount > 0


async def insert_images(
    connection: AsyncConnection, scope: Scope, session_id: str, images: Sequence[SessionImage]
) -> None:
    """Add images to a session whose lock is held."""
    await connection.execute(
        _INSERT_IMAGES,
        {
            "tenant_id": scope.tenant_id,
            "session_id": session_id,
            "numbers": [image.number for image in images],
            "asset_ids": [image.asset_id for image in images],
            "upload_paths": [image.upload_path for image in images],
            "original_filenames": [image.original_filename for image in images],
            "sizes": [image.size_bytes for image in images],
            "faults": [image.fault for image in images],
        },
    )
    query = update(_S).where(of_tenant(scope, _S), _S.c.id == session_id)
    await connection.execute(query.values(images=images[-1].number))


async def select_image_count(connection: AsyncConnection, scope: Scope, session_id: str) -> int:
    """How many images were ever added to a session, and so the number of the newest."""
    query = select(_S.c.images).where(of_tenant(scope, _S), _S.c.id == session_id)
    return int((await connection.execute(query)).scalar_one())


async def select_images(
    connection: AsyncConnection, scope: Scope, session_id: str, numbers: Sequence[int] | None = None
) -> list[SessionImage]:
    """The images of a session, or those of some numbers, in the order they came."""
    query = select(
        _I.c.number, _I.c.asset_id, _I.c.upload_path, _I.c.original_filename, _I.c.size_bytes, _I.c.fault
    ).where(of_tenant(scope, _I), _I.c.session_id == session_id)
    if numbers is not None:
        query = query.where(_I.c.number.in_(numbers))
    return [SessionImage(*row) for row in await connection.execute(query.order_by(_I.c.number))]


async def select_taken_paths(
    connection: AsyncConnection, scope: Scope, session_id: str, paths: Sequence[str]
) -> set[str]:
    """Those of some upload paths that images of a session have already."""
    query = select(_I.c.upload_path).where(
        of_tenant(scope, _I), _I.c.session_id == session_id, _I.c.upload_path.in_(paths)
    )
    return set((await connection.execute(query)).scalars())


async def select_filenames(
    connection: AsyncConnection, scope: Scope, session_id: str, beginning: str
) -> dict[str, int]:
    """The names suggested in a session that begin in a certain way, each with the number of its image."""
    # Compared byte by byte, as the index holds them; the highest ASCII letter there can be is "z".
    query = select(_I.c.filename, _I.c.number).where(
        of_tenant(scope, _I),
        _I.c.session_id == session_id,
        _I.c.filename >= beginning,
        _I.c.filename < beginning + "{",
    )
    return {row.filename: row.number for row in await connection.execute(query)}


async def update_filenames(
    connection: AsyncConnection, scope: Scope, session_id: str, filenames: Mapping[int, str]
) -> None:
    """Note the names suggested last, by the numbers of their images; the session's lock is held."""
    await connection.execute(
        _UPDATE_FILENAMES,
        {
            "tenant_id": scope.tenant_id,
            "session_id": session_id,
            "numbers": list(filenames),
            "filenames": list(filenames.values()),
        },
    )


async def delete_old_sessions(connection: AsyncConnection, keep: timedelta) -> int:
    """Forget some sessions that expired longer ago than `keep`, and in which nothing goes on; returns how many."""
    open_analysis = (
        select(tables.analysis.c.id)
        .where(tables.analysis.c.session_id == _S.c.id, tables.analysis.c.ended_at.is_(None))
        .exists()
    )
    old = (
        select(_S.c.id)
        .where(_S.c.expires_at < func.now() - keep, ~open_analysis)
        .order_by(_S.c.expires_at)
        .limit(_FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    result = await connection.execute(_S.delete().where(_S.c.id.in_(old)))
    return result.rowcount

"""The indexes of vectors: one for each model and source, because an index holds vectors of one length only."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from calotype.domain.embedding import EmbeddingSource

LONGEST_INDEXED = 4_000
"""The greatest dimension pgvector's index takes; longer vectors are compared one by one."""

# Recall and cost of these stand in docs/decisions/0020-meaning.md.
_GRAPH = "m = 16, ef_construction = 128"


def index_name(model: str, source: EmbeddingSource) -> str:
    """The name of an index: the same for the same model, different for different ones, whatever letters they are named in."""
    return f"embedding_{source.value}_{hashlib.sha256(model.encode()).hexdigest()[:12]}"


_VALID = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_ALONE = text("SELECT pg_advisory_lock(hashtextextended('calotype reindex', 0))")
_NOT_ALONE = text("SELECT pg_advisory_unlock(hashtextextended('calotype reindex', 0))")
_UNHURRIED = text(
    "SELECT set_config('statement_timeout', '0', false), set_config('maintenance_work_mem', '512MB', false)"
)


async def make_index(connection: AsyncConnection, model: str, source: EmbeddingSource, dimension: int) -> bool:
    """Make the index of a model and source if it is missing, or was left unfinished; False when there was nothing to do.

    Reading and writing go on meanwhile. Needs a connection that is not in a transaction (`Database.read`).
    """
    if dimension > LONGEST_INDEXED:
        return False
    name = index_name(model, source)
    await connection.execute(_UNHURRIED)
    await connection.execute(_ALONE)
    try:
        is_valid = (await connection.execute(_VALID, {"name": name})).scalar_one_or_none()
        if is_valid:
            return False
        if is_valid is False:
            await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
        await connection.execute(
            text(
                f"CREATE INDEX CONCURRENTLY {name} ON embedding USING hnsw "
                f"((vector::halfvec({dimension})) halfvec_cosine_ops) WITH ({_GRAPH}) "
                f"WHERE model = {quoted(model)} AND source = {quoted(source.value)}".replace("::", "\\:\\:")
            )
        )
        return True
    finally:
        await connection.execute(_NOT_ALONE)
        await connection.execute(text("RESET statement_timeout"))
        await connection.execute(text("RESET maintenance_work_mem"))


_OTHERS = text(
    "SELECT pg_class.relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam "
    "WHERE indrelid = to_regclass('embedding') AND amname = 'hnsw' AND NOT relname = ANY(CAST(:names AS text[]))"
)


async def drop_other_indexes(connection: AsyncConnection, model: str) -> None:
    """Remove the indexes of all models but one. Needs a connection that is not in a transaction (`Database.read`)."""
    kept = [index_name(model, source) for source in EmbeddingSource]
    for name in (await connection.execute(_OTHERS, {"names": kept})).scalars().all():
        await connection.execute(text(f'DROP INDEX CONCURRENTLY IF EXISTS "{name}"'))


def quoted(name: str) -> str:
    """A literal of SQL that is put into a statement's text, where a colon would begin a parameter."""
    return "'" + name.replace("'", "''").replace(":", "\\:") + "'"

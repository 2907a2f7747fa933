"""A part of the library is searched by itself: what lies elsewhere neither hides its images nor has to be read."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from calotype.db.embedding import upsert_embeddings
from calotype.db.image_search import select_by_words
from calotype.db.nearest import select_nearest
from calotype.domain.asset import State
from calotype.domain.embedding import Embedding, EmbeddingSource
from calotype.domain.image_search import ImageFilter, LibrarySize
from calotype.domain.scope import Scope
from tests.db.conftest import new_tenant
from tests.db.rows import NOW, add, add_folder, new_asset
from tests.db.test_index_use import Big, explained
from tests.db.test_scene_search import looked_at

CONTENT = EmbeddingSource.CONTENT
SIZE = LibrarySize(assets=10**6, vectors=10**6, indexed=10**6)
ROWS = 20_000
STATES = (State.COMPLETED, State.SKIPPED)


async def words_of(connection, scope, wanted, **options):
    """The ids that one word finds, in a library where it is common."""
    common = {"~harbour": 0.9}
    hits = await select_by_words(connection, scope, CONTENT, ["~harbour"], common, 10**6, wanted, **options)
    return {hit.id for hit in hits}


async def near(connection, scope, wanted):
    """The ids that a vector finds."""
    hits = await select_nearest(connection, scope, "m", CONTENT, [1.0, 0.5, 0.0], SIZE, wanted)
    assert [hit.merit for hit in hits] == sorted((hit.merit for hit in hits), reverse=True)
    return {hit.id for hit in hits}


@pytest.fixture(scope="module")
async def shelf(database):
    """Images of two folders and none, described and not, and a video: (id, folder, state, media type)."""
    scope = Scope(await new_tenant(database))
    known = []
    async with database.write() as connection:
        folders = [None, *[(await add_folder(connection, scope)).id for _ in range(2)]]
        for number, folder in enumerate(folders * 4):
            state = STATES[number // 3 % 2]
            kind = "video" if number == 11 else "image"
            new = new_asset(
                scope.tenant_id, title="harbour", folder_id=folder, media_type=kind, description_status=state
            )
            known.append((await add(connection, new, NOW + timedelta(hours=number)), folder, state, kind))
        rows = [Embedding(asset_id, CONTENT, "m", (1.0, 0.5, 0.0)) for asset_id, *_ in known]
        await upsert_embeddings(connection, scope, rows, NOW)
    return scope, known, folders


@given(st.data())
async def test_filters_leave_what_fits(database, shelf, data):
    """Folder, ids and state, alone and together; words and vectors agree with a plain look."""
    scope, known, folders = shelf
    ids = [*[asset_id for asset_id, *_ in known], uuid4()]
    wanted = ImageFilter(
        folder_id=data.draw(st.sampled_from([*folders, uuid4()])),
        ids=data.draw(st.none() | st.lists(st.sampled_from(ids), unique=True).map(tuple)),
        undescribed=data.draw(st.booleans()),
    )
    fitting = {
        asset_id: (state, kind)
        for asset_id, folder, state, kind in known
        if (wanted.folder_id is None or folder == wanted.folder_id) and (wanted.ids is None or asset_id in wanted.ids)
    }
    described = {found for found, (state, kind) in fitting.items() if kind == "image" and state is State.COMPLETED}
    images = {found for found, (_, kind) in fitting.items() if kind == "image"}
    async with database.snapshot() as connection:
        assert await words_of(connection, scope, wanted) == (images if wanted.undescribed else described)
        if wanted.is_restricted:
            assert await near(connection, scope, wanted) == described
        if wanted.undescribed:
            videos = await words_of(connection, scope, wanted, media_type="video")
            assert videos == set(fitting) - images


async def test_a_part_of_another_tenant_is_empty(database, shelf, scope):
    """Whoever names a folder or ids that are not theirs finds nothing."""
    _, known, folders = shelf
    async with database.snapshot() as connection:
        for wanted in (ImageFilter(folder_id=folders[1]), ImageFilter(ids=tuple(asset_id for asset_id, *_ in known))):
            assert await words_of(connection, scope, wanted) == set()
            assert await near(connection, scope, wanted) == set()


_FILL = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, tags, created_at, updated_at, variants, has_description, search, description_status,
    folder_id)
SELECT md5(CAST(:tenant AS text) || n)::uuid, CAST(:tenant AS uuid), 'image', 'image/jpeg', 'JPEG', 'STREAMING', 'k', 'n.jpg', 1,
    sha256(n::text::bytea), 'default', true, '{}', CAST(:now AS timestamptz) + n * interval '1 minute', :now, '{}', true,
    CAST('''~harbour'' ''~rare' || n % 4000 || '''' AS tsvector), 'completed', CASE WHEN n <= 30 THEN CAST(:folder AS uuid) END
FROM generate_series(1, :rows) AS n;
INSERT INTO embedding (asset_id, source, part, model, tenant_id, dimension, vector, created_at)
SELECT md5(CAST(:tenant AS text) || n)::uuid, 'content', 0, 'm', CAST(:tenant AS uuid), 3,
    CAST('[1,' || n % 10 || ',0]' AS halfvec), :now FROM generate_series(1, :rows) AS n
"""


@pytest.fixture(scope="module")
async def full(database):
    """Twenty thousand images, of which the thirty oldest lie in a folder."""
    scope = Scope(await new_tenant(database))
    async with database.write() as connection:
        folder = (await add_folder(connection, scope)).id
        values = {"tenant": scope.tenant_id, "now": NOW, "rows": ROWS, "folder": folder}
        for statement in _FILL.split(";\n"):
            given_here = {name: value for name, value in values.items() if f":{name}" in statement}
            await connection.execute(text(statement), given_here)
    async with database.read() as connection:
        await connection.execute(text("ANALYZE asset, embedding"))
        yield Big(scope, connection, {30: folder})
        for table in ("embedding", "asset", "folder"):
            await connection.execute(
                text(f"DELETE FROM {table} WHERE tenant_id = :tenant"), {"tenant": scope.tenant_id}
            )


async def test_a_folder_is_read_alone(full):
    """However many images have the word or are near, no more than the folder's are looked at."""
    wanted = ImageFilter(folder_id=full.folders[30])
    assert len(await words_of(full.connection, full.scope, wanted)) == 30
    nodes = await explained(full, words_of(full.connection, full.scope, wanted))
    nodes += await explained(full, near(full.connection, full.scope, wanted))
    assert looked_at(nodes, "asset", "embedding") <= 100


async def test_some_ids_are_read_alone(full):
    """By their primary key."""
    rows = await full.connection.execute(
        text("SELECT id FROM asset WHERE tenant_id = :tenant LIMIT 5"), {"tenant": full.scope.tenant_id}
    )
    wanted = ImageFilter(ids=tuple(rows.scalars()))
    nodes = await explained(full, words_of(full.connection, full.scope, wanted))
    nodes += await explained(full, near(full.connection, full.scope, wanted))
    assert looked_at(nodes, "asset", "embedding") <= 50

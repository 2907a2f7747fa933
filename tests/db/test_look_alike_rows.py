"""Look-alikes are found exactly as by comparing with every hash, whatever lies beside them, and through the indexes."""

from __future__ import annotations

import itertools
import random
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import event, text

from calotype.db.look_alike import near_quarters, select_near, select_phash
from calotype.domain.look_alike import INDEXED_DISTANCE, is_plain
from calotype.domain.scope import Scope
from tests.db.conftest import new_tenant
from tests.db.rows import vacuum

ROWS = 3000
HASHES = st.integers(0, 2**64 - 1)
_ASSETS = """
INSERT INTO asset (id, tenant_id, media_type, content_type, format, upload_method, object_key, original_filename, size_bytes,
    checksum, storage_target, auto_describe, tags, created_at, updated_at, deleted_at, variants, has_description, search)
SELECT id, :tenant, 'image', 'image/jpeg', 'jpeg', 'STREAMING', 'key', 'name.jpg', 1, sha256(id::text::bytea), 'default', true,
    '{}', now(), now(), CASE WHEN trashed THEN now() END, '{}', false, ''
FROM unnest(CAST(:ids AS uuid[]), CAST(:trashed AS boolean[])) AS new (id, trashed)
"""
_HASHES = """
INSERT INTO perceptual_hash (asset_id, tenant_id, phash)
SELECT id, :tenant, CAST(phash AS bit(64)) FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS text[])) AS new (id, phash)
"""


def distance(one, other):
    """The Hamming distance."""
    return (one ^ other).bit_count()


def flipped(chance, phash, bits):
    """A hash that differs in so many bits."""
    return phash ^ sum(1 << bit for bit in chance.sample(range(64), bits))


class Made:
    """The pictures of one tenant: hash and whether it is in the trash, by id."""

    def __init__(self, scope):
        self.scope = scope
        self.live = {}
        self.trashed = {}

    def near(self, asset_id, max_distance):
        """The truth: (id, distance) of live look-alikes, nearest first."""
        mine = self.live[asset_id]
        found = [
            (other, distance(mine, phash))
            for other, phash in self.live.items()
            if other != asset_id and not is_plain(phash) and distance(mine, phash) <= max_distance
        ]
        return sorted(found, key=lambda one: (one[1], one[0]))


async def fill(database, tenant_id, hashes, chance, trash=0.1):
    """Store pictures with these hashes, a share of them in the trash."""
    made = Made(Scope(tenant_id))
    ids = [UUID(int=chance.getrandbits(128), version=4) for _ in hashes]
    trashed = [chance.random() < trash for _ in hashes]
    async with database.write() as connection:
        await connection.execute(text(_ASSETS), {"tenant": tenant_id, "ids": ids, "trashed": trashed})
        digits = [f"{phash:064b}" for phash in hashes]
        await connection.execute(text(_HASHES), {"tenant": tenant_id, "ids": ids, "hashes": digits})
    for asset_id, phash, is_trashed in zip(ids, hashes, trashed, strict=True):
        (made.trashed if is_trashed else made.live)[asset_id] = phash
    return made


@pytest.fixture(scope="module")
async def tenants(database):
    """A big and a small tenant whose pictures are alike, those of the big one by clusters around few hashes."""
    chance = random.Random(4)
    centres = [chance.getrandbits(64) for _ in range(30)]
    clustered = [flipped(chance, chance.choice(centres), chance.randint(0, 20)) for _ in range(ROWS // 2)]
    others = [chance.getrandbits(64) for _ in range(ROWS // 2)]
    plain = [0, 1 << 63, 0b1111111, *(flipped(chance, 0, bits) for bits in (3, 7, 8, 9))]
    big = await fill(database, await new_tenant(database), [*clustered, *others, *plain], chance)
    few = [flipped(chance, centre, bits) for centre in centres[:5] for bits in (0, 0, 4, 10, 11, 16)]
    small = await fill(database, await new_tenant(database), few, chance)
    async with database.read() as connection:
        await vacuum(connection, "perceptual_hash")
    return big, small


@pytest.mark.parametrize("max_distance", [*range(INDEXED_DISTANCE + 1), 17, 24, 64])
async def test_as_a_comparison_with_every_hash(database, tenants, max_distance):
    """The same files with the same distances in the same order, for both tenants; the count is of all."""
    chance = random.Random(max_distance)
    async with database.read() as connection:
        for made in tenants:
            comparable = [asset_id for asset_id, phash in made.live.items() if not is_plain(phash)]
            for asset_id in chance.sample(comparable, 20):
                expected = made.near(asset_id, max_distance)
                phash = made.live[asset_id]
                found, total = await select_near(connection, made.scope, asset_id, phash, max_distance, 10_000)
                assert (found, total) == (expected, len(expected))
                found, total = await select_near(connection, made.scope, asset_id, phash, max_distance, 3)
                assert (found, total) == (expected[:3], len(expected) if expected else 0)


async def test_every_quarter_is_looked_through(database):
    """A hash with all its differences in three quarters is found by the fourth, whichever that is."""
    chance = random.Random(1)
    mine = chance.getrandbits(64)
    for max_distance in (0, 3, 4, 10, 16):
        for spared in range(4):
            bits = [bit for bit in range(64) if bit // 16 != spared]
            other = mine ^ sum(1 << bit for bit in chance.sample(bits, max_distance))
            pair = await fill(database, await new_tenant(database), [mine, other], chance, trash=0)
            (first, second) = pair.live
            async with database.read() as connection:
                found, total = await select_near(connection, pair.scope, first, mine, max_distance, 5)
            assert (found, total) == ([(second, max_distance)], 1)


async def test_the_trash_is_asked_by_its_own_scope(database, tenants):
    """A live scope never finds what is trashed, the trash's scope finds nothing else."""
    big, _ = tenants
    asset_id = next(iter(big.live))
    async with database.read() as connection:
        found, _ = await select_near(connection, big.scope.trashed(), asset_id, big.live[asset_id], 16, 10_000)
    expected = {
        other
        for other, phash in big.trashed.items()
        if distance(big.live[asset_id], phash) <= 16 and not is_plain(phash)
    }
    assert {other for other, _ in found} == expected


async def test_a_hash_is_read_within_its_tenant(database, tenants):
    """All 64 bits come back unsigned; another tenant's picture has none."""
    big, small = tenants
    async with database.read() as connection:
        for asset_id, phash in itertools.islice(big.live.items(), 50):
            assert await select_phash(connection, big.scope, asset_id) == phash
            assert await select_phash(connection, small.scope, asset_id) is None
        assert await select_phash(connection, big.scope, uuid4()) is None


async def test_each_quarter_reads_its_own_index_and_no_table_of_hashes(database, tenants):
    """All four indexes are used and answer alone; no plan reads all hashes, also when it is used again and again."""
    big, _ = tenants
    asset_id = next(iter(big.live))
    plans = []

    async with database.read() as connection:
        statements = []
        engine = connection.sync_connection.engine
        note = lambda _connection, _cursor, statement, parameters, *_: statements.append((statement, parameters))  # noqa: E731 - short and used once
        event.listen(engine, "before_cursor_execute", note)
        try:
            await select_near(connection, big.scope, asset_id, big.live[asset_id], 10, 20)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        driver = (await connection.get_raw_connection()).driver_connection
        for mode in ("force_custom_plan", "force_generic_plan"):
            await driver.execute(f"SET plan_cache_mode = {mode}")
            rows = await (
                await driver.execute(f"EXPLAIN {statements[0][0]}", statements[0][1], prepare=True)
            ).fetchall()
            plans.append("\n".join(row[0] for row in rows))
        await driver.execute("RESET plan_cache_mode")
    for plan in plans:
        for quarter in range(1, 5):
            assert f"Index Only Scan using perceptual_hash_by_quarter_{quarter}" in plan
        assert "Seq Scan" not in plan


@given(HASHES, st.integers(0, INDEXED_DISTANCE), st.data())
@example(0, 0, None)
def test_no_hash_within_the_distance_escapes_all_quarters(phash, max_distance, data):
    """Any hash that differs in at most so many bits has in at least one quarter one of the values looked up."""
    flips = data.draw(st.sets(st.integers(0, 63), max_size=max_distance)) if data else set()
    other = phash ^ sum(1 << bit for bit in flips)
    looked_up = near_quarters(phash, max_distance)
    parts = [other >> shift & 0xFFFF for shift in (48, 32, 16, 0)]
    assert any(part in values for part, values in zip(parts, looked_up, strict=True))
    assert all(len(set(values)) == len(values) for values in looked_up)


def test_no_more_is_looked_up_than_is_needed():
    """The default distance costs some five hundred values, the greatest less than five thousand."""
    assert sum(map(len, near_quarters(12345, 10))) == 17 + 3 * 137
    assert sum(map(len, near_quarters(12345, 16))) == 2517 + 3 * 697

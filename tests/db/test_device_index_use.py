"""What is asked with every upload, and what an operator looks at, reads only its own rows, however large a fleet is."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import text

from calotype.db.annotation import select_annotations
from calotype.db.batch import (
    select_batch,
    select_batches,
    select_due_batches,
    update_batch_closed,
    update_batch_taken,
    update_image_counts,
    upsert_collecting_batch,
)
from calotype.db.device import select_device, select_devices, update_device_seen
from calotype.db.device_image import select_batch_images, select_batches_of_images
from calotype.db.device_key import select_device_key_by_hash, update_device_keys_expiry
from calotype.db.idempotency import delete_old_answers, insert_kept_answer, select_kept_answer
from calotype.db.upkeep import select_known_keys
from calotype.domain.batch import BatchStatus
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from tests.db.conftest import new_tenant
from tests.db.rows import NOW, vacuum
from tests.db.test_device_rows import answer
from tests.db.test_index_use import _FILL, explained, indexes

BEFORE = NOW - timedelta(days=1)
DEVICES, BATCHES, IMAGES = 200, 25, 5_000
"""Devices, batches of each, the last of which is open, and images in all, of each of two tenants."""

_DEVICES = """
INSERT INTO device (id, tenant_id, name, duplicate_policy, metadata, created_at)
SELECT gen_random_uuid(), :tenant, 'camera ' || n, 'reject', '{}', CAST(:now AS timestamptz) + n * interval '1 second'
FROM generate_series(1, :devices) AS n;
"""
_KEYS = """
INSERT INTO device_key (id, device_id, tenant_id, secret_hash, created_at)
SELECT gen_random_uuid(), device.id, device.tenant_id, sha256(device.id::text::bytea || n::text::bytea), :now
FROM device CROSS JOIN generate_series(1, 20) AS n WHERE device.tenant_id = :tenant
"""
_BATCHES = """
INSERT INTO batch (id, tenant_id, device_id, image_count, created_at, closed_at)
SELECT gen_random_uuid(), device.tenant_id, device.id, 1, device.created_at + n * interval '1 day',
    CASE WHEN n < :batches THEN CAST(:now AS timestamptz) END
FROM device CROSS JOIN generate_series(1, :batches) AS n WHERE device.tenant_id = :tenant
"""
_IMAGES = """
INSERT INTO device_image (asset_id, tenant_id, device_id, batch_id, created_at)
SELECT asset.id, asset.tenant_id, batch.device_id, batch.id, asset.created_at
FROM (SELECT *, row_number() OVER () AS place FROM asset WHERE tenant_id = :tenant) AS asset
JOIN (SELECT *, row_number() OVER () AS place FROM batch WHERE tenant_id = :tenant) AS batch USING (place)
"""
_ANNOTATIONS = """
INSERT INTO annotation (asset_id, index, tenant_id, class_value, type, geometry)
SELECT asset_id, n, tenant_id, 'a', 'classification', '{}' FROM device_image CROSS JOIN generate_series(0, 4) AS n
WHERE tenant_id = :tenant
"""
_ANSWERS = """
INSERT INTO idempotency_key (device_id, key, tenant_id, fingerprint, asset_id, batch_id, object_key, is_duplicate, created_at)
SELECT device.id, n::text, device.tenant_id, '', device.id, device.id, '', false,
    CAST(:now AS timestamptz) + n * interval '1 minute'
FROM device CROSS JOIN generate_series(1, 100) AS n WHERE device.tenant_id = :tenant
"""


@pytest.fixture(scope="module")
async def fleet(database):
    """Two tenants with as many rows as make the planner care; one image in each batch, and one batch in the middle."""
    tenants = [await new_tenant(database) for _ in range(2)]
    counts = {"now": NOW, "devices": DEVICES, "batches": BATCHES, "rows": IMAGES}
    async with database.write() as connection:
        await connection.execute(text("SET LOCAL enable_nestloop = off"))  # nothing is known of these rows yet
        for tenant_id in tenants:
            for statement in (_FILL, _DEVICES, _KEYS, _BATCHES, _IMAGES, _ANNOTATIONS, _ANSWERS):
                await connection.execute(text(statement), {"tenant": tenant_id, **counts})
    async with database.read() as connection:
        tables = ("asset", "device", "device_key", "batch", "device_image", "annotation", "idempotency_key")
        await vacuum(connection, *tables)
        of_mine = {"tenant": tenants[0]}
        batch = (
            await connection.execute(
                text("SELECT * FROM batch WHERE tenant_id = :tenant AND closed_at IS NULL LIMIT 1 OFFSET 77"), of_mine
            )
        ).one()
        some = "SELECT asset_id FROM device_image WHERE tenant_id = :tenant LIMIT 50 OFFSET 900"
        ids = list((await connection.execute(text(some), of_mine)).scalars())
        yield SimpleNamespace(scope=Scope(tenants[0]), connection=connection, batch=batch, ids=ids)


def touched(nodes):
    """How many rows the greatest scan of any table gave or threw away, over all its rounds."""
    return max(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        * max(node["Actual Loops"], 1)
        for node in nodes
        if "Relation Name" in node and "Actual Loops" in node
    )


WORKS = {
    "the device of a key": (2, lambda f: select_device_key_by_hash(f.connection, b"x" * 32)),
    "that it was seen": (2, lambda f: update_device_seen(f.connection, f.scope, f.batch.device_id, NOW)),
    "its open batch": (2, lambda f: upsert_collecting_batch(f.connection, f.scope, f.batch.device_id, NOW)),
    "the batch it insists on": (2, lambda f: update_batch_taken(f.connection, f.scope, f.batch.device_id, f.batch.id)),
    "closing a batch": (2, lambda f: update_batch_closed(f.connection, f.scope, UUID(int=1), NOW)),
    "an answer": (2, lambda f: select_kept_answer(f.connection, f.scope, f.batch.device_id, "50", NOW)),
    "keeping an answer": (
        2,
        lambda f: insert_kept_answer(
            f.connection, f.scope, f.batch.device_id, "50", answer(), now=NOW, kept_since=NOW - timedelta(days=9)
        ),
    ),
    "forgetting answers": (40, lambda f: delete_old_answers(f.connection, NOW + timedelta(minutes=1), 40)),
    "replacing keys": (21, lambda f: update_device_keys_expiry(f.connection, f.scope, f.batch.device_id, NOW)),
    "batches of some images": (51, lambda f: select_batches_of_images(f.connection, f.scope, f.ids)),
    "counting some images": (51, lambda f: update_image_counts(f.connection, f.scope, f.ids, 0)),
    "annotations of some images": (251, lambda f: select_annotations(f.connection, f.scope, f.ids)),
    "one batch": (1, lambda f: select_batch(f.connection, f.scope, f.batch.id)),
    "images of a batch": (5, lambda f: select_batch_images(f.connection, f.scope, f.batch.id, Window(20, 0))),
    "one device": (BATCHES + 1, lambda f: select_device(f.connection, f.scope, f.batch.device_id)),
    # The whole list is counted within an index; of what is told only the batches of the window are summed up.
    "devices": (20 * BATCHES + 1, lambda f: select_devices(f.connection, f.scope, Window(20, 0))),
    "batches of a device": (
        BATCHES + 1,
        lambda f: select_batches(f.connection, f.scope, f.batch.device_id, None, Window(20, 0)),
    ),
    "open batches of a device": (
        BATCHES + 1,
        lambda f: select_batches(f.connection, f.scope, f.batch.device_id, BatchStatus.COLLECTING, Window(20, 0)),
    ),
    "open batches": (
        2 * DEVICES + 100,  # of all tenants, which are no more than there are devices
        lambda f: select_batches(f.connection, f.scope, None, BatchStatus.COLLECTING, Window(20, 0)),
    ),
    "due batches of a tenant": (2, lambda f: select_due_batches(f.connection, f.scope, BEFORE, 100)),
    "due batches": (2, lambda f: select_due_batches(f.connection, None, BEFORE, 100)),
    "known keys": (
        50,
        lambda f: select_known_keys(f.connection, [f"raw-data/{each.hex[:8]}_image.jpg" for each in f.ids]),
    ),
}


@pytest.mark.parametrize("name", WORKS)
async def test_only_the_rows_that_are_asked_for_are_read(fleet, name):
    """Out of tens of thousands, by an index; nothing is read to be thrown away."""
    most, work = WORKS[name]
    nodes = await explained(fleet, work(fleet))
    assert indexes(nodes) or any("Conflict Arbiter Indexes" in node for node in nodes)
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}
    assert touched(nodes) <= most

"""Whether everything of an installation is as its clients were promised, and every count is what the rows and files say."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import httpx

from calotype.domain.object_keys import OWNER_KEY
from tests.e2e.clients import FILES, Promises
from tests.e2e.cluster import Cluster, query
from tests.e2e.library import sha256
from tests.receivers import Receiver

PATIENCE = 240.0  # seconds in which something must get done; what the queue has lost is looked for after two minutes

_UNFINISHED = {
    "assets": """
        SELECT id::text, variant_status, description_status, text_status FROM asset WHERE deleted_at IS NULL AND
        (variant_status IN ('pending', 'processing') OR description_status IN ('pending', 'processing')
         OR text_status IN ('pending', 'processing'))""",
    "videos": """
        SELECT v.asset_id::text, v.indexing_status, v.rendition_status, v.download_status FROM video v
        JOIN asset a ON a.id = v.asset_id AND a.deleted_at IS NULL
        WHERE v.indexing_status IN ('pending', 'processing') OR v.rendition_status IN ('pending', 'processing')
           OR v.download_status IN ('pending', 'processing')""",
    "links": """
        SELECT l.asset_id::text, l.crawl_status FROM link l JOIN asset a ON a.id = l.asset_id AND a.deleted_at IS NULL
        WHERE l.crawl_status IN ('queued', 'processing')""",
    "colours": """
        SELECT c.asset_id::text, c.status FROM color_analysis c JOIN asset a ON a.id = c.asset_id AND a.deleted_at IS NULL
        WHERE c.status IN ('pending', 'processing')""",
    "vectors": """
        SELECT s.asset_id::text FROM stale_embedding s JOIN asset a ON a.id = s.asset_id AND a.deleted_at IS NULL""",
    "runs": """
        SELECT r.asset_id::text, r.status FROM indexing_run r JOIN asset a ON a.id = r.asset_id AND a.deleted_at IS NULL
        WHERE r.status IN ('pending', 'processing')""",
    "history": """
        SELECT o.asset_id::text, o.type, o.status FROM operation o JOIN asset a ON a.id = o.asset_id AND a.deleted_at IS NULL
        WHERE o.status IN ('pending', 'processing')""",
    "analyses": "SELECT id::text, session_id, begun, ended, total FROM analysis WHERE ended_at IS NULL",
    "items": "SELECT image_id, state, credits FROM analysis_item WHERE state IN ('waiting', 'analyzing') OR credits IS NOT NULL",
    "sessions": "SELECT id::text FROM upload_session WHERE closed_at IS NULL AND received_at IS NULL",
    "files of sessions": "SELECT session_id::text, asset_id::text FROM upload_session_file WHERE outcome = 'pending'",
    "deliveries": "SELECT id::text, attempts, error FROM webhook_delivery WHERE status = 'pending'",
    "jobs": "SELECT task_name, queueing_lock, status::text, attempts, worker_id FROM procrastinate_jobs",
}
"""What must be empty once everything is quiet."""

_WRONG = {
    "failed assets": """
        SELECT id::text, media_type, variant_status, variant_error, description_error, text_error FROM asset
        WHERE 'failed' IN (variant_status, description_status, text_status)""",
    "failed videos": "SELECT asset_id::text FROM video WHERE 'failed' IN (indexing_status, rendition_status)",
    "failed links": "SELECT asset_id::text, crawl_error FROM link WHERE crawl_status = 'failed'",
    "failed images of analyses": "SELECT image_id, error FROM analysis_item WHERE state = 'failed' AND error_code <> 'CANCELLED'",
    "pictures without variants": """
        SELECT id::text FROM asset WHERE media_type = 'image' AND deleted_at IS NULL
        AND (variant_status <> 'completed' OR variants = '{}' OR width IS NULL)""",
    "films without scenes": """
        SELECT asset_id::text FROM video v WHERE indexing_status = 'completed'
        AND (scene_count = 0 OR scene_count <> (SELECT count(*) FROM scene s WHERE s.asset_id = v.asset_id))""",
    "counts of batches": """
        SELECT b.id::text, b.image_count, count(a.id) FROM batch b LEFT JOIN device_image i ON i.batch_id = b.id
        LEFT JOIN asset a ON a.id = i.asset_id AND a.deleted_at IS NULL
        GROUP BY b.id HAVING b.image_count <> count(a.id) OR b.image_count > 5""",
    "batches that are full and open": "SELECT id::text FROM batch WHERE closed_at IS NULL AND image_count >= 5",
    "counts of analyses": """
        SELECT a.id::text FROM analysis a JOIN analysis_item i ON i.analysis_id = a.id GROUP BY a.id
        HAVING a.total <> count(*) OR a.ended <> count(*) OR a.failed <> count(*) FILTER (WHERE i.state = 'failed')
            OR a.charged <> count(*) FILTER (WHERE i.state = 'completed')""",
    "balances": """
        SELECT c.tenant_id::text, c.balance, sum(e.amount), c.entries, count(*) FROM credit_account c
        JOIN credit_entry e ON e.tenant_id = c.tenant_id GROUP BY c.tenant_id, c.balance, c.entries
        HAVING c.balance <> sum(e.amount) OR c.entries <> count(*)""",
    "charges": """
        SELECT e.tenant_id::text, count(*) FILTER (WHERE e.kind = 'capture') AS captured,
        (SELECT sum(a.charged) FROM analysis a WHERE a.tenant_id = e.tenant_id) AS charged
        FROM credit_entry e GROUP BY e.tenant_id
        HAVING count(*) FILTER (WHERE e.kind = 'capture')
            <> coalesce((SELECT sum(a.charged) FROM analysis a WHERE a.tenant_id = e.tenant_id), 0)
        OR -sum(e.amount) FILTER (WHERE e.kind = 'reserve') <> coalesce(sum(e.amount) FILTER (WHERE e.kind = 'refund'), 0)
            + count(*) FILTER (WHERE e.kind = 'capture')""",
    "events without delivery": """
        SELECT e.type, e.body FROM webhook_event e
        WHERE NOT EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.event_id = e.id AND d.status = 'delivered')""",
    "files told twice of one key": "SELECT object_key FROM asset WHERE object_key <> '' GROUP BY object_key HAVING count(*) > 1",
    "vectors missing": """
        SELECT a.id::text FROM asset a WHERE a.media_type = 'image' AND a.description_status = 'completed'
        AND a.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM embedding e WHERE e.asset_id = a.id)""",
}
"""What must be empty in the end."""


def wait_until_quiet(cluster: Cluster) -> None:
    """Wait until nothing is left to do; fails with what is, once nothing has got done for minutes."""
    least, since = 1_000_000, time.monotonic()
    while True:
        left = {
            name: rows for name, statement in _UNFINISHED.items() if (rows := query(cluster.database_url, statement))
        }
        if not left:
            return
        count = sum(map(len, left.values()))
        if count < least:
            least, since = count, time.monotonic()
        assert time.monotonic() - since < PATIENCE, {name: (len(rows), rows[:5]) for name, rows in left.items()}
        time.sleep(0.2)


def check_rows(cluster: Cluster) -> None:
    """No count differs from what it counts, and nothing has failed for no fault of its own."""
    found = {name: query(cluster.database_url, statement)[:5] for name, statement in _WRONG.items()}
    assert not any(found.values()), {name: rows for name, rows in found.items() if rows}


def check_promises(promises: Promises, client: httpx.Client) -> None:
    """What was answered for is there, byte for byte, where it was put; nothing is there that nobody sent."""
    assert not promises.faults, promises.faults[:10]
    live, trashed = _listed(client), _listed(client, trashed="true")
    gone = promises.files.keys() - live.keys() - trashed.keys()
    assert not gone, f"{len(gone)} files of {len(promises.files)} are lost: {sorted(gone)[:10]}"
    sure = promises.files.keys() - promises.unsure
    assert sure & trashed.keys() == promises.trashed - promises.unsure
    for file_id in sure & live.keys():
        assert live[file_id]["folder_id"] == promises.folders.get(file_id), file_id
    for file_id, checksum in promises.files.items():
        if file_id in live:
            answer = client.get(f"{FILES}/{file_id}/download", follow_redirects=True)
            assert sha256(answer.content) == checksum, file_id
    for file_id, word in promises.described.items():
        if file_id in live:
            found = client.get(FILES, params={"search": word}).json()["files"]
            assert [file["id"] for file in found] == [file_id]
    for session_id in promises.sessions:
        status = client.get(f"/api/v2/uploads/sessions/{session_id}/status").json()
        assert status["status"] in {"completed", "partial"}, status
    _check_folders(client, live)
    _check_cameras(promises, client)


def _check_folders(client: httpx.Client, live: dict[str, dict[str, object]]) -> None:
    counted = Counter(file["folder_id"] for file in live.values() if file["folder_id"])
    folders = client.get("/api/v2/folders").json()["folders"]
    assert {folder["id"]: folder["file_count"] for folder in folders if folder["file_count"]} == dict(counted)


def _check_cameras(promises: Promises, client: httpx.Client) -> None:
    for device_id, answered in promises.cameras.items():
        device = client.get(f"/api/devices/{device_id}").json()["data"]
        assert device["image_count"] >= len(answered)
        # Each key one image, each image one key.
        assert len(set(answered.values())) == len(answered)


def check_store(cluster: Cluster, root: Path, promises: Promises) -> None:
    """Every row has its file with its bytes, every file its row, and nothing unfinished lies about."""
    rows = query(
        cluster.database_url, "SELECT object_key, encode(checksum, 'hex'), size_bytes FROM asset WHERE object_key <> ''"
    )
    for key, checksum, size in rows:
        data = (root / str(key)).read_bytes()
        assert (sha256(data), len(data)) == (checksum, size), key
    assert {str(checksum) for _, checksum, _ in rows} <= promises.sent
    stored = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    known = {str(key) for (key,) in query(cluster.database_url, _KEYS) if key}
    assert known <= stored, sorted(known - stored)[:10]
    assert stored <= known | {OWNER_KEY}, sorted(stored - known)[:10]
    for group in promises.together:
        there = sum(checksum in {row[1] for row in rows} for checksum in group)
        assert there in {0, len(group)}, group


_KEYS = """
SELECT object_key FROM asset WHERE object_key <> ''
UNION SELECT v.value ->> 'object_key' FROM asset, jsonb_each(variants) v
UNION SELECT keyframe_key FROM scene WHERE keyframe_key IS NOT NULL
UNION SELECT rendition_key FROM video WHERE rendition_key IS NOT NULL
UNION SELECT storyboard ->> 'object_key' FROM video WHERE storyboard IS NOT NULL
UNION SELECT p.object_key FROM presigned_upload p WHERE p.reaped_at IS NULL AND p.confirmed_at IS NULL
    AND p.received_size IS NOT NULL
UNION SELECT c.object_key FROM upload_chunk c JOIN chunked_upload u ON u.id = c.upload_id
    WHERE u.status = 'uploading' AND c.object_key IS NOT NULL AND c.received_at IS NOT NULL
"""


def check_events(cluster: Cluster, receiver: Receiver, url: str) -> None:
    """Every event that was written down was delivered, at least once, and always with the same bytes."""
    bodies = {str(body) for (body,) in query(cluster.database_url, "SELECT body FROM webhook_event")}
    sent = {call.id: call.body.decode() for call in receiver.sent(url)}
    assert bodies
    assert bodies == set(sent.values())
    assert all(call.body.decode() == sent[call.id] for call in receiver.sent(url))


def _listed(client: httpx.Client, **query: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    while True:
        page = client.get(FILES, params={"limit": 100, "offset": len(found), **query}).json()
        found |= {file["id"]: file for file in page["files"]}
        if not page["has_more"]:
            assert len(found) == page["total_count"]
            return found

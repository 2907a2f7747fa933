"""What is asked of analyses and ledgers is read from indexes, however many there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from calotype.db import analysis, analysis_session, credit
from calotype.db.engine import Database
from calotype.domain.analysis import ItemState
from calotype.domain.job import Job, Task, Urgency
from calotype.domain.listing import Window
from calotype.domain.scope import Scope
from calotype.jobs.queue import JobQueue
from tests.db.conftest import new_tenant
from tests.db.rows import vacuum
from tests.db.test_index_use import Big, explained

SESSIONS, IMAGES = 1_000, 20
SESSION = "sess_" + "0" * 20 + "0500"
_FILL = """
INSERT INTO analysis_session SELECT 'sess_' || lpad(s::text, 24, '0'), CAST(:tenant AS uuid), :images, now(),
    now() + s * interval '1 hour' FROM generate_series(1, :sessions) AS s;
INSERT INTO analysis_image SELECT 'sess_' || lpad(s::text, 24, '0'), i, CAST(:tenant AS uuid), gen_random_uuid(), 'path' || i,
    'name', 1, NULL, 'pier-' || i FROM generate_series(1, :sessions) AS s, generate_series(1, :images) AS i;
INSERT INTO analysis SELECT md5(s::text)::uuid, CAST(:tenant AS uuid), 'sess_' || lpad(s::text, 24, '0'), NULL, :images, :images,
    :images, 0, :images, 2 * :images + 1, 1, now(), NULL, 1, false, now(), CASE WHEN s > 3 THEN now() END, 0
    FROM generate_series(1, :sessions) AS s;
INSERT INTO analysis_item SELECT md5(s::text)::uuid, i, CAST(:tenant AS uuid), 'img', gen_random_uuid(), 'waiting', NULL, 0, i, i,
    i, NULL, NULL, NULL, NULL FROM generate_series(1, :sessions) AS s, generate_series(1, :images) AS i;
INSERT INTO credit_entry SELECT CAST(:tenant AS uuid), n, CASE WHEN n % 2 = 0 THEN 'reserve' ELSE 'capture' END, 0, 0, NULL, NULL,
    NULL, now() - n * interval '1 hour' FROM generate_series(1, :sessions * :images) AS n;
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, queueing_lock, args, status)
    SELECT 'nowhere', 'make_variants', 10, 'filler:' || n, '{}', 'todo' FROM generate_series(1, :sessions * :images) AS n
"""


@pytest.fixture(scope="module")
async def full(database: Database):
    """A tenant with many sessions, analyses and entries."""
    tenant = await new_tenant(database)
    values = {"tenant": tenant, "sessions": SESSIONS, "images": IMAGES}
    async with database.write() as connection:
        for statement in _FILL.split(";\n"):
            given = {name: value for name, value in values.items() if f":{name}" in statement}
            await connection.execute(text(statement), given)
        await credit.insert_account(connection, Scope(tenant), is_unlimited=False)
    async with database.read() as connection:
        tables = (
            "analysis",
            "analysis_item",
            "analysis_session",
            "analysis_image",
            "credit_entry",
            "procrastinate_jobs",
        )
        await vacuum(connection, *tables)
        yield Big(Scope(tenant), connection, {})
        await connection.execute(text("DELETE FROM procrastinate_jobs WHERE queue_name = 'nowhere'"))
        await connection.execute(text("DELETE FROM analysis_session WHERE tenant_id = :tenant"), {"tenant": tenant})


def asked(big):
    """Everything that is asked while clients wait, by name."""
    connection, scope = big.connection, big.scope
    one = UUID("00000000-0000-0000-0000-000000000001")
    return {
        "analysis": analysis.select_analysis(connection, scope, one),
        "open of session": analysis.select_open_of_session(connection, scope, SESSION),
        "open": analysis.select_open(connection),
        "left": analysis.update_left_by(connection, 1, [uuid4()], 30.0),
        "items": analysis.select_items(connection, scope, one, (ItemState.WAITING,)),
        "ready": analysis.select_ready_items(connection, scope, one, 4),
        "returned": analysis.return_items(connection, scope, one),
        "reserved": analysis.update_reserved(connection, scope, one, [1, 2], None),
        "session": analysis_session.select_session(connection, scope, SESSION),
        "images": analysis_session.select_images(connection, scope, SESSION, [1, 2, 3]),
        "paths": analysis_session.select_taken_paths(connection, scope, SESSION, ["path3", "path99"]),
        "names": analysis_session.select_filenames(connection, scope, SESSION, "pier-1"),
        "old": analysis_session.delete_old_sessions(connection, timedelta(days=7)),
        "account": credit.select_account(connection, scope),
        "entries": credit.select_entries(connection, scope, Window(50, 100)),
        "captured": credit.count_captured(connection, scope, datetime.now(UTC) - timedelta(days=2)),
        "hastened": JobQueue("").hasten(
            connection, [Job(Task.MAKE_VARIANTS, scope.tenant_id, uuid4())], Urgency.INTERACTIVE
        ),
    }


NAMES = [
    "analysis", "open of session", "open", "left", "items", "ready", "returned", "reserved", "session", "images", "paths",
    "names", "old", "account", "entries", "captured", "hastened",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_only_what_is_asked_for_is_read(full, name):
    """No table is read as a whole, and hardly a row that does not belong to the answer."""
    questions = asked(full)
    question = questions.pop(name)
    for other in questions.values():
        other.close()
    nodes = await explained(full, question)
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}
    for node in nodes:
        if "Relation Name" in node and "Actual Rows" in node:
            thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            assert thrown_away <= 100, node
            assert node["Actual Rows"] <= 200, node

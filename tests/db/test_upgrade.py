"""A library of the first version goes through every later one with all of its data, and works in the newest."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from PIL import Image
from psycopg import sql
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from calotype.db.schema import REVISION, current_revision, migrate
from calotype.domain.search_text import to_tsvector
from tests.db.test_color_migration import migrate_to
from tests.running import RunningServer, new_database

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILES = "/api/v2/user-files"
DERIVED = {"sort_at", "sort_title", "cell", "entry", "parent_depth"}
MOVED = {("asset", "phash")}
"""What a migration took out of a table on purpose."""
FILLED = {
    "uuid": uuid4,
    "text": lambda: "x",
    "bytea": lambda: b"x",
    "boolean": lambda: False,
    "bigint": lambda: 1,
    "integer": lambda: 1,
    "smallint": lambda: 1,
    "double precision": lambda: 0.5,
    "timestamp with time zone": lambda: NOW,
    "jsonb": lambda: "{}",
    "json": lambda: "{}",
    "tsvector": lambda: "",
    "ARRAY": lambda: "{}",
}
"""A value of each type, for columns that a row says nothing of."""


class Library:
    """The database of an installation that is updated again and again, and what was ever put into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rows: dict[str, list[dict[str, object]]] = {}
        """What stood in each table before the last upgrade."""
        self.ids: dict[str, UUID] = {}

    def add(self, table: str, **values: object) -> None:
        """Insert a row; columns that must have a value and are given none get one of their type."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            needed = connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s "
                "AND is_nullable = 'NO' AND column_default IS NULL AND is_generated = 'NEVER'",
                [table],
            ).fetchall()
            row = {name: FILLED[kind]() for name, kind in needed if name not in values} | values
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(sql.Placeholder() * len(row)),
                ),
                list(row.values()),
            )

    def tables(self) -> dict[str, list[dict[str, object]]]:
        """Every row of every table of ours."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'alembic%'"
            ).fetchall()
            return {
                name: [
                    row
                    for (row,) in connection.execute(
                        sql.SQL("SELECT to_jsonb(t) FROM {} AS t ORDER BY to_jsonb(t)::text").format(
                            sql.Identifier(name)
                        )
                    )
                ]
                for (name,) in names
            }

    def upgrade(self, revision: str) -> set[str]:
        """Go to the next version; every row must be as it was. Returns the tables that are new."""
        before = self.tables()
        migrate_to(self.url, revision)
        after = self.tables()
        for name, rows in before.items():
            if name == "credit_account":
                continue
            kept = [_without(row, name, DERIVED) for row in rows]
            columns = {column for row in kept for column in row}
            now = [{column: value for column, value in row.items() if column in columns} for row in after[name]]
            assert sorted(map(json.dumps, now)) == sorted(map(json.dumps, kept)), (revision, name)
        return after.keys() - before.keys()


def _without(row: dict[str, object], table: str, columns: set[str]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in columns and (table, name) not in MOVED}


def _picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(stream, "JPEG")
    return stream.getvalue()


KEY = "calo_" + "k" * 32
PICTURE = _picture()


def _first(library: Library, store) -> None:
    """Two tenants with live, described, trashed and waiting pictures, as revision 0001 kept them."""
    for name in ("default", "other"):
        library.ids[name] = uuid4()
        library.add("tenant", id=library.ids[name], name=name, storage_quota_bytes=10**9)
    secret = hashlib.sha256(KEY.encode()).digest()
    library.add("api_key", tenant_id=library.ids["default"], name="old key", hint="calo_kkk", secret_hash=secret)
    library.add("installation", id=1, signing_secret=b"s" * 32)
    for owner in ("default", "other"):
        for kind in ("live", "described", "trashed", "waiting"):
            _picture_row(library, store, owner, kind)
    library.add("presigned_upload", tenant_id=library.ids["default"], expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    with psycopg.connect(library.url, autocommit=True) as connection:
        connection.execute(
            "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('pictures', 'make_variants', 0, NULL, %s, %s::jsonb, NULL)"
            "::procrastinate_job_to_defer_v1])",
            [
                f"make_variants:{library.ids['default waiting']}",
                json.dumps({"tenant_id": str(library.ids["default"]), "asset_id": str(library.ids["default waiting"])}),
            ],
        )


def _picture_row(library: Library, store, owner: str, kind: str) -> None:
    tenant_id, asset_id = library.ids[owner], uuid4()
    library.ids[f"{owner} {kind}"] = asset_id
    key = f"uploads/{tenant_id}/{asset_id}/pier.jpg"
    (store / key).parent.mkdir(parents=True)
    (store / key).write_bytes(PICTURE)
    variant = f"variants/{tenant_id}/{asset_id}/small_256.jpg"
    (store / variant).parent.mkdir(parents=True)
    (store / variant).write_bytes(PICTURE)
    made = {"object_key": variant, "content_type": "image/jpeg", "width": 40, "height": 30, "size_bytes": len(PICTURE)}
    is_done = kind != "waiting"
    library.add(
        "asset",
        id=asset_id,
        tenant_id=tenant_id,
        media_type="image",
        content_type="image/jpeg",
        format="jpeg",
        upload_method="STREAMING",
        object_key=key,
        original_filename="pier.jpg",
        size_bytes=len(PICTURE),
        checksum=hashlib.sha256(PICTURE).digest(),
        storage_target="default",
        title=f"Pier {kind}",
        tags=["harbour"],
        deleted_at=NOW if kind == "trashed" else None,
        width=40 if is_done else None,
        height=30 if is_done else None,
        phash="10" * 32 if is_done else None,
        facts='{"kind": "photo"}' if is_done else None,
        variants=json.dumps({"small_256": made} if is_done else {}),
        variant_status="completed" if is_done else "pending",
        description_status="completed" if kind == "described" else "skipped",
        has_description=kind == "described",
        description="A pier." if kind == "described" else None,
        search=to_tsvector([("A", f"Pier {kind}"), ("B", "harbour")]),
    )
    library.add(
        "operation", asset_id=asset_id, tenant_id=tenant_id, type="upload", status="completed", completed_at=NOW
    )
    if kind == "described":
        library.add("description", asset_id=asset_id, tenant_id=tenant_id, description="A pier.")
    if is_done:
        library.add(
            "dominant_color",
            asset_id=asset_id,
            rank=1,
            tenant_id=tenant_id,
            percentage=80.0,
            rgb=0xFE0000,
            lab=[53, 80, 67],
        )


def _later(library: Library, table: str) -> None:
    """A row of a table that is new, beside the pictures that were there before."""
    ids = library.ids
    tenant, asset = ids["default"], ids["default live"]
    known = {
        "asset_id": asset,
        "tenant_id": tenant,
        "session_id": ids.setdefault("session", uuid4()),
        "device_id": ids.setdefault("device", uuid4()),
        "batch_id": ids.setdefault("batch", uuid4()),
        "webhook_id": ids.setdefault("webhook", uuid4()),
        "event_id": ids.setdefault("event", uuid4()),
        "upload_id": ids.setdefault("chunked", uuid4()),
        "analysis_id": ids.setdefault("analysis", uuid4()),
    }
    own = {
        "upload_session": {"id": ids["session"]},
        "upload_session_file": {"outcome": "completed", "ended_at": NOW},
        "folder": {"id": ids.setdefault("folder", uuid4()), "name": "Old", "depth": 0},
        "embedding": {
            "vector": str([0.0625] * 256),
            "dimension": 256,
            "model": "wordllama-l2-supercat-256",
            "source": "content",
        },
        "budget_use": {"api_key_id": _key_id(library)},
        "custom_metadata": {"document": '{"number": 7}'},
        "device": {"id": ids["device"], "duplicate_policy": "reject", "metadata": "{}", "name": "gate 2"},
        "batch": {"id": ids["batch"], "image_count": 1},
        "webhook": {"id": ids["webhook"], "url": "https://example.com/hook"},
        "webhook_event": {"id": ids["event"], "body": "{}"},
        "webhook_delivery": {"status": "delivered"},
        "analysis_session": {"id": "sess_" + "a" * 24, "expires_at": datetime(2099, 1, 1, tzinfo=UTC)},
        "analysis_image": {"session_id": "sess_" + "a" * 24},
        "analysis": {"id": ids["analysis"], "session_id": "sess_" + "a" * 24, "ended_at": NOW},
        "analysis_item": {"state": "completed"},
        "credit_entry": {"kind": "grant", "amount": 5, "balance_after": 5, "number": 1},
        "video_group": {"id": ids.setdefault("group", uuid4()), "name": "Old films"},
        "indexing_run": {"status": "completed"},
        "scene": {"start_time": 0.0, "end_time": 1.0, "index": 0},
        "chunked_upload": {
            "id": ids["chunked"],
            "status": "uploading",
            "upload_id": "upload_1",
            "expires_at": datetime(2099, 1, 1, tzinfo=UTC),
            "size_bytes": 10,
        },
        "link": {"crawl_status": "completed"},
        "color_analysis": {"asset_id": ids["default waiting"], "wanted": 16, "status": "pending", "requested_at": NOW},
        "perceptual_hash": {"asset_id": ids["default waiting"], "phash": "01" * 32},
    }
    if table == "credit_account":  # the migration makes them
        return
    with psycopg.connect(library.url) as connection:
        columns = {
            name
            for (name,) in connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
            )
        }
    library.add(table, **{name: value for name, value in known.items() if name in columns} | own.get(table, {}))


def _key_id(library: Library) -> UUID:
    with psycopg.connect(library.url) as connection:
        (found,) = connection.execute("SELECT id FROM api_key").fetchone()  # type: ignore[misc]
        return found  # type: ignore[no-any-return]


_ORDER = (
    *("folder", "upload_session", "device", "batch", "webhook", "webhook_event", "analysis_session", "analysis_image"),
    *("analysis", "video_group", "chunked_upload"),
)
"""New tables that others refer to."""


def test_a_library_of_the_first_version_loses_nothing_on_its_way_to_the_newest(database_url, tmp_path):
    """Step by step every row stays as it was; then constraints hold, and files are listed, found, shown, deleted and restored."""
    library = Library(new_database(database_url))
    store = tmp_path / "data" / "objects"
    store.mkdir(parents=True)
    migrate_to(library.url, "0001")
    _first(library, store)
    for number in range(2, int(REVISION) + 1):
        new = library.upgrade(f"{number:04}")
        for table in sorted(new, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)):
            _later(library, table)
    assert migrate(library.url) is False
    empty = {name for name, rows in library.tables().items() if not rows}
    assert not {name for name in empty if not name.startswith("procrastinate_")}
    _constraints_hold(library)
    _hashes_moved(library)
    settings = {"CALOTYPE_DATABASE_URL": library.url, "CALOTYPE_STORAGE_URL": f"file://{store}"}
    with RunningServer(tmp_path, "--no-worker", **settings) as server, server.client(KEY) as client:
        _it_works(client, library)


def _constraints_hold(library: Library) -> None:
    """Of the database as it came to be, rather than of a new one."""
    ids = library.ids
    with psycopg.connect(library.url, autocommit=True) as connection:
        assert current_revision(connection) == REVISION
        invalid = (
            "SELECT conname::text FROM pg_constraint WHERE NOT convalidated "
            "UNION SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
        )
        assert connection.execute(invalid).fetchall() == []
        for statement, violation in [
            ("UPDATE asset SET folder_id = gen_random_uuid() WHERE id = %(asset)s", ForeignKeyViolation),
            ("UPDATE asset SET text_status = 'odd' WHERE id = %(asset)s", CheckViolation),
            ("INSERT INTO tenant VALUES (gen_random_uuid(), 'default', now())", UniqueViolation),
            ("DELETE FROM tenant WHERE id = %(tenant)s", ForeignKeyViolation),
            ("UPDATE credit_account SET balance = -1 WHERE tenant_id = %(tenant)s", CheckViolation),
        ]:
            with pytest.raises(violation):
                connection.execute(statement, {"asset": ids["default live"], "tenant": ids["default"]})
        accounts = connection.execute(
            "SELECT balance, is_unlimited FROM credit_account ORDER BY is_unlimited"
        ).fetchall()
        assert accounts == [(0, False), (0, True)]


def _hashes_moved(library: Library) -> None:
    with psycopg.connect(library.url) as connection:
        statement = "SELECT count(*) FROM perceptual_hash WHERE phash = ('10' || repeat('10', 31))::bit(64)"
        assert connection.execute(statement).fetchone() == (6,)


def _it_works(client, library: Library) -> None:
    """What a client sees of it, and that it can go on as before."""
    ids = {kind: str(library.ids[f"default {kind}"]) for kind in ("live", "described", "trashed", "waiting")}
    listed = client.get(FILES).json()
    assert {file["id"] for file in listed["files"]} == {ids["live"], ids["described"], ids["waiting"]}
    trashed = client.get(FILES, params={"trashed": "true"}).json()
    assert [file["id"] for file in trashed["files"]] == [ids["trashed"]]
    found = client.get(FILES, params={"search": "described pier"}).json()
    assert [file["id"] for file in found["files"]] == [ids["described"]]
    assert client.get(FILES, params={"tags": "harbour"}).json()["total_count"] == 3
    detail = client.get(f"{FILES}/{ids['described']}").json()
    assert (detail["hash"], detail["variant_status"]) == (f"sha256:{hashlib.sha256(PICTURE).hexdigest()}", "completed")
    assert [one["description"] for one in detail["full_descriptions"]] == ["A pier."]
    assert client.get(f"{FILES}/{ids['live']}/variant/small_256", follow_redirects=True).content == PICTURE
    assert client.get(f"{FILES}/{ids['live']}/download", follow_redirects=True).content == PICTURE
    assert client.get(f"/images/{ids['live']}").status_code == 200
    assert client.get("/api/devices").json()["data"]["items"][0]["name"] == "gate 2"
    assert client.get("/api/v2/folders").json()["folders"][0]["name"] == "Old"
    colors = client.post("/api/v2/colors/search", json={"hex_code": "#FE0000"}).json()
    assert {match["image_id"] for match in colors["results"]} == {ids["live"], ids["described"]}
    other = str(library.ids["other live"])
    assert client.get(f"{FILES}/{other}").status_code == 404
    for kind in ("live", "described", "waiting"):
        assert client.delete(f"{FILES}/{ids[kind]}").status_code == 200
    assert client.get(FILES).json()["total_count"] == 0
    assert client.post(f"{FILES}/{ids['trashed']}/restore").status_code == 200
    assert client.get(FILES).json()["total_count"] == 1

"""Every route of the server's own document, asked without a key, with keys of the wrong kind, and by another tenant.

What is asked is made from the document, so a route that somebody adds is attacked without being named here. A name of a
parameter that stands in no table, or an id without a thing of that kind, fails.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.contracts import chunked, videos
from tests.contracts.analysis import account
from tests.contracts.batches import ended_session, send_batch
from tests.contracts.devices import BOX, Camera, enrol
from tests.contracts.documented import PUBLIC
from tests.contracts.every_route import KINDS, Attempts, routes, shape, unknown
from tests.contracts.file_texts import read
from tests.contracts.photos import photo
from tests.running import RunningServer, upload, wait_for, wait_until_processed

FILES = "/api/v2/user-files"
SECRET = "hush-hush"  # in every name and text of the victim
_ANCHORS = ("tenant_id", "asset_id", "device_id", "batch_id", "session_id", "analysis_id", "webhook_id", "upload_id")
_UNANCHORED = {"alembic_version", "budget_use", "installation", "tenant", "work_source"}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Victim:
    """A tenant that owns one thing of each kind; `things` are their ids as they stand in requests."""

    server: RunningServer
    client: httpx.Client
    camera: Camera
    tenant_id: str = ""
    things: dict[str, str] = field(default_factory=dict)

    def fingerprint(self) -> dict[str, str]:
        """A hash of all its rows, by table; when its keys were last used is written down late."""
        with psycopg.connect(self.server.database_url()) as connection:
            return {table: self._hash(connection, table, column) for table, column in _anchored(connection)}

    def _hash(self, connection: Any, table: str, column: str) -> str:
        owned = sql.SQL("= %(tenant)s::text")
        if column != "tenant_id":
            owned = sql.SQL("IN (SELECT id::text FROM {} WHERE tenant_id = %(tenant)s)").format(
                sql.Identifier(_owner(connection, table, column))
            )
        query = sql.SQL("SELECT (to_jsonb(t) - 'last_used_at')::text FROM {} t WHERE {}::text ").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        rows = sorted(row for (row,) in connection.execute(query + owned, {"tenant": self.tenant_id}))
        return f"{len(rows)} rows, {hashlib.sha256(repr(rows).encode()).hexdigest()}"


def _anchored(connection: Any) -> Iterator[tuple[str, str]]:
    """All tables with the column that tells whose their rows are."""
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables USING"
        " (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    ):
        columns.setdefault(table, set()).add(column)
    for table, names in columns.items():
        anchor = next((name for name in _ANCHORS if name in names), None)
        if anchor:
            yield table, anchor
        else:
            assert table in _UNANCHORED or table.startswith("procrastinate_"), f"whose are the rows of {table}?"


def _owner(connection: Any, table: str, column: str) -> str:
    """The table that a column points to."""
    row = connection.execute(
        "SELECT confrelid::regclass::text FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
        " WHERE contype = 'f' AND conrelid = %s::regclass AND attname = %s AND array_length(conkey, 1) = 1",
        [table, column],
    ).fetchone()
    assert row, f"{table}.{column} points nowhere"
    return str(row[0])


@pytest.fixture(scope="module")
def attempts(server: RunningServer) -> Attempts:
    """Requests from what the server says of itself."""
    with server.client() as client:
        return Attempts(client.get("/openapi.json").json())


@pytest.fixture(scope="module")
def victim(server: RunningServer) -> Iterator[Victim]:
    """A tenant with one thing of each kind, none of which anybody works on any more."""
    payer = account(server, 10)
    client = payer.others
    owner = Victim(server, client, enrol(server, client, SECRET, metadata={"about": SECRET}))
    made, name = owner.things, f"{SECRET}.jpg"
    group = videos.new_group(client, SECRET)["group_id"]
    made |= {"group": group, "video": videos.upload(client, video_name=SECRET, index="true", group_id=group)}
    data = photo()
    made |= {"hash": hashlib.sha256(data).hexdigest(), "image": upload(client, data, name, title=SECRET)["image_id"]}
    made["trashed"] = upload(client, photo(), name, auto_describe="false")["image_id"]
    made["document"] = read(client, f"All about {SECRET}.".encode(), f"{SECRET}.txt")
    made["link"] = client.post(
        f"{FILES}/links", json={"url": f"https://example.com/{SECRET}", "auto_crawl": False}
    ).json()["id"]
    made["folder"] = client.post("/api/v2/folders", json={"name": SECRET}).json()["id"]
    inside = {"file_ids": [made["image"], made["trashed"]], "folder_id": made["folder"]}
    assert client.post("/api/v2/folders/move-files", json=inside).json()["moved"] == 2
    assert client.delete(f"{FILES}/{made['trashed']}").is_success
    announced = client.post(
        f"{FILES}/upload/initiate", data={"filename": name, "content_type": "image/jpeg", "size_bytes": "1000"}
    ).json()
    made |= {"announced": announced["image_id"], "object": announced["object_key"]}
    sending = chunked.Sending.begin(client, videos.demo(), filename=f"{SECRET}.mp4")
    sending.send(1)
    made |= {"sending": sending.id, "upload": sending.ids["upload_id"]}
    made["session"] = send_batch(client, photo())["session_id"]
    shoot = payer.open((name, photo()), (name, photo()))
    shoot.analyze(0)
    made |= {"analysis": shoot.id, "picture": shoot.images[1]["id"], "place": shoot.images[1]["uploadPath"]}
    seen = {"annotations": [BOX], "about": SECRET}
    closed = owner.camera.upload(name=name, key=SECRET, metadata=seen)
    assert client.post(f"/api/batches/{closed['batch_id']}/close").is_success
    opened = owner.camera.upload(name=name)
    made |= {"device": owner.camera.id, "closed": closed["batch_id"], "batch": opened["batch_id"]}
    made["shot"] = _UUID.search(opened["image_id"])[0]  # type: ignore[index]  # it has the form img_<uuid>
    hook = {"url": f"https://hooks.example.com/{SECRET}", "events": ["asset.failed"]}
    made["webhook"] = client.post("/api/webhooks", json=hook).json()["data"]["id"]
    videos.indexed(client, made["video"])
    scenes = client.get(f"/api/v2/videos/{made['video']}/scenes").json()["scenes"]
    made["scene"] = scenes[0].get("scene_id") or scenes[0]["id"]
    ended_session(client, made["session"])
    for each in ("image", "shot"):
        wait_until_processed(client, made[each], described=each == "image")
    with psycopg.connect(server.database_url()) as connection:
        row = connection.execute("SELECT tenant_id FROM asset WHERE id = %s", [made["image"]]).fetchone()
        assert row
        owner.tenant_id = str(row[0])
        made["job"] = _run_of(connection, made["video"])
        assert client.get(f"/api/v2/video-analysis/jobs/{made['job']}").is_success
        wait_for(lambda: _is_quiet(connection, owner.tenant_id), "somebody still works on the victim's files")
    yield owner
    payer.client.close()
    client.close()


def _run_of(connection: Any, video: str) -> str:
    return str(connection.execute("SELECT id FROM indexing_run WHERE asset_id = %s", [video]).fetchone()[0])


def _is_quiet(connection: Any, tenant_id: str) -> bool:
    connection.rollback()
    query = (
        "SELECT count(*) FROM procrastinate_jobs j WHERE status IN ('todo', 'doing') AND EXISTS"
        " (SELECT FROM asset a WHERE a.tenant_id = %s AND j.args::text LIKE '%%' || a.id || '%%')"
    )
    return bool(connection.execute(query, [tenant_id]).fetchone()[0] == 0)


@pytest.fixture(scope="module")
def unharmed(victim: Victim) -> Iterator[None]:
    """After all the attempts of this module the victim's rows are what they were."""
    before = victim.fingerprint()
    filled = {
        "analysis_item",
        "annotation",
        "device_image",
        "document_chunk",
        "scene",
        "upload_chunk",
        "upload_session_file",
    }
    assert not [table for table in filled if before[table].startswith("0 ")]
    yield
    assert victim.fingerprint() == before


@pytest.fixture(scope="module")
def stranger(server: RunningServer) -> Iterator[httpx.Client]:
    """Another tenant, with the credits to do harm."""
    other = account(server, 10)
    yield other.others
    other.client.close()
    other.others.close()


@pytest.fixture(scope="module")
def spy(server: RunningServer, stranger: httpx.Client) -> Camera:
    """A device of that tenant."""
    return enrol(server, stranger, "mine")


def twins(things: dict[str, str]) -> dict[str, str]:
    """Ids of the same form that nobody has."""
    fresh: dict[str, str] = {}

    def other(found: re.Match[str]) -> str:
        return fresh.setdefault(found[0], str(uuid4()))

    made = {kind: _UUID.sub(other, value) for kind, value in things.items()}
    return {kind: value if value != things[kind] else _scrambled(value) for kind, value in made.items()}


def _scrambled(value: str) -> str:
    """A text of the same form."""
    head, _, tail = value.rpartition("_")
    digest = hashlib.sha256(value.encode()).hexdigest() * (1 + len(tail) // 64)
    return f"{head}_{digest[: len(tail)]}" if head else digest[: len(tail)]


def test_every_name_is_known(attempts: Attempts) -> None:
    """A route with a parameter that nobody has put into a table would be attacked with nothing."""
    missing = {
        f"{route.path}: {name}" for route in routes(attempts.document) for name in unknown(attempts.names(route))
    }
    assert not missing, f"put these into KINDS, IDS or PLAIN: {sorted(missing)}"


def test_every_kind_of_id_has_a_thing(victim: Victim) -> None:
    """The victim owns something for each id that there is."""
    assert {kind for kinds in KINDS.values() for kind in kinds} <= victim.things.keys()


@pytest.mark.usefixtures("unharmed")
def test_without_a_key_nobody_passes(server: RunningServer, attempts: Attempts, victim: Victim, spy: Camera) -> None:
    """Without a key, with keys that nobody gave out, and with one of the wrong kind each route answers 401 to real ids."""
    good = victim.client.headers["authorization"].partition(" ")[2]
    everywhere = [{}, _bearer("calo_" + "z" * 43), {"X-Api-Key": "' OR 1=1 --"}]
    at_devices = [*everywhere, _bearer(good), {"X-Api-Key": good}, {"X-Device-Key": good}, _bearer(spy.key)]
    elsewhere = [
        *everywhere,
        _bearer(spy.key),
        {"X-Api-Key": spy.key},
        {"X-Device-Key": spy.key},
        {"X-Device-Key": good},
    ]
    with server.client() as nobody:
        for route in routes(attempts.document):
            if route.path in PUBLIC:
                continue
            request = next(attempts.of(route, victim.things))
            for headers in at_devices if route.is_for_devices else elsewhere:
                answer = nobody.request(**request, headers=headers)
                assert answer.status_code == 401, (route.method, route.path, headers, answer.text)
                assert SECRET not in answer.text


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.usefixtures("unharmed")
def test_a_strangers_answers_are_those_about_nothing(
    attempts: Attempts, victim: Victim, stranger: httpx.Client, spy: Camera
) -> None:
    """Every route tells a stranger of another tenant's things exactly what it tells of things that never were."""
    nothing = twins(victim.things)
    assert not set(nothing.values()) & set(victim.things.values())
    wrong = []
    for route in routes(attempts.document):
        if route.path in PUBLIC:
            continue
        headers = {"X-Device-Key": spy.key} if route.is_for_devices else {}
        is_about_one = any(f"{{{name}}}" in route.path for name in KINDS)
        for real, unreal in zip(attempts.of(route, victim.things), attempts.of(route, nothing), strict=True):
            answer, other = (stranger.request(**request, headers=headers) for request in (real, unreal))
            told = [value for value in victim.things.values() if value in answer.text and value not in repr(real)]
            if (
                shape(answer) != shape(other)
                or answer.status_code in {415, 422}  # a request refused for its form attacks nothing
                or answer.status_code >= 500
                or (is_about_one and answer.status_code != 404)
                or told
                or SECRET in answer.text
            ):
                wrong.append((route.method, real["url"], answer.status_code, answer.text, other.text))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.usefixtures("unharmed")
def test_another_tenants_idempotency_key_is_no_key_to_its_answer(victim: Victim, spy: Camera) -> None:
    """What a device of somebody else has sent under the same key is not told."""
    answer = spy.post(key=SECRET)
    assert answer.status_code < 300, answer.text
    assert not [kind for kind, value in victim.things.items() if value in answer.text]

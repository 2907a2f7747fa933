"""Backup and restore as the page says, command by command: the library is whole in another place."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from calotype.storage.remote import RemoteStore
from tests.e2e import shell
from tests.e2e.library import QUICK, download, listed, photo, sha256, wait_until_all_completed
from tests.postgres import ExternalPostgres
from tests.running import RunningServer, upload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def commands(heading: str) -> str:
    """The commands below a heading of the page."""
    section = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    (found,) = [part for part in section if part.startswith(f"{heading}\n")]
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```", found, re.MULTILINE | re.DOTALL)
    return "".join(blocks)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A backup that was made while the server ran: its folder, the key of its owner, checksums by file, and a link."""
    folder = tmp_path_factory.mktemp("original")
    with RunningServer(folder, **QUICK) as server:
        key = server.new_key()
        with server.client(key) as client:
            kept = {}
            for title in ("north pier", "south pier", "lighthouse"):
                data = photo()
                kept[upload(client, data, title=title)["image_id"]] = sha256(data)
            folder_id = client.post("/api/v2/folders", json={"name": "Harbour"}).json()["id"]
            client.post("/api/v2/folders/move-files", json={"file_ids": list(kept), "folder_id": folder_id})
            wait_until_all_completed(client)
            link = client.get(f"/api/v2/user-files/{next(iter(kept))}/download").headers["location"]
            run("Back up", folder)
            before = listed(client)
    shutil.rmtree(folder / "data")
    return folder / "backup", key, kept, link, before


def run(heading, folder, **settings):
    """Run the commands of a section in a folder, with the settings of an operator's shell."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CALOTYPE_")}
    return shell.run(commands(heading), folder, **{**ours, **settings})


def assert_whole(server, saved):
    """Everything is there under the same ids and keys; links of before work; and the library goes on."""
    _, key, kept, link, before = saved
    with server.client(key) as client:
        now = listed(client)
        assert now.keys() == before.keys()
        for file_id, file in now.items():
            same = ("title", "folder_id", "variant_status", "tags", "created_at", "upload_description")
            assert {name: file[name] for name in same} == {name: before[file_id][name] for name in same}
            assert sha256(download(client, file_id)) == kept[file_id]
            assert client.get(file["thumbnail_url"]).status_code == 200
        path = httpx.URL(link).raw_path.decode()
        assert sha256(client.get(path).content) == kept[next(iter(kept))]
        found = client.get("/api/v2/user-files", params={"search": "north pier"}).json()["files"]
        assert [file["title"] for file in found] == ["north pier"]
        upload(client, photo())
        assert len(wait_until_all_completed(client)) == len(kept) + 1


def test_a_backup_is_restored_into_another_folder(saved, tmp_path):
    """By the commands of the page, which say that every original is there."""
    shutil.copytree(saved[0], tmp_path / "backup")
    printed = run("Restore", tmp_path)
    assert "every file's original is there" in printed
    with RunningServer(tmp_path, **QUICK) as server:
        assert_whole(server, saved)


def test_a_backup_moves_to_an_external_database_and_a_bucket(saved, tmp_path, s3_server):
    """The same commands fill a database of an operator's own; objects are copied by their keys; a missing one is named."""
    postgres = ExternalPostgres(tmp_path / "external")
    postgres.start()
    try:
        shutil.copytree(saved[0], tmp_path / "backup")
        options = {name.upper(): str(value) for name, value in s3_server.options.items()}
        settings = {name if name.startswith("AWS_") else f"AWS_{name}": value for name, value in options.items()}
        settings["CALOTYPE_DATABASE_URL"] = postgres.new_database("calotype", has_vector=True)
        settings["CALOTYPE_STORAGE_URL"] = f"s3://{s3_server.bucket}/moved"
        objects = tmp_path / "backup" / "objects"
        files = {str(path.relative_to(objects)): path.read_bytes() for path in objects.rglob("*") if path.is_file()}
        asyncio.run(_copy(files, s3_server.store(tmp_path, "moved")))

        assert "every file's original is there" in run("Restore", tmp_path, **settings)

        with RunningServer(tmp_path, **QUICK, **settings) as server:
            assert_whole(server, saved)
        asyncio.run(_forget(s3_server.store(tmp_path, "moved"), "uploads/"))
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CALOTYPE_")}
        told = shell.run("calotype doctor --objects --json || true", tmp_path, **{**ours, **settings})
        (originals,) = [check for check in json.loads(told) if check["name"] == "originals"]
        assert originals["is_fault"]
        assert originals["finding"].startswith("4 missing")
    finally:
        postgres.stop("immediate")


async def _copy(files: Mapping[str, bytes], store: RemoteStore) -> None:
    """What `aws s3 sync` does."""
    for key, data in files.items():
        await store.put(key, data)
    await store.aclose()


async def _forget(store: RemoteStore, prefix: str) -> None:
    async for stored in store.list(prefix):
        await store.delete(stored.key)
    await store.aclose()

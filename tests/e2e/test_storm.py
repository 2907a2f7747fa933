"""Over an operator's own database two web nodes and two workers keep every promise while one after the other is killed.

`CALOTYPE_STORM_SECONDS` says how long (15), `CALOTYPE_STORM_SEED` chooses the order of things. Both are printed.
"""

from __future__ import annotations

import asyncio
import os
import random

import httpx
import pytest

from calotype.bootstrap import open_application
from calotype.settings import Settings
from tests.contracts.sites import NETWORK, Site
from tests.e2e import books
from tests.e2e.clients import (
    Client,
    Load,
    Promises,
    analysed,
    batched,
    chunked,
    filmed,
    linked,
    photographed,
    presigned,
    streamed,
    together,
    written,
)
from tests.e2e.cluster import Cluster, Trouble
from tests.e2e.library import QUICK
from tests.postgres import ExternalPostgres
from tests.receivers import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
SECONDS = float(os.environ.get("CALOTYPE_STORM_SECONDS", "15"))
SEED = int(os.environ.get("CALOTYPE_STORM_SEED", random.SystemRandom().randrange(2**32)))
SETTINGS = {
    **QUICK,
    "CALOTYPE_WORKER_PROCESSES": "1",
    "CALOTYPE_FETCH_ALLOW": NETWORK,
    "CALOTYPE_WEBHOOK_FIRST_PAUSE": "0.2",
    "CALOTYPE_CRAWL_PAUSE": "0.05",
    "CALOTYPE_BATCH_MAX_IMAGES": "5",
    "CALOTYPE_CHUNK_BYTES": "8192",
    "CALOTYPE_CHUNK_RETRIES": "1000",
    "CALOTYPE_ANALYSIS_GRACE": "15",
    "CALOTYPE_ORPHAN_AGE_HOURS": "0",
    "CALOTYPE_RATE_LIMIT": "1000000",
}


def test_nothing_is_lost_stuck_or_miscounted_in_a_storm(tmp_path):
    """What was answered is there with its bytes, all work ends, every count is right, and no file is left over."""
    _tell(f"CALOTYPE_STORM_SECONDS={SECONDS} CALOTYPE_STORM_SEED={SEED}")
    store = tmp_path / "store"
    store.mkdir()
    postgres = ExternalPostgres(tmp_path / "external")
    postgres.start()
    url = postgres.new_database("calotype", has_vector=True)
    settings = {**SETTINGS, "CALOTYPE_STORAGE_URL": f"file://{store}"}
    try:
        with Cluster(tmp_path, postgres, url, settings) as cluster, Site() as site, Receiver() as receiver:
            key = cluster.run("keys", "create", "storm", "--tenant", "storm")
            cluster.run("credits", "grant", "storm", "100000")
            cluster.run("tenants", "set-limits", "storm", "--max-bytes", "500GB")
            promises = Promises()
            load = Load(*_work(cluster, key, promises, site))
            operator = Client(cluster.webs, key, promises, SEED, site)
            hook = receiver.path()
            events = ["device.image.uploaded", "batch.closed", "asset.processed", "asset.failed", "asset.deleted"]
            assert (
                operator.until_answered("POST", "/api/webhooks", json={"url": hook, "events": events}).status_code
                == 201
            )
            trouble = Trouble(cluster, SEED, SECONDS)
            with load:
                trouble.run()
            _tell(*trouble.happened, {name: len(value) for name, value in vars(promises).items()})
            assert not trouble.deaths, trouble.deaths[0]

            books.wait_until_quiet(cluster)
            books.check_rows(cluster)
            web = httpx.Client(
                base_url=cluster.webs[0].url, headers={"Authorization": f"Bearer {key}"}, timeout=60, verify=False
            )
            with web:
                books.check_promises(promises, web)
            books.check_events(cluster, receiver, hook)
            _sweep(store, tmp_path / "console", url)
            books.check_store(cluster, store, promises)
    finally:
        postgres.stop("immediate")


def _tell(*lines):
    print(*lines, sep="\n")  # noqa: T201 - pytest shows it when something failed, or with -s


def _sweep(store, data_dir, url):
    """What a worker does once an hour."""
    settings = Settings(data_dir=data_dir, storage_url=f"file://{store}", orphan_age_hours=0)

    async def sweep():
        async with open_application(settings, url) as application:
            await application.upkeep.sweep()
            assert await application.upkeep.missing_originals() == []

    asyncio.run(sweep())


def _work(cluster, key, promises, site):
    """A client for each kind of work; a camera is a device of its own."""
    random_ = random.Random(SEED)

    def client():
        return Client(cluster.webs, key, promises, random_.randrange(2**32), site)

    device = client().until_answered("POST", "/api/devices", json={"name": "camera"}).json()["data"]
    kinds = [streamed, streamed, presigned, batched, together, filmed, chunked, written, linked, analysed, analysed]
    cameras = [lambda camera: photographed(camera, device)] * 2
    return [(client(), work) for work in [*kinds, *cameras]]

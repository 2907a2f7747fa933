"""Running the real server as its own process, and talking to it."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, LiteralString, Self, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg

from calotype.db.embedded import EmbeddedPostgres
from calotype.db.engine import Database
from calotype.db.schema import migrate
from calotype.services.api_key import ApiKeyService
from calotype.services.credit import CreditService
from tests import forked

_T = TypeVar("_T")
# Many of these servers run side by side, each with many small databases and a short life.
_QUIET: dict[LiteralString, LiteralString] = {"autovacuum": "off", "fsync": "off", "full_page_writes": "off"}
_MIGRATED = "migrated"  # a database that nobody connects to, so that it can be copied
PATIENCE = 60.0  # seconds a test waits for something that must happen; never the measure of anything


def calotype_environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment of a Calotype process whose only settings are these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALOTYPE_")}
    return {**kept, "CALOTYPE_DATA_DIR": str(data_dir), "CALOTYPE_PORT": "0", **settings}


class RunningServer:
    """`calotype serve` on a free port over a data folder of its own."""

    is_forked = True
    """Whether it is spared the imports, see `forked`, and the making of a database; where starting is tested it is not."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.data_dir = folder / "data"
        self._log_path = folder / f"serve-{uuid4().hex[:8]}.log"
        self._arguments = arguments
        self._settings = settings
        self.process: subprocess.Popen[bytes] | forked.Forked | None = None
        self.url = ""
        self.first_key: str | None = None
        self._opened: tuple[asyncio.Runner, Database] | None = None
        self._door = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until it says it is ready."""
        self._close_database()
        if self.is_forked and "CALOTYPE_DATABASE_URL" not in self._settings and not self.data_dir.exists():
            copy_cluster(self.data_dir / "postgres")
        with self._log_path.open("wb") as log:
            arguments = ["serve", *self._arguments]
            environment = calotype_environment(self.data_dir, **self._settings)
            if self.is_forked:
                self.process = forked.start(arguments, environment, log.fileno(), log.fileno())
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "calotype", *arguments],
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        ready = wait_for(self._ready_line, "the server did not become ready")
        self.url = ready

    def _ready_line(self) -> str | None:
        text = self.log()
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{text}")
        if key := re.search(r"^ +([a-z]+_[A-Za-z0-9_-]{20,})$", text, re.MULTILINE):
            self.first_key = key.group(1)
        match = re.search(r"ready at (\S+)", text)
        return match.group(1) if match else None

    def log(self) -> str:
        """Everything the process has printed."""
        return self._log_path.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the exit status."""
        self._close_database()
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def new_key(self, tenant: str | None = None, prefix: str = "calo", expires_at: datetime | None = None) -> str:
        """A key, of a new tenant unless one is named."""

        async def create(database: Database) -> str:
            name = tenant or f"tenant {uuid4()}"
            return await ApiKeyService(database).create("test", tenant=name, prefix=prefix, expires_at=expires_at)

        return self._over_database(create)

    def grant(self, tenant: str, count: int | None) -> None:
        """Give a tenant credits, None for as many as it likes; without a process of its own, which takes a second."""

        async def give(database: Database) -> None:
            scope = await ApiKeyService(database).scope_of_tenant(tenant)
            if count is None:
                await CreditService(database).set_unlimited(scope, is_unlimited=True)
            else:
                await CreditService(database).grant(scope, count)

        self._over_database(give)

    def _over_database(self, work: Callable[[Database], Coroutine[Any, Any, _T]]) -> _T:
        """Do something over the server's database; its connection is kept until the server ends, since a new one takes longer."""
        assert self.process is not None
        with self._door:
            if self._opened is None or self.process.poll() is not None:
                self._close_database()
                self._opened = (asyncio.Runner(loop_factory=asyncio.new_event_loop), Database(self.database_url()))
            runner, database = self._opened
            return runner.run(work(database))

    def _close_database(self) -> None:
        if self._opened:
            runner, database = self._opened
            self._opened = None
            with runner:
                runner.run(database.aclose())

    def database_url(self) -> str:
        """The address of the server's own PostgreSQL."""
        server = EmbeddedPostgres(self.data_dir / "postgres")
        try:
            return server.start()
        finally:
            server.stop()

    def client(self, key: str | None = None) -> httpx.Client:
        """A client for this server; without a key it sends none."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Without TLS there is nothing to verify, and loading the certificates takes longer than most tests.
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, follow_redirects=False, verify=False)


def copy_cluster(folder: Path) -> None:
    """Make the folder of an embedded PostgreSQL with a migrated and empty database, which is copied in a tenth of a second.

    It does not wait for the disk: tests end processes, never the machine, and what was written outlives a process. Nor does
    it look for what could be cleaned up, which in dozens of databases that nobody uses any more takes longer than the tests.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # With owners: as root it belongs to the user that PostgreSQL runs as.
    subprocess.run(["cp", "-a", _empty_cluster(), folder], check=True)


@functools.cache
def _empty_cluster() -> Path:
    made = Path(tempfile.mkdtemp(prefix="calotype-cluster-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    server = EmbeddedPostgres(made / "postgres")
    url = server.start()
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in _QUIET.items():
            connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute(f"CREATE DATABASE {_MIGRATED}")
    migrate(_beside(url, _MIGRATED))
    server.stop()
    return made / "postgres"


def new_database(url: str) -> str:
    """Make an empty database on the server of another one; returns its address."""
    return _new_database(url, "")


def new_migrated_database(url: str) -> str:
    """Make a migrated and empty database on a server whose cluster is a copy; returns its address."""
    return _new_database(url, f"TEMPLATE {_MIGRATED} STRATEGY file_copy")


def _new_database(url: str, how: LiteralString) -> str:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" {how}')
    return _beside(url, name)


def _beside(url: str, name: str) -> str:
    # Not put together by urlunsplit, which would drop the empty host of a socket's address.
    return url.replace(f"{urlsplit(url).path}?", f"/{name}?", 1)


def wait_for(question: Any, otherwise: str, patience: float = PATIENCE) -> Any:
    """Ask until the answer is true-like; returns it, or fails with `otherwise`."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.02)
    raise AssertionError(otherwise)


def upload(client: httpx.Client, data: bytes, filename: str = "photo.jpg", **fields: str) -> dict[str, Any]:
    """Stream one file and return the answer's body."""
    answer = client.post("/api/v2/user-files/upload/stream", files={"file": (filename, data)}, data=fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def wait_until_processed(client: httpx.Client, file_id: str, *, described: bool = False) -> dict[str, Any]:
    """Wait until a file's variants (and description) have ended, well or not; returns its detail."""

    def ended() -> dict[str, Any] | None:
        detail: dict[str, Any] = client.get(f"/api/v2/user-files/{file_id}").json()
        open_states = {"pending", "processing"}
        if detail["variant_status"] in open_states or (described and detail["description_status"] in open_states):
            return None
        return detail

    found: dict[str, Any] = wait_for(ended, f"{file_id} was not processed")
    return found

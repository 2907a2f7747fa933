"""Several web nodes and workers over one PostgreSQL and one object store, and something that always goes wrong with them."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg

from tests import forked
from tests.e2e.processes import descendants, is_gone
from tests.postgres import ExternalPostgres
from tests.running import PATIENCE, calotype_environment, wait_for

_READY = {"serve": r"ready at (\S+)", "worker": r"(worker ready)"}
_LOCK = threading.Lock()  # the way to the process that forks takes one order at a time


class Node:
    """`calotype serve --no-worker` or `calotype worker` with a data folder of its own, as a service manager runs it."""

    def __init__(self, name: str, folder: Path, *arguments: str, **settings: str) -> None:
        self.name = name
        self.url = ""
        self.starts = 0
        self._log_path = folder / f"{name}.log"
        self._arguments = arguments
        self._environment = calotype_environment(folder / name, **settings)
        self.process: forked.Forked | None = None

    def start(self) -> None:
        """Start it and wait until it says that it is ready; one that does not begin ends with an AssertionError."""
        self.begin()
        wait_for(lambda: self.is_ready or self.has_ended, f"{self.name} did not become ready")
        assert self.is_ready, self.log()[-3000:]

    def begin(self) -> None:
        """Start it; it may take a while until it is ready, or end."""
        self.starts += 1
        self._begins_at = self._log_path.stat().st_size if self._log_path.exists() else 0
        with self._log_path.open("ab") as log, _LOCK:
            self.process = forked.start(self._arguments, self._environment, log.fileno(), log.fileno())

    @property
    def is_ready(self) -> bool:
        """Whether it has said so since it was started."""
        found = re.search(_READY[self._arguments[0]], self.log()[self._begins_at :])
        if found and self._arguments[0] == "serve":
            self.url = found.group(1)
            # The same port from now on, as behind a balancer.
            self._environment["CALOTYPE_PORT"] = self.url.rpartition(":")[2]
        return found is not None

    @property
    def has_ended(self) -> bool:
        """Whether its process is gone."""
        return self.process is None or self.process.poll() is not None

    def log(self) -> str:
        """Everything it has printed, over all its starts."""
        return self._log_path.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its main process."""
        assert self.process is not None
        self.process.send_signal(number)

    def pause(self) -> None:
        """Have it and its children stand still, as a machine does that swaps, or is moved."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self.process is not None
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        if self.process.poll() is None:
            children = descendants(self.process.pid)
            self.process.kill()
            self.process.wait(PATIENCE)
            wait_for(lambda: all(is_gone(pid) for pid in children), f"children of {self.name} outlived it")

    def stop(self) -> int:
        """Ask it to stop; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class Cluster:
    """Two web nodes and two workers."""

    def __init__(
        self, folder: Path, postgres: ExternalPostgres, database_url: str, settings: Mapping[str, str]
    ) -> None:
        self.postgres = postgres
        self.database_url = database_url
        shared = {**settings, "CALOTYPE_DATABASE_URL": database_url}
        self.webs = [Node(f"web{number}", folder, "serve", "--no-worker", **shared) for number in (1, 2)]
        self.workers = [Node(f"worker{number}", folder, "worker", **shared) for number in (1, 2)]
        self.environment = calotype_environment(folder / "console", **shared)
        (folder / "console").mkdir()

    @property
    def nodes(self) -> list[Node]:
        """All of them."""
        return [*self.webs, *self.workers]

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.begin()  # at once, on an empty database: one of them makes the tables, the others wait
        for node in self.nodes:
            wait_for(lambda node=node: node.is_ready or node.has_ended, f"{node.name} did not become ready")
            assert node.is_ready, node.log()[-3000:]
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.resume()
            node.kill()

    def run(self, *arguments: str) -> str:
        """Run `calotype` on this installation; returns what it prints."""
        with _LOCK:
            begun = forked.Begun(arguments, self.environment)
        printed, complaints = begun.communicate(PATIENCE)
        assert begun.returncode == 0, complaints
        return printed.strip()


class Trouble:
    """Something bad that happens to a random part of a cluster every other second; at the end everything runs."""

    def __init__(self, cluster: Cluster, seed: int, seconds: float) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._seconds = seconds
        self.happened: list[str] = []
        self.deaths: list[str] = []
        """The last words of each node that ended although nobody had asked it to."""

    def run(self) -> None:
        """Let it happen."""
        self._begun = time.monotonic()
        end = self._begun + self._seconds
        kinds = [self._kill, self._kill, self._kill, self._pause, self._pause, self._stop, self._crash_database]
        self._random.shuffle(kinds)
        turn = 0
        while time.monotonic() < end:
            # Each kind in turn, so that a short run sees all of them, on nodes of both sorts by turns.
            node = self._random.choice(self._cluster.webs if turn % 2 else self._cluster.workers)
            kinds[turn % len(kinds)](node)
            turn += 1
            time.sleep(self._random.uniform(0.5, 2.5))
        for node in self._cluster.nodes:
            self._keep_running(node)
        for node in self._cluster.nodes:
            self._wait_until_ready(node)
        self._note("calm")

    def _note(self, text: str) -> None:
        self.happened.append(f"{time.monotonic() - self._begun:6.1f} s: {text}")

    def _kill(self, node: Node) -> None:
        self._note(f"kill {node.name}")
        node.kill()
        time.sleep(self._random.uniform(0, 1))
        self._keep_running(node)

    def _stop(self, node: Node) -> None:
        self._note(f"stop {node.name}")
        status = node.stop() if not node.has_ended else 0
        assert status == 0, f"{node.name} ended with {status} when it was asked to stop:\n{node.log()[-3000:]}"
        self._keep_running(node)

    def _pause(self, node: Node) -> None:
        seconds = self._random.uniform(1, 8)  # longer and shorter than until a worker is taken for dead
        self._note(f"pause {node.name} for {seconds:.1f} s")
        node.pause()
        time.sleep(seconds)
        node.resume()

    def _crash_database(self, _: Node) -> None:
        self._note("crash the database")
        self._cluster.postgres.stop("immediate")
        time.sleep(self._random.uniform(0, 2))
        self._cluster.postgres.start()

    def _keep_running(self, node: Node) -> None:
        """Start a node that has ended, as a service manager does; one that ended by itself is noted."""
        for each in self._cluster.nodes:
            if each.has_ended:
                if each is not node:
                    self._note(f"{each.name} had ended by itself")
                    if each.is_ready:  # one that is started while the database is away may
                        self.deaths.append(each.log()[-3000:])
                each.begin()

    def _wait_until_ready(self, node: Node) -> None:
        wait_for(lambda: node.is_ready or node.has_ended, f"{node.name} did not become ready")
        if node.has_ended:  # it was started while the database was away
            node.start()


def query(url: str, statement: str, *parameters: object) -> list[tuple[object, ...]]:
    """Ask the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]  # plain text of a test

"""`calotype serve` and `calotype worker`: the long-running commands."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated, Any

import structlog
import typer

from calotype.bootstrap import (
    check_describing,
    check_fetching,
    check_storage,
    check_transcribing,
    open_application,
    open_database,
)
from calotype.cli.logs import configure_logs
from calotype.domain.errors import Unavailable
from calotype.settings import Settings, load_settings

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_BESIDE_A_SERVER = 5  # niceness of a worker that shares its machine with a server, whose clients are waiting
_FRAME_BYTES = 64 * 1024  # clients of WebSockets send nothing but short commands
_GRACE = 30  # seconds running requests get to end after SIGTERM
_PARTING = 10.0  # seconds that what a worker has left behind gets to end
_CANCEL_AGAIN = 0.2  # seconds
_RESTARTS = (1, 2, 5, 15, 30)  # seconds between attempts to restart a worker that died
_log = structlog.get_logger("calotype.serve")


def serve(
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Only the web server; run `calotype worker` elsewhere.")
    ] = False,
) -> None:
    """Serve the API, with a worker beside it. SIGTERM finishes running requests and exits."""
    settings = load_settings()
    configure_logs(settings)
    early = _EarlyStop()
    check_fetching(settings)
    check_describing(settings)
    check_transcribing(settings)
    asyncio.run(check_storage(settings))
    with _listening(settings) as listener, open_database(settings) as url:
        supervisor = None if no_worker or early.is_asked else _WorkerSupervisor(url)
        try:
            if supervisor:
                supervisor.start()
            _run_server(settings, url, listener, early)
        finally:
            if supervisor:
                supervisor.stop()


def worker(
    parent: Annotated[int | None, typer.Option(hidden=True, help="Stop when this process is gone.")] = None,
) -> None:
    """Work on queued jobs. SIGTERM gives unfinished jobs back and exits."""
    from calotype.worker.run import run_worker

    settings = load_settings()
    configure_logs(settings)
    early = _EarlyStop()
    if parent:
        os.nice(_BESIDE_A_SERVER)

    async def run(url: str) -> None:
        stop = asyncio.Event()
        for number in _STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        if early.is_asked:
            return
        async with open_application(settings, url) as application:
            watching = asyncio.create_task(_stop_without(parent, stop)) if parent else None
            await run_worker(application, stop)
            if watching:
                watching.cancel()

    with open_database(settings) as url:
        _uvloop_run(run(url))


class _EarlyStop:
    """Whether stopping was asked for while starting: what is half started would not be left in order by leaving at once."""

    def __init__(self) -> None:
        self.is_asked = False
        for number in _STOP_SIGNALS:
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.is_asked = True


async def _stop_without(parent: int, stop: asyncio.Event) -> None:
    """A worker whose server was killed outright must not go on alone."""
    while os.getppid() == parent:  # noqa: ASYNC110 - another process sets no event here
        await asyncio.sleep(1)
    stop.set()


def _uvloop_run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end of `main`, and soon after it: what it leaves behind may lose its cancellation in the driver."""
    factory = _loop_factory() or asyncio.new_event_loop
    loop = factory()
    try:
        try:
            loop.run_until_complete(main)
        finally:
            loop.run_until_complete(_end_others())
            loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _end_others() -> None:
    """Cancel what still runs, again and again; what even then does not end ends with the process."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PARTING):
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                for task in others:
                    task.cancel()
                await asyncio.wait(others, timeout=_CANCEL_AGAIN)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket, bound before anything else starts, so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen()  # a bound socket alone would not keep a second server from binding the same port
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; set CALOTYPE_PORT to another port"
            ) from error
        yield listener


def _run_server(settings: Settings, url: str, listener: socket.socket, early: _EarlyStop) -> None:
    import uvicorn

    from calotype.cli.http_connection import HttpConnection
    from calotype.cli.web_server import WebServer
    from calotype.cli.websocket_connection import WebSocketConnection
    from calotype.web.app import make_app

    app = make_app(settings, lambda: open_application(settings, url))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        loop="uvloop" if _loop_factory() else "auto",
        http=HttpConnection,
        ws=WebSocketConnection,
        ws_max_size=_FRAME_BYTES,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=75,
    )
    server = WebServer(config, f"http://{settings.host}:{listener.getsockname()[1]}")
    # Uvicorn raises the signal again after it has stopped; being asked to stop is no failure.
    for number in _STOP_SIGNALS:
        signal.signal(number, server.handle_exit)
    if early.is_asked:
        return
    server.run(sockets=[listener])
    if not server.started:
        raise Unavailable("the server did not start; see the log above")


class _WorkerSupervisor:
    """Keeps one worker process running beside the server."""

    def __init__(self, database_url: str) -> None:
        self._environment = {**os.environ, "CALOTYPE_DATABASE_URL": database_url}
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="worker supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        self._thread.join(timeout=_GRACE)
        if process is not None and process.poll() is None:
            process.kill()

    def _supervise(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            command = [sys.executable, "-m", "calotype", "worker", "--parent", str(os.getpid())]
            # A process group of its own: Ctrl-C must reach the server alone, which then stops its worker in order. Not a session,
            # because Linux shares the processor between sessions first, which would undo the niceness of the worker's children.
            self._process = subprocess.Popen(command, env=self._environment, process_group=0)  # noqa: S603 - our own program
            if self._stopping.is_set():
                self._process.terminate()
            status = self._process.wait()
            if self._stopping.is_set():
                return
            wait = _RESTARTS[min(deaths, len(_RESTARTS) - 1)]
            deaths += 1
            _log.error("the worker ended by itself; starting another", status=status, wait=wait)
            self._stopping.wait(wait)

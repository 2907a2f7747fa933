"""Opening what a process stands on: database, object store, child processes, network; and closing it again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from calotype import __version__
from calotype.bootstrap.application import Application
from calotype.bootstrap.building import build
from calotype.bootstrap.describer import open_vision_fetcher
from calotype.bootstrap.tools import Sandboxes, Tools
from calotype.bootstrap.transcriber import open_speech
from calotype.crawling.addresses import Allowed
from calotype.crawling.fetcher import Fetcher
from calotype.db.embedded import EmbeddedPostgres
from calotype.db.engine import Database
from calotype.db.installation import select_signing_secret
from calotype.db.programs import program_environment
from calotype.db.schema import migrate
from calotype.domain.errors import InvalidInput, Unavailable
from calotype.jobs.queue import JobQueue
from calotype.sandbox.pool import Sandbox
from calotype.settings import Settings
from calotype.storage.open import open_store, store_folder
from calotype.storage.store import ObjectStore

MIB = 1024 * 1024
# One child works on one core; libraries must not start threads of their own beside it.
_CHILD_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_ARENA_MAX": "2",
}


@contextmanager
def open_database(settings: Settings) -> Iterator[str]:
    """The URL of a database that is up and migrated; the embedded server is left (and stopped by the last) at the end.

    Raises Unavailable and InvalidInput, with a `remedy` in the context where one is known.
    """
    with _database_server(settings) as url:
        migrate(url)
        yield url


@contextmanager
def open_programs(settings: Settings) -> Iterator[dict[str, str]]:
    """The environment in which PostgreSQL's own programs find a database that is up, migrated or not. Raises Unavailable."""
    with _database_server(settings) as url:
        yield program_environment(url)


@contextmanager
def _database_server(settings: Settings) -> Iterator[str]:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the data folder {settings.data_dir} cannot be used: {error.strerror}"
        raise Unavailable(reason, remedy="set CALOTYPE_DATA_DIR to a folder that can be written to") from error
    if settings.database_url is not None:
        yield settings.database_url
        return
    embedded = EmbeddedPostgres(settings.data_dir / "postgres")
    try:
        yield embedded.start()
    finally:
        embedded.stop()


def own_folders(settings: Settings) -> list[Path]:
    """The folders in which the library keeps what it holds on this machine, whether they are there yet or not."""
    objects = store_folder(settings.storage_url, settings.data_dir)
    return [settings.data_dir, objects] if objects else [settings.data_dir]


async def check_storage(settings: Settings) -> None:
    """Refuse the address of an object store that cannot be meant. Raises InvalidInput with a `remedy`."""
    await _open_store(settings).aclose()


def check_fetching(settings: Settings) -> None:
    """Refuse a list of what may be fetched that cannot be read. Raises InvalidInput with a `remedy`."""
    _allowed(settings)


@asynccontextmanager
async def open_application(settings: Settings, database_url: str) -> AsyncIterator[Application]:
    """All services over a database that is up."""
    fetcher = _fetcher(settings)
    vision = open_vision_fetcher(settings)
    database = Database(database_url)
    store = _open_store(settings)
    sandboxes = _sandboxes(settings)
    speech = open_speech(settings)
    try:
        async with database.write() as connection:
            secret = await select_signing_secret(connection, datetime.now(UTC))
        tools = Tools(
            settings, database, store, JobQueue(database_url), *sandboxes, fetcher, vision, speech.transcriber
        )
        yield build(tools, secret)
    finally:
        for sandbox in sandboxes:
            sandbox.kill()
        await speech.aclose()
        await fetcher.aclose()
        if vision:
            await vision.aclose()
        await store.aclose()
        await database.aclose()


def _open_store(settings: Settings) -> ObjectStore:
    try:
        return open_store(settings.storage_url, settings.data_dir)
    except InvalidInput as error:
        raise InvalidInput(error.message, **{**error.context, "remedy": "check CALOTYPE_STORAGE_URL"}) from error


def _allowed(settings: Settings) -> Allowed:
    try:
        return Allowed.parse(settings.fetch_allow)
    except InvalidInput as error:
        raise InvalidInput(error.message, **{**error.context, "remedy": "check CALOTYPE_FETCH_ALLOW"}) from error


def _fetcher(settings: Settings) -> Fetcher:
    return Fetcher(_allowed(settings), version=__version__, total=settings.fetch_timeout)


def _sandboxes(settings: Settings) -> Sandboxes:
    """Children for pictures, one a core and a little less urgent than the web; one for texts, which only takes idle time.

    Those for videos use all cores each, so few are enough, one of them for who wants to see a video now; they leave room for
    new pictures. Files that are being uploaded are looked at by children of their own, since their clients wait. Documents may
    take minutes, for which the pages of links do not wait.
    """
    cores = settings.worker_processes or os.cpu_count() or 1
    memory = settings.decode_memory_mb * MIB
    pictures = Sandbox(
        "pictures",
        workers=cores,
        memory_limit=memory,
        nice=5,
        jobs_per_child=1000,  # starting one costs as much as thirty small pictures
        environment=_CHILD_ENVIRONMENT,
        preload=("calotype.imaging.pipeline", "cv2", "simplejpeg", "pyvips"),
    )
    texts = Sandbox(
        "texts",
        workers=1,
        memory_limit=memory,
        nice=19,
        jobs_per_child=2000,  # loading the models costs a second
        environment=_CHILD_ENVIRONMENT,
        preload=("calotype.ai.rapidocr_reader",),
    )
    videos = Sandbox(
        "videos",
        workers=settings.video_processes + 1,
        memory_limit=settings.video_memory_mb * MIB,
        # What browsers play is copied, and then as large as it was.
        file_limit=max(settings.video_memory_mb * MIB, settings.max_video_bytes, settings.vision_max_video_bytes),
        nice=10,
        jobs_per_child=20,  # what decoders of hundreds of formats leak is nobody's guess
        environment=_CHILD_ENVIRONMENT,
        preload=("calotype.video.scan",),
    )
    probes = Sandbox(
        "probes",
        workers=2,
        memory_limit=settings.video_memory_mb * MIB,
        nice=0,
        jobs_per_child=200,
        environment=_CHILD_ENVIRONMENT,
        preload=("calotype.video.probe",),
    )
    documents = Sandbox(
        "documents",
        workers=cores,
        memory_limit=settings.document_memory_mb * MIB,
        nice=10,
        jobs_per_child=200,
        environment=_CHILD_ENVIRONMENT,
        preload=("calotype.documents.read",),
    )
    pages = Sandbox(
        "pages",
        workers=cores,
        memory_limit=settings.document_memory_mb * MIB,
        nice=10,
        jobs_per_child=1000,
        environment=_CHILD_ENVIRONMENT,
        preload=("calotype.documents.html_page",),
    )
    return Sandboxes(pictures, texts, videos, probes, documents, pages)

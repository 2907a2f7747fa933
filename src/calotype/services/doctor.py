"""Is everything this installation needs in order, and what to do where it is not."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calotype.ai.interfaces import Describer, Transcriber
from calotype.ai.selftest import NOT_INSTALLED, write_sample
from calotype.ai.selftest import selftest as ai_selftest
from calotype.crawling.pages import page_reader
from calotype.db.engine import Database
from calotype.db.health import select_clock, select_extension_versions
from calotype.documents.selftest import selftest as documents_selftest
from calotype.domain.description import DescribeRequest
from calotype.domain.errors import CalotypeError
from calotype.domain.extra import installation
from calotype.domain.picture import PictureMetadata
from calotype.imaging.encode import encode
from calotype.imaging.selftest import selftest as imaging_selftest
from calotype.sandbox.pool import Sandbox
from calotype.services.reindexing import ReindexService
from calotype.services.store_owner import OWNER_REMEDY, Owner, StoreOwner
from calotype.services.upkeep import UpkeepService
from calotype.storage.store import ObjectStore
from calotype.video.selftest import selftest as video_selftest

FREE_DISK = 1024**3  # bytes below which an installation is about to stop taking uploads
CLOCK_TOLERANCE = 5.0  # seconds
_SHARED_FOR = 1.0  # seconds; who asks needs no key, and each look writes to the store
_SAMPLE_SIDE = 224  # pixels; some models refuse pictures that are much smaller
_REINSTALL = "reinstall Calotype in a fresh environment"
OPTIONAL_FORMATS = {"jxl": "jxl"}
"""Formats whose decoder is an extra, each with that one."""


@dataclass(frozen=True, slots=True)
class Readers:
    """The limited children that open what people send, by what they open."""

    pictures: Sandbox
    videos: Sandbox
    documents: Sandbox


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: in order, or at fault with what to do; a missing extra is no fault."""

    name: str
    is_fault: bool
    finding: str
    remedy: str | None = None


class DoctorService:
    """Looks at each part by using it."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        readers: Readers,
        describer: Describer,
        transcriber: Transcriber | None,
        data_dir: Path,
        owner: StoreOwner,
    ) -> None:
        self._database = database
        self._store = store
        self._readers = readers
        self._describer = describer
        self._transcriber = transcriber
        self._data_dir = data_dir
        self._looking = asyncio.Lock()
        self._seen: dict[str, str] | None = None
        self._seen_at = 0.0
        self._owner = owner

    async def is_reachable(self) -> dict[str, str]:
        """For health checks: "ok" or a short reason for database and storage; who asks within a second shares it."""
        async with self._looking:
            if self._seen is None or time.monotonic() - self._seen_at >= _SHARED_FOR:
                self._seen = {
                    "database": await _reason(self._ask_database),
                    "storage": await _reason(self._store.check),
                }
                self._seen_at = time.monotonic()
            return dict(self._seen)

    async def _ask_database(self) -> None:
        async with self._database.read() as connection:
            await select_clock(connection)

    async def examine(self, reindexing: ReindexService, originals: UpkeepService | None = None) -> list[Check]:
        """All checks, in the order a newcomer would fix them; with `originals` every file is looked for as well."""
        models = await self._model_checks()
        return [
            *await self._database_checks(),
            await self._storage_check(),
            *await self._owner_check(),
            self._disk_check(),
            *await _decoder_checks("decoder", self._readers.pictures, imaging_selftest),
            *await _decoder_checks("video", self._readers.videos, video_selftest),
            *await _decoder_checks("document", self._readers.documents, documents_selftest),
            *models,
            await self._describer_check(),
            await self._transcriber_check(),
            self._page_check(),
            *(await _embedding_checks(reindexing) if all(check.remedy is None for check in models) else []),
            *([await _originals_check(originals)] if originals else []),
        ]

    async def _database_checks(self) -> list[Check]:
        try:
            async with self._database.read() as connection:
                version, extensions = await select_extension_versions(connection)
                clock = await select_clock(connection)
        except CalotypeError as error:
            return [Check("database", True, error.message, "start PostgreSQL, or check CALOTYPE_DATABASE_URL")]
        drift = abs((datetime.now(UTC) - clock).total_seconds())
        vector = extensions.get("vector")
        return [
            Check("database", False, f"PostgreSQL {version}"),
            Check("extension vector", False, f"pgvector {vector}")
            if vector
            else Check("extension vector", True, "pgvector is missing", "install pgvector on the database server"),
            Check("clock", False, f"{drift:.1f} s from the database's")
            if drift <= CLOCK_TOLERANCE
            else Check(
                "clock",
                True,
                f"{drift:.0f} s from the database's",
                "let both machines take their time from NTP",
            ),
        ]

    async def _storage_check(self) -> Check:
        reason = await _reason(self._store.check)
        if reason == "ok":
            return Check("storage", False, "writes, reads and deletes")
        return Check(
            "storage",
            True,
            reason,
            "check CALOTYPE_STORAGE_URL, its credentials and the folder's permissions",
        )

    async def _owner_check(self) -> list[Check]:
        """A store that belongs to another installation; one that cannot be asked has a finding already."""
        with contextlib.suppress(CalotypeError):
            if await self._owner.look() is Owner.ANOTHER:
                return [Check("storage owner", True, "the store belongs to another installation", OWNER_REMEDY)]
        return []

    def _disk_check(self) -> Check:
        free = shutil.disk_usage(self._data_dir).free
        finding = f"{free / 1024**3:.1f} GiB free"
        if free < FREE_DISK:
            return Check("disk", True, finding, f"make room on the disk of {self._data_dir}")
        return Check("disk", False, finding)

    async def _describer_check(self) -> Check:
        name = "describer"
        if not self._describer.needs_picture:
            return Check(name, False, "built-in: it says what was measured, and looks at no picture")
        try:
            made = await self._describer.describe(_sample())
        except CalotypeError as error:
            remedy = (
                "check CALOTYPE_VISION_URL, CALOTYPE_VISION_MODEL and CALOTYPE_VISION_API_KEY, and the model's server"
            )
            return Check(name, True, error.message, remedy)
        return Check(name, False, f"{', '.join(made.providers)} looks at pictures and answers")

    async def _transcriber_check(self) -> Check:
        name = "transcriber"
        if self._transcriber is None:
            return Check(name, False, "none: what is said in videos is not written down", "set CALOTYPE_SPEECH_MODEL")
        try:
            with tempfile.TemporaryDirectory(prefix="calotype-doctor-") as folder:
                await self._transcriber.transcribe(await asyncio.to_thread(write_sample, Path(folder)))
        except CalotypeError as error:
            remedy = "check CALOTYPE_SPEECH_URL, CALOTYPE_SPEECH_MODEL and CALOTYPE_SPEECH_API_KEY, and the model"
            return Check(name, True, error.message, remedy)
        return Check(name, False, "listens and answers")

    def _page_check(self) -> Check:
        name, version = "page downloads", page_reader()
        if version is None:
            return Check(name, False, "not installed; videos are fetched as files only", installation("download"))
        held = (
            ""
            if self._readers.pictures.network is False
            else "; this system does not let its process be kept off the network"
        )
        return Check(name, False, f"yt-dlp {version}{held}")

    async def _model_checks(self) -> list[Check]:
        try:
            findings: dict[str, str | None] = await self._readers.pictures.run(ai_selftest, timeout=120)
        except CalotypeError as error:
            return [Check("models", True, error.message, "reinstall Calotype; its models come with its packages")]
        return [_model_check(name, reason) for name, reason in findings.items()]


def _sample() -> DescribeRequest:
    """A small picture, red on the left and blue on the right."""
    import numpy as np

    pixels = np.zeros((_SAMPLE_SIDE, _SAMPLE_SIDE, 3), dtype=np.uint8)
    pixels[:, : _SAMPLE_SIDE // 2, 0] = pixels[:, _SAMPLE_SIDE // 2 :, 2] = 255
    _, picture = encode(pixels)
    return DescribeRequest(
        width=_SAMPLE_SIDE,
        height=_SAMPLE_SIDE,
        kind="graphic",
        format="JPEG",
        size_bytes=len(picture),
        metadata=PictureMetadata(),
        visible_text="",
        picture=picture,
    )


async def _decoder_checks(kind: str, reader: Sandbox, selftest: Callable[[], dict[str, str | None]]) -> list[Check]:
    try:
        findings: dict[str, str | None] = await reader.run(selftest, timeout=60)
    except CalotypeError as error:
        return [Check(f"{kind}s", True, error.message, _REINSTALL)]
    return [_decoder_check(f"{kind} {name}", OPTIONAL_FORMATS.get(name), reason) for name, reason in findings.items()]


def _decoder_check(name: str, extra: str | None, reason: str | None) -> Check:
    if reason is None:
        return Check(name, False, "decodes")
    if extra:
        return Check(name, False, f"not installed ({reason})", installation(extra))
    return Check(name, True, reason, _REINSTALL)


def _model_check(name: str, reason: str | None) -> Check:
    if reason is None:
        return Check(f"model {name}", False, "loads and answers")
    if reason == NOT_INSTALLED:
        return Check(f"model {name}", False, reason, "search by words works without it")
    return Check(f"model {name}", True, reason, "reinstall Calotype; its models come with its packages")


async def _embedding_checks(reindexing: ReindexService) -> list[Check]:
    try:
        lacking = await reindexing.count_lacking()
    except CalotypeError:
        return []  # the check of the database says what is the matter
    if not lacking:
        return [Check("embeddings", False, "every described image has one")]
    return [Check("embeddings", False, f"{lacking} images are found by their words only", "run: calotype reindex")]


async def _originals_check(upkeep: UpkeepService) -> Check:
    missing = await upkeep.missing_originals()
    if not missing:
        return Check("originals", False, "every file's original is there")
    shown = ", ".join(str(asset_id) for asset_id in missing[:10])
    return Check("originals", True, f"{len(missing)} missing: {shown}", "put the files back from a backup of the store")


async def _reason(check: Callable[[], Awaitable[None]]) -> str:
    try:
        await check()
    except CalotypeError as error:
        return error.message
    return "ok"

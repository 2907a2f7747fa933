"""Probing videos: what a stored file's container says, read in a limited child process."""

from __future__ import annotations

from dataclasses import dataclass

from calotype.domain.errors import SandboxFailure, Unavailable, UndecodableVideo, Unsupported
from calotype.domain.video import VideoProbe
from calotype.sandbox.pool import Sandbox
from calotype.services.attempts import try_again
from calotype.storage.store import ObjectStore
from calotype.video.probe import probe

# Nearly every file has its tables at one of its ends, so that not all of a large one has to be fetched from a bucket.
_EDGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """How many pixels a frame may have, and how many seconds a look at a file may take."""

    max_pixels: int
    timeout: float


class ProbeService:
    """Reads containers and decodes one frame, which tells whether a file is a video at all."""

    def __init__(self, store: ObjectStore, sandbox: Sandbox, limits: ProbeLimits) -> None:
        self._store = store
        self._sandbox = sandbox
        self._limits = limits

    async def probe(self, key: str, size: int, container: str) -> VideoProbe:
        """What a stored object says of itself, read as that container (our word for it: "mp4").

        Raises Unsupported where no pictures move in it, UndecodableVideo where nothing can be decoded, TooManyPixels, and
        Unavailable.
        """
        if not self._store.keeps_files and size > 2 * _EDGE_BYTES:
            try:
                return await self._probe(key, container, _EDGE_BYTES)
            except (UndecodableVideo, Unsupported):
                pass  # what it lacks may lie in between
        return await self._probe(key, container, None)

    async def _probe(self, key: str, container: str, edges: int | None) -> VideoProbe:
        async with self._store.local_path(key, edges=edges) as path:
            try:
                found: VideoProbe = await try_again(
                    lambda: self._sandbox.run(
                        probe,
                        str(path),
                        container,
                        pixel_limit=self._limits.max_pixels,
                        timeout=self._limits.timeout,
                    )
                )
            except SandboxFailure as error:
                if error.context.get("reason") == "start":
                    raise Unavailable(error.message) from error
                raise UndecodableVideo(f"The video cannot be read: {error.message}") from error
        return found

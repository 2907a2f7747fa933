"""A library of videos whose children are in the test's hand: what they find is made up, all else is real."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from calotype.domain.errors import CalotypeError, SandboxFailure
from calotype.domain.picture import DevelopedPicture
from calotype.domain.scene import FoundScene, FoundStoryboard, VideoScan
from calotype.domain.video import VideoProbe
from calotype.services import wanted
from calotype.services.video_upload import VideoRequest
from tests.services.library import chunks

PROBE = VideoProbe("mp4", 64, 48, 0, 3.0, 10.0, "h264", "yuv420p", None, 40)
CRASH = SandboxFailure("the decoder died", reason="crashed")
NO_START = SandboxFailure("no process could be started", reason="start")


def looks_like_a_film() -> bytes:
    """Bytes that are told to be MP4, unlike all others; nobody can decode them."""
    return b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + os.urandom(600)


class Children:
    """Stands for all children: each function has an answer at once, or a fault, or waits until the test lets it go on."""

    def __init__(self, picture: DevelopedPicture) -> None:
        self.scenes = 3
        self.probe = PROBE
        self.faults: dict[str, list[CalotypeError]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.calls: list[str] = []
        self.begun: dict[str, asyncio.Event] = {}
        self._picture = picture

    def hold(self, name: str) -> asyncio.Event:
        """Let calls of a function wait for the event that is returned."""
        self.held[name] = asyncio.Event()
        self.begun[name] = asyncio.Event()
        return self.held[name]

    def fail(self, name: str, *faults: CalotypeError) -> None:
        """Let the next calls of a function raise these, one each."""
        self.faults[name] = list(faults)

    async def run(self, function, *args, **options):
        """What such a call gives."""
        name = function.__name__
        self.calls.append(name)
        if name in self.held:
            self.begun[name].set()
            await self.held[name].wait()
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        return await asyncio.to_thread(getattr(self, f"_{name}"), *args, **options)

    def _probe(self, *_, **__):
        return self.probe

    def _extract_poster(self, *_, **__):
        return b"a poster"

    def _develop(self, *_, **__):
        return self._picture

    def _render(self, _path, _container, target, **__):
        Path(target).write_bytes(b"a rendition")

    def _scan(self, _path, _container, folder, *, storyboard, **_):
        scenes = []
        for place in range(self.scenes):
            name = f"{place}.jpg"
            (Path(folder) / name).write_bytes(b"a keyframe")
            scenes.append(FoundScene(float(place), place + 1.0, name))
        board = None
        if storyboard:
            (Path(folder) / "sheet.jpg").write_bytes(b"a sheet")
            board = FoundStoryboard("sheet.jpg", 1.0, self.scenes, 5, 32, 24)
        probe = replace(self.probe, duration=float(self.scenes))
        return VideoScan(probe, 10 * self.scenes, tuple(scenes), board)


class Cinema:
    """One tenant's library, its children, and what is asked of its videos."""

    def __init__(self, library, children: Children) -> None:
        self.library = library
        self.services = library.services
        self.scope = library.scope
        self.children = children

    async def upload(self, data: bytes | None = None, *, index: bool = True, **said):
        """Upload one film; returns its id."""
        async with self.services.video_uploads.receiving(self.scope) as upload:
            await upload.take("film.mp4", chunks(data or looks_like_a_film()))
            return await upload.finish(VideoRequest(index=index, **said))

    async def upload_url(self, url: str, *, index: bool = True, **said):
        """Name a film's URL; returns its id."""
        async with self.services.video_uploads.receiving(self.scope) as upload:
            return await upload.finish(VideoRequest(index=index, url=url, **said))

    async def bring(self, video_id, data: bytes | None = None):
        """Receive the bytes of an announced film as its download does; returns what was stored."""
        asset = (await self.one(video_id)).asset
        folder, _, name = asset.object_key.rpartition("/")
        key = f"{folder}/{uuid4().hex[:12]}_{name}"
        return await self.services.video_uploads.receiver.receive(
            self.scope, name, chunks(data or looks_like_a_film()), file_id=video_id, key=key
        )

    async def index(self, video_id, attempt: int = 1):
        """Do what the job does."""
        await self.services.video_indexing.index(self.scope, video_id, attempt)

    async def indexed(self, **said):
        """Upload and index one film; returns its id."""
        video_id = await self.upload(**said)
        self.forget_jobs(video_id)
        await self.index(video_id)
        return video_id

    def forget_jobs(self, video_id) -> None:
        """Take a video's jobs out of the queue, as if workers had taken them."""
        self.library.sql("DELETE FROM procrastinate_jobs WHERE args->>'asset_id' = %s", str(video_id))

    async def one(self, video_id):
        """One video as it is now, in the trash or not."""
        return await self.services.videos.one(self.scope.any(), video_id)

    async def state(self, video_id) -> tuple[str | None, int]:
        """How far the indexing of a video is, and how many scenes it has."""
        found = (await self.one(video_id)).video
        return (found.indexing.value if found.indexing else None), found.scene_count

    async def scenes(self, video_id):
        """Its scenes, in the trash or not."""
        return await self.services.scenes.scenes(self.scope.any(), video_id)

    def made(self, video_id) -> set[str]:
        """The objects that were made of a video's scenes."""
        return {
            key
            for key in self.library.objects()
            if f"/{video_id}/" in key and ("/scene_" in key or "/storyboard_" in key)
        }

    async def expect_whole(self, video_id, *, swept: bool = True) -> None:
        """Rows, vectors, pictures and counts of a video belong together, and once it is `swept` there is nothing beside."""
        found = (await self.one(video_id)).video
        scenes = await self.scenes(video_id)
        known = {scene.keyframe_key for scene in scenes if scene.keyframe_key}
        if found.storyboard:
            known.add(found.storyboard.object_key)
        made = self.made(video_id)
        assert made == known if swept else made >= known
        assert [scene.index for scene in scenes] == list(range(found.scene_count))
        assert all(scene.is_embedded for scene in scenes)
        parts = self.library.sql(
            "SELECT part FROM embedding WHERE asset_id = %s AND source = 'scene' ORDER BY part", video_id
        )
        assert [part for (part,) in parts] == list(range(found.scene_count))
        statuses = self.library.sql(
            "SELECT status FROM indexing_run WHERE asset_id = %s ORDER BY created_at DESC, id DESC", video_id
        )
        assert [found.indexing.value if found.indexing else None] == ([status for (status,) in statuses] or [None])[:1]
        assert sum(status in ("pending", "processing") for (status,) in statuses) <= 1


@asynccontextmanager
async def seated(library, picture, monkeypatch):
    """A cinema in a library; looks whether work is wanted follow each other at once."""
    children = Children(picture)
    services = library.services
    for service, name in (
        (services.video_indexing._reader, "_videos"),
        (services.video_indexing._reader, "_pictures"),
        (services.pictures, "_sandbox"),
        (services.renditions, "_videos"),
        (services.ingest._probing, "_sandbox"),
        (services.video_uploads.receiver._probing, "_sandbox"),
    ):
        monkeypatch.setattr(service, name, children)
    monkeypatch.setattr(wanted, "_LOOK_EVERY", 0.01)
    yield Cinema(library, children)

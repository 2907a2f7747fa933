"""Videos for tests of translations, made without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from calotype.domain.scene import Scene
from calotype.domain.video import IndexingRun, IndexingStatus, LibraryVideo, Rendition, Video, VideoProbe
from calotype.web.apis.vision.translate.links import VideoLinks

VIDEO = UUID("c41e7b06-58f2-4d19-a3c7-0e9d86b5f172")
RUN = UUID("11111111-2222-4333-8444-555555555555")
SCENE = UUID("5a8f3d91-7c20-4e6b-b1d4-f36290ce8a07")
NOW = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
PROBE = VideoProbe("mp4", 1280, 720, 0, 42.48, 25.0, "h264", "yuv420p", None, 900)
LINKS = VideoLinks(original=lambda i: f"o/{i}", thumbnail=lambda i: f"t/{i}", storyboard=lambda i: f"s/{i}")


class Described:
    """What translations read of an asset."""

    def __init__(self, **values) -> None:
        self.id = VIDEO
        self.title = None
        self.description = None
        self.size_bytes = 1234
        self.variants: dict[str, object] = {}
        self.__dict__.update(values)


def video(**values) -> Video:
    """One uploaded video; any value may be given."""
    plain = Video(
        VIDEO, "loading dock", None, None, False, None, None, None, None, PROBE, None, 0, False, None, Rendition()
    )
    return replace(plain, **values)


def run(status: IndexingStatus = IndexingStatus.PENDING, **values) -> IndexingRun:
    """One run of it."""
    return replace(IndexingRun(RUN, VIDEO, "full_vlm", status, 0, None, 0, None, None, NOW, None, None), **values)


def found(asset=None, newest: IndexingRun | None = None, **values) -> LibraryVideo:
    """The video as it is read."""
    return LibraryVideo(asset or Described(), video(**values), newest)


def scene(**values) -> Scene:
    """One scene of it."""
    plain = Scene(SCENE, VIDEO, 1, 15.0, 30.0, "key", "A forklift.", None, None, ("dock",), 0.5, True, NOW)
    return replace(plain, **values)

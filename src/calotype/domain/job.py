"""What can be asked of the workers, and how urgently."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from uuid import UUID

MOST_PASSING_FAULTS = 20
"""How often the queue begins a job again after passing faults, such as a database that is away, before it gives the job up."""


class Task(enum.StrEnum):
    """A function workers can run on an asset, a delivery to a webhook, or an analysis; one call of it is a job."""

    MAKE_VARIANTS = "make_variants"
    EXTRACT_COLORS = "extract_colors"
    READ_TEXT = "read_text"
    DESCRIBE = "describe"
    EMBED = "embed"
    DELIVER_EVENT = "deliver_event"
    ANALYZE = "analyze"
    DOWNLOAD_VIDEO = "download_video"
    INDEX_VIDEO = "index_video"
    MAKE_RENDITION = "make_rendition"
    EXTRACT_TEXT = "extract_text"
    CRAWL = "crawl"

    @property
    def lane(self) -> Lane:
        """Where its jobs wait."""
        return _LANES.get(self, Lane.TEXTS)

    @property
    def subject(self) -> str:
        """What its jobs call the id they are given."""
        return _SUBJECTS.get(self, "asset_id")

    def identity(self, subject_id: UUID) -> str:
        """The same for the same work, so that queuing it again is a no-op."""
        return f"{self.value}:{subject_id}"


class Lane(enum.StrEnum):
    """A queue with its own children, so that slow work never stands in front of quick work."""

    PICTURES = "pictures"
    TEXTS = "texts"
    WEBHOOKS = "webhooks"
    ANALYSES = "analyses"
    DOWNLOADS = "downloads"
    RENDITIONS = "renditions"
    VIDEOS = "videos"
    DOCUMENTS = "documents"
    LINKS = "links"


class Urgency(enum.IntEnum):
    """Who is waiting: somebody right now, a new upload, only a re-run over old ones, or somebody elsewhere."""

    INTERACTIVE = 20
    NEW = 10
    BACKFILL = 0
    DELIVERY = -10


_LANES = {
    Task.MAKE_VARIANTS: Lane.PICTURES,
    Task.EXTRACT_COLORS: Lane.PICTURES,
    Task.DELIVER_EVENT: Lane.WEBHOOKS,
    Task.ANALYZE: Lane.ANALYSES,
    Task.DOWNLOAD_VIDEO: Lane.DOWNLOADS,
    Task.INDEX_VIDEO: Lane.VIDEOS,
    Task.MAKE_RENDITION: Lane.RENDITIONS,
    Task.EXTRACT_TEXT: Lane.DOCUMENTS,
    Task.CRAWL: Lane.LINKS,
}
_SUBJECTS = {Task.DELIVER_EVENT: "delivery_id", Task.ANALYZE: "analysis_id"}
VIDEO_TASKS = (Task.DOWNLOAD_VIDEO, Task.INDEX_VIDEO, Task.MAKE_RENDITION)
LIBRARY_TASKS = (
    Task.MAKE_VARIANTS,
    Task.EXTRACT_COLORS,
    Task.READ_TEXT,
    Task.DESCRIBE,
    Task.EMBED,
    Task.EXTRACT_TEXT,
)
"""What is done one after the other with any asset; work on videos, and crawling, stands by itself."""
UPLOAD_TASKS = (Task.MAKE_VARIANTS, Task.READ_TEXT, Task.DESCRIBE, Task.EXTRACT_TEXT)
"""What an upload waits for; all other work on its asset was asked for by somebody else, or follows by itself."""
ASSET_TASKS = tuple(task for task in Task if task.subject == "asset_id")


@dataclass(frozen=True, slots=True)
class Job:
    """One call of a task on one asset, delivery or analysis."""

    task: Task
    tenant_id: UUID
    subject_id: UUID

    @property
    def identity(self) -> str:
        """The same for the same work, so that queuing it again is a no-op."""
        return self.task.identity(self.subject_id)

"""Which work an asset still lacks.

It is derived from the row: the queue may lose a job, the row never does.
"""

from __future__ import annotations

from uuid import UUID

from calotype.domain.asset import OPEN_STATES, State
from calotype.domain.job import Job, Task
from calotype.domain.link import OPEN_CRAWLS, Link
from calotype.domain.video import OPEN_INDEXING, Video


def missing_jobs(
    tenant_id: UUID,
    asset_id: UUID,
    variant_status: State | None,
    description_status: State | None,
    text_status: State | None,
    colors_status: State | None = None,
) -> list[Job]:
    """The jobs that take the asset further; pictures are described once they have variants, so only one of those two waits.

    `colors_status` is that of an extraction of colours that somebody asked for.
    """
    jobs = []
    if variant_status in OPEN_STATES:
        jobs.append(Job(Task.MAKE_VARIANTS, tenant_id, asset_id))
    elif description_status in OPEN_STATES:
        jobs.append(Job(Task.READ_TEXT, tenant_id, asset_id))
    if text_status in OPEN_STATES:
        jobs.append(Job(Task.EXTRACT_TEXT, tenant_id, asset_id))
    if colors_status in OPEN_STATES:
        jobs.append(Job(Task.EXTRACT_COLORS, tenant_id, asset_id))
    return jobs


def missing_video_jobs(tenant_id: UUID, video: Video) -> list[Job]:
    """The jobs that take a video further; what works on its bytes waits until they are here."""
    if video.download in OPEN_STATES:
        return [Job(Task.DOWNLOAD_VIDEO, tenant_id, video.asset_id)]
    jobs = []
    if video.is_here and video.indexing in OPEN_INDEXING:
        jobs.append(Job(Task.INDEX_VIDEO, tenant_id, video.asset_id))
    if video.rendition.status in OPEN_STATES:
        jobs.append(Job(Task.MAKE_RENDITION, tenant_id, video.asset_id))
    return jobs


def missing_link_jobs(tenant_id: UUID, link: Link) -> list[Job]:
    """The jobs that take a link further."""
    return [Job(Task.CRAWL, tenant_id, link.asset_id)] if link.crawl_status in OPEN_CRAWLS else []
